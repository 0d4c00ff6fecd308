//! Setting a module's level, and taking it back. Both are told as an event, which the audit log keeps.

use chrono::{DateTime, Utc};

use crate::flow::ctx::Tx;
use crate::flow::outbox::{self, Refused};
use crate::monitor::events::LogLevelChanged;
use crate::monitor::log_levels::log_level::{Level, LogLevel, Minutes, Module, NotALevel};
use crate::monitor::log_levels::repo;
use crate::monitor::repo as said;

/// The most modules that have a level of their own at a time.
const MOST: i64 = 50;
/// The name under which the number of changes is kept.
const NAME: &str = "log_levels";

/// Why a level was not changed.
#[derive(Debug, thiserror::Error)]
pub enum SetLevelError {
    /// The module is not logged from this level on.
    #[error("the level {0}")]
    Level(#[from] NotALevel),
    /// Enough modules have a level of their own.
    #[error("{MOST} modules have a level of their own: reset one first")]
    TooMany,
    /// The module has none of its own.
    #[error("the module has no level of its own")]
    NotSet,
    /// It could not be written down.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Has a module logged from a level on, for a while.
pub async fn set_level(
    tx: &mut Tx,
    module: &Module,
    level: Level,
    minutes: Minutes,
) -> Result<LogLevel, SetLevelError> {
    let level = level.of(module)?;
    let until = minutes.after(tx.now());
    // Its row is locked until the end: changes come one after the other.
    let mut state = said::lock(tx, NAME).await?;
    repo::delete(tx, module).await?;
    if repo::forget_old(tx).await? >= MOST {
        return Err(SetLevelError::TooMany);
    }
    repo::put(tx, module, level, until).await?;
    tell(tx, &mut state, module, Some((level, until))).await?;
    Ok(LogLevel {
        module: module.as_str().to_owned(),
        level,
        until,
    })
}

/// Has a module logged as configured again.
pub async fn reset_level(tx: &mut Tx, module: &Module) -> Result<(), SetLevelError> {
    let mut state = said::lock(tx, NAME).await?;
    if !repo::delete(tx, module).await? {
        return Err(SetLevelError::NotSet);
    }
    tell(tx, &mut state, module, None).await
}

async fn tell(
    tx: &mut Tx,
    state: &mut said::State,
    module: &Module,
    set: Option<(Level, DateTime<Utc>)>,
) -> Result<(), SetLevelError> {
    state.version += 1;
    state.told_at = Some(tx.now());
    let event = LogLevelChanged {
        log_levels_id: state.subject,
        version: state.version,
        module: module.as_str().to_owned(),
        level: set.map(|(level, _)| level),
        until: set.map(|(_, until)| until),
    };
    outbox::emit(tx, &event).await?;
    said::put(tx, NAME, state).await?;
    Ok(())
}
