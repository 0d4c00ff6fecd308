//! The page of one's data: exports, and leaving.

use actix_web::HttpResponse;
use actix_web::web::{Data, Form, Path, ServiceConfig};
use minijinja::{Value, context};
use secrecy::SecretString;
use serde::Deserialize;
use uuid::Uuid;

use crate::accounts::data::api::{self, Grace, count_export, download};
use crate::accounts::data::export::{Export, ExportState, start_export};
use crate::accounts::data::repo;
use crate::accounts::passwords::Password;
use crate::accounts::sessions::{Desk, Sessions};
use crate::flow::ctx::Ctx;
use crate::infra::blobs::Blobs;
use crate::web::access::{Confirmed, Need, SignedIn};
use crate::web::cookies;
use crate::web::page::{Notice, PageAccess, Visit};
use crate::web::problem::{Fields, Problem};
use crate::web::routes::{at, get};
use crate::web::throttle::Throttle;

const HERE: &str = "/profile/data";

/// Registers the pages.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(at(HERE).get(show).post(press))
        .service(get("/profile/data/{id}", take));
}

async fn show(
    access: PageAccess<SignedIn>,
    ctx: Data<Ctx>,
    grace: Data<Grace>,
) -> Result<HttpResponse, Problem> {
    let shown = shown(&access, &ctx, &grace).await?;
    access.visit.show("data.html", shown)
}

/// What the page shows.
async fn shown(access: &PageAccess<SignedIn>, ctx: &Ctx, grace: &Grace) -> Result<Value, Problem> {
    let (visit, account, now) = (&access.visit, access.account_id.into(), ctx.now());
    let exports = repo::list(ctx.pool(), account).await?;
    let is_waiting = |export: &Export| export.state(now) == ExportState::Waiting;
    let can_export = !exports.iter().any(is_waiting);
    let exports: Vec<Value> = exports
        .iter()
        .map(|export| one(visit, export, export.state(now)))
        .collect();
    let deletion = repo::deletion_at(ctx.pool(), account).await?;
    Ok(context! {
        exports,
        can_export,
        deletion => deletion.map(|at| context! { date => visit.when(at) }),
        email => visit.visitor().map_or("", |visitor| &visitor.email_shown),
        grace_days => grace.0.num_days(),
    })
}

fn one(visit: &Visit, export: &Export, state: ExportState) -> Value {
    let is_ready = state == ExportState::Ready;
    context! {
        requested => visit.when(export.created_at),
        state => match state {
            ExportState::Waiting => "waiting",
            ExportState::Ready => "ready",
            ExportState::Failed => "failed",
            ExportState::Expired => "gone",
        },
        size => export.size.filter(|_| is_ready).map(size),
        until => is_ready.then(|| visit.when(export.expires_at)),
        href => is_ready.then(|| format!("{HERE}/{}", export.id)),
    }
}

/// A number of bytes, for people.
fn size(bytes: i64) -> String {
    match bytes {
        ..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10),
    }
}

/// What the buttons of the page do.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Press {
    #[serde(rename = "do")]
    what: What,
    #[serde(default)]
    sure: String,
    #[serde(default)]
    password: SecretString,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    Export,
    Delete,
    Keep,
}

async fn press(
    access: PageAccess<SignedIn>,
    form: Form<Press>,
    ctx: Data<Ctx>,
    grace: Data<Grace>,
    services: (Data<Throttle>, Data<Desk>, Data<Sessions>),
) -> Result<HttpResponse, Problem> {
    let (throttle, desk, sessions) = services;
    let form = form.into_inner();
    let done = match form.what {
        What::Export | What::Delete if Confirmed::check(&access, ctx.now()).is_err() => {
            return Ok(access.visit.go(&format!("/confirm?next={HERE}")));
        }
        What::Export => export(&access, &ctx, &throttle).await,
        What::Delete => leave(&access, form, &ctx, (&grace, &desk, &sessions)).await,
        What::Keep => keep(&access, &ctx).await,
    };
    match done {
        Ok(answer) => Ok(answer),
        Err(problem) => {
            let shown = shown(&access, &ctx, &grace).await?;
            access
                .visit
                .again("data.html", shown, context! {}, &problem)
        }
    }
}

async fn export(
    access: &PageAccess<SignedIn>,
    ctx: &Ctx,
    throttle: &Throttle,
) -> Result<HttpResponse, Problem> {
    let account = access.account_id.into();
    count_export(throttle, account, ctx.now()).await?;
    let mut tx = ctx.begin(access.cause()).await?;
    start_export(&mut tx, account).await?;
    tx.commit().await?;
    let notice = Notice::success("Your export is in the making. When it is ready, you get a mail.");
    Ok(access.visit.go_and_tell(HERE, &notice))
}

/// The password is asked for besides a fresh confirmation, as nothing brings an account back.
async fn leave(
    access: &PageAccess<SignedIn>,
    form: Press,
    ctx: &Ctx,
    (grace, desk, sessions): (&Grace, &Desk, &Sessions),
) -> Result<HttpResponse, Problem> {
    let account = access.account_id.into();
    let mut wrong = Fields::default();
    if form.sure != "yes" {
        wrong.refuse("/sure", "has to be ticked");
    }
    if !desk
        .proves(account, &Password::given(form.password))
        .await?
    {
        wrong.refuse("/password", "is not the password of your account");
    }
    if !wrong.is_empty() {
        return Err(wrong.into());
    }
    let deletion_at = api::leave(access, (ctx, sessions), grace).await?;
    let date = access.visit.when(deletion_at);
    let notice = Notice::success(format!(
        "You are signed out, and your account will be deleted on {date}. To keep it, sign in before."
    ));
    let mut answer = access.visit.go_and_tell("/", &notice);
    drop(answer.add_cookie(&cookies::forget(cookies::SESSION)));
    Ok(answer)
}

async fn keep(access: &PageAccess<SignedIn>, ctx: &Ctx) -> Result<HttpResponse, Problem> {
    api::stay(access, ctx).await?;
    let notice = Notice::success("You keep your account.");
    Ok(access.visit.go_and_tell(HERE, &notice))
}

/// Downloads an export.
async fn take(
    access: PageAccess<Confirmed>,
    id: Path<Uuid>,
    ctx: Data<Ctx>,
    blobs: Data<Blobs>,
) -> Result<HttpResponse, Problem> {
    download(&ctx, &blobs, access.account_id.into(), *id).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_as_people_read_them() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1_000, "1 kB"),
            (999_999, "999 kB"),
            (12_345_678, "12.3 MB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
