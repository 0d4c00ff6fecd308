//! Somebody with a browser, or a program: what they send, and the cookies they keep.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::{Value, json};

use super::{Machine, Response, TestApp, World, send_with};

/// The password of everybody in the tests.
pub const PASSWORD: &str = "correct horse battery";

/// A client that keeps its cookies.
#[derive(Clone)]
pub struct Browser {
    address: SocketAddr,
    cookies: BTreeMap<String, String>,
    headers: Vec<(String, String)>,
}

impl Browser {
    /// One that was never here.
    pub fn new(app: &TestApp) -> Self {
        Self {
            address: app.address,
            cookies: BTreeMap::new(),
            headers: Vec::new(),
        }
    }

    /// The same, which sends this header each time.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The value of a cookie that it holds.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(String::as_str)
    }

    /// Holds a cookie that it was not given.
    pub fn plant(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }

    /// `GET path`
    pub async fn get(&mut self, path: &str) -> Response {
        self.send("GET", path, &[], "").await
    }

    /// `DELETE path`
    pub async fn delete(&mut self, path: &str) -> Response {
        self.send("DELETE", path, &[], "").await
    }

    /// `POST path` with a body of JSON.
    pub async fn post(&mut self, path: &str, body: &Value) -> Response {
        self.json("POST", path, &[], body).await
    }

    /// Any method with headers and a body of JSON.
    pub async fn json(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Response {
        let headers = [headers, &[("content-type", "application/json")]].concat();
        self.send(method, path, &headers, &body.to_string()).await
    }

    /// `POST path` with the fields of a form.
    pub async fn form(&mut self, path: &str, fields: &[(&str, &str)]) -> Response {
        let body = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect::<Vec<_>>()
            .join("&");
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        self.send("POST", path, &headers, &body).await
    }

    /// Any request; cookies go along, and those of the answer are kept.
    pub async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Response {
        let cookies = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("; ");
        let length = body.len().to_string();
        let own = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let mut all: Vec<(&str, &str)> = headers.iter().copied().chain(own).collect();
        if !cookies.is_empty() {
            all.push(("cookie", &cookies));
        }
        if method != "GET" {
            all.push(("content-length", &length));
        }
        let answer = send_with(self.address, method, path, &all, body).await;
        for cookie in answer.headers("set-cookie") {
            let (pair, attributes) = cookie.split_once(';').expect("a cookie with attributes");
            let (name, value) = pair.split_once('=').expect("a cookie with a value");
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    /// Signs in, and returns the answer.
    pub async fn sign_in(&mut self, email: &str, password: &str) -> Response {
        let body = json!({ "email": email, "password": password });
        self.post("/api/v1/auth/sign-in", &body).await
    }
}

/// Signs somebody up, and activates the account with the link of the mail.
pub async fn register(world: &World, app: &TestApp, machine: &mut Machine, email: &str) {
    let mut browser = Browser::new(app);
    let body = json!({ "email": email, "password": PASSWORD });
    let answer = browser.post("/api/v1/auth/sign-up", &body).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    machine.settle().await;
    let body = json!({ "token": token(&world.newest_mail(email)) });
    let answer = browser.post("/api/v1/auth/activate", &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    machine.settle().await;
}

/// Somebody who has an account and is signed in.
pub async fn member(world: &World, app: &TestApp, machine: &mut Machine, email: &str) -> Browser {
    register(world, app, machine, email).await;
    let mut browser = Browser::new(app);
    let answer = browser.sign_in(email, PASSWORD).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    machine.settle().await;
    browser
}

/// Somebody who is an administrator and is signed in.
pub async fn admin(world: &World, app: &TestApp, machine: &mut Machine, email: &str) -> Browser {
    register(world, app, machine, email).await;
    sqlx::query("UPDATE users SET role = 'admin' WHERE email = $1")
        .bind(email)
        .execute(&world.pool())
        .await
        .expect("a role");
    let mut browser = Browser::new(app);
    let answer = browser.sign_in(email, PASSWORD).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    machine.settle().await;
    browser
}

/// The token in a mail, which folds long lines.
pub fn token(mail: &str) -> String {
    let unfolded = mail
        .replace("=\r\n", "")
        .replace("=\n", "")
        .replace("=3D", "=");
    let (_, rest) = unfolded.split_once("token=").expect("a link");
    rest.chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c))
        .collect()
}

fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            encoded.push(byte.into());
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
