//! The fields for passwords and codes, as browsers and password managers meet them.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::json;

use crate::harness::{App, Browser, Machine, PASSWORD, Response, TestApp, World, admin, token};
use crate::openapi::sources;

const ADA: &str = "ada@example.org";
const BOB: &str = "bob@example.org";

/// The tags of a page's fields.
fn inputs(page: &Response) -> Vec<String> {
    let tags = page.body.split("<input").skip(1);
    tags.filter_map(|rest| Some(rest.split_once('>')?.0.to_owned()))
        .collect()
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    rest.split('"').next()
}

/// How many fields for passwords a page has, each of which is as it should be.
fn passwords(page: &Response) -> usize {
    let mut number = 0;
    for tag in inputs(page) {
        let kind = attribute(&tag, "autocomplete").unwrap_or_default();
        let is_password = attribute(&tag, "type") == Some("password");
        assert_eq!(
            is_password,
            ["current-password", "new-password"].contains(&kind),
            "{tag}"
        );
        assert!(!tag.contains(" on"), "nothing hinders pasting: {tag}");
        if is_password {
            for name in ["maxlength", "minlength", "pattern", "value", "readonly"] {
                assert!(!tag.contains(&format!(" {name}")), "{tag}");
            }
            number += 1;
        }
    }
    number
}

#[tokio::test]
async fn a_field_for_a_password_hides_it_and_takes_it_from_a_password_manager() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    ada.post("/api/v1/invitations", &json!({ "email": BOB }))
        .await;
    let forgot = json!({ "email": ADA });
    Browser::new(&app)
        .post("/api/v1/auth/forgot", &forgot)
        .await;
    machine.settle().await;
    let reset = format!("/reset?token={}", token(&world.newest_mail(ADA)));
    let invitation = format!("/invitation?token={}", token(&world.newest_mail(BOB)));

    let mut templates = BTreeSet::new();
    for (template, path, number) in [
        ("sign_up", "/sign-up", 1),
        ("sign_in", "/sign-in", 1),
        ("reset", reset.as_str(), 1),
        ("invitation", invitation.as_str(), 1),
        ("confirm", "/confirm", 1),
        ("password", "/profile/password", 2),
        ("data", "/profile/data", 1),
    ] {
        let mut visitor = match path {
            "/confirm" => ada.clone(),
            path if path.starts_with("/profile") => ada.clone(),
            _ => Browser::new(&app),
        };
        let page = visitor.get(path).await;
        assert_eq!((page.status, passwords(&page)), (200, number), "{path}");
        templates.insert(format!("{template}.html"));
    }
    // Those are all.
    for file in sources(Path::new("templates/web")) {
        let name = file.file_name().and_then(|name| name.to_str());
        let text = std::fs::read_to_string(&file).expect("a template");
        let has_one = text.contains("type=\"password\"");
        assert_eq!(
            has_one,
            templates.contains(name.expect("a name")),
            "{name:?}"
        );
    }
    app.end().await;
}

#[tokio::test]
async fn a_field_for_a_code_takes_it_from_a_password_manager() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    app.clock.advance(chrono::TimeDelta::hours(1));
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;

    let begun = ada.get("/profile/second-factor/app").await;
    App::set_up(&mut ada, &app).await;
    let confirm = ada.get("/confirm").await;
    let fields = [("email", ADA), ("password", PASSWORD)];
    let question = Browser::new(&app).form("/sign-in", &fields).await;

    for page in [begun, confirm, question] {
        let codes: Vec<String> = inputs(&page)
            .into_iter()
            .filter(|tag| attribute(tag, "name") == Some("code"))
            .collect();
        assert_eq!(codes.len(), 1, "in one piece: {page:?}");
        let kind = attribute(&codes[0], "autocomplete");
        assert_eq!(kind, Some("one-time-code"), "{codes:?}");
        assert!(!codes[0].contains("maxlength") && !codes[0].contains(" on"));
    }
    app.end().await;
}
