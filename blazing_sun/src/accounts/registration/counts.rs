//! How often somebody may sign up, and try links. Known and unknown addresses are counted alike.

use chrono::{DateTime, TimeDelta, Utc};

use crate::kernel::email::Email;
use crate::web::client::Client;
use crate::web::throttle::{Rate, Throttle, TooMany};

/// Sign-ups from one address, with whatever account.
const FROM_ADDRESS: Rate = Rate {
    burst: 20,
    every: TimeDelta::seconds(10),
};
/// Sign-ups for one account: each is a mail to somebody who may not have asked for it.
const FOR_ACCOUNT: Rate = Rate {
    burst: 5,
    every: TimeDelta::minutes(5),
};
/// Links that are tried from one address.
const LINKS_FROM_ADDRESS: Rate = Rate {
    burst: 30,
    every: TimeDelta::seconds(2),
};

/// Counts a sign-up of a client.
pub async fn sign_up(
    throttle: &Throttle,
    client: &Client,
    now: DateTime<Utc>,
) -> Result<(), TooMany> {
    let address = client.network();
    throttle
        .take("sign-up-from", &address, FROM_ADDRESS, now)
        .await
}

/// Counts a sign-up with an address.
pub async fn sign_up_with(
    throttle: &Throttle,
    email: &Email,
    now: DateTime<Utc>,
) -> Result<(), TooMany> {
    throttle
        .take("sign-up-for", &email.key(), FOR_ACCOUNT, now)
        .await
}

/// Counts a link that a client tries.
pub async fn activation(
    throttle: &Throttle,
    client: &Client,
    now: DateTime<Utc>,
) -> Result<(), TooMany> {
    let address = client.network();
    throttle
        .take("activate-from", &address, LINKS_FROM_ADDRESS, now)
        .await
}
