//! Cash flow: what came in and went out, month by month.

use std::collections::BTreeMap;

use crate::ledger::books::Month;
use crate::ledger::reports::repo::Flow;

/// What came in and went out in a month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InAndOut {
    /// What came in, less what was given back.
    pub income: i128,
    /// What went out, negative, less what was refunded.
    pub expense: i128,
}

/// Each currency with each month from one to another, those in which nothing happened among them.
#[must_use]
pub fn by_month(
    flows: &[Flow],
    from: Month,
    to: Month,
) -> BTreeMap<String, Vec<(Month, InAndOut)>> {
    let mut currencies: BTreeMap<String, BTreeMap<Month, InAndOut>> = BTreeMap::new();
    for flow in flows {
        let months = currencies.entry(flow.currency.clone()).or_default();
        let found = months.entry(flow.month).or_default();
        found.income += flow.income;
        found.expense += flow.expense;
    }
    let all = |months: BTreeMap<Month, InAndOut>| {
        let of = |month| (month, months.get(&month).copied().unwrap_or_default());
        (0..=from.until(to)).map(|n| of(from.plus(n))).collect()
    };
    currencies
        .into_iter()
        .map(|(currency, months)| (currency, all(months)))
        .collect()
}
