//! The pages on which the second factor is set up. Changing it ends the account's other sessions.

use actix_web::HttpResponse;
use actix_web::web::{Data, Form, ServiceConfig};
use minijinja::{Value, context};
use serde::Deserialize;
use serde_json::Value as Json;
use uuid::Uuid;

use crate::accounts::link::Links;
use crate::accounts::second_factor::api::owner;
use crate::accounts::second_factor::authenticator::Setup;
use crate::accounts::second_factor::authenticators::{
    begin_authenticator, begun_authenticator, confirm_authenticator, remove_authenticator,
};
use crate::accounts::second_factor::change::Made;
use crate::accounts::second_factor::passkeys::{
    add_passkey, begin_passkey, remove_passkey, take_registration,
};
use crate::accounts::second_factor::passkeys_api::new_passkey;
use crate::accounts::second_factor::recovery_codes::renew_recovery_codes;
use crate::accounts::second_factor::relying_party::RelyingParty;
use crate::accounts::second_factor::repo;
use crate::accounts::sessions::Sessions;
use crate::flow::ctx::Ctx;
use crate::web::access::{Confirmed, Need, SignedIn};
use crate::web::page::{Notice, PageAccess, Visit};
use crate::web::problem::{Fields, Problem};
use crate::web::routes::at;

/// The page of all that is set up.
const SETTINGS: &str = "/profile/second-factor";
/// The page on which an app is set up.
const APP: &str = "/profile/second-factor/app";

/// Registers the pages.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(at(SETTINGS).get(settings).post(change))
        .service(at(APP).get(set_up).post(confirm_app));
}

/// What the page shows; it begins nothing.
async fn shown(access: &PageAccess<impl Need>, ctx: &Ctx) -> Result<Value, Problem> {
    let account = access.account_id.into();
    let overview = repo::overview(ctx.pool(), account).await?;
    let passkeys: Vec<Value> = repo::list(ctx.pool(), account)
        .await?
        .into_iter()
        .map(|passkey| {
            context! {
                id => passkey.id.to_string(),
                name => passkey.name,
                added => access.visit.when(passkey.created_at),
                last_used => passkey.used_at.map(|moment| access.visit.when(moment)),
            }
        })
        .collect();
    let app = overview
        .authenticator
        .map(|moment| context! { added => access.visit.when(moment) });
    let has_factor = app.is_some() || !passkeys.is_empty();
    let recovery =
        has_factor.then(|| context! { left => overview.codes_left, total => overview.codes });
    Ok(context! { app, passkeys, recovery })
}

async fn settings(access: PageAccess<SignedIn>, ctx: Data<Ctx>) -> Result<HttpResponse, Problem> {
    let shown = shown(&access, &ctx).await?;
    let page = context! { passkey_setup => None::<&str>, ..shown };
    access.visit.show("second_factor_settings.html", page)
}

/// What the buttons of the page do.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
enum Change {
    RemoveApp,
    NewCodes,
    RemovePasskey {
        id: Uuid,
    },
    BeginPasskey,
    AddPasskey {
        state: Uuid,
        credential: String,
        name: String,
    },
}

async fn change(
    access: PageAccess<Confirmed>,
    form: Form<Change>,
    ctx: Data<Ctx>,
    party: Data<RelyingParty>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let owner = owner(&access, true)?;
    let form = form.into_inner();
    if let Change::AddPasskey {
        state,
        credential,
        name,
    } = form
    {
        return add(access, (state, credential, name), &ctx, &party, &sessions).await;
    }
    let mut tx = ctx.begin(access.cause()).await?;
    let (made, notice) = match form {
        Change::RemoveApp => {
            let made = remove_authenticator(&mut tx, owner).await?;
            (made, "The authenticator app is removed.")
        }
        Change::RemovePasskey { id } => {
            let made = remove_passkey(&mut tx, owner, id).await?;
            (made, "The passkey is removed.")
        }
        Change::NewCodes => {
            let made = renew_recovery_codes(&mut tx, owner).await?;
            (made, "There are new recovery codes.")
        }
        Change::BeginPasskey | Change::AddPasskey { .. } => {
            drop(tx);
            return ask_for_passkey(access, &ctx, &party, context! {}, None).await;
        }
    };
    tx.commit().await?;
    sessions.forget(&made.ended).await;
    after(&access.visit, made, notice)
}

/// Shows the recovery codes if there are new ones, else the page with what happened.
fn after(visit: &Visit, made: Made, notice: &str) -> Result<HttpResponse, Problem> {
    match made.recovery_codes {
        Some(codes) => visit.show("recovery_codes.html", context! { codes }),
        None => Ok(visit.go_and_tell(SETTINGS, &Notice::success(notice))),
    }
}

/// Begins to add a passkey, and shows the form that asks the browser for one.
async fn ask_for_passkey(
    access: PageAccess<Confirmed>,
    ctx: &Ctx,
    party: &RelyingParty,
    form: Value,
    problem: Option<&Problem>,
) -> Result<HttpResponse, Problem> {
    let owner = owner(&access, true)?;
    let mut tx = ctx.begin(access.cause()).await?;
    let (setup, refusal) = match begin_passkey(&mut tx, party, owner).await {
        Ok((id, options)) => {
            tx.commit().await?;
            let options = serde_json::to_string(&options);
            let options = options.map_err(|error| Problem::internal(&error))?;
            (Some(context! { options, state => id.to_string() }), None)
        }
        Err(error) => (None, Some(Problem::from(error))),
    };
    let shown = shown(&access, ctx).await?;
    let page = context! { passkey_setup => setup, ..shown };
    let template = "second_factor_settings.html";
    let visit = access.visit.scripted();
    match problem.or(refusal.as_ref()) {
        Some(problem) => visit.again(template, page, form, problem),
        None => visit.show_filled(template, page, form),
    }
}

async fn add(
    access: PageAccess<Confirmed>,
    (state, credential, name): (Uuid, String, String),
    ctx: &Ctx,
    party: &RelyingParty,
    sessions: &Sessions,
) -> Result<HttpResponse, Problem> {
    let owner = owner(&access, true)?;
    let adding = async {
        let credential: Json = serde_json::from_str(&credential).unwrap_or_default();
        let (parsed, answer) = new_passkey(&name, credential)?;
        let state = take_registration(ctx, owner, state).await?;
        let mut tx = ctx.begin(access.cause()).await?;
        let (_, made) = add_passkey(&mut tx, party, owner, state, (&parsed, &answer)).await?;
        tx.commit().await?;
        Ok::<_, Problem>(made)
    };
    match adding.await {
        Ok(made) => {
            sessions.forget(&made.ended).await;
            after(&access.visit, made, "The passkey is added.")
        }
        Err(problem) => {
            ask_for_passkey(access, ctx, party, context! { name }, Some(&problem)).await
        }
    }
}

async fn set_up(
    access: PageAccess<Confirmed>,
    ctx: Data<Ctx>,
    links: Data<Links>,
) -> Result<HttpResponse, Problem> {
    let mut tx = ctx.begin(access.cause()).await?;
    let setup = begin_authenticator(&mut tx, &links, owner(&access, true)?).await?;
    tx.commit().await?;
    access.visit.show("totp_setup.html", setup_page(&setup))
}

fn setup_page(setup: &Setup) -> Value {
    let letters: Vec<char> = setup.secret.chars().collect();
    let groups: Vec<String> = letters.chunks(4).map(String::from_iter).collect();
    context! {
        qr => Value::from_safe_string(setup.picture.clone()),
        secret => groups.join(" "),
        setup => setup.id.to_string(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AppForm {
    setup: Uuid,
    code: String,
}

async fn confirm_app(
    access: PageAccess<Confirmed>,
    form: Form<AppForm>,
    ctx: Data<Ctx>,
    links: Data<Links>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let owner = owner(&access, true)?;
    let mut tx = ctx.begin(access.cause()).await?;
    // Another one was begun since, or it took too long: the picture on the page is of no use.
    let Ok(setup) = begun_authenticator(&mut tx, &links, owner, form.setup).await else {
        let notice = Notice::problem("That picture is not good any more. Scan the new one.");
        return Ok(access.visit.go_and_tell(APP, &notice));
    };
    let confirming = async {
        let code = form.code.parse();
        let code = code.map_err(|error| Fields::of("/code", error))?;
        let made = confirm_authenticator(&mut tx, &links, owner, &code).await?;
        tx.commit().await?;
        Ok::<_, Problem>(made)
    };
    match confirming.await {
        Ok(made) => {
            sessions.forget(&made.ended).await;
            after(&access.visit, made, "The authenticator app is on.")
        }
        Err(problem) => {
            access
                .visit
                .again("totp_setup.html", setup_page(&setup), context! {}, &problem)
        }
    }
}
