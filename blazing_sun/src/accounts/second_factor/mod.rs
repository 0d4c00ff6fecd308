//! The second factor: an authenticator app, passkeys and recovery codes; setting them up, and being asked for them.

mod answer_challenge;
mod answers;
pub mod api;
mod authenticator;
mod authenticators;
mod change;
mod checkpoint;
pub mod pages;
mod passkeys;
pub mod passkeys_api;
mod problems;
mod prove;
mod recovery_code;
mod recovery_codes;
mod relying_party;
mod remove;
mod repo;
pub mod settings_pages;
pub mod sign_in_api;

pub use answers::AnswerFields;
pub use checkpoint::{Checkpoint, CheckpointError};
pub use prove::Answer;
pub use relying_party::RelyingParty;
pub use remove::{RemoveError, remove_second_factor};
