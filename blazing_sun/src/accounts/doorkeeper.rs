//! Who a request is from: a browser's cookie, or a token of a program.

use async_trait::async_trait;

use crate::accounts::repo;
use crate::accounts::sessions::{Session, SessionKey, Sessions, Token};
use crate::flow::ctx::Ctx;
use crate::web::access::{Caller, Credential, Doorkeeper, Means};
use crate::web::page::Visitor;
use crate::web::problem::Problem;

/// Recognises the owners of accounts.
pub struct Door {
    ctx: Ctx,
    sessions: Sessions,
}

impl Door {
    /// A door that asks for these.
    #[must_use]
    pub fn new(ctx: Ctx, sessions: Sessions) -> Self {
        Self { ctx, sessions }
    }
}

#[async_trait]
impl Doorkeeper for Door {
    async fn recognise(&self, credential: Credential) -> Result<Option<Caller>, Problem> {
        match credential {
            Credential::Cookie(token) => {
                let key = SessionKey::Browser(Token::given(token).hash());
                Ok(self.sessions.find(&key).await?.map(caller))
            }
            Credential::Bearer(_) => Ok(None),
        }
    }

    async fn introduce(&self, caller: &Caller) -> Result<Option<Visitor>, Problem> {
        let account = caller.account_id.into();
        let found = repo::acquaintance(self.ctx.pool(), account).await?;
        Ok(found.map(|found| Visitor {
            name: Some(found.name).filter(|name| !name.is_empty()),
            email_shown: found.email,
            role: caller.role,
            time_zone: found.time_zone.parse().unwrap_or_default(),
        }))
    }
}

fn caller(session: Session) -> Caller {
    Caller {
        account_id: session.account_id.uuid(),
        role: session.role,
        means: Means::Session {
            id: session.id.uuid(),
            confirmed_at: session.confirmed_at,
        },
    }
}
