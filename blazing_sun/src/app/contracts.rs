//! The contracts as documents.

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::flow::asyncapi;
use crate::flow::catalogue::Catalogue;

/// `GET /asyncapi.json`
pub async fn asyncapi(catalogue: Data<Catalogue>) -> HttpResponse {
    HttpResponse::Ok().json(asyncapi::document(&catalogue))
}
