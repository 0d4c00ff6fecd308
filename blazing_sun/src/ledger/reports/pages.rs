//! `/month`: what a month's money was for, and what became of its budgets.

use actix_web::HttpResponse;
use actix_web::web::{Data, Query, ServiceConfig};
use minijinja::{Value, context};
use serde::Deserialize;

use crate::flow::ctx::Ctx;
use crate::ledger::books::{Book, Books, Month};
use crate::ledger::reports::api::this_month;
use crate::ledger::reports::month::called;
use crate::ledger::reports::read;
use crate::ledger::reports::shown::Shown;
use crate::web::access::SignedIn;
use crate::web::page::PageAccess;
use crate::web::problem::{Fields, Problem};
use crate::web::routes::get;

const PAGE: &str = "/month";

/// Registers the page.
pub fn configure(routes: &mut ServiceConfig) {
    routes.service(get(PAGE, show));
}

/// The address of a month's page.
pub(super) fn address(month: Month) -> String {
    format!("{PAGE}?month={month}")
}

/// What is asked for; if nothing, the month that today is in.
#[derive(Default, Deserialize)]
#[serde(default)]
struct MonthForm {
    month: String,
}

impl MonthForm {
    fn parse(&self) -> Result<Option<Month>, Problem> {
        let given = Some(self.month.trim()).filter(|month| !month.is_empty());
        let month = given.map(str::parse).transpose();
        Ok(month.map_err(|error| Fields::of("/month", error))?)
    }
}

async fn show(
    access: PageAccess<SignedIn>,
    query: Query<MonthForm>,
    books: Data<Books>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let book = books.of(access.account_id.into(), access.cause()).await?;
    let current = this_month(&book, &ctx);
    match query.parse() {
        Ok(month) => {
            let month = month.unwrap_or(current);
            let shown = context! {
                report => report(&access, &ctx, &book, month).await?,
                elsewhere => (month != current).then_some(PAGE),
            };
            let form = context! { month => month.to_string() };
            access.visit.show_filled("month.html", shown, form)
        }
        Err(problem) => {
            let shown = context! { report => None::<Value>, elsewhere => Some(PAGE) };
            let form = context! { month => query.month };
            access.visit.again("month.html", shown, form, &problem)
        }
    }
}

/// What the page shows of a month.
async fn report(
    access: &PageAccess<SignedIn>,
    ctx: &Ctx,
    book: &Book,
    month: Month,
) -> Result<Value, Problem> {
    let (owner, now) = (access.account_id.into(), ctx.now());
    let (start, base) = (book.month_start, book.base_currency);
    let days = (month.first_day(start), month.last_day(start));
    let report = read::month(ctx, owner, book, days).await?;
    let budget = read::budget(ctx, owner, book, month).await?;
    let as_of = report.as_of.min(budget.as_of);
    let shown = Shown {
        categories: &report.categories,
        days,
    };
    let mut sheets: Vec<_> = report.sheets.iter().collect();
    sheets.sort_by_key(|((currency, _), _)| currency != base.as_str());
    let sheets: Vec<Value> = sheets
        .into_iter()
        .map(|(denomination, sheet)| shown.sheet(denomination, sheet))
        .collect();
    let neighbour = |months| month.plus(months).named().map(address);
    Ok(context! {
        title => called(days),
        here => address(month),
        before => neighbour(-1),
        after => neighbour(1),
        late => (as_of < now).then(|| access.visit.when(as_of)),
        sheets,
        budgets => shown.budgets(&budget, base.exponent()),
        apart => shown.apart(&budget, book),
        currency => base.as_str(),
    })
}
