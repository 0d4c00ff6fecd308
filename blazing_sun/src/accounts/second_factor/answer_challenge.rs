//! Answering the question that a right password leads to.

use uuid::Uuid;

use crate::accounts::second_factor::prove::{Answer, Judges, ProveError, prove};
use crate::accounts::second_factor::repo::{self, Try};
use crate::accounts::sessions::{self, Opened, Opening, SignInError};
use crate::flow::ctx::Tx;

/// Why nobody was let in.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// The question is not open any more.
    #[error("the challenge is over")]
    Over,
    /// The answer does not prove it.
    #[error(transparent)]
    Prove(#[from] ProveError),
    /// No session could be opened.
    #[error(transparent)]
    SignIn(#[from] SignInError),
}

impl From<sqlx::Error> for AnswerError {
    fn from(error: sqlx::Error) -> Self {
        Self::SignIn(error.into())
    }
}

/// Opens a session for somebody who has the second factor; the challenge is over with that.
pub async fn answer_challenge(
    tx: &mut Tx,
    judges: Judges<'_>,
    (challenge, tried): (Uuid, Try),
    answer: &Answer,
    opening: Opening<'_>,
) -> Result<Opened, AnswerError> {
    let account = tried.account_id;
    let locked = sessions::lock(tx, account).await?;
    let locked = locked
        .filter(|locked| locked.is_active)
        .ok_or(AnswerError::Over)?;
    let factor = prove(tx, judges, account, answer, tried.passkey).await?;
    if !repo::end_challenge(tx, challenge).await? {
        return Err(AnswerError::Over);
    }
    Ok(sessions::open(tx, account, locked.version, Some(factor), opening).await?)
}
