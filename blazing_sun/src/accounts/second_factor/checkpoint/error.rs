//! Why a second factor was not enough.

use crate::accounts::second_factor::answer_challenge::AnswerError;
use crate::accounts::second_factor::prove::ProveError;
use crate::accounts::second_factor::relying_party::CeremonyError;
use crate::accounts::sessions::SignInError;
use crate::web::throttle::TooMany;

/// Why somebody did not get past.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Too many tries.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// The question is unknown, was answered, took too long or had too many answers.
    #[error("the challenge is over")]
    Over,
    /// The answer is not right.
    #[error("the second factor is not right")]
    Wrong,
    /// An answer is needed.
    #[error("a second factor is needed")]
    Unanswered,
    /// The account has no passkeys.
    #[error("there are no passkeys")]
    NoPasskeys,
    /// A ceremony could not be held.
    #[error(transparent)]
    Ceremony(#[from] CeremonyError),
    /// We could not tell.
    #[error(transparent)]
    Prove(ProveError),
    /// No session could be opened.
    #[error(transparent)]
    SignIn(#[from] SignInError),
}

impl From<sqlx::Error> for CheckpointError {
    fn from(error: sqlx::Error) -> Self {
        Self::SignIn(error.into())
    }
}

impl From<ProveError> for CheckpointError {
    fn from(error: ProveError) -> Self {
        match error {
            ProveError::Wrong => Self::Wrong,
            other => Self::Prove(other),
        }
    }
}

impl From<AnswerError> for CheckpointError {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::Over => Self::Over,
            AnswerError::Prove(error) => error.into(),
            AnswerError::SignIn(error) => error.into(),
        }
    }
}
