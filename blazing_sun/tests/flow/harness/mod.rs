//! What the tests of the spine stand on: a world of their own, and the machine in it, to be stepped by hand.

mod consuming;
mod counter;
mod relaying;
mod topics;
mod vhost;
mod working;
mod world;

pub use consuming::Consuming;
pub use counter::{Counted, Counting, Effect};
pub use relaying::Relaying;
pub use topics::Garbage;
pub use working::Working;
pub use world::{Carrier, World};

use std::time::Duration;

use tokio::time::timeout;

/// How long the machine may take for one step before the test fails: far more than it ever needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for a step of the machine, and fails if it hangs.
pub async fn soon<T>(what: &str, step: impl Future<Output = T>) -> T {
    match timeout(PATIENCE, step).await {
        Ok(done) => done,
        Err(_) => panic!("{what} took longer than {} s", PATIENCE.as_secs()),
    }
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
