//! `blazing_sun user`: who has an account, and what they may do.

use std::io::{IsTerminal, stdin};

use anyhow::{Context, bail};
use clap::Subcommand;
use secrecy::SecretString;
use uuid::Uuid;

use crate::accounts::{
    self, Account, Filter, NewAccount, NewInvitation, OpenAccountError, Password, Person,
    SetRoleError,
};
use crate::app::wiring::Wiring;
use crate::flow::ctx::{Cause, Ctx, Tx};
use crate::kernel::email::{self, Email};
use crate::kernel::id::Id;
use crate::kernel::name::PersonName;
use crate::web::access::Role;

/// What to do about accounts.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Invite somebody by mail, or open an account with a password.
    Create {
        /// Their address.
        #[arg(long)]
        email: String,
        /// How they are called.
        #[arg(long)]
        name: Option<String>,
        /// What they may do.
        #[arg(long, value_parser = ROLES, default_value = "user")]
        role: String,
        /// Read a password (asked for on a terminal, else the first line of standard input) and open the account at once.
        #[arg(long)]
        password_stdin: bool,
    },
    /// List accounts, the oldest first.
    List {
        /// Only those whose address begins so.
        #[arg(long, default_value = "")]
        email: String,
        /// Only those after this one.
        #[arg(long)]
        after: Option<Uuid>,
        /// How many at most.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..))]
        limit: i64,
    },
    /// Give somebody another role, which ends their sessions.
    Role {
        /// Their address.
        #[arg(long)]
        email: String,
        /// The role.
        #[arg(value_parser = ROLES)]
        role: String,
    },
    /// Remove the second factor of somebody who has lost it, which ends their sessions. Be sure who asks.
    RemoveSecondFactor {
        /// Their address.
        #[arg(long)]
        email: String,
    },
    /// End the sessions of somebody, or of everybody.
    SignOut {
        /// Their address.
        #[arg(long, required_unless_present = "all")]
        email: Option<String>,
        /// Everybody.
        #[arg(long, conflicts_with = "email")]
        all: bool,
    },
}

const ROLES: [&str; 3] = [Role::User.name(), Role::Operator.name(), Role::Admin.name()];

/// Runs one command.
pub async fn execute(wiring: &Wiring, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Create {
            email,
            name,
            role,
            password_stdin,
        } => {
            let (email, name, role) = (parse_email(&email)?, parse_name(name)?, role.parse()?);
            if password_stdin {
                open(wiring, email, name, role).await
            } else {
                invite(wiring, email, name, role).await
            }
        }
        Command::List {
            email,
            after,
            limit,
        } => {
            let filter = Filter {
                after,
                email_key: email::beginning(&email)
                    .map_err(|error| anyhow::anyhow!("--email {error}"))?,
                limit,
            };
            for person in accounts::list(wiring.ctx.pool(), &filter).await? {
                println!("{}", line(&person));
            }
            Ok(())
        }
        Command::Role { email, role } => {
            set_role(wiring, &parse_email(&email)?, role.parse()?).await
        }
        Command::RemoveSecondFactor { email } => {
            remove_second_factor(wiring, &parse_email(&email)?).await
        }
        Command::SignOut { email: None, .. } => sign_out_all(wiring).await,
        Command::SignOut {
            email: Some(email), ..
        } => sign_out(wiring, &parse_email(&email)?).await,
    }
}

/// A change that nobody with an account has made.
async fn begin(ctx: &Ctx) -> sqlx::Result<Tx> {
    ctx.begin(Cause::new("operator")).await
}

async fn open(
    wiring: &Wiring,
    email: Email,
    name: Option<PersonName>,
    role: Role,
) -> anyhow::Result<()> {
    let known = name.as_ref().map_or("", PersonName::as_str);
    let known = [email.as_str(), known];
    let password = Password::choose(read_password()?, &known)
        .map_err(|error| anyhow::anyhow!("the password {error}"))?;
    let new = NewAccount {
        email,
        name,
        password: wiring.accounts.hasher.hash(&password).await?,
        role,
    };
    let mut tx = begin(&wiring.ctx).await?;
    match accounts::open_account(&mut tx, new).await {
        Ok(id) => {
            tx.commit().await?;
            println!("{id} can sign in");
            Ok(())
        }
        Err(OpenAccountError::Taken) => {
            bail!("the address has an account already; `user role` changes what it may do")
        }
        Err(other) => Err(other.into()),
    }
}

async fn invite(
    wiring: &Wiring,
    email: Email,
    name: Option<PersonName>,
    role: Role,
) -> anyhow::Result<()> {
    let mut tx = begin(&wiring.ctx).await?;
    if let Some(account) = accounts::find_by_email(&mut tx, &email.key()).await?
        && accounts::look_at(&mut tx, account).await?.is_active()
    {
        bail!("the address has an account already; `user role` changes what it may do");
    }
    let invitation = NewInvitation {
        row: 1,
        email,
        name,
        role,
    };
    let batch = accounts::invite(&mut tx, None, &[invitation]).await?;
    tx.commit().await?;
    println!("invited ({batch}); the mail goes out as soon as a worker runs");
    Ok(())
}

async fn set_role(wiring: &Wiring, email: &Email, role: Role) -> anyhow::Result<()> {
    let mut tx = begin(&wiring.ctx).await?;
    let account = find(&mut tx, email).await?;
    let standings = accounts::look_at(&mut tx, account).await?;
    match accounts::set_role(&mut tx, standings, role, None).await {
        Ok(ended) => {
            tx.commit().await?;
            wiring.accounts.sessions.forget(&ended).await;
            println!(
                "{account} is {} now; sessions ended: {}",
                role.name(),
                ended.len()
            );
            Ok(())
        }
        Err(SetRoleError::LastAdministrator) => {
            bail!("this is the last administrator; make somebody else one first")
        }
        Err(other) => Err(other.into()),
    }
}

async fn remove_second_factor(wiring: &Wiring, email: &Email) -> anyhow::Result<()> {
    let mut tx = begin(&wiring.ctx).await?;
    let account = find(&mut tx, email).await?;
    let ended = accounts::remove_second_factor(&mut tx, account, None).await?;
    tx.commit().await?;
    wiring.accounts.sessions.forget(&ended).await;
    println!(
        "{account} signs in with the password alone now; sessions ended: {}",
        ended.len()
    );
    Ok(())
}

async fn sign_out(wiring: &Wiring, email: &Email) -> anyhow::Result<()> {
    let mut tx = begin(&wiring.ctx).await?;
    let account = find(&mut tx, email).await?;
    let ended = accounts::end_sessions(&mut tx, account).await?;
    tx.commit().await?;
    wiring.accounts.sessions.forget(&ended).await;
    println!("sessions ended: {}", ended.len());
    Ok(())
}

async fn sign_out_all(wiring: &Wiring) -> anyhow::Result<()> {
    let (mut after, mut count) = (Uuid::nil().into(), 0);
    loop {
        let mut tx = begin(&wiring.ctx).await?;
        let Some((last, ended)) = accounts::end_some_sessions(&mut tx, after).await? else {
            println!("sessions ended: {count}");
            return Ok(());
        };
        tx.commit().await?;
        wiring.accounts.sessions.forget(&ended).await;
        after = last;
        count += ended.len();
    }
}

async fn find(tx: &mut Tx, email: &Email) -> anyhow::Result<Id<Account>> {
    let found = accounts::find_by_email(tx, &email.key()).await?;
    found.context("the address has no account")
}

fn parse_email(text: &str) -> anyhow::Result<Email> {
    text.parse()
        .map_err(|error| anyhow::anyhow!("--email {error}"))
}

fn parse_name(text: Option<String>) -> anyhow::Result<Option<PersonName>> {
    let name = text.as_deref().map(str::parse).transpose();
    name.map_err(|error| anyhow::anyhow!("--name {error}"))
}

/// Asks for a password without showing it, or takes the first line of what is there.
fn read_password() -> anyhow::Result<SecretString> {
    if stdin().is_terminal() {
        let password = rpassword::prompt_password("Password: ")?;
        return Ok(password.into());
    }
    let mut line = String::new();
    stdin()
        .read_line(&mut line)
        .context("standard input is not text")?;
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    Ok(line.into())
}

fn line(person: &Person) -> String {
    format!(
        "{}  {:<8}  {:<7}  {}  {}",
        person.id, person.role, person.status, person.email, person.name
    )
}
