//! The table `link_requests`, and what its answers depend on; one function a question.

use uuid::Uuid;

use crate::accounts::account::Account;
use crate::accounts::link_requests::request_link::Wish;
use crate::flow::ctx::Tx;
use crate::kernel::id::Id;

/// Notes that a link is wanted.
pub async fn insert(tx: &mut Tx, wish: Wish, email_key: &str) -> sqlx::Result<Uuid> {
    let (id, now) = (crate::kernel::id::new(), tx.now());
    sqlx::query!(
        "INSERT INTO link_requests (id, purpose, email_key, created_at) VALUES ($1, $2, $3, $4)",
        id,
        wish.purpose().name(),
        email_key,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(id)
}

/// What was wanted, with the address's key. It is forgotten with that.
pub async fn take(tx: &mut Tx, id: Uuid) -> sqlx::Result<Option<(Wish, String)>> {
    let row = sqlx::query!(
        "DELETE FROM link_requests WHERE id = $1 RETURNING purpose, email_key",
        id
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| {
        let wish = if row.purpose == Wish::Activation.purpose().name() {
            Wish::Activation
        } else {
            Wish::Password
        };
        (wish, row.email_key)
    }))
}

/// An account that a link is wanted for.
pub struct Found {
    /// Which one.
    pub id: Id<Account>,
    /// Whether its address is confirmed.
    pub is_active: bool,
    /// Whether its owner has chosen a password; somebody who is only invited has not.
    pub has_password: bool,
}

/// The account of an address, whose row is kept from changing until the transaction ends.
pub async fn lock_account(tx: &mut Tx, email_key: &str) -> sqlx::Result<Option<Found>> {
    let row = sqlx::query!(
        r#"SELECT id, status = 'active' AS "is_active!", password_hash IS NOT NULL AS "has_password!"
           FROM users WHERE email_key = $1 FOR UPDATE"#,
        email_key,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| Found {
        id: row.id.into(),
        is_active: row.is_active,
        has_password: row.has_password,
    }))
}

/// The newest invitation of an account that can still be accepted; it has the id of its token.
pub async fn open_invitation(tx: &mut Tx, account: Id<Account>) -> sqlx::Result<Option<Uuid>> {
    let now = tx.now();
    sqlx::query_scalar!(
        "SELECT id FROM user_tokens
         WHERE user_id = $1 AND purpose = 'invitation' AND used_at IS NULL AND expires_at > $2
         ORDER BY id DESC LIMIT 1",
        account.uuid(),
        now,
    )
    .fetch_optional(tx.conn())
    .await
}
