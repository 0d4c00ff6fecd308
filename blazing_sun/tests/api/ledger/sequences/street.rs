//! Two people with a book each, who do one thing after another; after each of them everything is looked at.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate, TimeDelta};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestCaseResult;
use serde_json::{Value, json};
use sqlx::PgPool;

use super::model::{Book, Category, Entry, Recurring, Transaction, Wallet, id_at, tags};
use super::op::{Draft, Edit, MOST, Match, Op, PAYEES, Step};
use crate::harness::{Browser, Response};
use crate::ledger::{House, found, id, made};

const TRANSACTIONS: &str = "/api/v1/transactions";
const ANY: [(&str, &str); 1] = [("if-match", "*")];
/// The largest balance that anybody may say.
const FULL: i128 = 9_007_199_254_740_991;
/// How many rows there are of all that a refusal must not leave behind.
const ROWS: &str = "
    SELECT jsonb_build_array(
        (SELECT count(*) FROM transactions), (SELECT count(*) FROM entries), (SELECT count(*) FROM lines),
        (SELECT count(*) FROM transaction_tags), (SELECT count(*) FROM trash), (SELECT count(*) FROM payees),
        (SELECT count(*) FROM payee_names), (SELECT count(*) FROM tags), (SELECT count(*) FROM wallets),
        (SELECT count(*) FROM categories), (SELECT count(*) FROM recurring), (SELECT count(*) FROM outbox),
        (SELECT count(*) FROM event_log), (SELECT count(*) FROM jobs), (SELECT count(*) FROM idempotency_keys))";
/// Wallets that do not hold what moved in them, and transactions that do not add up.
const CROOKED: &str = "
    SELECT (SELECT count(*) FROM wallets
            WHERE balance <> (SELECT coalesce(sum(amount), 0) FROM entries WHERE wallet_id = wallets.id))
         + (SELECT count(*) FROM transactions t
            WHERE kind = 'normal' AND (SELECT count(DISTINCT currency) FROM entries WHERE transaction_id = t.id) = 1
              AND (SELECT sum(amount) FROM entries WHERE transaction_id = t.id)
                  <> (SELECT coalesce(sum(amount), 0) FROM lines WHERE transaction_id = t.id))";
/// All that reports are read from.
const REPORTS: &str = "
    SELECT jsonb_build_array(
        (SELECT jsonb_agg(to_jsonb(it) ORDER BY to_jsonb(it)::text) FROM report_wallets it),
        (SELECT jsonb_agg(to_jsonb(it) ORDER BY to_jsonb(it)::text) FROM report_categories it))";

/// Two people, and what they have by the model.
pub struct Street<'a> {
    house: &'a mut House,
    pool: PgPool,
    people: Vec<Browser>,
    books: Vec<Book>,
    /// The day on which it began.
    first: NaiveDate,
    /// What it is now.
    today: NaiveDate,
    /// How many requests had a key so far.
    keys: usize,
}

impl<'a> Street<'a> {
    /// New people, of whom the first has a wallet into which hardly anything more goes.
    pub async fn new(house: &'a mut House, number: usize) -> Self {
        let mut people = Vec::new();
        for name in ["ada", "eve"] {
            people.push(house.member(&format!("{name}{number}")).await);
        }
        let first = NaiveDate::from_ymd_opt(2026, 11, 25).expect("a day");
        let today = house.now().date_naive();
        let pool = house.world.pool();
        let mut street = Self {
            house,
            pool,
            people,
            books: vec![Book::default(), Book::default()],
            first,
            today,
            keys: 0,
        };
        for who in 0..2 {
            street.furnish(who).await;
            street.look(who).await.expect("what was put there");
        }
        street
    }

    async fn furnish(&mut self, who: usize) {
        for (name, kind) in [
            ("One", "expense"),
            ("Two", "expense"),
            ("Three", "income"),
            ("Four", "income"),
        ] {
            let body = json!({ "name": name, "kind": kind });
            let id = id(&made(&mut self.people[who], "/api/v1/categories", &body).await);
            self.books[who].categories.push(Category {
                id,
                kind,
                merged_into: None,
            });
        }
        let wallets = [("EUR", 10_000), ("EUR", 500), ("JPY", 700)];
        for (currency, balance) in wallets {
            self.open(who, currency, balance).await.expect("a wallet");
        }
        if who == 0 {
            self.open(who, "EUR", MOST).await.expect("a wallet");
            let vault = self.books[who].wallets.len() - 1;
            for _ in 0..8 {
                let body = json!({ "date": self.first, "wallet_id": self.books[who].wallets[vault].id, "amount": MOST });
                let made = made(&mut self.people[who], TRANSACTIONS, &body).await;
                let mut it = self.single("normal", vault, MOST, self.first);
                it.id = Some(id(&made));
                it.lines = vec![(None, MOST)];
                self.books[who].transactions.push(it);
            }
        }
    }

    fn single(
        &self,
        kind: &'static str,
        wallet: usize,
        amount: i64,
        day: NaiveDate,
    ) -> Transaction {
        Transaction {
            id: None,
            kind,
            day,
            entries: vec![Entry {
                wallet,
                amount,
                status: "cleared",
            }],
            lines: Vec::new(),
            payee: None,
            tags: 0,
            version: 1,
            gone: false,
        }
    }

    /// Does all of it.
    pub async fn walk(&mut self, steps: Vec<Step>) -> TestCaseResult {
        for (no, (who, op)) in steps.into_iter().enumerate() {
            let what = format!("step {no}, {who}: {op:?}");
            let in_step = |error: TestCaseError| TestCaseError::fail(format!("{what}\n{error}"));
            let before = self.rows().await;
            let done = self.step(who, op).await.map_err(in_step)?;
            if !done {
                let after = self.rows().await;
                prop_assert_eq!(
                    before,
                    after,
                    "{}: something of what was refused is there",
                    what
                );
            }
            self.look(who).await.map_err(in_step)?;
            // So that reports have followed some of what is changed later.
            if no % 8 == 7 {
                self.house.machine.settle().await;
            }
        }
        self.look(0).await?;
        self.look(1).await?;
        self.look_into_the_trash().await?;
        self.look_at_reports().await
    }

    /// Has nothing made any more.
    pub async fn leave(mut self) {
        for who in 0..2 {
            for recurring in std::mem::take(&mut self.books[who].recurring) {
                let gone = self.people[who]
                    .send("DELETE", &recurring.path, &ANY, "")
                    .await;
                assert_eq!(gone.status, 204, "{gone:?}");
            }
        }
        self.pool.close().await;
    }

    async fn rows(&self) -> Value {
        self.value(ROWS).await
    }

    async fn value(&self, query: &'static str) -> Value {
        sqlx::query_scalar(query)
            .fetch_one(&self.pool)
            .await
            .expect("PostgreSQL")
    }

    /// Does something, and says whether it was done; that has to be what the model says.
    async fn step(&mut self, who: usize, op: Op) -> Result<bool, TestCaseError> {
        match op {
            Op::Create(draft, twice) => self.create(who, &draft, twice).await,
            Op::Change(it, draft, version, sure) => {
                self.change(who, &it, &draft, version, sure).await
            }
            Op::Delete(it, version, sure) => self.delete(who, &it, version, sure).await,
            Op::Restore(it) => self.restore(who, &it).await,
            Op::EditMany(them, edit, sure) => self.edit_many(who, &them, &edit, sure).await,
            Op::DeleteMany(them, sure) => self.delete_many(who, &them, sure).await,
            Op::Adjust(wallet, days, said) => {
                let ids = |book: &Book| {
                    book.wallets
                        .iter()
                        .map(|it| it.id.clone())
                        .collect::<Vec<_>>()
                };
                let path =
                    id_at(&wallet, &ids(&self.books[who]), &ids(&self.books[1 - who])).to_owned();
                let day = self.first - Days::new(days);
                let body = json!({ "date": day, "balance": said });
                let path = format!("/api/v1/wallets/{path}/adjustments");
                let answer = self.people[who].post(&path, &body).await;
                let book = &self.books[who];
                let place = wallet.place.index(book.wallets.len());
                let (found, said) = (book.held(place, day), i128::from(said));
                let counted = |number: i128| (-FULL..=FULL).contains(&number);
                let amount = i64::try_from(said - found).unwrap_or(i64::MAX);
                let it = self.single("adjustment", place, amount, day);
                let expected = !wallet.foreign
                    && counted(said)
                    && counted(found)
                    && amount != 0
                    && (-MOST..=MOST).contains(&amount)
                    && book.takes(&it.entries)
                    && book.bears(&[], &it.entries);
                self.keep(who, &answer, expected.then_some(it))
            }
            Op::Open(currency, balance) => self.open(who, currency, balance).await,
            Op::Archive(wallet, archived) => {
                let place = wallet.index(self.books[who].wallets.len());
                self.books[who].wallets[place].archived = archived;
                let path = format!("/api/v1/wallets/{}", self.books[who].wallets[place].id);
                let body = json!({ "archived": archived });
                let answer = self.people[who].json("PATCH", &path, &ANY, &body).await;
                is_done(&answer, true)
            }
            Op::Merge(category, into) => {
                let ids = |book: &Book| {
                    book.categories
                        .iter()
                        .map(|it| it.id.clone())
                        .collect::<Vec<_>>()
                };
                let body = json!({ "into": id_at(&into, &ids(&self.books[who]), &ids(&self.books[1 - who])) });
                let book = &mut self.books[who];
                let place = category.index(book.categories.len());
                let target = into.place.index(book.categories.len());
                let path = format!("/api/v1/categories/{}/merge", book.categories[place].id);
                let expected = !into.foreign
                    && book.categories[place].merged_into.is_none()
                    && book.counts_as(target) != place
                    && book.categories[target].kind == book.categories[place].kind;
                if expected {
                    book.categories[place].merged_into = Some(target);
                }
                let answer = self.people[who].json("PUT", &path, &ANY, &body).await;
                is_done(&answer, expected)
            }
            Op::Separate(category) => {
                let book = &mut self.books[who];
                let place = category.index(book.categories.len());
                let path = format!("/api/v1/categories/{}/merge", book.categories[place].id);
                let expected = book.categories[place].merged_into.take().is_some();
                let answer = self.people[who].send("DELETE", &path, &ANY, "").await;
                is_done(&answer, expected)
            }
            Op::Repeat(draft) => self.repeat(who, &draft).await,
            Op::Tomorrow => {
                self.house.app.clock.advance(TimeDelta::days(1));
                self.today = self.today + Days::new(1);
                self.house.machine.fire("make_recurring").await;
                for book in &mut self.books {
                    book.make_due(self.today);
                }
                // What was made for the other one has to be known too.
                self.look(1 - who).await?;
                Ok(true)
            }
        }
    }

    /// Keeps in the model what was made, if the answer is what the model says.
    fn keep(
        &mut self,
        who: usize,
        answer: &Response,
        expected: Option<Transaction>,
    ) -> Result<bool, TestCaseError> {
        let done = is_done(answer, expected.is_some())?;
        if let Some(mut it) = expected {
            it.id = Some(id(&answer.json()));
            self.books[who].transactions.push(it);
        }
        Ok(done)
    }

    async fn open(
        &mut self,
        who: usize,
        currency: &'static str,
        balance: i64,
    ) -> Result<bool, TestCaseError> {
        let place = self.books[who].wallets.len();
        let body = json!({ "name": format!("Wallet {place}"), "kind": "other", "currency": currency, "opening_balance": balance,
                           "opening_date": self.first });
        let answer = self.people[who].post("/api/v1/wallets", &body).await;
        let done = is_done(&answer, (-MOST..=MOST).contains(&balance))?;
        if done {
            let id = id(&answer.json());
            self.books[who].wallets.push(Wallet {
                id,
                currency,
                archived: false,
            });
            if balance != 0 {
                let it = self.single("opening", place, balance, self.first);
                self.books[who].transactions.push(it);
            }
        }
        Ok(done)
    }

    /// A draft as it is sent: short, if it can be and has no first tag.
    fn body(&self, who: usize, draft: &Draft, day: Option<NaiveDate>) -> Value {
        let (own, foreign) = (&self.books[who], &self.books[1 - who]);
        let wallets = |book: &Book| {
            book.wallets
                .iter()
                .map(|it| it.id.clone())
                .collect::<Vec<_>>()
        };
        let categories = |book: &Book| {
            book.categories
                .iter()
                .map(|it| it.id.clone())
                .collect::<Vec<_>>()
        };
        let (own_wallets, foreign_wallets) = (wallets(own), wallets(foreign));
        let (own_categories, foreign_categories) = (categories(own), categories(foreign));
        let entries: Vec<Value> = draft
            .entries
            .iter()
            .map(|it| {
                let wallet = id_at(&it.wallet, &own_wallets, &foreign_wallets);
                json!({ "wallet_id": wallet, "amount": it.amount, "status": it.status })
            })
            .collect();
        let lines: Vec<Value> = draft
            .lines
            .iter()
            .map(|(category, amount)| {
                let category = category
                    .as_ref()
                    .map(|it| id_at(it, &own_categories, &foreign_categories));
                json!({ "category_id": category, "amount": amount })
            })
            .collect();
        let mut body = match (entries.as_slice(), lines.as_slice()) {
            ([entry], [line]) if entry["amount"] == line["amount"] && draft.tags & 1 == 0 => {
                let mut short = entry.clone();
                short["category_id"] = line["category_id"].clone();
                short
            }
            _ => json!({ "entries": entries, "lines": lines }),
        };
        let day = day.or_else(|| draft.days_ago.map(|days| self.first - Days::new(days)));
        body["date"] = day.map_or(json!("1812-06-24"), |day| json!(day));
        body["payee"] = json!(draft.payee.map(|payee| PAYEES[payee]));
        body["tags"] = json!(tags(draft.tags));
        body
    }

    async fn create(
        &mut self,
        who: usize,
        draft: &Draft,
        twice: bool,
    ) -> Result<bool, TestCaseError> {
        let body = self.body(who, draft, None);
        self.keys += 1;
        let key = format!("{}-{}", self.books[0].wallets[0].id, self.keys);
        let key = [("idempotency-key", key.as_str())];
        let answer = self.people[who]
            .json("POST", TRANSACTIONS, &key[..usize::from(twice)], &body)
            .await;
        if twice {
            let again = self.people[who]
                .json("POST", TRANSACTIONS, &key, &body)
                .await;
            prop_assert_eq!((again.status, &again.body), (answer.status, &answer.body));
        }
        let book = &self.books[who];
        let parsed = book.parse(draft, self.first);
        let expected = parsed.filter(|it| book.takes(&it.entries) && book.bears(&[], &it.entries));
        self.keep(who, &answer, expected)
    }

    /// What is sent of the version that was read, and whether it is the right one.
    fn matching(&self, version: i64, said: Match) -> (Option<String>, bool) {
        match said {
            Match::Any => (Some("*".to_owned()), true),
            Match::Right => (Some(format!("\"{version}\"")), true),
            Match::Wrong => (Some(format!("\"{}\"", version + 1)), false),
            Match::Missing => (None, false),
        }
    }

    async fn change(
        &mut self,
        who: usize,
        it: &Index,
        draft: &Draft,
        version: Match,
        sure: bool,
    ) -> Result<bool, TestCaseError> {
        let Some(place) = self.books[who].pick(it, false) else {
            return Ok(false);
        };
        let before = self.books[who].transactions[place].clone();
        let path = self.path(&before, sure);
        let body = self.body(who, draft, None);
        let (said, is_right) = self.matching(before.version, version);
        let headers: Vec<_> = said
            .as_deref()
            .map(|said| ("if-match", said))
            .into_iter()
            .collect();
        let answer = self.people[who].json("PUT", &path, &headers, &body).await;
        let book = &mut self.books[who];
        let may = is_right && before.kind == "normal" && (sure || !before.is_reconciled());
        let parsed = book.parse(draft, self.first).filter(|after| {
            may && book.takes(&after.entries) && book.bears(&before.entries, &after.entries)
        });
        let done = is_done(&answer, parsed.is_some())?;
        if let Some(after) = parsed {
            book.transactions[place] = Transaction {
                id: before.id,
                version: before.version + 1,
                ..after
            };
        }
        Ok(done)
    }

    fn path(&self, it: &Transaction, sure: bool) -> String {
        let id = it.id.as_deref().expect("known");
        format!("{TRANSACTIONS}/{id}?reconciled={sure}")
    }

    async fn delete(
        &mut self,
        who: usize,
        it: &Index,
        version: Match,
        sure: bool,
    ) -> Result<bool, TestCaseError> {
        let Some(place) = self.books[who].pick(it, false) else {
            return Ok(false);
        };
        let before = self.books[who].transactions[place].clone();
        let path = self.path(&before, sure);
        let (said, is_right) = self.matching(before.version, version);
        let headers: Vec<_> = said
            .as_deref()
            .map(|said| ("if-match", said))
            .into_iter()
            .collect();
        let answer = self.people[who].send("DELETE", &path, &headers, "").await;
        let book = &mut self.books[who];
        let expected =
            is_right && (sure || !before.is_reconciled()) && book.bears(&before.entries, &[]);
        let done = is_done(&answer, expected)?;
        if done {
            book.transactions[place].gone = true;
            book.transactions[place].version += 1;
        }
        Ok(done)
    }

    async fn restore(&mut self, who: usize, it: &Index) -> Result<bool, TestCaseError> {
        let Some(place) = self.books[who].pick(it, true) else {
            return Ok(false);
        };
        let book = &mut self.books[who];
        let it = book.transactions[place].clone();
        let path = format!("{TRANSACTIONS}/{}/restore", it.id.expect("known"));
        let answer = self.people[who].post(&path, &json!({})).await;
        let done = is_done(
            &answer,
            book.takes(&it.entries) && book.bears(&[], &it.entries),
        )?;
        if done {
            book.transactions[place].gone = false;
            book.transactions[place].version += 1;
        }
        Ok(done)
    }

    /// Different ones of those that count.
    fn many(&self, who: usize, them: &[Index]) -> (Vec<usize>, Vec<String>) {
        let book = &self.books[who];
        let places: BTreeSet<usize> = them.iter().filter_map(|it| book.pick(it, false)).collect();
        let ids = places
            .iter()
            .filter_map(|place| book.transactions[*place].id.clone());
        (places.iter().copied().collect(), ids.collect())
    }

    async fn edit_many(
        &mut self,
        who: usize,
        them: &[Index],
        edit: &Edit,
        sure: bool,
    ) -> Result<bool, TestCaseError> {
        let (places, ids) = self.many(who, them);
        let mut body = json!({ "ids": ids, "reconciled": sure, "add_tags": tags(edit.add_tags), "status": edit.status });
        let ids = |book: &Book| {
            book.categories
                .iter()
                .map(|it| it.id.clone())
                .collect::<Vec<_>>()
        };
        let (own, foreign) = (ids(&self.books[who]), ids(&self.books[1 - who]));
        if let Some(category) = &edit.category {
            body["category_id"] = json!(category.as_ref().map(|it| id_at(it, &own, &foreign)));
        }
        if let Some(payee) = edit.payee {
            body["payee"] = json!(payee.map(|payee| PAYEES[payee]));
        }
        let answer = self.people[who]
            .post(&format!("{TRANSACTIONS}/bulk"), &body)
            .await;
        let says = edit.category.is_some()
            || edit.payee.is_some()
            || edit.add_tags != 0
            || edit.status.is_some();
        let foreign = edit.category.iter().flatten().any(|it| it.foreign);
        let book = &mut self.books[who];
        let all = places
            .iter()
            .map(|place| book.edited(&book.transactions[*place], edit, sure));
        let all: Option<Vec<Transaction>> = all.collect();
        let all = all.filter(|_| says && !foreign && !places.is_empty());
        let done = is_done(&answer, all.is_some())?;
        for (place, after) in places.into_iter().zip(all.into_iter().flatten()) {
            book.transactions[place] = after;
        }
        Ok(done)
    }

    async fn delete_many(
        &mut self,
        who: usize,
        them: &[Index],
        sure: bool,
    ) -> Result<bool, TestCaseError> {
        let (places, ids) = self.many(who, them);
        let body = json!({ "ids": ids, "reconciled": sure, "delete": true });
        let answer = self.people[who]
            .post(&format!("{TRANSACTIONS}/bulk"), &body)
            .await;
        let book = &mut self.books[who];
        let them = || places.iter().map(|place| &book.transactions[*place]);
        let entries: Vec<Entry> = them().flat_map(|it| it.entries.clone()).collect();
        let may = !places.is_empty() && (sure || !them().any(Transaction::is_reconciled));
        // They go one after another, in an order that is PostgreSQL's: what a balance cannot bear on the way may be refused.
        let (ins, outs): (Vec<Entry>, Vec<Entry>) =
            entries.iter().cloned().partition(|it| it.amount > 0);
        let sure = book.bears(&ins, &[]) && book.bears(&outs, &[]);
        let expected = may && book.bears(&entries, &[]) && (sure || answer.status == 200);
        let done = is_done(&answer, expected)?;
        if done {
            for place in places {
                book.transactions[place].gone = true;
                book.transactions[place].version += 1;
            }
        }
        Ok(done)
    }

    /// Sets up what is made each day from tomorrow on, if the balance can bear it for as long as this takes.
    async fn repeat(&mut self, who: usize, draft: &Draft) -> Result<bool, TestCaseError> {
        let book = &self.books[who];
        let small = |it: &Entry| {
            it.amount.abs() < 1_000_000 && book.balances()[it.wallet].abs() < i128::from(MOST)
        };
        let parsed = book
            .parse(draft, self.first)
            .filter(|it| it.entries.iter().all(small) && book.takes(&it.entries));
        let Some(what) = parsed else {
            return Ok(false);
        };
        let next = self.today + Days::new(1);
        let body =
            json!({ "transaction": self.body(who, draft, Some(next)), "rule": "FREQ=DAILY" });
        let answer = self.people[who].post("/api/v1/recurring", &body).await;
        let done = is_done(&answer, true)?;
        let path = format!("/api/v1/recurring/{}", id(&answer.json()));
        self.books[who]
            .recurring
            .push(Recurring { path, what, next });
        Ok(done)
    }

    /// Looks at everything that somebody has, as the application shows it.
    async fn look(&mut self, who: usize) -> TestCaseResult {
        let mut shown: BTreeMap<String, Value> = BTreeMap::new();
        let mut after = String::new();
        loop {
            let page = found(
                &mut self.people[who],
                &format!("{TRANSACTIONS}?limit=100{after}"),
            )
            .await;
            let list = page["transactions"].as_array().expect("a list").iter();
            shown.extend(list.map(|it| (id(it), reduced(it))));
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
        let book = &mut self.books[who];
        let mut unknown = shown.clone();
        unknown.retain(|id, _| {
            book.transactions
                .iter()
                .all(|it| it.id.as_ref() != Some(id))
        });
        for place in 0..book.transactions.len() {
            if book.transactions[place].id.is_none() {
                let expected = book.shown(&book.transactions[place]);
                let known = unknown
                    .iter()
                    .find(|(_, it)| **it == expected)
                    .map(|(id, _)| id.clone());
                prop_assert!(
                    known.is_some(),
                    "not made: {} among {:?}",
                    expected,
                    unknown
                );
                book.transactions[place].id = known.inspect(|id| drop(unknown.remove(id)));
            }
        }
        let expected: BTreeMap<String, Value> = book
            .live()
            .filter_map(|it| Some((it.id.clone()?, book.shown(it))))
            .collect();
        prop_assert_eq!(shown, expected);

        let wallets = found(&mut self.people[who], "/api/v1/wallets").await;
        let book = &self.books[who];
        for (wallet, expected) in book.wallets.iter().zip(book.balances()) {
            let mut list = wallets["wallets"].as_array().expect("a list").iter();
            let shown = list
                .find(|it| it["id"] == wallet.id.as_str())
                .expect("a wallet");
            prop_assert_eq!(shown["balance"].as_i64().map(i128::from), Some(expected));
            prop_assert_eq!(shown["archived_at"].is_string(), wallet.archived);
        }
        prop_assert_eq!(self.house.world.number(&self.pool, CROOKED).await, 0);
        Ok(())
    }

    async fn look_into_the_trash(&mut self) -> TestCaseResult {
        for who in 0..2 {
            let trash = found(&mut self.people[who], "/api/v1/trash?limit=100").await;
            let list = trash["trash"].as_array().expect("a list").iter();
            let shown: BTreeSet<String> = list.map(|it| id(&it["transaction"])).collect();
            let gone = self.books[who].transactions.iter().filter(|it| it.gone);
            prop_assert_eq!(
                shown,
                gone.filter_map(|it| it.id.clone()).collect::<BTreeSet<_>>()
            );
        }
        Ok(())
    }

    /// Reports say what moved, and a rebuild says the same.
    async fn look_at_reports(&mut self) -> TestCaseResult {
        self.house.machine.settle().await;
        for book in &self.books {
            let ids: Vec<String> = book.wallets.iter().map(|it| it.id.clone()).collect();
            let rows: Vec<(String, NaiveDate, String, i64)> = sqlx::query_as(
                "SELECT wallet_id::text, date, amount::text, count::bigint FROM report_wallets WHERE wallet_id::text = ANY($1)",
            )
            .bind(ids)
            .fetch_all(&self.pool)
            .await
            .expect("PostgreSQL");
            let cells = rows.into_iter().map(|(wallet, day, amount, count)| {
                ((wallet, day), (amount.parse().expect("a number"), count))
            });
            prop_assert_eq!(cells.collect::<BTreeMap<_, _>>(), book.days());
        }
        let followed = self.value(REPORTS).await;
        self.house.machine.rebuild("reports").await;
        prop_assert_eq!(followed, self.value(REPORTS).await);
        Ok(())
    }
}

/// Whether an answer says that something was done, which has to be as expected; whatever it says is no failure.
fn is_done(answer: &Response, expected: bool) -> Result<bool, TestCaseError> {
    let done = (200..300).contains(&answer.status);
    prop_assert!(done || (400..500).contains(&answer.status), "{:?}", answer);
    prop_assert_eq!(done, expected, "{:?}", answer);
    Ok(done)
}

/// What of a transaction can be known beforehand.
fn reduced(it: &Value) -> Value {
    let names = |list: &Value| {
        list.as_array()
            .expect("a list")
            .iter()
            .map(|tag| tag["name"].clone())
            .collect::<Vec<_>>()
    };
    let part = |list: &Value, fields: [&str; 3]| {
        let list = list.as_array().expect("a list").iter();
        let some = |it: &Value| {
            fields
                .into_iter()
                .filter_map(|name| Some((name.to_owned(), it.get(name)?.clone())))
                .collect()
        };
        list.map(some).map(Value::Object).collect::<Vec<_>>()
    };
    json!({ "date": it["date"], "kind": it["kind"], "payee": it["payee"].get("name"), "tags": names(&it["tags"]),
            "entries": part(&it["entries"], ["wallet_id", "amount", "status"]),
            "lines": part(&it["lines"], ["category_id", "amount", ""]), "version": it["version"] })
}
