//! The request id: the client's own if it is sane, else a new one.

use actix_web::http::header::{HeaderMap, HeaderName};

use crate::kernel::id;

/// The header that brings the id in and takes it back.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The id, kept with the request for its handler.
#[derive(Clone)]
pub struct RequestId(pub String);

const MAX_LENGTH: usize = 64;

/// The id under which this request is logged and answered.
#[must_use]
pub fn accept_or_create(headers: &HeaderMap) -> String {
    headers
        .get(HEADER)
        .and_then(|value| value.to_str().ok())
        .filter(|id| is_sane(id))
        .map_or_else(|| id::new().to_string(), str::to_owned)
}

/// Short, and of characters that can do no harm in a log, a header or a shell.
fn is_sane(id: &str) -> bool {
    (1..=MAX_LENGTH).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sane_id_is_short_and_harmless() {
        assert!(is_sane("0190c2b6-7f3e_A.b"));
        assert!(is_sane(&"a".repeat(64)));
        assert!(!is_sane(&"a".repeat(65)));
        assert!(!is_sane(""));
        assert!(!is_sane("a b"));
        assert!(!is_sane("a\"b"));
        assert!(!is_sane("\u{e9}"));
    }
}
