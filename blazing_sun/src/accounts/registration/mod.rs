//! Registration: signing up and activating.

mod activate;
pub mod api;
mod counts;
pub mod pages;
mod sign_up;

pub use sign_up::{ACTIVATION, SignUpError, send_activation};
