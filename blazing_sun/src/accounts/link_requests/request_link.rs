//! Noting that somebody wants a link.

use chrono::TimeDelta;

use crate::accounts::link::Purpose;
use crate::accounts::link_requests::jobs::AnswerLinkRequest;
use crate::accounts::link_requests::repo;
use crate::flow::ctx::{Ctx, Tx};
use crate::flow::outbox::{self, Refused};
use crate::kernel::email::Email;
use crate::web::client::Client;
use crate::web::throttle::{Rate, Throttle, TooMany};

/// Requests from one address, whatever account they are for.
const FROM_ADDRESS: Rate = Rate {
    burst: 20,
    every: TimeDelta::seconds(10),
};
/// Requests for one account: each is a mail to somebody who may not have asked for it.
const FOR_ACCOUNT: Rate = Rate {
    burst: 3,
    every: TimeDelta::minutes(10),
};

/// What a link is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// A new password in place of a forgotten one.
    Password,
    /// An account that waits to be activated.
    Activation,
}

impl Wish {
    /// What the link is good for.
    #[must_use]
    pub fn purpose(self) -> Purpose {
        match self {
            Self::Password => Purpose::Reset,
            Self::Activation => Purpose::Activation,
        }
    }

    /// What requests are counted as.
    fn counted_as(self) -> &'static str {
        match self {
            Self::Password => "reset-link-for",
            Self::Activation => "activation-link-for",
        }
    }
}

/// Counts a request from a client.
pub async fn count(throttle: &Throttle, client: &Client, ctx: &Ctx) -> Result<(), TooMany> {
    let address = client.network();
    throttle
        .take("link-from", &address, FROM_ADDRESS, ctx.now())
        .await
}

/// Counts a request for an address, whether it has an account or not.
pub async fn count_for(
    throttle: &Throttle,
    wish: Wish,
    email: &Email,
    ctx: &Ctx,
) -> Result<(), TooMany> {
    throttle
        .take(wish.counted_as(), &email.key(), FOR_ACCOUNT, ctx.now())
        .await
}

/// Notes a request; the job answers it.
pub async fn request_link(tx: &mut Tx, wish: Wish, email: &Email) -> Result<(), Refused> {
    let request_id = repo::insert(tx, wish, &email.key()).await?;
    outbox::enqueue(tx, &AnswerLinkRequest { request_id }).await?;
    Ok(())
}
