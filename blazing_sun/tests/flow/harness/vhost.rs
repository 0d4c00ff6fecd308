//! A virtual host of a world's own in RabbitMQ.

use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use blazing_sun::infra::rabbitmq;
use blazing_sun::kernel::id;
use secrecy::ExposeSecret;

use crate::support::{Variables, block_on, exchange};

/// A virtual host that is deleted with this value.
pub struct Vhost {
    settings: rabbitmq::Settings,
    management: String,
}

impl Vhost {
    /// A new one. The user has to be an administrator.
    pub async fn create(settings: &rabbitmq::Settings, variables: &Variables) -> Self {
        let port = variables
            .get("RABBITMQ_MANAGEMENT_PORT")
            .map_or("15672", String::as_str);
        let vhost = Self {
            management: format!("{}:{port}", settings.host),
            settings: rabbitmq::Settings {
                vhost: format!("test_{}", id::new().simple()),
                ..settings.clone()
            },
        };
        let (name, user) = (&vhost.settings.vhost, &vhost.settings.user);
        vhost.ask("PUT", &format!("vhosts/{name}"), "").await;
        let everything = r#"{"configure":".*","write":".*","read":".*"}"#;
        vhost
            .ask("PUT", &format!("permissions/{name}/{user}"), everything)
            .await;
        vhost
    }

    /// How it is reached.
    pub fn settings(&self) -> &rabbitmq::Settings {
        &self.settings
    }

    async fn ask(&self, method: &str, path: &str, body: &str) {
        let password = self.settings.password.expose_secret();
        let credentials = BASE64.encode(format!("{}:{password}", self.settings.user));
        let request = format!(
            "{method} /api/{path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\nauthorization: Basic {credentials}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let (status, _, answer) = exchange(&self.management, &request).await;
        assert!(
            (200..300).contains(&status),
            "RabbitMQ's management answers {status} to {method} {path}: {answer}"
        );
    }
}

impl Drop for Vhost {
    fn drop(&mut self) {
        let path = format!("vhosts/{}", self.settings.vhost);
        let deleted = thread::scope(|scope| {
            scope
                .spawn(|| block_on(self.ask("DELETE", &path, "")))
                .join()
        });
        assert!(
            deleted.is_ok() || thread::panicking(),
            "the virtual host was not deleted"
        );
    }
}
