//! Who a request is from: a browser's cookie, or a token of a program.

use async_trait::async_trait;
use secrecy::ExposeSecret;
use uuid::Uuid;

use crate::accounts::clients::AccessTokens;
use crate::accounts::repo;
use crate::accounts::sessions::{Session, SessionKey, Sessions, Token};
use crate::accounts::tokens::{self, ApiToken};
use crate::flow::ctx::Ctx;
use crate::web::access::{Caller, Credential, Doorkeeper, Means, Preferences};
use crate::web::page::Visitor;
use crate::web::problem::Problem;

/// Recognises the owners of accounts.
pub struct Door {
    ctx: Ctx,
    sessions: Sessions,
    access: AccessTokens,
}

impl Door {
    /// A door that asks for these.
    #[must_use]
    pub fn new(ctx: Ctx, sessions: Sessions, access: AccessTokens) -> Self {
        Self {
            ctx,
            sessions,
            access,
        }
    }

    /// The session that an access token belongs to. A session that has ended stops its tokens at once, and what its owner
    /// may is read from it, not from the token.
    async fn client(&self, token: &str) -> Result<Option<Caller>, Problem> {
        let Some(holder) = self.access.read(token).await? else {
            return Ok(None);
        };
        let key = SessionKey::Client(holder.session_id);
        let session = self.sessions.find(&key).await?;
        let is_theirs = |session: &Session| session.account_id == holder.account_id;
        Ok(session.filter(is_theirs).map(caller))
    }
}

#[async_trait]
impl Doorkeeper for Door {
    async fn recognise(&self, credential: Credential) -> Result<Option<Caller>, Problem> {
        match credential {
            Credential::Cookie(token) => {
                let key = SessionKey::Browser(Token::given(token).hash());
                Ok(self.sessions.find(&key).await?.map(caller))
            }
            Credential::Bearer(token) if ApiToken::is_meant(token.expose_secret()) => {
                match ApiToken::given(token) {
                    Some(token) => Ok(tokens::recognise(&self.ctx, &token).await?),
                    None => Ok(None),
                }
            }
            Credential::Bearer(token) => self.client(token.expose_secret()).await,
        }
    }

    async fn introduce(&self, caller: &Caller) -> Result<Option<Visitor>, Problem> {
        let account = caller.account_id.into();
        let found = repo::acquaintance(self.ctx.pool(), account).await?;
        Ok(found.map(|found| Visitor {
            time_zone: found.zone(),
            name: Some(found.name).filter(|name| !name.is_empty()),
            email_shown: found.email,
            role: caller.role,
        }))
    }

    async fn preferences(&self, account_id: Uuid) -> Result<Option<Preferences>, Problem> {
        let found = repo::acquaintance(self.ctx.pool(), account_id.into()).await?;
        let Some(found) = found else { return Ok(None) };
        Ok(Some(Preferences {
            currency: found.currency.parse().map_err(unknown)?,
            time_zone: found.time_zone.parse().map_err(unknown)?,
        }))
    }
}

fn unknown(_: impl std::error::Error) -> Problem {
    Problem::internal(&"a profile has a currency or a time zone that this build does not know")
}

fn caller(session: Session) -> Caller {
    Caller {
        account_id: session.account_id.uuid(),
        role: session.role,
        means: Means::Session {
            id: session.id.uuid(),
            confirmed_at: session.confirmed_at,
        },
    }
}
