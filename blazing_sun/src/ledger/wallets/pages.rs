//! `/wallets`: what there is, and the form that makes another.

use actix_web::HttpResponse;
use actix_web::web::{Data, Form, ServiceConfig};
use minijinja::{Value, context};
use serde::Deserialize;

use crate::flow::ctx::Ctx;
use crate::kernel::currency::Currency;
use crate::kernel::day::Day;
use crate::kernel::id::Id;
use crate::kernel::money::NotAnAmount;
use crate::ledger::books::{self, Book, Books, Owner};
use crate::ledger::typed::{self, NotASum};
use crate::ledger::wallets::create_wallet::{NewWallet, create_wallet};
use crate::ledger::wallets::repo;
use crate::ledger::wallets::wallet::WalletKind;
use crate::web::access::SignedIn;
use crate::web::page::{Notice, PageAccess, choices};
use crate::web::problem::{Fields, Problem};
use crate::web::routes::at;

const PAGE: &str = "/wallets";

/// Registers the page.
pub fn configure(routes: &mut ServiceConfig) {
    routes.service(at(PAGE).get(list).post(create));
}

/// What is typed in.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct WalletForm {
    name: String,
    kind: String,
    currency: String,
    balance: String,
}

impl WalletForm {
    fn values(&self) -> Value {
        context! {
            name => self.name,
            kind => self.kind,
            currency => self.currency,
            balance => self.balance,
        }
    }

    fn parse(&self, book: &Book, ctx: &Ctx) -> Result<NewWallet, Problem> {
        let mut fields = Fields::default();
        let name = fields.take("/name", self.name.parse());
        let kind = fields.take("/kind", self.kind.parse());
        let currency: Option<Currency> = fields.take("/currency", self.currency.parse());
        let today = fields.take("/balance", Day::try_from(book.today(ctx.now())));
        let balance = Some(self.balance.trim()).filter(|balance| !balance.is_empty());
        let opening = balance.zip(currency).map(|(balance, currency)| {
            match typed::read(balance, currency.exponent()) {
                Err(NotASum::NotAnAmount(NotAnAmount::Zero)) => Ok(None),
                read => read.map(Some),
            }
        });
        let opening = fields.take("/balance", opening.unwrap_or(Ok(None)));
        match (name, kind, currency, today, opening) {
            (Some(name), Some(kind), Some(currency), Some(today), Some(opening))
                if fields.is_empty() =>
            {
                Ok(NewWallet {
                    name,
                    kind,
                    currency,
                    opening: opening.map(|amount| (amount, today)),
                })
            }
            _ => Err(fields.into()),
        }
    }
}

async fn list(
    access: PageAccess<SignedIn>,
    books: Data<Books>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let owner: Id<Owner> = access.account_id.into();
    let book = books.of(owner, access.cause()).await?;
    let form = WalletForm {
        kind: WalletKind::Bank.name().to_owned(),
        currency: book.base_currency.as_str().to_owned(),
        ..WalletForm::default()
    };
    let shown = shown(owner, &ctx).await?;
    access
        .visit
        .show_filled("wallets.html", shown, form.values())
}

async fn create(
    access: PageAccess<SignedIn>,
    form: Form<WalletForm>,
    books: Data<Books>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let owner = access.account_id.into();
    let book = books.of(owner, access.cause()).await?;
    let made = async {
        let new = form.parse(&book, &ctx)?;
        let mut tx = ctx.begin(access.cause()).await?;
        // So that two requests at once do not make one too many.
        books::repo::lock(&mut tx, owner).await?;
        create_wallet(&mut tx, owner, book.id, new).await?;
        tx.commit().await?;
        Ok::<_, Problem>(())
    };
    match made.await {
        Ok(()) => {
            let notice = Notice::success("The wallet is there.");
            Ok(access.visit.go_and_tell(PAGE, &notice))
        }
        Err(problem) => {
            let shown = shown(owner, &ctx).await?;
            access
                .visit
                .again("wallets.html", shown, form.values(), &problem)
        }
    }
}

async fn shown(owner: Id<Owner>, ctx: &Ctx) -> Result<Value, Problem> {
    let wallets = repo::list(ctx.pool(), owner).await?;
    let wallets: Vec<Value> = wallets
        .iter()
        .map(|wallet| {
            context! {
                name => wallet.name,
                kind => wallet.kind.label(),
                currency => wallet.currency,
                balance => typed::show(wallet.balance, wallet.exponent),
                negative => wallet.balance < 0,
                archived => wallet.archived_at.is_some(),
            }
        })
        .collect();
    let kinds: Vec<Value> = WalletKind::ALL
        .iter()
        .map(|kind| context! { value => kind.name(), label => kind.label() })
        .collect();
    Ok(context! { wallets, kinds, currencies => choices::currencies() })
}
