//! Demo data: a believable book, so that who has just cloned the repository sees a product with life in it.
//!
//! The story is told day by day and needs nothing but the day on which it ends: the same day tells the same story, always.
//! What is written down of it goes through the use cases, as if somebody had typed it.

mod daily;
mod deed;
mod dice;
mod fill;
mod life;
mod occasions;
mod pen;
mod plans;
mod regular;
mod story;
mod trips;

pub use fill::{FillError, Filled, fill};
