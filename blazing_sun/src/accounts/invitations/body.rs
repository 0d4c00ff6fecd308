//! What an administrator sends: one person as JSON, or many as CSV.

use actix_web::dev::Payload;
use actix_web::web::{Bytes, Json};
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::accounts::invitations::csv;
use crate::accounts::invitations::invitation::NewInvitation;
use crate::web::access::Role;
use crate::web::problem::{Fields, Problem};

/// One person.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OneBody {
    /// Where they get mail.
    #[schema(format = "email", max_length = 254)]
    email: String,
    /// How they are called.
    #[schema(max_length = 100)]
    #[serde(default)]
    name: Option<String>,
    /// What they may do when they have accepted; `user` if it is left out.
    #[schema(value_type = Option<Role>)]
    #[serde(default)]
    role: Option<String>,
}

/// A body of one of both kinds.
pub enum InvitationBody {
    /// JSON.
    One(OneBody),
    /// A file.
    Many(Bytes),
}

impl InvitationBody {
    /// Everybody in it, or what is wrong with it.
    pub fn parse(self) -> Result<Vec<NewInvitation>, Problem> {
        match self {
            Self::Many(bytes) => Ok(csv::parse(&bytes)?),
            Self::One(OneBody { email, name, role }) => {
                let mut wrong = Fields::default();
                let (name, role) = (name.unwrap_or_default(), role.unwrap_or_default());
                let cells = [email.as_str(), name.as_str(), role.as_str()];
                let person = csv::person(1, cells, &mut wrong, |column| format!("/{column}"));
                Ok(vec![person.ok_or(wrong)?])
            }
        }
    }
}

impl FromRequest for InvitationBody {
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self, actix_web::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        if request.content_type().eq_ignore_ascii_case("text/csv") {
            let bytes = Bytes::from_request(request, payload);
            return Box::pin(async move {
                // Its status is that of a body which is too large, or broken off.
                let bytes = bytes.await.map_err(|error: actix_web::Error| {
                    Problem::of_status(error.as_response_error().status_code())
                })?;
                Ok(Self::Many(bytes))
            });
        }
        let one = Json::<OneBody>::from_request(request, payload);
        Box::pin(async move { Ok(Self::One(one.await?.into_inner())) })
    }
}
