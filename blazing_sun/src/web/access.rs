//! Who asks, and what they may: the one place where it is decided.
//!
//! A handler says what it needs by its argument, `Access<SignedIn>` or `Access<Admin>`; without it the handler does not
//! run. How somebody is recognised, the feature that knows accounts tells through [`Doorkeeper`].

use std::marker::PhantomData;
use std::ops::Deref;
use std::str::FromStr;

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::LocalBoxFuture;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::flow::ctx::{Cause, Ctx};
use crate::web::cause;
use crate::web::client;
use crate::web::cookies::SESSION;
use crate::web::page::Visitor;
use crate::web::problem::Problem;
use crate::web::throttle::{Rate, Throttle};

/// For how long a proof of who somebody is counts, before sensitive changes ask for another.
pub const CONFIRMED_FOR: TimeDelta = TimeDelta::minutes(10);

/// Tokens behind `Authorization` from one address that are not good. Those that are good are not counted.
const BAD_TOKENS: Rate = Rate {
    burst: 30,
    every: TimeDelta::seconds(2),
};

/// What somebody is here; a higher one may all that a lower one may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Uses the product.
    User,
    /// Keeps it running.
    Operator,
    /// Decides who may what.
    Admin,
}

impl Role {
    /// Its frozen name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Role {
    type Err = NoSuchRole;

    fn from_str(text: &str) -> Result<Self, NoSuchRole> {
        [Self::User, Self::Operator, Self::Admin]
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or(NoSuchRole)
    }
}

/// A text that is no role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not user, operator or admin")]
pub struct NoSuchRole;

/// What an API token may be used for. What concerns signing in itself needs a session, and has no scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub enum Scope {
    /// Reading the profile.
    #[serde(rename = "profile:read")]
    ProfileRead,
    /// Reading and changing the profile.
    #[serde(rename = "profile:write")]
    ProfileWrite,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 2] = [Self::ProfileRead, Self::ProfileWrite];

    /// Whether it is enough for what `other` is for. Who changes a profile is shown what became of it.
    fn covers(self, other: Self) -> bool {
        self == other || (self, other) == (Self::ProfileWrite, Self::ProfileRead)
    }

    /// Its frozen name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ProfileRead => "profile:read",
            Self::ProfileWrite => "profile:write",
        }
    }
}

impl FromStr for Scope {
    type Err = NoSuchScope;

    fn from_str(text: &str) -> Result<Self, NoSuchScope> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.name() == text)
            .ok_or(NoSuchScope)
    }
}

/// A text that is no scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not one of the scopes profile:read and profile:write")]
pub struct NoSuchScope;

/// What a request brings to show who it is from.
pub enum Credential {
    /// The token of a browser's cookie.
    Cookie(SecretString),
    /// What stands behind `Authorization: Bearer`.
    Bearer(SecretString),
}

/// Somebody who was recognised.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Their account.
    pub account_id: Uuid,
    /// What they are here.
    pub role: Role,
    /// How they were recognised.
    pub means: Means,
}

/// How somebody was recognised.
#[derive(Clone, Debug)]
pub enum Means {
    /// They have signed in.
    Session {
        /// The session.
        id: Uuid,
        /// When they last proved who they are.
        confirmed_at: DateTime<Utc>,
    },
    /// A program has a token of theirs.
    Token {
        /// The token.
        id: Uuid,
        /// What it may be used for.
        scopes: Vec<Scope>,
    },
}

/// Recognises people.
#[async_trait]
pub trait Doorkeeper: Send + Sync {
    /// Who a credential belongs to; none if it is not good, or not any more.
    async fn recognise(&self, credential: Credential) -> Result<Option<Caller>, Problem>;

    /// How pages name somebody.
    async fn introduce(&self, caller: &Caller) -> Result<Option<Visitor>, Problem>;
}

/// Why somebody does not get what they ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Nobody knows who they are.
    SignIn,
    /// They have to show once more who they are.
    Confirm,
    /// A token of a program is not enough.
    NeedsSession,
    /// The token does not have this scope.
    NeedsScope(Scope),
    /// They are not this.
    NeedsRole(Role),
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::SignIn => Self::unauthorized("not_signed_in", "Sign in first."),
            Denied::Confirm => Self::forbidden(
                "confirmation_required",
                "Confirm that it is you (POST /api/v1/auth/confirm), then try again.",
            ),
            Denied::NeedsSession => Self::forbidden(
                "session_required",
                "An API token cannot do this. Sign in instead.",
            ),
            Denied::NeedsScope(scope) => Self::forbidden(
                "insufficient_scope",
                &format!("The token needs the scope {}.", scope.name()),
            ),
            Denied::NeedsRole(role) => Self::forbidden(
                "insufficient_role",
                &format!("Only for the role {}.", role.name()),
            ),
        }
    }
}

/// What a handler asks of its caller.
pub trait Need: 'static {
    /// Whether the caller has it.
    fn check(caller: &Caller, now: DateTime<Utc>) -> Result<(), Denied>;
}

/// A session.
pub struct SignedIn;
/// A session whose owner has just proved who they are.
pub struct Confirmed;
/// A session of somebody who keeps the product running.
pub struct Operator;
/// A session of somebody who decides.
pub struct Admin;
/// The same, who has just proved who they are.
pub struct ConfirmedAdmin;
/// A session, or a token with [`Scope::ProfileRead`] or [`Scope::ProfileWrite`].
pub struct ProfileRead;
/// A session, or a token with [`Scope::ProfileWrite`].
pub struct ProfileWrite;

impl Need for SignedIn {
    fn check(caller: &Caller, _: DateTime<Utc>) -> Result<(), Denied> {
        session(caller).map(drop)
    }
}

impl Need for Confirmed {
    fn check(caller: &Caller, now: DateTime<Utc>) -> Result<(), Denied> {
        confirmed(caller, now)
    }
}

impl Need for Operator {
    fn check(caller: &Caller, _: DateTime<Utc>) -> Result<(), Denied> {
        session(caller)?;
        role(caller, Role::Operator)
    }
}

impl Need for Admin {
    fn check(caller: &Caller, _: DateTime<Utc>) -> Result<(), Denied> {
        session(caller)?;
        role(caller, Role::Admin)
    }
}

impl Need for ConfirmedAdmin {
    fn check(caller: &Caller, now: DateTime<Utc>) -> Result<(), Denied> {
        session(caller)?;
        role(caller, Role::Admin)?;
        confirmed(caller, now)
    }
}

impl Need for ProfileRead {
    fn check(caller: &Caller, _: DateTime<Utc>) -> Result<(), Denied> {
        scope(caller, Scope::ProfileRead)
    }
}

impl Need for ProfileWrite {
    fn check(caller: &Caller, _: DateTime<Utc>) -> Result<(), Denied> {
        scope(caller, Scope::ProfileWrite)
    }
}

fn session(caller: &Caller) -> Result<DateTime<Utc>, Denied> {
    match caller.means {
        Means::Session { confirmed_at, .. } => Ok(confirmed_at),
        Means::Token { .. } => Err(Denied::NeedsSession),
    }
}

fn confirmed(caller: &Caller, now: DateTime<Utc>) -> Result<(), Denied> {
    if now - session(caller)? < CONFIRMED_FOR {
        Ok(())
    } else {
        Err(Denied::Confirm)
    }
}

fn role(caller: &Caller, least: Role) -> Result<(), Denied> {
    if caller.role >= least {
        Ok(())
    } else {
        Err(Denied::NeedsRole(least))
    }
}

fn scope(caller: &Caller, scope: Scope) -> Result<(), Denied> {
    match &caller.means {
        Means::Token { scopes, .. } if !scopes.iter().any(|has| has.covers(scope)) => {
            Err(Denied::NeedsScope(scope))
        }
        _ => Ok(()),
    }
}

/// Somebody who has what the handler needs.
pub struct Access<N: Need> {
    caller: Caller,
    cause: Cause,
    need: PhantomData<fn() -> N>,
}

impl<N: Need> Access<N> {
    /// What they set off: it names them.
    #[must_use]
    pub fn cause(&self) -> Cause {
        self.cause.clone()
    }

    /// Their session, if they have one.
    #[must_use]
    pub fn session_id(&self) -> Option<Uuid> {
        match self.caller.means {
            Means::Session { id, .. } => Some(id),
            Means::Token { .. } => None,
        }
    }
}

impl<N: Need> Deref for Access<N> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

/// What became of the question who asks.
pub(crate) enum Judgement<N: Need> {
    Granted(Access<N>),
    Denied(Denied),
}

/// Recognises the caller of a request and compares them with what is needed.
pub(crate) async fn judge<N: Need>(request: &HttpRequest) -> Result<Judgement<N>, Problem> {
    let Some(caller) = recognise(request).await? else {
        return Ok(Judgement::Denied(Denied::SignIn));
    };
    let ctx = data::<Ctx>(request)?;
    Ok(match N::check(&caller, ctx.now()) {
        Ok(()) => Judgement::Granted(Access {
            cause: cause::of(request).by(caller.account_id),
            caller,
            need: PhantomData,
        }),
        Err(denied) => Judgement::Denied(denied),
    })
}

/// Who asks, if they are known.
pub(crate) async fn recognise(request: &HttpRequest) -> Result<Option<Caller>, Problem> {
    let Some(credential) = credential(request) else {
        return Ok(None);
    };
    let doorkeeper = request
        .app_data::<Data<dyn Doorkeeper>>()
        .cloned()
        .ok_or_else(|| Problem::internal(&"there is no doorkeeper"))?;
    let is_token = matches!(credential, Credential::Bearer(_));
    let caller = doorkeeper.recognise(credential).await?;
    if is_token && caller.is_none() {
        let (throttle, now) = (data::<Throttle>(request)?, data::<Ctx>(request)?.now());
        let address = client::of(request)?.network();
        throttle
            .take("bad-token-from", &address, BAD_TOKENS, now)
            .await?;
    }
    Ok(caller)
}

fn data<T: 'static>(request: &HttpRequest) -> Result<&T, Problem> {
    request
        .app_data::<Data<T>>()
        .map(Data::get_ref)
        .ok_or_else(|| Problem::internal(&"something was not registered"))
}

/// A token in the header counts before a cookie, also if it is not good: programs say on purpose who they are.
fn credential(request: &HttpRequest) -> Option<Credential> {
    if let Some(header) = request.headers().get(AUTHORIZATION) {
        let (scheme, token) = header.to_str().ok()?.split_once(' ')?;
        let is_bearer = scheme.eq_ignore_ascii_case("bearer");
        return is_bearer.then(|| Credential::Bearer(token.trim().into()));
    }
    let cookie = request.cookie(SESSION)?;
    Some(Credential::Cookie(cookie.value().into()))
}

impl<N: Need> FromRequest for Access<N> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            match judge(&request).await? {
                Judgement::Granted(access) => Ok(access),
                Judgement::Denied(denied) => Err(denied.into()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(role: Role, means: Means) -> Caller {
        Caller {
            account_id: Uuid::nil(),
            role,
            means,
        }
    }

    fn session_of(role: Role, confirmed_at: DateTime<Utc>) -> Caller {
        let id = Uuid::nil();
        caller(role, Means::Session { id, confirmed_at })
    }

    fn token_with(scopes: &[Scope]) -> Caller {
        let (id, scopes) = (Uuid::nil(), scopes.to_vec());
        caller(Role::Admin, Means::Token { id, scopes })
    }

    #[test]
    fn a_higher_role_may_all_that_a_lower_one_may() {
        let now = DateTime::UNIX_EPOCH;
        let may = |role| {
            let caller = session_of(role, now);
            (
                SignedIn::check(&caller, now).is_ok(),
                Operator::check(&caller, now).is_ok(),
                Admin::check(&caller, now).is_ok(),
            )
        };
        assert_eq!(may(Role::User), (true, false, false));
        assert_eq!(may(Role::Operator), (true, true, false));
        assert_eq!(may(Role::Admin), (true, true, true));
    }

    #[test]
    fn a_confirmation_counts_for_ten_minutes() {
        let then = DateTime::UNIX_EPOCH;
        let caller = session_of(Role::Admin, then);
        for check in [Confirmed::check, ConfirmedAdmin::check] {
            let just_before = then + CONFIRMED_FOR - TimeDelta::seconds(1);
            assert_eq!(check(&caller, just_before), Ok(()));
            assert_eq!(check(&caller, then + CONFIRMED_FOR), Err(Denied::Confirm));
        }
    }

    #[test]
    fn a_token_does_what_its_scopes_say_and_nothing_that_needs_a_session() {
        let now = DateTime::UNIX_EPOCH;
        let reader = token_with(&[Scope::ProfileRead]);
        assert_eq!(ProfileRead::check(&reader, now), Ok(()));
        assert_eq!(
            ProfileWrite::check(&reader, now),
            Err(Denied::NeedsScope(Scope::ProfileWrite))
        );
        let writer = token_with(&[Scope::ProfileWrite]);
        assert_eq!(ProfileWrite::check(&writer, now), Ok(()));
        assert_eq!(ProfileRead::check(&writer, now), Ok(()));
        let all = token_with(&Scope::ALL);
        for check in [
            SignedIn::check,
            Confirmed::check,
            Operator::check,
            Admin::check,
            ConfirmedAdmin::check,
        ] {
            assert_eq!(check(&all, now), Err(Denied::NeedsSession));
        }
    }

    #[test]
    fn names_read_back_as_what_they_name() {
        for role in [Role::User, Role::Operator, Role::Admin] {
            assert_eq!(role.name().parse(), Ok(role));
        }
        for scope in Scope::ALL {
            assert_eq!(scope.name().parse(), Ok(scope));
            assert_eq!(serde_json::json!(scope), scope.name());
        }
    }
}
