//! The page behind the link of the activation mail. Opening it changes nothing, since mail programs open links by
//! themselves; its button does.

use actix_web::HttpResponse;
use actix_web::web::{Data, Form, Query, ServiceConfig};
use minijinja::context;
use serde::Deserialize;

use crate::accounts::link::Links;
use crate::accounts::registration::activate::{ActivateError, activate};
use crate::flow::ctx::{Cause, Ctx};
use crate::web::page::Pages;
use crate::web::problem::Problem;
use crate::web::routes::at;

/// Registers the pages.
pub fn configure(routes: &mut ServiceConfig) {
    routes.service(at("/activate").get(show).post(press));
}

#[derive(Deserialize)]
struct Token {
    token: String,
}

/// Asks whether the account should be activated.
async fn show(pages: Data<Pages>, token: Query<Token>) -> Result<HttpResponse, Problem> {
    pages.render(
        "activate.html",
        context! { step => "ask", token => token.token },
    )
}

/// Activates it.
async fn press(
    pages: Data<Pages>,
    token: Form<Token>,
    cause: Cause,
    ctx: Data<Ctx>,
    links: Data<Links>,
) -> Result<HttpResponse, Problem> {
    let mut tx = ctx.begin(cause).await?;
    let step = match activate(&mut tx, &links, &token.token).await {
        Ok(_) => {
            tx.commit().await?;
            "done"
        }
        Err(ActivateError::BadLink) => "bad_link",
        Err(other) => return Err(other.into()),
    };
    pages.render("activate.html", context! { step })
}
