//! Making an API token.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use crate::accounts::account::Account;
use crate::accounts::events::Changed;
use crate::accounts::sessions;
use crate::accounts::tokens::api_token::ApiToken;
use crate::accounts::tokens::change::tell;
use crate::accounts::tokens::repo::{self, Listed};
use crate::flow::ctx::Tx;
use crate::flow::outbox::Refused;
use crate::kernel::id::{self, Id};
use crate::kernel::name::Label;
use crate::web::access::Scope;

/// How many tokens an account may have.
pub const MAX_TOKENS: i64 = 50;
/// How many days a token may last.
const MAX_DAYS: i64 = 365;

/// For how long a token is good.
#[derive(Clone, Copy, Debug)]
pub struct Days(i64);

/// A number of days that no token lasts.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("is not a whole number from 1 to {MAX_DAYS}")]
pub struct NotDays;

impl TryFrom<i64> for Days {
    type Error = NotDays;

    fn try_from(days: i64) -> Result<Self, NotDays> {
        (1..=MAX_DAYS)
            .contains(&days)
            .then_some(Self(days))
            .ok_or(NotDays)
    }
}

/// What a token may be used for: one scope at least.
#[derive(Clone, Debug)]
pub struct Scopes(BTreeSet<Scope>);

/// Why texts are not scopes.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub enum NotScopes {
    /// There is none.
    #[error("are none: choose one at least")]
    None,
    /// One of them is not known.
    #[error(transparent)]
    Unknown(#[from] crate::web::access::NoSuchScope),
}

impl Scopes {
    /// The scopes of these names.
    pub fn parse<'a>(names: impl Iterator<Item = &'a str>) -> Result<Self, NotScopes> {
        let scopes = names.map(str::parse).collect::<Result<BTreeSet<_>, _>>()?;
        if scopes.is_empty() {
            return Err(NotScopes::None);
        }
        Ok(Self(scopes))
    }
}

/// What is wanted.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// What it is for.
    pub name: Label,
    /// What it may be used for.
    pub scopes: Scopes,
    /// For how long.
    pub days: Days,
}

/// Why no token was made.
#[derive(Debug, thiserror::Error)]
pub enum CreateTokenError {
    /// There are enough.
    #[error("an account has {MAX_TOKENS} tokens at most")]
    TooMany,
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

/// Makes a token. Only its hash is kept, so this is the one moment at which it can be shown.
pub async fn create_token(
    tx: &mut Tx,
    account: Id<Account>,
    new: NewToken,
) -> Result<(ApiToken, Listed), CreateTokenError> {
    // So that two requests at once do not make one too many.
    sessions::lock(tx, account).await?;
    if repo::count(tx, account).await? >= MAX_TOKENS {
        return Err(CreateTokenError::TooMany);
    }
    let token = ApiToken::random()?;
    let now = tx.now();
    let listed = Listed {
        id: id::new(),
        name: new.name.as_str().to_owned(),
        scopes: new.scopes.0.into_iter().collect(),
        created_at: now,
        seen_at: None,
        expires_at: now + TimeDelta::days(new.days.0),
    };
    repo::insert(tx, account, &token.hash(), &listed).await?;
    tell(tx, account, Changed::ApiTokenCreated).await?;
    Ok((token, listed))
}
