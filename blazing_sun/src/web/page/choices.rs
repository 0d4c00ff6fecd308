//! What several forms let people choose from.

use chrono_tz::TZ_VARIANTS;
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

/// Every time zone, and the one that is there already, so that saving a form changes nothing by itself.
#[must_use]
pub fn time_zones(current: &str) -> Vec<Value> {
    // Those without a region are old names of others.
    TZ_VARIANTS
        .iter()
        .map(|zone| zone.name())
        .filter(|name| *name == "UTC" || name.contains('/') || *name == current)
        .map(|name| context! { value => name, label => name })
        .collect()
}
