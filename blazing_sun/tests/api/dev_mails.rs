//! The mails as those who develop look at them: each of them, in both forms, and nowhere but where it was asked for.

use crate::harness::{Browser, Machine, Response, TestApp, World};

fn policy(answer: &Response) -> &str {
    let policy = answer.header("content-security-policy");
    policy.expect("a policy")
}

#[tokio::test]
async fn every_mail_of_this_build_can_be_looked_at_in_both_forms() {
    let world = World::solo().await.with("MAIL_PREVIEWS", true);
    let app = TestApp::start(&world).await;
    let machine = Machine::new(&world, &app).await;

    let list = app.get("/dev/mails").await;
    // As a browser reads it.
    let list = list.body.replace("&#x2f;", "/").replace("&#x27;", "'");

    let mails: Vec<_> = machine.mails().list().collect();
    assert!(mails.len() >= 12, "{mails:?}");
    for (name, summary) in mails {
        assert!(list.contains(summary), "{name}: {list}");
        for (form, kind) in [
            ("html", "text/html; charset=utf-8"),
            ("text", "text/plain; charset=utf-8"),
        ] {
            let path = format!("/dev/mails/{name}/{form}");
            assert!(list.contains(&format!("href=\"{path}\"")), "{path}");
            let preview = app.get(&path).await;
            assert_eq!(preview.status, 200, "{path}: {preview:?}");
            assert_eq!(preview.header("content-type"), Some(kind));
            assert!(preview.body.contains("You get this mail because"), "{path}");
            let subject = if form == "html" {
                "<title>"
            } else {
                "Subject: "
            };
            let (_, after) = preview.body.split_once(subject).expect("a subject");
            assert!(!after.starts_with(['<', '\n']), "{path}: {preview:?}");
        }
    }
    app.end().await;
}

#[tokio::test]
async fn a_preview_has_its_styles_and_nothing_else_and_other_pages_have_what_they_had() {
    let world = World::solo().await.with("MAIL_PREVIEWS", true);
    let app = TestApp::start(&world).await;

    let preview = app.get("/dev/mails/activation/html").await;
    let list = app.get("/dev/mails").await;
    let home = app.get("/").await;

    let parts = [
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ];
    assert_eq!(policy(&preview).split("; ").collect::<Vec<_>>(), parts);
    assert_eq!(preview.header("cache-control"), Some("no-store"));
    assert_eq!(policy(&list), policy(&home));
    assert!(policy(&home).contains("style-src 'self';"), "{home:?}");
    app.end().await;
}

#[tokio::test]
async fn a_mail_that_does_not_exist_has_no_preview() {
    let world = World::solo().await.with("MAIL_PREVIEWS", true);
    let app = TestApp::start(&world).await;

    for path in [
        "/dev/mails/no_such_mail/html",
        "/dev/mails/no_such_mail/text",
        "/dev/mails/activation/pdf",
        "/dev/mails/activation",
    ] {
        assert_eq!(app.get(path).await.status, 404, "{path}");
    }
    app.end().await;
}

#[tokio::test]
async fn nobody_looks_at_mails_where_nobody_asked_for_it() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let there = app.get("/no/such/page").await;

    for path in [
        "/dev/mails",
        "/dev/mails/activation/html",
        "/dev/mails/activation/text",
    ] {
        let answer = app.get(path).await;
        assert_eq!((answer.status, &answer.body), (404, &there.body), "{path}");
    }
    let post = Browser::new(&app).form("/dev/mails", &[]).await;
    assert_eq!(post.status, 404, "not even the address is there");
    app.end().await;
}
