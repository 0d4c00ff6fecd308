//! The tables `invitation_batches` and `invitations`, one function a question.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::accounts::account::Account;
use crate::accounts::invitations::invitation::{
    Batch, Invitation, NewInvitation, Progress, Row, State,
};
use crate::accounts::passwords::PasswordHash;
use crate::flow::ctx::Tx;
use crate::kernel::id::{self, Id};
use crate::kernel::name::PersonName;
use crate::web::access::Role;

/// Begins a batch.
pub async fn insert_batch(
    tx: &mut Tx,
    batch: Id<Batch>,
    by: Option<Id<Account>>,
) -> sqlx::Result<()> {
    let now = tx.now();
    sqlx::query!(
        "INSERT INTO invitation_batches (id, created_by, created_at) VALUES ($1, $2, $3)",
        batch.uuid(),
        by.map(Id::uuid),
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes the invitations of a batch down; returns their ids.
pub async fn insert(
    tx: &mut Tx,
    batch: Id<Batch>,
    invitations: &[NewInvitation],
) -> sqlx::Result<Vec<Id<Invitation>>> {
    let now = tx.now();
    let ids: Vec<Uuid> = invitations.iter().map(|_| id::new()).collect();
    let rows: Vec<i32> = invitations.iter().map(|one| one.row).collect();
    let emails = invitations.iter().map(|one| one.email.as_str().to_owned());
    let names = invitations.iter().map(|one| {
        let name = one.name.as_ref();
        name.map_or("", PersonName::as_str).to_owned()
    });
    let roles = invitations.iter().map(|one| one.role.name().to_owned());
    sqlx::query!(
        "INSERT INTO invitations (id, batch_id, row, email, name, role, state, created_at)
         SELECT id, $2, row, email, name, role, 'pending', $7
         FROM unnest($1::uuid[], $3::integer[], $4::text[], $5::text[], $6::text[]) AS one (id, row, email, name, role)",
        &ids,
        batch.uuid(),
        &rows,
        &emails.collect::<Vec<_>>(),
        &names.collect::<Vec<_>>(),
        &roles.collect::<Vec<_>>(),
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(ids.into_iter().map(Id::from).collect())
}

/// An invitation that is kept from changing until the transaction ends. (Who locks its account too does so afterwards.)
pub struct Locked {
    /// The address.
    pub email: String,
    /// The name; may be empty.
    pub name: String,
    /// The role that is offered.
    pub role: Role,
    /// How far it is.
    pub state: State,
    /// The account, as soon as there is one.
    pub account: Option<Id<Account>>,
}

/// Locks an invitation.
pub async fn lock(tx: &mut Tx, id: Id<Invitation>) -> sqlx::Result<Option<Locked>> {
    let found = sqlx::query!(
        "SELECT email, name, role, state, user_id FROM invitations WHERE id = $1 FOR UPDATE",
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = found else { return Ok(None) };
    let states = [State::Pending, State::Invited, State::Accepted];
    Ok(Some(Locked {
        email: row.email,
        name: row.name,
        role: row
            .role
            .parse()
            .map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
        state: states
            .into_iter()
            .find(|state| state.name() == row.state)
            .unwrap_or(State::Registered),
        account: row.user_id.map(Id::from),
    }))
}

/// Notes what became of an invitation.
pub async fn settle(
    tx: &mut Tx,
    id: Id<Invitation>,
    state: State,
    account: Option<Id<Account>>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE invitations SET state = $2, user_id = $3 WHERE id = $1",
        id.uuid(),
        state.name(),
        account.map(Id::uuid),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Makes the token of an invitation, which has its id.
pub async fn insert_token(
    tx: &mut Tx,
    id: Id<Invitation>,
    account: Id<Account>,
    expires_at: DateTime<Utc>,
) -> sqlx::Result<()> {
    let now = tx.now();
    sqlx::query!(
        "INSERT INTO user_tokens (id, user_id, purpose, expires_at, created_at) VALUES ($1, $2, 'invitation', $3, $4)",
        id.uuid(),
        account.uuid(),
        expires_at,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// An invitation that can be accepted.
pub struct Open {
    /// The address.
    pub email: String,
    /// The name that was given with it; may be empty.
    pub name: String,
    /// The name of the administrator who invites, if there is one who has a name.
    pub inviter: Option<String>,
}

/// An invitation, if it can be accepted.
pub async fn find_open(
    pool: &PgPool,
    id: Id<Invitation>,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<Open>> {
    sqlx::query_as!(
        Open,
        r#"SELECT users.email, invitations.name, nullif(inviters.name, '') AS "inviter?"
           FROM invitations
           JOIN user_tokens ON user_tokens.id = invitations.id AND used_at IS NULL AND expires_at > $2
           JOIN users ON users.id = invitations.user_id AND users.status = 'pending'
           JOIN invitation_batches ON invitation_batches.id = batch_id
           LEFT JOIN users AS inviters ON inviters.id = created_by
           WHERE invitations.id = $1 AND invitations.state = 'invited'"#,
        id.uuid(),
        now,
    )
    .fetch_optional(pool)
    .await
}

/// Gives an account to its owner, with a password and perhaps a name; returns its new version.
pub async fn hand_over(
    tx: &mut Tx,
    account: Id<Account>,
    password: &PasswordHash,
    name: Option<&PersonName>,
) -> sqlx::Result<i64> {
    let now = tx.now();
    sqlx::query_scalar!(
        "UPDATE users SET status = 'active', activated_at = $2, password_hash = $3, name = coalesce($4, name),
                          version = version + 1
         WHERE id = $1 RETURNING version",
        account.uuid(),
        now,
        password.as_str(),
        name.map(PersonName::as_str),
    )
    .fetch_one(tx.conn())
    .await
}

/// Deletes an invitation that nobody has accepted, with its token. `false`: there is no such.
pub async fn delete_open(tx: &mut Tx, batch: Id<Batch>, id: Id<Invitation>) -> sqlx::Result<bool> {
    let deleted = sqlx::query!(
        "DELETE FROM invitations WHERE id = $1 AND batch_id = $2 AND state IN ('pending', 'invited')",
        id.uuid(),
        batch.uuid(),
    )
    .execute(tx.conn())
    .await?;
    if deleted.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query!(
        "DELETE FROM user_tokens WHERE id = $1 AND used_at IS NULL",
        id.uuid()
    )
    .execute(tx.conn())
    .await?;
    Ok(true)
}

/// Batches and how far they are, the newest first: all, or those before one.
pub async fn list(pool: &PgPool, before: Option<Uuid>, limit: i64) -> sqlx::Result<Vec<Progress>> {
    progress(pool, None, before, limit).await
}

/// How far a batch is.
pub async fn find(pool: &PgPool, batch: Id<Batch>) -> sqlx::Result<Option<Progress>> {
    Ok(progress(pool, Some(batch.uuid()), None, 1).await?.pop())
}

/// Who was invited and whose account became active in another way is registered, too.
async fn progress(
    pool: &PgPool,
    one: Option<Uuid>,
    before: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<Progress>> {
    sqlx::query_as!(
        Progress,
        r#"SELECT batch.id, batch.created_by, batch.created_at, count(invitations.id) AS "total!",
                  count(*) FILTER (WHERE state = 'pending') AS "pending!",
                  count(*) FILTER (WHERE state = 'invited' AND status IS DISTINCT FROM 'active') AS "invited!",
                  count(*) FILTER (WHERE state = 'registered' OR (state = 'invited' AND status = 'active')) AS "registered!",
                  count(*) FILTER (WHERE state = 'accepted') AS "accepted!"
           FROM (SELECT * FROM invitation_batches
                 WHERE ($1::uuid IS NULL OR id = $1) AND ($2::uuid IS NULL OR id < $2)
                 ORDER BY id DESC LIMIT $3) AS batch
           LEFT JOIN invitations ON batch_id = batch.id LEFT JOIN users ON users.id = user_id
           GROUP BY batch.id, batch.created_by, batch.created_at ORDER BY batch.id DESC"#,
        one,
        before,
        limit,
    )
    .fetch_all(pool)
    .await
}

/// Invitations of a batch in the order of its file, those after a row.
pub async fn rows(
    pool: &PgPool,
    batch: Id<Batch>,
    after: i32,
    limit: i64,
) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        r#"SELECT invitations.id, row, invitations.email, invitations.name, invitations.role, user_id,
                  CASE WHEN state = 'invited' AND status = 'active' THEN 'registered' ELSE state END AS "state!"
           FROM invitations LEFT JOIN users ON users.id = user_id
           WHERE batch_id = $1 AND row > $2 ORDER BY row LIMIT $3"#,
        batch.uuid(),
        after,
        limit,
    )
    .fetch_all(pool)
    .await
}
