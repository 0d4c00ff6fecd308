//! Proving that one has the second factor: each code, each ceremony is good once.

use serde_json::Value;
use totp_rs::TotpError;
use webauthn_rs::prelude::PublicKeyCredential;

use crate::accounts::account::Account;
use crate::accounts::events::Factor;
use crate::accounts::link::Links;
use crate::accounts::second_factor::authenticator::{Authenticator, Code};
use crate::accounts::second_factor::recovery_code::RecoveryCode;
use crate::accounts::second_factor::relying_party::{CeremonyError, RelyingParty};
use crate::accounts::second_factor::repo;
use crate::flow::ctx::Tx;
use crate::kernel::id::Id;

/// What somebody gives to prove it.
pub enum Answer {
    /// What the authenticator app shows.
    Code(Code),
    /// A recovery code.
    RecoveryCode(RecoveryCode),
    /// What a passkey answered.
    Passkey(Box<PublicKeyCredential>),
}

impl Answer {
    /// Whether it is a passkey's.
    #[must_use]
    pub fn is_passkey(&self) -> bool {
        matches!(self, Self::Passkey(_))
    }
}

/// Why nothing was proved.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// It is not right, or was used before: nobody is told which.
    #[error("the second factor is not right")]
    Wrong,
    /// A secret does not fit.
    #[error(transparent)]
    Totp(#[from] TotpError),
    /// A ceremony could not be held.
    #[error(transparent)]
    Ceremony(CeremonyError),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl From<CeremonyError> for ProveError {
    fn from(error: CeremonyError) -> Self {
        match error {
            CeremonyError::Refused(cause) => {
                tracing::debug!(error = %cause, "a passkey's answer was refused");
                Self::Wrong
            }
            CeremonyError::Counter => {
                tracing::warn!("the counter of a passkey has not risen: there may be a copy of it");
                Self::Wrong
            }
            other => Self::Ceremony(other),
        }
    }
}

/// What answers are compared with.
#[derive(Clone, Copy)]
pub struct Judges<'a> {
    /// Derives the secrets of authenticator apps.
    pub links: &'a Links,
    /// Holds the ceremonies with passkeys.
    pub party: &'a RelyingParty,
}

/// Uses an answer for an account whose row is locked. `ceremony` is what a passkey was asked.
pub async fn prove(
    tx: &mut Tx,
    judges: Judges<'_>,
    account: Id<Account>,
    answer: &Answer,
    ceremony: Option<Value>,
) -> Result<Factor, ProveError> {
    let (factor, is_right) = match answer {
        Answer::Code(code) => {
            let is_right = use_code(tx, judges.links, account, code).await?;
            (Factor::Authenticator, is_right)
        }
        Answer::RecoveryCode(code) => {
            let is_right = repo::use_recovery_code(tx, account, &code.hash()).await?;
            (Factor::RecoveryCode, is_right)
        }
        Answer::Passkey(answer) => {
            let is_right = use_passkey(tx, judges.party, account, answer, ceremony).await?;
            (Factor::Passkey, is_right)
        }
    };
    is_right.then_some(factor).ok_or(ProveError::Wrong)
}

async fn use_code(
    tx: &mut Tx,
    links: &Links,
    account: Id<Account>,
    code: &Code,
) -> Result<bool, ProveError> {
    let Some(id) = repo::authenticator(tx, account).await? else {
        return Ok(false);
    };
    let now = tx.now();
    let Some(step) = Authenticator::of(links, id, "")?.step(code, now) else {
        return Ok(false);
    };
    Ok(repo::use_step(tx, id, step).await?)
}

async fn use_passkey(
    tx: &mut Tx,
    party: &RelyingParty,
    account: Id<Account>,
    answer: &PublicKeyCredential,
    ceremony: Option<Value>,
) -> Result<bool, ProveError> {
    let id = answer.get_credential_id();
    let kept = repo::passkey(tx, account, id).await?;
    let Some((ceremony, kept)) = ceremony.zip(kept) else {
        return Ok(false);
    };
    let kept = party.finish_authentication(ceremony, answer, kept)?;
    repo::update_passkey(tx, id, &kept).await?;
    Ok(true)
}
