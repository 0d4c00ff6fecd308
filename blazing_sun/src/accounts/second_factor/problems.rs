//! What went wrong, as people and programs are told.

use crate::accounts::second_factor::authenticators::SetUpError;
use crate::accounts::second_factor::change::ChangeError;
use crate::accounts::second_factor::checkpoint::CheckpointError;
use crate::accounts::second_factor::passkeys::PasskeyError;
use crate::accounts::second_factor::recovery_codes::RenewError;
use crate::accounts::second_factor::relying_party::CeremonyError;
use crate::accounts::second_factor::remove::RemoveError;
use crate::web::problem::{Fields, Problem};

impl From<CheckpointError> for Problem {
    fn from(error: CheckpointError) -> Self {
        match error {
            CheckpointError::TooMany(error) => error.into(),
            CheckpointError::Over => Self::unauthorized(
                "challenge_over",
                "This took too long or too many tries. Sign in again.",
            ),
            CheckpointError::Wrong => Self::unauthorized(
                "wrong_code",
                "That is not right, or it was used before. Wait for the next code, then try again.",
            ),
            CheckpointError::Unanswered => {
                Fields::of("/code", "is needed too, since you have a second factor").into()
            }
            CheckpointError::NoPasskeys => {
                Self::conflict("no_passkeys", "There are no passkeys. Use a code.")
            }
            CheckpointError::Ceremony(error) => error.into(),
            CheckpointError::SignIn(error) => error.into(),
            other @ CheckpointError::Prove(_) => Self::internal(&other),
        }
    }
}

impl From<CeremonyError> for Problem {
    fn from(error: CeremonyError) -> Self {
        match error {
            CeremonyError::NoName => Self::conflict(
                "no_passkeys_here",
                "Passkeys need a site with a name, and this one has a number. Use an authenticator app.",
            ),
            CeremonyError::Refused(_) | CeremonyError::Counter => {
                Fields::of("/credential", "is not what this passkey has to answer").into()
            }
            other => Self::internal(&other),
        }
    }
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::NoSuchAccount => Self::not_found(),
            ChangeError::SignOut(error) => error.into(),
            ChangeError::Database(error) => error.into(),
            other => Self::internal(&other),
        }
    }
}

impl From<RemoveError> for Problem {
    fn from(error: RemoveError) -> Self {
        match error {
            RemoveError::NoSecondFactor => {
                Self::conflict("no_second_factor", "The account has no second factor.")
            }
            RemoveError::Change(error) => error.into(),
        }
    }
}

impl From<SetUpError> for Problem {
    fn from(error: SetUpError) -> Self {
        match error {
            SetUpError::NothingBegun => nothing_begun(),
            SetUpError::WrongCode => Fields::of("/code", "is not what the app shows now").into(),
            SetUpError::NoAuthenticator => Self::not_found(),
            SetUpError::Change(error) => error.into(),
            other @ SetUpError::Authenticator(_) => Self::internal(&other),
        }
    }
}

impl From<RenewError> for Problem {
    fn from(error: RenewError) -> Self {
        match error {
            RenewError::NoSecondFactor => Self::conflict(
                "no_second_factor",
                "Recovery codes stand in for a second factor. Set one up first.",
            ),
            RenewError::Change(error) => error.into(),
        }
    }
}

impl From<PasskeyError> for Problem {
    fn from(error: PasskeyError) -> Self {
        match error {
            PasskeyError::TooMany => Self::conflict(
                "too_many_passkeys",
                "You have as many passkeys as there can be. Remove one first.",
            ),
            PasskeyError::NothingBegun => nothing_begun(),
            PasskeyError::Known => Self::conflict(
                "passkey_known",
                "This passkey is known already. Use another one.",
            ),
            PasskeyError::NoSuchPasskey => Self::not_found(),
            PasskeyError::Ceremony(error) => error.into(),
            PasskeyError::Change(error) => error.into(),
        }
    }
}

fn nothing_begun() -> Problem {
    Problem::conflict(
        "nothing_begun",
        "Nothing was begun, or it took too long. Begin again.",
    )
}
