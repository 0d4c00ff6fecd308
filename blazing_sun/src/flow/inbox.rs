//! Which consumer has had the effect of which event. Written in the effect's own transaction, so that a record which
//! comes again changes nothing.

use std::collections::HashSet;

use sqlx::PgConnection;
use uuid::Uuid;

use crate::flow::faults::{self, Mistake};

/// Notes events as taken, and returns those that were not before. Another transaction that is just taking one of them is
/// waited for.
pub async fn take(
    connection: &mut PgConnection,
    consumer: &str,
    events: &[Uuid],
) -> sqlx::Result<HashSet<Uuid>> {
    let taken = sqlx::query_scalar!(
        "INSERT INTO inbox (consumer, event_id) SELECT $1, unnest($2::uuid[]) ON CONFLICT DO NOTHING RETURNING event_id",
        consumer,
        events,
    )
    .fetch_all(connection)
    .await?;
    if faults::makes(Mistake::SkipInbox) {
        return Ok(events.iter().copied().collect());
    }
    Ok(taken.into_iter().collect())
}

/// Takes events back off the list.
pub async fn forget(
    connection: &mut PgConnection,
    consumer: &str,
    events: &[Uuid],
) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM inbox WHERE consumer = $1 AND event_id = ANY($2)",
        consumer,
        events,
    )
    .execute(connection)
    .await?;
    Ok(())
}
