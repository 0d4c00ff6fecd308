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
    ///
    /// Weak tags count too, though RFC 9110 (13.1.1) would have them match nothing: a version says all there is to say, and
    /// a proxy that compresses an answer, as nginx does, makes its tag a weak one. Who reads through it could never change
    /// anything.
    pub fn check(&self, version: i64) -> Result<(), Problem> {
        let found = EntityTag::new_strong(version.to_string());
        let is_met = match &self.0 {
            IfMatch::Any => true,
            IfMatch::Items(tags) => tags.iter().any(|tag| tag.weak_eq(&found)),
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
    use actix_web::http::header::HeaderValue;
    use actix_web::test::TestRequest;
    use proptest::prelude::*;

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
            ("  \"3\" ", 200),
            ("\"1\", \"3\"", 200),
            ("\"1\",,\"3\",", 200),
            ("*", 200),
            ("\"2\"", 412),
            ("\"2\", W/\"4\"", 412),
            ("\"33\"", 412),
            ("\"03\"", 412),
            ("\"+3\"", 412),
            ("\"\"", 412),
            ("\"*\"", 412),
            ("3", 400),
            ("", 400),
            (",", 400),
            ("\"3", 400),
            ("3\"", 400),
            ("'3'", 400),
            ("W/3", 400),
            ("w/\"3\"", 400),
            ("\"1,3\"", 400),
            ("**", 400),
        ] {
            assert_eq!(status(if_match, 3), outcome, "{if_match}");
        }
    }

    #[test]
    fn a_tag_that_a_proxy_made_weak_names_its_version_still() {
        for (if_match, outcome) in [("W/\"3\"", 200), ("\"1\", W/\"3\"", 200), ("W/\"2\"", 412)] {
            assert_eq!(status(if_match, 3), outcome, "{if_match}");
        }
    }

    #[test]
    fn tags_may_stand_in_several_lines() {
        let request = TestRequest::default()
            .append_header((IF_MATCH, "\"1\""))
            .append_header((IF_MATCH, "\"3\""))
            .to_http_request();
        let found = expected(&request).expect("a condition");
        assert!(found.check(3).is_ok() && found.check(2).is_err());
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

    proptest! {
        #[test]
        fn a_tag_names_its_version_alone(version: i64, other: i64) {
            let tag = of(version).to_string();
            prop_assert_eq!(status(&tag, version), 200);
            prop_assert_eq!(status(&tag, other) == 200, version == other);
        }

        #[test]
        fn any_header_is_answered(bytes in prop::collection::vec(prop_oneof![0x20_u8..0x7f, 0x80_u8..=0xff], 0..60)) {
            let value = HeaderValue::from_bytes(&bytes).expect("a header");
            let request = TestRequest::default().insert_header((IF_MATCH, value)).to_http_request();
            let met = expected(&request).and_then(|expected| expected.check(3)).is_ok();
            prop_assert!(!met || bytes.contains(&b'3') || bytes.contains(&b'*'));
        }
    }
}
