//! `/profile/tokens`: making and revoking API tokens.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Form, ServiceConfig};
use minijinja::{Value, context};
use uuid::Uuid;

use crate::accounts::tokens::api::parse;
use crate::accounts::tokens::create_token::create_token;
use crate::accounts::tokens::repo::{self, Listed};
use crate::accounts::tokens::revoke_token::revoke_token;
use crate::flow::ctx::Ctx;
use crate::web::access::{Confirmed, Scope};
use crate::web::page::{Notice, PageAccess, Visit};
use crate::web::problem::Problem;
use crate::web::routes::at;

const PAGE: &str = "/profile/tokens";

/// Registers the pages.
pub fn configure(routes: &mut ServiceConfig) {
    routes.service(at(PAGE).get(list).post(change));
}

/// Making a token needs a fresh confirmation. It is asked for before the form is filled in, not after.
async fn list(access: PageAccess<Confirmed>, ctx: Data<Ctx>) -> Result<HttpResponse, Problem> {
    let shown = page(&access, &ctx, None).await?;
    access.visit.show_filled("tokens.html", shown, proposed())
}

/// What a token is, unless somebody says otherwise.
fn proposed() -> Value {
    context! { scopes => [Scope::ProfileRead.name()], days => "90" }
}

/// The fields of both forms. A name may come several times, which is how a form says a list.
struct Fields(Vec<(String, String)>);

impl Fields {
    fn all(&self, name: &str) -> Vec<&str> {
        let named = self.0.iter().filter(|(known, _)| known == name);
        named.map(|(_, value)| value.as_str()).collect()
    }

    fn one(&self, name: &str) -> &str {
        self.all(name).first().copied().unwrap_or_default()
    }

    fn has_others_than(&self, known: &[&str]) -> bool {
        self.0
            .iter()
            .any(|(name, _)| !known.contains(&name.as_str()))
    }
}

async fn change(
    access: PageAccess<Confirmed>,
    form: Form<Vec<(String, String)>>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let fields = Fields(form.into_inner());
    if fields.has_others_than(&["do", "id", "name", "days", "scopes"]) {
        return Err(Problem::of_status(StatusCode::BAD_REQUEST));
    }
    match fields.one("do") {
        "create" => create(&access, &fields, &ctx).await,
        "revoke" => revoke(&access, fields.one("id"), &ctx).await,
        _ => Err(Problem::of_status(StatusCode::BAD_REQUEST)),
    }
}

/// Makes a token and shows it. (Not after another request: it could not be shown there.)
async fn create(
    access: &PageAccess<Confirmed>,
    fields: &Fields,
    ctx: &Ctx,
) -> Result<HttpResponse, Problem> {
    let (name, days, scopes) = (fields.one("name"), fields.one("days"), fields.all("scopes"));
    let made = async {
        // What is no number is no number of days either.
        let new = parse(
            name,
            scopes.iter().copied(),
            days.parse().unwrap_or_default(),
        )?;
        let mut tx = ctx.begin(access.cause()).await?;
        let made = create_token(&mut tx, access.account_id.into(), new).await?;
        tx.commit().await?;
        Ok::<_, Problem>(made)
    };
    match made.await {
        Ok((token, listed)) => {
            let secret = context! { name => listed.name, token => token.reveal() };
            let shown = page(access, ctx, Some(secret)).await?;
            access.visit.show_filled("tokens.html", shown, proposed())
        }
        Err(problem) => {
            let shown = page(access, ctx, None).await?;
            let form = context! { name, scopes, days };
            access.visit.again("tokens.html", shown, form, &problem)
        }
    }
}

async fn revoke(
    access: &PageAccess<Confirmed>,
    id: &str,
    ctx: &Ctx,
) -> Result<HttpResponse, Problem> {
    let id: Uuid = id.parse().map_err(|_| Problem::not_found())?;
    let mut tx = ctx.begin(access.cause()).await?;
    revoke_token(&mut tx, access.account_id.into(), id).await?;
    tx.commit().await?;
    let notice = Notice::success("The token is revoked.");
    Ok(access.visit.go_and_tell(PAGE, &notice))
}

async fn page(
    access: &PageAccess<Confirmed>,
    ctx: &Ctx,
    secret: Option<Value>,
) -> Result<Value, Problem> {
    let listed = repo::list(ctx.pool(), access.account_id.into()).await?;
    let tokens: Vec<Value> = listed
        .iter()
        .map(|token| shown(&access.visit, ctx, token))
        .collect();
    let scopes = Scope::ALL.map(|scope| {
        let about = match scope {
            Scope::ProfileRead => "Read your profile",
            Scope::ProfileWrite => "Read and change your profile",
            Scope::LedgerRead => "Read your ledger",
            Scope::LedgerWrite => "Read and change your ledger",
        };
        context! { value => scope.name(), label => scope.name(), about => about }
    });
    let expiry = [
        ("7", "A week"),
        ("30", "30 days"),
        ("90", "90 days"),
        ("365", "A year"),
    ]
    .map(|(value, label)| context! { value, label });
    Ok(context! { secret, tokens, scopes, expiry })
}

fn shown(visit: &Visit, ctx: &Ctx, token: &Listed) -> Value {
    let scopes: Vec<&str> = token.scopes.iter().map(|scope| scope.name()).collect();
    context! {
        id => token.id.to_string(),
        name => token.name,
        scopes,
        created => visit.when(token.created_at),
        last_used => token.seen_at.map(|at| visit.when(at)),
        expires => visit.when(token.expires_at),
        expired => token.expires_at <= ctx.now(),
    }
}
