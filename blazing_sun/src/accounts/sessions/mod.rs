//! Sessions: signing in, staying signed in, signing out.

pub mod api;
mod cache;
mod confirm;
pub mod confirm_api;
pub mod confirm_pages;
mod desk;
mod device_name;
pub mod pages;
mod repo;
mod session;
#[expect(clippy::module_inception, reason = "the sessions of everybody")]
mod sessions;
mod sign_in;
mod sign_out;

pub use cache::SessionCache;
pub use confirm::{RenewError, renew};
pub use desk::{Desk, TurnedAway};
pub use device_name::device_name;
pub use repo::{Locked, Which, end, keys, lock};
pub use session::{Kind, Session, SessionKey, SessionSettings, Token, TokenHash};
pub use sessions::Sessions;
pub use sign_in::{Opened, Opening, SignInError, note_failure, open};
pub use sign_out::{SignOutError, sign_out, sign_out_everywhere};
