//! Telling somebody that second factors were tried which are not right: whoever did that has the password.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use minijinja::context;
use serde::{Deserialize, Serialize};

use crate::accounts::account::Account;
use crate::accounts::notifications::repo;
use crate::accounts::repo as accounts;
use crate::flow::ctx::{Ctx, Tx};
use crate::infra::smtp::Mailbox;
use crate::kernel::id::Id;
use crate::kernel::time_zone::TimeZone;
use crate::mail::{ComposeError, Mail, Message, somebody};

/// So many within [`WITHIN`] are no slip of the finger.
const SEVERAL: i32 = 5;
/// How long they are counted together, and how long it is quiet after a mail.
const WITHIN: TimeDelta = TimeDelta::days(1);

/// Counts one, and says whether its owner is to be told now.
pub async fn count(tx: &mut Tx, account: Id<Account>, at: DateTime<Utc>) -> sqlx::Result<bool> {
    let quiet_since = at - WITHIN;
    let Some(counted) = repo::count_wrong_code(tx, account, at, quiet_since).await? else {
        return Ok(false);
    };
    let is_quiet = counted.told_at.is_some_and(|told| told > quiet_since);
    if counted.number < SEVERAL || is_quiet {
        return Ok(false);
    }
    repo::note_told(tx, account, at).await?;
    Ok(true)
}

/// Second factors of an account were tried several times that are not right.
#[derive(Serialize, Deserialize)]
pub struct WrongCodes {
    /// The account.
    pub user_id: Id<Account>,
    /// The last time.
    pub at: DateTime<Utc>,
}

#[async_trait]
impl Mail for WrongCodes {
    const NAME: &'static str = "wrong_codes";
    const SUMMARY: &'static str =
        "Tells somebody that wrong second factors were tried with the password of their account.";

    type Tools = ();

    async fn compose(&self, _: &(), ctx: &Ctx) -> Result<Option<Message>, ComposeError> {
        let Some(owner) = accounts::acquaintance(ctx.pool(), self.user_id).await? else {
            return Ok(None);
        };
        let to = Mailbox::new(None, owner.email.parse()?);
        Ok(Some(wrong_codes(to, &owner.tell(self.at))))
    }

    fn sample(_: &()) -> Message {
        wrong_codes(somebody(), &TimeZone::default().tell(DateTime::UNIX_EPOCH))
    }
}

fn wrong_codes(to: Mailbox, when: &str) -> Message {
    Message {
        to,
        subject: "Somebody with your password tried wrong codes".to_owned(),
        template: "wrong_codes",
        context: context! { when },
    }
}
