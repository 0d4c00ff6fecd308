//! From the payload of the job to the letter that arrives.

use std::sync::Arc;

use async_trait::async_trait;
use blazing_sun::flow::ctx::Ctx;
use blazing_sun::flow::job::{Job, JobError};
use blazing_sun::flow::metrics::FlowMetrics;
use blazing_sun::infra::measures::Measures;
use blazing_sun::kernel::clock::SystemClock;
use blazing_sun::kernel::id;
use blazing_sun::mail::{
    ComposeError, Mail, MailMeasures, Mails, Message, SendEmail, Site, somebody,
};
use mail_parser::MessageParser;
use minijinja::context;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPool};
use uuid::Uuid;

use crate::harness::{Received, Script, Server, mailbox, post, settings};

const LINK: &str =
    "https://sun.example/activate?token=a_very-long_token-which_no-line_holds&lang=en";

/// A mail that is written from its own payload, so that no test of this file needs a database.
#[derive(Serialize, Deserialize)]
struct Activation {
    account: Uuid,
    wanted: Wanted,
}

#[derive(Serialize, Deserialize)]
enum Wanted {
    Sent,
    AccountGone,
    BadAddress,
    NoDatabase,
    ForgottenVariable,
}

#[async_trait]
impl Mail for Activation {
    const NAME: &'static str = "activation";
    const SUMMARY: &'static str = "Confirms an address.";

    type Tools = &'static str;

    async fn compose(&self, link: &Self::Tools, _: &Ctx) -> Result<Option<Message>, ComposeError> {
        let (to, context) = match self.wanted {
            Wanted::AccountGone => return Ok(None),
            Wanted::BadAddress => ("nobody".parse()?, context! {}),
            Wanted::NoDatabase => return Err(sqlx::Error::PoolTimedOut.into()),
            Wanted::ForgottenVariable => (mailbox("ada@mail.example"), context! { hours => 1 }),
            Wanted::Sent => (
                mailbox("Ada Lovelace <ada@mail.example>"),
                context! { link => link, hours => 48 },
            ),
        };
        Ok(Some(Message {
            to,
            subject: "Activate your account ☀".to_owned(),
            template: "activation",
            context,
        }))
    }

    fn sample(link: &Self::Tools) -> Message {
        Message {
            to: somebody(),
            subject: "Activate your account ☀".to_owned(),
            template: "activation",
            context: context! { link => link, hours => 48 },
        }
    }
}

fn job(wanted: Wanted) -> SendEmail {
    let account = Uuid::nil();
    SendEmail::of(&Activation { account, wanted }).expect("a payload")
}

/// The mails of a test, sent by way of `server`.
fn mails(server: &Server) -> Mails {
    let measures = MailMeasures::new(&Measures::default()).expect("metrics");
    mails_counted_by(server, measures)
}

fn mails_counted_by(server: &Server, measures: MailMeasures) -> Mails {
    let site = Site {
        name: "Blazing Sun".to_owned(),
        url: "https://sun.example".to_owned(),
    };
    let mails = Mails::new(post(&settings(server)), site, measures).expect("the templates compile");
    mails.with::<Activation>(LINK)
}

/// Surroundings whose database is never asked.
fn ctx() -> Ctx {
    let nowhere = PgPool::connect_lazy_with(PgConnectOptions::new_without_pgpass());
    let metrics = FlowMetrics::new(&Measures::default()).expect("metrics");
    Ctx::new(nowhere, Arc::new(SystemClock), metrics)
}

async fn send(server: &Server, job: &SendEmail, id: Uuid) -> Result<(), JobError> {
    job.send(&mails(server), &ctx(), id).await
}

fn message_id(letter: &Received) -> String {
    let mail = MessageParser::default()
        .parse(&letter.wire)
        .expect("a mail");
    mail.message_id().expect("a Message-ID").to_owned()
}

#[tokio::test]
async fn a_mail_arrives_with_both_parts() {
    let server = Server::start(Script::default()).await;

    send(&server, &job(Wanted::Sent), id::new())
        .await
        .expect("sent");

    let letter = &server.letters()[0];
    assert_eq!(
        (letter.from.as_str(), letter.to.as_str()),
        ("noreply@sun.example", "ada@mail.example")
    );
    let mail = MessageParser::default()
        .parse(&letter.wire)
        .expect("a mail");
    assert_eq!(mail.subject(), Some("Activate your account ☀"));
    let to = mail.to().and_then(|to| to.first()).expect("a recipient");
    assert_eq!(
        (to.name(), to.address()),
        (Some("Ada Lovelace"), Some("ada@mail.example"))
    );
    assert_eq!((mail.text_body_count(), mail.html_body_count()), (1, 1));
    assert!(mail.body_text(0).expect("a text").contains(LINK));
    let html = mail.body_html(0).expect("HTML");
    assert!(
        html.contains("Activate my account") && html.contains("48 hours"),
        "{html}"
    );
    assert!(letter.wire.is_ascii());
    assert!(!letter.wire.replace("\r\n", "").contains(['\r', '\n']));
}

#[tokio::test]
async fn a_mail_that_is_sent_again_keeps_its_message_id() {
    let server = Server::start(Script::default()).await;
    let (one, other) = (id::new(), id::new());

    for id in [one, one, other] {
        send(&server, &job(Wanted::Sent), id).await.expect("sent");
    }

    let ids: Vec<String> = server.letters().iter().map(message_id).collect();
    let expected = [one, one, other].map(|id| format!("{id}@sun.example"));
    assert_eq!(ids, expected);
}

#[tokio::test]
async fn a_mail_to_nobody_is_done_without_a_letter() {
    let server = Server::start(Script::default()).await;

    send(&server, &job(Wanted::AccountGone), id::new())
        .await
        .expect("done");

    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn what_cannot_succeed_is_discarded() {
    let server = Server::start(Script::default().answering("RCPT", "550 no such user")).await;
    let unknown = json!({ "mail": "no_such_mail", "data": {} });
    let unreadable = json!({ "mail": "activation", "data": { "account": 7 } });

    for job in [
        serde_json::from_value(unknown).expect("a payload"),
        serde_json::from_value(unreadable).expect("a payload"),
        job(Wanted::BadAddress),
        job(Wanted::Sent),
    ] {
        let result = send(&server, &job, id::new()).await;
        assert!(matches!(result, Err(JobError::Discard(_))), "{result:?}");
    }
}

#[tokio::test]
async fn what_may_succeed_later_is_tried_again() {
    let server = Server::start(Script::default().answering("RCPT", "451 later")).await;

    for job in [
        job(Wanted::NoDatabase),
        job(Wanted::ForgottenVariable),
        job(Wanted::Sent),
    ] {
        let result = send(&server, &job, id::new()).await;
        assert!(matches!(result, Err(JobError::Retry(_))), "{result:?}");
    }
}

#[tokio::test]
async fn the_payload_names_the_mail_and_carries_its_ids() {
    let payload = serde_json::to_value(job(Wanted::Sent)).expect("a payload");

    let data = json!({ "account": Uuid::nil(), "wanted": "Sent" });
    assert_eq!(payload, json!({ "mail": "activation", "data": data }));
    assert_eq!(SendEmail::NAME, "send_email");
}

#[tokio::test]
async fn every_mail_is_listed_for_the_documents() {
    let server = Server::start(Script::default()).await;

    let listed: Vec<_> = mails(&server).list().collect();

    assert_eq!(listed, [("activation", "Confirms an address.")]);
}

#[tokio::test]
async fn a_mail_can_be_looked_at_without_being_sent() {
    let server = Server::start(Script::default()).await;
    let mails = mails(&server);

    let preview = mails.preview("activation").expect("a mail");
    let preview = preview.expect("a sample");

    assert_eq!(preview.subject, "Activate your account ☀");
    assert!(preview.rendered.text.contains(LINK));
    assert!(preview.rendered.html.contains("Activate my account"));
    assert!(mails.preview("no_such_mail").is_none());
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn an_attempt_counts_as_what_the_server_made_of_it() {
    let measures = Measures::default();
    let counted = MailMeasures::new(&measures).expect("metrics");
    for reply in [
        "250 ok",
        "451 4.7.1 later",
        "451 4.7.1 later",
        "550 5.1.1 nobody",
    ] {
        let server = Server::start(Script::default().answering("RCPT", reply)).await;
        let mails = mails_counted_by(&server, counted.clone());
        drop(job(Wanted::Sent).send(&mails, &ctx(), id::new()).await);
    }

    let shown = prometheus::TextEncoder::new()
        .encode_to_string(&measures.gather())
        .expect("text");
    for line in [
        r#"mails_total{outcome="sent"} 1"#,
        r#"mails_total{outcome="failed"} 2"#,
        r#"mails_total{outcome="refused"} 1"#,
        "mail_duration_seconds_count 4",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line}: {shown}");
    }
}
