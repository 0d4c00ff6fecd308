//! Administrators: who has an account, what they may do, and ending their sessions.

mod last;
mod roles;
mod sessions;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Browser, PASSWORD, Response, World, admin, id_of, member, register};

const ADA: &str = "ada@example.org";
const BOB: &str = "bob@example.org";
const CARL: &str = "carl@example.org";
const VALIDATE: &str = "/api/v1/auth/validate";

async fn give(browser: &mut Browser, id: Uuid, if_match: &str, role: &str) -> Response {
    let path = format!("/api/v1/users/{id}/role");
    let headers = [("if-match", if_match)];
    browser
        .json("PUT", &path, &headers, &json!({ "role": role }))
        .await
}

fn emails(answer: &Response) -> Vec<String> {
    let users = answer.json()["users"].as_array().expect("users").clone();
    users
        .iter()
        .map(|user| user["email"].as_str().expect("an address").to_owned())
        .collect()
}

#[tokio::test]
async fn accounts_are_listed_in_pages_and_found_by_how_their_address_begins() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    register(&world, &app, &mut machine, BOB).await;
    let body = json!({ "email": CARL, "password": PASSWORD });
    ada.post("/api/v1/auth/sign-up", &body).await;

    let first = ada.get("/api/v1/users?limit=2").await;
    let next = first.json()["next"]
        .as_str()
        .expect("another page")
        .to_owned();
    let second = ada
        .get(&format!("/api/v1/users?limit=2&after={next}"))
        .await;
    let found = ada.get("/api/v1/users?email=BO").await;
    let exact = ada.get("/api/v1/users?email=carl%40example.org").await;
    let nobody = ada.get("/api/v1/users?email=%25").await;

    assert_eq!(emails(&first), [ADA, BOB]);
    assert_eq!(
        (emails(&second), second.json()["next"].clone()),
        (vec![CARL.to_owned()], Value::Null)
    );
    assert_eq!(
        (emails(&found), emails(&exact)),
        (vec![BOB.to_owned()], vec![CARL.to_owned()])
    );
    assert_eq!(emails(&nobody), [""; 0]);
    let shown = &first.json()["users"][0];
    let fields: Vec<&String> = shown.as_object().expect("an account").keys().collect();
    assert_eq!(
        fields,
        [
            "activated_at",
            "created_at",
            "deletion_at",
            "email",
            "id",
            "name",
            "role",
            "status",
            "version"
        ]
    );
    assert_eq!(exact.json()["users"][0]["status"], "pending");
    app.end().await;
}

#[tokio::test]
async fn a_page_out_of_bounds_is_refused() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;

    for path in ["/api/v1/users", "/api/v1/invitations"] {
        for limit in ["0", "101", "-1", "9223372036854775807"] {
            let answer = ada.get(&format!("{path}?limit={limit}")).await;
            assert_eq!(answer.status, 422, "{path} {limit}: {answer:?}");
            assert_eq!(answer.json()["errors"][0]["pointer"], "/limit");
        }
        for query in ["limit=x", "after=x", "unknown=1"] {
            let answer = ada.get(&format!("{path}?{query}")).await;
            assert_eq!(answer.status, 400, "{path} {query}: {answer:?}");
        }
    }
    for email in ["%00", &"a".repeat(255)] {
        let answer = ada.get(&format!("/api/v1/users?email={email}")).await;
        assert_eq!(answer.status, 422, "{answer:?}");
        assert_eq!(answer.json()["errors"][0]["pointer"], "/email");
    }
    app.end().await;
}

#[tokio::test]
async fn all_of_this_is_for_administrators_alone() {
    let (world, app, mut machine) = World::solo().await.start().await;
    admin(&world, &app, &mut machine, ADA).await;
    let mut bob = member(&world, &app, &mut machine, BOB).await;
    let ada = id_of(&world, ADA).await;

    for role in ["user", "operator"] {
        sqlx::query("UPDATE users SET role = $1 WHERE email = 'bob@example.org'")
            .bind(role)
            .execute(&world.pool())
            .await
            .expect("a role");
        for (method, path) in [
            ("GET", "/api/v1/users".to_owned()),
            ("GET", format!("/api/v1/users/{ada}")),
            ("PUT", format!("/api/v1/users/{ada}/role")),
            ("DELETE", format!("/api/v1/users/{ada}/sessions")),
            ("DELETE", format!("/api/v1/users/{ada}/second-factor")),
            ("POST", "/api/v1/users/end-all-sessions".to_owned()),
            ("GET", "/api/v1/invitations".to_owned()),
            ("POST", "/api/v1/invitations".to_owned()),
            ("GET", format!("/api/v1/invitations/{ada}")),
            ("DELETE", format!("/api/v1/invitations/{ada}/rows/{ada}")),
        ] {
            let body = match method {
                "GET" => String::new(),
                "PUT" => json!({ "role": "user" }).to_string(),
                _ => json!({ "email": "dora@example.org" }).to_string(),
            };
            let headers = [("content-type", "application/json"), ("if-match", "*")];
            let answer = bob.send(method, &path, &headers, &body).await;
            assert_eq!(
                (answer.status, answer.problem()),
                (403, "insufficient_role".to_owned()),
                "{role} {method} {path}"
            );
        }
    }
    let roles: Vec<String> = sqlx::query_scalar("SELECT role FROM users ORDER BY id")
        .fetch_all(&world.pool())
        .await
        .expect("roles");
    assert_eq!(roles, ["admin", "operator"]);
    app.end().await;
}
