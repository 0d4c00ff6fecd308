//! The envelope around handlers that misbehave, which the application itself does not have.

use actix_web::body::to_bytes;
use actix_web::dev::Service;
use actix_web::middleware::from_fn;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, web};
use serde_json::{Value, json};

use super::*;
use crate::web::extractors;
use crate::web::problem;

async fn panicking() -> HttpResponse {
    panic!("a secret of the inside")
}

async fn echo(body: web::Json<Value>) -> web::Json<Value> {
    body
}

async fn answer(request: TestRequest) -> (StatusCode, Value) {
    let (failures, _told) = Failures::channel();
    answer_and_note(request, failures).await
}

async fn answer_and_note(request: TestRequest, failures: Failures) -> (StatusCode, Value) {
    let limits = Limits {
        max_body_bytes: 16,
        request_timeout: Duration::from_millis(10),
    };
    let app = App::new()
        .configure(|routes| extractors::configure(routes, limits.max_body_bytes))
        .app_data(Data::new(limits))
        .app_data(Data::new(failures))
        .app_data(Data::new(
            Metrics::new(crate::infra::measures::Measures::default()).expect("metrics"),
        ))
        .route("/panic", web::to(panicking))
        .route("/hang", web::to(std::future::pending::<HttpResponse>))
        .route("/echo", web::post().to(echo))
        .wrap(from_fn(envelope));
    let response = match init_service(app).await.call(request.to_request()).await {
        Ok(response) => response.into_parts().1,
        Err(error) => error.error_response(),
    };
    assert!(response.headers().contains_key(request_id::HEADER));
    let status = response.status();
    if !status.is_success() {
        assert_eq!(
            response.headers().get(CONTENT_TYPE).expect("a type"),
            problem::CONTENT_TYPE
        );
    }
    let body = to_bytes(response.into_body()).await.expect("a body");
    (status, serde_json::from_slice(&body).expect("JSON"))
}

fn post(body: &'static str) -> TestRequest {
    TestRequest::post()
        .uri("/echo")
        .insert_header((CONTENT_TYPE, "application/json"))
        .set_payload(body)
}

#[actix_web::test]
async fn a_panic_is_answered_without_a_word_about_the_inside() {
    let (status, body) = answer(TestRequest::get().uri("/panic")).await;

    assert_eq!(status, 500);
    assert_eq!(
        body,
        json!({ "type": "/problems/internal", "title": "Internal Server Error", "status": 500 })
    );
}

#[actix_web::test]
async fn a_request_that_takes_too_long_is_given_up() {
    let (status, body) = answer(TestRequest::get().uri("/hang")).await;

    assert_eq!(
        (status.as_u16(), &body["type"]),
        (503, &json!("/problems/timeout"))
    );
}

#[actix_web::test]
async fn what_failed_by_our_fault_is_told_by_its_route_and_its_id() {
    let (failures, mut told) = Failures::channel();
    for path in ["/panic", "/hang", "/nowhere"] {
        let request = TestRequest::get()
            .uri(path)
            .insert_header((request_id::HEADER, "of-the-client"));
        answer_and_note(request, failures.clone()).await;
    }

    let failure = |route: &str, status, kind| Failure {
        method: "GET".to_owned(),
        route: route.to_owned(),
        status,
        request_id: "of-the-client".to_owned(),
        kind,
    };
    assert_eq!(told.next_now(), Some(failure("/panic", 500, "panic")));
    assert_eq!(told.next_now(), Some(failure("/hang", 503, "timeout")));
    assert_eq!(told.next_now(), None);
}

#[actix_web::test]
async fn a_body_within_its_bound_arrives() {
    assert_eq!(
        answer(post("{\"a\":1}")).await,
        (StatusCode::OK, json!({ "a": 1 }))
    );
}

#[actix_web::test]
async fn malformed_json_is_a_bad_request_that_says_where() {
    let (status, body) = answer(post("{\"a\":")).await;

    assert_eq!(
        (status.as_u16(), &body["type"]),
        (400, &json!("/problems/malformed_json"))
    );
    assert!(
        body["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("column 5"))
    );
}

#[actix_web::test]
async fn a_body_of_another_type_is_refused() {
    let (status, body) = answer(post("a").insert_header((CONTENT_TYPE, "text/plain"))).await;

    assert_eq!(
        (status.as_u16(), &body["type"]),
        (415, &json!("/problems/unsupported_media_type"))
    );
}

#[actix_web::test]
async fn a_large_body_is_refused_even_when_its_length_was_not_declared() {
    let (status, body) = answer(post("[1,2,3,4,5,6,7,8,9]")).await;

    assert_eq!(
        (status.as_u16(), &body["type"]),
        (413, &json!("/problems/payload_too_large"))
    );
}

#[actix_web::test]
async fn a_large_declared_body_is_refused_before_it_is_read() {
    let (status, body) = answer(post("").insert_header((CONTENT_LENGTH, "17"))).await;

    assert_eq!(
        (status.as_u16(), &body["type"]),
        (413, &json!("/problems/payload_too_large"))
    );
}

#[actix_web::test]
async fn what_the_framework_answers_itself_is_a_problem_too() {
    let (status, body) = answer(TestRequest::get().uri("/nowhere")).await;

    assert_eq!(
        (status.as_u16(), &body["type"]),
        (404, &json!("/problems/not_found"))
    );
}
