//! The pages of changing the address: one to ask for it, and one behind the links of both mails.

use actix_web::HttpResponse;
use actix_web::web::{Data, Form, Query, ServiceConfig};
use minijinja::{Value, context};
use serde::Deserialize;

use crate::accounts::email_change::api::{REQUESTS, count};
use crate::accounts::email_change::cancel::cancel;
use crate::accounts::email_change::confirm::{Agreed, ConfirmError, Side, confirm, open};
use crate::accounts::email_change::repo::{self, Open};
use crate::accounts::email_change::request::request;
use crate::accounts::link::Links;
use crate::accounts::sessions::Sessions;
use crate::flow::ctx::Ctx;
use crate::kernel::email::Email;
use crate::web::access::{Confirmed, Need, SignedIn};
use crate::web::client::Client;
use crate::web::page::{Notice, PageAccess, Visit};
use crate::web::problem::{Fields, Problem};
use crate::web::routes::at;
use crate::web::throttle::Throttle;

/// Where a change is asked for.
const HERE: &str = "/profile/email";

/// Registers the pages.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(at(HERE).get(show).post(press))
        .service(at("/email-change").get(ask).post(agree));
}

async fn show(access: PageAccess<SignedIn>, ctx: Data<Ctx>) -> Result<HttpResponse, Problem> {
    let page = page(&access, &ctx).await?;
    access.visit.show("email.html", page)
}

async fn page(access: &PageAccess<SignedIn>, ctx: &Ctx) -> Result<Value, Problem> {
    let email = access.visit.visitor().map(|visitor| &visitor.email_shown);
    let found = repo::open(ctx.pool(), access.account_id.into(), ctx.now()).await?;
    let pending = found.map(|change| {
        context! {
            email => change.new_email,
            old_confirmed => change.old_confirmed,
            new_confirmed => change.new_confirmed,
            until => access.visit.when(change.expires_at),
        }
    });
    let confirmed = Confirmed::check(access, ctx.now()).is_ok();
    Ok(context! { email, pending, confirmed })
}

/// What the buttons of the page do.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
enum Press {
    Change { email: String },
    Cancel,
}

async fn press(
    access: PageAccess<SignedIn>,
    form: Form<Press>,
    ctx: Data<Ctx>,
    throttle: Data<Throttle>,
) -> Result<HttpResponse, Problem> {
    let account = access.account_id.into();
    let email = match form.into_inner() {
        Press::Change { .. } if Confirmed::check(&access, ctx.now()).is_err() => {
            return Ok(access.visit.go(&format!("/confirm?next={HERE}")));
        }
        Press::Change { email } => email,
        Press::Cancel => {
            let mut tx = ctx.begin(access.cause()).await?;
            cancel(&mut tx, account).await?;
            tx.commit().await?;
            let notice = Notice::success("The change is cancelled.");
            return Ok(access.visit.go_and_tell(HERE, &notice));
        }
    };
    let asked = async {
        let new: Email = email.parse().map_err(|error| Fields::of("/email", error))?;
        let whom = account.to_string();
        throttle
            .take("email-change", &whom, REQUESTS, ctx.now())
            .await?;
        let mut tx = ctx.begin(access.cause()).await?;
        request(&mut tx, account, &new).await?;
        tx.commit().await?;
        Ok::<_, Problem>(())
    };
    match asked.await {
        Ok(()) => {
            let notice = Notice::success("Two mails are on their way.");
            Ok(access.visit.go_and_tell(HERE, &notice))
        }
        Err(problem) => {
            let page = page(&access, &ctx).await?;
            access
                .visit
                .again("email.html", page, context! { email }, &problem)
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

/// The change that a token is for, if it is under way and its side has not agreed yet.
async fn find(ctx: &Ctx, links: &Links, token: &str) -> sqlx::Result<Option<(Side, Open)>> {
    let Some((side, id)) = open(links, token) else {
        return Ok(None);
    };
    let change = repo::find(ctx.pool(), id, ctx.now()).await?;
    let change = change.filter(|change| match side {
        Side::Old => !change.old_confirmed,
        Side::New => !change.new_confirmed,
    });
    Ok(change.map(|change| (side, change)))
}

async fn ask(
    visit: Visit,
    query: Query<Token>,
    client: Client,
    ctx: Data<Ctx>,
    links: Data<Links>,
    throttle: Data<Throttle>,
) -> Result<HttpResponse, Problem> {
    count(&throttle, &client, &ctx).await?;
    match find(&ctx, &links, &query.token).await? {
        Some((side, change)) => step(&visit, "ask", &query.token, &change, side),
        None => bad_link(&visit),
    }
}

async fn agree(
    visit: Visit,
    form: Form<Pressed>,
    client: Client,
    ctx: Data<Ctx>,
    links: Data<Links>,
    throttle: Data<Throttle>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    count(&throttle, &client, &ctx).await?;
    let Some((side, change)) = find(&ctx, &links, &form.token).await? else {
        return bad_link(&visit);
    };
    let mut tx = ctx.begin(visit.cause()).await?;
    match confirm(&mut tx, side, &change).await {
        Ok(Agreed::Half) => {
            tx.commit().await?;
            step(&visit, "half", "", &change, side)
        }
        Ok(Agreed::Moved(ended)) => {
            tx.commit().await?;
            sessions.forget(&ended).await;
            step(&visit, "done", "", &change, side)
        }
        Err(ConfirmError::BadLink) => bad_link(&visit),
        Err(other) => Err(other.into()),
    }
}

fn step(
    visit: &Visit,
    step: &str,
    token: &str,
    change: &Open,
    side: Side,
) -> Result<HttpResponse, Problem> {
    let side = match side {
        Side::Old => "old",
        Side::New => "new",
    };
    let new_email = &change.new_email;
    visit.show(
        "email_change.html",
        context! { step, token, new_email, side },
    )
}

fn bad_link(visit: &Visit) -> Result<HttpResponse, Problem> {
    visit.show("email_change.html", context! { step => "bad_link" })
}
