//! Signing in: a password, then a second factor if there is one, then a session.
//!
//! Whether an address has an account shows neither in the answer nor in the time it takes: the password is compared with
//! something in any case, and every failure writes the same rows.

use chrono::TimeDelta;
use uuid::Uuid;

use crate::accounts::account::Account;
use crate::accounts::clients::{self, Grant};
use crate::accounts::events::{Factor, FailedBecause, SignInFailed, SignedIn};
use crate::accounts::link::{Links, Purpose};
use crate::accounts::passwords::{HashError, Hasher, Password, PasswordHash, Verdict};
use crate::accounts::sessions::repo::{self, Locked, NewSession, Which};
use crate::accounts::sessions::session::{
    Kind, Session, SessionKey, SessionSettings, Token, TokenHash,
};
use crate::flow::ctx::{Ctx, Tx};
use crate::flow::outbox::{self, Refused};
use crate::kernel::email::Email;
use crate::kernel::id::Id;
use crate::web::client::Client;

/// How long the second factor may take.
pub const CHALLENGE: TimeDelta = TimeDelta::minutes(10);
/// How many sessions an account may have; the oldest makes room.
const MAX_SESSIONS: i64 = 100;

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The address or the password is not right, or the account is not active: nobody is told which.
    #[error("the address or the password is not right")]
    Wrong,
    /// Too many passwords are being compared.
    #[error(transparent)]
    Hasher(#[from] HashError),
    /// No secret could be made.
    #[error("the system has no random bytes: {0}")]
    Random(#[from] getrandom::Error),
    /// It could not be written down.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// A password that was compared.
pub struct Compared {
    account: Option<Id<Account>>,
    /// Stands for an address without an account.
    pseudonym: Uuid,
    /// What gets its owner in: what the password was right for, with a stronger hash if there should be one.
    right: Option<(PasswordHash, Option<PasswordHash>)>,
    /// Why it gets nobody in, if it does not.
    reason: FailedBecause,
}

/// Compares a password with that of an address's account, if there is one; no transaction is open meanwhile. One that is
/// right for an account that is not active takes the same way as a wrong one: whoever signed up with somebody else's address
/// would learn from the time what became of it.
pub async fn compare(
    hasher: &Hasher,
    found: Option<repo::Credentials>,
    password: &Password,
    pseudonym: Uuid,
) -> Result<Compared, HashError> {
    let account = found.as_ref().map(|found| found.account_id);
    let is_active = found.as_ref().is_some_and(|found| found.is_active);
    let stored = found.and_then(|found| found.password);
    let verdict = hasher.verify(password, stored.as_ref()).await?;
    let reason = match (account, &stored, verdict) {
        (None, ..) => FailedBecause::Unknown,
        (Some(_), Some(_), Verdict::Wrong) => FailedBecause::Password,
        (Some(_), ..) => FailedBecause::NotActive,
    };
    let right = match (verdict, stored.filter(|_| is_active)) {
        (Verdict::Right { outdated: false }, Some(stored)) => Some((stored, None)),
        (Verdict::Right { outdated: true }, Some(stored)) => {
            Some((stored, Some(hasher.hash(password).await?)))
        }
        _ => None,
    };
    Ok(Compared {
        account,
        pseudonym,
        right,
        reason,
    })
}

/// What a right password leads to.
pub enum Outcome {
    /// A session.
    SignedIn(Opened),
    /// The question for a second factor.
    SecondFactor(Challenge),
}

/// The question for a second factor.
pub struct Challenge {
    /// What brings the answer back here.
    pub token: String,
    /// What a browser holds meanwhile, and without which the token is worth nothing there. A client holds the token alone.
    pub holder: Option<Token>,
    /// What may answer it.
    pub factors: Vec<Factor>,
}

/// A session that was opened.
pub struct Opened {
    /// The session.
    pub session_id: Id<Session>,
    /// What a browser holds from now on.
    pub token: Option<Token>,
    /// By what a browser is known again.
    pub device: Option<Token>,
    /// What a client is given.
    pub grant: Option<Grant>,
    /// Where sessions that made room may be cached.
    pub ended: Vec<SessionKey>,
}

/// How a session is opened.
#[derive(Clone, Copy)]
pub struct Opening<'a> {
    /// What signs in.
    pub kind: Kind,
    /// From where.
    pub client: &'a Client,
    /// For how long.
    pub settings: &'a SessionSettings,
}

/// Signs somebody in whose password was compared, or asks for the second factor.
pub async fn sign_in(
    tx: &mut Tx,
    links: &Links,
    compared: Compared,
    opening: Opening<'_>,
) -> Result<Outcome, SignInError> {
    let Some((account, (hash, stronger))) = compared.account.zip(compared.right) else {
        return Err(SignInError::Wrong);
    };
    // Looked at again under the lock: a password that was changed meanwhile is not right any more.
    let locked = repo::lock(tx, account).await?.filter(|locked| {
        locked.is_active
            && locked.password.as_ref().map(PasswordHash::as_str) == Some(hash.as_str())
    });
    let Some(locked) = locked else {
        return Err(SignInError::Wrong);
    };
    if let Some(stronger) = stronger {
        repo::strengthen(tx, account, &stronger).await?;
    }
    if locked.has_second_factor() {
        let expires_at = tx.now() + CHALLENGE;
        let id = repo::insert_challenge(tx, account, opening.kind, expires_at).await?;
        let holder = holder(&opening)?;
        let secret = holder.as_ref().map_or("", Token::reveal);
        return Ok(Outcome::SecondFactor(Challenge {
            token: links.seal_for(secret, Purpose::Challenge, id),
            holder,
            factors: factors(&locked),
        }));
    }
    let opened = open(tx, account, locked.version, None, opening).await?;
    Ok(Outcome::SignedIn(opened))
}

/// What ties a challenge to a browser. It is one for all that are open there, in as many tabs.
fn holder(opening: &Opening<'_>) -> Result<Option<Token>, getrandom::Error> {
    let held = opening.client.challenge.as_ref();
    match (opening.kind, held.and_then(Token::well_formed)) {
        (Kind::Client, _) => Ok(None),
        (Kind::Browser, Some(token)) => Ok(Some(token)),
        (Kind::Browser, None) => Token::random().map(Some),
    }
}

fn factors(locked: &Locked) -> Vec<Factor> {
    let all = [
        (Factor::Authenticator, locked.has_authenticator),
        (Factor::Passkey, locked.has_passkeys),
        (Factor::RecoveryCode, locked.has_recovery_codes),
    ];
    all.into_iter()
        .filter_map(|(factor, has)| has.then_some(factor))
        .collect()
}

/// Notes that somebody did not get in: the same rows for every reason.
pub async fn note_failure(
    tx: &mut Tx,
    account: Option<Id<Account>>,
    pseudonym: Uuid,
    reason: FailedBecause,
) -> Result<(), SignInError> {
    let user_id = account.unwrap_or_else(|| pseudonym.into());
    let version = repo::lock(tx, user_id)
        .await?
        .map_or(0, |locked| locked.version);
    let event = SignInFailed {
        user_id,
        version,
        known: account.is_some(),
        reason,
    };
    outbox::emit(tx, &event).await?;
    Ok(())
}

impl Compared {
    /// Whose account it is, if the password gets them in.
    #[must_use]
    pub fn owner(&self) -> Option<Id<Account>> {
        self.account.filter(|_| self.right.is_some())
    }

    /// Whose password it was, and why it did not get them in.
    #[must_use]
    pub fn failure(&self) -> (Option<Id<Account>>, Uuid, FailedBecause) {
        (self.account, self.pseudonym, self.reason)
    }
}

/// Opens a session of an account whose row is locked: everything that had to be proved was proved.
pub async fn open(
    tx: &mut Tx,
    account: Id<Account>,
    version: i64,
    second_factor: Option<Factor>,
    opening: Opening<'_>,
) -> Result<Opened, SignInError> {
    let Opening {
        kind,
        client,
        settings,
    } = opening;
    let (known_by, device) = device(kind, client)?;
    let seen = repo::see_device(tx, account, &known_by).await?;
    let token = match kind {
        Kind::Browser => Some(Token::random()?),
        Kind::Client => None,
    };
    let session_id = Id::new();
    let room = Which::Beyond(MAX_SESSIONS - 1);
    let ended = repo::end(tx, account, room).await?;
    repo::insert(
        tx,
        &NewSession {
            id: session_id,
            account_id: account,
            device_id: seen.id,
            kind,
            token: token.as_ref().map(Token::hash),
            agent: &client.agent,
            address: client.address.to_string(),
            expires_at: tx.now() + settings.longest,
        },
    )
    .await?;
    let grant = match kind {
        Kind::Browser => None,
        Kind::Client => Some(clients::begin(tx, account, session_id).await?),
    };
    let event = SignedIn {
        user_id: account,
        version,
        session_id,
        new_device: seen.is_new,
        second_factor,
    };
    outbox::emit(tx, &event).await?;
    Ok(Opened {
        session_id,
        token,
        device,
        grant,
        ended: ended.into_iter().map(|ended| ended.key).collect(),
    })
}

/// By what a device is known: a browser by its cookie, which it gets now if it has none; a client by its name.
fn device(kind: Kind, client: &Client) -> Result<(TokenHash, Option<Token>), getrandom::Error> {
    match (kind, &client.device) {
        (Kind::Client, _) => Ok((known_by(kind, client), None)),
        (Kind::Browser, Some(_)) => Ok((known_by(kind, client), None)),
        (Kind::Browser, None) => {
            let token = Token::random()?;
            Ok((token.hash(), Some(token)))
        }
    }
}

/// By what a device would be known if it has been here before.
#[must_use]
pub fn known_by(kind: Kind, client: &Client) -> TokenHash {
    match (kind, &client.device) {
        (Kind::Browser, Some(token)) => Token::given(token.clone()).hash(),
        (Kind::Browser, None) => TokenHash::of("no device"),
        (Kind::Client, _) => TokenHash::of(&format!("client {}", client.agent)),
    }
}

/// The account of an address with what is kept of its password, and what stands for the address if there is none.
pub async fn look_up(
    ctx: &Ctx,
    links: &Links,
    email: &Email,
    device: &TokenHash,
) -> sqlx::Result<(Option<repo::Credentials>, Uuid)> {
    let found = repo::credentials(ctx.pool(), &email.key(), device).await?;
    Ok((found, links.pseudonym(&email.key())))
}
