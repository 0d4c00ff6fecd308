//! The jobs that make exports and purge them, whatever happens to them.

use std::fs;
use std::sync::Arc;

use blazing_sun::accounts::{DataTools, ExportAccount};
use blazing_sun::app::wiring::Wiring;
use blazing_sun::flow::catalogue::Catalogue;
use blazing_sun::flow::ctx::Tx;
use blazing_sun::flow::outbox::Refused;
use blazing_sun::flow::personal_data::PersonalData;
use blazing_sun::flow::worker::{Outcome, Worker};
use blazing_sun::infra::measures::Measures;
use chrono::TimeDelta;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{ADA, ask, files, no_job_failed, shelf};
use crate::harness::{PASSWORD, World, enqueue, member, run};

#[tokio::test]
async fn what_a_broken_off_job_or_purge_left_is_purged() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let expired = ask(&mut ada).await;
    machine.settle().await;
    app.clock.advance(TimeDelta::days(7));
    ada.sign_in(ADA, PASSWORD).await;
    let kept = ask(&mut ada).await;
    machine.settle().await;
    let id = |place: &str| place.rsplit('/').next().expect("an id").to_owned();

    // A purge that was broken off after the file, a file without a row, and half a file of no row.
    fs::remove_file(shelf(&world).join(id(&expired))).expect("a file");
    let nobodys = Uuid::from_u128(1);
    fs::write(shelf(&world).join(nobodys.to_string()), "{}").expect("a file");
    fs::write(shelf(&world).join(format!("{}#1", Uuid::from_u128(2))), "{").expect("a file");
    enqueue(&world, &app, "purge_exports", json!({})).await;
    machine.settle().await;

    assert_eq!(files(&world), [id(&kept)]);
    assert_eq!(ada.get(&expired).await.status, 404);
    assert_eq!(ada.get(&format!("{kept}/download")).await.status, 200);
    no_job_failed(&world).await;
    app.end().await;
}

#[tokio::test]
async fn a_job_that_runs_twice_makes_one_file_and_one_mail() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let place = ask(&mut ada).await;
    let id = place.rsplit('/').next().expect("an id").to_owned();

    // The first attempt died after the file.
    fs::create_dir(shelf(&world)).expect("a folder");
    fs::write(shelf(&world).join(&id), "{\"attempt\":1}").expect("a file");
    machine.settle().await;
    let mails = world.mails().len();
    let first = ada.get(&format!("{place}/download")).await;
    enqueue(&world, &app, "export_account", json!({ "export_id": id })).await;
    machine.settle().await;
    let second = ada.get(&format!("{place}/download")).await;

    assert_eq!(first.body, "{\"attempt\":1}");
    assert_eq!(second.body, first.body);
    assert_eq!(ada.get(&place).await.json()["size"], 13);
    assert_eq!(world.mails().len(), mails);

    // Its row is gone when it runs once more: so is what it left.
    assert_eq!(run(&world, "DELETE FROM exports").await, 1);
    enqueue(&world, &app, "export_account", json!({ "export_id": id })).await;
    machine.settle().await;
    assert_eq!(files(&world), [""; 0]);
    no_job_failed(&world).await;
    app.end().await;
}

#[tokio::test]
async fn an_export_that_could_not_be_made_does_not_stand_in_the_way_of_another() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let place = ask(&mut ada).await;
    run(&world, "DELETE FROM jobs WHERE name = 'export_account'").await;

    app.clock.advance(TimeDelta::days(1));
    ada.sign_in(ADA, PASSWORD).await;
    let state = ada.get(&place).await.json()["state"].clone();
    let another = ask(&mut ada).await;
    machine.settle().await;

    assert_eq!(state, "failed");
    assert_eq!(ada.get(&another).await.json()["state"], "ready");
    app.end().await;
}

/// Counts the requests for links, and has somebody add one before the next feature looks.
struct Counting(&'static str, sqlx::PgPool);

#[async_trait::async_trait]
impl PersonalData for Counting {
    fn name(&self) -> &'static str {
        self.0
    }

    fn summary(&self) -> &'static str {
        "A number."
    }

    async fn collect(&self, tx: &mut Tx, _account: Uuid) -> sqlx::Result<Value> {
        let query = "SELECT jsonb_build_array(count(*), current_setting('transaction_read_only')) FROM link_requests";
        let found = sqlx::query_scalar(query).fetch_one(tx.conn()).await?;
        let add = "INSERT INTO link_requests VALUES (gen_random_uuid(), 'reset', 'x', now())";
        sqlx::query(add).execute(&self.1).await?;
        Ok(found)
    }

    async fn erase(&self, _tx: &mut Tx, _account: Uuid) -> Result<(), Refused> {
        Ok(())
    }
}

#[tokio::test]
async fn an_export_shows_one_moment_and_collecting_changes_nothing() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let wiring =
        Wiring::new(&world.config(), app.clock.clone(), &Measures::default()).expect("parts");
    let pool = world.pool();
    let tools = DataTools {
        held: Arc::new([
            Arc::new(Counting("first", pool.clone())),
            Arc::new(Counting("second", pool)),
        ]),
        blobs: wiring.services.blobs.clone(),
        sessions: wiring.accounts.sessions.clone(),
    };
    let catalogue = Catalogue::default().job::<ExportAccount>(tools);
    let worker = Worker::new(wiring.ctx.clone(), Arc::new(catalogue), 1);

    let place = ask(&mut ada).await;
    let outcome = worker.work_next().await.expect("PostgreSQL");
    let file = ada.get(&format!("{place}/download")).await.json();

    assert_eq!(outcome, Some(Outcome::Done));
    assert_eq!(
        file["data"],
        json!({ "first": [0, "on"], "second": [0, "on"] })
    );
    app.end().await;
}
