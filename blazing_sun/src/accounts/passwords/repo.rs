//! What replacing a password asks of the tables `users` and `user_tokens`, and ends in others; one function a question.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::accounts::account::Account;
use crate::flow::ctx::Tx;
use crate::kernel::id::Id;

/// Whose password a link replaces.
pub struct Owner {
    /// The account.
    pub id: Id<Account>,
    /// Its address.
    pub email: String,
    /// Its owner's name; may be empty.
    pub name: String,
}

/// Whose password a token replaces, if it is good and the account active.
pub async fn owner_of(
    pool: &PgPool,
    token: Uuid,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<Owner>> {
    sqlx::query_as!(
        Owner,
        r#"SELECT users.id, email, name FROM user_tokens JOIN users ON users.id = user_id
           WHERE user_tokens.id = $1 AND purpose = 'reset' AND used_at IS NULL AND expires_at > $2
                 AND status = 'active'"#,
        token,
        now,
    )
    .fetch_optional(pool)
    .await
}

/// Ends what was begun with the old password: whoever gave it has not brought the second factor yet.
pub async fn end_challenges(tx: &mut Tx, account: Id<Account>) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM sign_in_challenges WHERE user_id = $1",
        account.uuid()
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Ends the tokens that programs have.
pub async fn end_api_tokens(tx: &mut Tx, account: Id<Account>) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM api_tokens WHERE user_id = $1", account.uuid())
        .execute(tx.conn())
        .await?;
    Ok(())
}
