//! No other site makes a browser change anything here. Browsers say where a request was begun: in `Sec-Fetch-Site`, the
//! older ones in `Origin`. A program says neither, and has no cookie that others could abuse.

use actix_web::ResponseError;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, HeaderName, ORIGIN};
use actix_web::middleware::Next;
use actix_web::web::Data;

use crate::web::problem::Problem;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The sites that may ask: this one, and those that `CORS_ORIGINS` lists.
#[derive(Clone, Debug)]
pub struct Origins {
    /// This site, such as `https://localhost`.
    pub own: String,
    /// Others whose pages may use the interface.
    pub others: Vec<String>,
}

impl Origins {
    fn knows(&self, origin: &str) -> bool {
        self.own == origin || self.others.iter().any(|other| other == origin)
    }

    /// Whether a request that changes something was begun where it may be.
    fn let_in(&self, headers: &HeaderMap) -> bool {
        let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or(""));
        let origin = text(ORIGIN);
        match text(FETCH_SITE) {
            // `none`: typed by the person, or a bookmark.
            Some("same-origin" | "none") => true,
            Some(_) => origin.is_some_and(|origin| self.others.iter().any(|other| other == origin)),
            None => origin.is_none_or(|origin| self.knows(origin)),
        }
    }
}

/// The middleware: refuses what another site began.
pub async fn guard(
    origins: Data<Origins>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let reads = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    if !reads && !origins.let_in(request.headers()) {
        let problem = Problem::forbidden(
            "cross_site",
            "Another site began this request. Open this site and try from there.",
        );
        let answer = request.into_response(problem.error_response());
        return Ok(answer.map_into_right_body());
    }
    Ok(next.call(request).await?.map_into_left_body())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn let_in(headers: &[(HeaderName, &'static str)]) -> bool {
        let origins = Origins {
            own: "https://sun.example".to_owned(),
            others: vec!["https://app.example".to_owned()],
        };
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(name.clone(), HeaderValue::from_static(value));
        }
        origins.let_in(&map)
    }

    #[test]
    fn a_browser_is_let_in_from_this_site_and_from_listed_ones() {
        for site in ["same-origin", "none"] {
            assert!(let_in(&[(FETCH_SITE, site)]));
        }
        for site in ["cross-site", "same-site", "nonsense", ""] {
            assert!(!let_in(&[(FETCH_SITE, site)]), "{site}");
            assert!(!let_in(&[
                (FETCH_SITE, site),
                (ORIGIN, "https://evil.example")
            ]));
            assert!(
                !let_in(&[(FETCH_SITE, site), (ORIGIN, "https://sun.example")]),
                "the two contradict each other"
            );
            assert!(let_in(&[
                (FETCH_SITE, site),
                (ORIGIN, "https://app.example")
            ]));
        }
    }

    #[test]
    fn an_old_browser_is_judged_by_its_origin() {
        assert!(let_in(&[(ORIGIN, "https://sun.example")]));
        assert!(let_in(&[(ORIGIN, "https://app.example")]));
        for origin in [
            "null",
            "",
            "http://sun.example",
            "https://sun.example.evil.example",
        ] {
            assert!(!let_in(&[(ORIGIN, origin)]), "{origin}");
        }
    }

    #[test]
    fn a_program_says_neither() {
        assert!(let_in(&[]));
    }
}
