//! What librdkafka says, in the log. Every client of a broker that is away says the same things each second.

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::ProducerContext;

use crate::infra::seldom::Seldom;

static SAID: Seldom = Seldom::new();

/// Writes what a client says; the same thing once a minute, whichever clients of this process say it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Said;

impl ClientContext for Said {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        use RDKafkaLogLevel::{Alert, Critical, Debug, Emerg, Error, Info, Notice, Warning};
        let Some(suppressed) = SAID.again(&without_numbers(message)) else {
            return;
        };
        match level {
            Emerg | Alert | Critical | Error => {
                tracing::error!(target: "librdkafka", suppressed, "{facility} {message}");
            }
            Warning => tracing::warn!(target: "librdkafka", suppressed, "{facility} {message}"),
            Notice | Info => {
                tracing::info!(target: "librdkafka", suppressed, "{facility} {message}")
            }
            Debug => tracing::debug!(target: "librdkafka", suppressed, "{facility} {message}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if let Some(suppressed) = SAID.again(&without_numbers(&format!("{error} {reason}"))) {
            tracing::error!(target: "librdkafka", suppressed, "{error}: {reason}");
        }
    }
}

/// What tells lines apart: not their times, counts and addresses.
fn without_numbers(line: &str) -> String {
    line.chars()
        .filter(|character| !character.is_ascii_digit())
        .collect()
}

impl ConsumerContext for Said {}

impl ProducerContext for Said {
    type DeliveryOpaque = ();

    fn delivery(&self, _result: &DeliveryResult<'_>, (): Self::DeliveryOpaque) {}
}
