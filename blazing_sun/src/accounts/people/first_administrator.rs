//! The first administrator: without one, nobody could make the others.

use std::fmt;

use crate::accounts::account::Account;
use crate::accounts::invitations::{Batch, InviteError, NewInvitation, invite};
use crate::accounts::passwords::{HashError, Hasher, Password};
use crate::accounts::people::open_account::{NewAccount, OpenAccountError, open_account};
use crate::accounts::people::repo;
use crate::flow::ctx::Tx;
use crate::kernel::email::Email;
use crate::kernel::id::Id;
use crate::web::access::Role;

/// Who is to be the first administrator.
#[derive(Clone)]
pub struct FirstAdministrator {
    /// Where they get mail.
    pub email: Email,
    /// What they sign in with; none if they are to choose it with the link of a mail.
    pub password: Option<Password>,
}

impl fmt::Debug for FirstAdministrator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FirstAdministrator(***)")
    }
}

/// What became of the wish for a first administrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provided {
    /// There is one, or one is invited.
    Already,
    /// An account was opened.
    Opened(Id<Account>),
    /// An invitation was written.
    Invited(Id<Batch>),
    /// The address has an account, which was opened by somebody for something else: it is given no role in silence.
    Taken(Id<Account>),
}

/// Why no first administrator was provided.
#[derive(Debug, thiserror::Error)]
pub enum FirstAdministratorError {
    /// The password could not be hashed.
    #[error(transparent)]
    Hasher(#[from] HashError),
    /// No account was opened.
    #[error(transparent)]
    Open(#[from] OpenAccountError),
    /// No invitation was written.
    #[error(transparent)]
    Invite(#[from] InviteError),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Provides the first administrator, unless there is one. Of many processes that start at the same time, one does.
pub async fn provide(
    tx: &mut Tx,
    hasher: &Hasher,
    first: &FirstAdministrator,
) -> Result<Provided, FirstAdministratorError> {
    repo::lock_first_administrator(tx).await?;
    if repo::has_admin(tx).await? {
        return Ok(Provided::Already);
    }
    let (email, role) = (first.email.clone(), Role::Admin);
    let taken = repo::find_by_email(tx, &email.key()).await?;
    match (&first.password, taken) {
        (Some(_), Some(account)) => Ok(Provided::Taken(account)),
        (Some(password), None) => {
            let new = NewAccount {
                email,
                name: None,
                password: hasher.hash(password).await?,
                role,
            };
            Ok(Provided::Opened(open_account(tx, new).await?))
        }
        (None, Some(account)) if !repo::is_invited(tx, account).await? => {
            Ok(Provided::Taken(account))
        }
        (None, _) => {
            let invitation = NewInvitation {
                row: 1,
                email,
                name: None,
                role,
            };
            Ok(Provided::Invited(invite(tx, None, &[invitation]).await?))
        }
    }
}
