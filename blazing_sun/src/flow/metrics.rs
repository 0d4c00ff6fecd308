//! What the spine measures.

use prometheus::{HistogramVec, IntCounter, IntCounterVec, IntGaugeVec};

use crate::infra::measures::{Measures, SECONDS, SharedGauges};
use crate::infra::postgres::Transactions;
use crate::infra::redis::Lookups;

/// Upper bounds of batches, up to the largest that the relay carries.
const RECORDS: &[f64] = &[1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0];

/// The spine's metrics; cheap to clone. Every label has few values: names from the code, never from a message.
#[derive(Clone)]
pub struct FlowMetrics {
    /// Transactions of the application.
    pub transactions: Transactions,
    /// Lookups in what Redis remembers.
    pub lookups: Lookups,
    /// Committed and not yet published events; told by the relay that leads.
    pub outbox_events: SharedGauges,
    /// The age of the oldest of them, in seconds.
    pub outbox_oldest_age: SharedGauges,
    /// Jobs by state, done ones are not counted; told by the relay that leads.
    pub jobs: SharedGauges,
    /// For how long the oldest due job has waited, in seconds; told by the monitor that leads.
    pub jobs_oldest_due_age: SharedGauges,
    /// Open dead letters, by consumer; told by the monitor that leads.
    pub dead_letters: SharedGauges,
    /// Published events that a consumer has not had; told by the monitor that leads.
    pub lag_records: SharedGauges,
    /// The age of the oldest of them, in seconds.
    pub lag_seconds: SharedGauges,
    /// Whether this process leads, by lease.
    pub leader: IntGaugeVec,
    /// How often this process took a lease.
    pub lease_changes: IntCounterVec,
    /// What the relay carried, by kind (`event` or `job`) and outcome (`sent` or `refused`).
    pub relayed: IntCounterVec,
    /// How many of a kind the relay carries at once.
    pub batch_records: HistogramVec,
    /// How long that takes.
    pub batch_duration: HistogramVec,
    /// How often Kafka's producer was made anew after a failure.
    pub producer_resets: IntCounter,
    /// Attempts at jobs, by name and outcome.
    pub job_attempts: IntCounterVec,
    /// How long they took, by name.
    pub job_duration: HistogramVec,
    /// How long after it was due a job was claimed, by name.
    pub job_wait: HistogramVec,
    /// Records, by consumer and outcome.
    pub records: IntCounterVec,
    /// From an event's commit to its effect, by consumer.
    pub reaction_delay: HistogramVec,
    /// Jobs that schedules set off, by schedule.
    pub fired: IntCounterVec,
}

impl FlowMetrics {
    /// Declares everything.
    pub fn new(measures: &Measures) -> prometheus::Result<Self> {
        Ok(Self {
            transactions: Transactions::new(measures)?,
            lookups: Lookups::new(measures)?,
            outbox_events: measures.shared_gauges(
                "outbox_events",
                "Committed events that are not published yet, up to 100,000. Told by the relay that leads.",
                &[],
            )?,
            outbox_oldest_age: measures.shared_gauges(
                "outbox_oldest_age_seconds",
                "The age of the oldest event that is not published yet. Told by the relay that leads.",
                &[],
            )?,
            jobs: measures.shared_gauges(
                "jobs",
                "Jobs that are not done, by state (ready, up to 100,000, sent, running or failed). Told by the relay that leads.",
                &["state"],
            )?,
            jobs_oldest_due_age: measures.shared_gauges(
                "jobs_oldest_due_age_seconds",
                "For how long the oldest due job has been waiting for a worker. Told by the monitor that leads.",
                &[],
            )?,
            dead_letters: measures.shared_gauges(
                "dead_letters",
                "Records that wait for an operator, by consumer. Told by the monitor that leads.",
                &["consumer"],
            )?,
            lag_records: measures.shared_gauges(
                "consumer_lag_records",
                "Published events that a consumer should have had and has not, among the next 10,000; of consumers whose effect \
                 is in PostgreSQL. Told by the monitor that leads.",
                &["consumer"],
            )?,
            lag_seconds: measures.shared_gauges(
                "consumer_lag_seconds",
                "The age of the oldest of these events. Told by the monitor that leads.",
                &["consumer"],
            )?,
            leader: measures.gauges(
                "leader",
                "Whether this process leads, by lease (relay, schedule or monitor).",
                &["lease"],
            )?,
            lease_changes: measures.counters(
                "lease_changes_total",
                "How often this process began to lead.",
                &["lease"],
            )?,
            relayed: measures.counters(
                "relayed_total",
                "Events and jobs handed to a broker, by kind (event or job) and outcome (sent or refused; those are sent again).",
                &["kind", "outcome"],
            )?,
            batch_records: measures.histograms(
                "relay_batch_records",
                "How many events or jobs the relay carried at once.",
                &["kind"],
                RECORDS,
            )?,
            batch_duration: measures.histograms(
                "relay_batch_duration_seconds",
                "How long that took, from the look into the table to the note that they were carried.",
                &["kind"],
                SECONDS,
            )?,
            producer_resets: measures.counter(
                "relay_producer_resets_total",
                "How often Kafka refused something, so that the producer was emptied and made anew.",
            )?,
            job_attempts: measures.counters(
                "job_attempts_total",
                "Finished attempts at jobs, by outcome (done, retried, failed or lost).",
                &["job", "outcome"],
            )?,
            job_duration: measures.histograms(
                "job_duration_seconds",
                "How long an attempt at a job took.",
                &["job"],
                SECONDS,
            )?,
            job_wait: measures.histograms(
                "job_wait_seconds",
                "How long after it was due a job was begun.",
                &["job"],
                SECONDS,
            )?,
            records: measures.counters(
                "consumer_records_total",
                "Records that a consumer has dealt with, by outcome (taken, repeated, passed, parked, unreadable or failed).",
                &["consumer", "outcome"],
            )?,
            reaction_delay: measures.histograms(
                "consumer_delay_seconds",
                "The time from an event to its effect.",
                &["consumer"],
                SECONDS,
            )?,
            fired: measures.counters(
                "schedule_fired_total",
                "Jobs set off by a schedule.",
                &["schedule"],
            )?,
        })
    }
}
