//! `/transactions`: the list, and the form with which one is written down or changed.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Form, Path, Query, ServiceConfig};
use minijinja::{Value, context};
use serde::Deserialize;
use uuid::Uuid;

use crate::flow::ctx::Ctx;
use crate::kernel::id::Id;
use crate::ledger::books::{Book, Books, Owner};
use crate::ledger::categories::{self, Category};
use crate::ledger::transactions::change_transaction::{Reconciled, change_transaction};
use crate::ledger::transactions::create_transaction::create_transaction;
use crate::ledger::transactions::delete_transaction::delete_transaction;
use crate::ledger::transactions::filter::{Cursor, Filter};
use crate::ledger::transactions::form::TransactionForm;
use crate::ledger::transactions::repo;
use crate::ledger::transactions::restore_transaction::restore_transaction;
use crate::ledger::transactions::transaction::{Entry, Transaction};
use crate::ledger::typed;
use crate::ledger::wallets::{self, Wallet};
use crate::web::access::SignedIn;
use crate::web::page::{Notice, PageAccess};
use crate::web::paging;
use crate::web::problem::{Fields, Problem};
use crate::web::routes::at;

const PAGE: &str = "/transactions";
/// How many transactions the page shows at once.
const ROWS: i64 = 50;

/// Registers the pages.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(at(PAGE).get(list).post(create))
        .service(at("/transactions/{id}").get(edit).post(change));
}

/// What is looked for, as the filter's form has it: empty fields look for nothing.
#[derive(Default, Deserialize)]
#[serde(default)]
struct FilterForm {
    from: String,
    to: String,
    wallet: String,
    category: String,
    text: String,
    after: String,
    /// What was just deleted, and may be taken back.
    deleted: String,
}

impl FilterForm {
    fn parse(&self) -> Result<(Filter, Option<Cursor>), Problem> {
        fn given(text: &str) -> Option<&str> {
            Some(text.trim()).filter(|text| !text.is_empty())
        }
        let mut fields = Fields::default();
        let unknown = "is not one of the choices";
        let id = |text| given(text).map(str::parse::<Uuid>).transpose();
        let filter = Filter {
            from: fields
                .take("/from", given(&self.from).map(str::parse).transpose())
                .flatten(),
            to: fields
                .take("/to", given(&self.to).map(str::parse).transpose())
                .flatten(),
            wallet_id: fields
                .take("/wallet", id(&self.wallet).map_err(|_| unknown))
                .flatten(),
            category_id: fields
                .take("/category", id(&self.category).map_err(|_| unknown))
                .flatten(),
            words: fields
                .take("/text", given(&self.text).map(str::parse).transpose())
                .flatten(),
            ..Filter::default()
        };
        let after = fields
            .take("/text", given(&self.after).map(str::parse).transpose())
            .flatten();
        if fields.is_empty() {
            Ok((filter, after))
        } else {
            Err(fields.into())
        }
    }

    fn is_empty(&self) -> bool {
        let given = [
            &self.from,
            &self.to,
            &self.wallet,
            &self.category,
            &self.text,
        ];
        given.into_iter().all(String::is_empty)
    }

    fn values(&self) -> Value {
        context! {
            from => self.from,
            to => self.to,
            wallet => self.wallet,
            category => self.category,
            text => self.text,
        }
    }

    /// The address of the page behind this one, with the same filter.
    fn next(&self, after: Cursor) -> String {
        let after = after.to_string();
        let fields = [
            ("from", &self.from),
            ("to", &self.to),
            ("wallet", &self.wallet),
            ("category", &self.category),
            ("text", &self.text),
            ("after", &after),
        ];
        let given: Vec<_> = fields
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .collect();
        // Texts under names that are known have an address.
        let query = serde_urlencoded::to_string(given).unwrap_or_default();
        format!("{PAGE}?{query}")
    }
}

/// What every page of the ledger needs of a book.
struct Shelf {
    book: Book,
    wallets: Vec<Wallet>,
    categories: Vec<Category>,
}

impl Shelf {
    async fn of(access: &PageAccess<SignedIn>, books: &Books, ctx: &Ctx) -> Result<Self, Problem> {
        let owner: Id<Owner> = access.account_id.into();
        Ok(Self {
            book: books.of(owner, access.cause()).await?,
            wallets: wallets::repo::list(ctx.pool(), owner).await?,
            categories: categories::repo::list(ctx.pool(), owner).await?,
        })
    }

    fn today(&self, ctx: &Ctx) -> String {
        self.book.today(ctx.now()).to_string()
    }

    /// The choices of the forms.
    fn choices(&self) -> Value {
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
            let label = self.path_of(category);
            context! { value => category.id.to_string(), label }
        }));
        let mut others = vec![context! { value => "", label => "Not chosen" }];
        others.extend(wallets.iter().cloned());
        context! { wallets, others, categories }
    }

    fn path_of(&self, category: &Category) -> String {
        let parent = category
            .parent_id
            .and_then(|id| self.categories.iter().find(|parent| parent.id == id));
        match parent {
            Some(parent) => format!("{}: {}", parent.name, category.name),
            None => category.name.clone(),
        }
    }

    fn balances(&self) -> Vec<Value> {
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

    fn row(&self, transaction: &Transaction) -> Value {
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
            .map(|category| self.path_of(category))
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

async fn list(
    access: PageAccess<SignedIn>,
    query: Query<FilterForm>,
    books: Data<Books>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let shelf = Shelf::of(&access, &books, &ctx).await?;
    let form = TransactionForm::new(&shelf.today(&ctx));
    let (shown, problem) = listed(&access, &shelf, &query, &ctx).await?;
    match problem {
        None => access
            .visit
            .show_filled("transactions.html", shown, form.values()),
        Some(problem) => access
            .visit
            .again("transactions.html", shown, form.values(), &problem),
    }
}

/// What the page shows, and what was wrong with the filter, if something was: then nothing is listed.
async fn listed(
    access: &PageAccess<SignedIn>,
    shelf: &Shelf,
    query: &FilterForm,
    ctx: &Ctx,
) -> Result<(Value, Option<Problem>), Problem> {
    let owner = access.account_id.into();
    let (mut found, problem) = match query.parse() {
        Ok((filter, after)) => {
            let found = repo::list(ctx.pool(), owner, &filter, after, ROWS + 1).await?;
            (found, None)
        }
        Err(problem) => (Vec::new(), Some(problem)),
    };
    let next = paging::cut(&mut found, ROWS, Cursor::behind);
    let rows: Vec<Value> = found.iter().map(|row| shelf.row(row)).collect();
    let deleted: Option<Uuid> = query.deleted.parse().ok();
    let shown = context! {
        rows,
        filter => query.values(),
        filtered => !query.is_empty(),
        next => next.map(|next| query.next(next)),
        deleted => deleted.map(|id| id.to_string()),
        balances => shelf.balances(),
        choices => shelf.choices(),
    };
    Ok((shown, problem))
}

async fn create(
    access: PageAccess<SignedIn>,
    form: Form<TransactionForm>,
    books: Data<Books>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    match form.does.as_str() {
        "create" => {}
        "restore" => return restore(&access, &form.id, &ctx).await,
        _ => return Err(Problem::of_status(StatusCode::BAD_REQUEST)),
    }
    let shelf = Shelf::of(&access, &books, &ctx).await?;
    let written = async {
        let draft = form.parse(&shelf.wallets)?;
        let mut tx = ctx.begin(access.cause()).await?;
        create_transaction(&mut tx, access.account_id.into(), &draft).await?;
        tx.commit().await?;
        Ok::<_, Problem>(())
    };
    match written.await {
        Ok(()) => {
            let notice = Notice::success("It is written down.");
            Ok(access.visit.go_and_tell(PAGE, &notice))
        }
        Err(problem) => {
            let (shown, _) = listed(&access, &shelf, &FilterForm::default(), &ctx).await?;
            let form = form.values();
            access
                .visit
                .again("transactions.html", shown, form, &problem)
        }
    }
}

async fn restore(
    access: &PageAccess<SignedIn>,
    id: &str,
    ctx: &Ctx,
) -> Result<HttpResponse, Problem> {
    let id: Uuid = id.parse().map_err(|_| Problem::not_found())?;
    let mut tx = ctx.begin(access.cause()).await?;
    restore_transaction(&mut tx, access.account_id.into(), id.into()).await?;
    tx.commit().await?;
    let notice = Notice::success("It is back.");
    Ok(access.visit.go_and_tell(PAGE, &notice))
}

async fn edit(
    access: PageAccess<SignedIn>,
    id: Path<Uuid>,
    books: Data<Books>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let found = repo::find(ctx.pool(), access.account_id.into(), (*id).into()).await?;
    let found = found.ok_or_else(Problem::not_found)?;
    let shelf = Shelf::of(&access, &books, &ctx).await?;
    let form = TransactionForm::of(&found);
    let shown = edited(&shelf, &found, form.is_some());
    let form = form.map_or_else(|| context! {}, |form| form.values());
    access.visit.show_filled("transaction.html", shown, form)
}

fn edited(shelf: &Shelf, transaction: &Transaction, fits: bool) -> Value {
    context! {
        transaction => shelf.row(transaction),
        version => transaction.version,
        fits,
        reconciled => transaction.is_reconciled(),
        choices => shelf.choices(),
    }
}

async fn change(
    access: PageAccess<SignedIn>,
    id: Path<Uuid>,
    form: Form<TransactionForm>,
    books: Data<Books>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let (owner, id) = (access.account_id.into(), (*id).into());
    let found = repo::find(ctx.pool(), owner, id).await?;
    let found = found.ok_or_else(Problem::not_found)?;
    let check = |version: i64| same(&form.version, version);
    let shelf = Shelf::of(&access, &books, &ctx).await?;
    let done = async {
        let mut tx = ctx.begin(access.cause()).await?;
        match form.does.as_str() {
            "change" => {
                let draft = form.parse(&shelf.wallets)?;
                change_transaction(&mut tx, owner, id, &draft, Reconciled::Keep, check).await?;
            }
            "delete" => {
                delete_transaction(&mut tx, owner, id, Reconciled::Keep, check).await?;
            }
            _ => return Err(Problem::of_status(StatusCode::BAD_REQUEST)),
        }
        tx.commit().await?;
        Ok(())
    };
    match done.await {
        Ok(()) if form.does == "delete" => {
            let notice = Notice::success("It is in the trash.");
            let page = format!("{PAGE}?deleted={id}");
            Ok(access.visit.go_and_tell(&page, &notice))
        }
        Ok(()) => {
            let notice = Notice::success("It is changed.");
            Ok(access.visit.go_and_tell(PAGE, &notice))
        }
        Err(problem) => {
            let fits = TransactionForm::of(&found).is_some();
            let shown = edited(&shelf, &found, fits);
            let values = form.values();
            access
                .visit
                .again("transaction.html", shown, values, &problem)
        }
    }
}

/// Whether a page was made of what is there.
fn same(made_of: &str, version: i64) -> Result<(), Problem> {
    if made_of == version.to_string() {
        return Ok(());
    }
    Err(Problem::conflict(
        "changed_meanwhile",
        "It was changed meanwhile, perhaps in another window. Open it again, and change it then.",
    ))
}
