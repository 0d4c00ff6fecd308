//! Accounts: who people are, how they show it, and what belongs to them.
//!
//! A folder a subject; what several of them need lies beside them.

mod account;
mod address_book;
mod clients;
mod data;
mod doorkeeper;
mod email_change;
pub mod events;
mod invitations;
mod link;
mod link_requests;
mod mails;
mod measures;
mod notifications;
mod parts;
mod passwords;
mod people;
mod profile;
mod purge;
mod registration;
mod repo;
mod second_factor;
mod sessions;
mod tokens;

pub use account::{Account, Status};
pub use address_book::Addresses;
pub use clients::{KeyAge, KeyState, Keyring, RotateSigningKeys};
pub use data::{
    AccountData, DataTools, DeletionScheduled, EraseAccount, EraseAccounts, ExportAccount,
    ExportReady, PurgeExports, erase_now,
};
pub use email_change::{EmailChangeNew, EmailChangeOld};
pub use invitations::{CreateUser, InvitationMail, InviteError, NewInvitation, invite};
pub use link::{LinkKey, Links};
pub use link_requests::AnswerLinkRequest;
pub use mails::{Activation, AlreadyRegistered};
pub use notifications::{EmailChanged, NewSignIn, Notify, SecondFactorChanged, WrongCodes};
pub use parts::{Accounts, Settings, configure, document};
pub use passwords::{HashSettings, Hasher, Password, PasswordChanged, ResetLink};
pub use people::{
    EndSessionsError, Filter, FirstAdministrator, NewAccount, OpenAccountError, Person, Provided,
    SetRoleError, end_sessions, end_some_sessions, find_by_email, list, look_at, open_account,
    provide, remove_second_factor, set_role,
};
pub use purge::PurgeAccounts;
pub use sessions::SessionSettings;
