//! The argument by which a handler says what it needs: without it the handler does not run.

use std::marker::PhantomData;
use std::ops::Deref;

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use chrono::TimeDelta;
use futures_util::future::LocalBoxFuture;
use uuid::Uuid;

use crate::flow::ctx::{Cause, Ctx};
use crate::web::access::doorkeeper::{Caller, Credential, Doorkeeper, Means};
use crate::web::access::needs::{Denied, Need};
use crate::web::cause;
use crate::web::client;
use crate::web::cookies::SESSION;
use crate::web::problem::Problem;
use crate::web::throttle::{Rate, Throttle};

/// Tokens behind `Authorization` from one address that are not good. Those that are good are not counted.
const BAD_TOKENS: Rate = Rate {
    burst: 30,
    every: TimeDelta::seconds(2),
};

/// Somebody who has what the handler needs.
pub struct Access<N: Need> {
    caller: Caller,
    cause: Cause,
    need: PhantomData<fn() -> N>,
}

impl<N: Need> Access<N> {
    /// What they set off: it names them.
    #[must_use]
    pub fn cause(&self) -> Cause {
        self.cause.clone()
    }

    /// Who sends a request that was let in a while ago, if they still have what it needs: for answers that go on and on.
    pub(crate) async fn again(request: &HttpRequest) -> Result<Option<Uuid>, Problem> {
        match judge::<N>(request).await? {
            Judgement::Granted(access) => Ok(Some(access.caller.account_id)),
            Judgement::Denied(_) => Ok(None),
        }
    }

    /// Their session, if they have one.
    #[must_use]
    pub fn session_id(&self) -> Option<Uuid> {
        match self.caller.means {
            Means::Session { id, .. } => Some(id),
            Means::Token { .. } => None,
        }
    }
}

impl<N: Need> Deref for Access<N> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

/// What became of the question who asks.
pub(crate) enum Judgement<N: Need> {
    Granted(Access<N>),
    Denied(Denied),
}

/// Recognises the caller of a request and compares them with what is needed.
pub(crate) async fn judge<N: Need>(request: &HttpRequest) -> Result<Judgement<N>, Problem> {
    let Some(caller) = recognise(request).await? else {
        return Ok(Judgement::Denied(Denied::SignIn));
    };
    let ctx = data::<Ctx>(request)?;
    Ok(match N::check(&caller, ctx.now()) {
        Ok(()) => Judgement::Granted(Access {
            cause: cause::of(request).by(caller.account_id),
            caller,
            need: PhantomData,
        }),
        Err(denied) => Judgement::Denied(denied),
    })
}

/// Who asks, if they are known.
pub(crate) async fn recognise(request: &HttpRequest) -> Result<Option<Caller>, Problem> {
    let Some(credential) = credential(request) else {
        return Ok(None);
    };
    let doorkeeper = request
        .app_data::<Data<dyn Doorkeeper>>()
        .cloned()
        .ok_or_else(|| Problem::internal(&"there is no doorkeeper"))?;
    let is_token = matches!(credential, Credential::Bearer(_));
    let caller = doorkeeper.recognise(credential).await?;
    if is_token && caller.is_none() {
        let (throttle, now) = (data::<Throttle>(request)?, data::<Ctx>(request)?.now());
        let address = client::of(request)?.network();
        throttle
            .take("bad-token-from", &address, BAD_TOKENS, now)
            .await?;
    }
    Ok(caller)
}

fn data<T: 'static>(request: &HttpRequest) -> Result<&T, Problem> {
    request
        .app_data::<Data<T>>()
        .map(Data::get_ref)
        .ok_or_else(|| Problem::internal(&"something was not registered"))
}

/// A token in the header counts before a cookie, also if it is not good: programs say on purpose who they are.
fn credential(request: &HttpRequest) -> Option<Credential> {
    if let Some(header) = request.headers().get(AUTHORIZATION) {
        let (scheme, token) = header.to_str().ok()?.split_once(' ')?;
        let is_bearer = scheme.eq_ignore_ascii_case("bearer");
        return is_bearer.then(|| Credential::Bearer(token.trim().into()));
    }
    let cookie = request.cookie(SESSION)?;
    Some(Credential::Cookie(cookie.value().into()))
}

impl<N: Need> FromRequest for Access<N> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            match judge(&request).await? {
                Judgement::Granted(access) => Ok(access),
                Judgement::Denied(denied) => Err(denied.into()),
            }
        })
    }
}
