//! Rows to carry, made by PostgreSQL itself.

use lapin::options::QueuePurgeOptions;
use sqlx::{Connection, PgConnection};

use blazing_sun::infra::rabbitmq::{JOBS, RabbitMq};

use crate::world::World;

/// Aggregates that the events are about.
const AGGREGATES: i32 = 1000;

/// Empties outbox and log, and has this many events wait.
pub async fn events_anew(world: &World, count: i64) -> anyhow::Result<()> {
    let mut connection = world.connect().await?;
    sqlx::raw_sql("TRUNCATE outbox, event_log")
        .execute(&mut connection)
        .await?;
    events(&mut connection, count).await?;
    sqlx::raw_sql("VACUUM ANALYZE outbox")
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    Ok(())
}

/// Has this many more events wait: each as `UserCreated` looks on the wire, about 400 bytes.
pub async fn events(connection: &mut PgConnection, count: i64) -> sqlx::Result<()> {
    sqlx::query(
        r#"INSERT INTO outbox (id, topic, key, type, body, size, emitted_at)
           SELECT id, 'user.events', key, 'user.created.v1', body, octet_length(body), now()
           FROM (SELECT uuidv7() AS id, md5((n % $2)::text)::uuid AS key FROM generate_series(1, $1) n) made,
           LATERAL (SELECT format(
               '{"specversion":"1.0","id":"%s","source":"/blazing_sun","type":"user.created.v1","subject":"%s","time":"2030-01-01T00:00:00.000000Z","datacontenttype":"application/json","correlationid":"%s","sequence":1,"data":{"user_id":"%s","version":1}}',
               id, key, id, key
           ) AS body) written"#,
    )
    .bind(count)
    .bind(AGGREGATES)
    .execute(connection)
    .await?;
    Ok(())
}

/// Empties the table and the queue of the jobs, and has this many jobs wait.
pub async fn jobs_anew(world: &World, count: i64) -> anyhow::Result<()> {
    let mut connection = world.connect().await?;
    sqlx::raw_sql("TRUNCATE jobs")
        .execute(&mut connection)
        .await?;
    jobs(&mut connection, count, "1 day").await?;
    sqlx::raw_sql("VACUUM ANALYZE jobs")
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    let rabbitmq = RabbitMq::new(world.rabbitmq()?.clone());
    let channel = rabbitmq.jobs_channel().await?;
    channel
        .queue_purge(JOBS.into(), QueuePurgeOptions::default())
        .await?;
    rabbitmq.close().await;
    Ok(())
}

/// Has this many more jobs wait that do nothing: of every priority, due at some moment within the hour before `ago`.
pub async fn jobs(connection: &mut PgConnection, count: i64, ago: &str) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO jobs (id, name, payload, priority, state, max_attempts, run_at, correlation_id, created_at)
         SELECT uuidv7(), 'bench_nothing', '{}', n % 11, 'ready', 10,
                now() - $2::interval - (n % 3600) * interval '1 second', uuidv7()::text, now()
         FROM generate_series(1, $1) n",
    )
    .bind(count)
    .bind(ago)
    .execute(connection)
    .await?;
    Ok(())
}
