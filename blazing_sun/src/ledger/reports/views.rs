//! Reports as answers have them.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ledger::books::{Month, MonthStart};
use crate::ledger::categories::{Category, CategoryKind};
use crate::ledger::reports::api::Step;
use crate::ledger::reports::cash_flow::InAndOut;
use crate::ledger::reports::month::{Part, Share, Sheet};
use crate::ledger::reports::net_worth::Denomination;
use crate::ledger::reports::read::{CashFlow, MonthReport, NetWorth};
use crate::ledger::reports::total::{TooLarge, told};

/// What a month's money was for.
#[derive(Serialize, ToSchema)]
pub struct MonthView {
    /// Its name: the calendar's month in which it begins.
    month: String,
    /// Its first day.
    from: NaiveDate,
    /// Its last day.
    to: NaiveDate,
    /// Everything that happened in the book up to this moment is in the figures.
    as_of: DateTime<Utc>,
    /// What it comes to, in each currency in which something happened.
    currencies: Vec<SheetView>,
}

/// One currency's month. Openings and adjustments are in none of its figures.
#[derive(Serialize, ToSchema)]
struct SheetView {
    currency: String,
    /// How many digits the currency's minor unit has.
    exponent: i16,
    /// What came in, in minor units, less what was given back.
    income: i64,
    /// What went out, negative, less what was refunded.
    expense: i64,
    /// The sum of both.
    net: i64,
    /// Income first, the most first.
    categories: Vec<ShareView>,
}

/// What one category comes to.
#[derive(Serialize, ToSchema)]
struct ShareView {
    /// The category; `null` for what was not said.
    category_id: Option<Uuid>,
    name: Option<String>,
    color: Option<String>,
    icon: Option<String>,
    kind: CategoryKind,
    /// With its parts, and with what was merged into them.
    amount: i64,
    /// How many lines that is.
    count: i64,
    /// Its parts, the most first.
    parts: Vec<PartView>,
}

/// What a part of a category comes to.
#[derive(Serialize, ToSchema)]
struct PartView {
    category_id: Uuid,
    name: Option<String>,
    color: Option<String>,
    icon: Option<String>,
    amount: i64,
    /// How many lines that is.
    count: i64,
}

impl MonthView {
    /// The answer.
    pub fn of(month: Month, report: &MonthReport) -> Result<Self, TooLarge> {
        let known = report.categories.iter();
        let known: BTreeMap<Uuid, &Category> = known.map(|one| (one.id.uuid(), one)).collect();
        let sheets = report.sheets.iter();
        let sheets = sheets.map(|(denomination, sheet)| sheet_view(denomination, sheet, &known));
        Ok(Self {
            month: month.to_string(),
            from: report.from,
            to: report.to,
            as_of: report.as_of,
            currencies: sheets.collect::<Result<_, _>>()?,
        })
    }
}

fn sheet_view(
    (currency, exponent): &Denomination,
    sheet: &Sheet,
    known: &BTreeMap<Uuid, &Category>,
) -> Result<SheetView, TooLarge> {
    let shares = sheet
        .categories
        .iter()
        .map(|share| share_view(share, known));
    Ok(SheetView {
        currency: currency.clone(),
        exponent: *exponent,
        income: told(sheet.income)?,
        expense: told(sheet.expense)?,
        net: told(sheet.income + sheet.expense)?,
        categories: shares.collect::<Result<_, _>>()?,
    })
}

fn share_view(share: &Share, known: &BTreeMap<Uuid, &Category>) -> Result<ShareView, TooLarge> {
    let category = share.category_id.and_then(|id| known.get(&id));
    let parts = share.parts.iter().map(|part| part_view(part, known));
    Ok(ShareView {
        category_id: share.category_id,
        name: category.map(|category| category.name.clone()),
        color: category.map(|category| category.color.clone()),
        icon: category.map(|category| category.icon.clone()),
        kind: share.kind,
        amount: told(share.amount)?,
        count: share.count,
        parts: parts.collect::<Result<_, _>>()?,
    })
}

fn part_view(part: &Part, known: &BTreeMap<Uuid, &Category>) -> Result<PartView, TooLarge> {
    let category = known.get(&part.category_id);
    Ok(PartView {
        category_id: part.category_id,
        name: category.map(|category| category.name.clone()),
        color: category.map(|category| category.color.clone()),
        icon: category.map(|category| category.icon.clone()),
        amount: told(part.amount)?,
        count: part.count,
    })
}

/// What came in and went out.
#[derive(Serialize, ToSchema)]
pub struct CashFlowView {
    /// The first day.
    from: NaiveDate,
    /// The last day.
    to: NaiveDate,
    /// Everything that happened in the book up to this moment is in the figures.
    as_of: DateTime<Utc>,
    /// Each currency in which something happened.
    currencies: Vec<FlowView>,
}

/// One currency's cash flow. Openings and adjustments are in none of its figures.
#[derive(Serialize, ToSchema)]
struct FlowView {
    currency: String,
    /// How many digits the currency's minor unit has.
    exponent: i16,
    /// Each month of the range, in order.
    months: Vec<FlowMonth>,
}

/// What came in and went out in one month.
#[derive(Serialize, ToSchema)]
struct FlowMonth {
    /// Its name: the calendar's month in which it begins.
    month: String,
    /// What came in, in minor units, less what was given back.
    income: i64,
    /// What went out, negative, less what was refunded.
    expense: i64,
    /// The sum of both.
    net: i64,
}

impl CashFlowView {
    /// The answer.
    pub fn of(
        from: Month,
        to: Month,
        start: MonthStart,
        report: &CashFlow,
    ) -> Result<Self, TooLarge> {
        let month = |(month, flow): &(Month, InAndOut)| {
            Ok(FlowMonth {
                month: month.to_string(),
                income: told(flow.income)?,
                expense: told(flow.expense)?,
                net: told(flow.income + flow.expense)?,
            })
        };
        let currencies = report
            .currencies
            .iter()
            .map(|((currency, exponent), months)| {
                Ok(FlowView {
                    currency: currency.clone(),
                    exponent: *exponent,
                    months: months.iter().map(month).collect::<Result<_, _>>()?,
                })
            });
        Ok(Self {
            from: from.first_day(start),
            to: to.last_day(start),
            as_of: report.as_of,
            currencies: currencies.collect::<Result<_, _>>()?,
        })
    }
}

/// What there was.
#[derive(Serialize, ToSchema)]
pub struct NetWorthView {
    per: Step,
    /// Everything that happened in the book up to this moment is in the figures.
    as_of: DateTime<Utc>,
    /// Each currency that there was something of.
    currencies: Vec<WorthView>,
}

/// What there was of one currency, in all wallets together.
#[derive(Serialize, ToSchema)]
#[schema(as = ReportWorthView)]
struct WorthView {
    currency: String,
    /// How many digits the currency's minor unit has.
    exponent: i16,
    /// In order of their days.
    points: Vec<Point>,
}

/// What there was at the end of a day.
#[derive(Serialize, ToSchema)]
struct Point {
    date: NaiveDate,
    /// In minor units, openings and adjustments included.
    amount: i64,
}

impl NetWorthView {
    /// The answer.
    pub fn of(per: Step, report: &NetWorth) -> Result<Self, TooLarge> {
        let point = |(date, amount): &(NaiveDate, i128)| {
            Ok(Point {
                date: *date,
                amount: told(*amount)?,
            })
        };
        let currencies = report
            .currencies
            .iter()
            .map(|((currency, exponent), curve)| {
                Ok(WorthView {
                    currency: currency.clone(),
                    exponent: *exponent,
                    points: curve.iter().map(point).collect::<Result<_, _>>()?,
                })
            });
        Ok(Self {
            per,
            as_of: report.as_of,
            currencies: currencies.collect::<Result<_, _>>()?,
        })
    }
}
