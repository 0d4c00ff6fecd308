//! Every event, job and reaction of the application.

use std::sync::Arc;

use crate::accounts::events::{
    AUTH_EVENTS, PasswordReset, SignInFailed, SignedIn, SignedOut, USER_EVENTS, UserActivated,
    UserCreated, UserDeleted, UserPasswordChanged, UserUpdated,
};
use crate::accounts::{
    AnswerLinkRequest, CreateUser, DataTools, EraseAccount, EraseAccounts, ExportAccount, KeyAge,
    Notify, PurgeAccounts, PurgeExports, RotateSigningKeys,
};
use crate::audit::Audit;
use crate::feed::Feeds;
use crate::flow::catalogue::Catalogue;
use crate::flow::dead_letter::{self, DeadLettered};
use crate::flow::delete_blobs::DeleteBlobs;
use crate::flow::event::Topic;
use crate::flow::purge::{PurgeExpired, Retention};
use crate::ledger::PurgeTrash;
use crate::ledger::events::{
    CATEGORY_EVENTS, CategoryCreated, CategoryDeleted, CategoryUpdated, TRANSACTION_EVENTS,
    TransactionCreated, TransactionDeleted, TransactionUpdated,
};
use crate::ledger::{
    MakeOccurrences, MakeRecurring, ReconcileEntries, Reports, SendMonthlyReports,
};
use crate::mail::{Mails, SendEmail};
use crate::monitor::events::{
    HealthChecked, LogLevelChanged, RequestFailed, SYSTEM_EVENTS, Warned,
};

/// All topics that anything is published in.
const TOPICS: &[Topic] = &[
    USER_EVENTS,
    AUTH_EVENTS,
    TRANSACTION_EVENTS,
    CATEGORY_EVENTS,
    SYSTEM_EVENTS,
    dead_letter::TOPIC,
];

/// The catalogue of this build.
#[must_use]
pub fn catalogue(
    mails: Arc<Mails>,
    retention: Retention,
    key_age: KeyAge,
    data: DataTools,
    feeds: Feeds,
) -> Catalogue {
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
        .event::<TransactionCreated>()
        .event::<TransactionUpdated>()
        .event::<TransactionDeleted>()
        .event::<CategoryCreated>()
        .event::<CategoryUpdated>()
        .event::<CategoryDeleted>()
        .event::<HealthChecked>()
        .event::<RequestFailed>()
        .event::<Warned>()
        .event::<LogLevelChanged>()
        .event::<DeadLettered>()
        .job::<SendEmail>(mails)
        .job::<CreateUser>(())
        .job::<PurgeExpired>(retention)
        .job::<AnswerLinkRequest>(())
        .job::<RotateSigningKeys>(key_age)
        .job::<PurgeAccounts>(data.clone())
        .job::<DeleteBlobs>(data.blobs.clone())
        .job::<ExportAccount>(data.clone())
        .job::<PurgeExports>(data.clone())
        .job::<EraseAccounts>(())
        .job::<EraseAccount>(data)
        .job::<PurgeTrash>(())
        .job::<SendMonthlyReports>(())
        .job::<MakeRecurring>(())
        .job::<MakeOccurrences>(())
        .job::<ReconcileEntries>(())
        .reaction(Audit::new(TOPICS))
        .reaction(Notify)
        .reaction(Reports)
        .reaction(feeds)
}
