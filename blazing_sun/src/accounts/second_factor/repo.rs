//! The tables of the second factor, one function a question. Whoever changes something has locked the account.

mod ceremonies;
mod challenges;
mod passkeys;

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::accounts::account::Account;
use crate::flow::ctx::Tx;
use crate::kernel::id::Id;

pub use ceremonies::{
    begin_confirmation, begin_registration, take_confirmation, take_registration,
};
pub use challenges::{Try, begin_passkey, challenge_owner, end_challenge, try_challenge};
pub use passkeys::{
    Listed, insert_passkey, list, passkey, passkeys, remove_passkey, remove_passkeys,
    update_passkey,
};

/// Notes that an account has changed, and returns its new version.
pub async fn raise_version(tx: &mut Tx, account: Id<Account>) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        "UPDATE users SET version = version + 1 WHERE id = $1 RETURNING version",
        account.uuid(),
    )
    .fetch_one(tx.conn())
    .await
}

/// The address of an account, by which apps and passkeys list it.
pub async fn address(tx: &mut Tx, account: Id<Account>) -> sqlx::Result<String> {
    sqlx::query_scalar!("SELECT email FROM users WHERE id = $1", account.uuid())
        .fetch_one(tx.conn())
        .await
}

/// Begins an authenticator in place of one that was begun before, and returns its id.
pub async fn begin_authenticator(tx: &mut Tx, account: Id<Account>) -> sqlx::Result<Uuid> {
    let (id, now) = (crate::kernel::id::new(), tx.now());
    sqlx::query!(
        "DELETE FROM authenticators WHERE user_id = $1 AND confirmed_at IS NULL",
        account.uuid(),
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "INSERT INTO authenticators (id, user_id, created_at) VALUES ($1, $2, $3)",
        id,
        account.uuid(),
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(id)
}

/// The authenticator that was begun at `since` or later, and has not shown a code yet.
pub async fn begun_authenticator(
    tx: &mut Tx,
    account: Id<Account>,
    since: DateTime<Utc>,
) -> sqlx::Result<Option<Uuid>> {
    sqlx::query_scalar!(
        "SELECT id FROM authenticators WHERE user_id = $1 AND confirmed_at IS NULL AND created_at >= $2",
        account.uuid(),
        since,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Turns an authenticator on, in place of the one before. `step` is that of its first code, which is used with this.
pub async fn confirm_authenticator(
    tx: &mut Tx,
    account: Id<Account>,
    id: Uuid,
    step: i64,
) -> sqlx::Result<()> {
    let now = tx.now();
    sqlx::query!(
        "DELETE FROM authenticators WHERE user_id = $1 AND id <> $2",
        account.uuid(),
        id,
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "UPDATE authenticators SET confirmed_at = $2, last_step = $3 WHERE id = $1",
        id,
        now,
        step,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The authenticator that is on.
pub async fn authenticator(tx: &mut Tx, account: Id<Account>) -> sqlx::Result<Option<Uuid>> {
    sqlx::query_scalar!(
        "SELECT id FROM authenticators WHERE user_id = $1 AND confirmed_at IS NOT NULL",
        account.uuid(),
    )
    .fetch_optional(tx.conn())
    .await
}

/// Uses the code of a step, once, and none before it any more.
pub async fn use_step(tx: &mut Tx, id: Uuid, step: i64) -> sqlx::Result<bool> {
    let used = sqlx::query!(
        "UPDATE authenticators SET last_step = $2 WHERE id = $1 AND last_step < $2",
        id,
        step,
    )
    .execute(tx.conn())
    .await?;
    Ok(used.rows_affected() == 1)
}

/// Removes the authenticator, and one that was begun. `false`: none was on.
pub async fn remove_authenticator(tx: &mut Tx, account: Id<Account>) -> sqlx::Result<bool> {
    let removed = sqlx::query_scalar!(
        r#"DELETE FROM authenticators WHERE user_id = $1 RETURNING confirmed_at IS NOT NULL AS "on!""#,
        account.uuid(),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(removed.contains(&true))
}

/// Makes these the recovery codes of an account, and no others.
pub async fn replace_recovery_codes(
    tx: &mut Tx,
    account: Id<Account>,
    hashes: &[Vec<u8>],
) -> sqlx::Result<()> {
    let now = tx.now();
    remove_recovery_codes(tx, account).await?;
    sqlx::query!(
        "INSERT INTO recovery_codes (code_hash, user_id, created_at)
         SELECT hash, $2, $3 FROM unnest($1::bytea[]) AS hash",
        hashes,
        account.uuid(),
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Removes the recovery codes of an account.
pub async fn remove_recovery_codes(tx: &mut Tx, account: Id<Account>) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM recovery_codes WHERE user_id = $1",
        account.uuid()
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Uses a recovery code, once.
pub async fn use_recovery_code(
    tx: &mut Tx,
    account: Id<Account>,
    hash: &[u8],
) -> sqlx::Result<bool> {
    let now = tx.now();
    let used = sqlx::query!(
        "UPDATE recovery_codes SET used_at = $3 WHERE code_hash = $2 AND user_id = $1 AND used_at IS NULL",
        account.uuid(),
        hash,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(used.rows_affected() == 1)
}

/// What an account has besides its password.
pub struct Overview {
    /// Since when there is an authenticator app.
    pub authenticator: Option<DateTime<Utc>>,
    /// The recovery codes that were not used.
    pub codes_left: i64,
    /// All recovery codes.
    pub codes: i64,
}

impl Overview {
    /// Whether there are recovery codes that were not used.
    #[must_use]
    pub fn has_codes(&self) -> bool {
        self.codes_left > 0
    }
}

/// What an account has besides its password.
pub async fn overview(pool: &PgPool, account: Id<Account>) -> sqlx::Result<Overview> {
    sqlx::query_as!(
        Overview,
        r#"SELECT (SELECT confirmed_at FROM authenticators
                   WHERE user_id = $1 AND confirmed_at IS NOT NULL) AS authenticator,
                  count(*) FILTER (WHERE used_at IS NULL) AS "codes_left!", count(*) AS "codes!"
           FROM recovery_codes WHERE user_id = $1"#,
        account.uuid(),
    )
    .fetch_one(pool)
    .await
}
