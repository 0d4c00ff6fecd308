//! Versions over HTTP: an answer carries one as its `ETag`, and a change says with `If-Match` which one it was made of, so
//! that nobody undoes what they have not seen.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{ETag, EntityTag, Header, IF_MATCH, IfMatch};
use actix_web::{FromRequest, HttpRequest};

use crate::web::problem::Problem;

/// The header that carries a version.
#[must_use]
pub fn of(version: i64) -> ETag {
    ETag(EntityTag::new_strong(version.to_string()))
}

/// The version that a change was made of.
#[derive(Debug)]
pub struct Expected(IfMatch);

impl Expected {
    /// Compares it with the version that is there. To be called when nobody can change that any more.
    pub fn check(&self, version: i64) -> Result<(), Problem> {
        let found = EntityTag::new_strong(version.to_string());
        let is_met = match &self.0 {
            IfMatch::Any => true,
            IfMatch::Items(tags) => tags.iter().any(|tag| tag.strong_eq(&found)),
        };
        if is_met {
            Ok(())
        } else {
            Err(Problem::new(
                StatusCode::PRECONDITION_FAILED,
                "changed_meanwhile",
                "It was changed meanwhile. Read it again, then repeat your change with its new ETag in If-Match.",
            ))
        }
    }
}

impl FromRequest for Expected {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(expected(request))
    }
}

fn expected(request: &HttpRequest) -> Result<Expected, Problem> {
    if !request.headers().contains_key(IF_MATCH) {
        return Err(Problem::new(
            StatusCode::PRECONDITION_REQUIRED,
            "if_match_required",
            "Read it first, then send its ETag in If-Match.",
        ));
    }
    match IfMatch::parse(request) {
        Ok(IfMatch::Any) => Ok(Expected(IfMatch::Any)),
        // The library passes over what is no tag.
        Ok(IfMatch::Items(tags)) if !tags.is_empty() => Ok(Expected(IfMatch::Items(tags))),
        _ => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "malformed_if_match",
            "If-Match has to be an ETag such as \"3\", several of them, or *.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::ResponseError;
    use actix_web::test::TestRequest;

    use super::*;

    fn status(if_match: &str, version: i64) -> u16 {
        let request = TestRequest::default().insert_header((IF_MATCH, if_match));
        let outcome =
            expected(&request.to_http_request()).and_then(|expected| expected.check(version));
        outcome.map_or_else(|problem| problem.status_code().as_u16(), |()| 200)
    }

    #[test]
    fn a_change_is_let_through_if_it_was_made_of_what_is_there() {
        for (if_match, outcome) in [
            ("\"3\"", 200),
            ("\"1\", \"3\"", 200),
            ("*", 200),
            ("\"2\"", 412),
            ("W/\"3\"", 412),
            ("\"33\"", 412),
            ("3", 400),
            ("", 400),
            ("\"3", 400),
        ] {
            assert_eq!(status(if_match, 3), outcome, "{if_match}");
        }
    }

    #[test]
    fn who_does_not_say_what_a_change_was_made_of_is_asked_to() {
        let request = TestRequest::default().to_http_request();
        let refused = expected(&request).expect_err("a refusal");
        assert_eq!(refused.status_code().as_u16(), 428);
    }

    #[test]
    fn a_version_is_a_strong_tag() {
        assert_eq!(of(3).to_string(), "\"3\"");
    }
}
