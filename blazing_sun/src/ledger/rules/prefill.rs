//! A rule as a transaction would have it, whose owner has just corrected it.

use crate::ledger::transactions::Transaction;

/// The most characters of a text that is taken over.
const MAX_LENGTH: usize = 100;
/// The fewest that a rule looks for.
const MIN_LENGTH: usize = 3;

/// The text by which a transaction like this one can be told: the first line of its note, which is what a bank wrote, or the name
/// of its payee.
#[must_use]
pub fn text(of: &Transaction) -> Option<String> {
    let line = of.note.split(char::is_control).next().unwrap_or_default();
    let name = of.payee.as_ref().map(|payee| payee.name.as_str());
    let texts = [Some(line), name].into_iter().flatten();
    texts
        .map(|text| text.trim().chars().take(MAX_LENGTH).collect::<String>())
        .map(|text| text.trim_end().to_owned())
        .find(|text| text.chars().count() >= MIN_LENGTH)
}
