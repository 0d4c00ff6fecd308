//! `/api/v1/rules`.

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Json, Path, ServiceConfig};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use crate::flow::ctx::Ctx;
use crate::ledger::books::{self, Books};
use crate::ledger::rules::body::{NewRuleBody, RuleBody};
use crate::ledger::rules::change_rule::{ChangeRuleError, change_rule};
use crate::ledger::rules::create_rule::{CreateRuleError, create_rule};
use crate::ledger::rules::delete_rule::{DeleteRuleError, delete_rule};
use crate::ledger::rules::repo;
use crate::ledger::rules::rule::{MAX_RULES, Rule};
use crate::ledger::transactions::{self, Named, Transaction};
use crate::web::access::{Access, LedgerRead, LedgerWrite};
use crate::web::etag::{self, Expected};
use crate::web::idempotency::Idempotency;
use crate::web::problem::{Fields, Problem};
use crate::web::routes::at;

const RULES: &str = "/api/v1/rules";

/// What this part of the interface says of itself.
#[derive(OpenApi)]
#[openapi(paths(get_rules, post_rule, get_rule, put_rule, remove_rule))]
pub struct Api;

/// Registers the routes.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(at(RULES).get(get_rules).post(post_rule))
        .service(
            at("/api/v1/rules/{id}")
                .get(get_rule)
                .put(put_rule)
                .delete(remove_rule),
        );
}

/// A rule of yours: what has a text in it is from a payee, for a category, and has tags.
#[derive(Serialize, ToSchema)]
struct RuleView {
    id: Uuid,
    /// Its place among the rules, from 1: the first that says something counts.
    position: i32,
    /// What a note or the name of a payee has to have in it; case makes no difference.
    contains: String,
    payee: Option<Named>,
    /// The category that counts: after a merge the one that it was merged into.
    category_id: Option<Uuid>,
    tags: Vec<Named>,
    created_at: DateTime<Utc>,
    /// What an `If-Match` has to name to change it.
    version: i64,
}

impl From<Rule> for RuleView {
    fn from(rule: Rule) -> Self {
        Self {
            id: rule.id.uuid(),
            position: rule.position,
            contains: rule.contains,
            payee: rule.payee,
            category_id: rule.category.map(|category| category.counts_as),
            tags: rule.tags,
            created_at: rule.created_at,
            version: rule.version,
        }
    }
}

/// Your rules.
#[derive(Serialize, ToSchema)]
struct RuleList {
    /// In their order.
    rules: Vec<RuleView>,
}

/// Lists your rules.
#[utoipa::path(get, path = "/api/v1/rules", tag = "rules", security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = RuleList)))]
async fn get_rules(access: Access<LedgerRead>, ctx: Data<Ctx>) -> Result<HttpResponse, Problem> {
    let found = repo::list(ctx.pool(), access.account_id.into()).await?;
    let rules = found.into_iter().map(RuleView::from).collect();
    Ok(HttpResponse::Ok().json(RuleList { rules }))
}

/// Makes a rule, of a transaction that you have corrected or plain. It changes nothing by itself: `/api/v1/suggestions` tells what
/// it says about a new transaction, and what was written down before is changed by applying it.
#[utoipa::path(post, path = "/api/v1/rules", tag = "rules", request_body = NewRuleBody,
    params(Idempotency), security(("session" = []), ("bearer" = [])),
    responses((status = 201, body = RuleView, headers(("Location" = String), ("ETag" = String))),
              (status = 409, description = "There are as many as there may be.")))]
async fn post_rule(
    access: Access<LedgerWrite>,
    key: Idempotency,
    body: Json<NewRuleBody>,
    books: Data<Books>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let owner = access.account_id.into();
    let from = match body.from_transaction {
        Some(id) => Some(corrected(&ctx, access.account_id, id).await?),
        None => None,
    };
    let new = body.into_inner().parse(from.as_ref())?;
    let book = books.of(owner, access.cause()).await?.id;
    key.once(&ctx, access.cause(), async |tx| {
        books::repo::lock(tx, owner).await?;
        let made = create_rule(tx, owner, book, &new).await?;
        Ok(HttpResponse::Created()
            .insert_header((LOCATION, format!("{RULES}/{}", made.id)))
            .insert_header(etag::of(made.version))
            .json(RuleView::from(made)))
    })
    .await
}

async fn corrected(ctx: &Ctx, account: Uuid, id: Uuid) -> Result<Transaction, Problem> {
    let found = transactions::repo::find(ctx.pool(), account.into(), id.into()).await?;
    found.ok_or_else(|| Fields::of("/from_transaction", "is not one of your transactions").into())
}

/// Shows a rule.
#[utoipa::path(get, path = "/api/v1/rules/{id}", tag = "rules", params(("id" = Uuid, Path)),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = RuleView, headers(("ETag" = String)))))]
async fn get_rule(
    access: Access<LedgerRead>,
    id: Path<Uuid>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let found = repo::find(ctx.pool(), access.account_id.into(), (*id).into()).await?;
    Ok(shown(found.ok_or_else(Problem::not_found)?))
}

/// Replaces a rule, and may give it another place. What it changed stays as it is.
#[utoipa::path(put, path = "/api/v1/rules/{id}", tag = "rules", request_body = RuleBody,
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "The ETag of the rule that you read.")),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = RuleView, headers(("ETag" = String))),
              (status = 412, description = "It was changed meanwhile."),
              (status = 428, description = "If-Match is missing.")))]
async fn put_rule(
    access: Access<LedgerWrite>,
    id: Path<Uuid>,
    expected: Expected,
    body: Json<RuleBody>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let (new, position) = body.parse()?;
    let (owner, id) = (access.account_id.into(), (*id).into());
    let mut tx = ctx.begin(access.cause()).await?;
    let book = books::repo::lock(&mut tx, owner).await?;
    let book = book.ok_or_else(Problem::not_found)?.id;
    let check = |version| expected.check(version);
    let changed = change_rule(&mut tx, owner, book, id, &new, position, check).await?;
    tx.commit().await?;
    Ok(shown(changed))
}

/// Deletes a rule. What it changed stays as it is.
#[utoipa::path(delete, path = "/api/v1/rules/{id}", tag = "rules",
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "The ETag of the rule that you read.")),
    security(("session" = []), ("bearer" = [])),
    responses((status = 204), (status = 412, description = "It was changed meanwhile."),
              (status = 428, description = "If-Match is missing.")))]
async fn remove_rule(
    access: Access<LedgerWrite>,
    id: Path<Uuid>,
    expected: Expected,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let (owner, id) = (access.account_id.into(), (*id).into());
    let mut tx = ctx.begin(access.cause()).await?;
    let book = books::repo::lock(&mut tx, owner).await?;
    let book = book.ok_or_else(Problem::not_found)?.id;
    let check = |version| expected.check(version);
    delete_rule(&mut tx, owner, book, id, check).await?;
    tx.commit().await?;
    Ok(HttpResponse::NoContent().finish())
}

fn shown(rule: Rule) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(etag::of(rule.version))
        .json(RuleView::from(rule))
}

fn unknown_category() -> Problem {
    Fields::of("/category_id", "is not one of your categories").into()
}

impl From<CreateRuleError> for Problem {
    fn from(error: CreateRuleError) -> Self {
        match error {
            CreateRuleError::UnknownCategory => unknown_category(),
            CreateRuleError::TooMany => Self::conflict(
                "too_many_rules",
                &format!("There are {MAX_RULES} rules, which is as many as there may be."),
            ),
            CreateRuleError::Database(error) => error.into(),
        }
    }
}

impl From<ChangeRuleError<Problem>> for Problem {
    fn from(error: ChangeRuleError<Problem>) -> Self {
        match error {
            ChangeRuleError::Gone => Self::not_found(),
            ChangeRuleError::Version(problem) => problem,
            ChangeRuleError::UnknownCategory => unknown_category(),
            ChangeRuleError::Database(error) => error.into(),
        }
    }
}

impl From<DeleteRuleError<Problem>> for Problem {
    fn from(error: DeleteRuleError<Problem>) -> Self {
        match error {
            DeleteRuleError::Gone => Self::not_found(),
            DeleteRuleError::Version(problem) => problem,
            DeleteRuleError::Database(error) => error.into(),
        }
    }
}
