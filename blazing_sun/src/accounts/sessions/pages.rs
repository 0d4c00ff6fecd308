//! The pages of signing in and out, and of one's sessions.

use actix_web::HttpResponse;
use actix_web::web::{Data, Form, Query, ServiceConfig};
use minijinja::{Value, context};
use secrecy::SecretString;
use serde::Deserialize;
use uuid::Uuid;

use crate::accounts::passwords::Password;
use crate::accounts::second_factor::Checkpoint;
use crate::accounts::second_factor::pages::render_question;
use crate::accounts::sessions::api::{self, challenge_cookie, cookies_of, session_of};
use crate::accounts::sessions::desk::Desk;
use crate::accounts::sessions::device_name::device_name;
use crate::accounts::sessions::repo::{self, Listed};
use crate::accounts::sessions::session::{Kind, Token};
use crate::accounts::sessions::sessions::Sessions;
use crate::accounts::sessions::sign_in::{Opened, Outcome};
use crate::accounts::sessions::sign_out::{sign_out, sign_out_everywhere};
use crate::flow::ctx::Ctx;
use crate::kernel::email::Email;
use crate::web::access::{Confirmed, SignedIn};
use crate::web::client::Client;
use crate::web::cookies;
use crate::web::page::{Notice, PageAccess, Visit, local};
use crate::web::problem::{Fields, Problem};
use crate::web::routes::{at, post};

/// Where somebody is led who did not say where they want to go.
const USUAL: &str = "/profile";

/// Registers the pages.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(at("/sign-in").get(ask).post(sign_in))
        .service(post("/sign-out", leave))
        .service(at("/profile/sessions").get(list).post(end));
}

/// Where to go afterwards.
#[derive(Deserialize)]
pub struct Next {
    #[serde(default)]
    next: String,
}

/// The path to go to afterwards; never to another site.
pub(super) fn target(next: &str) -> &str {
    local(next).unwrap_or(USUAL)
}

async fn ask(visit: Visit, query: Query<Next>) -> Result<HttpResponse, Problem> {
    if visit.caller().is_some() {
        return Ok(visit.go(target(&query.next)));
    }
    visit.show("sign_in.html", context! { next => query.next })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignInForm {
    email: String,
    password: SecretString,
    #[serde(default)]
    next: String,
}

async fn sign_in(
    visit: Visit,
    form: Form<SignInForm>,
    client: Client,
    desk: Data<Desk>,
    checkpoint: Data<Checkpoint>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let SignInForm {
        email,
        password,
        next,
    } = form.into_inner();
    let outcome = async {
        let parsed: Email = email.parse().map_err(|error| Fields::of("/email", error))?;
        let credentials = (parsed, Password::given(password));
        let entering = desk.sign_in(visit.cause(), &client, Kind::Browser, credentials);
        Ok(entering.await?)
    };
    match outcome.await {
        Ok(Outcome::SignedIn(opened)) => Ok(enter(&visit, &opened, &sessions, &next)),
        Ok(Outcome::SecondFactor(challenge)) => {
            let holder = challenge.holder.as_ref().map(Token::reveal);
            let client = Client {
                challenge: holder.map(SecretString::from),
                ..client
            };
            let asking = (&client, &**checkpoint);
            let question = render_question(visit, asking, (&challenge.token, &next), None);
            let mut answer = question.await?;
            if let Some(cookie) = challenge_cookie(&challenge) {
                drop(answer.add_cookie(&cookie));
            }
            Ok(answer)
        }
        Err(problem) => visit.again(
            "sign_in.html",
            context! { next },
            context! { email },
            &problem,
        ),
    }
}

/// Leads somebody in whose session was opened.
pub fn enter(visit: &Visit, opened: &Opened, sessions: &Sessions, next: &str) -> HttpResponse {
    let mut answer = visit.go(target(next));
    for cookie in cookies_of(opened, sessions.settings()) {
        // Only a name or a value with a line break could not be set; these have none.
        drop(answer.add_cookie(&cookie));
    }
    answer
}

async fn leave(
    access: PageAccess<SignedIn>,
    ctx: Data<Ctx>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    api::leave(&access, &ctx, &sessions).await?;
    let mut answer = access
        .visit
        .go_and_tell("/", &Notice::success("You are signed out."));
    drop(answer.add_cookie(&cookies::forget(cookies::SESSION)));
    Ok(answer)
}

async fn list(access: PageAccess<SignedIn>, ctx: Data<Ctx>) -> Result<HttpResponse, Problem> {
    let mut listed = repo::list(ctx.pool(), access.account_id.into()).await?;
    let current = access.session_id();
    listed.sort_by_key(|session| Some(session.id) != current);
    let sessions: Vec<Value> = listed
        .iter()
        .map(|session| shown(&access.visit, session, current))
        .collect();
    access.visit.show("sessions.html", context! { sessions })
}

fn shown(visit: &Visit, session: &Listed, current: Option<Uuid>) -> Value {
    let device = match session.agent.as_str() {
        "" => "A device that says nothing of itself".into(),
        agent => device_name(agent),
    };
    context! {
        id => session.id.to_string(),
        device,
        address => session.address,
        signed_in => visit.when(session.created_at),
        last_seen => visit.when(session.seen_at),
        current => current == Some(session.id),
    }
}

/// What the buttons of the page do.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
enum End {
    End { id: Uuid },
    EndOthers,
}

async fn end(
    access: PageAccess<Confirmed>,
    form: Form<End>,
    ctx: Data<Ctx>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let account = access.account_id.into();
    let mut tx = ctx.begin(access.cause()).await?;
    let ended = match form.into_inner() {
        End::End { id } => sign_out(&mut tx, account, id.into()).await?,
        End::EndOthers => {
            let but = Some(session_of(&access)?);
            sign_out_everywhere(&mut tx, account, but).await?
        }
    };
    tx.commit().await?;
    sessions.forget(&ended).await;
    let notice = match ended.len() {
        1 => Notice::success("The session is ended."),
        number => Notice::success(format!("{number} sessions are ended.")),
    };
    Ok(access.visit.go_and_tell("/profile/sessions", &notice))
}
