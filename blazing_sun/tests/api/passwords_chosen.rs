//! Passwords as people choose and type them: what is refused wherever one is set, and what counts as it was typed.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::harness::{Browser, Machine, PASSWORD, Response, TestApp, World, admin, member, token};

const ADA: &str = "ada@example.org";
const BOB: &str = "bob@example.org";
const CAROL: &str = "carol@example.org";

/// Refused whoever chooses them: too short or too long, what everybody tries, and what everybody knows of the site.
fn bad() -> Vec<String> {
    let mut bad = vec!["ü".repeat(7), "a quiet river ".repeat(10)];
    let tried = [
        "password",
        "PASSWORD",
        "Password1!",
        "P4ssw0rd",
        "p@ssword",
        "12345678",
        "qwertyuiop",
        "iloveyou",
        "1loveyou",
        "sunshine",
        "SunShine1",
        "football",
        "baseball1",
        "superman",
        "trustno1",
        "letmein1",
        "princess",
        "11111111",
        "abcd1234",
        "1q2w3e4r",
        "drowssap",
    ];
    let known = ["blazing sun", "BlazingSun1", "bl4z1ngsun", "blazing_sun!"];
    bad.extend(tried.into_iter().chain(known).map(str::to_owned));
    bad
}

async fn post(app: &TestApp, path: &str, body: &Value) -> Response {
    Browser::new(app).post(path, body).await
}

#[tokio::test]
async fn what_is_no_password_is_refused_wherever_one_is_set() {
    let world = World::solo().await.with("THROTTLE_FACTOR", 100);
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    ada.post("/api/v1/invitations", &json!({ "email": BOB }))
        .await;
    post(&app, "/api/v1/auth/forgot", &json!({ "email": ADA })).await;
    machine.settle().await;
    let (reset, invitation) = (
        token(&world.newest_mail(ADA)),
        token(&world.newest_mail(BOB)),
    );

    let mut set = async |place: &str, password: &str| match place {
        "sign-up" => {
            let body = json!({ "email": CAROL, "password": password });
            post(&app, "/api/v1/auth/sign-up", &body).await
        }
        "invitation" => {
            let body = json!({ "token": invitation, "password": password });
            post(&app, "/api/v1/auth/invitation", &body).await
        }
        "change" => {
            let body = json!({ "current_password": PASSWORD, "new_password": password });
            ada.post("/api/v1/auth/password", &body).await
        }
        _ => {
            let body = json!({ "token": reset, "password": password });
            post(&app, "/api/v1/auth/reset", &body).await
        }
    };
    for (place, pointer, owner) in [
        ("sign-up", "/password", "carol"),
        ("invitation", "/password", "bob"),
        ("reset", "/password", "ada"),
        ("change", "/new_password", "ada"),
    ] {
        let mut bad = bad();
        bad.push(format!("{owner}@example.org"));
        bad.push(format!("{owner}.example"));
        for password in bad {
            let refused = set(place, &password).await;
            assert_eq!(refused.status, 422, "{place}: {password}");
            let found = refused.json()["errors"][0]["pointer"].clone();
            assert_eq!(found, pointer, "{place}: {password}");
        }
    }
    // The links are as good as before, and so are the places. (A reset voids nothing that a change needs, but its sessions.)
    for (place, status) in [("sign-up", 202), ("invitation", 200), ("change", 204)] {
        assert_eq!(set(place, "a quiet river").await.status, status, "{place}");
    }
    app.end().await;
}

/// A password, and others that are close to it.
fn typed() -> Vec<(String, Vec<String>)> {
    let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let long = "Größe ändern, Straße queren. ".chars().cycle();
    let longest: String = long.clone().take(128).collect();
    let other_end = longest.chars().take(127).chain(['#']).collect();
    let longer = format!("{longest}x");
    let shorter = longest.chars().take(127).collect();
    vec![
        (
            "  a space at both ends ".to_owned(),
            own(&["a space at both ends", " a space at both ends "]),
        ),
        (
            "only small letters".to_owned(),
            own(&["Only small letters", "ONLY SMALL LETTERS"]),
        ),
        (
            "7493 1180 2264".to_owned(),
            own(&["749311802264", "7493 1180 2264 "]),
        ),
        // Of one code point and of two, which look the same.
        (
            "caf\u{e9} at the river".to_owned(),
            own(&["cafe\u{301} at the river", "cafe at the river"]),
        ),
        (
            "bell \u{7} tab \t zero \u{0} end\r\n".to_owned(),
            own(&[
                "bell \u{7} tab \t zero \u{0} end",
                "bell \u{7} tab \t zero ",
            ]),
        ),
        (
            "🎷🎺🥁 river, \"quoted\" & <b>".to_owned(),
            own(&["🎷🎺 river, \"quoted\" & <b>", "river, \"quoted\" & <b>"]),
        ),
        (long.take(64).collect(), Vec::new()),
        (longest, vec![other_end, longer, shorter]),
    ]
}

#[tokio::test]
async fn a_password_of_any_characters_counts_as_it_was_typed() {
    let world = World::solo().await.with("THROTTLE_FACTOR", 1000);
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let mut current = PASSWORD.to_owned();

    for (number, (password, others)) in typed().into_iter().enumerate() {
        // By the form and by the interface in turn: what is set by one is good for the other.
        let status = if number % 2 == 0 {
            let fields = [("current", current.as_str()), ("password", &password)];
            ada.form("/profile/password", &fields).await.status
        } else {
            let body = json!({ "current_password": current, "new_password": password });
            ada.post("/api/v1/auth/password", &body).await.status
        };
        assert!([204, 303].contains(&status), "{password:?}: {status}");
        let by_interface = Browser::new(&app).sign_in(ADA, &password).await;
        let fields = [("email", ADA), ("password", &password)];
        let by_form = Browser::new(&app).form("/sign-in", &fields).await;
        assert_eq!(
            (by_interface.status, by_form.status),
            (200, 303),
            "{password:?}"
        );
        for other in others {
            let by_interface = Browser::new(&app).sign_in(ADA, &other).await;
            let fields = [("email", ADA), ("password", &other)];
            let by_form = Browser::new(&app).form("/sign-in", &fields).await;
            assert_eq!(
                (by_interface.status, by_form.status),
                (401, 401),
                "{other:?}"
            );
        }
        current = password;
    }
    app.end().await;
}

#[tokio::test]
async fn whoever_signs_up_may_choose_128_characters_of_any_kind() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let password: String = " Größe, 価値. ".chars().cycle().take(128).collect();

    for email in [ADA, BOB] {
        let signed_up = if email == ADA {
            let body = json!({ "email": email, "password": password });
            post(&app, "/api/v1/auth/sign-up", &body).await.status
        } else {
            let fields = [("email", email), ("password", &password)];
            Browser::new(&app).form("/sign-up", &fields).await.status
        };
        machine.settle().await;
        let body = json!({ "token": token(&world.newest_mail(email)) });
        let activated = post(&app, "/api/v1/auth/activate", &body).await.status;
        let signed_in = Browser::new(&app).sign_in(email, &password).await.status;
        assert!([200, 202].contains(&signed_up), "{signed_up}");
        assert_eq!((activated, signed_in), (200, 200));
    }
    app.end().await;
}

#[tokio::test]
async fn a_password_is_good_for_ever() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    member(&world, &app, &mut machine, ADA).await;

    app.clock.advance(TimeDelta::days(3650));
    let signed_in = Browser::new(&app).sign_in(ADA, PASSWORD).await;

    assert_eq!(signed_in.status, 200);
    assert_eq!(signed_in.json()["status"], "signed_in");
    app.end().await;
}
