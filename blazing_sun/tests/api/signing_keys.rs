//! The keys that sign access tokens: made when needed, published, followed by others.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use chrono::TimeDelta;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::access_tokens::Forger;
use crate::harness::{Machine, Process, Program, TestApp, World, register};

const ADA: &str = "ada@example.org";
const JWKS: &str = "/.well-known/jwks.json";

/// The names of the keys that are published.
async fn published(app: &TestApp) -> Vec<String> {
    let keys = app.get(JWKS).await.json()["keys"].clone();
    let keys = keys.as_array().expect("a list").iter();
    keys.map(|key| key["kid"].as_str().expect("a name").to_owned())
        .collect()
}

/// The name of the key that signed a token.
fn signed_by(token: &str) -> String {
    let header = token.split('.').next().expect("a header");
    let header: Value =
        serde_json::from_slice(&BASE64.decode(header).expect("base64url")).expect("JSON");
    header["kid"].as_str().expect("a name").to_owned()
}

async fn newest_key(world: &World) -> Uuid {
    sqlx::query_scalar("SELECT id FROM signing_keys ORDER BY created_at DESC LIMIT 1")
        .fetch_one(&world.pool())
        .await
        .expect("a key")
}

#[tokio::test]
async fn keys_are_published_without_their_secrets_and_for_caches() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;

    let answer = app.get(JWKS).await;

    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
    let key = answer.json()["keys"][0].clone();
    let members: Vec<&String> = key.as_object().expect("a key").keys().collect();
    assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x"]);
    assert_eq!(
        (&key["kty"], &key["crv"], &key["alg"], &key["use"]),
        (
            &json!("OKP"),
            &json!("Ed25519"),
            &json!("EdDSA"),
            &json!("sig")
        )
    );
    app.end().await;
}

#[tokio::test]
async fn the_first_key_is_one_however_many_ask_for_it_at_once() {
    let world = World::solo().await;
    let (one, other) = (TestApp::start(&world).await, TestApp::start(&world).await);
    // Both have found none and want to make one, when somebody else is about to finish.
    let pool = world.pool();
    let mut tx = pool.begin().await.expect("PostgreSQL");
    sqlx::query("LOCK TABLE signing_keys IN SHARE ROW EXCLUSIVE MODE")
        .execute(&mut *tx)
        .await
        .expect("a lock");
    let asking = async { tokio::join!(published(&one), published(&other)) };
    let finishing = async {
        let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'signing_keys'::regclass";
        world.until(waiting, 2).await;
        sqlx::query("INSERT INTO signing_keys (id, created_at, signs_from) VALUES ($1, to_timestamp(0), to_timestamp(0))")
            .bind(Uuid::from_u128(1))
            .execute(&mut *tx)
            .await
            .expect("a key");
        tx.commit().await.expect("PostgreSQL");
    };
    let ((ones, others), ()) = tokio::join!(asking, finishing);

    assert_eq!((ones.len(), &ones), (1, &others));
    one.end().await;
    other.end().await;
}

#[tokio::test]
async fn a_key_signs_when_it_was_published_for_an_hour_and_the_one_before_stays_as_long_as_its_tokens()
 {
    let world = World::solo().await.with("SIGNING_KEY_DAYS", 1);
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    register(&world, &app, &mut machine, ADA).await;
    let mut program = Program::sign_in(&app, ADA).await;
    let old = signed_by(&program.access);
    let forger = Forger::of_the_world(&world, &program.access).await;
    let of_the_old = |exp: i64| forger.token(&json!({}), &json!({ "exp": exp }));

    machine.fire("rotate_signing_keys").await;
    app.clock
        .advance(TimeDelta::days(1) - TimeDelta::seconds(1));
    machine.fire("rotate_signing_keys").await;
    assert_eq!(
        published(&app).await,
        vec![old.clone()],
        "it is not old enough"
    );

    app.clock.advance(TimeDelta::seconds(1));
    machine.fire("rotate_signing_keys").await;
    machine.fire("rotate_signing_keys").await;
    app.clock.advance(TimeDelta::minutes(1));
    let both = published(&app).await;
    assert_eq!((both.len(), &both[0]), (2, &old));
    let new = both[1].clone();

    app.clock
        .advance(TimeDelta::minutes(59) - TimeDelta::seconds(1));
    program.renew().await;
    assert_eq!(
        signed_by(&program.access),
        old,
        "the new one is not known everywhere"
    );
    let last_of_the_old = program.clone();

    app.clock.advance(TimeDelta::seconds(1));
    program.renew().await;
    assert_eq!(signed_by(&program.access), new);
    app.clock.advance(TimeDelta::seconds(898));
    assert!(
        last_of_the_old.is_known().await && program.is_known().await,
        "both are verified"
    );
    app.clock.advance(TimeDelta::minutes(6));

    let ever = of_the_old(1 << 40);
    assert_eq!(published(&app).await, [new]);
    assert!(
        !Program::with(&app, &ever).is_known().await,
        "the old one is good no more"
    );
    machine.fire("rotate_signing_keys").await;
    let keys = world
        .number(&world.pool(), "SELECT count(*) FROM signing_keys")
        .await;
    assert_eq!(keys, 1);
    app.end().await;
}

#[tokio::test]
async fn a_key_that_nobody_has_heard_of_is_looked_for_but_not_at_each_token() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    register(&world, &app, &mut machine, ADA).await;
    let program = Program::sign_in(&app, ADA).await;

    // Another process makes a key.
    sqlx::query("INSERT INTO signing_keys (id, created_at, signs_from) VALUES ($1, to_timestamp(1), to_timestamp(9))")
        .bind(Uuid::from_u128(7))
        .execute(&world.pool())
        .await
        .expect("a key");
    let forger = Forger::new(&world, newest_key(&world).await, &program.access);
    let token = forger.token(&json!({ "kid": forger.kid() }), &json!({}));
    let unheard_of = Program::with(&app, &token);

    assert!(
        !unheard_of.is_known().await,
        "the keys were read in this very moment"
    );
    app.clock.advance(TimeDelta::seconds(5));
    assert!(unheard_of.is_known().await);
    app.end().await;
}

#[tokio::test]
async fn with_another_key_of_the_application_keys_have_other_names_and_old_tokens_are_not_good() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    register(&world, &app, &mut machine, ADA).await;
    let program = Program::sign_in(&app, ADA).await;
    let before = published(&app).await;
    app.end().await;

    let world = world.with("APP_KEY", "another key of thirty-two letters");
    let app = TestApp::start(&world).await;
    let after = published(&app).await;
    let mut program = program.at(&app);

    assert_ne!(before, after);
    assert!(!program.is_known().await);
    assert_eq!(program.renew().await.status, 401);
    app.end().await;
}

#[tokio::test]
async fn an_operator_lists_keys_and_makes_another() {
    let world = World::solo().await;

    let none = Process::finish(&world, "keys list").await;
    let first = Process::finish(&world, "keys rotate").await;
    let second = Process::finish(&world, "keys rotate").await;
    let listed = Process::finish(&world, "keys list").await;

    assert_eq!((none.code, none.stdout.as_str()), (Some(0), ""));
    assert!(first.stdout.contains("  signing   made "), "{first:?}");
    assert!(first.stdout.ends_with("  expires -\n"), "{first:?}");
    assert_eq!(second.code, Some(0));
    let states: Vec<&str> = listed
        .stdout
        .lines()
        .filter_map(|line| line.split_whitespace().nth(1))
        .collect();
    assert_eq!(states, ["signing", "coming"]);
}
