//! People: the accounts as an administrator sees them, and what they may do.

pub mod api;
mod end_sessions;
mod first_administrator;
mod open_account;
mod person;
mod remove_second_factor;
mod repo;
mod set_role;

pub use end_sessions::{EndSessionsError, end_sessions, end_some_sessions};
pub use first_administrator::{FirstAdministrator, Provided, provide};
pub use open_account::{NewAccount, OpenAccountError, open_account};
pub use person::Person;
pub use remove_second_factor::remove_second_factor;
pub use repo::{Filter, find_by_email, is_last_admin, list, raise_to};
pub use set_role::{SetRoleError, look_at, set_role};
