//! Changing what a payee is called, and which other spellings lead to it.

use std::collections::BTreeSet;

use crate::flow::ctx::Tx;
use crate::kernel::id::Id;
use crate::kernel::name::Label;
use crate::ledger::books::{Book, Owner};
use crate::ledger::payees::payee::{MAX_ALIASES, Payee};
use crate::ledger::payees::repo;
use crate::ledger::transactions::repo::spelling;

/// What is to change; the rest stays.
pub struct Changes {
    /// What it is called. The old name leads to it still.
    pub name: Option<Label>,
    /// All other spellings that are to lead to it.
    pub aliases: Option<Vec<Label>>,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangePayeeError<E> {
    /// There is no such payee.
    #[error("there is no such payee")]
    Gone,
    /// It was made of another version.
    #[error("it was made of another version")]
    Version(E),
    /// The name leads to another payee.
    #[error("the name leads to another payee")]
    NameTaken,
    /// The spellings at these places lead to other payees.
    #[error("spellings lead to other payees")]
    AliasesTaken(Vec<usize>),
    /// So many spellings nobody has.
    #[error("a payee has {MAX_ALIASES} other spellings at most")]
    TooMany,
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Changes a payee, whose version passes `check`, of a book that is locked, and returns it as it is then.
pub async fn change_payee<E>(
    tx: &mut Tx,
    owner: Id<Owner>,
    book: Id<Book>,
    id: Id<Payee>,
    changes: Changes,
    check: impl FnOnce(i64) -> Result<(), E>,
) -> Result<Payee, ChangePayeeError<E>> {
    let before = repo::find(tx.conn(), owner, id)
        .await?
        .ok_or(ChangePayeeError::Gone)?;
    check(before.version).map_err(ChangePayeeError::Version)?;
    let mut spellings = changes.aliases.as_deref().map_or_else(
        || kept(&before),
        |wanted| wanted.iter().map(|name| spelling(name.as_str())).collect(),
    );
    let name = changes
        .name
        .as_ref()
        .map_or(before.name.as_str(), Label::as_str);
    let own = spelling(name);
    spellings.remove(&own);
    if spellings.len() > MAX_ALIASES {
        return Err(ChangePayeeError::TooMany);
    }
    let after = Payee {
        id,
        name: name.to_owned(),
        aliases: spellings.iter().cloned().collect(),
        version: before.version + 1,
        created_at: before.created_at,
    };
    spellings.insert(own.clone());
    let taken = repo::keep_names(tx, book, id, &spellings).await?;
    if taken.contains(&own) {
        return Err(ChangePayeeError::NameTaken);
    }
    if !taken.is_empty() {
        let wanted = changes.aliases.unwrap_or_default();
        let is_taken = |name: &Label| taken.contains(&spelling(name.as_str()));
        let places = wanted.iter().enumerate().filter(|(_, name)| is_taken(name));
        return Err(ChangePayeeError::AliasesTaken(
            places.map(|(place, _)| place).collect(),
        ));
    }
    repo::update(tx, &after).await?;
    Ok(after)
}

/// All spellings that lead to a payee so far.
fn kept(payee: &Payee) -> BTreeSet<String> {
    let mut spellings: BTreeSet<String> = payee.aliases.iter().cloned().collect();
    spellings.insert(spelling(&payee.name));
    spellings
}
