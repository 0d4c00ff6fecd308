//! Where second factors are asked for, as the interface and the pages both do it: count the try, compare, open the session.

mod error;

use std::sync::Arc;

use chrono::TimeDelta;
use secrecy::ExposeSecret;
use serde_json::Value;
use uuid::Uuid;
use webauthn_rs::prelude::RequestChallengeResponse;

use crate::accounts::account::Account;
use crate::accounts::events::FailedBecause;
use crate::accounts::link::{Links, Purpose};
use crate::accounts::measures::{SignInOutcome, SignIns};
use crate::accounts::second_factor::answer_challenge::{AnswerError, answer_challenge};
use crate::accounts::second_factor::passkeys::CEREMONY;
use crate::accounts::second_factor::prove::{Answer, Judges, ProveError, prove};
use crate::accounts::second_factor::relying_party::{Begun, CeremonyError, RelyingParty};
use crate::accounts::second_factor::repo;
use crate::accounts::sessions::{self, Kind, Opened, Opening, Session, Sessions, note_failure};
use crate::flow::ctx::{Cause, Ctx};
use crate::kernel::id::Id;
use crate::web::client::Client;
use crate::web::throttle::{Rate, Throttle, TooMany};

pub use error::CheckpointError;

/// Answers from one address, whatever account they are for.
const FROM_ADDRESS: Rate = Rate {
    burst: 30,
    every: TimeDelta::seconds(2),
};
/// Codes of six digits for one account, whatever device they come from. Somebody who has the password and guesses all
/// year round has 35,000 tries, and hits with less than 5 %.
const CODES: Rate = Rate {
    burst: 10,
    every: TimeDelta::minutes(15),
};
/// Recovery codes and passkeys, which nobody guesses: their owner gets in when somebody else has used up the codes.
const OTHERS: Rate = Rate {
    burst: 10,
    every: TimeDelta::seconds(60),
};

/// What can be asked of the owner of an account.
pub struct Question {
    /// Whether there is an authenticator app.
    pub app: bool,
    /// Whether there are recovery codes that were not used.
    pub recovery_codes: bool,
    /// Whether there are passkeys.
    pub has_passkeys: bool,
    /// What the browser asks a passkey, as JSON, if a ceremony with one has begun.
    pub passkey: Option<String>,
}

/// Asks for second factors.
#[derive(Clone)]
pub struct Checkpoint {
    ctx: Ctx,
    links: Links,
    party: Arc<RelyingParty>,
    throttle: Arc<Throttle>,
    sessions: Sessions,
    sign_ins: SignIns,
}

impl Checkpoint {
    /// A checkpoint with everything it needs.
    #[must_use]
    pub fn new(
        ctx: Ctx,
        links: Links,
        party: Arc<RelyingParty>,
        throttle: Arc<Throttle>,
        sessions: Sessions,
        sign_ins: SignIns,
    ) -> Self {
        Self {
            ctx,
            links,
            party,
            throttle,
            sessions,
            sign_ins,
        }
    }

    /// Lets somebody in who answers the question of a sign-in.
    pub async fn answer(
        &self,
        cause: Cause,
        client: &Client,
        token: &str,
        answer: &Answer,
    ) -> Result<Opened, CheckpointError> {
        let outcome = self.let_in(cause, client, token, answer).await;
        self.sign_ins.note(came_to(&outcome));
        outcome
    }

    async fn let_in(
        &self,
        cause: Cause,
        client: &Client,
        token: &str,
        answer: &Answer,
    ) -> Result<Opened, CheckpointError> {
        let (challenge, account) = self.open(client, token).await?;
        self.count(account, answer).await?;
        let now = self.ctx.now();
        let with_passkey = answer.is_passkey();
        let tried = repo::try_challenge(self.ctx.pool(), challenge, with_passkey, now).await?;
        let tried = tried.ok_or(CheckpointError::Over)?;
        let opening = self.opening(tried.kind, client);
        let mut tx = self.ctx.begin(cause.clone().by(account.uuid())).await?;
        let judges = self.judges();
        match answer_challenge(&mut tx, judges, (challenge, tried), answer, opening).await {
            Ok(opened) => {
                tx.commit().await?;
                self.sessions.replace(cause, client, &opened).await?;
                Ok(opened)
            }
            Err(AnswerError::Prove(ProveError::Wrong)) => {
                let reason = FailedBecause::SecondFactor;
                note_failure(&mut tx, Some(account), Uuid::nil(), reason).await?;
                tx.commit().await?;
                Err(CheckpointError::Wrong)
            }
            Err(other) => Err(other.into()),
        }
    }

    /// What the question of a sign-in is; a ceremony with a passkey begins with it.
    pub async fn question(
        &self,
        client: &Client,
        token: &str,
    ) -> Result<Question, CheckpointError> {
        let (challenge, account) = self.open(client, token).await?;
        let (app, recovery_codes) = self.codes(account).await?;
        let passkey = match self.begin(account).await {
            Ok(begun) => {
                repo::begin_passkey(self.ctx.pool(), challenge, &begun.state).await?;
                Some(text(&begun.options)?)
            }
            Err(error) => none_without_passkeys(error)?,
        };
        Ok(Question {
            app,
            recovery_codes,
            has_passkeys: passkey.is_some(),
            passkey,
        })
    }

    /// Begins a ceremony with a passkey, to answer the question of a sign-in.
    pub async fn begin_passkey(
        &self,
        client: &Client,
        token: &str,
    ) -> Result<RequestChallengeResponse, CheckpointError> {
        let (challenge, account) = self.open(client, token).await?;
        let begun = self.begin(account).await?;
        repo::begin_passkey(self.ctx.pool(), challenge, &begun.state).await?;
        Ok(begun.options)
    }

    /// Begins a ceremony with a passkey, so that somebody who is signed in can show once more who they are.
    pub async fn begin_confirmation(
        &self,
        account: Id<Account>,
        session: Id<Session>,
    ) -> Result<RequestChallengeResponse, CheckpointError> {
        let begun = self.begin(account).await?;
        let until = self.ctx.now() + CEREMONY;
        repo::begin_confirmation(self.ctx.pool(), session, &begun.state, until).await?;
        Ok(begun.options)
    }

    /// What somebody who is signed in can be asked. A ceremony begins if they want to use a passkey, or have nothing else.
    pub async fn confirmation(
        &self,
        account: Id<Account>,
        session: Id<Session>,
        with_passkey: bool,
    ) -> Result<Question, CheckpointError> {
        let (app, recovery_codes) = self.codes(account).await?;
        let has_passkeys = !repo::passkeys(self.ctx.pool(), account).await?.is_empty();
        let mut passkey = None;
        if has_passkeys && (with_passkey || !app) {
            passkey = match self.begin_confirmation(account, session).await {
                Ok(options) => Some(text(&options)?),
                Err(error) => none_without_passkeys(error)?,
            };
        }
        Ok(Question {
            app,
            recovery_codes,
            has_passkeys,
            passkey,
        })
    }

    /// Whether the password alone is not enough.
    pub async fn asks(&self, account: Id<Account>) -> Result<bool, CheckpointError> {
        let pool = self.ctx.pool();
        let has_app = repo::overview(pool, account).await?.authenticator.is_some();
        Ok(has_app || !repo::passkeys(pool, account).await?.is_empty())
    }

    /// Uses an answer of somebody who is signed in, if their account has a second factor.
    pub async fn confirm(
        &self,
        cause: Cause,
        (account, session): (Id<Account>, Id<Session>),
        answer: Option<&Answer>,
    ) -> Result<(), CheckpointError> {
        let mut ceremony = None;
        if let Some(answer) = answer {
            self.count(account, answer).await?;
            if answer.is_passkey() {
                let (pool, now) = (self.ctx.pool(), self.ctx.now());
                ceremony = repo::take_confirmation(pool, session, now).await?;
            }
        }
        let mut tx = self.ctx.begin(cause).await?;
        let locked = sessions::lock(&mut tx, account).await?;
        if locked.is_some_and(|locked| locked.has_second_factor()) {
            let answer = answer.ok_or(CheckpointError::Unanswered)?;
            prove(&mut tx, self.judges(), account, answer, ceremony).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// The challenge of a token, if it is one that takes answers, and this browser has begun it.
    async fn open(
        &self,
        client: &Client,
        token: &str,
    ) -> Result<(Uuid, Id<Account>), CheckpointError> {
        let now = self.ctx.now();
        self.throttle
            .take("second-factor-from", &client.network(), FROM_ADDRESS, now)
            .await?;
        let holder = client.challenge.as_ref();
        let holder = holder.map_or("", |token| token.expose_secret());
        let purpose = Purpose::Challenge;
        let id = self.links.open_for(holder, purpose, token);
        // A client's, who holds nothing else.
        let id = id.or_else(|| self.links.open(purpose, token));
        let id = id.ok_or(CheckpointError::Over)?;
        let owner = repo::challenge_owner(self.ctx.pool(), id, now).await?;
        Ok((id, owner.ok_or(CheckpointError::Over)?))
    }

    async fn count(&self, account: Id<Account>, answer: &Answer) -> Result<(), TooMany> {
        let (what, rate) = match answer {
            Answer::Code(_) => ("second-factor-code", CODES),
            Answer::RecoveryCode(_) => ("second-factor-recovery", OTHERS),
            Answer::Passkey(_) => ("second-factor-passkey", OTHERS),
        };
        let now = self.ctx.now();
        self.throttle
            .take(what, &account.to_string(), rate, now)
            .await
    }

    async fn begin(
        &self,
        account: Id<Account>,
    ) -> Result<Begun<RequestChallengeResponse>, CheckpointError> {
        let kept: Vec<Value> = repo::passkeys(self.ctx.pool(), account).await?;
        if kept.is_empty() {
            return Err(CheckpointError::NoPasskeys);
        }
        Ok(self.party.begin_authentication(kept)?)
    }

    async fn codes(&self, account: Id<Account>) -> sqlx::Result<(bool, bool)> {
        let overview = repo::overview(self.ctx.pool(), account).await?;
        Ok((overview.authenticator.is_some(), overview.has_codes()))
    }

    fn judges(&self) -> Judges<'_> {
        Judges {
            links: &self.links,
            party: &self.party,
        }
    }

    fn opening<'a>(&'a self, kind: Kind, client: &'a Client) -> Opening<'a> {
        Opening {
            kind,
            client,
            settings: self.sessions.settings(),
        }
    }
}

fn came_to(outcome: &Result<Opened, CheckpointError>) -> SignInOutcome {
    match outcome {
        Ok(_) => SignInOutcome::Succeeded,
        Err(CheckpointError::TooMany(_)) => SignInOutcome::Throttled,
        Err(CheckpointError::Over) => SignInOutcome::Over,
        Err(CheckpointError::Wrong) => SignInOutcome::WrongSecondFactor,
        Err(_) => SignInOutcome::Failed,
    }
}

fn text(options: &RequestChallengeResponse) -> Result<String, CeremonyError> {
    Ok(serde_json::to_string(options)?)
}

/// That there are no passkeys, or can be none here, is no error to somebody who may use a code.
fn none_without_passkeys<T>(error: CheckpointError) -> Result<Option<T>, CheckpointError> {
    match error {
        CheckpointError::NoPasskeys | CheckpointError::Ceremony(CeremonyError::NoName) => Ok(None),
        other => Err(other),
    }
}
