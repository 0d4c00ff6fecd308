//! The way in, as the interface and the pages both take it: count the try, compare the password, open the session.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::accounts::account::Account;
use crate::accounts::link::Links;
use crate::accounts::measures::{SignInOutcome, SignIns};
use crate::accounts::passwords::{HashError, Hasher, Password, Verdict};
use crate::accounts::sessions::repo;
use crate::accounts::sessions::session::Kind;
use crate::accounts::sessions::sessions::Sessions;
use crate::accounts::sessions::sign_in::{
    self, Compared, Opening, Outcome, SignInError, compare, known_by, look_up, note_failure,
};
use crate::flow::ctx::{Cause, Ctx};
use crate::kernel::email::Email;
use crate::kernel::id::Id;
use crate::web::client::Client;
use crate::web::throttle::{Rate, Throttle, TooMany};

/// Tries from one address, whatever account they are for.
const FROM_ADDRESS: Rate = Rate {
    burst: 30,
    every: TimeDelta::seconds(2),
};
/// Tries for one account. Devices that its owner uses have a count of their own, so that a stranger's tries do not keep
/// the owner out.
const FOR_ACCOUNT: Rate = Rate {
    burst: 10,
    every: TimeDelta::seconds(60),
};

/// Why somebody did not get in.
#[derive(Debug, thiserror::Error)]
pub enum TurnedAway {
    /// Too many tries.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// Not the right ones, or we could not tell.
    #[error(transparent)]
    SignIn(#[from] SignInError),
}

impl From<sqlx::Error> for TurnedAway {
    fn from(error: sqlx::Error) -> Self {
        Self::SignIn(error.into())
    }
}

/// Lets people in.
#[derive(Clone)]
pub struct Desk {
    ctx: Ctx,
    links: Links,
    hasher: Hasher,
    throttle: Arc<Throttle>,
    sessions: Sessions,
    sign_ins: SignIns,
}

impl Desk {
    /// A desk with everything it needs.
    #[must_use]
    pub fn new(
        ctx: Ctx,
        links: Links,
        hasher: Hasher,
        throttle: Arc<Throttle>,
        sessions: Sessions,
        sign_ins: SignIns,
    ) -> Self {
        Self {
            ctx,
            links,
            hasher,
            throttle,
            sessions,
            sign_ins,
        }
    }

    /// Signs somebody in, or asks for a second factor.
    pub async fn sign_in(
        &self,
        cause: Cause,
        client: &Client,
        kind: Kind,
        credentials: (Email, Password),
    ) -> Result<Outcome, TurnedAway> {
        let outcome = self.let_in(cause, client, kind, credentials).await;
        self.sign_ins.note(came_to(&outcome));
        outcome
    }

    async fn let_in(
        &self,
        cause: Cause,
        client: &Client,
        kind: Kind,
        (email, password): (Email, Password),
    ) -> Result<Outcome, TurnedAway> {
        let compared = self.compare(client, kind, &email, &password).await?;
        let failure = compared.failure();
        let opening = Opening {
            kind,
            client,
            settings: self.sessions.settings(),
        };
        let cause = match compared.owner() {
            Some(owner) => cause.by(owner.uuid()),
            None => cause,
        };
        let mut tx = self.ctx.begin(cause.clone()).await?;
        match sign_in::sign_in(&mut tx, &self.links, compared, opening).await {
            Ok(outcome) => {
                tx.commit().await?;
                if let Outcome::SignedIn(opened) = &outcome {
                    self.sessions.replace(cause, client, opened).await?;
                }
                Ok(outcome)
            }
            Err(SignInError::Wrong) => {
                let (account, pseudonym, reason) = failure;
                note_failure(&mut tx, account, pseudonym, reason).await?;
                tx.commit().await?;
                Err(SignInError::Wrong.into())
            }
            Err(other) => Err(other.into()),
        }
    }

    async fn compare(
        &self,
        client: &Client,
        kind: Kind,
        email: &Email,
        password: &Password,
    ) -> Result<Compared, TurnedAway> {
        let now = self.ctx.now();
        let address = client.network();
        self.throttle
            .take("sign-in-from", &address, FROM_ADDRESS, now)
            .await?;
        let device = known_by(kind, client);
        let (found, pseudonym) = look_up(&self.ctx, &self.links, email, &device).await?;
        let knows_device = found.as_ref().is_some_and(|found| found.knows_device);
        self.count_for(&email.key(), knows_device.then(|| device.to_string()))
            .await?;
        Ok(compare(&self.hasher, found, password, pseudonym)
            .await
            .map_err(SignInError::from)?)
    }

    /// Counts a try for an account, under the name that signs in.
    async fn count_for(&self, whom: &str, device: Option<String>) -> Result<(), TooMany> {
        let now = self.ctx.now();
        match device {
            Some(device) => {
                let whom = format!("{whom} {device}");
                self.throttle
                    .take("sign-in-with", &whom, FOR_ACCOUNT, now)
                    .await
            }
            None => {
                self.throttle
                    .take("sign-in-to", whom, FOR_ACCOUNT, now)
                    .await
            }
        }
    }

    /// Whether a password is that of an account, for somebody who is signed in and proves once more who they are.
    pub async fn proves(
        &self,
        account: Id<Account>,
        password: &Password,
    ) -> Result<bool, TurnedAway> {
        let now = self.ctx.now();
        self.throttle
            .take("confirm", &account.to_string(), FOR_ACCOUNT, now)
            .await?;
        let stored = repo::password(self.ctx.pool(), account).await?;
        let verdict = self
            .hasher
            .verify(password, stored.as_ref())
            .await
            .map_err(SignInError::from)?;
        Ok(matches!(verdict, Verdict::Right { .. }))
    }
}

fn came_to(outcome: &Result<Outcome, TurnedAway>) -> SignInOutcome {
    match outcome {
        Ok(Outcome::SignedIn(_)) => SignInOutcome::Succeeded,
        Ok(Outcome::SecondFactor(_)) => SignInOutcome::SecondFactor,
        Err(TurnedAway::TooMany(_)) => SignInOutcome::Throttled,
        Err(TurnedAway::SignIn(SignInError::Wrong)) => SignInOutcome::WrongPassword,
        Err(TurnedAway::SignIn(SignInError::Hasher(HashError::Busy))) => SignInOutcome::Busy,
        Err(TurnedAway::SignIn(_)) => SignInOutcome::Failed,
    }
}
