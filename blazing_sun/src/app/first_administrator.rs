//! The first administrator, as the settings name them, when the application starts.

use anyhow::Context;

use crate::accounts::{self, FirstAdministrator, Provided};
use crate::app::wiring::Wiring;
use crate::flow::ctx::Cause;

/// Opens an account for them, or invites them, unless somebody is an administrator; says in the log what was done.
pub async fn provide(wiring: &Wiring, first: &FirstAdministrator) -> anyhow::Result<()> {
    let mut tx = wiring.ctx.begin(Cause::new("start")).await?;
    let provided = accounts::provide(&mut tx, &wiring.accounts.hasher, first)
        .await
        .context("cannot provide the first administrator (ADMIN_EMAIL)")?;
    tx.commit().await?;
    match provided {
        Provided::Already => {}
        Provided::Opened(id) => {
            tracing::info!(user.id = %id, "the first administrator has an account");
        }
        Provided::Invited(batch) => {
            tracing::info!(invitation.batch = %batch, "the first administrator is invited by mail");
        }
        Provided::Taken(id) => tracing::warn!(
            user.id = %id,
            "there is no administrator: ADMIN_EMAIL has an account already, which is given no role by itself; \
             `blazing_sun user role` gives it one",
        ),
    }
    Ok(())
}
