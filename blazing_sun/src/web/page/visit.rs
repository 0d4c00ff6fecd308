//! Somebody looks at a page: who they are, where they are, and what they are shown.

use std::collections::BTreeMap;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ContentType, LOCATION, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError};
use chrono::{DateTime, Utc};
use futures_util::future::LocalBoxFuture;
use minijinja::{Value, context};
use serde::Serialize;

use crate::flow::ctx::Cause;
use crate::kernel::time_zone::TimeZone;
use crate::web::access::{self, Caller, Doorkeeper, Role};
use crate::web::cause;
use crate::web::page::{Notice, Pages};
use crate::web::problem::Problem;

/// What every page may load; nothing else is run, framed or sent elsewhere.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; \
                      frame-ancestors 'none'";
/// The same for the pages that speak to a passkey, which only a script can.
const POLICY_WITH_SCRIPT: &str = "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; base-uri 'none'; \
                                  form-action 'self'; frame-ancestors 'none'";

/// Somebody who is signed in, as pages name them.
#[derive(Clone, Debug, Serialize)]
pub struct Visitor {
    /// Their name, if they gave one.
    pub name: Option<String>,
    /// Their address.
    pub email_shown: String,
    /// What they are here.
    pub role: Role,
    /// Where their clocks go.
    #[serde(skip)]
    pub time_zone: TimeZone,
}

/// Somebody looks at a page.
pub struct Visit {
    pages: Data<Pages>,
    caller: Option<Caller>,
    visitor: Option<Visitor>,
    here: String,
    notice: Option<Notice>,
    cause: Cause,
    policy: &'static str,
}

/// What is wrong with a form, as the templates show it.
#[derive(Serialize)]
struct FormError<'a> {
    field: Option<&'a str>,
    message: String,
}

impl Visit {
    pub(super) async fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let caller = access::recognise(request).await?;
        let visitor = match &caller {
            Some(caller) => introduce(request, caller).await?,
            None => None,
        };
        let pages = request
            .app_data::<Data<Pages>>()
            .cloned()
            .ok_or_else(|| Problem::internal(&"there are no pages"))?;
        Ok(Self {
            pages,
            caller,
            visitor,
            here: request.path().to_owned(),
            notice: Notice::of(request),
            cause: cause::of(request),
            policy: POLICY,
        })
    }

    /// Who it is, if they are signed in.
    #[must_use]
    pub fn caller(&self) -> Option<&Caller> {
        self.caller.as_ref()
    }

    /// How pages name them.
    #[must_use]
    pub fn visitor(&self) -> Option<&Visitor> {
        self.visitor.as_ref()
    }

    /// What they set off: it names them, if they are known.
    #[must_use]
    pub fn cause(&self) -> Cause {
        match &self.caller {
            Some(caller) => self.cause.clone().by(caller.account_id),
            None => self.cause.clone(),
        }
    }

    /// A moment as their clocks show it.
    #[must_use]
    pub fn when(&self, moment: DateTime<Utc>) -> String {
        let visitor = self.visitor.as_ref();
        let zone = visitor.map(|visitor| visitor.time_zone);
        zone.unwrap_or_default().show(moment)
    }

    /// The same visit to a page that speaks to a passkey.
    #[must_use]
    pub fn scripted(mut self) -> Self {
        self.policy = POLICY_WITH_SCRIPT;
        self
    }

    /// Shows a page; a form on it is empty.
    pub fn show(&self, template: &str, context: Value) -> Result<HttpResponse, Problem> {
        self.render(StatusCode::OK, template, context, context! {}, &[])
    }

    /// Shows a page whose form has values already.
    pub fn show_filled(
        &self,
        template: &str,
        context: Value,
        form: Value,
    ) -> Result<HttpResponse, Problem> {
        self.render(StatusCode::OK, template, context, form, &[])
    }

    /// Shows a form again, with its values and what was wrong. What is no fault of the form's has a page of its own.
    pub fn again(
        &self,
        template: &str,
        context: Value,
        form: Value,
        problem: &Problem,
    ) -> Result<HttpResponse, Problem> {
        if problem.status_code().is_server_error() {
            return Err(problem.clone());
        }
        let mut errors: Vec<FormError> = problem
            .errors()
            .iter()
            .map(|error| FormError {
                field: Some(error.pointer.trim_start_matches('/')),
                message: sentence(&error.detail),
            })
            .collect();
        if let Some(detail) = problem.detail() {
            errors.push(FormError {
                field: None,
                message: detail.to_owned(),
            });
        }
        let mut answer = self.render(problem.status_code(), template, context, form, &errors)?;
        // Such as Retry-After.
        for (name, value) in problem.error_response().headers() {
            if !answer.headers().contains_key(name) {
                answer.headers_mut().insert(name.clone(), value.clone());
            }
        }
        Ok(answer)
    }

    /// Leads to another page of this site.
    #[must_use]
    pub fn go(&self, path: &str) -> HttpResponse {
        see_other(path)
    }

    /// Leads to another page, which tells what happened.
    #[must_use]
    pub fn go_and_tell(&self, path: &str, notice: &Notice) -> HttpResponse {
        let mut answer = see_other(path);
        // A cookie that cannot be set is a notice that is not told.
        drop(answer.add_cookie(&notice.cookie()));
        answer
    }

    fn render(
        &self,
        status: StatusCode,
        template: &str,
        context: Value,
        form: Value,
        errors: &[FormError<'_>],
    ) -> Result<HttpResponse, Problem> {
        let context = context! {
            visitor => self.visitor,
            here => self.here,
            notice => self.notice,
            form => form,
            errors => errors,
            ..context
        };
        let page = self
            .pages
            .fill(template, context)
            .map_err(|error| Problem::internal(&error))?;
        let mut answer = page_of(status, self.policy, page);
        if self.notice.is_some() {
            drop(answer.add_cookie(&Notice::forget()));
        }
        Ok(answer)
    }
}

/// A page is not stored anywhere, and its address is told to nobody: both may hold what is the reader's own.
pub(super) fn page_of(status: StatusCode, policy: &'static str, page: String) -> HttpResponse {
    HttpResponse::build(status)
        .content_type(ContentType::html())
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_SECURITY_POLICY, policy))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(page)
}

/// A page that nobody is on, such as an error.
pub(super) fn page_for_anybody(
    pages: &Pages,
    status: StatusCode,
    template: &str,
    here: &str,
    context: Value,
) -> Result<HttpResponse, minijinja::Error> {
    let nothing: BTreeMap<&str, &str> = BTreeMap::new();
    let none: Option<&str> = None;
    let page = pages.fill(
        template,
        context! { visitor => none, here => here, notice => none, form => nothing, errors => Vec::<&str>::new(), ..context },
    )?;
    Ok(page_of(status, POLICY, page))
}

pub(super) fn see_other(path: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((LOCATION, path))
        .insert_header((CACHE_CONTROL, "no-store"))
        .finish()
}

/// A path on this site, and nothing that a browser would take for another one.
#[must_use]
pub fn local(path: &str) -> Option<&str> {
    let second = path.chars().nth(1);
    let is_local = path.starts_with('/')
        && !matches!(second, Some('/' | '\\'))
        && path.len() <= 500
        && path.chars().all(|c| c.is_ascii_graphic() && c != '\\');
    is_local.then_some(path)
}

fn sentence(detail: &str) -> String {
    let mut letters = detail.chars();
    let first: String = letters
        .next()
        .map(|c| c.to_uppercase().collect())
        .unwrap_or_default();
    let end = if detail.ends_with('.') { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

async fn introduce(request: &HttpRequest, caller: &Caller) -> Result<Option<Visitor>, Problem> {
    match request.app_data::<Data<dyn Doorkeeper>>() {
        Some(doorkeeper) => doorkeeper.introduce(caller).await,
        None => Ok(None),
    }
}

impl FromRequest for Visit {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { Self::of(&request).await })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_path_of_this_site_is_followed() {
        for good in ["/", "/profile", "/profile/sessions?x=1"] {
            assert_eq!(local(good), Some(good));
        }
        for bad in [
            "",
            "profile",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/a\r\nset-cookie: x",
            "/\t/evil.example",
            "/a b",
        ] {
            assert_eq!(local(bad), None, "{bad:?}");
        }
        assert_eq!(local(&format!("/{}", "a".repeat(500))), None);
    }

    #[test]
    fn a_detail_becomes_a_sentence() {
        assert_eq!(sentence("is too long"), "Is too long.");
        assert_eq!(sentence("Done."), "Done.");
    }
}
