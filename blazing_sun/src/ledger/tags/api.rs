//! `/api/v1/tags`.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path, Query, ServiceConfig};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};
use uuid::Uuid;

use crate::flow::ctx::Ctx;
use crate::kernel::name::Label;
use crate::ledger::books;
use crate::ledger::by_name::Cursor;
use crate::ledger::tags::delete_tag::{DeleteTagError, delete_tag};
use crate::ledger::tags::rename_tag::{RenameTagError, rename_tag};
use crate::ledger::tags::repo;
use crate::ledger::tags::tag::Tag;
use crate::web::access::{Access, LedgerRead, LedgerWrite};
use crate::web::etag::{self, Expected};
use crate::web::paging;
use crate::web::problem::{Fields, Problem};
use crate::web::routes::{at, get};

/// What this part of the interface says of itself.
#[derive(OpenApi)]
#[openapi(paths(get_tags, get_tag, patch_tag, remove_tag))]
pub struct Api;

/// Registers the routes.
pub fn configure(routes: &mut ServiceConfig) {
    routes.service(get("/api/v1/tags", get_tags)).service(
        at("/api/v1/tags/{id}")
            .get(get_tag)
            .patch(patch_tag)
            .delete(remove_tag),
    );
}

/// A tag of yours. New ones are made of the names in transactions and rules.
#[derive(Serialize, ToSchema)]
struct TagView {
    id: Uuid,
    name: String,
    created_at: DateTime<Utc>,
    /// What an `If-Match` has to name to change it.
    version: i64,
}

impl From<Tag> for TagView {
    fn from(tag: Tag) -> Self {
        Self {
            id: tag.id.uuid(),
            name: tag.name,
            created_at: tag.created_at,
            version: tag.version,
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// The `next` of the page before.
    #[param(max_length = 1000)]
    after: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<i64>,
}

impl ListQuery {
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

/// A page of tags.
#[derive(Serialize, ToSchema)]
struct TagList {
    /// By their names.
    tags: Vec<TagView>,
    /// The `after` of the next page; none on the last one.
    next: Option<String>,
}

/// Lists your tags.
#[utoipa::path(get, path = "/api/v1/tags", tag = "tags", params(ListQuery),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = TagList), (status = 422, description = "A parameter is out of bounds.")))]
async fn get_tags(
    access: Access<LedgerRead>,
    query: Query<ListQuery>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let (after, limit) = query.parse()?;
    let mut found = repo::list(ctx.pool(), access.account_id.into(), after, limit + 1).await?;
    let next = paging::cut(&mut found, limit, |(_, place)| place.to_string());
    let tags = found.into_iter().map(|(tag, _)| tag.into()).collect();
    Ok(HttpResponse::Ok().json(TagList { tags, next }))
}

/// Shows a tag.
#[utoipa::path(get, path = "/api/v1/tags/{id}", tag = "tags", params(("id" = Uuid, Path)),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = TagView, headers(("ETag" = String)))))]
async fn get_tag(
    access: Access<LedgerRead>,
    id: Path<Uuid>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let found = repo::find(ctx.pool(), access.account_id.into(), (*id).into()).await?;
    Ok(shown(found.ok_or_else(Problem::not_found)?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TagBody {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
}

/// Renames a tag, wherever it is. Transactions that have it keep their versions.
#[utoipa::path(patch, path = "/api/v1/tags/{id}", tag = "tags", request_body = TagBody,
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "The ETag of the tag that you read.")),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = TagView, headers(("ETag" = String))),
              (status = 409, description = "Another tag is called so."),
              (status = 412, description = "It was changed meanwhile."),
              (status = 428, description = "If-Match is missing.")))]
async fn patch_tag(
    access: Access<LedgerWrite>,
    id: Path<Uuid>,
    expected: Expected,
    body: Json<TagBody>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let name: Result<Label, _> = body.name.parse();
    let name = name.map_err(|fault| Fields::of("/name", fault))?;
    let owner = access.account_id.into();
    let mut tx = ctx.begin(access.cause()).await?;
    books::repo::lock(&mut tx, owner).await?;
    let check = |version| expected.check(version);
    let renamed = rename_tag(&mut tx, owner, (*id).into(), name, check).await?;
    tx.commit().await?;
    Ok(shown(renamed))
}

/// Deletes a tag: it is taken off all transactions and rules. These keep their versions.
#[utoipa::path(delete, path = "/api/v1/tags/{id}", tag = "tags",
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "The ETag of the tag that you read.")),
    security(("session" = []), ("bearer" = [])),
    responses((status = 204), (status = 412, description = "It was changed meanwhile."),
              (status = 428, description = "If-Match is missing.")))]
async fn remove_tag(
    access: Access<LedgerWrite>,
    id: Path<Uuid>,
    expected: Expected,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let owner = access.account_id.into();
    let mut tx = ctx.begin(access.cause()).await?;
    books::repo::lock(&mut tx, owner).await?;
    let check = |version| expected.check(version);
    delete_tag(&mut tx, owner, (*id).into(), check).await?;
    tx.commit().await?;
    Ok(HttpResponse::NoContent().finish())
}

fn shown(tag: Tag) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(etag::of(tag.version))
        .json(TagView::from(tag))
}

impl From<RenameTagError<Problem>> for Problem {
    fn from(error: RenameTagError<Problem>) -> Self {
        match error {
            RenameTagError::Gone => Self::not_found(),
            RenameTagError::Version(problem) => problem,
            RenameTagError::NameTaken => Self::conflict(
                "name_taken",
                "Another tag is called so. Choose another name.",
            ),
            RenameTagError::Database(error) => error.into(),
        }
    }
}

impl From<DeleteTagError<Problem>> for Problem {
    fn from(error: DeleteTagError<Problem>) -> Self {
        match error {
            DeleteTagError::Gone => Self::not_found(),
            DeleteTagError::Version(problem) => problem,
            DeleteTagError::Database(error) => error.into(),
        }
    }
}
