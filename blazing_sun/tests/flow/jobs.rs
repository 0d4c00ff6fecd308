//! A job's way from the transaction to its effect.

use async_trait::async_trait;
use blazing_sun::flow::catalogue::Catalogue;
use blazing_sun::flow::job::{Job, JobError, Run};
use blazing_sun::flow::outbox;
use blazing_sun::flow::worker::Outcome;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::harness::{Carrier, World};

#[derive(Serialize, Deserialize, JsonSchema)]
struct Nothing {}

#[async_trait]
impl Job for Nothing {
    const NAME: &'static str = "nothing";
    const SUMMARY: &'static str = "Does nothing.";
    const PRIORITY: i16 = 5;
    type Tools = ();

    async fn run(&self, _: &(), _: &mut Run) -> Result<(), JobError> {
        Ok(())
    }
}

over_both_carriers! {
    async fn a_job_is_done(carrier: Carrier) {
        let world = World::with_jobs_over(carrier).await;
        let mut tx = world.begin().await;
        outbox::enqueue(&mut tx, &Nothing {}).await.expect("a job");
        tx.commit().await.expect("a commit");

        let catalogue = Catalogue::default().job::<Nothing>(());
        let mut worker = world.worker(catalogue, 1).await;
        let outcomes = worker.work_until_empty(&mut world.relay().await).await;

        assert_eq!(outcomes, [Outcome::Done]);
        assert_eq!(world.rows("jobs WHERE state = 'done'").await, 1);
    }
}
