//! What the application registers of the ledger.

use actix_web::web::{Data, ServiceConfig};
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;

use crate::flow::ctx::Ctx;
use crate::ledger::books::{self, Books};
use crate::ledger::{
    budgets, bulk, categories, checks, forecast, payees, rates, recurring, reports, rules, tags,
    transactions, trash, wallets,
};
use crate::web::access::Doorkeeper;

/// What is made once in a process.
#[derive(Clone)]
pub struct Ledger {
    books: Books,
}

impl Ledger {
    /// The ledger of those whom this doorkeeper knows.
    #[must_use]
    pub fn new(ctx: &Ctx, door: Data<dyn Doorkeeper>) -> Self {
        Self {
            books: Books::new(ctx.clone(), door),
        }
    }
}

/// Registers what handlers reach, and every address.
pub fn configure(routes: &mut ServiceConfig, ledger: &Ledger) {
    routes
        .app_data(Data::new(ledger.books.clone()))
        .configure(books::api::configure)
        .configure(books::pages::configure)
        .configure(wallets::api::configure)
        .configure(wallets::pages::configure)
        .configure(categories::api::configure)
        // Before the addresses of single ones, which would take it for an id.
        .configure(bulk::api::configure)
        .configure(transactions::api::configure)
        .configure(transactions::pages::configure)
        .configure(payees::api::configure)
        .configure(tags::api::configure)
        .configure(rules::api::configure)
        .configure(rules::applying::configure)
        .configure(rules::suggestions::configure)
        .configure(trash::api::configure)
        .configure(reports::api::configure)
        .configure(reports::budget_api::configure)
        .configure(reports::pages::configure)
        .configure(recurring::api::configure)
        .configure(forecast::api::configure)
        .configure(rates::api::configure)
        .configure(rates::net_worth_api::configure)
        .configure(budgets::api::configure)
        .configure(checks::api::configure);
}

/// What the ledger says of its interface.
#[must_use]
pub fn document() -> Vec<OpenApi> {
    vec![
        books::api::Api::openapi(),
        wallets::api::Api::openapi(),
        categories::api::Api::openapi(),
        bulk::api::Api::openapi(),
        transactions::api::Api::openapi(),
        payees::api::Api::openapi(),
        tags::api::Api::openapi(),
        rules::api::Api::openapi(),
        rules::applying::Api::openapi(),
        rules::suggestions::Api::openapi(),
        trash::api::Api::openapi(),
        reports::api::Api::openapi(),
        reports::budget_api::Api::openapi(),
        recurring::api::Api::openapi(),
        recurring::occurrences_api::Api::openapi(),
        forecast::api::Api::openapi(),
        rates::api::Api::openapi(),
        rates::net_worth_api::Api::openapi(),
        budgets::api::Api::openapi(),
        checks::api::Api::openapi(),
    ]
}
