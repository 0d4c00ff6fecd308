//! The feed: the last thousand things that happened to somebody, as sentences.
//!
//! The audit log is what it is read from. Redis keeps the feeds of those who look at theirs, and the consumer `feed` writes
//! what happens into these; a feed that Redis does not have is made anew by whoever reads it.

mod api;
mod item;
mod listener;
mod parts;
mod position;
mod reactions;
mod reader;
mod repo;
mod store;
mod streams;

pub use item::{Item, NOT_SHOWN, SHOWN};
pub use parts::{configure, document};
pub use reactions::Feeds;
pub use reader::Feed;
pub use repo::Part;
pub use store::{Found, Maker, News, Store};
