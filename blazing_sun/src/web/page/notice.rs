//! What just happened, told once on the next page. It travels in a cookie of a minute: a text in an address could be put
//! there by anybody.

use actix_web::HttpRequest;
use actix_web::cookie::Cookie;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::web::cookies;

const COOKIE: &str = "__Host-notice";
/// Longer than a redirect takes.
const KEPT_FOR: i64 = 60;

/// What just happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    kind: NoticeKind,
    text: String,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoticeKind {
    /// Well.
    Success,
    /// Not well.
    Problem,
    /// Neither.
    Info,
}

impl Notice {
    /// It went well.
    #[must_use]
    pub fn success(text: impl Into<String>) -> Self {
        Self {
            kind: NoticeKind::Success,
            text: text.into(),
        }
    }

    /// It did not go well.
    #[must_use]
    pub fn problem(text: impl Into<String>) -> Self {
        Self {
            kind: NoticeKind::Problem,
            text: text.into(),
        }
    }

    /// The one that a request brings.
    pub(super) fn of(request: &HttpRequest) -> Option<Self> {
        let cookie = request.cookie(COOKIE)?;
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(cookie.value()).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// The cookie that brings it to the next page.
    pub(super) fn cookie(&self) -> Cookie<'static> {
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        cookies::keep(COOKIE, BASE64_URL_SAFE_NO_PAD.encode(bytes), KEPT_FOR)
    }

    /// Told once.
    pub(super) fn forget() -> Cookie<'static> {
        cookies::forget(COOKIE)
    }
}
