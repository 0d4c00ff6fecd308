//! The first page.

use actix_web::HttpResponse;
use minijinja::context;

use crate::web::page::Visit;
use crate::web::problem::Problem;

/// `GET /`
pub async fn show(visit: Visit) -> Result<HttpResponse, Problem> {
    visit.show("home.html", context! {})
}
