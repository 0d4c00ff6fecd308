//! A program that has signed in: it holds an access token and a refresh token, and no cookie.

use serde_json::{Value, json};

use super::{Browser, PASSWORD, Response, TestApp};

/// A program.
#[derive(Clone)]
pub struct Program {
    browser: Browser,
    /// What it says who it is with.
    pub access: String,
    /// What it gets the next with.
    pub refresh: String,
}

impl Program {
    /// Signs in to an account without a second factor.
    pub async fn sign_in(app: &TestApp, email: &str) -> Self {
        let body = json!({ "email": email, "password": PASSWORD, "kind": "client" });
        let mut browser = Browser::new(app);
        let answer = browser.post("/api/v1/auth/sign-in", &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let mut program = Self::with(app, "");
        program.take(&answer.json()["tokens"]);
        program
    }

    /// One that has this token.
    pub fn with(app: &TestApp, token: &str) -> Self {
        Self {
            browser: Browser::new(app),
            access: token.to_owned(),
            refresh: String::new(),
        }
    }

    /// The same, which speaks to another process.
    pub fn at(self, app: &TestApp) -> Self {
        Self {
            browser: Browser::new(app),
            ..self
        }
    }

    fn take(&mut self, tokens: &Value) {
        let text = |name: &str| tokens[name].as_str().expect("a token").to_owned();
        self.access = text("access_token");
        self.refresh = text("refresh_token");
    }

    /// Uses the refresh token, and keeps what comes.
    pub async fn renew(&mut self) -> Response {
        let body = json!({ "refresh_token": self.refresh });
        let answer = self.browser.post("/api/v1/auth/refresh", &body).await;
        if answer.status == 200 {
            self.take(&answer.json());
        }
        answer
    }

    /// `GET path`
    pub async fn get(&self, path: &str) -> Response {
        self.asking().get(path).await
    }

    /// `POST path` with a body of JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Response {
        self.asking().post(path, body).await
    }

    /// `DELETE path`
    pub async fn delete(&self, path: &str) -> Response {
        self.asking().delete(path).await
    }

    /// Any method with headers and a body of JSON.
    pub async fn json(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Response {
        self.asking().json(method, path, headers, body).await
    }

    /// Whether it is known by its access token.
    pub async fn is_known(&self) -> bool {
        match self.get("/api/v1/auth/validate").await.status {
            204 => true,
            401 => false,
            other => panic!("{other}"),
        }
    }

    fn asking(&self) -> Browser {
        let bearer = format!("Bearer {}", self.access);
        self.browser.clone().with("authorization", &bearer)
    }
}
