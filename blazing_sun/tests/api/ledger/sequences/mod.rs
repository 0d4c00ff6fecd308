//! Whatever people do, in whatever order: balances are the sums of what moved, nothing of what was refused is there, and reports
//! say the same as the ledger.
//!
//! `PROPTEST_CASES` and `PROPTEST_RNG_SEED` have it go on for longer, and elsewhere.

mod model;
mod op;
mod street;

use std::cell::{Cell, RefCell};

use proptest::test_runner::{Config, RngSeed, TestRunner, contextualize_config};
use tokio::runtime::Runtime;

use super::House;
use crate::harness::World;
use street::Street;

#[test]
fn after_any_sequence_of_operations_each_balance_is_the_sum_of_what_moved() {
    let config = contextualize_config(Config {
        cases: 5,
        rng_seed: RngSeed::Fixed(5),
        failure_persistence: None,
        max_shrink_iters: 100,
        max_shrink_time: 60_000,
        ..Config::default()
    });
    let runtime = Runtime::new().expect("a runtime");
    let house = async {
        let world = World::solo().await.with("THROTTLE_FACTOR", 1000);
        House::of(world).await.dated("2026-11-25")
    };
    let house = RefCell::new(runtime.block_on(house));
    let number = Cell::new(0);

    let outcome = TestRunner::new(config).run(&op::steps(), |steps| {
        number.set(number.get() + 1);
        let mut house = house.borrow_mut();
        runtime.block_on(async {
            let mut street = Street::new(&mut house, number.get()).await;
            let outcome = street.walk(steps).await;
            street.leave().await;
            outcome
        })
    });

    runtime.block_on(house.into_inner().end());
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
