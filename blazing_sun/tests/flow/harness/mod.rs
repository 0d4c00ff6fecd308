//! What the tests of the spine stand on: a world of their own, and the machine in it, to be stepped by hand.

mod broker;
mod consuming;
mod counter;
mod dead_rows;
mod errand;
mod purse;
mod relaying;
mod working;
mod world;

pub use crate::support::Gate;
pub use consuming::Consuming;
pub use counter::{Counted, Counting, Effect, count, count_padded};
pub use dead_rows::{entries_read, pin_snapshot, watched_pool};
pub use errand::{ATTEMPTS, CHANNEL, Deed, Errand, Paused, Script, told};
pub use purse::{Purse, Spec, spec};
pub use relaying::Relaying;
pub use working::Working;
pub use world::{Carrier, RESEND_AFTER, World};

pub use crate::support::{Garbage, soon};

use std::time::Duration;

/// Lets time pass for everything in this process that waits by tokio's clock.
pub async fn let_pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// Makes two tests of one: over Kafka or RabbitMQ, and over PostgreSQL alone.
macro_rules! over_both_carriers {
    ($(async fn $name:ident($carrier:ident: Carrier) $body:block)+) => {
        $(mod $name {
            use super::*;

            async fn test($carrier: Carrier) $body

            #[tokio::test]
            async fn over_a_broker() {
                test(Carrier::Broker).await;
            }

            #[tokio::test]
            async fn over_postgresql() {
                test(Carrier::Postgres).await;
            }
        })+
    };
}
