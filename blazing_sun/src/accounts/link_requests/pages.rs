//! The pages on which a link is asked for.

use actix_web::HttpResponse;
use actix_web::web::{Data, Form, ServiceConfig};
use minijinja::context;
use serde::Deserialize;

use crate::accounts::link_requests::api::take;
use crate::accounts::link_requests::request_link::Wish;
use crate::accounts::passwords::RESET;
use crate::accounts::registration::ACTIVATION;
use crate::flow::ctx::Ctx;
use crate::web::client::Client;
use crate::web::page::Visit;
use crate::web::problem::Problem;
use crate::web::routes::at;
use crate::web::throttle::Throttle;

/// Registers the pages.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(at("/forgot").get(ask_forgot).post(forgot))
        .service(at("/resend").get(ask_resend).post(resend));
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LinkForm {
    email: String,
}

async fn ask_forgot(visit: Visit) -> Result<HttpResponse, Problem> {
    visit.show("forgot.html", context! {})
}

async fn forgot(
    visit: Visit,
    form: Form<LinkForm>,
    client: Client,
    ctx: Data<Ctx>,
    throttle: Data<Throttle>,
) -> Result<HttpResponse, Problem> {
    let email = form.into_inner().email;
    let asking = (&client, visit.cause());
    match take(Wish::Password, &email, asking, (&ctx, &throttle)).await {
        Ok(()) => {
            let shown = context! { email, hours => RESET.num_hours() };
            visit.show("forgot_sent.html", shown)
        }
        Err(problem) => visit.again("forgot.html", context! {}, context! { email }, &problem),
    }
}

async fn ask_resend(visit: Visit) -> Result<HttpResponse, Problem> {
    visit.show("resend.html", context! {})
}

async fn resend(
    visit: Visit,
    form: Form<LinkForm>,
    client: Client,
    ctx: Data<Ctx>,
    throttle: Data<Throttle>,
) -> Result<HttpResponse, Problem> {
    let email = form.into_inner().email;
    let asking = (&client, visit.cause());
    match take(Wish::Activation, &email, asking, (&ctx, &throttle)).await {
        Ok(()) => {
            let shown = context! { again => true, email, hours => ACTIVATION.num_hours() };
            visit.show("sign_up_sent.html", shown)
        }
        Err(problem) => visit.again("resend.html", context! {}, context! { email }, &problem),
    }
}
