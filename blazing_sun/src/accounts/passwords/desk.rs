//! The way to another password, as the interface and the pages both take it: count the try, judge the new password, put it
//! in the place of the old one.

use std::sync::Arc;

use chrono::TimeDelta;
use secrecy::SecretString;

use crate::accounts::account::Account;
use crate::accounts::link::Links;
use crate::accounts::passwords::change::{ChangeError, change};
use crate::accounts::passwords::password::Unacceptable;
use crate::accounts::passwords::reset::{ResetError, look_up, reset};
use crate::accounts::passwords::{HashError, Hasher, Password};
use crate::accounts::repo;
use crate::accounts::sessions::{self, Session, Sessions, Token, TurnedAway};
use crate::flow::ctx::{Cause, Ctx};
use crate::kernel::id::Id;
use crate::web::client::Client;
use crate::web::throttle::{Rate, Throttle, TooMany};

/// Links that are tried from one address.
const RESETS_FROM_ADDRESS: Rate = Rate {
    burst: 30,
    every: TimeDelta::seconds(2),
};

/// Why a forgotten password was not replaced.
#[derive(Debug, thiserror::Error)]
pub enum NotReset {
    /// Too many tries.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// The link is not good, or we could not tell.
    #[error(transparent)]
    Reset(#[from] ResetError),
    /// The new password will not do; the link stays good.
    #[error(transparent)]
    Unacceptable(#[from] Unacceptable),
    /// Too many passwords are being hashed.
    #[error(transparent)]
    Hasher(#[from] HashError),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Why a password was not changed.
#[derive(Debug, thiserror::Error)]
pub enum NotChanged {
    /// One of the two is wrong, or both are.
    #[error("a password is wrong")]
    Wrong(Wrong),
    /// Too many tries, or we could not compare.
    #[error(transparent)]
    TurnedAway(#[from] TurnedAway),
    /// Too many passwords are being hashed.
    #[error(transparent)]
    Hasher(#[from] HashError),
    /// It could not be put in place.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// What is wrong with the passwords that somebody gives to change theirs.
#[derive(Debug, Default)]
pub struct Wrong {
    /// With the current one.
    pub current: Option<&'static str>,
    /// With the new one.
    pub new: Option<String>,
}

/// Replaces passwords.
#[derive(Clone)]
pub struct PasswordDesk {
    ctx: Ctx,
    links: Links,
    hasher: Hasher,
    throttle: Arc<Throttle>,
    sessions: Sessions,
    desk: sessions::Desk,
}

impl PasswordDesk {
    /// A desk with everything it needs.
    #[must_use]
    pub fn new(
        ctx: Ctx,
        links: Links,
        hasher: Hasher,
        throttle: Arc<Throttle>,
        sessions: Sessions,
        desk: sessions::Desk,
    ) -> Self {
        Self {
            ctx,
            links,
            hasher,
            throttle,
            sessions,
            desk,
        }
    }

    /// Whether the link of a mail is good, without using it up.
    pub async fn look_up(&self, client: &Client, token: &str) -> Result<(), NotReset> {
        self.count(client).await?;
        look_up(&self.ctx, &self.links, token).await?;
        Ok(())
    }

    async fn count(&self, client: &Client) -> Result<(), TooMany> {
        let (address, now) = (client.network(), self.ctx.now());
        self.throttle
            .take("reset-from", &address, RESETS_FROM_ADDRESS, now)
            .await
    }

    /// Replaces a forgotten password. One that is refused leaves the link good.
    pub async fn reset(
        &self,
        cause: Cause,
        client: &Client,
        token: &str,
        password: SecretString,
    ) -> Result<(), NotReset> {
        self.count(client).await?;
        let link = look_up(&self.ctx, &self.links, token).await?;
        let known = [link.owner.email.as_str(), link.owner.name.as_str()];
        let password = Password::choose(password, &known)?;
        let hash = self.hasher.hash(&password).await?;
        let mut tx = self.ctx.begin(cause.by(link.owner.id.uuid())).await?;
        let ended = reset(&mut tx, &link, &hash).await?;
        tx.commit().await?;
        self.sessions.forget(&ended).await;
        Ok(())
    }

    /// Changes the password of somebody who is signed in. Returns what their browser holds from now on.
    pub async fn change(
        &self,
        cause: Cause,
        account: Id<Account>,
        session: Id<Session>,
        (current, new): (SecretString, SecretString),
    ) -> Result<Option<Token>, NotChanged> {
        let new = self.judge(account, &Password::given(current), new).await?;
        let hash = self.hasher.hash(&new).await?;
        let mut tx = self.ctx.begin(cause).await?;
        let changed = change(&mut tx, account, session, &hash).await?;
        tx.commit().await?;
        self.sessions.forget(&changed.gone).await;
        Ok(changed.token)
    }

    /// The new password, if it may take the place of the current one. Whether the two are the same is told to nobody who
    /// does not know the current one.
    async fn judge(
        &self,
        account: Id<Account>,
        current: &Password,
        new: SecretString,
    ) -> Result<Password, NotChanged> {
        let owner = repo::acquaintance(self.ctx.pool(), account).await?;
        let owner = owner.ok_or(ChangeError::SessionEnded)?;
        let is_right = self.desk.proves(account, current).await?;
        let known = [owner.email.as_str(), owner.name.as_str()];
        let new = match Password::choose(new, &known) {
            Ok(new) if is_right && new.is(current) => {
                Err("is the password that you have".to_owned())
            }
            judged => judged.map_err(|error| error.to_string()),
        };
        match (is_right, new) {
            (true, Ok(new)) => Ok(new),
            (is_right, new) => Err(NotChanged::Wrong(Wrong {
                current: (!is_right).then_some("is not the password of your account"),
                new: new.err(),
            })),
        }
    }
}
