//! `/api/v1/wallets`.

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Json, Path, ServiceConfig};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use crate::flow::ctx::Ctx;
use crate::kernel::day::Day;
use crate::kernel::money::Amount;
use crate::ledger::books::{self, Book, Books};
use crate::ledger::wallets::change_wallet::{ChangeWalletError, Changes, change_wallet};
use crate::ledger::wallets::create_wallet::{
    CreateWalletError, MAX_WALLETS, NewWallet, create_wallet,
};
use crate::ledger::wallets::delete_wallet::{DeleteWalletError, delete_wallet};
use crate::ledger::wallets::repo;
use crate::ledger::wallets::wallet::{Wallet, WalletKind};
use crate::web::access::{Access, LedgerRead, LedgerWrite};
use crate::web::etag::{self, Expected};
use crate::web::idempotency::Idempotency;
use crate::web::patch::fixed;
use crate::web::problem::{Fields, Problem};
use crate::web::routes::at;

const WALLETS: &str = "/api/v1/wallets";

/// What this part of the interface says of itself.
#[derive(OpenApi)]
#[openapi(paths(get_wallets, post_wallet, get_wallet, patch_wallet, remove_wallet))]
pub struct Api;

/// Registers the routes.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(at(WALLETS).get(get_wallets).post(post_wallet))
        .service(
            at("/api/v1/wallets/{id}")
                .get(get_wallet)
                .patch(patch_wallet)
                .delete(remove_wallet),
        );
}

/// A wallet of yours.
#[derive(Serialize, ToSchema)]
struct WalletView {
    id: Uuid,
    name: String,
    kind: WalletKind,
    /// An ISO 4217 code.
    currency: String,
    /// How many digits the currency's minor unit has.
    exponent: i16,
    /// What is in it, in minor units: the sum of all that moved.
    balance: i64,
    /// When it was put away.
    archived_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    /// What an `If-Match` has to name to change it.
    version: i64,
}

impl From<Wallet> for WalletView {
    fn from(wallet: Wallet) -> Self {
        Self {
            id: wallet.id.uuid(),
            name: wallet.name,
            kind: wallet.kind,
            currency: wallet.currency,
            exponent: wallet.exponent,
            balance: wallet.balance,
            archived_at: wallet.archived_at,
            created_at: wallet.created_at,
            version: wallet.version,
        }
    }
}

/// Your wallets.
#[derive(Serialize, ToSchema)]
struct WalletList {
    /// By their names, those that were put away last.
    wallets: Vec<WalletView>,
}

/// Lists your wallets.
#[utoipa::path(get, path = "/api/v1/wallets", tag = "wallets", security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = WalletList)))]
async fn get_wallets(access: Access<LedgerRead>, ctx: Data<Ctx>) -> Result<HttpResponse, Problem> {
    let found = repo::list(ctx.pool(), access.account_id.into()).await?;
    let wallets = found.into_iter().map(WalletView::from).collect();
    Ok(HttpResponse::Ok().json(WalletList { wallets }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewWalletBody {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    #[schema(value_type = WalletKind)]
    kind: String,
    /// An ISO 4217 code; if it is left out, the book's. It stays for good.
    #[serde(default)]
    #[schema(min_length = 3, max_length = 3)]
    currency: Option<String>,
    /// What is in it now, in minor units; counts in what you have, never as income.
    #[serde(default)]
    #[schema(minimum = -999_999_999_999_999_i64, maximum = 999_999_999_999_999_i64)]
    opening_balance: i64,
    /// The day on which that was in it; today, if it is left out.
    #[serde(default)]
    #[schema(format = "date")]
    opening_date: Option<String>,
}

impl NewWalletBody {
    fn parse(&self, book: &Book, now: DateTime<Utc>) -> Result<NewWallet, Problem> {
        let mut fields = Fields::default();
        let name = fields.take("/name", self.name.parse());
        let kind = fields.take("/kind", self.kind.parse());
        let currency = self.currency.as_deref().map(str::parse);
        let currency = fields.take("/currency", currency.unwrap_or(Ok(book.base_currency)));
        let date = self.opening_date.as_deref().map(str::parse);
        let date = date.unwrap_or_else(|| Day::try_from(book.today(now)));
        let date = fields.take("/opening_date", date);
        let amount = Some(self.opening_balance).filter(|balance| *balance != 0);
        let amount = amount.map(Amount::try_from).transpose();
        let amount = fields.take("/opening_balance", amount);
        match (name, kind, currency, date, amount) {
            (Some(name), Some(kind), Some(currency), Some(date), Some(amount)) => Ok(NewWallet {
                name,
                kind,
                currency,
                opening: amount.map(|amount| (amount, date)),
            }),
            _ => Err(fields.into()),
        }
    }
}

/// Makes a wallet.
#[utoipa::path(post, path = "/api/v1/wallets", tag = "wallets", request_body = NewWalletBody,
    params(Idempotency),
    security(("session" = []), ("bearer" = [])),
    responses((status = 201, body = WalletView, headers(("Location" = String), ("ETag" = String))),
              (status = 409, description = "Another wallet is called so, or there are as many as there may be.")))]
async fn post_wallet(
    access: Access<LedgerWrite>,
    key: Idempotency,
    body: Json<NewWalletBody>,
    books: Data<Books>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let owner = access.account_id.into();
    let book = books.of(owner, access.cause()).await?;
    let new = body.parse(&book, ctx.now())?;
    key.once(&ctx, access.cause(), async |tx| {
        // So that two requests at once do not make one too many.
        books::repo::lock(tx, owner).await?;
        let made = create_wallet(tx, owner, book.id, new).await?;
        Ok(HttpResponse::Created()
            .insert_header((LOCATION, format!("{WALLETS}/{}", made.id)))
            .insert_header(etag::of(made.version))
            .json(WalletView::from(made)))
    })
    .await
}

/// Shows a wallet.
#[utoipa::path(get, path = "/api/v1/wallets/{id}", tag = "wallets", params(("id" = Uuid, Path)),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = WalletView, headers(("ETag" = String)))))]
async fn get_wallet(
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
struct WalletBody {
    #[serde(default, deserialize_with = "fixed")]
    #[schema(nullable = false, min_length = 1, max_length = 100)]
    name: Option<String>,
    #[serde(default, deserialize_with = "fixed")]
    #[schema(nullable = false, value_type = Option<WalletKind>)]
    kind: Option<String>,
    /// Whether it is put away: nothing moves in it then.
    #[serde(default, deserialize_with = "fixed")]
    #[schema(nullable = false)]
    archived: Option<bool>,
}

impl WalletBody {
    fn parse(&self) -> Result<Changes, Problem> {
        let mut fields = Fields::default();
        let name = fields.take("/name", self.name.as_deref().map(str::parse).transpose());
        let kind = fields.take("/kind", self.kind.as_deref().map(str::parse).transpose());
        match (name, kind) {
            (Some(name), Some(kind)) => Ok(Changes {
                name,
                kind,
                archived: self.archived,
            }),
            _ => Err(fields.into()),
        }
    }
}

/// Changes a wallet.
#[utoipa::path(patch, path = "/api/v1/wallets/{id}", tag = "wallets", request_body = WalletBody,
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "The ETag of the wallet that you read.")),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = WalletView, headers(("ETag" = String))),
              (status = 409, description = "Another wallet is called so."),
              (status = 412, description = "It was changed meanwhile."),
              (status = 428, description = "If-Match is missing.")))]
async fn patch_wallet(
    access: Access<LedgerWrite>,
    id: Path<Uuid>,
    expected: Expected,
    body: Json<WalletBody>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let changes = body.parse()?;
    let (owner, id) = (access.account_id.into(), (*id).into());
    let mut tx = ctx.begin(access.cause()).await?;
    let check = |version| expected.check(version);
    let changed = change_wallet(&mut tx, owner, id, changes, check).await?;
    tx.commit().await?;
    Ok(shown(changed))
}

/// Deletes a wallet in which nothing moved.
#[utoipa::path(delete, path = "/api/v1/wallets/{id}", tag = "wallets",
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "The ETag of the wallet that you read.")),
    security(("session" = []), ("bearer" = [])),
    responses((status = 204), (status = 409, description = "Something moved in it: archive it instead."),
              (status = 412, description = "It was changed meanwhile."),
              (status = 428, description = "If-Match is missing.")))]
async fn remove_wallet(
    access: Access<LedgerWrite>,
    id: Path<Uuid>,
    expected: Expected,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let (owner, id) = (access.account_id.into(), (*id).into());
    let mut tx = ctx.begin(access.cause()).await?;
    let check = |version| expected.check(version);
    delete_wallet(&mut tx, owner, id, check).await?;
    tx.commit().await?;
    Ok(HttpResponse::NoContent().finish())
}

fn shown(wallet: Wallet) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(etag::of(wallet.version))
        .json(WalletView::from(wallet))
}

fn name_taken() -> Problem {
    Problem::conflict(
        "name_taken",
        "Another wallet is called so. Choose another name.",
    )
}

impl From<CreateWalletError> for Problem {
    fn from(error: CreateWalletError) -> Self {
        match error {
            CreateWalletError::NameTaken => name_taken(),
            CreateWalletError::TooMany => Self::conflict(
                "too_many_wallets",
                &format!("There are {MAX_WALLETS} wallets, which is as many as there may be."),
            ),
            CreateWalletError::Opening(error) => error.into(),
            CreateWalletError::Database(error) => error.into(),
        }
    }
}

impl From<ChangeWalletError<Problem>> for Problem {
    fn from(error: ChangeWalletError<Problem>) -> Self {
        match error {
            ChangeWalletError::Gone => Self::not_found(),
            ChangeWalletError::Version(problem) => problem,
            ChangeWalletError::NameTaken => name_taken(),
            ChangeWalletError::Database(error) => error.into(),
        }
    }
}

impl From<DeleteWalletError<Problem>> for Problem {
    fn from(error: DeleteWalletError<Problem>) -> Self {
        match error {
            DeleteWalletError::Gone => Self::not_found(),
            DeleteWalletError::Version(problem) => problem,
            DeleteWalletError::InUse => Self::conflict(
                "wallet_in_use",
                "Something moved in it. Archive it instead (PATCH with archived: true).",
            ),
            DeleteWalletError::Database(error) => error.into(),
        }
    }
}
