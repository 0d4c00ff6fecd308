//! Looks for histories that break the law of `dead_letter_replay`, in a database of its own beside the one of DATABASE_URL.
#![no_main]

use std::sync::{Arc, LazyLock};

use blazing_sun::infra::measures::Measures;
use blazing_sun::flow::ctx::Ctx;
use blazing_sun::flow::metrics::FlowMetrics;
use blazing_sun::kernel::clock::SystemClock;
use blazing_sun_fuzz::dead_letter_replay::World;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, Executor, PgConnection};
use tokio::runtime::{Builder, Runtime};

/// The database; a run empties it.
const NAME: &str = "blazing_sun_fuzz";

static WORLD: LazyLock<(Runtime, World)> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let world = runtime.block_on(world());
    (runtime, world)
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (runtime, world) = &*WORLD;
    runtime.block_on(world.holds(bytes));
});

#[expect(
    clippy::disallowed_methods,
    reason = "the environment says where PostgreSQL is"
)]
async fn world() -> World {
    let url =
        std::env::var("DATABASE_URL").expect("DATABASE_URL, of a role that may create databases");
    let options: PgConnectOptions = url.parse().expect("a URL of PostgreSQL");
    // Nothing in it has to outlive the server.
    let inside = options
        .clone()
        .database(NAME)
        .options([("synchronous_commit", "off")]);
    if PgConnection::connect_with(&inside).await.is_err() {
        let mut outside = PgConnection::connect_with(&options)
            .await
            .expect("PostgreSQL");
        let creation = outside.execute("CREATE DATABASE blazing_sun_fuzz").await;
        creation.expect("a role that may create databases");
    }
    let pool = PgPoolOptions::new()
        .max_connections(4)
        .connect_lazy_with(inside);
    sqlx::migrate!("../migrations")
        .run(&pool)
        .await
        .expect("migrations that go through");
    let metrics = FlowMetrics::new(&Measures::default()).expect("metrics");
    World::new(Ctx::new(pool, Arc::new(SystemClock), metrics)).await
}
