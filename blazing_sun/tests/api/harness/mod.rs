//! What the tests stand on: a world of their own, the application in it and a plain HTTP client.

mod application;
mod browser;
mod client;
mod collector;
mod factors;
mod large_book;
mod machine;
mod plans;
mod post_office;
mod process;
mod program;
mod rows;
mod wire;
mod world;

pub use crate::support::Gate;
pub use application::TestApp;
pub use browser::{Browser, PASSWORD, admin, member, register, token};
pub use client::{Response, get, post, send, send_with};
pub use collector::{Collector, Span};
pub use factors::{App, Passkey, challenge, recovery_codes};
pub use large_book::LargeBook;
pub use machine::Machine;
pub use plans::{Plan, Plans};
pub use post_office::PostOffice;
pub use process::Process;
pub use program::Program;
pub use rows::{enqueue, id_of, run, tables_with};
pub use wire::Wire;
pub use world::World;
