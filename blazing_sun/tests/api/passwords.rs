//! Forgotten and changed passwords.

mod change;
mod reset;

use blazing_sun::audit;
use serde_json::{Value, json};

use crate::harness::{Browser, Machine, Response, TestApp, World, id_of, token};

const ADA: &str = "ada@example.org";
const BOB: &str = "bob@example.org";
const NEW: &str = "another horse entirely";

/// Asks for a link, and returns its token.
async fn forgot(world: &World, app: &TestApp, machine: &mut Machine, email: &str) -> String {
    // What is told of earlier things comes first.
    machine.settle().await;
    let body = json!({ "email": email });
    let answer = Browser::new(app).post("/api/v1/auth/forgot", &body).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    machine.settle().await;
    token(&world.newest_mail(email))
}

async fn reset(app: &TestApp, token: &str, password: &str) -> Response {
    let body = json!({ "token": token, "password": password });
    Browser::new(app).post("/api/v1/auth/reset", &body).await
}

async fn is_signed_in(browser: &Browser) -> bool {
    let mut browser = browser.clone();
    browser.get("/api/v1/auth/validate").await.status == 204
}

/// What was told of Ada's account, each with its version.
async fn told(world: &World) -> Vec<(String, i64)> {
    let history = audit::history(&world.pool(), id_of(world, ADA).await)
        .await
        .expect("the audit");
    history
        .into_iter()
        .map(|entry| (entry.kind, entry.sequence))
        .collect()
}

fn pointers(answer: &Response) -> Vec<(Value, Value)> {
    assert_eq!(answer.status, 422, "{answer:?}");
    let errors = answer.json()["errors"].as_array().cloned();
    let errors = errors.unwrap_or_default().into_iter();
    errors
        .map(|error| (error["pointer"].clone(), error["detail"].clone()))
        .collect()
}
