//! Making a read model again, and filling gaps, without the broker.

use std::io;

use sqlx::{Connection, PgConnection};

use crate::flow::consumer::{Consumer, Record};
use crate::flow::ctx::Cause;
use crate::flow::event_log;
use tokio_util::sync::CancellationToken;

/// How many events a replay gives to the consumer at a time.
const BATCH: i64 = 100;

/// Keeps a rebuild of this consumer away until the transaction ends; many consumers may do so at once. While there is one, or
/// one waits, this fails for a cause that passes: whoever waited here would not be told from one who gets no answer.
pub(super) async fn hold_off(connection: &mut PgConnection, consumer: &str) -> sqlx::Result<()> {
    let held = sqlx::query_scalar!(
        r#"SELECT pg_try_advisory_xact_lock_shared(hashtextextended($1, 1)) AS "held!""#,
        consumer
    )
    .fetch_one(connection)
    .await?;
    match held {
        true => Ok(()),
        false => Err(sqlx::Error::Io(io::Error::new(
            io::ErrorKind::WouldBlock,
            "the consumer is being rebuilt",
        ))),
    }
}

/// Clears a read model and makes it again from the source tables.
///
/// State and event commit together. So the moment that the rebuild sees contains the effects of exactly those events that
/// it sees in the outbox or in the log: they are noted as taken, and the consumer goes on with all others.
pub async fn rebuild(consumer: &Consumer) -> anyhow::Result<()> {
    let pool = consumer.ctx().pool();
    // A connection of its own holds the lock: the moment must not be fixed before the consumers have stopped.
    let mut guard = pool.acquire().await?.detach();
    sqlx::query!(
        "SELECT pg_advisory_lock(hashtextextended($1, 1))",
        consumer.name()
    )
    .execute(&mut guard)
    .await?;
    let mut tx = consumer.ctx().begin(Cause::new("rebuild")).await?;
    sqlx::query!("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        .execute(tx.conn())
        .await?;
    sqlx::query!("DELETE FROM inbox WHERE consumer = $1", consumer.name())
        .execute(tx.conn())
        .await?;
    consumer.reaction().rebuild(&mut tx).await?;
    let topics: Vec<String> = consumer.topics().into_iter().map(str::to_owned).collect();
    sqlx::query!(
        "INSERT INTO inbox (consumer, event_id)
         SELECT $1, id FROM outbox WHERE topic = ANY($2)
         UNION SELECT $1, id FROM event_log WHERE topic = ANY($2)",
        consumer.name(),
        &topics,
    )
    .execute(tx.conn())
    .await?;
    // What waited has had its effect as well: it is part of the tables.
    sqlx::query!(
        "UPDATE dead_letters SET state = 'replayed', resolved_at = now()
         WHERE consumer = $1 AND state IN ('failed', 'parked')",
        consumer.name(),
    )
    .execute(tx.conn())
    .await?;
    tx.commit().await?;
    guard.close().await?;
    Ok(())
}

/// Gives the log's events behind a position to a consumer, through its inbox: it takes those that it has not had. Returns
/// how many were given.
pub async fn fill_gaps(consumer: &Consumer, mut position: i64) -> anyhow::Result<usize> {
    let topics: Vec<String> = consumer.topics().into_iter().map(str::to_owned).collect();
    let mut given = 0;
    loop {
        let mut connection = consumer.ctx().pool().acquire().await?;
        let events = event_log::after(&mut connection, position, &topics, BATCH).await?;
        drop(connection);
        let Some(last) = events.last() else {
            return Ok(given);
        };
        position = last.position;
        given += events.len();
        let records: Vec<Record> = events.into_iter().map(Record::from).collect();
        consumer.take(&records, &CancellationToken::new()).await?;
    }
}
