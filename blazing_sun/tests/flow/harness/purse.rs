//! A book with transactions, written as the ledger writes them, and what its totals have to be.

use std::collections::BTreeMap;

use blazing_sun::flow::ctx::Tx;
use blazing_sun::flow::outbox;
use blazing_sun::kernel::id;
use blazing_sun::ledger::events::{
    EntryFacts, LineFacts, TransactionCreated, TransactionDeleted, TransactionFacts,
    TransactionUpdated,
};
use chrono::{Days, NaiveDate};
use proptest::prelude::*;
use uuid::Uuid;

use super::World;

/// A transaction as a test wants it; numbers choose among wallets and categories.
#[derive(Clone, Debug)]
pub struct Spec {
    day: u64,
    movement: Movement,
}

#[derive(Clone, Debug)]
enum Movement {
    /// Something for categories, from one wallet or from two.
    Spent(Vec<(usize, i64)>, bool),
    /// From one currency to another.
    Exchanged(i64, i64),
    /// What a wallet began with.
    Opening(i64),
}

/// Any transaction.
pub fn spec() -> impl Strategy<Value = Spec> {
    let amount = || prop_oneof![-900..0_i64, 1..900_i64];
    let movement = prop_oneof![
        6 => (prop::collection::vec((0..4_usize, amount()), 1..4), any::<bool>())
            .prop_map(|(lines, both)| Movement::Spent(lines, both)),
        1 => (1..900_i64, 1..900_i64).prop_map(|(from, to)| Movement::Exchanged(from, to)),
        1 => amount().prop_map(Movement::Opening),
    ];
    (0..4_u64, movement).prop_map(|(day, movement)| Spec { day, movement })
}

/// What a cell has: of a wallet its amount, nothing, and of how many entries; of a category what came in, what went out, and
/// of how many lines, those in by the thousand.
pub type Cell = (i64, i64, i64);
/// Which cell: its day, its wallet or category, its currency.
pub type Place = (NaiveDate, &'static str, Option<Uuid>, String);

/// A cell as it is read: its day, whether it is a wallet's, which one, its currency, and what it has.
type Row = (NaiveDate, bool, Option<Uuid>, String, i64, i64, i64);

/// A book.
pub struct Purse {
    /// Its id.
    pub book: Uuid,
    wallets: [(Uuid, &'static str); 3],
    categories: [Option<Uuid>; 4],
    kept: Vec<(Uuid, i64, TransactionFacts)>,
    trash: Vec<(Uuid, i64, TransactionFacts)>,
}

impl Purse {
    /// A new one with three wallets and three categories.
    pub async fn open(world: &World) -> Self {
        let (owner, book) = (id::new(), id::new());
        let wallets = [(id::new(), "EUR"), (id::new(), "EUR"), (id::new(), "USD")];
        let categories = [id::new(), id::new(), id::new()];
        let mut tx = world.begin().await;
        sqlx::query(
            "INSERT INTO users (id, email, email_key, status, version, created_at)
             VALUES ($1, $1::text, $1::text, 'pending', 1, now())",
        )
        .bind(owner)
        .execute(tx.conn())
        .await
        .expect("somebody");
        sqlx::query(
            "INSERT INTO books (id, owner_id, base_currency, time_zone, created_at) VALUES ($1, $2, 'EUR', 'UTC', now())",
        )
        .bind(book)
        .bind(owner)
        .execute(tx.conn())
        .await
        .expect("a book");
        for (wallet, currency) in wallets {
            sqlx::query(
                "INSERT INTO wallets (id, book_id, name, kind, currency, exponent, created_at)
                 VALUES ($1, $2, $1::text, 'bank', $3, 2, now())",
            )
            .bind(wallet)
            .bind(book)
            .bind(currency)
            .execute(tx.conn())
            .await
            .expect("a wallet");
        }
        for category in categories {
            sqlx::query(
                "INSERT INTO categories (id, book_id, name, kind, color, icon, counts_as, created_at)
                 VALUES ($1, $2, $1::text, 'expense', '#000000', 'x', $1, now())",
            )
            .bind(category)
            .bind(book)
            .execute(tx.conn())
            .await
            .expect("a category");
        }
        tx.commit().await.expect("a commit");
        let [one, two, three] = categories.map(Some);
        Self {
            book,
            wallets,
            categories: [one, two, three, None],
            kept: Vec::new(),
            trash: Vec::new(),
        }
    }

    fn facts(&self, spec: &Spec) -> TransactionFacts {
        let entry = |wallet: usize, amount| EntryFacts {
            wallet_id: self.wallets[wallet].0,
            currency: self.wallets[wallet].1.to_owned(),
            amount,
            status: "cleared".to_owned(),
        };
        let line = |(category, amount): &(usize, i64)| LineFacts {
            category_id: self.categories[*category],
            currency: "EUR".to_owned(),
            amount: *amount,
        };
        let (kind, entries, lines) = match &spec.movement {
            Movement::Spent(lines, both) => {
                let mut lines: Vec<LineFacts> = lines.iter().map(line).collect();
                if lines.iter().map(|line| line.amount).sum::<i64>() == 0 {
                    lines.push(line(&(3, 7)));
                }
                let total = lines.iter().map(|line| line.amount).sum();
                let entries = if *both {
                    vec![entry(0, total - 10_000), entry(1, 10_000)]
                } else {
                    vec![entry(1, total)]
                };
                ("normal", entries, lines)
            }
            Movement::Exchanged(from, to) => {
                ("normal", vec![entry(0, -from), entry(2, *to)], Vec::new())
            }
            Movement::Opening(amount) => ("opening", vec![entry(2, *amount)], Vec::new()),
        };
        let first = NaiveDate::from_ymd_opt(2026, 11, 25).expect("a day");
        TransactionFacts {
            date: first + Days::new(spec.day),
            kind: kind.to_owned(),
            payee_id: None,
            tag_ids: Vec::new(),
            entries,
            lines,
        }
    }

    /// Writes a transaction down.
    pub async fn create(&mut self, world: &World, spec: &Spec) {
        let after = self.facts(spec);
        self.put(world, id::new(), 1, after).await;
    }

    async fn put(
        &mut self,
        world: &World,
        transaction_id: Uuid,
        version: i64,
        after: TransactionFacts,
    ) {
        let mut tx = world.begin().await;
        self.write(&mut tx, transaction_id, version, &after).await;
        let event = TransactionCreated {
            transaction_id,
            version,
            book_id: self.book,
            after: after.clone(),
        };
        outbox::emit(&mut tx, &event).await.expect("an event");
        tx.commit().await.expect("a commit");
        self.kept.push((transaction_id, version, after));
    }

    /// Changes one of the transactions, if there is any.
    pub async fn change(&mut self, world: &World, one: usize, spec: &Spec) {
        if self.kept.is_empty() {
            return;
        }
        let one = one % self.kept.len();
        let (transaction_id, version, before) = self.kept[one].clone();
        let (version, after) = (version + 1, self.facts(spec));
        let mut tx = world.begin().await;
        for table in [
            "DELETE FROM entries WHERE transaction_id = $1",
            "DELETE FROM lines WHERE transaction_id = $1",
        ] {
            let clearing = sqlx::query(table).bind(transaction_id);
            clearing.execute(tx.conn()).await.expect("no children");
        }
        self.write(&mut tx, transaction_id, version, &after).await;
        let event = TransactionUpdated {
            transaction_id,
            version,
            book_id: self.book,
            before,
            after: after.clone(),
        };
        outbox::emit(&mut tx, &event).await.expect("an event");
        tx.commit().await.expect("a commit");
        self.kept[one] = (transaction_id, version, after);
    }

    /// Deletes one of the transactions, if there is any.
    pub async fn delete(&mut self, world: &World, one: usize) {
        if self.kept.is_empty() {
            return;
        }
        let (transaction_id, version, before) = self.kept.remove(one % self.kept.len());
        let version = version + 1;
        let mut tx = world.begin().await;
        sqlx::query("DELETE FROM transactions WHERE id = $1")
            .bind(transaction_id)
            .execute(tx.conn())
            .await
            .expect("no transaction");
        let event = TransactionDeleted {
            transaction_id,
            version,
            book_id: self.book,
            before: before.clone(),
        };
        outbox::emit(&mut tx, &event).await.expect("an event");
        tx.commit().await.expect("a commit");
        self.trash.push((transaction_id, version, before));
    }

    /// Takes one out of the trash, if there is any.
    pub async fn restore(&mut self, world: &World, one: usize) {
        if self.trash.is_empty() {
            return;
        }
        let (transaction_id, version, after) = self.trash.remove(one % self.trash.len());
        self.put(world, transaction_id, version + 1, after).await;
    }

    async fn write(&self, tx: &mut Tx, transaction: Uuid, version: i64, facts: &TransactionFacts) {
        sqlx::query(
            "INSERT INTO transactions (id, book_id, date, kind, version, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, now(), now())
             ON CONFLICT (id) DO UPDATE SET date = excluded.date, kind = excluded.kind, version = excluded.version",
        )
        .bind(transaction)
        .bind(self.book)
        .bind(facts.date)
        .bind(&facts.kind)
        .bind(version)
        .execute(tx.conn())
        .await
        .expect("a transaction");
        for (no, entry) in (1_i16..).zip(&facts.entries) {
            sqlx::query(
                "INSERT INTO entries (transaction_id, no, book_id, wallet_id, currency, amount, date, status)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .bind(transaction)
            .bind(no)
            .bind(self.book)
            .bind(entry.wallet_id)
            .bind(&entry.currency)
            .bind(entry.amount)
            .bind(facts.date)
            .bind(&entry.status)
            .execute(tx.conn())
            .await
            .expect("an entry");
        }
        for (no, line) in (1_i16..).zip(&facts.lines) {
            sqlx::query(
                "INSERT INTO lines (transaction_id, no, book_id, category_id, currency, amount, date)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
            )
            .bind(transaction)
            .bind(no)
            .bind(self.book)
            .bind(line.category_id)
            .bind(&line.currency)
            .bind(line.amount)
            .bind(facts.date)
            .execute(tx.conn())
            .await
            .expect("a line");
        }
    }

    /// The totals that the ledger comes to, by its transactions as they were written.
    pub fn expected(&self) -> BTreeMap<Place, Cell> {
        let mut cells: BTreeMap<Place, Cell> = BTreeMap::new();
        for (_, _, facts) in &self.kept {
            for entry in &facts.entries {
                let place = (
                    facts.date,
                    "wallet",
                    Some(entry.wallet_id),
                    entry.currency.clone(),
                );
                let cell = cells.entry(place).or_default();
                *cell = (cell.0 + entry.amount, 0, cell.2 + 1);
            }
            for line in &facts.lines {
                let place = (
                    facts.date,
                    "category",
                    line.category_id,
                    line.currency.clone(),
                );
                let cell = cells.entry(place).or_default();
                let (money_in, money_out) = (line.amount.max(0), line.amount.min(0));
                let lines = if line.amount > 0 { 1000 } else { 1 };
                *cell = (cell.0 + money_in, cell.1 + money_out, cell.2 + lines);
            }
        }
        cells
    }

    /// The totals that were kept.
    pub async fn cells(&self, world: &World) -> BTreeMap<Place, Cell> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT date, true, wallet_id, currency, amount::bigint, 0::bigint, count
             FROM report_wallets JOIN wallets ON wallets.id = wallet_id WHERE report_wallets.book_id = $1
             UNION ALL
             SELECT date, false, category_id, currency, money_in::bigint, money_out::bigint,
                    lines_in * 1000 + lines_out
             FROM report_categories WHERE book_id = $1",
        )
        .bind(self.book)
        .fetch_all(world.pool())
        .await
        .expect("totals");
        let cells = rows
            .into_iter()
            .map(|(date, is_wallet, id, currency, one, other, count)| {
                let what = if is_wallet { "wallet" } else { "category" };
                ((date, what, id, currency), (one, other, count))
            });
        cells.collect()
    }
}
