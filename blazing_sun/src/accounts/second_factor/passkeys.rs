//! Adding passkeys, and removing them.

use chrono::TimeDelta;
use uuid::Uuid;
use webauthn_rs::prelude::{CreationChallengeResponse, RegisterPublicKeyCredential};

use crate::accounts::events::Changed;
use crate::accounts::second_factor::change::{self, ChangeError, Made, Owner};
use crate::accounts::second_factor::recovery_codes::make_if_missing;
use crate::accounts::second_factor::relying_party::{CeremonyError, RelyingParty};
use crate::accounts::second_factor::repo;
use crate::accounts::sessions::lock;
use crate::flow::ctx::{Ctx, Tx};
use crate::kernel::name::PersonName;
use serde_json::Value;

/// How many passkeys an account may have.
const MAX_PASSKEYS: usize = 10;
/// How long a ceremony may take.
pub const CEREMONY: TimeDelta = TimeDelta::minutes(10);

/// Why no passkey was added or removed.
#[derive(Debug, thiserror::Error)]
pub enum PasskeyError {
    /// There is no room for another.
    #[error("there are {MAX_PASSKEYS} passkeys already")]
    TooMany,
    /// Nothing was begun, or it was answered before, or it took too long.
    #[error("nothing was begun")]
    NothingBegun,
    /// Somebody has this passkey already.
    #[error("the passkey is known already")]
    Known,
    /// The account has no such passkey.
    #[error("there is no such passkey")]
    NoSuchPasskey,
    /// The ceremony came to nothing.
    #[error(transparent)]
    Ceremony(#[from] CeremonyError),
    /// The change could not be made.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

impl From<sqlx::Error> for PasskeyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Change(error.into())
    }
}

/// Begins to add a passkey: what the browser is asked, and what its answer is sent back with.
pub async fn begin_passkey(
    tx: &mut Tx,
    party: &RelyingParty,
    owner: Owner,
) -> Result<(Uuid, CreationChallengeResponse), PasskeyError> {
    let account = owner.account_id;
    change::lock(tx, &owner).await?;
    let kept = repo::passkeys(tx.conn(), account).await?;
    if kept.len() >= MAX_PASSKEYS {
        return Err(PasskeyError::TooMany);
    }
    let name = repo::address(tx, account).await?;
    let begun = party.begin_registration(account.uuid(), &name, kept)?;
    let until = tx.now() + CEREMONY;
    let id = repo::begin_registration(tx, account, &begun.state, until).await?;
    Ok((id, begun.options))
}

/// The ceremony that an answer is for. It is over with this, whatever becomes of the answer.
pub async fn take_registration(ctx: &Ctx, owner: Owner, id: Uuid) -> Result<Value, PasskeyError> {
    let taken = repo::take_registration(ctx.pool(), owner.account_id, id, ctx.now()).await?;
    taken.ok_or(PasskeyError::NothingBegun)
}

/// Adds a passkey, and returns its id.
pub async fn add_passkey(
    tx: &mut Tx,
    party: &RelyingParty,
    owner: Owner,
    state: Value,
    (name, answer): (&PersonName, &RegisterPublicKeyCredential),
) -> Result<(Uuid, Made), PasskeyError> {
    let account = owner.account_id;
    let locked = change::lock(tx, &owner).await?;
    let (credential_id, credential) = party.finish_registration(state, answer)?;
    if repo::passkeys(tx.conn(), account).await?.len() >= MAX_PASSKEYS {
        return Err(PasskeyError::TooMany);
    }
    let kept = (credential_id.as_slice(), &credential);
    let added = repo::insert_passkey(tx, account, name.as_str(), kept).await?;
    let id = added.ok_or(PasskeyError::Known)?;
    let mut changed = vec![Changed::PasskeyAdded];
    let recovery_codes = make_if_missing(tx, &owner, &locked, &mut changed).await?;
    let ended = change::tell(tx, &owner, changed).await?;
    Ok((
        id,
        Made {
            recovery_codes,
            ended,
        },
    ))
}

/// Removes a passkey, and with the last factor the recovery codes.
pub async fn remove_passkey(tx: &mut Tx, owner: Owner, id: Uuid) -> Result<Made, PasskeyError> {
    change::lock(tx, &owner).await?;
    if !repo::remove_passkey(tx, owner.account_id, id).await? {
        return Err(PasskeyError::NoSuchPasskey);
    }
    let left = lock(tx, owner.account_id).await?;
    if !left.is_some_and(|left| left.has_second_factor()) {
        repo::remove_recovery_codes(tx, owner.account_id).await?;
    }
    let ended = change::tell(tx, &owner, vec![Changed::PasskeyRemoved]).await?;
    Ok(Made {
        recovery_codes: None,
        ended,
    })
}
