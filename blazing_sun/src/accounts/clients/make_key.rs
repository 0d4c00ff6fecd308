//! Making signing keys: the first when one is needed, and then one in place of another.

use chrono::TimeDelta;

use crate::accounts::clients::repo;
use crate::accounts::clients::signing_key::KeyTimes;
use crate::flow::ctx::Tx;
use crate::kernel::id;

/// When a key is made.
#[derive(Clone, Copy, Debug)]
pub enum When {
    /// If there is none.
    Missing,
    /// If the newest is at least this old.
    Older(TimeDelta),
    /// In any case.
    Now,
}

/// Makes a key, if it is time. Several processes may want to at once: one does.
pub async fn make_key(tx: &mut Tx, when: When) -> sqlx::Result<Option<KeyTimes>> {
    let now = tx.now();
    let newest = repo::lock_keys(tx).await?;
    let key = match (newest, when) {
        (None, _) => KeyTimes::first(id::new(), now),
        (Some(_), When::Missing) => return Ok(None),
        (Some(made), When::Older(age)) if now - made < age => return Ok(None),
        (Some(_), When::Older(_) | When::Now) => KeyTimes::next(id::new(), now),
    };
    repo::add_key(tx, &key).await?;
    Ok(Some(key))
}
