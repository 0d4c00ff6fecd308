//! Any bytes as the value of a record.

use blazing_sun::accounts::events::{
    PasswordReset, SignInFailed, SignedIn, SignedOut, UserActivated, UserCreated, UserDeleted,
    UserPasswordChanged, UserUpdated,
};
use blazing_sun::flow::dead_letter::DeadLettered;
use blazing_sun::flow::event::{CloudEvent, Event};
use blazing_sun::ledger::events::{
    CategoryCreated, CategoryDeleted, CategoryUpdated, TransactionCreated, TransactionDeleted,
    TransactionUpdated,
};
use blazing_sun::monitor::events::{HealthChecked, LogLevelChanged, RequestFailed, Warned};

/// A type of event, as far as a law needs it.
type Law = (&'static str, fn(&CloudEvent));

/// Every type of event of the application.
pub const TYPES: [Law; 20] = [
    of::<UserCreated>(),
    of::<UserActivated>(),
    of::<UserUpdated>(),
    of::<UserPasswordChanged>(),
    of::<UserDeleted>(),
    of::<SignedIn>(),
    of::<SignInFailed>(),
    of::<SignedOut>(),
    of::<PasswordReset>(),
    of::<TransactionCreated>(),
    of::<TransactionUpdated>(),
    of::<TransactionDeleted>(),
    of::<CategoryCreated>(),
    of::<CategoryUpdated>(),
    of::<CategoryDeleted>(),
    of::<HealthChecked>(),
    of::<RequestFailed>(),
    of::<Warned>(),
    of::<LogLevelChanged>(),
    of::<DeadLettered>(),
];

const fn of<E: Event>() -> Law {
    (E::TYPE, decodes::<E>)
}

/// Bytes are refused, or they are an event: an object of version 1.0 that survives being written and read, whose cause is
/// its own, and whose data is read by its type alone.
pub fn holds(bytes: &[u8]) {
    let Ok(event) = CloudEvent::parse(bytes) else {
        return;
    };
    // Not all of it need be JSON that can be kept: fields that nobody knows are skipped, not read.
    assert!(bytes.trim_ascii_start().starts_with(b"{"), "no object");
    assert_eq!(event.specversion, "1.0");
    let written = serde_json::to_vec(&event).expect("what was read can be written");
    let again = CloudEvent::parse(&written).expect("what was written can be read");
    assert_eq!(again, event, "written and read again");

    let cause = event.as_cause();
    assert_eq!(cause.causation, Some(event.id));
    assert_eq!(cause.actor, event.actorid);
    assert_eq!(cause.correlation, event.correlationid);
    assert_eq!(cause.traceparent, event.traceparent);

    for (_, decodes) in TYPES {
        decodes(&event);
    }
}

/// The event as an `E`: none if its type is another; otherwise refused, or the same after being written and read.
fn decodes<E: Event>(event: &CloudEvent) {
    if event.kind != E::TYPE {
        assert!(matches!(event.decode::<E>(), Ok(None)), "{}", E::TYPE);
    }
    let mut event = CloudEvent {
        kind: E::TYPE.to_owned(),
        ..event.clone()
    };
    let Ok(decoded) = event.decode::<E>() else {
        return;
    };
    let decoded = decoded.expect("an event of its own type");
    event.data = serde_json::to_value(&decoded).expect("what was read can be written");
    let again = event.decode::<E>().expect("what was written can be read");
    let again = again.expect("an event of its own type");
    assert_eq!(again.subject(), decoded.subject(), "{}", E::TYPE);
    assert_eq!(again.sequence(), decoded.sequence(), "{}", E::TYPE);
    let again = serde_json::to_value(&again).expect("what was read can be written");
    assert_eq!(again, event.data, "{}", E::TYPE);
}
