//! `/profile/book`: what somebody's book goes by, and whether it is reported by mail.

use actix_web::HttpResponse;
use actix_web::web::{Data, Form, ServiceConfig};
use minijinja::{Value, context};
use serde::Deserialize;

use crate::flow::ctx::Ctx;
use crate::ledger::books::api::BookBody;
use crate::ledger::books::book::Book;
use crate::ledger::books::change_book::{ChangeBookError, change_book};
use crate::ledger::books::open_book::Books;
use crate::web::access::SignedIn;
use crate::web::page::{Notice, PageAccess, choices};
use crate::web::problem::Problem;
use crate::web::routes::at;

/// The page's address; mails lead there.
pub const PAGE: &str = "/profile/book";

/// Registers the page.
pub fn configure(routes: &mut ServiceConfig) {
    routes.service(at(PAGE).get(show).post(save));
}

/// What is chosen.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BookForm {
    base_currency: String,
    time_zone: String,
    month_start: String,
    /// "yes", or left out.
    #[serde(default)]
    monthly_report: String,
}

impl BookForm {
    fn of(book: &Book) -> Self {
        let yes = if book.monthly_report { "yes" } else { "" };
        Self {
            base_currency: book.base_currency.as_str().to_owned(),
            time_zone: book.time_zone.as_str().to_owned(),
            month_start: book.month_start.day().to_string(),
            monthly_report: yes.to_owned(),
        }
    }

    fn values(&self) -> Value {
        context! {
            base_currency => self.base_currency,
            time_zone => self.time_zone,
            month_start => self.month_start,
            monthly_report => [&self.monthly_report],
        }
    }

    fn body(&self) -> BookBody {
        BookBody {
            base_currency: Some(self.base_currency.clone()),
            time_zone: Some(self.time_zone.clone()),
            // What is no number is no day on which months begin, either.
            month_start: Some(self.month_start.parse().unwrap_or_default()),
            monthly_report: Some(self.monthly_report == "yes"),
        }
    }
}

async fn show(access: PageAccess<SignedIn>, books: Data<Books>) -> Result<HttpResponse, Problem> {
    let book = books.of(access.account_id.into(), access.cause()).await?;
    let form = BookForm::of(&book).values();
    access.visit.show_filled("book.html", shown(&book), form)
}

fn shown(book: &Book) -> Value {
    let option = |value: String, label: String| context! { value, label };
    let days: Vec<Value> = (1..=28)
        .map(|day| option(day.to_string(), format!("Day {day}")))
        .collect();
    context! {
        currencies => choices::currencies(),
        time_zones => choices::time_zones(book.time_zone.as_str()),
        days,
        reports => [context! {
            value => "yes",
            label => "Send me a report of each month",
            about => "When the next one has begun.",
        }],
    }
}

async fn save(
    access: PageAccess<SignedIn>,
    form: Form<BookForm>,
    books: Data<Books>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let owner = access.account_id.into();
    let book = books.of(owner, access.cause()).await?;
    let saved = async {
        let changes = form.body().parse()?;
        let mut tx = ctx.begin(access.cause()).await?;
        // Who has the form before them sees what they overwrite.
        change_book(&mut tx, owner, changes, |_| Ok(()))
            .await
            .map_err(|error: ChangeBookError<Problem>| Problem::from(error))?;
        tx.commit().await?;
        Ok::<_, Problem>(())
    };
    match saved.await {
        Ok(()) => {
            let notice = Notice::success("The settings of your book are saved.");
            Ok(access.visit.go_and_tell(PAGE, &notice))
        }
        Err(problem) => access
            .visit
            .again("book.html", shown(&book), form.values(), &problem),
    }
}
