//! Access tokens: JWTs of 15 minutes (RFC 9068), signed with EdDSA.
//!
//! Reading one is strict. The algorithm is ours and never the token's, the key is one of ours by its name, and the times
//! are compared with our clock, to the second. A token says which session it belongs to and no more is believed: what
//! its owner may, the session tells.

use std::sync::Arc;

use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::accounts::account::Account;
use crate::accounts::clients::grant::Grant;
use crate::accounts::clients::keyring::{KeyError, Keyring};
use crate::accounts::link::{Links, Purpose};
use crate::accounts::sessions::Session;
use crate::flow::ctx::Ctx;
use crate::kernel::id::{self, Id};
use crate::web::access::Role;

/// How long an access token is good.
pub const LIFE: TimeDelta = TimeDelta::minutes(15);
/// It is good from a little before it was made, for hosts whose clocks are behind.
const EARLIER: TimeDelta = TimeDelta::seconds(30);
/// What kind of token it is.
const TYPE: &str = "at+jwt";

/// Why no access token could be made.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// There is no key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// It could not be signed.
    #[error("an access token could not be signed: {0}")]
    Sign(#[from] jsonwebtoken::errors::Error),
}

/// What a client holds from now on.
#[derive(Serialize, ToSchema)]
pub struct Tokens {
    /// Goes behind `Authorization: Bearer`.
    access_token: String,
    /// `Bearer`.
    token_type: &'static str,
    /// How long the access token is good, in seconds.
    expires_in: i64,
    /// Gets the next ones at `/api/v1/auth/refresh`, once.
    refresh_token: String,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: Id<Account>,
    sid: Id<Session>,
    role: Role,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: Uuid,
}

/// Whom a good access token belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The account.
    pub account_id: Id<Account>,
    /// The session.
    pub session_id: Id<Session>,
}

/// Makes and reads access tokens.
#[derive(Clone)]
pub struct AccessTokens(Arc<Inner>);

struct Inner {
    ctx: Ctx,
    links: Links,
    keyring: Keyring,
    issuer: String,
    audience: String,
    validation: Validation,
}

impl AccessTokens {
    /// The access tokens of this site.
    #[must_use]
    pub fn new(ctx: Ctx, links: Links, keyring: Keyring) -> Self {
        let issuer = links.site().to_owned();
        let audience = format!("{issuer}/api/v1");
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[&issuer]);
        validation.set_audience(&[&audience]);
        validation.set_required_spec_claims(&["iss", "aud", "sub"]);
        // The times are compared below: the library asks the system's clock, and lets a minute pass.
        validation.validate_exp = false;
        Self(Arc::new(Inner {
            ctx,
            links,
            keyring,
            issuer,
            audience,
            validation,
        }))
    }

    /// The keys that sign them.
    #[must_use]
    pub fn keyring(&self) -> &Keyring {
        &self.0.keyring
    }

    /// Makes an access token for a session, and the refresh token that it was granted.
    pub async fn issue(&self, grant: &Grant) -> Result<Tokens, IssueError> {
        let key = self.0.keyring.signer().await?;
        let now = self.0.ctx.now();
        let claims = Claims {
            iss: self.0.issuer.clone(),
            aud: self.0.audience.clone(),
            sub: grant.account_id,
            sid: grant.session_id,
            role: grant.role,
            iat: now.timestamp(),
            nbf: (now - EARLIER).timestamp(),
            exp: (now + LIFE).timestamp(),
            jti: id::new(),
        };
        let header = Header {
            typ: Some(TYPE.to_owned()),
            kid: Some(key.kid.clone()),
            ..Header::new(Algorithm::EdDSA)
        };
        Ok(Tokens {
            access_token: encode(&header, &claims, &key.encoding)?,
            token_type: "Bearer",
            expires_in: LIFE.num_seconds(),
            refresh_token: self.0.links.seal(Purpose::Refresh, grant.refresh_id),
        })
    }

    /// Whom an access token belongs to, if it is good. (Whether its session still is, the session tells.)
    pub async fn read(&self, token: &str) -> Result<Option<Holder>, KeyError> {
        let header = decode_header(token).ok().filter(is_ours);
        let Some(kid) = header.and_then(|header| header.kid) else {
            return Ok(None);
        };
        let Some(key) = self.0.keyring.find(&kid).await? else {
            return Ok(None);
        };
        let Ok(token) = decode::<Claims>(token, &key.decoding, &self.0.validation) else {
            return Ok(None);
        };
        let (claims, now) = (token.claims, self.0.ctx.now().timestamp());
        let is_good = claims.nbf <= now && now < claims.exp;
        Ok(is_good.then_some(Holder {
            account_id: claims.sub,
            session_id: claims.sid,
        }))
    }
}

/// Whether a header is one that we write: another kind of token is none, and a token that brings its own key, or points
/// to one, or asks for what we do not know, is up to something.
fn is_ours(header: &Header) -> bool {
    let Header {
        typ,
        alg,
        cty,
        jku,
        jwk,
        kid: _,
        x5u,
        x5c,
        x5t,
        x5t_s256,
        crit,
        enc,
        zip,
        url,
        nonce,
        extras,
    } = header;
    let is_type = |typ: &String| typ.eq_ignore_ascii_case(TYPE);
    typ.as_ref().is_some_and(is_type)
        && *alg == Algorithm::EdDSA
        && jwk.is_none()
        && x5c.is_none()
        && crit.is_none()
        && enc.is_none()
        && zip.is_none()
        && [cty, jku, x5u, x5t, x5t_s256, url, nonce]
            .into_iter()
            .all(Option::is_none)
        && extras.inner().is_empty()
}
