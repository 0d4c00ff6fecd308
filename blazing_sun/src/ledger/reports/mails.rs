//! The mail that tells what a month came to.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Days, NaiveDate};
use minijinja::context;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::flow::ctx::Ctx;
use crate::infra::smtp::Mailbox;
use crate::kernel::money::show;
use crate::ledger::books::{self, Month, MonthStart};
use crate::ledger::categories::CategoryKind;
use crate::ledger::reports::month::{Sheet, called};
use crate::ledger::reports::net_worth::Denomination;
use crate::ledger::reports::{pages, read};
use crate::mail::{AddressBook, ComposeError, Mail, Message, somebody};

/// How many categories of a currency it names.
const MAX_CATEGORIES: usize = 5;

/// What a month came to.
#[derive(Serialize, Deserialize)]
pub struct MonthlyReport {
    /// The book.
    pub book_id: Uuid,
    /// The first day of the month.
    pub from: NaiveDate,
    /// Its last day.
    pub to: NaiveDate,
}

#[async_trait]
impl Mail for MonthlyReport {
    const NAME: &'static str = "monthly_report";
    const SUMMARY: &'static str = "Tells the owner of a book what came in and went out in a month.";
    const SWITCHED_OFF_AT: Option<&'static str> = Some(books::pages::PAGE);

    type Tools = Arc<dyn AddressBook>;

    /// Is not sent about a month in which nothing happened, nor to somebody who does not want it any more.
    async fn compose(
        &self,
        people: &Self::Tools,
        ctx: &Ctx,
    ) -> Result<Option<Message>, ComposeError> {
        let now = ctx.now();
        let found = books::repo::of_anybody(ctx.pool(), self.book_id.into()).await?;
        let Some((book, owner)) = found.filter(|(book, _)| book.monthly_report) else {
            return Ok(None);
        };
        let Some(recipient) = people.find(owner.uuid()).await? else {
            return Ok(None);
        };
        let report = read::month(ctx, owner, &book, (self.from, self.to)).await?;
        if report.sheets.is_empty() {
            return Ok(None);
        }
        let names = report.categories.iter();
        let names = names.map(|category| (category.id.uuid(), category.name.as_str()));
        let sheets = sheets(&report.sheets, &names.collect());
        let late = (report.as_of < now).then(|| recipient.time_zone.tell(report.as_of));
        let month = Month::of(self.from, book.month_start);
        let days = (self.from, self.to);
        Ok(Some(message(recipient.mailbox, month, days, sheets, late)))
    }

    fn sample(_: &Self::Tools) -> Message {
        let category = |name: &str, amount: &str| CategoryLine {
            name: name.to_owned(),
            amount: amount.to_owned(),
        };
        let sheet = SheetLines {
            currency: "EUR".to_owned(),
            income: "3000.00".to_owned(),
            expense: "-1234.56".to_owned(),
            net: "1765.44".to_owned(),
            categories: vec![category("Home", "-900.00"), category("Food", "-334.56")],
            more: 2,
        };
        let from = DateTime::UNIX_EPOCH.date_naive();
        let days = (from, from + Days::new(30));
        let month = Month::of(from, MonthStart::default());
        message(somebody(), month, days, vec![sheet], None)
    }
}

/// One currency's part of the mail.
#[derive(Debug, Serialize)]
struct SheetLines {
    currency: String,
    income: String,
    expense: String,
    net: String,
    categories: Vec<CategoryLine>,
    more: usize,
}

/// What was spent on a category.
#[derive(Debug, Serialize)]
struct CategoryLine {
    name: String,
    amount: String,
}

fn sheets(sheets: &BTreeMap<Denomination, Sheet>, names: &BTreeMap<Uuid, &str>) -> Vec<SheetLines> {
    let lines = |((currency, exponent), sheet): (&Denomination, &Sheet)| {
        let spent: Vec<CategoryLine> = sheet
            .categories
            .iter()
            .filter(|share| share.kind == CategoryKind::Expense)
            .map(|share| CategoryLine {
                name: share.category_id.and_then(|id| names.get(&id)).map_or_else(
                    || "Without a category".to_owned(),
                    |name| (*name).to_owned(),
                ),
                amount: show(share.amount, *exponent),
            })
            .collect();
        SheetLines {
            currency: currency.clone(),
            income: show(sheet.income, *exponent),
            expense: show(sheet.expense, *exponent),
            net: show(sheet.income + sheet.expense, *exponent),
            more: spent.len().saturating_sub(MAX_CATEGORIES),
            categories: spent.into_iter().take(MAX_CATEGORIES).collect(),
        }
    };
    sheets.iter().map(lines).collect()
}

fn message(
    to: Mailbox,
    month: Month,
    days: (NaiveDate, NaiveDate),
    sheets: Vec<SheetLines>,
    late: Option<String>,
) -> Message {
    let page = pages::address(month);
    let month = called(days);
    Message {
        to,
        subject: format!("Your month: {month}"),
        template: "monthly_report",
        context: context! { month, sheets, late, page },
    }
}
