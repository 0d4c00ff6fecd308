//! Applying a rule to what was written down before, and looking at what that would change.

use sqlx::PgPool;
use uuid::Uuid;

use crate::flow::ctx::Tx;
use crate::flow::outbox::Refused;
use crate::kernel::id::Id;
use crate::ledger::books::Owner;
use crate::ledger::bulk::{self, MAX_MANY};
use crate::ledger::rules::repo;
use crate::ledger::rules::rule::Rule;
use crate::ledger::transactions::{self, Cursor, Reconciled, Transaction};

/// A page of transactions that a rule would change.
pub async fn affected(
    pool: &PgPool,
    owner: Id<Owner>,
    rule: &Rule,
    reconciled: Reconciled,
    after: Option<Cursor>,
    limit: i64,
) -> sqlx::Result<Vec<Transaction>> {
    repo::affected(pool, owner, rule, reconciled, None, after, limit).await
}

/// What was done.
pub struct Applied {
    /// How many transactions are different now.
    pub changed: usize,
    /// Whether there are more that the rule would change.
    pub more: bool,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ApplyRuleError<E> {
    /// There is no such rule.
    #[error("there is no such rule")]
    Gone,
    /// It was looked at in another version.
    #[error("it was looked at in another version")]
    Version(E),
    /// An event could not be written down.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Applies a rule, whose version passes `check`, of a book that is locked, to the first transactions that it would change.
pub async fn apply_rule<E>(
    tx: &mut Tx,
    owner: Id<Owner>,
    id: Id<Rule>,
    reconciled: Reconciled,
    check: impl FnOnce(i64) -> Result<(), E>,
) -> Result<Applied, ApplyRuleError<E>> {
    let rule = repo::find(tx.conn(), owner, id)
        .await?
        .ok_or(ApplyRuleError::Gone)?;
    check(rule.version).map_err(ApplyRuleError::Version)?;
    let most = i64::try_from(MAX_MANY).unwrap_or(i64::MAX);
    let found = repo::affected(tx.conn(), owner, &rule, reconciled, None, None, most + 1).await?;
    let more = found.len() > MAX_MANY;
    let ids: Vec<Uuid> = found.iter().take(MAX_MANY).map(|found| found.id).collect();
    transactions::repo::lock_rows(tx, owner, &ids).await?;
    // As they are now that nobody changes them any more.
    let found = repo::affected(tx.conn(), owner, &rule, reconciled, Some(&ids), None, most).await?;
    let now = tx.now();
    let changed: Vec<_> = found
        .into_iter()
        .filter_map(|before| {
            let after = rule.sort(&before, reconciled, now)?;
            Some((before, after))
        })
        .collect();
    bulk::keep(tx, &changed).await?;
    Ok(Applied {
        changed: changed.len(),
        more,
    })
}
