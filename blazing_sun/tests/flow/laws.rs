//! Laws that hold whatever happens to jobs and their tickets, in any order: each effect at most once, and `done` exactly
//! where the effect is.

use std::sync::Arc;

use blazing_sun::flow::job::Ticket;
use blazing_sun::flow::jobs;
use blazing_sun::flow::lease::{Lease, Term};
use blazing_sun::flow::worker::{Outcome, Worker};
use chrono::TimeDelta;
use lapin::message::Delivery;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use sqlx::Executor;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::harness::{ATTEMPTS, Carrier, Deed, Errand, Paused, RESEND_AFTER, Script, World, soon};

/// How many histories are tried, how many jobs are in each, and how much happens to them.
const HISTORIES: u32 = 24;
const JOBS: usize = 3;
const STEPS: usize = 40;

/// Something that happens. Numbers choose among what is there.
#[derive(Clone, Debug)]
enum Happening {
    /// The relay sends the tickets of due jobs, and may be deposed before it notes that.
    Send { noted: bool },
    /// The broker delivers a ticket twice.
    Copy(usize),
    /// The broker loses a ticket.
    Lose(usize),
    /// A worker takes a ticket and does this; with a pause it stops in the middle.
    Work(usize, Deed),
    /// A worker that stopped goes on.
    Wake(usize, Deed),
    /// A worker that stopped is killed.
    Kill(usize),
    /// Time passes.
    Pass(TimeDelta),
    /// The relay takes jobs back whose workers seem dead.
    TakeBack,
    /// The relay gives tickets up that nobody used for long.
    Resend,
    /// An operator has all jobs tried again that were given up.
    Retry,
    /// An operator gives a job up.
    Discard(usize),
}

#[test]
fn whatever_happens_an_effect_happens_at_most_once_and_a_job_is_done_exactly_with_it() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let world = runtime.block_on(World::with_jobs_over(Carrier::Postgres));
    let config = ProptestConfig {
        cases: HISTORIES,
        // A history is tried against a database, and a shorter one only after many tries.
        max_shrink_iters: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let history = prop::collection::vec(happening(), STEPS);

    let verdict = TestRunner::new(config).run(&history, |history| {
        runtime.block_on(async {
            let mut machine = Machine::new(&world).await;
            for happening in history {
                machine.let_happen(happening).await;
                machine.check_laws().await?;
            }
            machine.finish().await
        })
    });

    // The world's connections belong to the runtime.
    let _guard = runtime.enter();
    drop(world);
    if let Err(failure) = verdict {
        panic!("{failure}");
    }
}

fn happening() -> impl Strategy<Value = Happening> {
    let number = || 0..100_usize;
    let deed = || {
        prop_oneof![
            4 => Just(Deed::Succeed),
            3 => Just(Deed::Retry),
            1 => Just(Deed::Discard),
            4 => Just(Deed::Pause),
        ]
    };
    let ending =
        || prop_oneof![2 => Just(Deed::Succeed), 1 => Just(Deed::Retry), 1 => Just(Deed::Discard)];
    prop_oneof![
        4 => any::<bool>().prop_map(|noted| Happening::Send { noted }),
        2 => number().prop_map(Happening::Copy),
        1 => number().prop_map(Happening::Lose),
        8 => (number(), deed()).prop_map(|(ticket, deed)| Happening::Work(ticket, deed)),
        3 => (number(), ending()).prop_map(|(attempt, deed)| Happening::Wake(attempt, deed)),
        1 => number().prop_map(Happening::Kill),
        4 => prop_oneof![Just(2), Just(20), Just(100)].prop_map(|n| Happening::Pass(TimeDelta::seconds(n))),
        3 => Just(Happening::TakeBack),
        1 => Just(Happening::Resend),
        1 => Just(Happening::Retry),
        1 => number().prop_map(Happening::Discard),
    ]
}

/// Jobs, their tickets wherever they are, and attempts that stopped in the middle.
struct Machine<'a> {
    world: &'a World,
    script: Script,
    worker: Worker,
    term: Term,
    jobs: Vec<Uuid>,
    /// What the broker holds; a worker does not remove it, so that every ticket may come again at any time.
    tickets: Vec<Ticket>,
    stopped: Vec<(Paused, JoinHandle<Outcome>)>,
}

impl<'a> Machine<'a> {
    async fn new(world: &'a World) -> Self {
        world
            .pool()
            .execute("TRUNCATE jobs, effects, leases")
            .await
            .expect("an empty world");
        let script = Script::of([]);
        let mut jobs = Vec::new();
        for _ in 0..JOBS {
            jobs.push(world.enqueue(&Errand::<5>::default()).await);
        }
        let catalogue = Arc::new(script.catalogue());
        let term = Lease::new("relay").take(world.pool()).await;
        Self {
            world,
            worker: Worker::new(world.another_process(), catalogue, 1),
            script,
            term: term.expect("PostgreSQL").expect("the lease"),
            jobs,
            tickets: Vec::new(),
            stopped: Vec::new(),
        }
    }

    async fn let_happen(&mut self, happening: Happening) {
        let (pool, now) = (self.world.pool(), self.world.ctx.now());
        match happening {
            Happening::Send { noted } => {
                let due = jobs::due(pool, now, 2).await.expect("PostgreSQL");
                let sent: Vec<Ticket> = due.into_iter().map(|due| due.ticket).collect();
                if noted {
                    let settled = jobs::settle_sent(pool, self.term, &sent, now).await;
                    assert!(settled.expect("PostgreSQL"));
                }
                self.tickets.extend(sent);
            }
            Happening::Copy(n) => {
                let copy = pick(&self.tickets, n).cloned();
                self.tickets.extend(copy);
            }
            Happening::Lose(n) => {
                if !self.tickets.is_empty() {
                    self.tickets.remove(n % self.tickets.len());
                }
            }
            Happening::Work(n, deed) => {
                if let Some(ticket) = pick(&self.tickets, n).cloned() {
                    self.work(ticket, deed).await;
                }
            }
            Happening::Wake(n, deed) => {
                if !self.stopped.is_empty() {
                    let (paused, attempt) = self.stopped.swap_remove(n % self.stopped.len());
                    paused.go_on(deed);
                    soon("a late attempt", attempt).await.expect("an outcome");
                }
            }
            Happening::Kill(n) => {
                if !self.stopped.is_empty() {
                    let (_, attempt) = self.stopped.swap_remove(n % self.stopped.len());
                    attempt.abort();
                    assert!(attempt.await.is_err());
                }
            }
            Happening::Pass(time) => self.world.clock.advance(time),
            Happening::TakeBack => {
                jobs::take_back(pool, now).await.expect("PostgreSQL");
            }
            Happening::Resend => {
                jobs::resend(pool, now - RESEND_AFTER)
                    .await
                    .expect("PostgreSQL");
            }
            Happening::Retry => {
                jobs::retry(pool, None, now).await.expect("PostgreSQL");
            }
            Happening::Discard(n) => {
                let id = self.jobs[n % JOBS];
                jobs::discard(pool, id, now).await.expect("PostgreSQL");
            }
        }
    }

    /// A worker gets a ticket, and ends with it or stops in the middle.
    async fn work(&mut self, ticket: Ticket, deed: Deed) {
        self.script.set(deed).await;
        let body = serde_json::to_vec(&ticket).expect("JSON");
        let delivery = Delivery::mock(1, "".into(), "jobs".into(), false, body);
        let worker = self.worker.clone();
        let mut attempt = tokio::spawn(async move {
            let stop = CancellationToken::new();
            worker.handle(&delivery, &stop).await.expect("PostgreSQL")
        });
        tokio::select! {
            outcome = &mut attempt => drop(outcome.expect("an outcome")),
            paused = self.script.paused() => self.stopped.push((paused, attempt)),
        }
    }

    async fn check_laws(&self) -> Result<(), TestCaseError> {
        let jobs: Vec<(Uuid, String, i32, i32, i32, i64)> = sqlx::query_as(
            "SELECT id, state, attempt, max_attempts, jsonb_array_length(history),
                    (SELECT count(*) FROM effects WHERE counter = jobs.id) FROM jobs",
        )
        .fetch_all(self.world.pool())
        .await
        .expect("the jobs");
        prop_assert_eq!(jobs.len(), JOBS);
        for (id, state, attempt, max_attempts, entries, effects) in jobs {
            prop_assert_eq!(effects, i64::from(state == "done"), "{} is {}", id, state);
            prop_assert!(
                attempt <= max_attempts,
                "attempt {attempt} of {max_attempts}"
            );
            // Each attempt that ended left one entry, and so did the operator.
            let running = i32::from(state == "running");
            prop_assert!(
                entries >= attempt - running,
                "{entries} of attempt {attempt}"
            );
        }
        Ok(())
    }

    /// Everything works again: no job waits for ever.
    async fn finish(mut self) -> Result<(), TestCaseError> {
        for (paused, attempt) in self.stopped.drain(..) {
            drop(paused);
            attempt.abort();
        }
        for _ in 0..3 * ATTEMPTS {
            self.world.clock.advance(TimeDelta::hours(2));
            for happening in [
                Happening::TakeBack,
                Happening::Resend,
                Happening::Retry,
                Happening::Send { noted: true },
            ] {
                self.let_happen(happening).await;
            }
            for ticket in std::mem::take(&mut self.tickets) {
                self.work(ticket, Deed::Succeed).await;
                self.check_laws().await?;
            }
        }
        prop_assert_eq!(
            self.world.rows("jobs WHERE state = 'done'").await,
            JOBS as i64
        );
        prop_assert_eq!(self.world.rows("effects").await, JOBS as i64);
        Ok(())
    }
}

fn pick<T>(things: &[T], n: usize) -> Option<&T> {
    things.get(n.checked_rem(things.len())?)
}
