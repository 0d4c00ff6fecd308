//! Leases: one leads at a time, the next follows when the last one is gone, and who was followed settles nothing.

use blazing_sun::flow::event_log;
use blazing_sun::flow::lease::{Lease, Term, Work};
use blazing_sun::flow::relay::Step;
use blazing_sun::kernel::id;
use sqlx::Executor;
use sqlx::postgres::PgListener;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::harness::{Carrier, World, soon};

#[tokio::test]
async fn a_lease_is_taken_over_only_after_it_has_lapsed_and_its_epoch_rises() {
    let world = World::with_events_over(Carrier::Postgres).await;
    let (first, second) = (Lease::new("lead"), Lease::new("lead"));

    let old = take(&world, &first).await.expect("a free lease");
    assert!(take(&world, &second).await.is_none());
    assert!(is_held(&world, old).await);
    world.lapse_leases().await;
    assert!(is_held(&world, old).await, "nobody has followed yet");
    let new = take(&world, &second).await.expect("a lapsed lease");

    assert!(!is_held(&world, old).await);
    assert!(is_held(&world, new).await);
    assert!(take(&world, &first).await.is_none());
    assert_eq!(world.rows("leases WHERE epoch = 2").await, 1);
}

#[tokio::test]
async fn leases_of_different_names_are_independent() {
    let world = World::with_events_over(Carrier::Postgres).await;

    for name in ["one", "two"] {
        assert!(take(&world, &Lease::new(name)).await.is_some());
    }
}

#[tokio::test]
async fn nobody_follows_a_relay_in_the_middle_of_settling() {
    let world = World::with_events_over(Carrier::Postgres).await;
    world.count(id::new()).await;
    let mut relay = world.relay().await;
    world.lapse_leases().await;
    // Settling reaches this row, and waits for it with the lease in its hands.
    let mut row = world.begin().await;
    row.conn()
        .execute("SELECT FROM outbox FOR UPDATE")
        .await
        .expect("the row");
    let settling = tokio::spawn(async move { relay.once().await });
    soon("a relay that settles", world.blocked(1)).await;

    let pool = world.pool().clone();
    let taking = tokio::spawn(async move { Lease::new("relay").take(&pool).await });
    soon("one who wants to follow", world.blocked(2)).await;
    assert!(!taking.is_finished());
    row.rollback().await.expect("a rollback");

    let (events, _) = soon("the step", settling).await.expect("no panic");
    assert_eq!(events, Step::Carried(1));
    let next = soon("the lease", taking).await.expect("no panic");
    assert!(next.expect("PostgreSQL").is_some());
}

#[tokio::test]
async fn who_ends_gives_the_lease_back_at_once() {
    let world = World::with_events_over(Carrier::Postgres).await;
    let stop = CancellationToken::new();
    let (mut begun, leading) = lead(&world, &stop);
    soon("the lead", begun.recv()).await.expect("a term");
    assert!(take(&world, &Lease::new("lead")).await.is_none());

    stop.cancel();
    soon("the end", leading).await.expect("no panic");

    assert!(take(&world, &Lease::new("lead")).await.is_some());
}

#[tokio::test]
async fn who_leads_renews_the_lease() {
    let world = World::with_events_over(Carrier::Postgres).await;
    let stop = CancellationToken::new();
    let (mut begun, leading) = lead(&world, &stop);
    soon("the lead", begun.recv()).await.expect("a term");
    let mut changes = changes(&world).await;
    world.lapse_leases().await;

    let renewed = async { while changes.recv().await.expect("a change").payload() != "valid" {} };
    soon("a renewal", renewed).await;

    stop.cancel();
    soon("the end", leading).await.expect("no panic");
}

#[tokio::test]
async fn who_was_followed_stops_its_work_and_begins_again_when_it_may() {
    let world = World::with_events_over(Carrier::Postgres).await;
    let stop = CancellationToken::new();
    let (mut begun, leading) = lead(&world, &stop);
    let first = soon("the lead", begun.recv()).await.expect("a term");
    world
        .pool()
        .execute("UPDATE leases SET holder = gen_random_uuid(), epoch = epoch + 1")
        .await
        .expect("another holder");

    soon("the end of the work", first.ended)
        .await
        .expect_err("a dropped work");
    assert!(!is_held(&world, first.term).await);
    // The other one is gone, and what it left lapses.
    world.lapse_leases().await;
    let second = soon("the lead", begun.recv()).await.expect("a term");

    assert!(is_held(&world, second.term).await);
    stop.cancel();
    soon("the end", leading).await.expect("no panic");
}

/// A term that began; `ended` fails when its work is dropped.
struct Begun {
    term: Term,
    ended: oneshot::Receiver<()>,
}

/// Says that it began, and works for ever.
struct Endless(mpsc::UnboundedSender<Begun>);

impl Work for Endless {
    async fn work(&mut self, term: Term, stop: &CancellationToken) {
        let (_alive, ended) = oneshot::channel();
        drop(self.0.send(Begun { term, ended }));
        stop.cancelled().await;
    }
}

/// Leads in the background until `stop`.
fn lead(
    world: &World,
    stop: &CancellationToken,
) -> (mpsc::UnboundedReceiver<Begun>, tokio::task::JoinHandle<()>) {
    let (sender, begun) = mpsc::unbounded_channel();
    let (ctx, stop) = (world.another_process(), stop.clone());
    let leading = tokio::spawn(async move {
        let mut work = Endless(sender);
        Lease::new("lead").lead(&ctx, &stop, &mut work).await;
    });
    (begun, leading)
}

async fn take(world: &World, lease: &Lease) -> Option<Term> {
    lease.take(world.pool()).await.expect("PostgreSQL")
}

/// Whether a term still allows to settle.
async fn is_held(world: &World, term: Term) -> bool {
    event_log::settle(world.pool(), term, &[])
        .await
        .expect("PostgreSQL")
}

/// Tells of every change of a lease whether it is `valid` then.
async fn changes(world: &World) -> PgListener {
    let trigger = "
        CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            PERFORM pg_notify('leases', CASE WHEN NEW.expires_at > clock_timestamp() THEN 'valid' ELSE 'lapsed' END);
            RETURN NULL;
        END $$;
        CREATE TRIGGER tell AFTER UPDATE ON leases FOR EACH ROW EXECUTE FUNCTION tell();
    ";
    world.pool().execute(trigger).await.expect("a trigger");
    let mut listener = PgListener::connect_with(world.pool())
        .await
        .expect("a listener");
    listener.listen("leases").await.expect("a channel");
    listener
}
