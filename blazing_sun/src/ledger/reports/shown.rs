//! Reports as the page of a month shows them: amounts as people write them, shares as whole percents.

use chrono::NaiveDate;
use minijinja::{Value, context};
use uuid::Uuid;

use crate::kernel::money::show;
use crate::ledger::books::Book;
use crate::ledger::budgets::Line;
use crate::ledger::categories::{Category, CategoryKind};
use crate::ledger::reports::converted::Moved;
use crate::ledger::reports::month::{Share, Sheet, called};
use crate::ledger::reports::net_worth::Denomination;
use crate::ledger::reports::read::BudgetReport;

/// What somebody looks at: a month, with the categories of the book as they are now.
pub struct Shown<'a> {
    /// All of them.
    pub categories: &'a [Category],
    /// The first and the last day.
    pub days: (NaiveDate, NaiveDate),
}

impl Shown<'_> {
    /// One currency's month.
    #[must_use]
    pub fn sheet(&self, (currency, exponent): &Denomination, sheet: &Sheet) -> Value {
        let net = sheet.income + sheet.expense;
        context! {
            currency,
            income => show(sheet.income, *exponent),
            expense => show(sheet.expense, *exponent),
            net => show(net, *exponent),
            negative => net < 0,
            spent => self.rows(sheet, CategoryKind::Expense, *exponent),
            earned => self.rows(sheet, CategoryKind::Income, *exponent),
        }
    }

    /// What went one way: each category, and behind it its parts.
    fn rows(&self, sheet: &Sheet, kind: CategoryKind, exponent: i16) -> Vec<Value> {
        let shares: Vec<&Share> = sheet
            .categories
            .iter()
            .filter(|share| share.kind == kind)
            .collect();
        let forth = |amount: i128| match kind {
            CategoryKind::Income => amount,
            CategoryKind::Expense => -amount,
        };
        // Where more came back than went out, the rest did not become less by it.
        let total = shares.iter().map(|share| forth(share.amount).max(0)).sum();
        let row = |id: Option<Uuid>, amount: i128, is_part: bool| {
            context! {
                name => self.name(id),
                href => id.map(|id| self.transactions(id)),
                is_part,
                amount => show(amount, exponent),
                share => percent(forth(amount), total),
            }
        };
        let mut rows = Vec::new();
        for share in shares {
            rows.push(row(share.category_id, share.amount, false));
            let parts = share.parts.iter();
            rows.extend(parts.map(|part| row(Some(part.category_id), part.amount, true)));
        }
        rows
    }

    /// What became of budgets, by the names of their categories.
    #[must_use]
    pub fn budgets(&self, report: &BudgetReport, exponent: i16) -> Vec<Value> {
        let mut lines: Vec<(String, &Line)> = report
            .budgets
            .iter()
            .map(|line| (self.path(line.category_id), line))
            .collect();
        lines.sort_by(|one, other| one.0.cmp(&other.0));
        let row = |(name, line): (String, &Line)| {
            let available = line.budget + line.rolled;
            context! {
                name,
                href => self.transactions(line.category_id),
                budget => show(line.budget, exponent),
                rolled => (line.rolled != 0).then(|| show(line.rolled.abs(), exponent)),
                less => line.rolled < 0,
                actual => show(line.actual, exponent),
                left => show(line.left, exponent),
                overspent => line.is_expense && line.left < 0,
                used => (available > 0).then(|| line.actual.max(0) * 100 / available),
            }
        };
        lines.into_iter().map(row).collect()
    }

    /// What is in none of these budgets, as there is no rate for it.
    #[must_use]
    pub fn apart(&self, report: &BudgetReport, book: &Book) -> Vec<Value> {
        let start = book.month_start;
        let row = |moved: &Moved| {
            let days = (moved.month.first_day(start), moved.month.last_day(start));
            context! {
                amount => show(moved.amount, moved.exponent),
                currency => moved.currency,
                name => self.path(moved.category_id),
                month => (days != self.days).then(|| called(days)),
            }
        };
        report.apart.iter().map(row).collect()
    }

    fn find(&self, id: Uuid) -> Option<&Category> {
        self.categories.iter().find(|one| one.id.uuid() == id)
    }

    fn name(&self, id: Option<Uuid>) -> &str {
        let category = id.and_then(|id| self.find(id));
        category.map_or("Without a category", |category| &category.name)
    }

    fn path(&self, id: Uuid) -> String {
        let category = self.find(id);
        category.map_or_else(String::new, |category| category.path(self.categories))
    }

    /// The address of what a figure is made of.
    fn transactions(&self, category: Uuid) -> String {
        let (from, to) = self.days;
        format!("/transactions?category={category}&from={from}&to={to}")
    }
}

/// Which part of a total something is. None, if it is no part of it: it went the other way, or another part did, and it is more
/// than the whole.
fn percent(amount: i128, total: i128) -> Option<i128> {
    (0 < amount && amount <= total).then(|| (amount * 200 + total) / (total * 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_whole_percent_of_what_went_the_same_way() {
        for (amount, total, share) in [
            (1, 1, Some(100)),
            (1, 3, Some(33)),
            (2, 3, Some(67)),
            (1, 200, Some(1)),
            (1, 201, Some(0)),
            (0, 5, None),
            (0, 0, None),
            (-1, 5, None),
            (6, 5, None),
        ] {
            assert_eq!(percent(amount, total), share, "{amount} of {total}");
        }
    }
}
