//! The two ways out of a transaction: an event that happened, a job to be done.

use sqlx::types::Json;
use tracing::Instrument;
use uuid::Uuid;

use crate::flow::ctx::Tx;
use crate::flow::event::{CloudEvent, Event, MAX_BYTES};
use crate::flow::faults::{self, Mistake};
use crate::flow::job::Job;
use crate::flow::trace;
use crate::infra::rabbitmq::JOBS;
use crate::infra::traces::EXPORTED;
use crate::kernel::id;

/// Why nothing was written. The transaction has to be rolled back.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// A form that JSON does not have.
    #[error("{name} cannot be serialised: {reason}")]
    Form {
        /// The event's type or the job's name.
        name: &'static str,
        /// What serde said.
        reason: serde_json::Error,
    },
    /// The broker would refuse it, and everything behind it would wait.
    #[error("{name} has {bytes} bytes, and at most {MAX_BYTES} are carried")]
    TooLarge {
        /// The event's type or the job's name.
        name: &'static str,
        /// Its size.
        bytes: usize,
    },
    /// PostgreSQL said no. Not transparent, which would hide from a consumer that this may pass.
    #[error("nothing was written")]
    Database(#[from] sqlx::Error),
}

/// Publishes an event when, and only when, the transaction commits. Events of one aggregate keep the order in which they
/// were emitted, as long as their transactions lock the aggregate's row first. Returns the event's id.
pub async fn emit<E: Event>(tx: &mut Tx, event: &E) -> Result<Uuid, Refused> {
    let form = |reason| Refused::Form {
        name: E::TYPE,
        reason,
    };
    let mut event = CloudEvent::wrap(tx, event).map_err(form)?;
    // What follows from the event follows from here.
    let span = tracing::info_span!(
        target: EXPORTED,
        "create",
        otel.name = format!("create {}", E::TOPIC.name()),
        otel.kind = "producer",
        messaging.system = "postgresql",
        "messaging.operation.type" = "create",
        messaging.operation.name = "create",
        messaging.destination.name = E::TOPIC.name(),
        messaging.message.id = %event.id,
        cloudevents.event_type = E::TYPE,
    );
    event.traceparent = trace::of(&span).or(event.traceparent);
    let body = serde_json::to_string(&event).map_err(form)?;
    let bytes = body.len();
    let size = i32::try_from(bytes)
        .ok()
        .filter(|_| bytes <= MAX_BYTES)
        .ok_or(Refused::TooLarge {
            name: E::TYPE,
            bytes,
        })?;
    let written = sqlx::query!(
        "INSERT INTO outbox (id, topic, key, type, body, size, emitted_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        event.id,
        E::TOPIC.name(),
        event.subject,
        event.kind,
        body,
        size,
        event.time,
    );
    if faults::makes(Mistake::EmitApart) {
        let pool = tx.ctx().pool().clone();
        written.execute(&pool).await?;
    } else {
        written.execute(tx.conn()).instrument(span).await?;
    }
    tx.note_event();
    Ok(event.id)
}

/// Has a job done when, and only when, the transaction commits. Returns the job's id.
pub async fn enqueue<J: Job>(tx: &mut Tx, job: &J) -> Result<Uuid, Refused> {
    let payload = serde_json::to_value(job).map_err(|reason| Refused::Form {
        name: J::NAME,
        reason,
    })?;
    // A copy that the broker refuses, when the job is given up, would hold up all jobs.
    let bytes = payload.to_string().len();
    if bytes > MAX_BYTES {
        return Err(Refused::TooLarge {
            name: J::NAME,
            bytes,
        });
    }
    let (id, now, cause) = (id::new(), tx.now(), tx.cause().clone());
    // What the job does follows from here.
    let span = tracing::info_span!(
        target: EXPORTED,
        "create",
        otel.name = format!("create {JOBS}"),
        otel.kind = "producer",
        messaging.system = "postgresql",
        "messaging.operation.type" = "create",
        messaging.operation.name = "create",
        messaging.destination.name = JOBS,
        messaging.message.id = %id,
        job.name = J::NAME,
    );
    let traceparent = trace::of(&span).or(cause.traceparent);
    sqlx::query!(
        "INSERT INTO jobs (id, name, payload, priority, state, max_attempts, run_at,
                           actor_id, correlation_id, causation_id, traceparent, created_at)
         VALUES ($1, $2, $3, $4, 'ready', $5, $6, $7, $8, $9, $10, $6)",
        id,
        J::NAME,
        Json(payload) as _,
        J::PRIORITY,
        J::MAX_ATTEMPTS,
        now,
        cause.actor,
        cause.correlation,
        cause.causation,
        traceparent,
    )
    .execute(tx.conn())
    .instrument(span)
    .await?;
    tx.note_job();
    Ok(id)
}
