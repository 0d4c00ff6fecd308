//! `/api/v1/rules/{id}/preview` and `/apply`.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query, ServiceConfig};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};
use uuid::Uuid;

use crate::flow::ctx::Ctx;
use crate::ledger::books;
use crate::ledger::rules::apply_rule::{self, ApplyRuleError};
use crate::ledger::rules::repo;
use crate::ledger::transactions::api::TransactionView;
use crate::ledger::transactions::{Cursor, Reconciled};
use crate::web::access::{Access, LedgerRead, LedgerWrite};
use crate::web::etag::{self, Expected};
use crate::web::paging;
use crate::web::problem::{Fields, Problem};
use crate::web::routes::post;

/// What this part of the interface says of itself.
#[derive(OpenApi)]
#[openapi(paths(post_preview, post_apply))]
pub struct Api;

/// Registers the routes.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(post("/api/v1/rules/{id}/preview", post_preview))
        .service(post("/api/v1/rules/{id}/apply", post_apply));
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PreviewQuery {
    /// `true`: also those that were compared with what the bank says.
    #[serde(default)]
    reconciled: bool,
    /// The `next` of the page before.
    #[param(max_length = 60)]
    after: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<i64>,
}

impl PreviewQuery {
    fn parse(&self) -> Result<(Option<Cursor>, i64), Problem> {
        let mut fields = Fields::default();
        let after = self.after.as_deref().map(str::parse).transpose();
        let after = fields.take("/after", after);
        let limit = fields.take("/limit", paging::limit(self.limit));
        match (after, limit) {
            (Some(after), Some(limit)) => Ok((after, limit)),
            _ => Err(fields.into()),
        }
    }
}

fn reconciled(asked: bool) -> Reconciled {
    if asked {
        Reconciled::Touch
    } else {
        Reconciled::Keep
    }
}

/// What a rule would change.
#[derive(Serialize, ToSchema)]
struct Preview {
    /// The latest day first.
    changes: Vec<ChangeView>,
    /// The `after` of the next page; none on the last one.
    next: Option<String>,
}

/// What a rule would make of a transaction.
#[derive(Serialize, ToSchema)]
#[schema(as = RuleChangeView)]
struct ChangeView {
    before: TransactionView,
    after: TransactionView,
}

/// Shows which transactions a rule would change, and how. It changes nothing.
#[utoipa::path(post, path = "/api/v1/rules/{id}/preview", tag = "rules", params(("id" = Uuid, Path), PreviewQuery),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = Preview, headers(("ETag" = String))),
              (status = 422, description = "A parameter is out of bounds.")))]
async fn post_preview(
    access: Access<LedgerRead>,
    id: Path<Uuid>,
    query: Query<PreviewQuery>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let (after, limit) = query.parse()?;
    let (pool, owner) = (ctx.pool(), access.account_id.into());
    let rule = repo::find(pool, owner, (*id).into()).await?;
    let rule = rule.ok_or_else(Problem::not_found)?;
    let touch = reconciled(query.reconciled);
    let mut found = apply_rule::affected(pool, owner, &rule, touch, after, limit + 1).await?;
    let next = paging::cut(&mut found, limit, Cursor::behind);
    let changes = found.into_iter().filter_map(|before| {
        let after = rule.sort(&before, touch, ctx.now())?.into();
        let before = before.into();
        Some(ChangeView { before, after })
    });
    Ok(HttpResponse::Ok()
        .insert_header(etag::of(rule.version))
        .json(Preview {
            changes: changes.collect(),
            next: next.map(|next| next.to_string()),
        }))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ApplyQuery {
    /// `true`: also to those that were compared with what the bank says.
    #[serde(default)]
    reconciled: bool,
}

/// What was done.
#[derive(Serialize, ToSchema)]
struct AppliedView {
    /// How many transactions are different now.
    changed: usize,
    /// Whether there are more that the rule would change: apply it again.
    more: bool,
}

/// Applies a rule to the first 200 transactions that the preview shows, each as a change of its own.
#[utoipa::path(post, path = "/api/v1/rules/{id}/apply", tag = "rules",
    params(("id" = Uuid, Path), ApplyQuery,
           ("If-Match" = String, Header, description = "The ETag of the rule whose preview you read.")),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = AppliedView),
              (status = 412, description = "It was changed meanwhile."),
              (status = 428, description = "If-Match is missing.")))]
async fn post_apply(
    access: Access<LedgerWrite>,
    id: Path<Uuid>,
    query: Query<ApplyQuery>,
    expected: Expected,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let owner = access.account_id.into();
    let mut tx = ctx.begin(access.cause()).await?;
    books::repo::lock(&mut tx, owner).await?;
    let check = |version| expected.check(version);
    let touch = reconciled(query.reconciled);
    let done = apply_rule::apply_rule(&mut tx, owner, (*id).into(), touch, check).await?;
    tx.commit().await?;
    Ok(HttpResponse::Ok().json(AppliedView {
        changed: done.changed,
        more: done.more,
    }))
}

impl From<ApplyRuleError<Problem>> for Problem {
    fn from(error: ApplyRuleError<Problem>) -> Self {
        match error {
            ApplyRuleError::Gone => Self::not_found(),
            ApplyRuleError::Version(problem) => problem,
            ApplyRuleError::Refused(error) => Self::internal(&error),
            ApplyRuleError::Database(error) => error.into(),
        }
    }
}
