//! Pages that need somebody: who is not signed in is led to the sign-in page, and from there back.

use std::fmt;
use std::ops::Deref;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError};
use futures_util::future::LocalBoxFuture;

use crate::web::access::{Access, Denied, Judgement, Need, judge};
use crate::web::page::visit::{Visit, see_other};
use crate::web::problem::Problem;

/// Somebody who has what the page needs.
pub struct PageAccess<N: Need> {
    access: Access<N>,
    /// What they are shown.
    pub visit: Visit,
}

impl<N: Need> Deref for PageAccess<N> {
    type Target = Access<N>;

    fn deref(&self) -> &Access<N> {
        &self.access
    }
}

/// Why the page is not shown.
#[derive(Debug)]
pub enum Elsewhere {
    /// Another page comes first.
    First(String),
    /// There is no way.
    Problem(Problem),
}

impl fmt::Display for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First(path) => f.write_str(path),
            Self::Problem(problem) => problem.fmt(f),
        }
    }
}

impl ResponseError for Elsewhere {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::First(_) => StatusCode::SEE_OTHER,
            Self::Problem(problem) => problem.status_code(),
        }
    }

    fn error_response(&self) -> HttpResponse {
        match self {
            Self::First(path) => see_other(path),
            Self::Problem(problem) => problem.error_response(),
        }
    }
}

impl From<Problem> for Elsewhere {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl<N: Need> FromRequest for PageAccess<N> {
    type Error = Elsewhere;
    type Future = LocalBoxFuture<'static, Result<Self, Elsewhere>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let first =
                |page: &str| Err(Elsewhere::First(format!("{page}?next={}", request.path())));
            match judge(&request).await? {
                Judgement::Granted(access) => Ok(Self {
                    access,
                    visit: Visit::of(&request).await?,
                }),
                Judgement::Denied(Denied::SignIn) => first("/sign-in"),
                Judgement::Denied(Denied::Confirm) => first("/confirm"),
                Judgement::Denied(other) => Err(Elsewhere::Problem(other.into())),
            }
        })
    }
}
