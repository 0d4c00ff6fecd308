//! Making recovery codes.

use crate::accounts::account::Account;
use crate::accounts::events::Changed;
use crate::accounts::second_factor::change::{self, ChangeError, Made, Owner};
use crate::accounts::second_factor::recovery_code::RecoveryCode;
use crate::accounts::second_factor::repo;
use crate::accounts::sessions::Locked;
use crate::flow::ctx::Tx;
use crate::kernel::id::Id;

/// How many there are.
pub const NUMBER: usize = 10;

/// Why there are no new recovery codes.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    /// There is nothing that they could stand in for.
    #[error("there is no second factor")]
    NoSecondFactor,
    /// The change could not be made.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

/// Makes new recovery codes; the old ones are void.
pub async fn renew_recovery_codes(tx: &mut Tx, owner: Owner) -> Result<Made, RenewError> {
    let locked = change::lock(tx, &owner).await?;
    if !locked.has_second_factor() {
        return Err(RenewError::NoSecondFactor);
    }
    let codes = make(tx, owner.account_id).await?;
    let ended = change::tell(tx, &owner, vec![Changed::RecoveryCodes]).await?;
    Ok(Made {
        recovery_codes: Some(codes),
        ended,
    })
}

/// Makes recovery codes with the first factor that an account gets, and notes that in `changed`.
pub async fn make_if_missing(
    tx: &mut Tx,
    owner: &Owner,
    locked: &Locked,
    changed: &mut Vec<Changed>,
) -> Result<Option<Vec<String>>, ChangeError> {
    if locked.has_recovery_codes {
        return Ok(None);
    }
    changed.push(Changed::RecoveryCodes);
    make(tx, owner.account_id).await.map(Some)
}

async fn make(tx: &mut Tx, account: Id<Account>) -> Result<Vec<String>, ChangeError> {
    let codes: Vec<RecoveryCode> = (0..NUMBER)
        .map(|_| RecoveryCode::random())
        .collect::<Result<_, _>>()?;
    let hashes: Vec<Vec<u8>> = codes.iter().map(|code| code.hash().to_vec()).collect();
    repo::replace_recovery_codes(tx, account, &hashes).await?;
    Ok(codes.iter().map(RecoveryCode::reveal).collect())
}
