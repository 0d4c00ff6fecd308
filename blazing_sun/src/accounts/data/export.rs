//! An export: all that is held about somebody, in a file that they can take along for a week.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::accounts::account::Account;
use crate::accounts::data::jobs::ExportAccount;
use crate::accounts::data::repo;
use crate::accounts::sessions;
use crate::flow::ctx::Tx;
use crate::flow::delete_blobs::DeleteBlobs;
use crate::flow::outbox::{self, Refused};
use crate::infra::blobs::Shelf;
use crate::kernel::id::{self, Id};

/// Where the files lie, each under the id of its export.
pub const SHELF: Shelf = Shelf::new("exports");
/// How long an export can be downloaded.
pub const KEPT_FOR: TimeDelta = TimeDelta::days(7);
/// The most that an account has at a time.
const MOST: i64 = 3;
/// By then the job was given up. (All its attempts take less than an hour.)
const MADE_WITHIN: TimeDelta = TimeDelta::days(1);

/// An export.
#[derive(Clone, Debug)]
pub struct Export {
    /// Which one.
    pub id: Uuid,
    /// The size of its file in bytes, if there is one.
    pub size: Option<i64>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// Since when it can be downloaded.
    pub ready_at: Option<DateTime<Utc>>,
    /// Until when.
    pub expires_at: DateTime<Utc>,
}

/// How far an export is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExportState {
    /// It is being made.
    Waiting,
    /// It can be downloaded.
    Ready,
    /// It could not be made; ask for another.
    Failed,
    /// It is too old, and is gone soon.
    Expired,
}

impl Export {
    /// How far it is at a moment.
    #[must_use]
    pub fn state(&self, now: DateTime<Utc>) -> ExportState {
        match self.ready_at {
            _ if self.expires_at <= now => ExportState::Expired,
            Some(_) => ExportState::Ready,
            None if now - self.created_at < MADE_WITHIN => ExportState::Waiting,
            None => ExportState::Failed,
        }
    }
}

/// Why no export was begun.
#[derive(Debug, thiserror::Error)]
pub enum StartExportError {
    /// The account is gone.
    #[error("there is no such account")]
    NoSuchAccount,
    /// There is one in the making.
    #[error("one is in the making already")]
    InTheMaking,
    /// It could not be written down.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Begins an export: one at a time, and if there are as many as may be, the oldest makes room.
pub async fn start_export(tx: &mut Tx, account: Id<Account>) -> Result<Export, StartExportError> {
    let now = tx.now();
    sessions::lock(tx, account)
        .await?
        .ok_or(StartExportError::NoSuchAccount)?;
    let all = repo::list(tx.conn(), account).await?;
    if all.iter().any(|one| one.state(now) == ExportState::Waiting) {
        return Err(StartExportError::InTheMaking);
    }
    let out = repo::delete_beyond(tx, account, MOST - 1).await?;
    DeleteBlobs::enqueue(tx, &SHELF, &out).await?;
    let export = Export {
        id: id::new(),
        size: None,
        created_at: now,
        ready_at: None,
        expires_at: now + KEPT_FOR,
    };
    repo::insert(tx, account, &export).await?;
    let export_id = export.id;
    outbox::enqueue(tx, &ExportAccount { export_id }).await?;
    Ok(export)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_waits_is_ready_and_expires_or_has_failed_after_a_day() {
        let hour = |hours| DateTime::UNIX_EPOCH + TimeDelta::hours(hours);
        let waiting = Export {
            id: Uuid::nil(),
            size: None,
            created_at: hour(0),
            ready_at: None,
            expires_at: hour(0) + KEPT_FOR,
        };
        let ready = Export {
            ready_at: Some(hour(1)),
            ..waiting.clone()
        };

        assert_eq!(waiting.state(hour(23)), ExportState::Waiting);
        assert_eq!(waiting.state(hour(24)), ExportState::Failed);
        assert_eq!(ready.state(hour(24)), ExportState::Ready);
        assert_eq!(ready.state(hour(7 * 24 - 1)), ExportState::Ready);
        assert_eq!(ready.state(hour(7 * 24)), ExportState::Expired);
    }
}
