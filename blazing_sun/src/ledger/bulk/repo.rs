//! Writing what became of many transactions; one function a change.

use sqlx::types::Json;
use uuid::Uuid;

use crate::flow::ctx::Tx;
use crate::ledger::transactions::Transaction;

/// Keeps what was changed, in one statement: payees, categories of single lines, tags, statuses and versions.
pub async fn update(tx: &mut Tx, changed: &[(Transaction, Transaction)]) -> sqlx::Result<()> {
    let now = tx.now();
    let Some((first, _)) = changed.first() else {
        return Ok(());
    };
    let book = first.book_id;
    let ids: Vec<Uuid> = changed.iter().map(|(_, after)| after.id).collect();
    let payees: Vec<Option<Uuid>> = changed
        .iter()
        .map(|(_, after)| after.payee.as_ref().map(|payee| payee.id))
        .collect();
    let versions: Vec<i64> = changed.iter().map(|(_, after)| after.version).collect();
    let (mut said, mut categories) = (Vec::new(), Vec::new());
    let (mut sure, mut statuses) = (Vec::new(), Vec::new());
    let (mut lost, mut lost_tags) = (Vec::new(), Vec::new());
    let (mut got, mut got_tags) = (Vec::new(), Vec::new());
    for (before, after) in changed {
        if let [line] = after.lines.as_slice()
            && before.lines != after.lines
        {
            said.push(after.id);
            categories.push(line.category_id);
        }
        if let Some(entry) = after.entries.first()
            && before.entries != after.entries
        {
            sure.push(after.id);
            statuses.push(entry.status.name().to_owned());
        }
        for tag in before.tags.iter().filter(|tag| !after.tags.contains(tag)) {
            lost.push(after.id);
            lost_tags.push(tag.id);
        }
        for tag in after.tags.iter().filter(|tag| !before.tags.contains(tag)) {
            got.push(after.id);
            got_tags.push(tag.id);
        }
    }
    sqlx::query!(
        "WITH said AS (
             UPDATE lines SET category_id = new.category_id FROM unnest($6::uuid[], $7::uuid[]) AS new (id, category_id)
             WHERE transaction_id = new.id
         ), sure AS (
             UPDATE entries SET status = new.status FROM unnest($8::uuid[], $9::text[]) AS new (id, status)
             WHERE transaction_id = new.id
         ), lost AS (
             DELETE FROM transaction_tags USING unnest($10::uuid[], $11::uuid[]) AS old (id, tag_id)
             WHERE transaction_id = old.id AND transaction_tags.tag_id = old.tag_id
         ), got AS (
             INSERT INTO transaction_tags (transaction_id, tag_id, book_id)
             SELECT id, tag_id, $1 FROM unnest($12::uuid[], $13::uuid[]) AS new (id, tag_id)
         )
         UPDATE transactions SET payee_id = new.payee_id, version = new.version, updated_at = $5
         FROM unnest($2::uuid[], $3::uuid[], $4::bigint[]) AS new (id, payee_id, version)
         WHERE transactions.id = new.id",
        book,
        &ids,
        &payees as &[Option<Uuid>],
        &versions,
        now,
        &said,
        &categories as &[Option<Uuid>],
        &sure,
        &statuses,
        &lost,
        &lost_tags,
        &got,
        &got_tags,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Puts transactions of one book, which are locked as their wallets are, into the trash.
pub async fn throw_away(tx: &mut Tx, gone: &[Transaction]) -> sqlx::Result<()> {
    let now = tx.now();
    let ids: Vec<Uuid> = gone.iter().map(|gone| gone.id).collect();
    sqlx::query!(
        "WITH gone AS (DELETE FROM transactions WHERE id = ANY($1))
         INSERT INTO trash (transaction_id, book_id, version, contents, deleted_at)
         SELECT (it->>'id')::uuid, (it->>'book_id')::uuid, (it->>'version')::bigint, it, $3
         FROM jsonb_array_elements($2) AS new (it)",
        &ids,
        Json(gone) as _,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
