//! What handlers ask of their callers, and why somebody does not have it.

use chrono::{DateTime, TimeDelta, Utc};

use crate::web::access::doorkeeper::{Caller, Means};
use crate::web::access::role::Role;
use crate::web::access::scope::Scope;
use crate::web::problem::Problem;

/// For how long a proof of who somebody is counts, before sensitive changes ask for another.
pub const CONFIRMED_FOR: TimeDelta = TimeDelta::minutes(10);

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
/// A session, or a token with [`Scope::LedgerRead`] or [`Scope::LedgerWrite`].
pub struct LedgerRead;
/// A session, or a token with [`Scope::LedgerWrite`].
pub struct LedgerWrite;

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

impl Need for LedgerRead {
    fn check(caller: &Caller, _: DateTime<Utc>) -> Result<(), Denied> {
        scope(caller, Scope::LedgerRead)
    }
}

impl Need for LedgerWrite {
    fn check(caller: &Caller, _: DateTime<Utc>) -> Result<(), Denied> {
        scope(caller, Scope::LedgerWrite)
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

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

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
