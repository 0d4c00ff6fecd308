//! What is measured of mails.

use std::time::Duration;

use prometheus::{Histogram, IntCounter};

use crate::infra::measures::{Measures, SECONDS};
use crate::infra::smtp::SendError;

/// Counts letters by what became of them.
#[derive(Clone)]
pub struct MailMeasures {
    sent: IntCounter,
    failed: IntCounter,
    refused: IntCounter,
    duration: Histogram,
}

impl MailMeasures {
    /// Declares the metrics.
    pub fn new(measures: &Measures) -> prometheus::Result<Self> {
        let mails = measures.counters(
            "mails_total",
            "Attempts to hand a mail over, by outcome (sent, failed: it is tried again, or refused: it is not).",
            &["outcome"],
        )?;
        Ok(Self {
            sent: mails.with_label_values(&["sent"]),
            failed: mails.with_label_values(&["failed"]),
            refused: mails.with_label_values(&["refused"]),
            duration: measures.histogram(
                "mail_duration_seconds",
                "How long an attempt to hand a mail over took.",
                SECONDS,
            )?,
        })
    }

    /// Notes an attempt.
    pub(super) fn note(&self, outcome: &Result<(), SendError>, took: Duration) {
        match outcome {
            Ok(()) => self.sent.inc(),
            Err(SendError::Temporary(_)) => self.failed.inc(),
            Err(SendError::Permanent(_)) => self.refused.inc(),
        }
        self.duration.observe(took.as_secs_f64());
    }
}
