//! Inviting people, alone or as a file, and what they do with it.

use blazing_sun::audit;
use chrono::TimeDelta;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    Browser, Machine, PASSWORD, Response, TestApp, World, admin, register, token,
};

const ADA: &str = "ada@example.org";
const BOB: &str = "bob@example.org";
const CARL: &str = "carl@example.org";
const ACCEPT: &str = "/api/v1/auth/invitation";
const INVITATIONS: &str = "/api/v1/invitations";
const VALIDATE: &str = "/api/v1/auth/validate";

/// Invites one person; returns the path of the batch.
async fn invite(browser: &mut Browser, body: &Value) -> String {
    let answer = browser.post(INVITATIONS, body).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    answer.header("location").expect("a path").to_owned()
}

async fn file(browser: &mut Browser, text: &str) -> Response {
    let headers = [("content-type", "text/csv; charset=utf-8")];
    browser.send("POST", INVITATIONS, &headers, text).await
}

async fn accept(app: &TestApp, token: &str, password: &str) -> Response {
    let body = json!({ "token": token, "password": password });
    Browser::new(app).post(ACCEPT, &body).await
}

/// `(state, number)` of the states that a batch has.
async fn states(browser: &mut Browser, batch: &str) -> Vec<(&'static str, u64)> {
    let progress = browser.get(batch).await.json();
    ["pending", "invited", "registered", "accepted"]
        .into_iter()
        .map(|state| (state, progress[state].as_u64().expect("a number")))
        .filter(|(_, number)| *number > 0)
        .collect()
}

async fn account(world: &World, email: &str) -> (Uuid, String, String, String) {
    sqlx::query_as("SELECT id, status, role, name FROM users WHERE email = $1")
        .bind(email)
        .fetch_one(&world.pool())
        .await
        .expect("an account")
}

#[tokio::test]
async fn an_invitation_becomes_an_account_with_its_role_when_it_is_accepted() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    let body = json!({ "email": BOB, "name": "Bob", "role": "operator" });

    let batch = invite(&mut ada, &body).await;
    let before = states(&mut ada, &batch).await;
    machine.settle().await;
    let invited = states(&mut ada, &batch).await;
    let offered = account(&world, BOB).await;
    let mail = world.newest_mail(BOB);
    let answer = accept(&app, &token(&mail), PASSWORD).await;
    machine.settle().await;
    let mut bob = Browser::new(&app);
    let signed_in = bob.sign_in(BOB, PASSWORD).await;
    let validated = bob.get(VALIDATE).await;

    assert_eq!(
        (before, invited),
        (vec![("pending", 1)], vec![("invited", 1)])
    );
    assert_eq!(
        (offered.1.as_str(), offered.2.as_str(), offered.3.as_str()),
        ("pending", "user", "Bob")
    );
    assert!(mail.contains("7 days"), "{mail}");
    assert_eq!(
        (answer.status, answer.headers("set-cookie").len()),
        (200, 0),
        "{answer:?}"
    );
    assert_eq!(signed_in.status, 200, "{signed_in:?}");
    assert_eq!(validated.header("x-user-role"), Some("operator"));
    assert_eq!(states(&mut ada, &batch).await, [("accepted", 1)]);
    let history = audit::history(&world.pool(), offered.0)
        .await
        .expect("the audit");
    let told: Vec<_> = history
        .iter()
        .map(|entry| (entry.kind.as_str(), entry.sequence))
        .collect();
    assert_eq!(
        told[..3],
        [
            ("user.created.v1", 1),
            ("user.activated.v1", 2),
            ("user.updated.v1", 3)
        ]
    );
    let row = &ada.get(&batch).await.json()["rows"][0];
    assert_eq!(
        (&row["email"], &row["role"], &row["state"], &row["user_id"]),
        (
            &json!(BOB),
            &json!("operator"),
            &json!("accepted"),
            &json!(offered.0)
        )
    );
    app.end().await;
}

#[tokio::test]
async fn who_invites_is_named_if_they_have_a_name() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;

    invite(&mut ada, &json!({ "email": BOB })).await;
    machine.settle().await;
    sqlx::query("UPDATE users SET name = 'Ada Lovelace' WHERE email = 'ada@example.org'")
        .execute(&world.pool())
        .await
        .expect("a name");
    invite(&mut ada, &json!({ "email": CARL })).await;
    machine.settle().await;

    assert!(
        world
            .newest_mail(BOB)
            .contains("You are invited to Blazing Sun")
    );
    assert!(
        world
            .newest_mail(CARL)
            .contains("Ada Lovelace has invited you to Blazing Sun")
    );
    app.end().await;
}

#[tokio::test]
async fn a_file_invites_everybody_in_it_and_shows_how_far_each_is() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    let text = "\u{feff}email,name,role\r\n\
                bob@example.org,\"Bob, the builder\",operator\r\n\
                ada@example.org,,\r\n\
                carl@example.org,Carl,user\r\n";

    let answer = file(&mut ada, text).await;
    let batch = answer.header("location").expect("a path").to_owned();
    machine.settle().await;
    let mails = world.mails().len();
    accept(&app, &token(&world.newest_mail(CARL)), PASSWORD).await;
    let first = ada.get(&format!("{batch}?limit=2")).await.json();
    let second = ada
        .get(&format!("{batch}?limit=2&after={}", first["next"]))
        .await
        .json();
    let listed = ada.get(INVITATIONS).await.json();

    assert_eq!((answer.status, &answer.json()["total"]), (202, &json!(3)));
    assert_eq!(
        mails, 3,
        "the one of signing up, and one each for bob and carl"
    );
    let counts = ["total", "pending", "invited", "registered", "accepted"].map(|name| &first[name]);
    assert_eq!(
        counts,
        [&json!(3), &json!(0), &json!(1), &json!(1), &json!(1)]
    );
    let rows: Vec<(u64, &str, &str)> = [&first, &second]
        .into_iter()
        .flat_map(|page| page["rows"].as_array().expect("rows"))
        .map(|row| {
            let text = |name: &str| row[name].as_str().expect("a text");
            (
                row["row"].as_u64().expect("a number"),
                text("name"),
                text("state"),
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            (2, "Bob, the builder", "invited"),
            (3, "", "registered"),
            (4, "Carl", "accepted")
        ]
    );
    assert_eq!(second["next"], Value::Null);
    assert_eq!(listed["batches"][0]["id"], first["id"]);
    assert_eq!(listed["batches"][0]["invited"], 1);
    app.end().await;
}

#[tokio::test]
async fn a_broken_file_is_refused_with_its_rows_and_nothing_is_half_done() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;

    let answer = file(
        &mut ada,
        "email,role\nbob@example.org,user\nnobody,king\nBOB@example.org,\n",
    )
    .await;
    machine.settle().await;

    assert_eq!(
        (answer.status, answer.problem()),
        (422, "invalid_fields".to_owned())
    );
    let pointers: Vec<Value> = answer.json()["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .map(|error| error["pointer"].clone())
        .collect();
    assert_eq!(pointers, ["/rows/3/email", "/rows/3/role", "/rows/4/email"]);
    for nothing in [
        "SELECT count(*) FROM invitations",
        "SELECT count(*) FROM invitation_batches",
        "SELECT count(*) FROM jobs WHERE name = 'create_user'",
    ] {
        assert_eq!(world.number(&world.pool(), nothing).await, 0);
    }
    app.end().await;
}

#[tokio::test]
async fn a_body_of_another_form_is_refused() {
    let world = World::solo().await.with("HTTP_MAX_BODY_BYTES", 1000);
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;

    let wrong = json!({ "email": "bob@", "name": "\u{202e}", "role": "king" });
    let wrong = ada.post(INVITATIONS, &wrong).await;
    let unknown = json!({ "email": BOB, "status": "active" });
    let unknown = ada.post(INVITATIONS, &unknown).await;
    let kind = ada
        .send(
            "POST",
            INVITATIONS,
            &[("content-type", "text/plain")],
            "email\n",
        )
        .await;
    let large = file(
        &mut ada,
        &format!("email\n{}", "a@example.org\n".repeat(100)),
    )
    .await;
    let chunks = {
        let chunk = "a@example.org\n".repeat(100);
        let body = format!("{:x}\r\n{chunk}\r\n0\r\n\r\n", chunk.len());
        let cookie = format!(
            "__Host-session={}",
            ada.cookie("__Host-session").expect("a session")
        );
        let headers = [
            ("content-type", "text/csv"),
            ("transfer-encoding", "chunked"),
            ("cookie", cookie.as_str()),
        ];
        crate::harness::send_with(app.address, "POST", INVITATIONS, &headers, &body).await
    };

    let errors = wrong.json()["errors"].clone();
    let pointers = [0, 1, 2].map(|number| errors[number]["pointer"].clone());
    assert_eq!(
        (wrong.status, pointers),
        (422, ["/email", "/name", "/role"].map(Value::from))
    );
    assert_eq!((unknown.status, kind.status, large.status), (400, 415, 413));
    assert_eq!(
        (chunks.status, chunks.problem()),
        (413, "payload_too_large".to_owned())
    );
    app.end().await;
}

#[tokio::test]
async fn an_address_that_has_an_account_is_told_to_the_administrator_alone() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    register(&world, &app, &mut machine, BOB).await;
    let mails = world.mails().len();

    let batch = invite(
        &mut ada,
        &json!({ "email": "BOB@example.org", "role": "admin" }),
    )
    .await;
    machine.settle().await;

    assert_eq!(states(&mut ada, &batch).await, [("registered", 1)]);
    assert_eq!(world.mails().len(), mails);
    assert_eq!(account(&world, BOB).await.2, "user");
    app.end().await;
}

#[tokio::test]
async fn a_stranger_who_signs_up_with_the_address_gets_neither_the_role_nor_the_account() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    let sign_up = json!({ "email": BOB, "password": "of a stranger" });
    let mut stranger = Browser::new(&app);

    // Before the invitation, and after it.
    stranger.post("/api/v1/auth/sign-up", &sign_up).await;
    machine.settle().await;
    let early = token(&world.newest_mail(BOB));
    invite(&mut ada, &json!({ "email": BOB, "role": "admin" })).await;
    machine.settle().await;
    let invitation = token(&world.newest_mail(BOB));
    stranger.post("/api/v1/auth/sign-up", &sign_up).await;
    machine.settle().await;
    let late = token(&world.newest_mail(BOB));
    let meanwhile = account(&world, BOB).await;
    let before = stranger.sign_in(BOB, "of a stranger").await;
    let accepted = accept(&app, &invitation, PASSWORD).await;
    let mut activations = Vec::new();
    for token in [early, late] {
        let body = json!({ "token": token });
        activations.push(stranger.post("/api/v1/auth/activate", &body).await.status);
    }
    let after = stranger.sign_in(BOB, "of a stranger").await;
    let owner = Browser::new(&app).sign_in(BOB, PASSWORD).await;

    assert_eq!(
        (meanwhile.1.as_str(), meanwhile.2.as_str()),
        ("pending", "user")
    );
    assert_eq!(
        (before.status, after.status, activations),
        (401, 401, vec![422, 422])
    );
    assert_eq!((accepted.status, owner.status), (200, 200));
    let links = "SELECT count(*) FROM user_tokens WHERE used_at IS NULL";
    assert_eq!(world.number(&world.pool(), links).await, 0);
    app.end().await;
}

#[tokio::test]
async fn who_opens_the_account_in_another_way_has_no_role_by_it_and_the_invitation_is_void() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    let batch = invite(&mut ada, &json!({ "email": BOB, "role": "admin" })).await;
    machine.settle().await;
    let invitation = token(&world.newest_mail(BOB));

    register(&world, &app, &mut machine, BOB).await;
    let answer = accept(&app, &invitation, "another horse").await;

    assert_eq!(
        (answer.status, answer.problem()),
        (422, "bad_link".to_owned())
    );
    assert_eq!(account(&world, BOB).await.2, "user");
    assert_eq!(states(&mut ada, &batch).await, [("registered", 1)]);
    assert_eq!(
        ada.get(&batch).await.json()["rows"][0]["state"],
        "registered"
    );
    app.end().await;
}

#[tokio::test]
async fn an_invitation_is_accepted_once_even_if_many_try_at_the_same_time() {
    let world = World::solo().await.with("THROTTLE_FACTOR", 100);
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    invite(&mut ada, &json!({ "email": BOB, "role": "operator" })).await;
    machine.settle().await;
    let token = token(&world.newest_mail(BOB));

    let tries = (0..50).map(|_| accept(&app, &token, PASSWORD));
    let answers = futures_util::future::join_all(tries).await;
    let later = accept(&app, &token, PASSWORD).await;

    let count = |status| {
        answers
            .iter()
            .filter(|answer| answer.status == status)
            .count()
    };
    assert_eq!((count(200), count(422), later.status), (1, 49, 422));
    let version = "SELECT version FROM users WHERE email = 'bob@example.org'";
    assert_eq!(world.number(&world.pool(), version).await, 3);
    app.end().await;
}

#[tokio::test]
async fn an_invitation_is_good_for_a_week_and_a_newer_one_voids_it() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    invite(&mut ada, &json!({ "email": BOB, "role": "admin" })).await;
    machine.settle().await;
    let first = token(&world.newest_mail(BOB));

    invite(&mut ada, &json!({ "email": BOB, "role": "operator" })).await;
    machine.settle().await;
    let second = token(&world.newest_mail(BOB));
    let voided = accept(&app, &first, PASSWORD).await;
    app.clock.advance(TimeDelta::days(7));
    let expired = accept(&app, &second, PASSWORD).await;
    ada.sign_in(ADA, PASSWORD).await;
    invite(&mut ada, &json!({ "email": BOB })).await;
    machine.settle().await;
    app.clock
        .advance(TimeDelta::days(7) - TimeDelta::seconds(1));
    let third = accept(&app, &token(&world.newest_mail(BOB)), PASSWORD).await;

    assert_eq!(
        (voided.status, expired.status, third.status),
        (422, 422, 200)
    );
    assert_eq!(
        account(&world, BOB).await.2,
        "user",
        "the role of the last one"
    );
    app.end().await;
}

#[tokio::test]
async fn an_invitation_that_was_taken_back_is_good_for_nothing() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    let bobs = invite(&mut ada, &json!({ "email": BOB, "role": "admin" })).await;
    machine.settle().await;
    let carls = invite(&mut ada, &json!({ "email": CARL, "role": "admin" })).await;
    let mut rows = Vec::new();
    for batch in [&bobs, &carls] {
        let id = ada.get(batch).await.json()["rows"][0]["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        rows.push(format!("{batch}/rows/{id}"));
    }
    let elsewhere = rows[0].replace(&bobs, &carls);

    let other = ada.delete(&elsewhere).await;
    let invited = ada.delete(&rows[0]).await;
    let waiting = ada.delete(&rows[1]).await;
    let again = ada.delete(&rows[0]).await;
    machine.settle().await;
    let answer = accept(&app, &token(&world.newest_mail(BOB)), PASSWORD).await;

    assert_eq!(
        (other.status, invited.status, waiting.status, again.status),
        (404, 204, 204, 404)
    );
    assert_eq!(answer.status, 422);
    let carl = "SELECT count(*) FROM users WHERE email = 'carl@example.org'";
    assert_eq!(world.number(&world.pool(), carl).await, 0);
    app.end().await;
}

#[tokio::test]
async fn whoever_accepts_keeps_to_the_rules_for_passwords_and_names() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    invite(
        &mut ada,
        &json!({ "email": "bob@flowers.example", "name": "Robert Gardener" }),
    )
    .await;
    machine.settle().await;
    let token = token(&world.newest_mail("bob@flowers.example"));

    let mut browser = Browser::new(&app);
    let wrong = json!({ "token": token, "name": "\u{202e}", "password": "short" });
    let wrong = browser.post(ACCEPT, &wrong).await;
    let mut known = Vec::new();
    for password in ["password1", "flowers1", "gardener", "Robert Gardener"] {
        known.push(accept(&app, &token, password).await.status);
    }
    let unknown = browser
        .post(ACCEPT, &json!({ "token": "x", "password": "short" }))
        .await;
    let body = json!({ "token": token, "name": "Bob", "password": PASSWORD });
    let right = browser.post(ACCEPT, &body).await;

    let errors = wrong.json()["errors"].clone();
    let pointers = [0, 1].map(|number| errors[number]["pointer"].clone());
    assert_eq!(
        (wrong.status, pointers),
        (422, ["/name", "/password"].map(Value::from))
    );
    assert_eq!(known, [422, 422, 422, 422]);
    assert_eq!(unknown.problem(), "bad_link");
    assert_eq!(right.status, 200);
    assert_eq!(account(&world, "bob@flowers.example").await.3, "Bob");
    app.end().await;
}

#[tokio::test]
async fn tries_to_accept_are_counted() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;

    let mut statuses = Vec::new();
    for _ in 0..31 {
        statuses.push(accept(&app, "x", PASSWORD).await.status);
    }

    assert_eq!((statuses[29], statuses[30]), (422, 429));
    app.end().await;
}

#[tokio::test]
async fn the_page_behind_the_link_opens_the_account_only_when_its_form_is_sent() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    invite(
        &mut ada,
        &json!({ "email": BOB, "name": "Bob", "role": "operator" }),
    )
    .await;
    machine.settle().await;
    let token = token(&world.newest_mail(BOB));
    let mut bob = Browser::new(&app);
    let form = |password| {
        [
            ("token", token.as_str()),
            ("name", "Robert"),
            ("password", password),
        ]
    };

    let page = bob.get(&format!("/invitation?token={token}")).await;
    let before = account(&world, BOB).await.1;
    let wrong = bob.form("/invitation", &form("short")).await;
    let done = bob.form("/invitation", &form(PASSWORD)).await;
    let again = bob.form("/invitation", &form(PASSWORD)).await;
    let used = bob.get(&format!("/invitation?token={token}")).await;

    assert!(
        page.body.contains(BOB) && page.body.contains("value=\"Bob\""),
        "{page:?}"
    );
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(before, "pending");
    assert_eq!(wrong.status, 422);
    assert!(
        wrong.body.contains("fewer than 8 characters") && wrong.body.contains("value=\"Robert\""),
        "{wrong:?}"
    );
    assert!(
        !wrong.body.contains("short"),
        "a password is not shown again"
    );
    assert!(done.body.contains("Your account is open"), "{done:?}");
    for page in [again, used] {
        assert!(page.body.contains("not good any more"), "{page:?}");
    }
    let (_, status, role, name) = account(&world, BOB).await;
    assert_eq!(
        (status.as_str(), role.as_str(), name.as_str()),
        ("active", "operator", "Robert")
    );
    app.end().await;
}

#[tokio::test]
async fn an_invitation_that_is_dealt_with_twice_leads_to_one_account_and_one_mail() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    invite(&mut ada, &json!({ "email": BOB })).await;
    machine.settle().await;
    let mails = world.mails().len();

    sqlx::query(
        "UPDATE jobs SET state = 'ready', finished_at = NULL, attempt = 0 WHERE name = 'create_user'",
    )
    .execute(&world.pool())
    .await
    .expect("the job again");
    machine.settle().await;

    let done = "SELECT count(*) FROM jobs WHERE name = 'create_user' AND state = 'done'";
    assert_eq!(world.number(&world.pool(), done).await, 1);
    assert_eq!(world.mails().len(), mails);
    let answer = accept(&app, &token(&world.newest_mail(BOB)), PASSWORD).await;
    assert_eq!(answer.status, 200);
    app.end().await;
}

#[tokio::test]
async fn who_activates_while_the_invitation_is_accepted_waits_and_holds_nobody_up() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let body = json!({ "email": BOB, "password": "of a stranger" });
    Browser::new(&app).post("/api/v1/auth/sign-up", &body).await;
    machine.settle().await;
    let body = json!({ "token": token(&world.newest_mail(BOB)) });

    // As whoever accepts does: the account first, then the links to it.
    let mut held = world.pool().begin().await.expect("a transaction");
    sqlx::query("SELECT FROM users FOR UPDATE")
        .execute(&mut *held)
        .await
        .expect("the account");
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let accepting = async {
        world.until(waiting, 1).await;
        sqlx::query("DELETE FROM user_tokens")
            .execute(&mut *held)
            .await
            .expect("no deadlock");
        held.commit().await.expect("an end");
    };
    let mut stranger = Browser::new(&app);
    let (activated, ()) = tokio::join!(stranger.post("/api/v1/auth/activate", &body), accepting);

    assert_eq!(
        (activated.status, activated.problem()),
        (422, "bad_link".to_owned())
    );
    app.end().await;
}
