//! Signing up.

use chrono::TimeDelta;

use crate::accounts::account::{Account, Status};
use crate::accounts::events::UserCreated;
use crate::accounts::link::Purpose;
use crate::accounts::mails::{Activation, AlreadyRegistered};
use crate::accounts::passwords::PasswordHash;
use crate::accounts::repo;
use crate::flow::ctx::Tx;
use crate::flow::outbox::{self, Refused};
use crate::kernel::email::Email;
use crate::kernel::id::Id;
use crate::kernel::name::PersonName;
use crate::mail::SendEmail;

/// How long an activation link is good.
pub const ACTIVATION: TimeDelta = TimeDelta::hours(24);

/// What somebody signs up with.
pub struct SignUp {
    /// Where they get mail.
    pub email: Email,
    /// How they want to be called, if they said it.
    pub name: Option<PersonName>,
    /// What is kept of their password.
    pub password: PasswordHash,
}

/// Why a sign-up did not go through.
#[derive(Debug, thiserror::Error)]
pub enum SignUpError {
    /// Its mail cannot be described.
    #[error(transparent)]
    Mail(#[from] serde_json::Error),
    /// It could not be written down.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Opens an account: the row, its event and its activation mail commit together or not at all.
///
/// Whether the address has an account already is told to nobody but its owner, by mail. As long as that account is
/// pending, the newest sign-up counts: who signed up before with somebody else's address gets nothing out of it.
///
/// Nor does the time tell: whatever there is, as many statements write rows of the same tables. So an account that is active
/// gets a token too, which nobody is sent and which activates nothing.
pub async fn sign_up(tx: &mut Tx, form: SignUp) -> Result<(), SignUpError> {
    let new = Account::pending(form.email, form.name, tx.now());
    let (account, status) = repo::sign_up(tx, &new, &form.password).await?;
    if account == new.id {
        outbox::emit(tx, &UserCreated::from(&new)).await?;
    } else {
        repo::void_tokens(tx, account, Purpose::Activation).await?;
    }
    let activation = make_activation(tx, account).await?;
    let mail = match status {
        Status::Pending => SendEmail::of(&activation)?,
        Status::Active => SendEmail::of(&AlreadyRegistered { user_id: account })?,
    };
    outbox::enqueue(tx, &mail).await?;
    Ok(())
}

/// Makes the link that activates an account, and sends it.
pub async fn send_activation(tx: &mut Tx, account: Id<Account>) -> Result<(), SignUpError> {
    let mail = make_activation(tx, account).await?;
    outbox::enqueue(tx, &SendEmail::of(&mail)?).await?;
    Ok(())
}

async fn make_activation(tx: &mut Tx, account: Id<Account>) -> sqlx::Result<Activation> {
    let expires_at = tx.now() + ACTIVATION;
    Ok(Activation {
        user_id: account,
        token_id: repo::insert_token(tx, account, Purpose::Activation, expires_at).await?,
    })
}
