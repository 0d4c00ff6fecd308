//! The page that asks for the second factor.

use actix_web::HttpResponse;
use actix_web::web::{Data, Form, ServiceConfig};
use minijinja::context;
use serde::Deserialize;

use crate::accounts::second_factor::answers::AnswerFields;
use crate::accounts::second_factor::checkpoint::{Checkpoint, CheckpointError};
use crate::accounts::sessions::Sessions;
use crate::accounts::sessions::pages::enter;
use crate::web::client::Client;
use crate::web::page::{Notice, Visit};
use crate::web::problem::Problem;
use crate::web::routes::at;

/// Registers the page.
pub fn configure(routes: &mut ServiceConfig) {
    routes.service(at("/sign-in/second-factor").get(begin_again).post(answer));
}

/// Asks for the second factor; after a wrong answer with what was wrong.
pub async fn render_question(
    visit: Visit,
    (client, checkpoint): (&Client, &Checkpoint),
    (challenge, next): (&str, &str),
    problem: Option<&Problem>,
) -> Result<HttpResponse, Problem> {
    let question = match checkpoint.question(client, challenge).await {
        Ok(question) => question,
        Err(CheckpointError::Over) => return Ok(start_again(&visit)),
        Err(other) => return Err(other.into()),
    };
    let code = question.app || question.recovery_codes;
    let visit = match &question.passkey {
        Some(_) => visit.scripted(),
        None => visit,
    };
    let shown = context! { challenge, next, code, passkey => question.passkey };
    match problem {
        Some(problem) => visit.again("second_factor.html", shown, context! {}, problem),
        None => visit.show("second_factor.html", shown),
    }
}

fn start_again(visit: &Visit) -> HttpResponse {
    let notice = Notice::problem("This took too long or too many tries. Sign in again.");
    visit.go_and_tell("/sign-in", &notice)
}

/// Whoever comes here by a bookmark has no question to answer.
async fn begin_again(visit: Visit) -> HttpResponse {
    visit.go("/sign-in")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerForm {
    challenge: String,
    #[serde(default)]
    next: String,
    code: Option<String>,
    credential: Option<String>,
}

async fn answer(
    visit: Visit,
    form: Form<AnswerForm>,
    client: Client,
    checkpoint: Data<Checkpoint>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let AnswerForm {
        challenge,
        next,
        code,
        credential,
    } = form.into_inner();
    let fields = match (code, credential) {
        (_, Some(credential)) => AnswerFields::of_passkey(&credential),
        (code, None) => AnswerFields::typed(code.unwrap_or_default()),
    };
    let outcome = async {
        let answer = fields.parse()?;
        let answering = checkpoint.answer(visit.cause(), &client, &challenge, &answer);
        match answering.await {
            Ok(opened) => Ok(Some(opened)),
            Err(CheckpointError::Over) => Ok(None),
            Err(other) => Err(Problem::from(other)),
        }
    };
    match outcome.await {
        Ok(Some(opened)) => Ok(enter(&visit, &opened, &sessions, &next)),
        Ok(None) => Ok(start_again(&visit)),
        Err(problem) => {
            let asking = (&client, &**checkpoint);
            render_question(visit, asking, (&challenge, &next), Some(&problem)).await
        }
    }
}
