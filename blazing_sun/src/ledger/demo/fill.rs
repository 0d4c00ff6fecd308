//! Writing the story down in a book, through the use cases that people go through.

use std::collections::BTreeMap;
use std::convert::Infallible;

use chrono::{Days, Months, NaiveDate};

use crate::flow::ctx::Tx;
use crate::flow::outbox::Refused;
use crate::kernel::id::Id;
use crate::ledger::books::{self, Book, Month, Owner, open_book};
use crate::ledger::budgets::{CreateBudgetError, NewBudget, create_budget};
use crate::ledger::categories;
use crate::ledger::checks::{
    AdjustWalletError, CheckBalanceError, NewAdjustment, NewCheck, adjust_wallet, check_balance,
};
use crate::ledger::demo::deed::{Deed, Purse};
use crate::ledger::demo::pen::{Pen, day, unwritable};
use crate::ledger::demo::plans::{BUDGETED_MONTHS, BUDGETS, coming};
use crate::ledger::demo::story::Story;
use crate::ledger::rates::{CreateRateError, NewRate, create_rate};
use crate::ledger::recurring::{CreateRecurringError, NewRecurring, create_recurring};
use crate::ledger::transactions::{
    CreateTransactionError, DeleteTransactionError, Reconciled, create_transaction,
    delete_transaction,
};
use crate::ledger::wallets::{CreateWalletError, NewWallet, Wallet, create_wallet};
use crate::web::access::Preferences;

/// How many days ago the coins were counted.
const COUNTED_AGO: u64 = 10;
/// What was missing then, in cents.
const MISSING: i64 = 340;

/// What was written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filled {
    /// Wallets.
    pub wallets: usize,
    /// Transactions that are there.
    pub transactions: usize,
    /// Transactions that were thrown away.
    pub trash: usize,
    /// Budgets.
    pub budgets: usize,
    /// Transactions that come again.
    pub recurring: usize,
    /// Exchange rates.
    pub rates: usize,
    /// Balance checks.
    pub checks: usize,
}

/// Why nothing was written down.
#[derive(Debug, thiserror::Error)]
pub enum FillError {
    /// The story says something that nobody could.
    #[error("the demo says something that cannot be written down: {0}")]
    Story(String),
    /// A wallet was not made.
    #[error(transparent)]
    Wallet(#[from] CreateWalletError),
    /// A transaction was not written down.
    #[error(transparent)]
    Transaction(#[from] CreateTransactionError),
    /// A transaction was not thrown away.
    #[error(transparent)]
    Trash(#[from] DeleteTransactionError<Infallible>),
    /// A budget was not set.
    #[error(transparent)]
    Budget(#[from] CreateBudgetError),
    /// A transaction that comes again was not set up.
    #[error(transparent)]
    Recurring(#[from] CreateRecurringError),
    /// A rate was not written down.
    #[error(transparent)]
    Rate(#[from] CreateRateError),
    /// A balance was not checked.
    #[error(transparent)]
    Check(#[from] CheckBalanceError),
    /// A wallet was not adjusted.
    #[error(transparent)]
    Adjust(#[from] AdjustWalletError),
    /// An event could not be written down.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Opens a book for somebody and writes two years down in it; none, if they have a book already. It is one transaction on
/// purpose: who stops it half-way finds nothing, and may just begin again.
pub async fn fill(
    tx: &mut Tx,
    owner: Id<Owner>,
    preferences: Preferences,
) -> Result<Option<Filled>, FillError> {
    if !open_book(tx, owner, preferences).await? {
        return Ok(None);
    }
    let Some(book) = books::repo::lock(tx, owner).await? else {
        return Ok(None);
    };
    let story = Story::until(book.today(tx.now()));
    let wallets = open_wallets(tx, owner, &book, &story).await?;
    let categories = categories::repo::list(tx.conn(), owner).await?;
    let pen = Pen::new(owner, &story, wallets, categories);

    write_rates(tx, &book, &story).await?;
    for deed in &story.deeds {
        create_transaction(tx, owner, &pen.draft(deed)?).await?;
    }
    throw_away(tx, &pen, &story.mistakes).await?;
    let statements = check_statements(tx, &pen, &story).await?;
    count_coins(tx, &pen, &story).await?;
    let openings = Purse::ALL.iter().filter(|purse| purse.opening() != 0);
    Ok(Some(Filled {
        wallets: Purse::ALL.len(),
        // And the one that says how many coins there are.
        transactions: openings.count() + story.deeds.len() + 1,
        trash: story.mistakes.len(),
        budgets: set_budgets(tx, &pen, &book, story.today).await?,
        recurring: come_again(tx, &pen, &book, story.today).await?,
        rates: story.rates.len(),
        checks: statements + 1,
    }))
}

async fn open_wallets(
    tx: &mut Tx,
    owner: Id<Owner>,
    book: &Book,
    story: &Story,
) -> Result<BTreeMap<Purse, Id<Wallet>>, FillError> {
    let mut wallets = BTreeMap::new();
    for purse in Purse::ALL {
        let (name, kind, currency) = purse.wallet();
        let opening = match purse.opening() {
            0 => None,
            minor => Some((minor.try_into().map_err(unwritable)?, day(story.start)?)),
        };
        let new = NewWallet {
            name: name.parse().map_err(unwritable)?,
            kind,
            currency: currency.parse().map_err(unwritable)?,
            opening,
        };
        let wallet = create_wallet(tx, owner, book.id, new).await?;
        wallets.insert(purse, wallet.id);
    }
    Ok(wallets)
}

async fn write_rates(tx: &mut Tx, book: &Book, story: &Story) -> Result<(), FillError> {
    let (_, _, pounds) = Purse::Pounds.wallet();
    for (date, rate) in &story.rates {
        let decimal = format!("{}.{:04}", rate / 10_000, rate % 10_000);
        let new = NewRate {
            date: day(*date)?,
            from: pounds.parse().map_err(unwritable)?,
            to: book.base_currency,
            rate: decimal.parse().map_err(unwritable)?,
        };
        create_rate(tx, book.id, new).await?;
    }
    Ok(())
}

async fn throw_away(tx: &mut Tx, pen: &Pen, mistakes: &[Deed]) -> Result<(), FillError> {
    for mistake in mistakes {
        let made = create_transaction(tx, pen.owner, &pen.draft(mistake)?).await?;
        let any = |_| Ok::<(), Infallible>(());
        delete_transaction(tx, pen.owner, made.id.into(), Reconciled::Keep, any).await?;
    }
    Ok(())
}

/// Compares what has statements with them: they agree. Returns how many there were.
async fn check_statements(tx: &mut Tx, pen: &Pen, story: &Story) -> Result<usize, FillError> {
    let mut checks = 0;
    let purses = Purse::ALL.into_iter();
    for purse in purses.filter(|purse| purse.has_statements()) {
        for (date, said) in story.statements(purse) {
            let new = NewCheck {
                date: day(date)?,
                said: said.try_into().map_err(unwritable)?,
                reconcile: false,
            };
            check_balance(tx, pen.owner, pen.wallet(purse)?, new).await?;
            checks += 1;
        }
    }
    Ok(checks)
}

/// Counts the coins: a little is missing, and that is written down.
async fn count_coins(tx: &mut Tx, pen: &Pen, story: &Story) -> Result<(), FillError> {
    let date = story.today - Days::new(COUNTED_AGO);
    let held = story.held_on(Purse::Cash, date);
    let (date, wallet) = (day(date)?, pen.wallet(Purse::Cash)?);
    let said = (held - MISSING).try_into().map_err(unwritable)?;
    let new = NewCheck {
        date,
        said,
        reconcile: false,
    };
    check_balance(tx, pen.owner, wallet, new).await?;
    let note = "Counted".parse().map_err(unwritable)?;
    let new = NewAdjustment { date, said, note };
    adjust_wallet(tx, pen.owner, wallet, new).await?;
    Ok(())
}

async fn set_budgets(
    tx: &mut Tx,
    pen: &Pen,
    book: &Book,
    today: NaiveDate,
) -> Result<usize, FillError> {
    let mut budgets = 0;
    for back in (0..=BUDGETED_MONTHS).rev() {
        let month = Month::of(today - Months::new(back), book.month_start);
        for (category, amount, rollover) in BUDGETS {
            let new = NewBudget {
                category_id: pen.category(category)?,
                month,
                amount: amount.try_into().map_err(unwritable)?,
                rollover,
            };
            create_budget(tx, pen.owner, book.id, new).await?;
            budgets += 1;
        }
    }
    Ok(budgets)
}

async fn come_again(
    tx: &mut Tx,
    pen: &Pen,
    book: &Book,
    today: NaiveDate,
) -> Result<usize, FillError> {
    let coming = coming(today);
    for deed in &coming {
        let new = NewRecurring {
            draft: pen.draft(deed)?,
            rule: "FREQ=MONTHLY".parse().map_err(unwritable)?,
            ends_on: None,
        };
        create_recurring(tx, pen.owner, book, new).await?;
    }
    Ok(coming.len())
}
