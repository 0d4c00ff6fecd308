//! The commands: their exit codes, and the one line they say when something is wrong.

use std::net::TcpListener;

use crate::harness::{Gate, Process, World};

const MIGRATION: &str = "20261120000001_instances";
/// What the first migration of a database says.
fn migrations() -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .expect("the migrations")
        .map(|file| file.expect("a file").path())
        .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
        .map(|name| format!("applied {name}\n"))
        .collect();
    names.sort();
    names.concat()
}

#[tokio::test]
async fn a_bad_configuration_is_told_in_one_line_each_and_exits_with_2() {
    let world = World::new()
        .await
        .with("PORT", "http")
        .with("REDIS_PASSWORD_FILE", "/nowhere")
        .with("KAFKA_PORT", 0);

    let finished = Process::finish(&world, "run").await;

    assert_eq!(finished.code, Some(2));
    assert_eq!(finished.stderr.lines().count(), 3, "{finished:?}");
    for name in ["PORT", "REDIS_PASSWORD_FILE", "KAFKA_PORT"] {
        assert!(
            finished.stderr.contains(&format!("blazing_sun: {name}: ")),
            "{finished:?}"
        );
    }
}

#[tokio::test]
async fn a_missing_password_stops_every_command_that_needs_it() {
    let world = World::new().await.without("POSTGRES_PASSWORD");

    assert_eq!(Process::finish(&world, "run").await.code, Some(2));
    assert_eq!(Process::finish(&world, "migrate").await.code, Some(2));
    assert_eq!(Process::finish(&world, "doctor").await.code, Some(1));
}

#[tokio::test]
async fn a_start_without_postgresql_waits_then_gives_up_and_says_for_whom() {
    let gate = Gate::refusing().await;
    let world = World::new()
        .await
        .behind(&gate, "POSTGRES")
        .with("STARTUP_TIMEOUT_SECONDS", 1);

    let finished = Process::finish(&world, "run").await;

    let address = format!("{}:{}", world.variable("POSTGRES_HOST"), gate.port());
    assert_eq!(finished.code, Some(1));
    assert!(
        finished
            .stdout
            .contains(&format!("waiting for PostgreSQL at {address} ...")),
        "{finished:?}"
    );
    assert!(
        finished.stderr.starts_with(&format!(
            "blazing_sun: gave up waiting for PostgreSQL at {address} after 1 s: "
        )),
        "{finished:?}"
    );
    assert!(gate.connections() > 1);
}

#[tokio::test]
async fn a_wrong_password_is_told_at_once() {
    let world = World::new()
        .await
        .with("POSTGRES_PASSWORD", "a wrong one")
        .with("STARTUP_TIMEOUT_SECONDS", 3600);

    let finished = Process::finish(&world, "run").await;

    assert_eq!(finished.code, Some(1));
    assert!(
        finished
            .stderr
            .contains("refused the connection: password authentication failed"),
        "{finished:?}"
    );
    assert!(!finished.stderr.contains("a wrong one"));
}

#[tokio::test]
async fn a_failing_migration_stops_the_start_by_name() {
    let world = World::unmigrated().await;
    sqlx::query("CREATE TABLE instances ()")
        .execute(&world.pool())
        .await
        .expect("a table in the way");

    for command in ["run", "migrate"] {
        let finished = Process::finish(&world, command).await;
        assert_eq!(finished.code, Some(1));
        let expected = format!(
            "blazing_sun: migration {MIGRATION} failed: relation \"instances\" already exists\n"
        );
        assert_eq!(finished.stderr, expected);
    }
}

#[tokio::test]
async fn migrate_says_what_it_applied_and_the_second_time_that_there_is_nothing() {
    let world = World::unmigrated().await;

    let first = Process::finish(&world, "migrate").await;
    let second = Process::finish(&world, "migrate").await;

    assert_eq!((first.code, first.stdout), (Some(0), migrations()));
    assert_eq!(
        (second.code, second.stdout.as_str()),
        (Some(0), "nothing to apply\n")
    );
}

#[tokio::test]
async fn a_port_in_use_is_told_before_anything_is_changed() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let world = World::unmigrated().await.with("PORT", port);

    let finished = Process::finish(&world, "run").await;

    assert_eq!(finished.code, Some(1));
    assert!(
        finished
            .stderr
            .starts_with(&format!("blazing_sun: cannot listen on 127.0.0.1:{port} ")),
        "{finished:?}"
    );
    assert_eq!(
        Process::finish(&world, "migrate").await.stdout,
        migrations()
    );
}

#[tokio::test]
async fn doctor_shows_origins_services_and_starts_but_no_secret() {
    let world = World::new().await;
    let mut process = Process::run(&world);
    process.listening().await;

    let finished = Process::finish(&world, "doctor").await;

    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert_eq!(finished.stdout.matches("***").count(), 6);
    for name in [
        "ADMIN_PASSWORD",
        "APP_KEY",
        "MAIL_PASSWORD",
        "POSTGRES_PASSWORD",
        "REDIS_PASSWORD",
        "RABBITMQ_PASSWORD",
    ] {
        let line = finished.stdout.lines().find(|line| line.contains(name));
        let shown = line.and_then(|line| line.split_whitespace().nth(1));
        assert_eq!(shown, Some("***"), "{name}: {line:?}");
    }
    for part in [
        "(default)",
        "(environment)",
        "postgres  up",
        "redis     up",
        "rabbitmq  up",
        "kafka     up",
        "mail      up",
        "runs or was killed",
    ] {
        assert!(
            finished.stdout.contains(part),
            "{part} is missing in {}",
            finished.stdout
        );
    }
}

#[tokio::test]
async fn doctor_fails_without_migrations_and_says_what_to_do() {
    let world = World::unmigrated().await;

    let finished = Process::finish(&world, "doctor").await;

    assert_eq!(finished.code, Some(1));
    assert!(
        finished.stdout.contains("blazing_sun migrate"),
        "{finished:?}"
    );
}

#[tokio::test]
async fn health_is_0_when_ready_and_1_when_nobody_answers() {
    let world = World::new().await;
    let mut process = Process::run(&world);
    let port = process.listening().await.port();
    let world = world.with("PORT", port);

    let ready = Process::finish(&world, "health").await;
    process.signal("TERM").await;
    assert!(process.ended().await.success());
    let away = Process::finish(&world, "health").await;

    assert_eq!(ready.code, Some(0));
    assert_eq!(
        ready.stdout,
        "ready: kafka up, postgres up, rabbitmq up, redis up\n"
    );
    assert_eq!(away.code, Some(1));
    assert!(
        away.stderr
            .contains(&format!("port {port} does not answer")),
        "{away:?}"
    );
}

#[tokio::test]
async fn health_is_1_when_the_application_is_not_ready() {
    let world = World::new().await;
    let mut process = Process::run(&world);
    let world = world.with("PORT", process.listening().await.port());

    world.lose_database().await;
    let finished = Process::finish(&world, "health").await;

    assert_eq!(finished.code, Some(1));
    assert!(
        finished.stderr.starts_with("blazing_sun: unavailable: "),
        "{finished:?}"
    );
}
