//! Making a rule.

use uuid::Uuid;

use crate::flow::ctx::Tx;
use crate::kernel::id::Id;
use crate::ledger::books::{Book, Owner};
use crate::ledger::rules::repo::{self, Saying};
use crate::ledger::rules::rule::{MAX_RULES, NewRule, Rule};
use crate::ledger::{categories, payees, tags};

/// Why no rule was made.
#[derive(Debug, thiserror::Error)]
pub enum CreateRuleError {
    /// There is no such category.
    #[error("there is no such category")]
    UnknownCategory,
    /// There are enough.
    #[error("a book has {MAX_RULES} rules at most")]
    TooMany,
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Makes a rule, behind all others, in a book that is locked. Payees and tags of new names are made.
pub async fn create_rule(
    tx: &mut Tx,
    owner: Id<Owner>,
    book: Id<Book>,
    new: &NewRule,
) -> Result<Rule, CreateRuleError> {
    if repo::count(tx, book).await? >= MAX_RULES {
        return Err(CreateRuleError::TooMany);
    }
    let id = Id::new();
    repo::insert(tx, book, id).await?;
    if !say(tx, book, id, new).await? {
        return Err(CreateRuleError::UnknownCategory);
    }
    let made = repo::find(tx.conn(), owner, id).await?;
    Ok(made.ok_or(sqlx::Error::RowNotFound)?)
}

/// Has a rule say something. `false`: there is no such category, and all has to be rolled back.
pub async fn say(tx: &mut Tx, book: Id<Book>, id: Id<Rule>, new: &NewRule) -> sqlx::Result<bool> {
    if let Some(category) = new.category_id
        && categories::repo::of_book(tx, book, category)
            .await?
            .is_none()
    {
        return Ok(false);
    }
    let payee = match &new.payee {
        Some(name) => Some(payees::repo::named(tx, book, name).await?),
        None => None,
    };
    let tags = if new.tags.is_empty() {
        Vec::new()
    } else {
        tags::repo::named(tx, book, &new.tags).await?
    };
    let tag_ids: Vec<Uuid> = tags.iter().map(|tag| tag.id).collect();
    let saying = Saying {
        contains: new.contains.as_str(),
        payee_id: payee.map(|payee| payee.id),
        category_id: new.category_id.map(Id::uuid),
        tag_ids: &tag_ids,
    };
    repo::update(tx, book, id, saying).await?;
    Ok(true)
}
