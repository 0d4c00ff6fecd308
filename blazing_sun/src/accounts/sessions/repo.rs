//! The tables `sessions` and `devices`, and what signing in needs to know of `users`; one function a question.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::accounts::account::Account;
use crate::accounts::passwords::PasswordHash;
use crate::accounts::sessions::session::{Kind, Session, SessionKey, TokenHash};
use crate::flow::ctx::Tx;
use crate::kernel::id::Id;

/// The account of an address, as somebody who gives a password for it needs it.
pub struct Credentials {
    /// Which one.
    pub account_id: Id<Account>,
    /// What is kept of its password, if it has one.
    pub password: Option<PasswordHash>,
    /// Whether its owner may sign in.
    pub is_active: bool,
    /// Whether its owner has signed in with this device before.
    pub knows_device: bool,
}

/// The account of an address.
pub async fn credentials(
    pool: &PgPool,
    email_key: &str,
    device: &TokenHash,
) -> sqlx::Result<Option<Credentials>> {
    let found = sqlx::query!(
        r#"SELECT id, password_hash, status = 'active' AS "is_active!",
                  EXISTS (SELECT FROM devices WHERE user_id = users.id AND token_hash = $2) AS "knows_device!"
           FROM users WHERE email_key = $1"#,
        email_key,
        device.as_bytes(),
    )
    .fetch_optional(pool)
    .await?;
    Ok(found.map(|row| Credentials {
        account_id: row.id.into(),
        password: row.password_hash.map(PasswordHash::from_stored),
        is_active: row.is_active,
        knows_device: row.knows_device,
    }))
}

/// What is kept of an account's password.
pub async fn password(pool: &PgPool, account: Id<Account>) -> sqlx::Result<Option<PasswordHash>> {
    let stored = sqlx::query_scalar!(
        "SELECT password_hash FROM users WHERE id = $1",
        account.uuid()
    )
    .fetch_optional(pool)
    .await?;
    Ok(stored.flatten().map(PasswordHash::from_stored))
}

/// An account whose row is kept from changing until the transaction ends.
pub struct Locked {
    /// Whether its owner may sign in.
    pub is_active: bool,
    /// What is kept of its password.
    pub password: Option<PasswordHash>,
    /// Its version.
    pub version: i64,
    /// Whether an authenticator app is set up.
    pub has_authenticator: bool,
    /// Whether there are passkeys.
    pub has_passkeys: bool,
    /// Whether there are recovery codes that were not used.
    pub has_recovery_codes: bool,
}

impl Locked {
    /// Whether the password alone is not enough.
    #[must_use]
    pub fn has_second_factor(&self) -> bool {
        self.has_authenticator || self.has_passkeys
    }
}

/// Locks an account.
pub async fn lock(tx: &mut Tx, account: Id<Account>) -> sqlx::Result<Option<Locked>> {
    let found = sqlx::query!(
        r#"SELECT status = 'active' AS "is_active!", password_hash, version,
                  EXISTS (SELECT FROM authenticators
                          WHERE user_id = $1 AND confirmed_at IS NOT NULL) AS "has_authenticator!",
                  EXISTS (SELECT FROM passkeys WHERE user_id = $1) AS "has_passkeys!",
                  EXISTS (SELECT FROM recovery_codes
                          WHERE user_id = $1 AND used_at IS NULL) AS "has_recovery_codes!"
           FROM users WHERE id = $1 FOR UPDATE"#,
        account.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(found.map(|row| Locked {
        is_active: row.is_active,
        password: row.password_hash.map(PasswordHash::from_stored),
        version: row.version,
        has_authenticator: row.has_authenticator,
        has_passkeys: row.has_passkeys,
        has_recovery_codes: row.has_recovery_codes,
    }))
}

/// Notes that an account was used with a device.
pub struct Seen {
    /// The device.
    pub id: Uuid,
    /// Whether it is new to an account that has others.
    pub is_new: bool,
}

/// Notes that a device was used.
pub async fn see_device(
    tx: &mut Tx,
    account: Id<Account>,
    token: &TokenHash,
) -> sqlx::Result<Seen> {
    let (id, now) = (crate::kernel::id::new(), tx.now());
    let row = sqlx::query!(
        r#"INSERT INTO devices (id, user_id, token_hash, created_at, seen_at) VALUES ($1, $2, $3, $4, $4)
           ON CONFLICT (user_id, token_hash) DO UPDATE SET seen_at = excluded.seen_at
           RETURNING id, id = $1 AND EXISTS (SELECT FROM devices WHERE user_id = $2) AS "is_new!""#,
        id,
        account.uuid(),
        token.as_bytes(),
        now,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(Seen {
        id: row.id,
        is_new: row.is_new,
    })
}

/// A session that begins.
pub struct NewSession<'a> {
    /// Which one.
    pub id: Id<Session>,
    /// Whose.
    pub account_id: Id<Account>,
    /// With which device.
    pub device_id: Uuid,
    /// What signs in.
    pub kind: Kind,
    /// What is kept of a browser's token.
    pub token: Option<TokenHash>,
    /// What the browser or client calls itself.
    pub agent: &'a str,
    /// From where.
    pub address: String,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// Begins a session.
pub async fn insert(tx: &mut Tx, session: &NewSession<'_>) -> sqlx::Result<()> {
    let now = tx.now();
    sqlx::query!(
        "INSERT INTO sessions (id, user_id, device_id, kind, token_hash, agent, address,
                               created_at, confirmed_at, seen_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $8, $9)",
        session.id.uuid(),
        session.account_id.uuid(),
        session.device_id,
        session.kind.name(),
        session.token.as_ref().map(TokenHash::as_bytes),
        session.agent,
        session.address,
        now,
        session.expires_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The session of a key, if its account is active.
pub async fn find(pool: &PgPool, key: &SessionKey) -> sqlx::Result<Option<Session>> {
    let (hash, id) = match key {
        SessionKey::Browser(hash) => (Some(hash.as_bytes()), None),
        SessionKey::Client(id) => (None, Some(id.uuid())),
    };
    let found = sqlx::query!(
        "SELECT sessions.id, user_id, role, confirmed_at, seen_at, expires_at
         FROM sessions JOIN users ON users.id = user_id
         WHERE (token_hash = $1 OR (sessions.id = $2 AND kind = 'client')) AND status = 'active'",
        hash,
        id,
    )
    .fetch_optional(pool)
    .await?;
    let Some(row) = found else { return Ok(None) };
    Ok(Some(Session {
        id: row.id.into(),
        account_id: row.user_id.into(),
        role: row
            .role
            .parse()
            .map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
        confirmed_at: row.confirmed_at,
        seen_at: row.seen_at,
        expires_at: row.expires_at,
    }))
}

/// Notes that a session was used.
pub async fn touch(pool: &PgPool, id: Id<Session>, now: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE sessions SET seen_at = greatest(seen_at, $2) WHERE id = $1",
        id.uuid(),
        now
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Notes that the owner of a session has proved once more who they are. A browser holds another token from then on.
/// Returns where the session may be cached as it was.
pub async fn confirm(
    tx: &mut Tx,
    id: Id<Session>,
    token: &TokenHash,
) -> sqlx::Result<Option<SessionKey>> {
    let now = tx.now();
    let row = sqlx::query!(
        "UPDATE sessions SET confirmed_at = $2, token_hash = CASE kind WHEN 'browser' THEN $3::bytea END
         FROM (SELECT id AS old_id, token_hash AS old_hash FROM sessions WHERE id = $1 FOR UPDATE) AS old
         WHERE id = old_id RETURNING id, old_hash",
        id.uuid(),
        now,
        token.as_bytes(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| key(row.id, row.old_hash.as_deref())))
}

/// Gives the browser of a session another token. Returns where the session may be cached as it was.
pub async fn rotate(
    tx: &mut Tx,
    id: Id<Session>,
    token: &TokenHash,
) -> sqlx::Result<Option<SessionKey>> {
    let row = sqlx::query!(
        "UPDATE sessions SET token_hash = CASE kind WHEN 'browser' THEN $2::bytea END
         FROM (SELECT id AS old_id, token_hash AS old_hash FROM sessions WHERE id = $1 FOR UPDATE) AS old
         WHERE id = old_id RETURNING id, old_hash",
        id.uuid(),
        token.as_bytes(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| key(row.id, row.old_hash.as_deref())))
}

/// Which sessions of an account are meant.
#[derive(Clone, Copy, Debug)]
pub enum Which {
    /// This one.
    One(Id<Session>),
    /// All but this one.
    Others(Id<Session>),
    /// All.
    All,
    /// The oldest, so that no more than so many are left.
    Beyond(i64),
}

/// A session that was ended.
pub struct Ended {
    /// Which one.
    pub id: Id<Session>,
    /// Where it may be cached.
    pub key: SessionKey,
}

/// Ends sessions of an account.
pub async fn end(tx: &mut Tx, account: Id<Account>, which: Which) -> sqlx::Result<Vec<Ended>> {
    let account = account.uuid();
    let (one, others, kept) = match which {
        Which::One(id) => (Some(id.uuid()), None, None),
        Which::Others(id) => (None, Some(id.uuid()), None),
        Which::All => (None, None, None),
        Which::Beyond(kept) => (None, None, Some(kept)),
    };
    let rows = sqlx::query!(
        "DELETE FROM sessions WHERE user_id = $1 AND ($2::uuid IS NULL OR id = $2) AND ($3::uuid IS NULL OR id <> $3)
         AND ($4::bigint IS NULL
              OR id IN (SELECT id FROM sessions WHERE user_id = $1 ORDER BY id DESC OFFSET $4))
         RETURNING id, token_hash",
        account,
        one,
        others,
        kept,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Ended {
            id: row.id.into(),
            key: key(row.id, row.token_hash.as_deref()),
        })
        .collect())
}

/// Where the sessions of an account may be cached.
pub async fn keys(pool: &PgPool, account: Id<Account>) -> sqlx::Result<Vec<SessionKey>> {
    let rows = sqlx::query!(
        "SELECT id, token_hash FROM sessions WHERE user_id = $1",
        account.uuid()
    )
    .fetch_all(pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| key(row.id, row.token_hash.as_deref()))
        .collect())
}

fn key(id: Uuid, token_hash: Option<&[u8]>) -> SessionKey {
    match token_hash.and_then(TokenHash::from_stored) {
        Some(hash) => SessionKey::Browser(hash),
        None => SessionKey::Client(id.into()),
    }
}

/// A session as its owner sees it.
pub struct Listed {
    /// Which one.
    pub id: Uuid,
    /// `browser` or `client`.
    pub kind: String,
    /// What the browser or client calls itself.
    pub agent: String,
    /// From where it was begun.
    pub address: String,
    /// When it was begun.
    pub created_at: DateTime<Utc>,
    /// When it was last used, to within minutes.
    pub seen_at: DateTime<Utc>,
    /// When it ends at the latest.
    pub expires_at: DateTime<Utc>,
}

/// The sessions of an account, the newest first. (There is a bound to their number.)
pub async fn list(pool: &PgPool, account: Id<Account>) -> sqlx::Result<Vec<Listed>> {
    sqlx::query_as!(
        Listed,
        "SELECT id, kind, agent, address, created_at, seen_at, expires_at
         FROM sessions WHERE user_id = $1 ORDER BY id DESC",
        account.uuid(),
    )
    .fetch_all(pool)
    .await
}

/// Keeps a stronger hash of the same password.
pub async fn strengthen(
    tx: &mut Tx,
    account: Id<Account>,
    hash: &PasswordHash,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE users SET password_hash = $2 WHERE id = $1",
        account.uuid(),
        hash.as_str()
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Asks for a second factor.
pub async fn insert_challenge(
    tx: &mut Tx,
    account: Id<Account>,
    kind: Kind,
    expires_at: DateTime<Utc>,
) -> sqlx::Result<Uuid> {
    let (id, now) = (crate::kernel::id::new(), tx.now());
    sqlx::query!(
        "INSERT INTO sign_in_challenges (id, user_id, kind, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)",
        id,
        account.uuid(),
        kind.name(),
        now,
        expires_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(id)
}
