//! The OpenAPI document: what the features say of their addresses, and what holds for all of them.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, ContentEncoding, X_CONTENT_TYPE_OPTIONS};
use actix_web::web::{Data, Path, Redirect, ServiceConfig};
use utoipa::openapi::path::{HttpMethod, Operation};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, HeaderBuilder, Info, ObjectBuilder, OpenApi, Paths, Ref, RefOr,
    Response, ResponseBuilder, Type,
};
use utoipa::{PartialSchema, ToSchema};
use utoipa_swagger_ui::Config;

use crate::web::cookies;
use crate::web::idempotency;
use crate::web::problem::{self, CONTENT_TYPE};
use crate::web::routes::get;

/// Where the document is.
pub const PATH: &str = "/api/v1/openapi.json";

/// What the page to try the interface may load and ask: it writes styles of its own, and its pictures come as `data:`.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// An error, as RFC 9457 has it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what web::problem writes")]
struct Problem {
    /// Tells kinds of problems apart; never changes.
    #[schema(format = "uri-reference", example = "/problems/invalid_fields")]
    r#type: String,
    /// The name of the status.
    title: String,
    /// The status.
    status: u16,
    /// What to do.
    detail: Option<String>,
    /// What is wrong with which field.
    errors: Option<Vec<FieldError>>,
}

/// What is wrong with a field.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what web::problem writes")]
struct FieldError {
    /// A JSON pointer to the field.
    #[schema(format = "json-pointer")]
    pointer: String,
    /// What is wrong with it.
    detail: String,
}

/// The document of the whole interface.
#[must_use]
pub fn document(parts: Vec<OpenApi>) -> OpenApi {
    let mut info = Info::new("Blazing Sun", env!("CARGO_PKG_VERSION"));
    info.description = Some(
        "Errors are application/problem+json with a stable `type`. A browser signs in with a cookie, a program with a \
         token behind `Authorization: Bearer`."
            .to_owned(),
    );
    let mut document = OpenApi::new(info, Paths::new());
    for part in parts {
        document.merge(part);
    }
    let components = document.components.get_or_insert_with(Components::new);
    components.add_security_scheme(
        "session",
        SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(cookies::SESSION))),
    );
    components.add_security_scheme(
        "bearer",
        SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build()),
    );
    components
        .schemas
        .insert("Problem".to_owned(), Problem::schema());
    components
        .schemas
        .insert("FieldError".to_owned(), FieldError::schema());
    for item in document.paths.paths.values_mut() {
        for (method, operation) in [
            (HttpMethod::Get, &mut item.get),
            (HttpMethod::Post, &mut item.post),
            (HttpMethod::Put, &mut item.put),
            (HttpMethod::Patch, &mut item.patch),
            (HttpMethod::Delete, &mut item.delete),
        ] {
            if let Some(operation) = operation {
                complete(operation, method != HttpMethod::Get);
            }
        }
    }
    document
}

/// Adds the errors that an operation of its kind may answer.
fn complete(operation: &mut Operation, changes: bool) {
    let mut errors = vec![
        ("400", "The request is malformed."),
        ("429", "Too often; Retry-After says when to try again."),
        ("500", "A failure of ours."),
        ("503", "Too much to do, or something is away; try again."),
    ];
    if changes {
        errors.push(("403", "Another site began the request."));
    }
    if operation.security.is_some() {
        errors.push(("401", "Not signed in."));
        errors.push(("403", "Not allowed."));
    }
    if operation.request_body.is_some() {
        errors.extend([
            ("413", "The body is too large."),
            ("415", "The body is of another kind."),
            ("422", "A field is wrong; `errors` says which."),
        ]);
    }
    let parameters = operation.parameters.iter().flatten();
    let (keys, others): (Vec<_>, Vec<_>) =
        parameters.partition(|it| matches!(it, RefOr::T(it) if it.name == idempotency::NAME));
    if !others.is_empty() {
        errors.push(("404", "There is no such thing."));
    }
    let takes_a_key = !keys.is_empty();
    for (status, description) in errors {
        operation
            .responses
            .responses
            .entry(status.to_owned())
            .or_insert_with(|| RefOr::T(ResponseBuilder::new().description(description).build()));
    }
    if takes_a_key {
        add_repetitions(operation);
    }
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && response.description.is_empty()
        {
            response.description = name(status).to_owned();
        }
    }
    let errors = operation
        .responses
        .responses
        .iter_mut()
        .filter(|(status, _)| status.starts_with(['4', '5']));
    for (_, response) in errors {
        if let RefOr::T(response) = response
            && response.content.is_empty()
        {
            let content = ContentBuilder::new()
                .schema(Some(Ref::from_schema_name("Problem")))
                .build();
            response
                .content
                .insert(CONTENT_TYPE.to_owned(), RefOr::T(content));
        }
    }
}

/// Adds what an operation may answer to a request that was made before.
fn add_repetitions(operation: &mut Operation) {
    let responses = &mut operation.responses.responses;
    for (status, description) in [
        (
            "409",
            "A request with this Idempotency-Key is outstanding, or was answered with a secret, which is not shown again.",
        ),
        ("422", "Another request had this Idempotency-Key."),
    ] {
        let response = responses
            .entry(status.to_owned())
            .or_insert_with(|| RefOr::T(Response::default()));
        if let RefOr::T(response) = response {
            let told = format!("{} {description}", response.description);
            told.trim_start().clone_into(&mut response.description);
        }
    }
    for (status, response) in responses {
        if let RefOr::T(response) = response
            && status.starts_with('2')
        {
            let header = HeaderBuilder::new()
                .schema(Some(ObjectBuilder::new().schema_type(Type::Boolean)))
                .description(Some(
                    "Given if this was answered before, and not done again.",
                ))
                .build();
            response
                .headers
                .insert("Idempotency-Replayed".to_owned(), RefOr::T(header));
        }
    }
}

/// The name of a status.
fn name(status: &str) -> &'static str {
    let status = StatusCode::from_bytes(status.as_bytes()).ok();
    status
        .and_then(|status| status.canonical_reason())
        .unwrap_or("An answer")
}

/// Registers the document, and a page to try the interface, which loads nothing from elsewhere.
pub fn configure(routes: &mut ServiceConfig, document: &OpenApi) {
    let page = Config::new([PATH]).try_it_out_enabled(true);
    routes
        .app_data(Data::new(document.clone()))
        .app_data(Data::new(page))
        .service(get(PATH, show))
        .service(get("/docs", async || Redirect::to("/docs/")))
        .service(get("/docs/{file:.*}", page_file));
}

async fn show(document: Data<OpenApi>) -> HttpResponse {
    HttpResponse::Ok().json(document)
}

async fn page_file(
    file: Path<String>,
    page: Data<Config<'static>>,
) -> Result<HttpResponse, problem::Problem> {
    let found = utoipa_swagger_ui::serve(&file, page.into_inner())
        .map_err(|error| problem::Problem::internal(&error))?
        .ok_or_else(problem::Problem::not_found)?;
    let mut answer = HttpResponse::Ok();
    if found.gzpipped {
        answer.insert_header(ContentEncoding::Gzip);
    }
    Ok(answer
        .content_type(found.content_type)
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(found.bytes.into_owned()))
}
