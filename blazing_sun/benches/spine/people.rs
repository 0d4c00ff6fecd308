//! People who keep a book: an account that is in use, signed in as a program, with a wallet.

use anyhow::{Context, ensure};
use blazing_sun::kernel::id;
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use crate::http::Client;

/// Somebody.
pub struct Person {
    /// The account.
    pub id: Uuid,
    /// An access token, good for a quarter of an hour.
    pub token: String,
    /// A wallet.
    pub wallet: Uuid,
    /// A category of the starting set.
    pub category: Uuid,
}

impl Person {
    /// Somebody new.
    pub async fn new(client: &mut Client, pool: &PgPool) -> anyhow::Result<Self> {
        let email = format!("{}@example.com", id::new().simple());
        let body = format!(r#"{{"email":"{email}","password":"correct horse battery"}}"#);
        let status = client.post("/api/v1/auth/sign-up", &body).await?;
        ensure!(status == 202, "sign-up: status {status}");
        // Instead of the link in the mail.
        let id = sqlx::query_scalar(
            "UPDATE users SET status = 'active', activated_at = now() WHERE email = $1 RETURNING id",
        )
        .bind(&email)
        .fetch_one(pool)
        .await?;
        let body =
            format!(r#"{{"email":"{email}","password":"correct horse battery","kind":"client"}}"#);
        let answer = json(client, "POST", "/api/v1/auth/sign-in", "", &body).await?;
        let token = answer["tokens"]["access_token"]
            .as_str()
            .context("no token")?
            .to_owned();
        let body = r#"{"name":"Bank","kind":"bank","currency":"EUR","opening_balance":0}"#;
        let wallet = json(client, "POST", "/api/v1/wallets", &token, body).await?;
        let categories = json(client, "GET", "/api/v1/categories", &token, "").await?;
        Ok(Self {
            id,
            wallet: id_in(&wallet)?,
            category: id_in(&categories["categories"][0])?,
            token,
        })
    }
}

/// Asks for something that there has to be.
pub async fn json(
    client: &mut Client,
    method: &str,
    path: &str,
    token: &str,
    body: &str,
) -> anyhow::Result<Value> {
    let (status, answer) = client.ask(method, path, token, body).await?;
    ensure!(
        (200..300).contains(&status),
        "{method} {path}: status {status}: {answer}"
    );
    Ok(serde_json::from_str(&answer)?)
}

fn id_in(value: &Value) -> anyhow::Result<Uuid> {
    Ok(value["id"].as_str().context("no id")?.parse()?)
}
