//! What the pages of transactions show of a book.

use minijinja::{Value, context};

use crate::flow::ctx::Ctx;
use crate::kernel::id::Id;
use crate::ledger::books::{Book, Books, Owner};
use crate::ledger::categories::{self, Category};
use crate::ledger::transactions::transaction::{Entry, Transaction};
use crate::ledger::typed;
use crate::ledger::wallets::{self, Wallet};
use crate::web::access::SignedIn;
use crate::web::page::PageAccess;
use crate::web::problem::Problem;

/// The book of whoever looks at a page, with the wallets and categories by which transactions are named.
pub struct Shelf {
    book: Book,
    /// By their names.
    pub wallets: Vec<Wallet>,
    categories: Vec<Category>,
}

impl Shelf {
    /// What somebody's book holds.
    pub async fn of(
        access: &PageAccess<SignedIn>,
        books: &Books,
        ctx: &Ctx,
    ) -> Result<Self, Problem> {
        let owner: Id<Owner> = access.account_id.into();
        Ok(Self {
            book: books.of(owner, access.cause()).await?,
            wallets: wallets::repo::list(ctx.pool(), owner).await?,
            categories: categories::repo::list(ctx.pool(), owner).await?,
        })
    }

    /// Which day it is where the book is kept.
    #[must_use]
    pub fn today(&self, ctx: &Ctx) -> String {
        self.book.today(ctx.now()).to_string()
    }

    /// The choices of the forms.
    #[must_use]
    pub fn choices(&self) -> Value {
        let wallets: Vec<Value> = self
            .wallets
            .iter()
            .filter(|wallet| wallet.archived_at.is_none())
            .map(|wallet| {
                let label = format!("{} ({})", wallet.name, wallet.currency);
                context! { value => wallet.id.to_string(), label }
            })
            .collect();
        let mut categories = vec![context! { value => "", label => "Not said" }];
        let offered = self
            .categories
            .iter()
            .filter(|category| category.archived_at.is_none() && category.merged_into.is_none());
        categories.extend(offered.map(|category| {
            let label = category.path(&self.categories);
            context! { value => category.id.to_string(), label }
        }));
        let mut others = vec![context! { value => "", label => "Not chosen" }];
        others.extend(wallets.iter().cloned());
        context! { wallets, others, categories }
    }

    /// What is in the wallets that are in use.
    #[must_use]
    pub fn balances(&self) -> Vec<Value> {
        self.wallets
            .iter()
            .filter(|wallet| wallet.archived_at.is_none())
            .map(|wallet| {
                context! {
                    name => wallet.name,
                    currency => wallet.currency,
                    balance => typed::show(wallet.balance, wallet.exponent),
                    negative => wallet.balance < 0,
                }
            })
            .collect()
    }

    fn wallet(&self, entry: &Entry) -> &str {
        let found = self
            .wallets
            .iter()
            .find(|wallet| wallet.id.uuid() == entry.wallet_id);
        found.map_or("", |wallet| wallet.name.as_str())
    }

    /// A transaction, as pages list it.
    #[must_use]
    pub fn row(&self, transaction: &Transaction) -> Value {
        let entries: Vec<Value> = transaction
            .entries
            .iter()
            .map(|entry| {
                context! {
                    wallet => self.wallet(entry),
                    currency => entry.currency,
                    amount => typed::show(entry.amount, entry.exponent),
                    negative => entry.amount < 0,
                    pending => entry.status.name() == "pending",
                }
            })
            .collect();
        let categories: Vec<String> = transaction
            .lines
            .iter()
            .filter_map(|line| line.counts_as)
            .filter_map(|id| {
                self.categories
                    .iter()
                    .find(|category| category.id.uuid() == id)
            })
            .map(|category| category.path(&self.categories))
            .collect();
        let about = match (&transaction.payee, transaction.kind.name()) {
            (Some(payee), _) => payee.name.clone(),
            (None, "opening") => "Opening balance".to_owned(),
            (None, "adjustment") => "Adjustment".to_owned(),
            (None, _) if transaction.lines.is_empty() => "Transfer".to_owned(),
            (None, _) => "Without a payee".to_owned(),
        };
        let tags: Vec<&str> = transaction
            .tags
            .iter()
            .map(|tag| tag.name.as_str())
            .collect();
        context! {
            id => transaction.id.to_string(),
            date => transaction.date.format("%-d %b %Y").to_string(),
            about,
            note => transaction.note,
            categories,
            tags,
            entries,
        }
    }
}
