//! Requests that say which of them are the same: each has its effect once, and its answer is kept with the effect.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;
use sqlx::types::Json;
use uuid::Uuid;

use crate::flow::ctx::Tx;

/// How long an answer is kept.
pub const KEPT_FOR: TimeDelta = TimeDelta::days(1);
/// The most rows that one statement deletes.
const BATCH: i64 = 10_000;

/// A request that carries a key.
#[derive(Clone, Debug)]
pub struct Keyed {
    /// Whose it is: keys of others are other keys.
    pub account: Uuid,
    /// What it asks for: elsewhere a key is another key too.
    pub route: String,
    /// The SHA-256 of its key.
    pub key_hash: [u8; 32],
    /// The SHA-256 of all that has to be the same in a repetition.
    pub fingerprint: [u8; 32],
}

/// An answer, as it is given again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: BTreeMap<String, String>,
    /// Its body.
    pub body: Vec<u8>,
}

/// What became of a request with this key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Nothing: the key is ours until the transaction ends.
    Fresh,
    /// It is being done.
    Busy,
    /// It was another request.
    Mismatch,
    /// It was done, and its answer was for once.
    Spent,
    /// It was done.
    Answered(Answer),
}

/// Takes the key of a request, before anything else happens in its transaction. Nobody waits here.
pub async fn take(tx: &mut Tx, request: &Keyed) -> sqlx::Result<Taken> {
    let after = tx.now() - KEPT_FOR;
    let found = sqlx::query!(
        r#"SELECT free AS "free!", fingerprint, status, headers AS "headers: Json<BTreeMap<String, String>>", body
           FROM idempotency_take($1, $2, $3, $4)"#,
        request.account,
        request.route,
        &request.key_hash[..],
        after,
    )
    .fetch_one(tx.conn())
    .await?;
    let (Some(fingerprint), Some(status)) = (found.fingerprint, found.status) else {
        return Ok(if found.free {
            Taken::Fresh
        } else {
            Taken::Busy
        });
    };
    if fingerprint != request.fingerprint {
        return Ok(Taken::Mismatch);
    }
    Ok(match (found.headers, found.body) {
        (Some(Json(headers)), Some(body)) => Taken::Answered(Answer {
            status: status.unsigned_abs(),
            headers,
            body,
        }),
        _ => Taken::Spent,
    })
}

/// Keeps what was answered, if and only if the transaction commits. Without an answer it is only noted that it was done.
pub async fn keep(
    tx: &mut Tx,
    request: &Keyed,
    status: u16,
    answer: Option<&Answer>,
) -> sqlx::Result<()> {
    let now = tx.now();
    // Whoever has taken the key replaces nothing that counts. Should that ever fail, nothing happens twice: without a row
    // this is an error, and the effect is undone.
    sqlx::query_scalar!(
        "INSERT INTO idempotency_keys AS kept (user_id, route, key_hash, fingerprint, status, headers, body, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (user_id, route, key_hash) DO UPDATE
         SET fingerprint = excluded.fingerprint, status = excluded.status, headers = excluded.headers,
             body = excluded.body, created_at = excluded.created_at
         WHERE kept.created_at <= $9
         RETURNING created_at",
        request.account,
        request.route,
        &request.key_hash[..],
        &request.fingerprint[..],
        i16::try_from(status).unwrap_or_default(),
        answer.map(|answer| Json(&answer.headers)) as _,
        answer.map(|answer| &answer.body[..]),
        now,
        now - KEPT_FOR,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(())
}

/// Forgets what is not answered again any more.
pub async fn purge(pool: &PgPool, now: DateTime<Utc>) -> sqlx::Result<()> {
    loop {
        let deleted = sqlx::query!(
            "DELETE FROM idempotency_keys WHERE ctid = ANY(ARRAY(
                 SELECT ctid FROM idempotency_keys WHERE created_at <= $1 LIMIT $2))",
            now - KEPT_FOR,
            BATCH,
        )
        .execute(pool)
        .await?;
        if deleted.rows_affected() == 0 {
            return Ok(());
        }
    }
}
