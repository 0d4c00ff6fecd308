//! Pure types that cannot be wrong and do no I/O.

pub mod clock;
pub mod email;
pub mod id;
