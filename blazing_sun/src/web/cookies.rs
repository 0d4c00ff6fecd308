//! The cookies of this site. `__Host-` makes browsers refuse them unless they are secure and for this host alone.

use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};

/// Holds the token of a browser's session.
pub const SESSION: &str = "__Host-session";
/// Holds the token by which a browser is known again when somebody signs in.
pub const DEVICE: &str = "__Host-device";
/// Holds what ties half a sign-in to the browser that began it.
pub const CHALLENGE: &str = "__Host-challenge";

/// A cookie that scripts cannot read, kept for `seconds`.
#[must_use]
pub fn keep(name: &'static str, value: String, seconds: i64) -> Cookie<'static> {
    Cookie::build(name, value)
        .path("/")
        .secure(true)
        .http_only(true)
        .same_site(SameSite::Lax)
        .max_age(Duration::seconds(seconds))
        .finish()
}

/// Makes a browser forget a cookie.
#[must_use]
pub fn forget(name: &'static str) -> Cookie<'static> {
    keep(name, String::new(), 0)
}
