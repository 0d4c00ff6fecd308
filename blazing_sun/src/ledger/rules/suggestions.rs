//! `/api/v1/suggestions`.

use actix_web::HttpResponse;
use actix_web::web::{Data, Query, ServiceConfig};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};
use uuid::Uuid;

use crate::flow::ctx::Ctx;
use crate::kernel::note::Note;
use crate::ledger::rules::suggest::{Suggestion, suggest};
use crate::ledger::transactions::Named;
use crate::web::access::{Access, LedgerRead};
use crate::web::problem::{Fields, Problem};
use crate::web::routes::get;

/// What this part of the interface says of itself.
#[derive(OpenApi)]
#[openapi(paths(get_suggestions))]
pub struct Api;

/// Registers the route.
pub fn configure(routes: &mut ServiceConfig) {
    routes.service(get("/api/v1/suggestions", get_suggestions));
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct TextQuery {
    /// What is known of the transaction: the name of a payee, or what the bank wrote.
    #[param(min_length = 1, max_length = 1000)]
    text: String,
}

/// What a new transaction will probably be; whatever nothing is known of is left empty.
#[derive(Serialize, ToSchema)]
struct SuggestionView {
    payee: Option<Named>,
    category_id: Option<Uuid>,
    wallet_id: Option<Uuid>,
    tags: Vec<Named>,
    /// The rules that say something about the text, in their order.
    rules: Vec<Uuid>,
}

impl From<Suggestion> for SuggestionView {
    fn from(made: Suggestion) -> Self {
        Self {
            payee: made.payee,
            category_id: made.category_id,
            wallet_id: made.wallet_id,
            tags: made.tags,
            rules: made.rules,
        }
    }
}

/// Tells what your rules say about the text of a new transaction, and what was last said of its payee. Nothing is filled in by
/// itself when a transaction is written down: what is written down is what was sent.
#[utoipa::path(get, path = "/api/v1/suggestions", tag = "rules", params(TextQuery),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = SuggestionView), (status = 422, description = "A parameter is out of bounds.")))]
async fn get_suggestions(
    access: Access<LedgerRead>,
    query: Query<TextQuery>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let text: Result<Note, _> = query.text.parse();
    let text = text.map_err(|fault| Fields::of("/text", fault))?;
    if text.as_str().is_empty() {
        return Err(Fields::of("/text", "is empty").into());
    }
    let made = suggest(ctx.pool(), access.account_id.into(), text.as_str()).await?;
    Ok(HttpResponse::Ok().json(SuggestionView::from(made)))
}
