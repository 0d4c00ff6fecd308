//! How each mail looks, filled with samples: for those who develop, where `MAIL_PREVIEWS` lets them.

use actix_web::HttpResponse;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ContentType, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::{Data, Path, ServiceConfig};
use minijinja::{Value, context};

use crate::mail::{Mails, Preview};
use crate::web::page::Visit;
use crate::web::problem::Problem;
use crate::web::routes::get;

/// A mail brings its styles along, since programs that read mail load none; it needs nothing else.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// Registers the list and the previews.
pub fn configure(routes: &mut ServiceConfig, mails: &Data<Mails>) {
    routes
        .app_data(mails.clone())
        .service(get("/dev/mails", list))
        .service(get("/dev/mails/{name}/html", html))
        .service(get("/dev/mails/{name}/text", text));
}

async fn list(visit: Visit, mails: Data<Mails>) -> Result<HttpResponse, Problem> {
    let mails: Vec<Value> = mails
        .list()
        .map(|(name, summary)| {
            context! {
                name,
                summary,
                html => format!("/dev/mails/{name}/html"),
                text => format!("/dev/mails/{name}/text"),
            }
        })
        .collect();
    visit.show("dev_mails.html", context! { mails })
}

async fn html(name: Path<String>, mails: Data<Mails>) -> Result<HttpResponse, Problem> {
    let preview = find(&mails, &name)?;
    Ok(shown(ContentType::html(), preview.rendered.html))
}

/// With the subject, which in the other form is the page's title.
async fn text(name: Path<String>, mails: Data<Mails>) -> Result<HttpResponse, Problem> {
    let Preview { subject, rendered } = find(&mails, &name)?;
    let text = format!("Subject: {subject}\n\n{}", rendered.text);
    Ok(shown(ContentType::plaintext(), text))
}

fn find(mails: &Mails, name: &str) -> Result<Preview, Problem> {
    mails
        .preview(name)
        .ok_or_else(Problem::not_found)?
        .map_err(|error| Problem::internal(&error))
}

fn shown(kind: ContentType, body: String) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(kind)
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(body)
}
