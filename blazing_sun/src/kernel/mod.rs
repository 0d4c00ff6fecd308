//! Pure types that cannot be wrong and do no I/O.

pub mod clock;
pub mod currency;
pub mod day;
pub mod email;
pub mod id;
pub mod locale;
pub mod money;
pub mod name;
pub mod note;
pub mod templates;
pub mod text;
pub mod time_zone;
