//! Opening a book: everybody has one from the moment they look for it.

use actix_web::web::Data;

use crate::flow::ctx::{Cause, Ctx, Tx};
use crate::flow::outbox::Refused;
use crate::kernel::id::Id;
use crate::ledger::books::book::{Book, MonthStart, Owner};
use crate::ledger::books::repo;
use crate::ledger::categories;
use crate::web::access::{Doorkeeper, Preferences};
use crate::web::problem::Problem;

/// Where books are found.
#[derive(Clone)]
pub struct Books {
    ctx: Ctx,
    door: Data<dyn Doorkeeper>,
}

impl Books {
    /// Books of those whom this doorkeeper knows.
    #[must_use]
    pub fn new(ctx: Ctx, door: Data<dyn Doorkeeper>) -> Self {
        Self { ctx, door }
    }

    /// Somebody's book. If they have none yet it is opened, in a transaction of its own, with what their profile says.
    pub async fn of(&self, owner: Id<Owner>, cause: Cause) -> Result<Book, Problem> {
        if let Some(book) = repo::find(self.ctx.pool(), owner).await? {
            return Ok(book);
        }
        let preferences = self.door.preferences(owner.uuid()).await?;
        let preferences = preferences.ok_or_else(Problem::not_found)?;
        let mut tx = self.ctx.begin(cause).await?;
        open_book(&mut tx, owner, preferences)
            .await
            .map_err(|error| Problem::internal(&error))?;
        tx.commit().await?;
        let book = repo::find(self.ctx.pool(), owner).await?;
        book.ok_or_else(Problem::not_found)
    }
}

/// Opens a book with a set of categories to start with. `false`: there is one already, and nothing happened.
pub async fn open_book(
    tx: &mut Tx,
    owner: Id<Owner>,
    preferences: Preferences,
) -> Result<bool, Refused> {
    let book = Book {
        id: Id::new(),
        base_currency: preferences.currency,
        time_zone: preferences.time_zone,
        month_start: MonthStart::default(),
        monthly_report: true,
        version: 1,
        created_at: tx.now(),
    };
    let is_new = repo::insert(tx, owner, &book).await?;
    if is_new {
        categories::start(tx, book.id).await?;
    }
    Ok(is_new)
}
