//! `/api/v1/payees`.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path, Query, ServiceConfig};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};
use uuid::Uuid;

use crate::flow::ctx::Ctx;
use crate::kernel::name::Label;
use crate::ledger::books;
use crate::ledger::by_name::{Cursor, Part};
use crate::ledger::payees::change_payee::{ChangePayeeError, Changes, change_payee};
use crate::ledger::payees::delete_payee::{DeletePayeeError, delete_payee};
use crate::ledger::payees::merge_payee::{MergePayeeError, merge_payee};
use crate::ledger::payees::payee::{Habit, MAX_ALIASES, Payee};
use crate::ledger::payees::repo;
use crate::web::access::{Access, LedgerRead, LedgerWrite};
use crate::web::etag::{self, Expected};
use crate::web::paging;
use crate::web::problem::{Fields, Problem};
use crate::web::routes::{at, get, post};

/// What this part of the interface says of itself.
#[derive(OpenApi)]
#[openapi(paths(get_payees, get_payee, patch_payee, remove_payee, post_merge))]
pub struct Api;

/// Registers the routes.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(get("/api/v1/payees", get_payees))
        .service(
            at("/api/v1/payees/{id}")
                .get(get_payee)
                .patch(patch_payee)
                .delete(remove_payee),
        )
        .service(post("/api/v1/payees/{id}/merge", post_merge));
}

/// A payee of yours. New ones are made of the names in transactions and rules.
#[derive(Serialize, ToSchema)]
struct PayeeView {
    id: Uuid,
    name: String,
    /// The other spellings that lead to it, in lower case and with single spaces.
    aliases: Vec<String>,
    created_at: DateTime<Utc>,
    /// What an `If-Match` has to name to change it.
    version: i64,
}

impl From<Payee> for PayeeView {
    fn from(payee: Payee) -> Self {
        Self {
            id: payee.id.uuid(),
            name: payee.name,
            aliases: payee.aliases,
            created_at: payee.created_at,
            version: payee.version,
        }
    }
}

/// A payee, and what a new transaction with it will probably be.
#[derive(Serialize, ToSchema)]
struct PayeeAndProposal {
    #[serde(flatten)]
    about: PayeeView,
    /// What the newest transaction with it was for, and where it moved.
    proposal: Habit,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// One of its spellings has this in it.
    #[param(min_length = 1, max_length = 100)]
    text: Option<String>,
    /// The `next` of the page before.
    #[param(max_length = 1000)]
    after: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<i64>,
}

impl ListQuery {
    fn parse(&self) -> Result<(Option<Part>, Option<Cursor>, i64), Problem> {
        let mut fields = Fields::default();
        let part = self.text.as_deref().map(str::parse).transpose();
        let part = fields.take("/text", part);
        let after = self.after.as_deref().map(str::parse).transpose();
        let after = fields.take("/after", after);
        let limit = fields.take("/limit", paging::limit(self.limit));
        match (part, after, limit) {
            (Some(part), Some(after), Some(limit)) => Ok((part, after, limit)),
            _ => Err(fields.into()),
        }
    }
}

/// A page of payees.
#[derive(Serialize, ToSchema)]
struct PayeeList {
    /// By their names.
    payees: Vec<PayeeView>,
    /// The `after` of the next page; none on the last one.
    next: Option<String>,
}

/// Lists your payees.
#[utoipa::path(get, path = "/api/v1/payees", tag = "payees", params(ListQuery),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = PayeeList), (status = 422, description = "A parameter is out of bounds.")))]
async fn get_payees(
    access: Access<LedgerRead>,
    query: Query<ListQuery>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let (part, after, limit) = query.parse()?;
    let owner = access.account_id.into();
    let mut found = repo::list(ctx.pool(), owner, part.as_ref(), after, limit + 1).await?;
    let next = paging::cut(&mut found, limit, |(_, place)| place.to_string());
    let payees = found.into_iter().map(|(payee, _)| payee.into()).collect();
    Ok(HttpResponse::Ok().json(PayeeList { payees, next }))
}

/// Shows a payee, and what a new transaction with it will probably be.
#[utoipa::path(get, path = "/api/v1/payees/{id}", tag = "payees", params(("id" = Uuid, Path)),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = PayeeAndProposal, headers(("ETag" = String)))))]
async fn get_payee(
    access: Access<LedgerRead>,
    id: Path<Uuid>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let (owner, id) = (access.account_id.into(), (*id).into());
    let found = repo::find(ctx.pool(), owner, id).await?;
    let found = found.ok_or_else(Problem::not_found)?;
    let proposal = repo::habit(ctx.pool(), owner, id).await?;
    Ok(HttpResponse::Ok()
        .insert_header(etag::of(found.version))
        .json(PayeeAndProposal {
            about: found.into(),
            proposal,
        }))
}

/// What is to change; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PayeeBody {
    /// The old name leads to it still, as an alias.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// All other spellings that are to lead to it. Case and spaces make no difference.
    #[serde(default)]
    #[schema(max_items = 100)]
    aliases: Option<Vec<String>>,
}

impl PayeeBody {
    fn parse(&self) -> Result<Changes, Problem> {
        let mut fields = Fields::default();
        let name = fields.take("/name", self.name.as_deref().map(str::parse).transpose());
        let aliases = self
            .aliases
            .as_deref()
            .map(|given| aliases(given, &mut fields));
        match name {
            Some(name) if fields.is_empty() => Ok(Changes { name, aliases }),
            _ => Err(fields.into()),
        }
    }
}

fn aliases(given: &[String], fields: &mut Fields) -> Vec<Label> {
    if given.len() > MAX_ALIASES {
        fields.refuse("/aliases", format!("has more than {MAX_ALIASES} names"));
    }
    let given = given.iter().take(MAX_ALIASES).enumerate();
    given
        .filter_map(|(place, name)| fields.take(format!("/aliases/{place}"), name.parse()))
        .collect()
}

/// Renames a payee, or says which other spellings lead to it.
#[utoipa::path(patch, path = "/api/v1/payees/{id}", tag = "payees", request_body = PayeeBody,
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "The ETag of the payee that you read.")),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = PayeeView, headers(("ETag" = String))),
              (status = 409, description = "The name leads to another payee, or there would be too many names."),
              (status = 412, description = "It was changed meanwhile."),
              (status = 428, description = "If-Match is missing.")))]
async fn patch_payee(
    access: Access<LedgerWrite>,
    id: Path<Uuid>,
    expected: Expected,
    body: Json<PayeeBody>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let changes = body.parse()?;
    let (owner, id) = (access.account_id.into(), (*id).into());
    let mut tx = ctx.begin(access.cause()).await?;
    let book = books::repo::lock(&mut tx, owner).await?;
    let book = book.ok_or_else(Problem::not_found)?.id;
    let check = |version| expected.check(version);
    let changed = change_payee(&mut tx, owner, book, id, changes, check).await?;
    tx.commit().await?;
    Ok(shown(changed))
}

/// Deletes a payee that nothing names.
#[utoipa::path(delete, path = "/api/v1/payees/{id}", tag = "payees",
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "The ETag of the payee that you read.")),
    security(("session" = []), ("bearer" = [])),
    responses((status = 204), (status = 409, description = "A transaction or a rule names it: merge it instead."),
              (status = 412, description = "It was changed meanwhile."),
              (status = 428, description = "If-Match is missing.")))]
async fn remove_payee(
    access: Access<LedgerWrite>,
    id: Path<Uuid>,
    expected: Expected,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let owner = access.account_id.into();
    let mut tx = ctx.begin(access.cause()).await?;
    books::repo::lock(&mut tx, owner).await?;
    let check = |version| expected.check(version);
    delete_payee(&mut tx, owner, (*id).into(), check).await?;
    tx.commit().await?;
    Ok(HttpResponse::NoContent().finish())
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PayeeMergeBody)]
struct MergeBody {
    /// The payee that stays.
    into: Uuid,
}

/// Merges a payee into another, for good: its names lead there, and its transactions are with the other one. These keep their
/// versions.
#[utoipa::path(post, path = "/api/v1/payees/{id}/merge", tag = "payees", request_body = MergeBody,
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "The ETag of the payee that is to go.")),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = PayeeView, description = "The payee that stays.", headers(("ETag" = String))),
              (status = 409, description = "There would be too many names, or a transaction was written down meanwhile."),
              (status = 412, description = "It was changed meanwhile."),
              (status = 428, description = "If-Match is missing.")))]
async fn post_merge(
    access: Access<LedgerWrite>,
    id: Path<Uuid>,
    expected: Expected,
    body: Json<MergeBody>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let (owner, id) = (access.account_id.into(), (*id).into());
    let mut tx = ctx.begin(access.cause()).await?;
    let book = books::repo::lock(&mut tx, owner).await?;
    let book = book.ok_or_else(Problem::not_found)?.id;
    let check = |version| expected.check(version);
    let merged = merge_payee(&mut tx, owner, book, id, body.into.into(), check).await?;
    tx.commit().await?;
    Ok(shown(merged))
}

fn shown(payee: Payee) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(etag::of(payee.version))
        .json(PayeeView::from(payee))
}

fn too_many() -> Problem {
    Problem::conflict(
        "too_many_names",
        &format!("At most {MAX_ALIASES} other spellings lead to a payee. Take some away first."),
    )
}

impl From<ChangePayeeError<Problem>> for Problem {
    fn from(error: ChangePayeeError<Problem>) -> Self {
        match error {
            ChangePayeeError::Gone => Self::not_found(),
            ChangePayeeError::Version(problem) => problem,
            ChangePayeeError::NameTaken => Self::conflict(
                "name_taken",
                "That name leads to another payee. Merge the two, or choose another name.",
            ),
            ChangePayeeError::AliasesTaken(places) => {
                let mut fields = Fields::default();
                for place in places {
                    fields.refuse(
                        format!("/aliases/{place}"),
                        "leads to another payee: merge the two",
                    );
                }
                fields.into()
            }
            ChangePayeeError::TooMany => too_many(),
            ChangePayeeError::Database(error) => error.into(),
        }
    }
}

impl From<MergePayeeError<Problem>> for Problem {
    fn from(error: MergePayeeError<Problem>) -> Self {
        match error {
            MergePayeeError::Gone => Self::not_found(),
            MergePayeeError::Version(problem) => problem,
            MergePayeeError::NoTarget => Fields::of("/into", "is not one of your payees").into(),
            MergePayeeError::Itself => Fields::of("/into", "is this one").into(),
            MergePayeeError::TooMany => too_many(),
            MergePayeeError::Used => Self::conflict(
                "used_meanwhile",
                "A transaction with this payee was written down meanwhile. Send it again.",
            ),
            MergePayeeError::Database(error) => error.into(),
        }
    }
}

impl From<DeletePayeeError<Problem>> for Problem {
    fn from(error: DeletePayeeError<Problem>) -> Self {
        match error {
            DeletePayeeError::Gone => Self::not_found(),
            DeletePayeeError::Version(problem) => problem,
            DeletePayeeError::InUse => Self::conflict(
                "payee_in_use",
                "A transaction or a rule names it. Merge it into another one.",
            ),
            DeletePayeeError::Database(error) => error.into(),
        }
    }
}
