//! What the tests stand on: a world of their own, the application in it, a plain HTTP client and faulty services.

mod application;
mod client;
mod gate;
mod process;
mod world;

pub use application::TestApp;
pub use client::{Response, get, send};
pub use gate::Gate;
pub use process::Process;
pub use world::World;
