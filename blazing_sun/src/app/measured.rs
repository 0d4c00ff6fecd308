//! Everything that a running application measures, for the documents.

use std::sync::Arc;

use crate::app::config::Config;
use crate::app::logging::Counted;
use crate::app::wiring::Wiring;
use crate::infra::measures::{Declaration, Measures};
use crate::kernel::clock::SystemClock;
use crate::web::metrics::Metrics;

/// The declarations of all rooms; no service has to be there.
pub fn everything(config: &Config) -> anyhow::Result<Vec<Declaration>> {
    let measures = Measures::default();
    Counted::new(&measures)?;
    Wiring::new(config, Arc::new(SystemClock), &measures)?;
    Metrics::new(measures.clone())?;
    Ok(measures.declarations())
}
