//! Setting up an authenticator app, and removing it.

use chrono::TimeDelta;
use totp_rs::TotpError;
use uuid::Uuid;

use crate::accounts::events::Changed;
use crate::accounts::link::Links;
use crate::accounts::second_factor::authenticator::{
    Authenticator, AuthenticatorError, Code, Setup,
};
use crate::accounts::second_factor::change::{self, ChangeError, Made, Owner};
use crate::accounts::second_factor::recovery_codes::make_if_missing;
use crate::accounts::second_factor::repo;
use crate::flow::ctx::Tx;

/// How long setting up may take: the secret was on a screen.
const SETTING_UP: TimeDelta = TimeDelta::minutes(10);

/// Why no authenticator app was set up or removed.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// Nothing was begun, or something else was begun since, or it took too long.
    #[error("nothing was begun")]
    NothingBegun,
    /// The code is another one.
    #[error("the code is not right")]
    WrongCode,
    /// There is none to remove.
    #[error("there is no authenticator app")]
    NoAuthenticator,
    /// The app cannot be told its secret.
    #[error(transparent)]
    Authenticator(#[from] AuthenticatorError),
    /// The change could not be made.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

impl From<sqlx::Error> for SetUpError {
    fn from(error: sqlx::Error) -> Self {
        Self::Change(error.into())
    }
}

impl From<TotpError> for SetUpError {
    fn from(error: TotpError) -> Self {
        Self::Authenticator(error.into())
    }
}

/// Begins to set up an app; one that is on stays so until this one has shown a code.
pub async fn begin_authenticator(
    tx: &mut Tx,
    links: &Links,
    owner: Owner,
) -> Result<Setup, SetUpError> {
    change::lock(tx, &owner).await?;
    let id = repo::begin_authenticator(tx, owner.account_id).await?;
    let name = repo::address(tx, owner.account_id).await?;
    Ok(Authenticator::of(links, id, &name)?.setup(id)?)
}

/// Shows the app that was begun once more, if it is this one.
pub async fn begun_authenticator(
    tx: &mut Tx,
    links: &Links,
    owner: Owner,
    id: Uuid,
) -> Result<Setup, SetUpError> {
    let since = tx.now() - SETTING_UP;
    let begun = repo::begun_authenticator(tx, owner.account_id, since).await?;
    let id = begun
        .filter(|begun| *begun == id)
        .ok_or(SetUpError::NothingBegun)?;
    let name = repo::address(tx, owner.account_id).await?;
    Ok(Authenticator::of(links, id, &name)?.setup(id)?)
}

/// Turns the app on that was begun, if the code is of it.
pub async fn confirm_authenticator(
    tx: &mut Tx,
    links: &Links,
    owner: Owner,
    code: &Code,
) -> Result<Made, SetUpError> {
    let locked = change::lock(tx, &owner).await?;
    let (account, now) = (owner.account_id, tx.now());
    let begun = repo::begun_authenticator(tx, account, now - SETTING_UP).await?;
    let id = begun.ok_or(SetUpError::NothingBegun)?;
    let name = repo::address(tx, account).await?;
    let step = Authenticator::of(links, id, &name)?
        .step(code, now)
        .ok_or(SetUpError::WrongCode)?;
    repo::confirm_authenticator(tx, account, id, step).await?;
    let mut changed = vec![Changed::AuthenticatorAdded];
    if locked.has_authenticator {
        changed.insert(0, Changed::AuthenticatorRemoved);
    }
    let recovery_codes = make_if_missing(tx, &owner, &locked, &mut changed).await?;
    let ended = change::tell(tx, &owner, changed).await?;
    Ok(Made {
        recovery_codes,
        ended,
    })
}

/// Removes the app, and with the last factor the recovery codes.
pub async fn remove_authenticator(tx: &mut Tx, owner: Owner) -> Result<Made, SetUpError> {
    let locked = change::lock(tx, &owner).await?;
    if !repo::remove_authenticator(tx, owner.account_id).await? {
        return Err(SetUpError::NoAuthenticator);
    }
    if !locked.has_passkeys {
        repo::remove_recovery_codes(tx, owner.account_id).await?;
    }
    let ended = change::tell(tx, &owner, vec![Changed::AuthenticatorRemoved]).await?;
    Ok(Made {
        recovery_codes: None,
        ended,
    })
}
