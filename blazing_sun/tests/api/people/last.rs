//! There is always an administrator.

use super::{ADA, BOB, VALIDATE, give};
use crate::harness::{World, admin, id_of};

#[tokio::test]
async fn the_last_administrator_stays_one() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    let mut bob = admin(&world, &app, &mut machine, BOB).await;
    let (ada_id, bob_id) = (id_of(&world, ADA).await, id_of(&world, BOB).await);

    let another = give(&mut ada, bob_id, "*", "user").await;
    let last = give(&mut ada, ada_id, "*", "operator").await;
    let same = give(&mut ada, ada_id, "*", "admin").await;
    sqlx::query("UPDATE users SET role = 'admin', deletion_at = now() WHERE id = $1")
        .bind(bob_id)
        .execute(&world.pool())
        .await
        .expect("an administrator who leaves");
    let leaving = give(&mut ada, ada_id, "*", "operator").await;
    let gone = bob.get(VALIDATE).await;

    assert_eq!((another.status, same.status, gone.status), (200, 200, 401));
    for answer in [last, leaving] {
        assert_eq!(
            (answer.status, answer.problem()),
            (409, "last_administrator".to_owned())
        );
    }
    app.end().await;
}

#[tokio::test]
async fn of_two_administrators_who_remove_each_other_at_once_one_stays() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    let mut bob = admin(&world, &app, &mut machine, BOB).await;
    let (ada_id, bob_id) = (id_of(&world, ADA).await, id_of(&world, BOB).await);

    // Both have been let in, and wait for the row, when it is decided.
    let mut held = world.pool().begin().await.expect("a transaction");
    sqlx::query("SELECT FROM users ORDER BY id FOR UPDATE")
        .execute(&mut *held)
        .await
        .expect("the rows");
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let release = async {
        world.until(waiting, 2).await;
        held.rollback().await.expect("an end");
    };
    let (of_bob, of_ada, ()) = tokio::join!(
        give(&mut ada, bob_id, "*", "user"),
        give(&mut bob, ada_id, "*", "user"),
        release,
    );

    let mut statuses = [of_bob.status, of_ada.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 403], "{of_bob:?} {of_ada:?}");
    let admins = "SELECT count(*) FROM users WHERE role = 'admin'";
    assert_eq!(world.number(&world.pool(), admins).await, 1);
    app.end().await;
}

#[tokio::test]
async fn of_all_administrators_who_leave_at_once_one_stays() {
    let (world, app, mut machine) = World::solo()
        .await
        .with("THROTTLE_FACTOR", 100)
        .start()
        .await;
    let mut browsers = Vec::new();
    for name in ["ada", "bob", "carl", "dora"] {
        let email = format!("{name}@example.org");
        let browser = admin(&world, &app, &mut machine, &email).await;
        browsers.push((browser, id_of(&world, &email).await));
    }

    let leaving = browsers
        .iter_mut()
        .map(|(browser, id)| give(browser, *id, "*", "user"));
    let answers = futures_util::future::join_all(leaving).await;

    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 409]);
    app.end().await;
}
