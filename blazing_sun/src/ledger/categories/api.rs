//! `/api/v1/categories`.

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Json, Path, ServiceConfig};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use crate::flow::ctx::{Ctx, Tx};
use crate::kernel::id::Id;
use crate::ledger::books::{self, Book, Books};
use crate::ledger::categories::category::{Category, CategoryKind};
use crate::ledger::categories::change_category::{ChangeCategoryError, Changes, change_category};
use crate::ledger::categories::create_category::{
    CreateCategoryError, MAX_CATEGORIES, NewCategory, create_category,
};
use crate::ledger::categories::delete_category::{DeleteCategoryError, delete_category};
use crate::ledger::categories::merge_category::{
    MergeCategoryError, merge_category, separate_category,
};
use crate::ledger::categories::repo;
use crate::web::access::{Access, LedgerRead, LedgerWrite};
use crate::web::etag::{self, Expected};
use crate::web::idempotency::Idempotency;
use crate::web::patch::{fixed, removable};
use crate::web::problem::{Fields, Problem};
use crate::web::routes::at;

const CATEGORIES: &str = "/api/v1/categories";

/// What this part of the interface says of itself.
#[derive(OpenApi)]
#[openapi(paths(
    get_categories,
    post_category,
    get_category,
    patch_category,
    remove_category,
    put_merge,
    remove_merge
))]
pub struct Api;

/// Registers the routes.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(at(CATEGORIES).get(get_categories).post(post_category))
        .service(
            at("/api/v1/categories/{id}")
                .get(get_category)
                .patch(patch_category)
                .delete(remove_category),
        )
        .service(
            at("/api/v1/categories/{id}/merge")
                .put(put_merge)
                .delete(remove_merge),
        );
}

/// A category of yours.
#[derive(Serialize, ToSchema)]
struct CategoryView {
    id: Uuid,
    /// What it is part of.
    parent_id: Option<Uuid>,
    name: String,
    kind: CategoryKind,
    /// Such as `#2e7d32`.
    color: String,
    /// The name of an icon.
    icon: String,
    /// What it was merged into; that one is shown and counted instead.
    merged_into: Option<Uuid>,
    /// When it was put away.
    archived_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    /// What an `If-Match` has to name to change it.
    version: i64,
}

impl From<Category> for CategoryView {
    fn from(category: Category) -> Self {
        Self {
            id: category.id.uuid(),
            parent_id: category.parent_id.map(Id::uuid),
            name: category.name,
            kind: category.kind,
            color: category.color,
            icon: category.icon,
            merged_into: category.merged_into.map(Id::uuid),
            archived_at: category.archived_at,
            created_at: category.created_at,
            version: category.version,
        }
    }
}

/// Your categories.
#[derive(Serialize, ToSchema)]
struct CategoryList {
    /// Each before its parts.
    categories: Vec<CategoryView>,
}

/// Lists your categories.
#[utoipa::path(get, path = "/api/v1/categories", tag = "categories", security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = CategoryList)))]
async fn get_categories(
    access: Access<LedgerRead>,
    books: Data<Books>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let owner = access.account_id.into();
    books.of(owner, access.cause()).await?;
    let found = repo::list(ctx.pool(), owner).await?;
    let categories = found.into_iter().map(CategoryView::from).collect();
    Ok(HttpResponse::Ok().json(CategoryList { categories }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewCategoryBody {
    /// What it is part of. There are two levels.
    #[serde(default)]
    parent_id: Option<Uuid>,
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    #[schema(value_type = CategoryKind)]
    kind: String,
    #[serde(default)]
    #[schema(pattern = "^#[0-9a-fA-F]{6}$")]
    color: Option<String>,
    #[serde(default)]
    #[schema(pattern = "^[a-z0-9-]{1,30}$")]
    icon: Option<String>,
}

impl NewCategoryBody {
    fn parse(&self) -> Result<NewCategory, Problem> {
        let mut fields = Fields::default();
        let name = fields.take("/name", self.name.parse());
        let kind = fields.take("/kind", self.kind.parse());
        let color = self.color.as_deref().unwrap_or("#546e7a");
        let color = fields.take("/color", color.parse());
        let icon = fields.take("/icon", self.icon.as_deref().unwrap_or("tag").parse());
        match (name, kind, color, icon) {
            (Some(name), Some(kind), Some(color), Some(icon)) => Ok(NewCategory {
                parent_id: self.parent_id.map(Id::from),
                name,
                kind,
                color,
                icon,
            }),
            _ => Err(fields.into()),
        }
    }
}

/// Locks the caller's book, so that its categories stay as they are.
async fn lock(tx: &mut Tx, account: Uuid) -> Result<Id<Book>, Problem> {
    let book = books::repo::lock(tx, account.into()).await?;
    Ok(book.ok_or_else(Problem::not_found)?.id)
}

/// Makes a category.
#[utoipa::path(post, path = "/api/v1/categories", tag = "categories", request_body = NewCategoryBody,
    params(Idempotency),
    security(("session" = []), ("bearer" = [])),
    responses((status = 201, body = CategoryView, headers(("Location" = String), ("ETag" = String))),
              (status = 409, description = "Another category is called so, or there are as many as there may be.")))]
async fn post_category(
    access: Access<LedgerWrite>,
    key: Idempotency,
    body: Json<NewCategoryBody>,
    books: Data<Books>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let new = body.parse()?;
    books.of(access.account_id.into(), access.cause()).await?;
    key.once(&ctx, access.cause(), async |tx| {
        let book = lock(tx, access.account_id).await?;
        let made = create_category(tx, book, new).await?;
        Ok(HttpResponse::Created()
            .insert_header((LOCATION, format!("{CATEGORIES}/{}", made.id)))
            .insert_header(etag::of(made.version))
            .json(CategoryView::from(made)))
    })
    .await
}

/// Shows a category.
#[utoipa::path(get, path = "/api/v1/categories/{id}", tag = "categories", params(("id" = Uuid, Path)),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = CategoryView, headers(("ETag" = String)))))]
async fn get_category(
    access: Access<LedgerRead>,
    id: Path<Uuid>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let found = repo::find(ctx.pool(), access.account_id.into(), (*id).into()).await?;
    Ok(shown(found.ok_or_else(Problem::not_found)?))
}

/// What is to change; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CategoryBody {
    /// What it is part of; `null`: of nothing.
    #[serde(default, deserialize_with = "removable")]
    #[schema(value_type = Option<Uuid>)]
    parent_id: Option<Option<Uuid>>,
    #[serde(default, deserialize_with = "fixed")]
    #[schema(nullable = false, min_length = 1, max_length = 100)]
    name: Option<String>,
    #[serde(default, deserialize_with = "fixed")]
    #[schema(nullable = false, pattern = "^#[0-9a-fA-F]{6}$")]
    color: Option<String>,
    #[serde(default, deserialize_with = "fixed")]
    #[schema(nullable = false, pattern = "^[a-z0-9-]{1,30}$")]
    icon: Option<String>,
    /// Whether it is put away: it is offered no more, and counts as before.
    #[serde(default, deserialize_with = "fixed")]
    #[schema(nullable = false)]
    archived: Option<bool>,
}

impl CategoryBody {
    fn parse(&self) -> Result<Changes, Problem> {
        let mut fields = Fields::default();
        let name = fields.take("/name", self.name.as_deref().map(str::parse).transpose());
        let color = fields.take("/color", self.color.as_deref().map(str::parse).transpose());
        let icon = fields.take("/icon", self.icon.as_deref().map(str::parse).transpose());
        match (name, color, icon) {
            (Some(name), Some(color), Some(icon)) => Ok(Changes {
                parent_id: self.parent_id.map(|parent| parent.map(Id::from)),
                name,
                color,
                icon,
                archived: self.archived,
            }),
            _ => Err(fields.into()),
        }
    }
}

/// Changes a category.
#[utoipa::path(patch, path = "/api/v1/categories/{id}", tag = "categories", request_body = CategoryBody,
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "The ETag of the category that you read.")),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = CategoryView, headers(("ETag" = String))),
              (status = 409, description = "Another category is called so."),
              (status = 412, description = "It was changed meanwhile."),
              (status = 428, description = "If-Match is missing.")))]
async fn patch_category(
    access: Access<LedgerWrite>,
    id: Path<Uuid>,
    expected: Expected,
    body: Json<CategoryBody>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let changes = body.parse()?;
    let mut tx = ctx.begin(access.cause()).await?;
    let book = lock(&mut tx, access.account_id).await?;
    let check = |version| expected.check(version);
    let changed = change_category(&mut tx, book, (*id).into(), changes, check).await?;
    tx.commit().await?;
    Ok(shown(changed))
}

/// Deletes a category that nothing is in.
#[utoipa::path(delete, path = "/api/v1/categories/{id}", tag = "categories",
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "The ETag of the category that you read.")),
    security(("session" = []), ("bearer" = [])),
    responses((status = 204), (status = 409, description = "Something is in it: archive or merge it instead."),
              (status = 412, description = "It was changed meanwhile."),
              (status = 428, description = "If-Match is missing.")))]
async fn remove_category(
    access: Access<LedgerWrite>,
    id: Path<Uuid>,
    expected: Expected,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let mut tx = ctx.begin(access.cause()).await?;
    let book = lock(&mut tx, access.account_id).await?;
    let check = |version| expected.check(version);
    delete_category(&mut tx, book, (*id).into(), check).await?;
    tx.commit().await?;
    Ok(HttpResponse::NoContent().finish())
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CategoryMergeBody)]
struct MergeBody {
    /// The category that counts from now on.
    into: Uuid,
}

/// Merges a category into another: on reading that one counts. It can be undone.
#[utoipa::path(put, path = "/api/v1/categories/{id}/merge", tag = "categories", request_body = MergeBody,
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "The ETag of the category that you read.")),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = CategoryView, headers(("ETag" = String))),
              (status = 409, description = "It has parts, or was merged before."),
              (status = 412, description = "It was changed meanwhile."),
              (status = 428, description = "If-Match is missing.")))]
async fn put_merge(
    access: Access<LedgerWrite>,
    id: Path<Uuid>,
    expected: Expected,
    body: Json<MergeBody>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let mut tx = ctx.begin(access.cause()).await?;
    let book = lock(&mut tx, access.account_id).await?;
    let check = |version| expected.check(version);
    let merged = merge_category(&mut tx, book, (*id).into(), body.into.into(), check).await?;
    tx.commit().await?;
    Ok(shown(merged))
}

/// Separates a category from the one that it was merged into.
#[utoipa::path(delete, path = "/api/v1/categories/{id}/merge", tag = "categories",
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "The ETag of the category that you read.")),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = CategoryView, headers(("ETag" = String))),
              (status = 409, description = "It was not merged, or another one is called so meanwhile."),
              (status = 412, description = "It was changed meanwhile."),
              (status = 428, description = "If-Match is missing.")))]
async fn remove_merge(
    access: Access<LedgerWrite>,
    id: Path<Uuid>,
    expected: Expected,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let mut tx = ctx.begin(access.cause()).await?;
    let book = lock(&mut tx, access.account_id).await?;
    let check = |version| expected.check(version);
    let separated = separate_category(&mut tx, book, (*id).into(), check).await?;
    tx.commit().await?;
    Ok(shown(separated))
}

fn shown(category: Category) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(etag::of(category.version))
        .json(CategoryView::from(category))
}

fn name_taken() -> Problem {
    Problem::conflict(
        "name_taken",
        "Another category is called so. Choose another name.",
    )
}

impl From<CreateCategoryError> for Problem {
    fn from(error: CreateCategoryError) -> Self {
        match error {
            CreateCategoryError::NoPlace(fault) => Fields::of("/parent_id", fault).into(),
            CreateCategoryError::NameTaken => name_taken(),
            CreateCategoryError::TooMany => Self::conflict(
                "too_many_categories",
                &format!(
                    "There are {MAX_CATEGORIES} categories, which is as many as there may be."
                ),
            ),
            CreateCategoryError::Refused(error) => Self::internal(&error),
            CreateCategoryError::Database(error) => error.into(),
        }
    }
}

impl From<ChangeCategoryError<Problem>> for Problem {
    fn from(error: ChangeCategoryError<Problem>) -> Self {
        match error {
            ChangeCategoryError::Gone => Self::not_found(),
            ChangeCategoryError::Version(problem) => problem,
            ChangeCategoryError::NoPlace(fault) => Fields::of("/parent_id", fault).into(),
            ChangeCategoryError::NameTaken => name_taken(),
            ChangeCategoryError::Refused(error) => Self::internal(&error),
            ChangeCategoryError::Database(error) => error.into(),
        }
    }
}

impl From<MergeCategoryError<Problem>> for Problem {
    fn from(error: MergeCategoryError<Problem>) -> Self {
        match error {
            MergeCategoryError::Gone => Self::not_found(),
            MergeCategoryError::Version(problem) => problem,
            MergeCategoryError::NoTarget => {
                Fields::of("/into", "is not one of your categories").into()
            }
            MergeCategoryError::Circle => {
                Fields::of("/into", "was merged into this one, or is this one").into()
            }
            MergeCategoryError::OtherKind => Fields::of("/into", "is of the other kind").into(),
            MergeCategoryError::HasParts => Self::conflict(
                "has_parts",
                "It has parts. Merge them, or give them another place first.",
            ),
            MergeCategoryError::Merged => {
                Self::conflict("merged", "It was merged already. Undo that first.")
            }
            MergeCategoryError::NotMerged => Self::conflict("not_merged", "It was not merged."),
            MergeCategoryError::NameTaken => name_taken(),
            MergeCategoryError::Refused(error) => Self::internal(&error),
            MergeCategoryError::Database(error) => error.into(),
        }
    }
}

impl From<DeleteCategoryError<Problem>> for Problem {
    fn from(error: DeleteCategoryError<Problem>) -> Self {
        match error {
            DeleteCategoryError::Gone => Self::not_found(),
            DeleteCategoryError::Version(problem) => problem,
            DeleteCategoryError::InUse => Self::conflict(
                "category_in_use",
                "Something is in it. Archive it, or merge it into another one.",
            ),
            DeleteCategoryError::Refused(error) => Self::internal(&error),
            DeleteCategoryError::Database(error) => error.into(),
        }
    }
}
