//! `/api/v1/trash`.

use std::fmt;
use std::str::FromStr;

use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query, ServiceConfig};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};
use uuid::Uuid;

use crate::flow::ctx::Ctx;
use crate::ledger::transactions::api::TransactionView;
use crate::ledger::trash::KEPT_FOR;
use crate::ledger::trash::forget_transaction::{ForgetTransactionError, forget_transaction};
use crate::ledger::trash::repo::{self, Thrown};
use crate::web::access::{Access, LedgerRead, LedgerWrite};
use crate::web::etag::Expected;
use crate::web::paging;
use crate::web::problem::{Fields, Problem};
use crate::web::routes::{at, get};

/// What this part of the interface says of itself.
#[derive(OpenApi)]
#[openapi(paths(get_trash, remove_from_trash))]
pub struct Api;

/// Registers the routes.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(get("/api/v1/trash", get_trash))
        .service(at("/api/v1/trash/{id}").delete(remove_from_trash));
}

/// The place in a list behind something: when it was deleted, and its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cursor(DateTime<Utc>, Uuid);

/// A text that is no such place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not the `next` of a page")]
struct NotACursor;

impl Cursor {
    fn behind(thrown: &Thrown) -> Self {
        Self(thrown.deleted_at, thrown.transaction.id)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0.timestamp_micros(), self.1)
    }
}

impl FromStr for Cursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let (moment, id) = text.split_once('.').ok_or(NotACursor)?;
        let moment: i64 = moment.parse().map_err(|_| NotACursor)?;
        // From 1970 to 3000: PostgreSQL cannot hold all that chrono can.
        let moment = Some(moment).filter(|moment| (0..32_503_680_000_000_000).contains(moment));
        let moment = moment.and_then(DateTime::from_timestamp_micros);
        let id = id.parse().map_err(|_| NotACursor)?;
        Ok(Self(moment.ok_or(NotACursor)?, id))
    }
}

/// A transaction that was deleted.
#[derive(Serialize, ToSchema)]
struct ThrownView {
    /// As it was. What it names may be gone since.
    transaction: TransactionView,
    deleted_at: DateTime<Utc>,
    /// Until then it can be taken out again.
    kept_until: DateTime<Utc>,
}

impl From<Thrown> for ThrownView {
    fn from(thrown: Thrown) -> Self {
        Self {
            transaction: thrown.transaction.into(),
            deleted_at: thrown.deleted_at,
            kept_until: thrown.deleted_at + KEPT_FOR,
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// The `next` of the page before.
    #[param(max_length = 60)]
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

/// A page of the trash.
#[derive(Serialize, ToSchema)]
struct Trash {
    /// What was deleted last comes first.
    trash: Vec<ThrownView>,
    /// The `after` of the next page; none on the last one.
    next: Option<String>,
}

/// Lists what is in your trash. `POST /api/v1/transactions/{id}/restore` takes it out.
#[utoipa::path(get, path = "/api/v1/trash", tag = "trash", params(ListQuery),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = Trash), (status = 422, description = "A parameter is out of bounds.")))]
async fn get_trash(
    access: Access<LedgerRead>,
    query: Query<ListQuery>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let (after, limit) = query.parse()?;
    let after = after.map(|Cursor(moment, id)| (moment, id));
    let mut found = repo::list(ctx.pool(), access.account_id.into(), after, limit + 1).await?;
    let next = paging::cut(&mut found, limit, |thrown| {
        Cursor::behind(thrown).to_string()
    });
    let trash = found.into_iter().map(ThrownView::from).collect();
    Ok(HttpResponse::Ok().json(Trash { trash, next }))
}

/// Forgets a transaction in your trash at once, for good.
#[utoipa::path(delete, path = "/api/v1/trash/{id}", tag = "trash",
    params(("id" = Uuid, Path),
           ("If-Match" = String, Header, description = "The version of the transaction in the trash, as an ETag.")),
    security(("session" = []), ("bearer" = [])),
    responses((status = 204), (status = 412, description = "It was taken out and deleted again meanwhile."),
              (status = 428, description = "If-Match is missing.")))]
async fn remove_from_trash(
    access: Access<LedgerWrite>,
    id: Path<Uuid>,
    expected: Expected,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let (owner, id) = (access.account_id.into(), (*id).into());
    let mut tx = ctx.begin(access.cause()).await?;
    let check = |version| expected.check(version);
    forget_transaction(&mut tx, owner, id, check).await?;
    tx.commit().await?;
    Ok(HttpResponse::NoContent().finish())
}

impl From<ForgetTransactionError<Problem>> for Problem {
    fn from(error: ForgetTransactionError<Problem>) -> Self {
        match error {
            ForgetTransactionError::Gone => Self::not_found(),
            ForgetTransactionError::Version(problem) => problem,
            ForgetTransactionError::Database(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_place_reads_back_as_it_was_written(micros in 0..32_503_680_000_000_000_i64, id: u128) {
            let moment = DateTime::from_timestamp_micros(micros).expect("a moment");
            let cursor = Cursor(moment, Uuid::from_u128(id));
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }

        #[test]
        fn any_text_is_answered(text in "\\PC*|-?[0-9]{1,20}\\.[0-9a-f-]{36}") {
            let _: Result<Cursor, NotACursor> = text.parse();
        }
    }
}
