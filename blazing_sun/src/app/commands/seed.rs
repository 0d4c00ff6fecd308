//! `blazing_sun seed`: an account with two years of believable money in it, for development.

use anyhow::{Context, bail};
use clap::Args;

use crate::accounts::{self, Account, NewAccount, OpenAccountError, Password};
use crate::app::wiring::Wiring;
use crate::flow::ctx::{Cause, Tx};
use crate::kernel::email::Email;
use crate::kernel::id::Id;
use crate::kernel::time_zone::TimeZone;
use crate::ledger::demo::{self, Filled};
use crate::web::access::{Preferences, Role};

/// Where nobody gets mail: the domain is reserved for examples (RFC 2606).
const EMAIL: &str = "demo@example.com";
/// No secret: the documents print it, and `DEMO_DATA` says where that does no harm.
const PASSWORD: &str = "a-lantern-for-looking-around";
/// How its owner is called.
const NAME: &str = "Robin Demo";
/// What its book is kept in: what a new profile says, too.
const CURRENCY: &str = "EUR";

/// What to do about the demo account.
#[derive(Debug, Args)]
pub struct Options {
    /// Erase it first with everything in it, so that its two years end today.
    #[arg(long)]
    again: bool,
    /// Make nothing: only print how it signs in, if it is there.
    #[arg(long, conflicts_with = "again")]
    look: bool,
}

/// Makes the account, or says that it is there.
pub async fn execute(wiring: &Wiring, options: Options) -> anyhow::Result<()> {
    if !wiring.demo_data {
        bail!(
            "everybody knows how the demo account signs in, so that it is made in development only: where DEMO_DATA is true"
        );
    }
    let email: Email = EMAIL.parse().context("the address of the demo")?;
    let mut tx = wiring.ctx.begin(Cause::new("seed")).await?;
    let found = accounts::find_by_email(&mut tx, &email.key()).await?;
    if options.look {
        tx.rollback().await?;
        found.context("there is no demo account: `blazing_sun seed` makes it")?;
        println!("{EMAIL} / {PASSWORD}");
        return Ok(());
    }
    let found = match found {
        Some(account) if options.again => {
            tx = erase(wiring, tx, account).await?;
            None
        }
        found => found,
    };
    let account = match found {
        Some(account) => account,
        None => open(wiring, &mut tx, email).await?,
    };
    tx.commit().await?;
    match fill(wiring, account).await? {
        Some(filled) => println!("{}", told(&filled)),
        None => {
            println!(
                "the demo account is there already; `seed --again` erases it and makes it anew"
            );
        }
    }
    println!("sign in as {EMAIL} / {PASSWORD}");
    Ok(())
}

/// Erases what is there, in a transaction of its own: whoever is signed in must not be taken for the next one.
async fn erase(wiring: &Wiring, mut tx: Tx, account: Id<Account>) -> anyhow::Result<Tx> {
    let ended = accounts::end_sessions(&mut tx, account).await?;
    accounts::erase_now(&mut tx, &wiring.held, account).await?;
    tx.commit().await?;
    wiring.accounts.sessions.forget(&ended).await;
    println!("erased the demo account that was there");
    Ok(wiring.ctx.begin(Cause::new("seed")).await?)
}

async fn open(wiring: &Wiring, tx: &mut Tx, email: Email) -> anyhow::Result<Id<Account>> {
    let password = Password::choose(PASSWORD.into(), &[email.as_str(), NAME])
        .map_err(|error| anyhow::anyhow!("the password of the demo {error}"))?;
    let new = NewAccount {
        email,
        name: Some(NAME.parse().context("the name of the demo")?),
        password: wiring.accounts.hasher.hash(&password).await?,
        role: Role::User,
    };
    match accounts::open_account(tx, new).await {
        Err(OpenAccountError::Taken) => bail!("somebody else makes the demo account right now"),
        opened => Ok(opened?),
    }
}

/// Writes its book, as its own doing; none, if it has one already.
async fn fill(wiring: &Wiring, account: Id<Account>) -> anyhow::Result<Option<Filled>> {
    let preferences = Preferences {
        currency: CURRENCY.parse().context("the currency of the demo")?,
        time_zone: TimeZone::default(),
    };
    let owner = account.uuid();
    let mut tx = wiring.ctx.begin(Cause::new("seed").by(owner)).await?;
    let filled = demo::fill(&mut tx, owner.into(), preferences).await?;
    tx.commit().await?;
    Ok(filled)
}

fn told(filled: &Filled) -> String {
    let Filled {
        wallets,
        transactions,
        trash,
        budgets,
        recurring,
        rates,
        checks,
    } = filled;
    format!(
        "made {transactions} transactions of two years in {wallets} wallets, with {budgets} budgets, {checks} balance checks and \
         {rates} exchange rates; {recurring} transactions come again, {trash} lie in the trash"
    )
}
