//! The page `/profile`.

use actix_web::HttpResponse;
use actix_web::web::{Data, Form, ServiceConfig};
use minijinja::{Value, context};
use serde::Deserialize;

use crate::accounts::profile::api::ProfileBody;
use crate::accounts::profile::change::{ChangeError, change};
use crate::accounts::profile::repo::{self, Profile};
use crate::flow::ctx::Ctx;
use crate::web::access::SignedIn;
use crate::web::page::{Notice, PageAccess, choices};
use crate::web::problem::Problem;
use crate::web::routes::at;

/// The languages that are offered; the interface takes any.
const LOCALES: [(&str, &str); 12] = [
    ("en", "English"),
    ("en-GB", "English (United Kingdom)"),
    ("en-US", "English (United States)"),
    ("de", "Deutsch"),
    ("de-AT", "Deutsch (Österreich)"),
    ("de-CH", "Deutsch (Schweiz)"),
    ("es", "Español"),
    ("fr", "Français"),
    ("it", "Italiano"),
    ("nl", "Nederlands"),
    ("pl", "Polski"),
    ("pt", "Português"),
];

/// Registers the page.
pub fn configure(routes: &mut ServiceConfig) {
    routes.service(at("/profile").get(show).post(save));
}

async fn show(access: PageAccess<SignedIn>, ctx: Data<Ctx>) -> Result<HttpResponse, Problem> {
    let profile = repo::find(ctx.pool(), access.account_id.into())
        .await?
        .ok_or_else(Problem::not_found)?;
    let form = context! {
        name => profile.name,
        locale => profile.locale,
        time_zone => profile.time_zone,
        currency => profile.currency,
    };
    let context = page(&access, &profile);
    access.visit.show_filled("profile.html", context, form)
}

fn page(access: &PageAccess<SignedIn>, profile: &Profile) -> Value {
    context! {
        options => options(profile),
        facts => context! { email => profile.email, since => access.visit.when(profile.created_at) },
    }
}

/// What can be chosen; what is there already is among it, so that saving the page changes nothing by itself.
fn options(profile: &Profile) -> Value {
    let option = |value: &str, label: &str| context! { value, label };
    let Profile {
        locale, time_zone, ..
    } = profile;
    let mut locales: Vec<Value> = LOCALES
        .iter()
        .map(|(tag, name)| option(tag, name))
        .collect();
    if !LOCALES.iter().any(|(tag, _)| tag == locale) {
        locales.push(option(locale, locale));
    }
    let time_zones = choices::time_zones(time_zone);
    context! { locales, time_zones, currencies => choices::currencies() }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileForm {
    #[serde(default)]
    name: String,
    locale: String,
    time_zone: String,
    currency: String,
}

async fn save(
    access: PageAccess<SignedIn>,
    form: Form<ProfileForm>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let form = form.into_inner();
    let values = context! {
        name => form.name,
        locale => form.locale,
        time_zone => form.time_zone,
        currency => form.currency,
    };
    let body = ProfileBody {
        name: Some(Some(form.name)),
        locale: Some(form.locale),
        time_zone: Some(form.time_zone),
        currency: Some(form.currency),
    };
    let account = access.account_id.into();
    let saved = async {
        let changes = body.parse()?;
        let mut tx = ctx.begin(access.cause()).await?;
        // Who has the form before them sees what they overwrite.
        change(&mut tx, account, changes, |_| Ok(()))
            .await
            .map_err(|error: ChangeError<Problem>| Problem::from(error))?;
        tx.commit().await?;
        Ok::<_, Problem>(())
    };
    match saved.await {
        Ok(()) => {
            let notice = Notice::success("Your profile is saved.");
            Ok(access.visit.go_and_tell("/profile", &notice))
        }
        Err(problem) => {
            let profile = repo::find(ctx.pool(), account)
                .await?
                .ok_or_else(Problem::not_found)?;
            let context = page(&access, &profile);
            access
                .visit
                .again("profile.html", context, values, &problem)
        }
    }
}
