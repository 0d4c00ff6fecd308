//! Invitations: accounts that an administrator offers, one by one or as a file.
//!
//! A role that is offered lies with the invitation, and nowhere else, until somebody accepts it with the token that was
//! mailed to the address. Who signs up with the address meanwhile has an account like any other.

mod accept;
pub mod api;
mod body;
mod csv;
mod invitation;
mod invite;
mod jobs;
mod mails;
pub mod pages;
mod repo;
mod withdraw;

pub use invitation::{Batch, NewInvitation};
pub use invite::{InviteError, invite};
pub use jobs::CreateUser;
pub use mails::InvitationMail;
