//! `/api/v1/feed`.

use std::time::Duration;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::http::{Method, StatusCode};
use actix_web::web::{Data, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};
use uuid::Uuid;

use crate::feed::item::Item;
use crate::feed::listener::Listener;
use crate::feed::position::Position;
use crate::feed::reader::Feed;
use crate::feed::streams::{FOR_ONE, Full};
use crate::web::access::{Access, SignedIn};
use crate::web::paging;
use crate::web::problem::{Fields, Problem};
use crate::web::routes::get;

/// Where somebody who reconnects says what they have had.
const LAST_EVENT_ID: &str = "last-event-id";
/// How long to wait when there is no place for another stream.
const FULL_FOR: Duration = Duration::from_secs(10);
/// How many of the newest things a stream begins behind, if nobody says where it is to begin.
const NEWEST: i64 = 100;

/// What this part of the interface says of itself.
#[derive(OpenApi)]
#[openapi(paths(get_feed, get_stream))]
pub struct Api;

/// Registers the routes.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(get("/api/v1/feed", get_feed))
        .service(get("/api/v1/feed/stream", get_stream));
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PageQuery {
    /// The `next` of the page before.
    after: Option<Uuid>,
    /// How many at most.
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<i64>,
}

/// A page of your feed.
#[derive(Serialize, ToSchema)]
struct FeedPage {
    /// What happened, the newest first.
    items: Vec<Item>,
    /// The `after` of the next page, with what is older; none on the last one.
    next: Option<Uuid>,
    /// The `after` of a stream that goes on behind what is on this page; on the first page only.
    position: Option<String>,
}

/// Lists the last thousand things that happened to your account and in your book, from the newest on.
#[utoipa::path(get, path = "/api/v1/feed", tag = "feed", params(PageQuery), security(("session" = [])),
    responses((status = 200, body = FeedPage), (status = 422, description = "A parameter is out of bounds.")))]
async fn get_feed(
    access: Access<SignedIn>,
    query: Query<PageQuery>,
    feed: Data<Feed>,
) -> Result<HttpResponse, Problem> {
    let limit = paging::limit(query.limit).map_err(|error| Fields::of("/limit", error))?;
    let mut items = feed.page(access.account_id, query.after, limit + 1).await?;
    let next = paging::cut(&mut items, limit, |item| item.id);
    let is_first = query.after.is_none();
    let position = is_first.then(|| Position::behind(&items, next.is_none()).to_string());
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(FeedPage {
            items,
            next,
            position,
        }))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct StreamQuery {
    /// Where to begin: the `position` of a page, or the id of something in the feed. Without it, with what happens from now
    /// on. `Last-Event-ID` counts before it.
    #[param(max_length = 1000)]
    after: Option<String>,
}

/// Follows your feed: each thing as a Server-Sent Event, with the place behind it as its `id`.
///
/// Who reconnects says with `Last-Event-ID` where they were, as browsers do, and gets what they have missed, once. A comment comes
/// every 15 seconds. The stream ends within seconds of the session that it was opened with.
#[utoipa::path(get, path = "/api/v1/feed/stream", tag = "feed",
    params(StreamQuery, ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last event that you had.")),
    security(("session" = [])),
    responses((status = 200, description = "Events, whose data are items of the feed.", body = String,
               content_type = "text/event-stream"),
              (status = 422, description = "That is no place in a feed."),
              (status = 429, description = "You follow it often enough: close a stream of yours first."),
              (status = 503, description = "Enough streams are open here. Try again after Retry-After.")))]
async fn get_stream(
    access: Access<SignedIn>,
    query: Query<StreamQuery>,
    request: HttpRequest,
    feed: Data<Feed>,
) -> Result<HttpResponse, Problem> {
    let account = access.account_id;
    let asked = asked(&request, &query)?;
    let seat = feed.streams().sit(account)?;
    let position = match asked {
        Some(position) => position,
        None => {
            let newest = feed.page(account, None, NEWEST + 1).await?;
            let are_all = i64::try_from(newest.len()).unwrap_or(NEWEST) <= NEWEST;
            Position::behind(&newest, are_all)
        }
    };
    let mut answer = HttpResponse::Ok();
    answer
        .content_type("text/event-stream")
        .insert_header((CACHE_CONTROL, "no-store"))
        // What passes it on is not to collect it.
        .insert_header(("X-Accel-Buffering", "no"));
    if request.method() == Method::HEAD {
        return Ok(answer.finish());
    }
    let feed = feed.get_ref().clone();
    Ok(answer.streaming(Listener::new(feed, account, position, request, seat).frames()))
}

/// Where the stream is to begin, if that is said.
fn asked(request: &HttpRequest, query: &StreamQuery) -> Result<Option<Position>, Problem> {
    let header = request.headers().get(LAST_EVENT_ID);
    // Browsers that have had nothing yet may send an empty one.
    let header = header.filter(|value| !value.is_empty());
    let text = match header {
        Some(value) => Some(value.to_str().unwrap_or_default()),
        None => query.after.as_deref(),
    };
    let position = text.map(str::parse).transpose();
    position.map_err(|error| Fields::of("/after", error).into())
}

impl From<Full> for Problem {
    fn from(full: Full) -> Self {
        match full {
            Full::ForOne => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_streams",
                format!("{FOR_ONE} of your streams are open here. Close one of them first."),
            ),
            Full::ForAll => Self::busy(FULL_FOR),
        }
    }
}
