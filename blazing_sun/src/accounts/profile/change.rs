//! Changing one's profile.

use crate::accounts::account::Account;
use crate::accounts::events::{Changed, UserUpdated};
use crate::accounts::profile::repo;
use crate::flow::ctx::Tx;
use crate::flow::outbox::{self, Refused};
use crate::kernel::currency::Currency;
use crate::kernel::id::Id;
use crate::kernel::locale::Locale;
use crate::kernel::name::PersonName;
use crate::kernel::time_zone::TimeZone;

/// What is to change; the rest stays.
pub struct Changes {
    /// The name.
    pub name: Option<Naming>,
    /// The language and region.
    pub locale: Option<Locale>,
    /// The time zone.
    pub time_zone: Option<TimeZone>,
    /// The currency.
    pub currency: Option<Currency>,
}

/// What somebody is called from now on.
pub enum Naming {
    /// This.
    Name(PersonName),
    /// They do not say any more.
    Nothing,
}

impl Naming {
    fn as_str(&self) -> &str {
        match self {
            Self::Name(name) => name.as_str(),
            Self::Nothing => "",
        }
    }
}

impl Changes {
    /// Whether nothing is to change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self {
            name,
            locale,
            time_zone,
            currency,
        } = self;
        name.is_none() && locale.is_none() && time_zone.is_none() && currency.is_none()
    }
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError<E> {
    /// There is no such account any more.
    #[error("there is no such account")]
    Gone,
    /// It was made of another version.
    #[error("it was made of another version")]
    Version(E),
    /// It could not be written down.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Changes a profile whose version passes `check`, and returns the version that it has then. Where nothing differs, nothing
/// happens.
pub async fn change<E>(
    tx: &mut Tx,
    account: Id<Account>,
    changes: Changes,
    check: impl FnOnce(i64) -> Result<(), E>,
) -> Result<i64, ChangeError<E>> {
    let mut profile = repo::lock(tx, account).await?.ok_or(ChangeError::Gone)?;
    check(profile.version).map_err(ChangeError::Version)?;
    let mut changed = Vec::new();
    let mut set = |what, field: &mut String, value: Option<&str>| {
        if let Some(value) = value.filter(|value| field != value) {
            value.clone_into(field);
            changed.push(what);
        }
    };
    let name = changes.name.as_ref().map(Naming::as_str);
    set(Changed::Name, &mut profile.name, name);
    let locale = changes.locale.as_ref().map(Locale::as_str);
    set(Changed::Locale, &mut profile.locale, locale);
    let time_zone = changes.time_zone.map(TimeZone::as_str);
    set(Changed::TimeZone, &mut profile.time_zone, time_zone);
    let currency = changes.currency.map(Currency::as_str);
    set(Changed::Currency, &mut profile.currency, currency);
    if changed.is_empty() {
        return Ok(profile.version);
    }
    let version = repo::update(tx, account, &profile).await?;
    let event = UserUpdated {
        user_id: account,
        version,
        changed,
        email_change_id: None,
    };
    outbox::emit(tx, &event).await?;
    Ok(version)
}
