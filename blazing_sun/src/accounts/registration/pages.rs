//! The pages of signing up, and the one behind the link of the activation mail. Opening that one changes nothing, since mail
//! programs open links by themselves; its button does.

use actix_web::HttpResponse;
use actix_web::web::{Data, Form, Query, ServiceConfig};
use minijinja::context;
use secrecy::SecretString;
use serde::Deserialize;

use crate::accounts::link::Links;
use crate::accounts::passwords::Hasher;
use crate::accounts::registration::activate::{ActivateError, activate};
use crate::accounts::registration::api::{self, SignUpBody};
use crate::accounts::registration::counts;
use crate::accounts::registration::sign_up::ACTIVATION;
use crate::flow::ctx::Ctx;
use crate::web::client::Client;
use crate::web::page::Visit;
use crate::web::problem::Problem;
use crate::web::routes::at;
use crate::web::throttle::Throttle;

/// Registers the pages.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(at("/sign-up").get(ask).post(open))
        .service(at("/activate").get(show).post(press));
}

async fn ask(visit: Visit) -> Result<HttpResponse, Problem> {
    visit.show("sign_up.html", context! {})
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignUpForm {
    email: String,
    #[serde(default)]
    name: String,
    password: SecretString,
}

/// Opens an account.
async fn open(
    visit: Visit,
    form: Form<SignUpForm>,
    client: Client,
    ctx: Data<Ctx>,
    hasher: Data<Hasher>,
    throttle: Data<Throttle>,
) -> Result<HttpResponse, Problem> {
    let SignUpForm {
        email,
        name,
        password,
    } = form.into_inner();
    let body = SignUpBody {
        email: email.clone(),
        name: Some(name.clone()).filter(|name| !name.trim().is_empty()),
        password,
    };
    let asking = (&client, visit.cause());
    match api::open(body, asking, (&ctx, &hasher, &throttle)).await {
        Ok(()) => visit.show(
            "sign_up_sent.html",
            context! { again => false, email, hours => ACTIVATION.num_hours() },
        ),
        Err(problem) => {
            let form = context! { email, name };
            visit.again("sign_up.html", context! {}, form, &problem)
        }
    }
}

#[derive(Deserialize)]
struct Token {
    token: String,
}

/// The same, as the button sends it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pressed {
    token: String,
}

/// Asks whether the account should be activated.
async fn show(visit: Visit, token: Query<Token>) -> Result<HttpResponse, Problem> {
    let context = context! { step => "ask", token => token.token };
    visit.show("activate.html", context)
}

/// Activates it.
async fn press(
    visit: Visit,
    token: Form<Pressed>,
    client: Client,
    ctx: Data<Ctx>,
    links: Data<Links>,
    throttle: Data<Throttle>,
) -> Result<HttpResponse, Problem> {
    counts::activation(&throttle, &client, ctx.now()).await?;
    let mut tx = ctx.begin(visit.cause()).await?;
    let step = match activate(&mut tx, &links, &token.token).await {
        Ok(_) => {
            tx.commit().await?;
            "done"
        }
        Err(ActivateError::BadLink) => "bad_link",
        Err(other) => return Err(other.into()),
    };
    visit.show("activate.html", context! { step })
}
