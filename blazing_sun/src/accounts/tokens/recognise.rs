//! Who a program acts for. PostgreSQL is asked each time: a token that was revoked is refused at once.

use chrono::TimeDelta;

use crate::accounts::tokens::api_token::ApiToken;
use crate::accounts::tokens::repo;
use crate::flow::ctx::Ctx;
use crate::web::access::{Caller, Means};

/// How exactly it is noted when a token was last used.
const SEEN_TO_WITHIN: TimeDelta = TimeDelta::minutes(5);

/// Whom a token stands for, if it is good.
pub async fn recognise(ctx: &Ctx, token: &ApiToken) -> sqlx::Result<Option<Caller>> {
    let (pool, now) = (ctx.pool(), ctx.now());
    let Some(found) = repo::find(pool, &token.hash(), now).await? else {
        return Ok(None);
    };
    if found.seen_at.is_none_or(|at| now - at >= SEEN_TO_WITHIN) {
        repo::touch(pool, found.id, now).await?;
    }
    Ok(Some(Caller {
        account_id: found.account_id,
        role: found.role,
        means: Means::Token {
            id: found.id,
            scopes: found.scopes,
        },
    }))
}
