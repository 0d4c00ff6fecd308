//! The HTML pages and the stylesheet they share: no script, and a policy that would stop one.

use actix_web::HttpResponse;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ContentType, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::Data;
use minijinja::{Environment, UndefinedBehavior, Value, context};

use crate::web::problem::Problem;

const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The templates of all pages.
pub struct Pages(Environment<'static>);

impl Pages {
    /// Reads the templates; an error is a mistake in one of them.
    pub fn new() -> Result<Self, minijinja::Error> {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        templates.add_global("product", "Blazing Sun");
        templates.add_global("version", env!("CARGO_PKG_VERSION"));
        for (name, source) in [
            (
                "layout.html",
                include_str!("../../templates/web/layout.html"),
            ),
            ("home.html", include_str!("../../templates/web/home.html")),
            (
                "activate.html",
                include_str!("../../templates/web/activate.html"),
            ),
        ] {
            templates.add_template(name, source)?;
        }
        Ok(Self(templates))
    }

    /// Renders a page. It is not stored anywhere, and its address is told to nobody: both may hold what is the reader's own.
    pub fn render(&self, name: &str, context: Value) -> Result<HttpResponse, Problem> {
        let page = self
            .0
            .get_template(name)
            .and_then(|template| template.render(context))
            .map_err(|error| Problem::internal(&error))?;
        Ok(HttpResponse::Ok()
            .content_type(ContentType::html())
            .insert_header((CACHE_CONTROL, "no-store"))
            .insert_header((CONTENT_SECURITY_POLICY, POLICY))
            .insert_header((REFERRER_POLICY, "no-referrer"))
            .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .body(page))
    }
}

/// `GET /`
pub async fn home(pages: Data<Pages>) -> Result<HttpResponse, Problem> {
    pages.render("home.html", context! {})
}

/// `GET /assets/site.css`
pub async fn stylesheet() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/css; charset=utf-8")
        .insert_header((CACHE_CONTROL, "public, max-age=3600"))
        .body(include_str!("../../assets/site.css"))
}
