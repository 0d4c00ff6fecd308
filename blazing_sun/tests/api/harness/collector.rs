//! A collector of traces that keeps what it is told.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::{Bytes, Data, PayloadConfig};
use actix_web::{App, HttpResponse, HttpServer, web};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use prost::Message;

use crate::support::soon;

/// A span as it was told.
#[derive(Clone, Debug)]
pub struct Span {
    /// The trace, in hexadecimal digits.
    pub trace: String,
    /// Its id.
    pub id: String,
    /// The span that it is part of; empty if it is the first.
    pub parent: String,
    /// Its name.
    pub name: String,
    /// Its kind, as the protocol numbers it.
    pub kind: i32,
    /// Whether it failed.
    pub failed: bool,
    /// What is said of it.
    pub attributes: BTreeMap<String, String>,
    /// What is said of the process.
    pub resource: BTreeMap<String, String>,
}

type Spans = Arc<Mutex<Vec<Span>>>;

/// A running collector.
pub struct Collector {
    port: u16,
    spans: Spans,
    server: ServerHandle,
}

impl Collector {
    /// One on a free port.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let spans = Spans::default();
        let kept = Data::new(Arc::clone(&spans));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(kept.clone())
                .app_data(PayloadConfig::new(16 << 20))
                .route("/v1/traces", web::post().to(take))
        })
        .workers(1)
        .disable_signals()
        .listen(listener)
        .expect("a listener")
        .run();
        let handle = server.handle();
        drop(tokio::spawn(server));
        Self {
            port,
            spans,
            server: handle,
        }
    }

    /// Where it is.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Everything that it was told so far.
    pub fn spans(&self) -> Vec<Span> {
        self.spans.lock().expect("no panic").clone()
    }

    /// Waits until it was told of so many spans of a name.
    pub async fn until(&self, name: &str, count: usize) {
        let is_told = || self.spans().iter().filter(|span| span.name == name).count() >= count;
        let waiting = async {
            while !is_told() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        soon(name, waiting).await;
    }

    /// Ends it.
    pub async fn end(self) {
        self.server.stop(false).await;
    }
}

async fn take(body: Bytes, spans: Data<Spans>) -> HttpResponse {
    let told = ExportTraceServiceRequest::decode(body).expect("OTLP");
    let mut spans = spans.lock().expect("no panic");
    for process in told.resource_spans {
        let resource = texts(process.resource.unwrap_or_default().attributes);
        for span in process
            .scope_spans
            .into_iter()
            .flat_map(|scope| scope.spans)
        {
            assert!(span.events.is_empty(), "{span:?}");
            spans.push(Span {
                trace: hex(&span.trace_id),
                id: hex(&span.span_id),
                parent: hex(&span.parent_span_id),
                name: span.name,
                kind: span.kind,
                failed: span.status.is_some_and(|status| status.code == 2),
                attributes: texts(span.attributes),
                resource: resource.clone(),
            });
        }
    }
    let answer = ExportTraceServiceResponse::default().encode_to_vec();
    HttpResponse::Ok()
        .content_type("application/x-protobuf")
        .body(answer)
}

fn texts(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let texts = attributes.into_iter().map(|attribute| {
        let text = match attribute.value.and_then(|AnyValue { value }| value) {
            Some(Value::StringValue(text)) => text,
            Some(Value::IntValue(number)) => number.to_string(),
            other => format!("{other:?}"),
        };
        (attribute.key, text)
    });
    texts.collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a text");
        text
    })
}
