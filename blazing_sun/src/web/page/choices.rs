//! What several forms let people choose from.

use minijinja::{Value, context};

use crate::kernel::currency::Currency;

/// Every currency, as `form.html` takes choices.
#[must_use]
pub fn currencies() -> Vec<Value> {
    Currency::all()
        .map(|currency| {
            let label = format!("{} {}", currency.as_str(), currency.name());
            context! { value => currency.as_str(), label }
        })
        .collect()
}
