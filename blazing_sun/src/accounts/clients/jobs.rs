//! The job `rotate_signing_keys`: a new key in place of one that has signed for long.

use async_trait::async_trait;
use chrono::TimeDelta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::accounts::clients::make_key::{When, make_key};
use crate::accounts::clients::repo;
use crate::flow::job::{Job, JobError, Run};

/// How old the newest key may become.
#[derive(Clone, Copy, Debug)]
pub struct KeyAge(pub TimeDelta);

/// Makes a signing key if the newest is old, and deletes those whose tokens are dead.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct RotateSigningKeys {}

#[async_trait]
impl Job for RotateSigningKeys {
    const NAME: &'static str = "rotate_signing_keys";
    const SUMMARY: &'static str = "Makes a key that signs access tokens when the newest is old, and deletes those that are of no use any more.";
    const PRIORITY: i16 = 3;

    type Tools = KeyAge;

    async fn run(&self, age: &KeyAge, run: &mut Run) -> Result<(), JobError> {
        let tx = run.tx().await?;
        if let Some(key) = make_key(tx, When::Older(age.0)).await? {
            tracing::info!(key.id = %key.id, key.signs_from = %key.signs_from, "a signing key was made");
        }
        repo::delete_expired_keys(tx).await?;
        Ok(())
    }
}
