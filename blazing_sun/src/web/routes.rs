//! How addresses are registered: a method the address does not have is a problem that names those it has.

use actix_web::dev::{AppService, HttpServiceFactory};
use actix_web::guard::{Any, Get, Guard, Head};
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::web::{resource, route, to};
use actix_web::{FromRequest, Handler, HttpResponse, Resource, Responder, ResponseError, Route};

use crate::web::problem::Problem;

/// An address and what it answers, a method at a time.
pub struct Address {
    resource: Resource,
    allowed: Vec<&'static str>,
}

/// An address without methods yet.
#[must_use]
pub fn at(path: &str) -> Address {
    Address {
        resource: resource(path),
        allowed: Vec::new(),
    }
}

/// An address that can be read, and nothing else.
pub fn get<F, Args>(path: &str, handler: F) -> Address
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    at(path).get(handler)
}

/// An address that takes something, and nothing else.
pub fn post<F, Args>(path: &str, handler: F) -> Address
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    at(path).post(handler)
}

macro_rules! method {
    ($(#[$doc:meta] $name:ident $allowed:literal $route:expr;)*) => {
        impl Address {$(
            #[$doc]
            #[must_use]
            pub fn $name<F, Args>(self, handler: F) -> Self
            where
                F: Handler<Args>,
                Args: FromRequest + 'static,
                F::Output: Responder + 'static,
            {
                self.with($allowed, $route.to(handler))
            }
        )*}
    };
}

method! {
    /// It can be read.
    get "GET, HEAD" route().guard(reading());
    /// It takes something.
    post "POST" actix_web::web::post();
    /// What is there can be replaced.
    put "PUT" actix_web::web::put();
    /// What is there can be changed.
    patch "PATCH" actix_web::web::patch();
    /// What is there can be removed.
    delete "DELETE" actix_web::web::delete();
}

impl Address {
    fn with(mut self, allowed: &'static str, route: Route) -> Self {
        self.allowed.push(allowed);
        Self {
            resource: self.resource.route(route),
            allowed: self.allowed,
        }
    }
}

impl HttpServiceFactory for Address {
    fn register(self, service: &mut AppService) {
        let allowed = self.allowed.join(", ");
        self.resource
            .default_service(to(move || {
                let answer = not_allowed(&allowed);
                async { answer }
            }))
            .register(service);
    }
}

/// The answer to a method that an address does not have.
fn not_allowed(allowed: &str) -> HttpResponse {
    let mut answer = Problem::of_status(StatusCode::METHOD_NOT_ALLOWED).error_response();
    if let Ok(allowed) = HeaderValue::from_str(allowed) {
        answer.headers_mut().insert(ALLOW, allowed);
    }
    answer
}

/// The answer at an address that does not exist.
pub async fn not_found() -> HttpResponse {
    Problem::of_status(StatusCode::NOT_FOUND).error_response()
}

fn reading() -> impl Guard {
    Any(Get()).or(Head())
}
