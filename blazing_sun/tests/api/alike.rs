//! Nobody who does not own an address learns whether it has an account. How long the answers take is measured by the bench;
//! here is what they would have to differ by: the statements.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{Browser, TestApp, Wire, World};

const SIGN_UP: &str = "/api/v1/auth/sign-up";
const SIGN_IN: &str = "/api/v1/auth/sign-in";
/// What everybody signs up with here who does not own the address.
const STRANGERS: &str = "a password of a stranger";

/// One account of each kind: in use, about to be deleted, waiting to be activated, and invited. Returns the addresses.
async fn accounts(world: &World, app: &TestApp) -> Vec<&'static str> {
    let emails = vec![
        "active@example.org",
        "leaving@example.org",
        "pending@example.org",
        "invited@example.org",
    ];
    for email in &emails {
        let body = json!({ "email": email, "password": "a password of the owner" });
        let answer = Browser::new(app).post(SIGN_UP, &body).await;
        assert_eq!(answer.status, 202, "{answer:?}");
    }
    let pool = world.pool();
    for statement in [
        "UPDATE users SET status = 'active' WHERE email LIKE 'active%' OR email LIKE 'leaving%'",
        "UPDATE users SET deletion_at = 'infinity' WHERE email LIKE 'leaving%'",
        "UPDATE users SET password_hash = NULL WHERE email LIKE 'invited%'",
    ] {
        sqlx::query(statement)
            .execute(&pool)
            .await
            .expect(statement);
    }
    pool.close().await;
    emails
}

/// What can be seen of an answer, and how many statements it took.
type Seen = (u16, String, usize);

async fn ask(app: &TestApp, wire: &Wire, path: &str, body: &Value) -> Seen {
    let before = wire.statements();
    let answer = Browser::new(app).post(path, body).await;
    (answer.status, answer.body, wire.statements() - before)
}

#[tokio::test]
async fn known_and_unknown_addresses_take_the_same_number_of_statements_and_get_the_same_answer() {
    let (world, wire) = Wire::of(World::solo().await).await;
    let app = TestApp::start(&world).await;
    let known = accounts(&world, &app).await;
    let mut number = 0;
    let mut told = Vec::new();

    for (what, path, password, status) in [
        ("a wrong password", SIGN_IN, Some("not the password"), 401),
        ("a sign-up", SIGN_UP, Some(STRANGERS), 202),
        // Right now for accounts that wait to be activated.
        ("the password of the sign-up", SIGN_IN, Some(STRANGERS), 401),
        ("a sign-up once more", SIGN_UP, Some(STRANGERS), 202),
        ("forgot", "/api/v1/auth/forgot", None, 202),
        ("resend", "/api/v1/auth/resend", None, 202),
    ] {
        number += 1;
        let unknown = format!("unknown{number}@example.org");
        let mut seen = BTreeSet::new();
        let mut all = Vec::new();
        for email in known.iter().copied().chain([unknown.as_str()]) {
            let mut body = json!({ "email": email });
            if let Some(password) = password {
                body["password"] = json!(password);
            }
            let answer = ask(&app, &wire, path, &body).await;
            assert_eq!(answer.0, status, "{what} {email}: {answer:?}");
            all.push((email.to_owned(), answer.2));
            seen.insert(answer);
        }
        if seen.len() > 1 {
            told.push(format!("{what}: {all:?}"));
        }
    }

    assert!(told.is_empty(), "{told:#?}");
    assert!(wire.statements() > 100, "the statements are counted");
    app.end().await;
}
