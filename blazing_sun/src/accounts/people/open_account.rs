//! Opening an account for somebody else, with a password: for those who keep the machine, and vouch for the address.

use crate::accounts::account::Account;
use crate::accounts::events::{Changed, UserActivated, UserCreated, UserUpdated};
use crate::accounts::passwords::PasswordHash;
use crate::accounts::people;
use crate::accounts::repo;
use crate::flow::ctx::Tx;
use crate::flow::outbox::{self, Refused};
use crate::kernel::email::Email;
use crate::kernel::id::Id;
use crate::kernel::name::PersonName;
use crate::web::access::Role;

/// An account that is wanted.
pub struct NewAccount {
    /// Where its owner gets mail.
    pub email: Email,
    /// How they are called.
    pub name: Option<PersonName>,
    /// What is kept of their password.
    pub password: PasswordHash,
    /// What they may do.
    pub role: Role,
}

/// Why no account was opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenAccountError {
    /// The address has one already.
    #[error("the address has an account already")]
    Taken,
    /// It could not be written down.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Opens an account whose owner can sign in at once.
pub async fn open_account(tx: &mut Tx, new: NewAccount) -> Result<Id<Account>, OpenAccountError> {
    let account = Account::pending(new.email, new.name, tx.now());
    if !repo::insert(tx, &account, Some(&new.password)).await? {
        return Err(OpenAccountError::Taken);
    }
    outbox::emit(tx, &UserCreated::from(&account)).await?;
    let user_id = account.id;
    if let Some(version) = repo::activate(tx, user_id).await? {
        outbox::emit(tx, &UserActivated { user_id, version }).await?;
    }
    if new.role != Role::User {
        let event = UserUpdated {
            user_id,
            version: people::raise_to(tx, user_id, new.role).await?,
            changed: vec![Changed::Role],
            email_change_id: None,
        };
        outbox::emit(tx, &event).await?;
    }
    Ok(user_id)
}
