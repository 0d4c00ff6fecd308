//! `/transactions`: the list, and the form with which one is written down or changed.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Form, Path, Query, ServiceConfig};
use minijinja::{Value, context};
use uuid::Uuid;

use crate::flow::ctx::Ctx;
use crate::ledger::books::Books;
use crate::ledger::transactions::change_transaction::{Reconciled, change_transaction};
use crate::ledger::transactions::create_transaction::create_transaction;
use crate::ledger::transactions::delete_transaction::delete_transaction;
use crate::ledger::transactions::filter::Cursor;
use crate::ledger::transactions::filter_form::FilterForm;
use crate::ledger::transactions::form::TransactionForm;
use crate::ledger::transactions::repo;
use crate::ledger::transactions::restore_transaction::restore_transaction;
use crate::ledger::transactions::shelf::Shelf;
use crate::ledger::transactions::transaction::Transaction;
use crate::web::access::SignedIn;
use crate::web::page::{Notice, PageAccess};
use crate::web::paging;
use crate::web::problem::Problem;
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
        next => next.map(|next| query.next(PAGE, next)),
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
