//! The levels from which single modules are logged, for as long as somebody looks closely.
//!
//! They lie in a table that every process follows; what is configured is not changed by them, and holds again when their time is
//! over.

pub mod api;
mod log_level;
mod repo;
mod set_level;

pub use log_level::{DEFAULT_MINUTES, Level, LogLevel, Minutes, Module, NotALevel};
pub use repo::current;
pub use set_level::{SetLevelError, reset_level, set_level};
