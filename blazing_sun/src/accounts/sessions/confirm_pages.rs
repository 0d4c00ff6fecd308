//! The page on which people show once more who they are.

use actix_web::HttpResponse;
use actix_web::web::{Data, Form, Query, ServiceConfig};
use minijinja::context;
use secrecy::SecretString;
use serde::Deserialize;

use crate::accounts::passwords::Password;
use crate::accounts::second_factor::{AnswerFields, Checkpoint};
use crate::accounts::sessions::api::{session_cookie, session_of};
use crate::accounts::sessions::confirm_api::{prove, renew};
use crate::accounts::sessions::desk::Desk;
use crate::accounts::sessions::pages::target;
use crate::accounts::sessions::sessions::Sessions;
use crate::flow::ctx::Ctx;
use crate::web::access::SignedIn;
use crate::web::page::{PageAccess, Visit};
use crate::web::problem::Problem;
use crate::web::routes::at;

/// Registers the page.
pub fn configure(routes: &mut ServiceConfig) {
    routes.service(at("/confirm").get(ask).post(confirm_it));
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    next: String,
    /// Whether they want to use a passkey although there is an app.
    #[serde(default)]
    with: String,
}

async fn ask(
    access: PageAccess<SignedIn>,
    query: Query<Asked>,
    checkpoint: Data<Checkpoint>,
) -> Result<HttpResponse, Problem> {
    let with_passkey = query.with == "passkey";
    show(access, &checkpoint, &query.next, with_passkey, None).await
}

/// Shows the form, after a wrong answer with what was wrong.
async fn show(
    access: PageAccess<SignedIn>,
    checkpoint: &Checkpoint,
    next: &str,
    with_passkey: bool,
    problem: Option<&Problem>,
) -> Result<HttpResponse, Problem> {
    let (account, session) = (access.account_id.into(), session_of(&access)?);
    let question = checkpoint.confirmation(account, session, with_passkey);
    let question = question.await?;
    let has_codes = question.app || question.recovery_codes;
    let code = has_codes && question.passkey.is_none();
    let other = match (&question.passkey, question.app) {
        (Some(_), true) => Some(context! { with => "", label => "Use a code instead" }),
        (None, true) if question.has_passkeys => {
            Some(context! { with => "passkey", label => "Use a passkey instead" })
        }
        _ => None,
    };
    let visitor = access.visit.visitor();
    let email = visitor.map(|visitor| visitor.email_shown.clone());
    let shown = context! {
        next, code, other,
        email => email.unwrap_or_default(),
        passkey => question.passkey,
    };
    let visit: Visit = match &question.passkey {
        Some(_) => access.visit.scripted(),
        None => access.visit,
    };
    match problem {
        Some(problem) => visit.again("confirm.html", shown, context! {}, problem),
        None => visit.show("confirm.html", shown),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfirmForm {
    password: SecretString,
    #[serde(default)]
    next: String,
    code: Option<String>,
    credential: Option<String>,
}

async fn confirm_it(
    access: PageAccess<SignedIn>,
    form: Form<ConfirmForm>,
    ctx: Data<Ctx>,
    desk: Data<Desk>,
    checkpoint: Data<Checkpoint>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let ConfirmForm {
        password,
        next,
        code,
        credential,
    } = form.into_inner();
    let with_passkey = credential.is_some();
    let fields = match (code, credential) {
        (_, Some(credential)) => AnswerFields::of_passkey(&credential),
        (Some(code), None) => AnswerFields::typed(code),
        (None, None) => AnswerFields::default(),
    };
    let password = Password::given(password);
    let proof = prove(&access, (&desk, &checkpoint), &password, fields);
    if let Err(problem) = proof.await {
        return show(access, &checkpoint, &next, with_passkey, Some(&problem)).await;
    }
    let renewed = renew(&access, &ctx, &sessions).await?;
    let mut answer = access.visit.go(target(&next));
    if let Some(token) = &renewed.token {
        drop(answer.add_cookie(&session_cookie(token, sessions.settings())));
    }
    Ok(answer)
}
