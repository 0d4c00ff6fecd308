//! Schedules: each time is fired once, whoever leads, and missed times are made up for as declared.

use std::sync::Arc;

use blazing_sun::flow::ctx::Ctx;
use blazing_sun::flow::job::{Job, JobError, Run};
use blazing_sun::flow::lease::Lease;
use blazing_sun::flow::schedule::{self, Missed, Schedule, Scheduler};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use schemars::JsonSchema;
use serde::ser::Error;
use serde::{Deserialize, Serialize, Serializer};
use sqlx::Executor;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::harness::{Carrier, Errand, World, soon};

const HOURLY: &str = "0 * * * *";
const HOUR: TimeDelta = TimeDelta::hours(1);
const MINUTE: TimeDelta = TimeDelta::minutes(1);
const SECOND: TimeDelta = TimeDelta::seconds(1);

#[tokio::test]
async fn a_new_schedule_begins_with_the_next_time() {
    let (world, noon) = world_at_a_full_hour().await;
    let scheduler = scheduler(&world, [hourly(Missed::Each)]);

    let fired = once(&scheduler).await;

    assert_eq!((fired, labels(&world).await), (0, vec![]));
    let listed = list(&world, &[hourly(Missed::Each)]).await;
    assert_eq!(listed, [(Some(noon + HOUR), None)]);
}

#[tokio::test]
async fn a_time_is_fired_when_it_comes_and_once() {
    let (world, noon) = world_at_a_full_hour().await;
    let scheduler = scheduler(&world, [hourly(Missed::Once)]);
    once(&scheduler).await;

    world.clock.advance(HOUR - SECOND);
    let before = once(&scheduler).await;
    world.clock.advance(SECOND);
    let then = once(&scheduler).await;
    let again = once(&scheduler).await;
    world.clock.advance(SECOND);
    let later = once(&scheduler).await;

    assert_eq!([before, then, again, later], [0, 1, 0, 0]);
    assert_eq!(labels(&world).await, [noon + HOUR]);
    let listed = list(&world, &[hourly(Missed::Once)]).await;
    assert_eq!(listed, [(Some(noon + HOUR * 2), Some(noon + HOUR))]);
    let chain = "jobs WHERE correlation_id = 'schedule:hourly' AND causation_id IS NULL";
    assert_eq!(world.rows(chain).await, 1);
}

#[tokio::test]
async fn a_schedule_that_no_scheduler_has_seen_has_no_time_yet() {
    let (world, _) = world_at_a_full_hour().await;

    assert_eq!(list(&world, &[hourly(Missed::Once)]).await, [(None, None)]);
}

#[tokio::test]
async fn schedulers_that_all_believe_to_lead_fire_each_time_once() {
    let (world, noon) = world_at_a_full_hour().await;
    let term = Lease::new("schedule")
        .take(world.pool())
        .await
        .expect("PostgreSQL");
    let schedulers: Vec<Scheduler> = (0..8)
        .map(|_| scheduler(&world, [hourly(Missed::Each)]))
        .collect();
    let fire = async || -> usize {
        let firing = schedulers.iter().map(|scheduler| scheduler.once(term));
        let fired = soon("firing", join_all(firing)).await;
        fired
            .into_iter()
            .map(|fired| fired.expect("PostgreSQL"))
            .sum()
    };
    assert!(term.is_some());

    let new = fire().await;
    let mut fired = Vec::new();
    for _ in 0..20 {
        world.clock.advance(HOUR);
        fired.push(fire().await);
    }

    assert_eq!((new, fired), (0, vec![1; 20]));
    let times: Vec<DateTime<Utc>> = (1..=20).map(|n| noon + HOUR * n).collect();
    assert_eq!(labels(&world).await, times);
}

#[tokio::test]
async fn a_time_that_another_scheduler_is_firing_is_left_to_it() {
    let (world, noon) = world_at_a_full_hour().await;
    let scheduler = scheduler(&world, [hourly(Missed::Each)]);
    once(&scheduler).await;
    world.clock.advance(HOUR);
    let mut other = world.begin().await;
    let firing = "SELECT FROM schedules FOR UPDATE";
    other.conn().execute(firing).await.expect("the schedule");

    let meanwhile = once(&scheduler).await;
    // The other one was killed before it committed.
    other.rollback().await.expect("a rollback");
    let afterwards = once(&scheduler).await;

    assert_eq!((meanwhile, afterwards), (0, 1));
    assert_eq!(labels(&world).await, [noon + HOUR]);
}

#[tokio::test]
async fn a_deposed_scheduler_fires_nothing() {
    let (world, noon) = world_at_a_full_hour().await;
    let scheduler = scheduler(&world, [hourly(Missed::Each)]);
    let old = Lease::new("schedule")
        .take(world.pool())
        .await
        .expect("PostgreSQL");
    soon("a step", scheduler.once(old))
        .await
        .expect("PostgreSQL");
    world.lapse_leases().await;
    let new = Lease::new("schedule")
        .take(world.pool())
        .await
        .expect("PostgreSQL");
    world.clock.advance(HOUR);

    let deposed = soon("a step", scheduler.once(old))
        .await
        .expect("PostgreSQL");
    let after_the_deposed = labels(&world).await;
    let leading = soon("a step", scheduler.once(new))
        .await
        .expect("PostgreSQL");

    assert!(old.is_some() && new.is_some());
    assert_eq!((deposed, after_the_deposed, leading), (0, vec![], 1));
    assert_eq!(labels(&world).await, [noon + HOUR]);
}

#[tokio::test]
async fn two_schedulers_that_run_side_by_side_fire_a_time_once() {
    let (world, noon) = world_at_a_full_hour().await;
    once(&scheduler(&world, [hourly(Missed::Each)])).await;
    let (stop, mut running) = (CancellationToken::new(), JoinSet::new());
    let ctxs = [world.another_process(), world.another_process()];
    for ctx in &ctxs {
        let scheduler = Scheduler::new(ctx.clone(), [hourly(Missed::Each)].into());
        running.spawn(scheduler.run(stop.clone()));
    }

    world.clock.advance(HOUR);
    let fired = async {
        tokio::select! {
            () = ctxs[0].wakeups().jobs.notified() => {}
            () = ctxs[1].wakeups().jobs.notified() => {}
        }
    };
    soon("a job", fired).await;
    stop.cancel();
    while let Some(ended) = soon("the end", running.join_next()).await {
        ended.expect("a scheduler that ends by itself");
    }

    assert_eq!(labels(&world).await, [noon + HOUR]);
    let leads = |ctx: &Ctx| ctx.metrics().leader.with_label_values(&["schedule"]).get();
    assert_eq!([leads(&ctxs[0]), leads(&ctxs[1])], [0, 0]);
}

#[tokio::test]
async fn after_missed_times_a_job_runs_once_for_the_newest() {
    let (world, noon) = world_at_a_full_hour().await;
    let scheduler = scheduler(&world, [hourly(Missed::Once)]);

    let fired = be_away(&world, &scheduler, HOUR * 5 + MINUTE * 30).await;

    assert_eq!(fired, [1, 0, 1]);
    assert_eq!(labels(&world).await, [noon + HOUR * 5, noon + HOUR * 6]);
}

#[tokio::test]
async fn after_missed_times_a_job_runs_for_each() {
    let (world, noon) = world_at_a_full_hour().await;
    let scheduler = scheduler(&world, [hourly(Missed::Each)]);

    let fired = be_away(&world, &scheduler, HOUR * 5 + MINUTE * 30).await;

    assert_eq!(fired, [5, 0, 1]);
    let times: Vec<DateTime<Utc>> = (1..=6).map(|n| noon + HOUR * n).collect();
    assert_eq!(labels(&world).await, times);
}

#[tokio::test]
async fn after_missed_times_a_job_runs_at_the_next_time() {
    let (world, noon) = world_at_a_full_hour().await;
    let scheduler = scheduler(&world, [hourly(Missed::Skip)]);

    let fired = be_away(&world, &scheduler, HOUR * 5 + MINUTE * 30).await;

    assert_eq!(fired, [0, 0, 1]);
    assert_eq!(labels(&world).await, [noon + HOUR * 6]);
}

#[tokio::test]
async fn a_time_counts_as_missed_a_minute_after_it() {
    let (world, noon) = world_at_a_full_hour().await;
    let scheduler = scheduler(&world, [hourly(Missed::Skip)]);
    once(&scheduler).await;

    world.clock.advance(HOUR + MINUTE);
    let late = once(&scheduler).await;
    world.clock.advance(HOUR + SECOND);
    let too_late = once(&scheduler).await;

    assert_eq!((late, too_late), (1, 0));
    assert_eq!(labels(&world).await, [noon + HOUR]);
}

#[tokio::test]
async fn a_long_absence_is_made_up_for_in_several_steps() {
    let (world, noon) = world_at_a_full_hour().await;
    let scheduler = scheduler(&world, [minutely(Missed::Each)]);
    once(&scheduler).await;
    world.clock.advance(MINUTE * 1500);

    let fired = [
        once(&scheduler).await,
        once(&scheduler).await,
        once(&scheduler).await,
    ];

    assert_eq!(fired, [1000, 500, 0]);
    let times: Vec<DateTime<Utc>> = (1..=1500).map(|n| noon + MINUTE * n).collect();
    assert_eq!(labels(&world).await, times);
}

#[tokio::test]
async fn after_a_long_absence_too_a_job_that_runs_once_runs_for_the_newest_time() {
    let (world, noon) = world_at_a_full_hour().await;
    let scheduler = scheduler(&world, [minutely(Missed::Once)]);
    once(&scheduler).await;
    world
        .clock
        .advance(MINUTE * 1500 + TimeDelta::milliseconds(1));

    let fired = [once(&scheduler).await, once(&scheduler).await];

    assert_eq!(fired, [1, 0]);
    assert_eq!(labels(&world).await, [noon + MINUTE * 1500]);
}

#[tokio::test]
async fn a_schedule_can_be_fired_now_besides_its_times() {
    let (world, noon) = world_at_a_full_hour().await;
    let schedule = hourly(Missed::Each);
    let scheduler = scheduler(&world, [schedule.clone()]);
    once(&scheduler).await;
    world.clock.advance(MINUTE);

    let id = schedule::fire_now(&world.ctx, &schedule)
        .await
        .expect("PostgreSQL");
    let listed = list(&world, &[schedule]).await;
    world.clock.advance(HOUR - MINUTE);
    let fired = once(&scheduler).await;

    let job = world.job(id).await;
    assert_eq!((job.name.as_str(), job.state.as_str()), ("errand", "ready"));
    assert_eq!(listed, [(Some(noon + HOUR), None)]);
    assert_eq!(fired, 1);
    assert_eq!(labels(&world).await, [noon + MINUTE, noon + HOUR]);
}

#[tokio::test]
async fn a_schedule_that_fails_holds_up_no_other() {
    let (world, noon) = world_at_a_full_hour().await;
    let failing =
        Schedule::new("failing", HOURLY, Missed::Once, |_| Unspeakable).expect("a pattern");
    let scheduler = scheduler(&world, [failing, hourly(Missed::Once)]);
    once(&scheduler).await;
    world.clock.advance(HOUR);

    let refused = scheduler.once(None).await;

    assert!(refused.is_err(), "{refused:?}");
    assert_eq!(labels(&world).await, [noon + HOUR]);
    assert_eq!(
        world
            .rows("schedules WHERE name = 'failing' AND last_at IS NULL")
            .await,
        1
    );
}

#[test]
fn a_pattern_that_is_none_or_never_comes_is_refused() {
    for pattern in ["", "every day", "60 * * * *", "0 0 30 2 *"] {
        let refused = Schedule::new("wrong", pattern, Missed::Once, |_| Errand::<5>::default());

        let error = refused
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default();
        assert!(
            error.starts_with(&format!(
                "schedule wrong: {pattern:?} is no cron expression"
            )),
            "{error:?}"
        );
    }
}

/// A world whose clock stands at a full hour, and that hour.
async fn world_at_a_full_hour() -> (World, DateTime<Utc>) {
    let world = World::with_jobs_over(Carrier::Postgres).await;
    let past = world.ctx.now().timestamp() % HOUR.num_seconds();
    world.clock.advance(HOUR - TimeDelta::seconds(past));
    let now = world.ctx.now();
    (world, now)
}

fn hourly(missed: Missed) -> Schedule {
    schedule("hourly", HOURLY, missed)
}

fn minutely(missed: Missed) -> Schedule {
    schedule("minutely", "* * * * *", missed)
}

/// Sets off errands that are labelled with the time for which they are.
fn schedule(name: &'static str, pattern: &'static str, missed: Missed) -> Schedule {
    let errand = |at: DateTime<Utc>| Errand::<5> {
        label: at.timestamp(),
    };
    Schedule::new(name, pattern, missed, errand).expect("a pattern")
}

/// A scheduler in a process of its own.
fn scheduler<const N: usize>(world: &World, schedules: [Schedule; N]) -> Scheduler {
    Scheduler::new(world.another_process(), Arc::new(schedules))
}

/// Fires what is due. Returns how many jobs that set off.
async fn once(scheduler: &Scheduler) -> usize {
    soon("a step", scheduler.once(None))
        .await
        .expect("PostgreSQL")
}

/// Sees the schedule, is away, comes back, looks twice, and looks at the next full hour. Returns what each look set off.
async fn be_away(world: &World, scheduler: &Scheduler, time: TimeDelta) -> [usize; 3] {
    once(scheduler).await;
    world.clock.advance(time);
    let back = once(scheduler).await;
    let again = once(scheduler).await;
    world.clock.advance(MINUTE * 30);
    [back, again, once(scheduler).await]
}

/// The times for which errands were set off, in their order.
async fn labels(world: &World) -> Vec<DateTime<Utc>> {
    sqlx::query_scalar("SELECT to_timestamp((payload ->> 'label')::bigint) FROM jobs ORDER BY 1")
        .fetch_all(world.pool())
        .await
        .expect("times")
}

/// The next and the last time of each schedule.
async fn list(
    world: &World,
    schedules: &[Schedule],
) -> Vec<(Option<DateTime<Utc>>, Option<DateTime<Utc>>)> {
    let listed = schedule::list(world.pool(), schedules).await;
    let listed = listed.expect("PostgreSQL").into_iter();
    listed
        .map(|listed| (listed.next_at, listed.last_at))
        .collect()
}

/// A job that cannot be written down.
#[derive(Deserialize, JsonSchema)]
struct Unspeakable;

impl Serialize for Unspeakable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom("no words"))
    }
}

#[async_trait::async_trait]
impl Job for Unspeakable {
    const NAME: &'static str = "unspeakable";
    const SUMMARY: &'static str = "Cannot be enqueued.";
    const PRIORITY: i16 = 5;
    type Tools = ();

    async fn run(&self, _: &(), _: &mut Run) -> Result<(), JobError> {
        Ok(())
    }
}
