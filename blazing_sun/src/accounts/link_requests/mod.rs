//! Asking for a mail with a link: to choose a new password, or to activate an account.
//!
//! Whoever asks must not learn whether an address has an account. So the request does the same for all of them: it counts
//! the try and notes the address. Only a job looks who it is, and what goes out is a mail.

pub mod api;
mod jobs;
pub mod pages;
mod repo;
mod request_link;

pub use jobs::AnswerLinkRequest;
