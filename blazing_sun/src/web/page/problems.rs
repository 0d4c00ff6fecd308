//! Errors as people see them: a browser that asks for a page gets one.

use actix_web::HttpResponse;
use actix_web::dev::ServiceRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::web::Data;
use minijinja::context;

use crate::web::page::Pages;
use crate::web::page::visit::page_for_anybody;
use crate::web::problem::Problem;

/// Somebody who asked for a page.
pub(in crate::web) struct Reader {
    pages: Data<Pages>,
    path: String,
    request_id: String,
}

impl Reader {
    /// Whoever sent this request, if it is a browser that shows what it gets.
    pub fn of(request: &ServiceRequest, request_id: &str) -> Option<Self> {
        let accept = request.headers().get(ACCEPT)?.to_str().ok()?;
        let wants_page = accept.contains("text/html") && !request.path().starts_with("/api/");
        let pages = request.app_data::<Data<Pages>>()?;
        wants_page.then(|| Self {
            pages: pages.clone(),
            path: request.path().to_owned(),
            request_id: request_id.to_owned(),
        })
    }

    /// Gives a problem the form of a page, and leaves other answers as they are.
    pub fn show(&self, answer: HttpResponse) -> HttpResponse {
        let Some(problem) = answer.extensions().get::<Problem>().cloned() else {
            return answer;
        };
        let status = answer.status();
        let (title, text) = words(status);
        let context = context! {
            status => status.as_u16(),
            title => title,
            text => problem.detail().unwrap_or(text),
            advice => None::<&str>,
            link => None::<&str>,
            request_id => status.is_server_error().then_some(&self.request_id),
        };
        let page = page_for_anybody(&self.pages, status, "problem.html", &self.path, context);
        // Without the page the problem itself is a good answer.
        let Ok(mut page) = page else { return answer };
        for (name, value) in answer.headers() {
            let is_of_the_body = *name == CONTENT_TYPE || *name == CONTENT_LENGTH;
            if !is_of_the_body && !page.headers().contains_key(name) {
                page.headers_mut().append(name.clone(), value.clone());
            }
        }
        page
    }
}

/// A title, and what to say where the problem itself says nothing.
fn words(status: StatusCode) -> (&'static str, &'static str) {
    match status {
        StatusCode::NOT_FOUND => (
            "There is no such page",
            "The address may be mistyped, or the page is gone.",
        ),
        StatusCode::FORBIDDEN => ("This is not for you", "You may not do this."),
        StatusCode::METHOD_NOT_ALLOWED => (
            "That does not work here",
            "This address takes no such request.",
        ),
        StatusCode::TOO_MANY_REQUESTS => ("Too often", "Wait a moment, then try again."),
        StatusCode::SERVICE_UNAVAILABLE => (
            "Not now",
            "There is too much to do, or something is away. Try again in a few seconds.",
        ),
        status if status.is_client_error() => (
            "That was not understood",
            "The request is not as it should be. Go back and try again.",
        ),
        _ => (
            "Something went wrong",
            "It is our fault, and nothing you sent was kept.",
        ),
    }
}
