//! `Idempotency-Key`: a request that creates something can be repeated, and is done once
//! (draft-ietf-httpapi-idempotency-key-header).
//!
//! A handler takes [`Idempotency`] before the body and gives its use case to [`Idempotency::once`]. Whoever repeats a request
//! with its key within a day gets the same answer. What says `Cache-Control: no-store`, as everything does that shows a secret,
//! is not kept; then it is only told that the request was done. What fails is not kept either, and may be tried again.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::{Ready, ready};
use std::rc::Rc;

use actix_web::body::MessageBody;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderName, LOCATION, TRANSFER_ENCODING,
};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use futures_util::StreamExt;
use sha2::{Digest, Sha256};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{ObjectBuilder, Required, Type};

use crate::flow::ctx::{Cause, Ctx, Tx};
use crate::flow::idempotency::{self, Answer, Keyed, Taken};
use crate::web::problem::Problem;

/// The header that says which requests are the same.
pub const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
/// The same, as people write it.
pub const NAME: &str = "Idempotency-Key";
/// The header of an answer that was given before.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The headers that belong to an answer and are given again with it.
const KEPT: [HeaderName; 3] = [CONTENT_TYPE, ETAG, LOCATION];
/// The longest key.
const MAX_LENGTH: usize = 255;

/// What a request says of being the same as another; nothing, if it has no key.
pub struct Idempotency(Option<Marks>);

struct Marks {
    route: String,
    key_hash: [u8; 32],
    /// Of the address, and of the body as far as it was read.
    fingerprint: Rc<RefCell<Sha256>>,
}

impl Idempotency {
    /// Does the work in a transaction, commits it and answers, unless that was done before: then the answer is that of then.
    /// Without a key it is done each time.
    pub async fn once<F>(self, ctx: &Ctx, cause: Cause, work: F) -> Result<HttpResponse, Problem>
    where
        F: AsyncFnOnce(&mut Tx) -> Result<HttpResponse, Problem>,
    {
        let keyed = self.0.map(|marks| marks.by(&cause)).transpose()?;
        let mut tx = ctx.begin(cause).await?;
        match attempt(&mut tx, keyed.as_ref(), work).await {
            Ok(answer) => {
                tx.commit().await?;
                Ok(answer)
            }
            Err(problem) => {
                // Before the answer, and not some time after it: who tries again at once finds the key free.
                drop(tx.rollback().await);
                Err(problem)
            }
        }
    }
}

async fn attempt<F>(tx: &mut Tx, keyed: Option<&Keyed>, work: F) -> Result<HttpResponse, Problem>
where
    F: AsyncFnOnce(&mut Tx) -> Result<HttpResponse, Problem>,
{
    let Some(keyed) = keyed else {
        return work(tx).await;
    };
    if let Some(answer) = before(idempotency::take(tx, keyed).await?)? {
        return Ok(answer);
    }
    let answer = work(tx).await?;
    keep(tx, keyed, answer).await
}

impl Marks {
    fn by(self, cause: &Cause) -> Result<Keyed, Problem> {
        let account = cause
            .actor
            .ok_or_else(|| Problem::internal(&"nobody's request has an idempotency key"))?;
        Ok(Keyed {
            account,
            route: self.route,
            key_hash: self.key_hash,
            fingerprint: self.fingerprint.take().finalize().into(),
        })
    }
}

/// The answer to a request that was made before, if it was.
fn before(taken: Taken) -> Result<Option<HttpResponse>, Problem> {
    match taken {
        Taken::Fresh => Ok(None),
        Taken::Answered(answer) => again(answer).map(Some),
        Taken::Busy => Err(Problem::conflict(
            "idempotency_busy",
            "A request with this Idempotency-Key is outstanding. Repeat yours in a moment to get its answer.",
        )),
        Taken::Mismatch => Err(Problem::unprocessable(
            "idempotency_mismatch",
            "This Idempotency-Key is already used, for a request that was not the same. Use a new key for a new request.",
        )),
        Taken::Spent => Err(Problem::conflict(
            "idempotency_spent",
            "A request with this Idempotency-Key was done, and the secret in its answer is not shown again. If you have not \
             got it, remove what was made, and make another with a new key.",
        )),
    }
}

/// An answer that was kept.
fn again(answer: Answer) -> Result<HttpResponse, Problem> {
    let status = StatusCode::from_u16(answer.status).map_err(|error| Problem::internal(&error))?;
    let mut response = HttpResponse::build(status);
    for header in answer.headers {
        response.insert_header(header);
    }
    response.insert_header((REPLAYED, "true"));
    Ok(response.body(answer.body))
}

/// Notes what is answered, and gives it back.
async fn keep(tx: &mut Tx, keyed: &Keyed, answer: HttpResponse) -> Result<HttpResponse, Problem> {
    if !answer.status().is_success() {
        return Ok(answer);
    }
    let status = answer.status().as_u16();
    if shows_a_secret(&answer) {
        idempotency::keep(tx, keyed, status, None).await?;
        return Ok(answer);
    }
    let headers = kept_headers(&answer)?;
    let (answer, body) = answer.into_parts();
    let body = body
        .try_into_bytes()
        .map_err(|_| Problem::internal(&"a stream cannot be answered again"))?;
    let kept = Answer {
        status,
        headers,
        body: body.to_vec(),
    };
    idempotency::keep(tx, keyed, status, Some(&kept)).await?;
    Ok(answer.set_body(body).map_into_boxed_body())
}

/// Whether nothing that the answer says may be stored, by whomever.
fn shows_a_secret(answer: &HttpResponse) -> bool {
    answer
        .headers()
        .get_all(CACHE_CONTROL)
        .any(|value| String::from_utf8_lossy(value.as_bytes()).contains("no-store"))
}

fn kept_headers(answer: &HttpResponse) -> Result<BTreeMap<String, String>, Problem> {
    let mut kept = BTreeMap::new();
    for name in KEPT {
        if let Some(value) = answer.headers().get(&name) {
            let value = value.to_str().map_err(|error| Problem::internal(&error))?;
            kept.insert(name.as_str().to_owned(), value.to_owned());
        }
    }
    Ok(kept)
}

impl FromRequest for Idempotency {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(marks(request, payload).map(Self))
    }
}

impl IntoParams for Idempotency {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let key = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(MAX_LENGTH));
        let parameter = ParameterBuilder::new()
            .name(NAME)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(
                "A string of your choice, such as a UUID. Whoever sends the same request with the same key within 24 hours \
                 gets the same answer, and nothing is done again.",
            ))
            .schema(Some(key));
        vec![parameter.build()]
    }
}

/// Reads the key, and has the fingerprint taken from the body while that is read.
fn marks(request: &HttpRequest, payload: &mut Payload) -> Result<Option<Marks>, Problem> {
    if has_body(request) && matches!(payload, Payload::None) {
        // Every body would be the same as any other.
        return Err(Problem::internal(
            &"Idempotency has to stand before what takes the body",
        ));
    }
    let mut values = request.headers().get_all(HEADER);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let key = key(value.as_bytes()).filter(|_| values.next().is_none());
    let key = key.ok_or_else(malformed)?;
    let pattern = request.match_pattern();
    let path = pattern.as_deref().unwrap_or_else(|| request.path());
    let address = request.uri().path_and_query().map_or("", |it| it.as_str());
    let fingerprint = Rc::new(RefCell::new(
        Sha256::new().chain_update(address).chain_update([0]),
    ));
    let reading = Rc::clone(&fingerprint);
    let body = payload.take().inspect(move |chunk| {
        if let Ok(bytes) = chunk {
            reading.borrow_mut().update(bytes);
        }
    });
    *payload = Payload::Stream {
        payload: Box::pin(body),
    };
    Ok(Some(Marks {
        route: format!("{} {path}", request.method()),
        key_hash: Sha256::digest(key).into(),
        fingerprint,
    }))
}

fn has_body(request: &HttpRequest) -> bool {
    let headers = request.headers();
    let is_long = |length: &[u8]| length != b"0";
    headers.contains_key(TRANSFER_ENCODING)
        || headers
            .get(CONTENT_LENGTH)
            .is_some_and(|length| is_long(length.as_bytes()))
}

/// The key in a header: a string of RFC 9651, as the draft has it, or the same without quotes, as many programs send it.
fn key(value: &[u8]) -> Option<Vec<u8>> {
    let key = match value.strip_prefix(b"\"") {
        Some(rest) => unquoted(rest.strip_suffix(b"\"")?)?,
        None => value.to_vec(),
    };
    let is_fine = (1..=MAX_LENGTH).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic);
    is_fine.then_some(key)
}

/// What stands between quotes, where a backslash comes before a quote and before itself.
fn unquoted(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = text.iter().copied();
    let mut found = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        found.push(match byte {
            b'"' => return None,
            b'\\' => bytes.next().filter(|next| b"\"\\".contains(next))?,
            other => other,
        });
    }
    Some(found)
}

fn malformed() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "malformed_idempotency_key",
        "Idempotency-Key has to be one string of 1 to 255 visible ASCII characters, such as \
         \"8e03978e-40d5-43dd-bc93-6894a57f9324\".",
    )
}

#[cfg(test)]
mod tests {
    use actix_web::ResponseError;
    use actix_web::test::TestRequest;
    use actix_web::web::{Bytes, BytesMut};
    use proptest::prelude::*;

    use super::*;

    fn read(value: &str) -> Option<String> {
        key(value.as_bytes()).map(|key| String::from_utf8(key).expect("ASCII"))
    }

    #[test]
    fn a_key_is_a_string_of_visible_characters_in_quotes_or_without() {
        let longest = "k".repeat(255);
        for (value, expected) in [
            ("\"8e03978e\"", Some("8e03978e")),
            ("8e03978e", Some("8e03978e")),
            (r#""a\"b\\c""#, Some(r#"a"b\c"#)),
            ("~!,;=", Some("~!,;=")),
            (&longest, Some(longest.as_str())),
            (&format!("\"{longest}\""), Some(longest.as_str())),
            (&format!("{longest}k"), None),
            ("", None),
            ("\"\"", None),
            ("\"", None),
            ("\"a", None),
            (r#""a\""#, None),
            (r#""a\b""#, None),
            (r#""a"b""#, None),
            ("\"a\", \"b\"", None),
            ("\"a\";p=1", None),
            ("a b", None),
            ("\"a b\"", None),
            ("a\tb", None),
            ("ä", None),
            ("\u{7f}", None),
        ] {
            assert_eq!(read(value).as_deref(), expected, "{value}");
        }
    }

    /// The fingerprint of a request whose body comes in these pieces.
    async fn fingerprint(path: &str, pieces: &'static [&'static str]) -> [u8; 32] {
        let request = TestRequest::post().uri(path).insert_header((HEADER, "k"));
        let request = request.to_http_request();
        let pieces = pieces
            .iter()
            .map(|piece| Ok(Bytes::from_static(piece.as_bytes())));
        let mut payload: Payload = Payload::Stream {
            payload: Box::pin(futures_util::stream::iter(pieces)),
        };
        let marks = marks(&request, &mut payload)
            .expect("marks")
            .expect("a key");
        let mut read = BytesMut::new();
        while let Some(chunk) = payload.next().await {
            read.extend_from_slice(&chunk.expect("a piece"));
        }
        marks.fingerprint.take().finalize().into()
    }

    #[tokio::test]
    async fn a_fingerprint_is_of_the_address_and_the_whole_body() {
        let one = fingerprint("/a", &["{\"n\":", "1}"]).await;

        assert_eq!(fingerprint("/a", &["{\"n\":1}"]).await, one);
        for (path, pieces) in [
            ("/a", &["{\"n\":", "2}"] as &[&str]),
            ("/a", &["{\"n\":"]),
            ("/a", &[]),
            ("/b", &["{\"n\":1}"]),
            ("/a?x", &["{\"n\":1}"]),
        ] {
            assert_ne!(fingerprint(path, pieces).await, one, "{path} {pieces:?}");
        }
    }

    #[test]
    fn a_handler_that_takes_the_body_first_is_refused_with_a_key_and_without() {
        for (header, value, status) in [
            (CONTENT_LENGTH, "2", Some(500)),
            (TRANSFER_ENCODING, "chunked", Some(500)),
            (CONTENT_LENGTH, "0", None),
        ] {
            let request = TestRequest::post().insert_header((header, value));
            let outcome = marks(&request.to_http_request(), &mut Payload::None);
            let found = outcome.err().map(|problem| problem.status_code().as_u16());
            assert_eq!(found, status, "{value}");
        }
    }

    #[test]
    fn two_keys_are_none() {
        let request = TestRequest::post()
            .append_header((HEADER, "a"))
            .append_header((HEADER, "a"))
            .to_http_request();

        let refused = marks(&request, &mut Payload::None)
            .err()
            .expect("a refusal");

        assert_eq!(refused.status_code().as_u16(), 400);
    }

    proptest! {
        #[test]
        fn any_header_is_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Some(key) = key(&bytes) {
                prop_assert!((1..=255).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic));
            }
        }
    }
}
