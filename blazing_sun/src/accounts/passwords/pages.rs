//! The page behind the link of the reset mail, and the one on which the password is changed. Opening a link changes
//! nothing, since mail programs open them by themselves.

use actix_web::HttpResponse;
use actix_web::web::{Data, Form, Query, ServiceConfig};
use minijinja::{Value, context};
use secrecy::SecretString;
use serde::Deserialize;

use crate::accounts::passwords::api::not_changed;
use crate::accounts::passwords::desk::{NotReset, PasswordDesk};
use crate::accounts::passwords::reset::ResetError;
use crate::accounts::sessions::Sessions;
use crate::accounts::sessions::api::{session_cookie, session_of};
use crate::web::access::SignedIn;
use crate::web::client::Client;
use crate::web::page::{Notice, PageAccess, Visit};
use crate::web::problem::Problem;
use crate::web::routes::at;

/// Registers the pages.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(at("/reset").get(ask).post(reset))
        .service(at("/profile/password").get(show).post(change));
}

#[derive(Deserialize)]
struct Token {
    token: String,
}

/// Asks for the new password, unless the link is not good any more.
async fn ask(
    visit: Visit,
    token: Query<Token>,
    client: Client,
    desk: Data<PasswordDesk>,
) -> Result<HttpResponse, Problem> {
    match desk.look_up(&client, &token.token).await {
        Ok(()) => visit.show("reset.html", asking(&token.token)),
        Err(NotReset::Reset(ResetError::BadLink)) => bad_link(&visit),
        Err(other) => Err(other.into()),
    }
}

fn bad_link(visit: &Visit) -> Result<HttpResponse, Problem> {
    visit.show("reset.html", context! { step => "bad_link" })
}

fn asking(token: &str) -> Value {
    context! { step => "ask", token }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResetForm {
    token: String,
    password: SecretString,
}

async fn reset(
    visit: Visit,
    form: Form<ResetForm>,
    client: Client,
    desk: Data<PasswordDesk>,
) -> Result<HttpResponse, Problem> {
    let ResetForm { token, password } = form.into_inner();
    let resetting = desk.reset(visit.cause(), &client, &token, password);
    match resetting.await {
        Ok(()) => visit.show("reset.html", context! { step => "done" }),
        Err(NotReset::Reset(ResetError::BadLink)) => bad_link(&visit),
        Err(other) => visit.again("reset.html", asking(&token), context! {}, &other.into()),
    }
}

async fn show(access: PageAccess<SignedIn>) -> Result<HttpResponse, Problem> {
    access.visit.show("password.html", shown(&access.visit))
}

/// What the page shows: the address, for password managers.
fn shown(visit: &Visit) -> Value {
    let email = visit.visitor().map(|visitor| visitor.email_shown.as_str());
    context! { email => email.unwrap_or_default() }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PasswordForm {
    current: SecretString,
    password: SecretString,
}

async fn change(
    access: PageAccess<SignedIn>,
    form: Form<PasswordForm>,
    desk: Data<PasswordDesk>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let (account, session) = (access.account_id.into(), session_of(&access)?);
    let PasswordForm { current, password } = form.into_inner();
    let changing = desk.change(access.cause(), account, session, (current, password));
    let token = match changing.await {
        Ok(token) => token,
        Err(error) => {
            let problem = not_changed(error, "/current", "/password");
            let (page, shown) = ("password.html", shown(&access.visit));
            return access.visit.again(page, shown, context! {}, &problem);
        }
    };
    let notice = Notice::success("Your password is changed. Your other sessions have ended.");
    let mut answer = access.visit.go_and_tell("/profile/password", &notice);
    if let Some(token) = &token {
        // Only a name or a value with a line break could not be set; these have none.
        drop(answer.add_cookie(&session_cookie(token, sessions.settings())));
    }
    Ok(answer)
}
