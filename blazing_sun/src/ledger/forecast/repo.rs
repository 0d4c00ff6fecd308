//! What is known today, in four statements of one snapshot, whatever is in the book.

use chrono::NaiveDate;
use sqlx::Executor;

use crate::flow::ctx::Tx;
use crate::kernel::id::Id;
use crate::ledger::books::Owner;
use crate::ledger::forecast::projection::{Known, Later, WalletNow};
use crate::ledger::recurring;

/// Makes all that is read in a transaction that has just begun of one moment: what is made meanwhile is in it with all that
/// belongs to it, or not at all.
pub async fn freeze(tx: &mut Tx) -> sqlx::Result<()> {
    tx.conn()
        .execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        .await?;
    Ok(())
}

/// Everything that is known today. What is written down for days after `last` is told as of the day after it.
pub async fn known(
    tx: &mut Tx,
    owner: Id<Owner>,
    today: NaiveDate,
    last: NaiveDate,
) -> sqlx::Result<Known> {
    let wallets = sqlx::query_as!(
        WalletNow,
        "SELECT wallets.id, currency, exponent, balance FROM wallets JOIN books ON books.id = book_id WHERE owner_id = $1
         ORDER BY archived_at IS NOT NULL, lower(name)",
        owner.uuid(),
    )
    .fetch_all(tx.conn())
    .await?;
    let later = sqlx::query!(
        r#"SELECT e.wallet_id, least(e.date, $3::date + 1) AS "date!", sum(e.amount)::text AS "amount!"
           FROM books b JOIN wallets w ON w.book_id = b.id JOIN entries e ON e.wallet_id = w.id AND e.date > $2
           WHERE b.owner_id = $1 GROUP BY 1, 2"#,
        owner.uuid(),
        today,
        last,
    )
    .fetch_all(tx.conn())
    .await?;
    let later = later.into_iter().map(|row| {
        Ok(Later {
            wallet_id: row.wallet_id,
            date: row.date,
            amount: row
                .amount
                .parse()
                .map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
        })
    });
    let later = later.collect::<sqlx::Result<_>>()?;
    let recurring = recurring::repo::list(tx.conn(), owner).await?;
    let taken = sqlx::query!(
        "SELECT o.recurring_id, o.due_date
         FROM books b JOIN recurring r ON r.book_id = b.id
              JOIN recurring_occurrences o ON o.recurring_id = r.id AND o.due_date >= r.next_due
         WHERE b.owner_id = $1 AND o.due_date <= $2",
        owner.uuid(),
        last,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(Known {
        today,
        wallets,
        later,
        recurring,
        taken: taken
            .into_iter()
            .map(|row| (row.recurring_id, row.due_date))
            .collect(),
    })
}
