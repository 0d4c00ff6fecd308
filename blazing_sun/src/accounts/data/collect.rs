//! The file of an export: what every feature holds about somebody, all of the same moment.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::accounts::data::repo;
use crate::flow::ctx::{Cause, Ctx};
use crate::flow::personal_data::Held;

/// The form of the file; another one gets another name.
const FORMAT: &str = "blazing_sun.export.v1";

/// The file. Its keys are documented in docs/security.md.
#[derive(Serialize)]
struct File {
    format: &'static str,
    account_id: Uuid,
    collected_at: DateTime<Utc>,
    contents: BTreeMap<&'static str, &'static str>,
    data: BTreeMap<&'static str, Value>,
}

/// Why nothing was collected.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// Something has a form that JSON does not have.
    #[error(transparent)]
    Form(#[from] serde_json::Error),
}

/// Collects all that is held about the owner of an account.
pub async fn collect(ctx: &Ctx, held: &Held, account: Uuid) -> Result<Vec<u8>, CollectError> {
    // A transaction of its own, which shows one moment and changes nothing.
    let mut tx = ctx.begin(Cause::new("export")).await?;
    repo::see_one_moment(&mut tx).await?;
    let mut file = File {
        format: FORMAT,
        account_id: account,
        collected_at: tx.now(),
        contents: BTreeMap::new(),
        data: BTreeMap::new(),
    };
    for part in held.iter() {
        file.contents.insert(part.name(), part.summary());
        file.data
            .insert(part.name(), part.collect(&mut tx, account).await?);
    }
    tx.rollback().await?;
    Ok(serde_json::to_vec_pretty(&file)?)
}
