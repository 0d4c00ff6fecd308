//! Every address that answers.

use actix_web::web::{Data, ServiceConfig, to};

use crate::accounts::{self, Accounts};
use crate::app::{contracts, dev_mails, home};
use crate::feed::{self, Feed};
use crate::ledger::{self, Ledger};
use crate::mail::Mails;
use crate::monitor;
use crate::web::routes::{get, not_found};
use crate::web::{health, metrics, openapi, page};

/// Registers what every process answers, whatever its roles; what matches nothing is `not_found`.
pub fn operations(routes: &mut ServiceConfig) {
    routes
        .service(get("/health", health::summary))
        .service(get("/health/live", health::live))
        .service(get("/health/ready", health::ready))
        .service(get("/metrics", metrics::show))
        .default_service(to(not_found));
}

/// Registers the product, and the previews of these mails, if they are to be seen.
pub fn product(
    routes: &mut ServiceConfig,
    accounts: &Accounts,
    ledger: &Ledger,
    feed: &Feed,
    previewed: Option<&Data<Mails>>,
) {
    let documents = [
        accounts::document(),
        ledger::document(),
        feed::document(),
        monitor::document(),
    ];
    let document = openapi::document(documents.concat());
    routes
        .service(get("/", home::show))
        .configure(page::configure)
        .service(get("/asyncapi.json", contracts::asyncapi))
        .configure(|routes| openapi::configure(routes, &document))
        .configure(|routes| accounts::configure(routes, accounts))
        .configure(|routes| ledger::configure(routes, ledger))
        .configure(|routes| feed::configure(routes, feed))
        .configure(monitor::configure);
    if let Some(mails) = previewed {
        dev_mails::configure(routes, mails);
    }
}
