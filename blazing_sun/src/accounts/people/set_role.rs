//! Changing what somebody may do.

use crate::accounts::account::Account;
use crate::accounts::events::{Changed, UserUpdated};
use crate::accounts::people::repo::{self, Standing};
use crate::accounts::sessions::{self, SessionKey, Which};
use crate::flow::ctx::Tx;
use crate::flow::outbox::{self, Refused};
use crate::kernel::id::Id;
use crate::web::access::Role;

/// An account and those of all administrators, none of which changes until the transaction ends.
pub struct Standings {
    subject: Standing,
    admins: Vec<Id<Account>>,
}

impl Standings {
    /// The account's version.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.subject.version
    }

    /// Whether the account's owner may sign in.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.subject.is_active
    }
}

/// Why a role was not given.
#[derive(Debug, thiserror::Error)]
pub enum SetRoleError {
    /// There is no such account.
    #[error("there is no such account")]
    NoSuchAccount,
    /// Whoever decides is no administrator any more.
    #[error("only an administrator can do this")]
    NotAdmin,
    /// Nobody has shown yet that the address is theirs; a role would wait for whoever does.
    #[error("the account is not active yet")]
    NotActive,
    /// Nobody could decide any more.
    #[error("this is the last administrator")]
    LastAdministrator,
    /// It could not be written down.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Looks at an account whose role may change.
pub async fn look_at(tx: &mut Tx, account: Id<Account>) -> Result<Standings, SetRoleError> {
    let standings = repo::lock_with_admins(tx, account).await?;
    let admins = standings.iter().filter(|standing| standing.is_admin);
    let admins = admins.map(|standing| standing.account).collect();
    let mut standings = standings.into_iter();
    let subject = standings.find(|standing| standing.account == account);
    Ok(Standings {
        subject: subject.ok_or(SetRoleError::NoSuchAccount)?,
        admins,
    })
}

/// Gives an account another role, and ends its sessions, which were begun with the one before. One that has the role
/// already keeps everything as it is. Who decides is an administrator; none at the command line.
pub async fn set_role(
    tx: &mut Tx,
    Standings { subject, admins }: Standings,
    role: Role,
    by: Option<Id<Account>>,
) -> Result<Vec<SessionKey>, SetRoleError> {
    // Looked at again under the lock: of two administrators who remove each other, one comes too late.
    if by.is_some_and(|by| !admins.contains(&by)) {
        return Err(SetRoleError::NotAdmin);
    }
    if subject.role == role {
        return Ok(Vec::new());
    }
    if !subject.is_active {
        return Err(SetRoleError::NotActive);
    }
    if admins == [subject.account] {
        return Err(SetRoleError::LastAdministrator);
    }
    let version = repo::raise_to(tx, subject.account, role).await?;
    let ended = sessions::end(tx, subject.account, Which::All).await?;
    let event = UserUpdated {
        user_id: subject.account,
        version,
        changed: vec![Changed::Role],
        email_change_id: None,
    };
    outbox::emit(tx, &event).await?;
    Ok(ended.into_iter().map(|ended| ended.key).collect())
}
