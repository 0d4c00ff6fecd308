//! The migrations compiled into this build, and their application.

use std::collections::HashSet;

use sqlx::PgPool;
use sqlx::migrate::{Migrate, MigrateError, Migration, Migrator};

use crate::infra::postgres;

/// A database that is ahead is served too: migrations expand before they contract, so that the build before the
/// newest can go on, or be gone back to.
static MIGRATOR: Migrator = Migrator {
    ignore_missing: true,
    ..sqlx::migrate!()
};

/// The table in which sqlx remembers what was applied.
const TABLE: &str = "_sqlx_migrations";

/// A migration that did not go through; nothing of it was kept.
#[derive(Debug, thiserror::Error)]
#[error("migration {name} failed: {reason}")]
pub struct MigrationFailed {
    name: String,
    reason: String,
}

/// The version of this build's newest migration.
#[must_use]
pub fn newest() -> i64 {
    MIGRATOR
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or_default()
}

/// Applies what is missing, one process at a time, and returns the names of what it applied.
pub async fn apply(pool: &PgPool) -> Result<Vec<String>, MigrationFailed> {
    run(pool).await.map_err(|error| {
        let (version, reason) = match &error {
            MigrateError::ExecuteMigration(cause, version) => {
                (Some(*version), postgres::message(cause))
            }
            MigrateError::VersionMismatch(version) => (
                Some(*version),
                "it was changed after it had been applied".to_owned(),
            ),
            MigrateError::Execute(cause) => (None, postgres::message(cause)),
            other => (None, other.to_string()),
        };
        let name = version.map_or_else(|| "table".to_owned(), name_of);
        MigrationFailed { name, reason }
    })
}

async fn run(pool: &PgPool) -> Result<Vec<String>, MigrateError> {
    let mut connection = pool.acquire().await?;
    connection.ensure_migrations_table(TABLE).await?;
    let before: HashSet<i64> = connection
        .list_applied_migrations(TABLE)
        .await?
        .iter()
        .map(|applied| applied.version)
        .collect();
    MIGRATOR.run(&mut *connection).await?;
    Ok(MIGRATOR
        .iter()
        .filter(|migration| !before.contains(&migration.version))
        .map(file_name)
        .collect())
}

fn name_of(version: i64) -> String {
    MIGRATOR
        .iter()
        .find(|migration| migration.version == version)
        .map_or_else(|| version.to_string(), file_name)
}

fn file_name(migration: &Migration) -> String {
    format!(
        "{}_{}",
        migration.version,
        migration.description.replace(' ', "_")
    )
}
