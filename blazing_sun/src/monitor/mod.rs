//! What the system says about itself: how its services do, requests that failed, and what is about to go wrong.
//!
//! All of it are events like others: they commit in PostgreSQL and reach the audit log. While PostgreSQL is away nothing can be
//! told but in the log, and afterwards it is told that nobody could look.

mod errors;
pub mod events;
pub mod log_levels;
mod parts;
mod repo;
mod settings;
mod watch;

pub use errors::Errors;
pub use parts::{configure, document};
pub use settings::Settings;
pub use watch::Watch;
