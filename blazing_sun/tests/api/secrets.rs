//! What opens an account is nowhere but with the one who holds it: the database, Redis and the files have none of it.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::erasure::{cached, files};
use crate::harness::{
    App, Browser, Machine, PASSWORD, Program, TestApp, World, admin, challenge, recovery_codes,
    tables_with, token,
};

const ADA: &str = "ada@example.org";
const BOB: &str = "bob@example.org";
const NEW: &str = "lovelace@example.org";

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn what_opens_an_account_is_kept_nowhere() {
    let world = World::cached().await;
    let app = TestApp::start(&world).await;
    app.clock.advance(chrono::TimeDelta::hours(1));
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    let program = Program::sign_in(&app, ADA).await;
    let wanted = json!({ "name": "Backup", "scopes": ["profile:read"], "days": 30 });
    // Its answer would be given again, but for the secret in it.
    let key = [("idempotency-key", "\"backup\"")];
    let made = ada.json("POST", "/api/v1/tokens", &key, &wanted).await;
    let made = made.json();
    let begun = ada
        .post("/api/v1/second-factor/authenticator", &json!({}))
        .await
        .json();
    let phone = App::new(begun["secret"].as_str().expect("a secret"));
    let first_code = json!({ "code": phone.code(&app), "end_other_sessions": false });
    let confirmed = ada
        .post("/api/v1/second-factor/authenticator/confirm", &first_code)
        .await
        .json();
    let mut half = Browser::new(&app);
    let asked = challenge(&mut half, ADA).await;
    machine.settle().await;
    let forgot = json!({ "email": ADA });
    Browser::new(&app)
        .post("/api/v1/auth/forgot", &forgot)
        .await;
    machine.settle().await;
    let reset = token(&world.newest_mail(ADA));
    for (path, body) in [
        ("/api/v1/invitations", json!({ "email": BOB })),
        ("/api/v1/profile/email", json!({ "email": NEW })),
    ] {
        let answer = ada.post(path, &body).await;
        assert_eq!(answer.status, 202, "{answer:?}");
    }
    machine.settle().await;
    // Each is used, so that whatever keeps things for a while has seen it.
    assert_eq!(ada.get("/api/v1/auth/validate").await.status, 204);
    assert!(program.is_known().await);
    let session = ada.cookie("__Host-session").expect("a session").to_owned();

    let sealed = [
        ("a session's token", session.clone()),
        (
            "a device's token",
            ada.cookie("__Host-device").expect("a device").to_owned(),
        ),
        (
            "what half a sign-in is tied to",
            half.cookie("__Host-challenge")
                .expect("a cookie")
                .to_owned(),
        ),
        ("a refresh token", program.refresh.clone()),
        ("a challenge", asked),
        ("a link to reset", reset),
        ("a link of an invitation", token(&world.newest_mail(BOB))),
        ("a link to the old address", token(&world.newest_mail(ADA))),
        ("a link to the new address", token(&world.newest_mail(NEW))),
    ];
    let mut secrets = vec![
        ("the password", PASSWORD.to_owned()),
        ("an access token", program.access.clone()),
        ("an API token", text(&made["token"])),
        (
            "an API token's secret",
            text(&made["token"])[7..].to_owned(),
        ),
        ("an authenticator's secret", text(&begun["secret"])),
    ];
    for code in recovery_codes(&confirmed) {
        secrets.push(("a recovery code", code.replace('-', "")));
        secrets.push(("a recovery code", code));
    }
    for (what, token) in sealed {
        let bytes = BASE64.decode(&token).expect("base64url");
        // An id may stand before the secret: it is no secret itself.
        secrets.push((what, hex(&bytes[bytes.len() - 32..])));
        secrets.push((what, token));
    }

    let pool = world.pool();
    let held = [cached(&world).await, files(world.storage())].concat();
    assert!(held.len() > 2, "Redis has something: {held:?}");
    for (what, secret) in secrets {
        let tables = tables_with(&pool, &secret).await;
        assert!(tables.is_empty(), "{what} in {tables:?}");
        assert!(!held.iter().any(|text| text.contains(&secret)), "{what}");
    }
    // What is looked for would be found.
    let digest = hex(&Sha256::digest(&session));
    assert_eq!(tables_with(&pool, &digest).await, ["sessions"]);
    app.end().await;
}
