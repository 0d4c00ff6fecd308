//! Who a request is from: a browser's cookie, or a token of a program.

use async_trait::async_trait;

use crate::accounts::sessions::{Session, SessionKey, Sessions, Token};
use crate::web::access::{Caller, Credential, Doorkeeper, Means};
use crate::web::problem::Problem;

/// Recognises the owners of accounts.
pub struct Door {
    sessions: Sessions,
}

impl Door {
    /// A door that asks for these.
    #[must_use]
    pub fn new(sessions: Sessions) -> Self {
        Self { sessions }
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
