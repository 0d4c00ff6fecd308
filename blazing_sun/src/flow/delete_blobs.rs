//! The job `delete_blobs`: a transaction that makes private files useless cannot delete them itself.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::flow::ctx::Tx;
use crate::flow::job::{Job, JobError, Run};
use crate::flow::outbox::{self, Refused};
use crate::infra::blobs::{Blobs, Shelf};

/// The most ids in one job.
const BATCH: usize = 1000;

/// Deletes private files. Their rows are gone already, so that nobody finds them any more.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct DeleteBlobs {
    /// Where they lie.
    shelf: Shelf,
    /// Which ones.
    ids: Vec<Uuid>,
}

impl DeleteBlobs {
    /// Has private files deleted when the transaction commits, however many there are.
    pub async fn enqueue(tx: &mut Tx, shelf: &Shelf, ids: &[Uuid]) -> Result<(), Refused> {
        for ids in ids.chunks(BATCH) {
            let (shelf, ids) = (shelf.clone(), ids.to_vec());
            outbox::enqueue(tx, &Self { shelf, ids }).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Job for DeleteBlobs {
    const NAME: &'static str = "delete_blobs";
    const SUMMARY: &'static str = "Deletes private files that belong to nothing any more.";
    const PRIORITY: i16 = 4;

    type Tools = Blobs;

    async fn run(&self, blobs: &Blobs, _run: &mut Run) -> Result<(), JobError> {
        for id in &self.ids {
            blobs.delete(&self.shelf, *id).await?;
        }
        Ok(())
    }
}
