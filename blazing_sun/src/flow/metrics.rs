//! What the spine measures.

use prometheus::{
    HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

/// Upper bounds in seconds, from a quick statement to a job that takes a minute.
const DURATION_BUCKETS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0,
];

/// The spine's metrics; cheap to clone. Every label has few values: names from the code, never from a message.
#[derive(Clone)]
pub struct FlowMetrics {
    /// Committed and not yet published events.
    pub outbox_events: IntGauge,
    /// The age of the oldest of them, in seconds.
    pub outbox_oldest_age: IntGauge,
    /// Jobs by state; done ones are not counted.
    pub jobs: IntGaugeVec,
    /// Open dead letters, by consumer.
    pub dead_letters: IntGaugeVec,
    /// Whether this process leads, by lease.
    pub leader: IntGaugeVec,
    /// What the relay carried, by kind (`event` or `job`) and outcome (`sent` or `refused`).
    pub relayed: IntCounterVec,
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
    /// Registers everything.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let metrics = Self {
            outbox_events: IntGauge::new(
                "outbox_events",
                "Committed events that are not published yet.",
            )?,
            outbox_oldest_age: IntGauge::new(
                "outbox_oldest_age_seconds",
                "The age of the oldest event that is not published yet.",
            )?,
            jobs: gauges("jobs", "Jobs that are not done, by state.", &["state"])?,
            dead_letters: gauges(
                "dead_letters",
                "Records that wait for an operator, by consumer.",
                &["consumer"],
            )?,
            leader: gauges("leader", "Whether this process leads.", &["lease"])?,
            relayed: counters(
                "relayed_total",
                "Events and jobs handed to a broker.",
                &["kind", "outcome"],
            )?,
            job_attempts: counters(
                "job_attempts_total",
                "Finished attempts at jobs.",
                &["job", "outcome"],
            )?,
            job_duration: histograms(
                "job_duration_seconds",
                "How long an attempt at a job took.",
                &["job"],
            )?,
            job_wait: histograms(
                "job_wait_seconds",
                "How long after it was due a job was begun.",
                &["job"],
            )?,
            records: counters(
                "consumer_records_total",
                "Records that a consumer has dealt with.",
                &["consumer", "outcome"],
            )?,
            reaction_delay: histograms(
                "consumer_delay_seconds",
                "The time from an event to its effect.",
                &["consumer"],
            )?,
            fired: counters(
                "schedule_fired_total",
                "Jobs set off by a schedule.",
                &["schedule"],
            )?,
        };
        registry.register(Box::new(metrics.outbox_events.clone()))?;
        registry.register(Box::new(metrics.outbox_oldest_age.clone()))?;
        registry.register(Box::new(metrics.jobs.clone()))?;
        registry.register(Box::new(metrics.dead_letters.clone()))?;
        registry.register(Box::new(metrics.leader.clone()))?;
        registry.register(Box::new(metrics.relayed.clone()))?;
        registry.register(Box::new(metrics.job_attempts.clone()))?;
        registry.register(Box::new(metrics.job_duration.clone()))?;
        registry.register(Box::new(metrics.job_wait.clone()))?;
        registry.register(Box::new(metrics.records.clone()))?;
        registry.register(Box::new(metrics.reaction_delay.clone()))?;
        registry.register(Box::new(metrics.fired.clone()))?;
        Ok(metrics)
    }
}

fn gauges(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
    IntGaugeVec::new(Opts::new(name, help), labels)
}

fn counters(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntCounterVec> {
    IntCounterVec::new(Opts::new(name, help), labels)
}

fn histograms(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<HistogramVec> {
    HistogramVec::new(
        HistogramOpts::new(name, help).buckets(DURATION_BUCKETS.to_vec()),
        labels,
    )
}
