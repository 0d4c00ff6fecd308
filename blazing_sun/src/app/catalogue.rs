//! Every event, job and reaction of the application.

use crate::accounts::events::{
    AUTH_EVENTS, PasswordReset, SignInFailed, SignedIn, SignedOut, USER_EVENTS, UserActivated,
    UserCreated, UserDeleted, UserPasswordChanged, UserUpdated,
};
use crate::audit::Audit;
use crate::flow::catalogue::Catalogue;
use crate::flow::dead_letter::{self, DeadLettered};
use crate::flow::event::Topic;
use crate::flow::purge::{PurgeExpired, Retention};
use crate::mail::{Mails, SendEmail};

/// All topics that anything is published in.
const TOPICS: &[Topic] = &[USER_EVENTS, AUTH_EVENTS, dead_letter::TOPIC];

/// The catalogue of this build.
#[must_use]
pub fn catalogue(mails: Mails, retention: Retention) -> Catalogue {
    Catalogue::default()
        .event::<UserCreated>()
        .event::<UserActivated>()
        .event::<UserUpdated>()
        .event::<UserPasswordChanged>()
        .event::<UserDeleted>()
        .event::<SignedIn>()
        .event::<SignInFailed>()
        .event::<SignedOut>()
        .event::<PasswordReset>()
        .event::<DeadLettered>()
        .job::<SendEmail>(mails)
        .job::<PurgeExpired>(retention)
        .reaction(Audit::new(TOPICS))
}
