//! The table `users` as administrators ask about it, one function a question.

use sqlx::PgPool;
use uuid::Uuid;

use crate::accounts::account::Account;
use crate::accounts::people::person::Person;
use crate::flow::ctx::Tx;
use crate::kernel::id::Id;
use crate::web::access::Role;

/// Which accounts are listed.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Only those after this one.
    pub after: Option<Uuid>,
    /// Only those whose address begins so, in the form of [`crate::kernel::email::Email::key`].
    pub email_key: String,
    /// How many at most.
    pub limit: i64,
}

/// Accounts in the order in which they were opened.
pub async fn list(pool: &PgPool, filter: &Filter) -> sqlx::Result<Vec<Person>> {
    sqlx::query_as!(
        Person,
        "SELECT id, email, name, role, status, version, created_at, activated_at, deletion_at FROM users
         WHERE ($1::uuid IS NULL OR id > $1) AND starts_with(email_key, $2) ORDER BY id LIMIT $3",
        filter.after,
        filter.email_key,
        filter.limit,
    )
    .fetch_all(pool)
    .await
}

/// An account.
pub async fn find(pool: &PgPool, account: Id<Account>) -> sqlx::Result<Option<Person>> {
    sqlx::query_as!(
        Person,
        "SELECT id, email, name, role, status, version, created_at, activated_at, deletion_at FROM users WHERE id = $1",
        account.uuid(),
    )
    .fetch_optional(pool)
    .await
}

/// The account of an address.
pub async fn find_by_email(tx: &mut Tx, key: &str) -> sqlx::Result<Option<Id<Account>>> {
    let found = sqlx::query_scalar!("SELECT id FROM users WHERE email_key = $1", key)
        .fetch_optional(tx.conn())
        .await?;
    Ok(found.map(Id::from))
}

/// What an account is, kept from changing until the transaction ends.
pub struct Standing {
    /// The account.
    pub account: Id<Account>,
    /// What its owner may do.
    pub role: Role,
    /// Whether its owner may sign in.
    pub is_active: bool,
    /// Whether it counts among those who can decide, now and tomorrow.
    pub is_admin: bool,
    /// Its version.
    pub version: i64,
}

/// Locks an account and those of all administrators, always in the same order, so that nobody waits for somebody who waits for
/// them.
pub async fn lock_with_admins(tx: &mut Tx, account: Id<Account>) -> sqlx::Result<Vec<Standing>> {
    let rows = sqlx::query!(
        r#"SELECT id, role, version, status = 'active' AS "is_active!",
                  role = 'admin' AND status = 'active' AND deletion_at IS NULL AS "is_admin!"
           FROM users
           WHERE id = $1 OR (role = 'admin' AND status = 'active' AND deletion_at IS NULL)
           ORDER BY id FOR UPDATE"#,
        account.uuid(),
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Standing {
                account: row.id.into(),
                role: row
                    .role
                    .parse()
                    .map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
                is_active: row.is_active,
                is_admin: row.is_admin,
                version: row.version,
            })
        })
        .collect()
}

/// Whether nobody could decide any more without this account. It stays true until the transaction ends. To be asked before
/// the account is locked otherwise: this locks it, with those of all administrators.
pub async fn is_last_admin(tx: &mut Tx, account: Id<Account>) -> sqlx::Result<bool> {
    let standings = lock_with_admins(tx, account).await?;
    let mut admins = standings.iter().filter(|standing| standing.is_admin);
    Ok(admins.next().is_some_and(|first| first.account == account) && admins.next().is_none())
}

/// Gives an account another role and returns its new version.
pub async fn raise_to(tx: &mut Tx, account: Id<Account>, role: Role) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        "UPDATE users SET role = $2, version = version + 1 WHERE id = $1 RETURNING version",
        account.uuid(),
        role.name(),
    )
    .fetch_one(tx.conn())
    .await
}

/// Some accounts that have sessions, the first ones after an account.
pub async fn with_sessions(
    tx: &mut Tx,
    after: Id<Account>,
    limit: i64,
) -> sqlx::Result<Vec<Id<Account>>> {
    let ids = sqlx::query_scalar!(
        "SELECT DISTINCT user_id FROM sessions WHERE user_id > $1 ORDER BY user_id LIMIT $2",
        after.uuid(),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(ids.into_iter().map(Id::from).collect())
}

/// Keeps everybody else from providing a first administrator until the transaction ends.
pub async fn lock_first_administrator(tx: &mut Tx) -> sqlx::Result<()> {
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended('first administrator', 0)) IS NULL AS locked"
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(())
}

/// Whether somebody is an administrator, or has an invitation that would make them one.
pub async fn has_admin(tx: &mut Tx) -> sqlx::Result<bool> {
    let now = tx.now();
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM users WHERE role = 'admin')
               OR EXISTS (SELECT FROM invitations WHERE role = 'admin' AND state = 'pending')
               OR EXISTS (SELECT FROM invitations JOIN user_tokens ON user_tokens.id = invitations.id
                          WHERE role = 'admin' AND state = 'invited' AND used_at IS NULL AND expires_at > $1)
               AS "has_admin!""#,
        now,
    )
    .fetch_one(tx.conn())
    .await
}

/// Whether an account was only ever invited: nobody has chosen a password for it.
pub async fn is_invited(tx: &mut Tx, account: Id<Account>) -> sqlx::Result<bool> {
    let found = sqlx::query_scalar!(
        r#"SELECT status = 'pending' AND password_hash IS NULL AS "is_invited!" FROM users WHERE id = $1"#,
        account.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(found.unwrap_or(false))
}
