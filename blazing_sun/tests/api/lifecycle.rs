//! From start to end: what is refused, what is waited for, and how it ends.

use blazing_sun::app::instances::{self, Instance};
use blazing_sun::infra::migrations;
use blazing_sun::kernel::clock::SystemClock;

use crate::harness::{Gate, Process, World, get};

#[tokio::test]
async fn an_ending_application_says_not_ready_before_it_stops_listening() {
    let world = World::new().await.with("DRAIN_SECONDS", 2);
    let mut process = Process::run(&world);
    let address = process.listening().await;

    process.signal("TERM").await;
    process.logged("not ready any more").await;
    let ready = get(address, "/health/ready").await;

    assert_eq!(
        (ready.status, &ready.json()["status"]),
        (503, &"draining".into())
    );
    assert_eq!(get(address, "/health/live").await.status, 200);
    assert!(process.ended().await.success());
}

#[tokio::test]
async fn a_request_in_flight_finishes_before_the_end() {
    let mut gate = Gate::holding().await;
    let world = World::new().await.behind(&gate, "REDIS");
    let mut process = Process::run(&world);
    let address = process.listening().await;

    let in_flight = tokio::spawn(async move { get(address, "/health").await });
    gate.first_connection().await;
    process.signal("INT").await;
    process.logged("not ready any more").await;
    drop(gate);

    let answer = in_flight.await.expect("no panic");
    assert_eq!(answer.json()["status"], "draining");
    assert!(process.ended().await.success());
}

#[tokio::test]
async fn a_second_signal_leaves_the_end_graceful() {
    let world = World::new().await.with("DRAIN_SECONDS", 1);
    let mut process = Process::run(&world);
    process.listening().await;

    process.signal("TERM").await;
    process.logged("not ready any more").await;
    process.signal("TERM").await;
    process.signal("INT").await;
    process.logged("ended").await;

    assert_eq!(process.ended().await.code(), Some(0));
    let starts = instances::latest(&world.pool(), 5)
        .await
        .expect("the starts");
    assert!(
        starts.len() == 1 && starts[0].stopped_at.is_some(),
        "{starts:?}"
    );
}

#[tokio::test]
async fn a_signal_while_it_waits_for_postgresql_ends_it() {
    let gate = Gate::refusing().await;
    let world = World::new().await.behind(&gate, "POSTGRES");
    let mut process = Process::run(&world);

    process
        .logged(&format!(
            "waiting for PostgreSQL at {}:{} ...",
            world.variable("POSTGRES_HOST"),
            gate.port()
        ))
        .await;
    process.signal("TERM").await;

    assert_eq!(process.ended().await.code(), Some(0));
}

#[tokio::test]
async fn the_start_after_a_kill_says_so() {
    let world = World::new().await;
    let mut killed = Process::run(&world);
    killed.listening().await;
    killed.signal("KILL").await;
    killed.ended().await;

    let mut next = Process::run(&world);
    next.logged("the previous start on this host has no end: it was killed, or it still runs")
        .await;
}

#[tokio::test]
async fn only_the_newest_hundred_starts_of_a_host_are_kept() {
    let world = World::new().await;
    let pool = world.pool();
    migrations::apply(&pool).await.expect("the table");
    let first = Instance::here(&SystemClock);
    let elsewhere = Instance {
        host: "elsewhere".to_owned(),
        ..Instance::here(&SystemClock)
    };
    for instance in [&first, &elsewhere] {
        instances::record_start(&pool, instance)
            .await
            .expect("a start");
    }

    for _ in 0..100 {
        instances::record_start(&pool, &Instance::here(&SystemClock))
            .await
            .expect("a start");
    }

    let kept = instances::latest(&pool, 200).await.expect("the starts");
    assert_eq!(kept.len(), 101);
    assert!(kept.iter().all(|instance| instance.id != first.id));
    assert!(kept.iter().any(|instance| instance.id == elsewhere.id));
}
