//! Reading reports: a few statements each, whatever is in the book.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};

use crate::flow::ctx::Ctx;
use crate::flow::freshness::complete_until;
use crate::kernel::currency::Currency;
use crate::kernel::id::Id;
use crate::ledger::books::{Book, Month, Owner};
use crate::ledger::budgets::{self, Line, Plans};
use crate::ledger::categories::{self, Category};
use crate::ledger::rates;
use crate::ledger::reports::cash_flow::{self, InAndOut};
use crate::ledger::reports::converted::{self, Moved};
use crate::ledger::reports::month::{self, Sheet};
use crate::ledger::reports::net_worth::{self, Denomination};
use crate::ledger::reports::reactions::{CONSUMER, TOPICS};
use crate::ledger::reports::repo;

/// A month by category.
pub struct MonthReport {
    /// Its first day.
    pub from: NaiveDate,
    /// Its last day.
    pub to: NaiveDate,
    /// Everything that happened in the book up to this moment is in it.
    pub as_of: DateTime<Utc>,
    /// What it comes to in each currency.
    pub sheets: BTreeMap<Denomination, Sheet>,
    /// The book's categories as they are now.
    pub categories: Vec<Category>,
}

/// What became of a month's budgets, in minor units of the base currency.
pub struct BudgetReport {
    /// Its first day.
    pub from: NaiveDate,
    /// Its last day.
    pub to: NaiveDate,
    /// Everything that happened in the book up to this moment is in it.
    pub as_of: DateTime<Utc>,
    /// What was meant, what came of it and what is left.
    pub budgets: Vec<Line>,
    /// What moved in another currency that there is no rate for, and what is in no sum.
    pub apart: Vec<Moved>,
    /// The book's categories as they are now.
    pub categories: Vec<Category>,
}

/// What came in and went out, month by month.
pub struct CashFlow {
    /// Everything that happened in the book up to this moment is in it.
    pub as_of: DateTime<Utc>,
    /// What each month comes to in each currency.
    pub currencies: BTreeMap<Denomination, Vec<(Month, InAndOut)>>,
}

/// What there was.
pub struct NetWorth {
    /// Everything that happened in the book up to this moment is in it.
    pub as_of: DateTime<Utc>,
    /// What there was of each currency at the end of each day.
    pub currencies: BTreeMap<Denomination, Vec<(NaiveDate, i128)>>,
}

/// A month of somebody's book by category, from its first day to its last.
pub async fn month(
    ctx: &Ctx,
    owner: Id<Owner>,
    book: &Book,
    (from, to): (NaiveDate, NaiveDate),
) -> sqlx::Result<MonthReport> {
    let as_of = as_of(ctx, book).await?;
    let said = repo::said(ctx.pool(), book.id, book.month_start, from, to).await?;
    let categories = categories::repo::list(ctx.pool(), owner).await?;
    let sheets = month::by_category(&said, &categories);
    Ok(MonthReport {
        from,
        to,
        as_of,
        sheets: denominated(ctx, book, sheets).await?,
        categories,
    })
}

/// What became of the budgets of a month of somebody's book. What moved in other currencies is converted at the newest rate of
/// its month's last day or before.
pub async fn budget(
    ctx: &Ctx,
    owner: Id<Owner>,
    book: &Book,
    month: Month,
) -> sqlx::Result<BudgetReport> {
    let as_of = as_of(ctx, book).await?;
    let plans = budgets::repo::plans(ctx.pool(), book.id, month).await?;
    let plans = Plans::new(month, &plans);
    let start = book.month_start;
    let (first, last) = (plans.first().first_day(start), month.last_day(start));
    let said = repo::said(ctx.pool(), book.id, start, first, last).await?;
    let categories = categories::repo::list(ctx.pool(), owner).await?;
    let digits = digits(ctx, book).await?;
    let moved = converted::moved(&said, &categories, &plans.categories(), digits);
    let today = book.today(ctx.now());
    let wanted = converted::wanted(book, today, &moved);
    let base = book.base_currency.as_str();
    let newest = rates::repo::newest(ctx.pool(), owner, base, &wanted).await?;
    let rates: Vec<_> = wanted.into_iter().zip(newest).collect();
    let converted = converted::convert(book, today, moved, &rates);
    Ok(BudgetReport {
        from: month.first_day(start),
        to: last,
        as_of,
        budgets: plans.lines(&converted.moved),
        apart: converted.apart,
        categories,
    })
}

/// What came in and went out in a book from one month to another.
pub async fn cash_flow(ctx: &Ctx, book: &Book, from: Month, to: Month) -> sqlx::Result<CashFlow> {
    let start = book.month_start;
    let as_of = as_of(ctx, book).await?;
    let (first, last) = (from.first_day(start), to.last_day(start));
    let flows = repo::flows(ctx.pool(), book.id, start, first, last).await?;
    let currencies = cash_flow::by_month(&flows, from, to);
    Ok(CashFlow {
        as_of,
        currencies: denominated(ctx, book, currencies).await?,
    })
}

/// What there was in a book at the end of these days, which are in order and none of them before `from`.
pub async fn net_worth(
    ctx: &Ctx,
    book: &Book,
    from: NaiveDate,
    days: &[NaiveDate],
) -> sqlx::Result<NetWorth> {
    let as_of = as_of(ctx, book).await?;
    let to = days.last().copied().unwrap_or(from);
    let moved = repo::moved(ctx.pool(), book.id, from, to).await?;
    Ok(NetWorth {
        as_of,
        currencies: net_worth::at(days, &moved),
    })
}

/// Asked before anything is read, so that it holds for all that is read after it.
async fn as_of(ctx: &Ctx, book: &Book) -> sqlx::Result<DateTime<Utc>> {
    complete_until(ctx, CONSUMER, TOPICS, book.id.uuid()).await
}

/// The same, with the digits of each currency.
async fn denominated<T>(
    ctx: &Ctx,
    book: &Book,
    currencies: BTreeMap<String, T>,
) -> sqlx::Result<BTreeMap<Denomination, T>> {
    let digits = digits(ctx, book).await?;
    Ok(currencies
        .into_iter()
        .map(|(currency, value)| {
            let exponent = digits(&currency);
            ((currency, exponent), value)
        })
        .collect())
}

/// Knows how many digits the minor unit of each currency has in a book.
async fn digits(ctx: &Ctx, book: &Book) -> sqlx::Result<impl Fn(&str) -> i16> {
    let exponents = repo::exponents(ctx.pool(), book.id).await?;
    Ok(move |currency: &str| {
        let of_wallets = exponents.get(currency).copied();
        // Its last wallet is just gone.
        of_wallets.unwrap_or_else(|| {
            let currency: Option<Currency> = currency.parse().ok();
            currency.map(Currency::exponent).unwrap_or_default()
        })
    })
}
