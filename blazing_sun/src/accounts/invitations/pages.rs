//! The page behind the link of an invitation. Opening it changes nothing, since mail programs open links by themselves.

use actix_web::HttpResponse;
use actix_web::web::{Data, Form, Query, ServiceConfig};
use minijinja::context;
use secrecy::SecretString;
use serde::Deserialize;

use crate::accounts::invitations::accept::{AcceptError, accept, look_up};
use crate::accounts::invitations::api::{AcceptBody, count};
use crate::accounts::link::Links;
use crate::accounts::passwords::Hasher;
use crate::flow::ctx::Ctx;
use crate::web::client::Client;
use crate::web::page::Visit;
use crate::web::problem::Problem;
use crate::web::routes::at;
use crate::web::throttle::Throttle;

/// Registers the page.
pub fn configure(routes: &mut ServiceConfig) {
    routes.service(at("/invitation").get(ask).post(take));
}

#[derive(Deserialize)]
struct Token {
    token: String,
}

/// Asks for a password.
async fn ask(
    visit: Visit,
    query: Query<Token>,
    client: Client,
    ctx: Data<Ctx>,
    links: Data<Links>,
    throttle: Data<Throttle>,
) -> Result<HttpResponse, Problem> {
    count(&throttle, &client, &ctx).await?;
    match look_up(&ctx, &links, &query.token).await {
        Ok((_, open)) => {
            let form = context! { name => open.name };
            let shown = context! { step => "ask", token => query.token, email => open.email };
            visit.show_filled("invitation.html", shown, form)
        }
        Err(AcceptError::BadLink) => not_good(&visit),
        Err(other) => Err(other.into()),
    }
}

fn not_good(visit: &Visit) -> Result<HttpResponse, Problem> {
    visit.show("invitation.html", context! { step => "bad_link" })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InvitationForm {
    token: String,
    #[serde(default)]
    name: String,
    password: SecretString,
}

/// Opens the account.
async fn take(
    visit: Visit,
    form: Form<InvitationForm>,
    client: Client,
    ctx: Data<Ctx>,
    links: Data<Links>,
    hasher: Data<Hasher>,
    throttle: Data<Throttle>,
) -> Result<HttpResponse, Problem> {
    count(&throttle, &client, &ctx).await?;
    let InvitationForm {
        token,
        name,
        password,
    } = form.into_inner();
    let open = match look_up(&ctx, &links, &token).await {
        Ok((_, open)) => open,
        Err(AcceptError::BadLink) => return not_good(&visit),
        Err(other) => return Err(other.into()),
    };
    let body = AcceptBody {
        token: token.clone(),
        name: Some(name.clone()).filter(|name| !name.trim().is_empty()),
        password,
    };
    let acceptance = match body.parse(&ctx, &links, &hasher).await {
        Ok(acceptance) => acceptance,
        Err(problem) => {
            let shown = context! { step => "ask", token, email => open.email };
            return visit.again("invitation.html", shown, context! { name }, &problem);
        }
    };
    let mut tx = ctx.begin(visit.cause()).await?;
    match accept(&mut tx, acceptance).await {
        Ok(_) => tx.commit().await?,
        Err(AcceptError::BadLink) => return not_good(&visit),
        Err(other) => return Err(other.into()),
    }
    visit.show("invitation.html", context! { step => "done" })
}
