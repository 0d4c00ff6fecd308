//! Inviting everybody in a file, and bodies that are no invitation.

use serde_json::{Value, json};

use super::{ADA, BOB, CARL, INVITATIONS, accept};
use crate::harness::{Browser, PASSWORD, Response, World, admin, token};

async fn file(browser: &mut Browser, text: &str) -> Response {
    let headers = [("content-type", "text/csv; charset=utf-8")];
    browser.send("POST", INVITATIONS, &headers, text).await
}

#[tokio::test]
async fn a_file_invites_everybody_in_it_and_shows_how_far_each_is() {
    let (world, app, mut machine) = World::solo().await.start().await;
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
    let (world, app, mut machine) = World::solo().await.start().await;
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
    let (world, app, mut machine) = World::solo()
        .await
        .with("HTTP_MAX_BODY_BYTES", 1000)
        .start()
        .await;
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
