//! What a transaction moved, in words.

use crate::kernel::currency::Currency;
use crate::kernel::money;
use crate::ledger::events::TransactionFacts;

/// What a transaction is, as the end of a sentence: `spent 12.50 EUR`.
pub fn moved(facts: &TransactionFacts) -> String {
    let amounts = facts.entries.iter().map(|entry| i128::from(entry.amount));
    let currency = facts.entries.first().map(|entry| entry.currency.as_str());
    let currency = currency.unwrap_or_default();
    let total: i128 = amounts.clone().sum();
    match facts.kind.as_str() {
        "opening" => format!("began a wallet with {}", shown(total, currency)),
        "adjustment" => format!("corrected a wallet by {}", shown(total, currency)),
        _ if facts.entries.iter().any(|entry| entry.currency != currency) => exchanged(facts),
        _ => {
            // What goes out of one wallet and into another is neither spent nor received.
            let into: i128 = amounts.clone().filter(|amount| *amount > 0).sum();
            let out: i128 = amounts.filter(|amount| *amount < 0).sum();
            let between = into.min(-out);
            let rest = (total != 0).then(|| spent_or_received(total, currency));
            let moved = (between != 0)
                .then(|| format!("moved {} between wallets", shown(between, currency)));
            let parts: Vec<String> = moved.into_iter().chain(rest).collect();
            if parts.is_empty() {
                return "wrote down a transaction".to_owned();
            }
            parts.join(" and ")
        }
    }
}

fn spent_or_received(total: i128, currency: &str) -> String {
    let word = if total < 0 { "spent" } else { "received" };
    format!("{word} {}", shown(total.abs(), currency))
}

/// From one currency to another.
fn exchanged(facts: &TransactionFacts) -> String {
    let side = |is_out: bool| {
        let mut entries = facts.entries.iter();
        entries
            .find(|entry| (entry.amount < 0) == is_out)
            .map(|entry| shown(i128::from(entry.amount).abs(), &entry.currency))
            .unwrap_or_default()
    };
    format!("exchanged {} for {}", side(true), side(false))
}

/// An amount with its currency. One of a currency that is none any more has no known point, and is not guessed at.
fn shown(minor: i128, currency: &str) -> String {
    match currency.parse::<Currency>() {
        Ok(known) => format!("{} {currency}", money::show(minor, known.exponent())),
        Err(_) => format!("an amount in {currency}"),
    }
}

/// The same as the beginning of a sentence.
pub fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
