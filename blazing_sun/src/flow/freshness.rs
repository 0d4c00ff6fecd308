//! How fresh a read model is: up to which moment its consumer has had everything.
//!
//! The place of a consumer in `event_log` is a mark: all behind it had their effect, or are dead letters. What lies after it
//! is looked at event by event, as far as a bound; beyond that the answer is older than need be, and never newer.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::flow::consumer::Consumer;
use crate::flow::ctx::Ctx;
use crate::flow::event::Topic;

/// How many events of a topic are looked at, at most.
const WINDOW: i64 = 1000;
/// How many events it is counted among what a consumer has not had: more takes long, and says nothing more.
const COUNTED: i64 = 10_000;

/// The moment up to which a consumer has had all events of these topics that mention `id`; of the topics it passes nothing
/// over. Ask before you read the model:
/// then everything that was committed by that moment is in what you read.
pub async fn complete_until(
    ctx: &Ctx,
    consumer: &str,
    topics: &[Topic],
    id: Uuid,
) -> sqlx::Result<DateTime<Utc>> {
    let now = ctx.now();
    let waiting = oldest_waiting(ctx, consumer, topics, id).await?;
    Ok(waiting.map_or(now, |oldest| oldest.min(now)))
}

/// Whether a consumer has had all events of these topics that mention `id`. `false` also means that nobody can tell.
pub async fn has_had_all(
    ctx: &Ctx,
    consumer: &str,
    topics: &[Topic],
    id: Uuid,
) -> sqlx::Result<bool> {
    let waiting = oldest_waiting(ctx, consumer, topics, id).await?;
    Ok(waiting.is_none())
}

/// When the oldest event was emitted that the consumer has not had, as far as it can be told.
async fn oldest_waiting(
    ctx: &Ctx,
    consumer: &str,
    topics: &[Topic],
    id: Uuid,
) -> sqlx::Result<Option<DateTime<Utc>>> {
    let topics: Vec<String> = topics.iter().map(|topic| topic.name().to_owned()).collect();
    sqlx::query_scalar!(
        "WITH unpublished AS (
             SELECT id, topic, body, emitted_at FROM outbox ORDER BY seq LIMIT $4
         ), published AS (
             SELECT ahead.* FROM unnest($2::text[]) AS asked (topic), LATERAL (
                 SELECT id, topic, body, emitted_at FROM event_log
                 WHERE topic = asked.topic
                   AND position > coalesce((SELECT position FROM followers WHERE consumer = $1), 0)
                 ORDER BY position LIMIT $4
             ) ahead
         ), waiting AS (
             SELECT emitted_at FROM (TABLE unpublished UNION ALL TABLE published) AS seen
             WHERE topic = ANY($2) AND strpos(body, $3) > 0
               AND NOT EXISTS (SELECT FROM inbox WHERE consumer = $1 AND event_id = seen.id)
             UNION ALL
             SELECT (convert_from(value, 'UTF8')::json ->> 'time')::timestamptz FROM dead_letters
             WHERE consumer = $1 AND state IN ('failed', 'parked') AND topic = ANY($2)
               AND position(convert_to($3, 'UTF8') IN value) > 0
             UNION ALL
             -- Nobody knows what is beyond the window.
             SELECT max(emitted_at) FROM unpublished HAVING count(*) = $4
             UNION ALL
             SELECT max(emitted_at) FROM published GROUP BY topic HAVING count(*) = $4
         )
         SELECT min(emitted_at) FROM waiting",
        consumer,
        &topics,
        id.to_string(),
        WINDOW,
    )
    .fetch_one(ctx.pool())
    .await
}

/// Moves the mark of a consumer on, over all that it has accounted for. Where the log carries the events its follower does
/// that; a broker keeps its own place.
pub(super) async fn advance(consumer: &Consumer) -> anyhow::Result<()> {
    let topics: Vec<String> = consumer.topics().into_iter().map(str::to_owned).collect();
    let passed: Vec<String> = consumer.passed().into_iter().map(str::to_owned).collect();
    // A topic that is not looked at to its end holds the mark back, and so does whatever was not had.
    sqlx::query!(
        "WITH mark AS (
             SELECT coalesce((SELECT position FROM followers WHERE consumer = $1), 0) AS position
         ), ahead AS (
             SELECT found.* FROM mark, unnest($2::text[]) AS asked (topic), LATERAL (
                 SELECT position, topic, id, type FROM event_log
                 WHERE topic = asked.topic AND event_log.position > mark.position ORDER BY event_log.position LIMIT $4
             ) found
         ), bounds AS (
             SELECT min(position) - 1 AS position FROM ahead
             WHERE type <> ALL($3)
               AND NOT EXISTS (SELECT FROM inbox WHERE consumer = $1 AND event_id = ahead.id)
               AND NOT EXISTS (SELECT FROM dead_letters WHERE consumer = $1 AND event_id = ahead.id)
             UNION ALL
             SELECT max(position) FROM ahead GROUP BY topic HAVING count(*) = $4
             UNION ALL
             SELECT max(position) FROM ahead
         )
         INSERT INTO followers (consumer, position)
         SELECT $1, min(position) FROM bounds HAVING min(position) > (SELECT position FROM mark)
         ON CONFLICT (consumer) DO UPDATE SET position = greatest(followers.position, excluded.position)",
        consumer.name(),
        &topics,
        &passed,
        WINDOW,
    )
    .execute(consumer.ctx().pool())
    .await?;
    Ok(())
}

/// How far a consumer is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behind {
    /// How many published events it should have had and has not, among the next 10,000; at least one if there is any.
    pub records: i64,
    /// When the oldest of them happened.
    pub since: Option<DateTime<Utc>>,
}

/// What a consumer should have had and has not: it is neither in its inbox nor a dead letter.
pub async fn behind(consumer: &Consumer) -> sqlx::Result<Behind> {
    let topics: Vec<String> = consumer.topics().into_iter().map(str::to_owned).collect();
    let passed: Vec<String> = consumer.passed().into_iter().map(str::to_owned).collect();
    // OFFSET 0: each event is looked up by itself. There are few as a rule, and the whole inbox is long. (A dead letter that
    // was dealt with is in the inbox.)
    let near = sqlx::query!(
        r#"SELECT count(*) AS "seen!", count(*) FILTER (WHERE NOT had) AS "records!", min(emitted_at) FILTER (WHERE NOT had) AS since
           FROM (
               SELECT emitted_at,
                      EXISTS (SELECT FROM inbox WHERE consumer = $1 AND event_id = event_log.id OFFSET 0)
                      OR EXISTS (SELECT FROM dead_letters
                                 WHERE consumer = $1 AND event_id = event_log.id AND state IN ('failed', 'parked') OFFSET 0) AS had
               FROM event_log
               WHERE position > coalesce((SELECT position FROM followers WHERE consumer = $1), 0)
                 AND topic = ANY($2) AND type <> ALL($3)
               ORDER BY position LIMIT $4
           ) ahead"#,
        consumer.name(),
        &topics,
        &passed,
        COUNTED,
    )
    .fetch_one(consumer.ctx().pool())
    .await?;
    if near.records > 0 || near.seen < COUNTED {
        return Ok(Behind {
            records: near.records,
            since: near.since,
        });
    }
    // Its place is far behind what it has had.
    let since = sqlx::query_scalar!(
        "SELECT emitted_at FROM event_log
         WHERE position > coalesce((SELECT position FROM followers WHERE consumer = $1), 0)
           AND topic = ANY($2) AND type <> ALL($3)
           AND NOT EXISTS (SELECT FROM inbox WHERE consumer = $1 AND event_id = event_log.id)
           AND NOT EXISTS (SELECT FROM dead_letters WHERE consumer = $1 AND event_id = event_log.id)
         ORDER BY position LIMIT 1",
        consumer.name(),
        &topics,
        &passed,
    )
    .fetch_optional(consumer.ctx().pool())
    .await?;
    Ok(Behind {
        records: since.is_some().into(),
        since,
    })
}
