//! What accounts are made of, put together once in a process, and their addresses.

use std::sync::Arc;

use actix_web::web::{Data, ServiceConfig};
use chrono::TimeDelta;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;

use crate::accounts::clients::{AccessTokens, KeyAge, Keyring, Renewals};
use crate::accounts::data::api::Grace;
use crate::accounts::doorkeeper::Door;
use crate::accounts::link::Links;
use crate::accounts::measures::{HashMeasures, SignIns};
use crate::accounts::passwords::{HashSettings, Hasher, PasswordDesk};
use crate::accounts::people::FirstAdministrator;
use crate::accounts::second_factor::{Checkpoint, RelyingParty};
use crate::accounts::sessions::{Desk, SessionCache, SessionSettings, Sessions};
use crate::accounts::{
    clients, data, email_change, invitations, link_requests, passwords, people, profile,
    registration, second_factor, sessions, tokens,
};
use crate::flow::ctx::Ctx;
use crate::infra::measures::Measures;
use crate::infra::redis::Redis;
use crate::web::access::Doorkeeper;
use crate::web::throttle::Throttle;

/// What can be set about accounts.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What hashing a password costs.
    pub passwords: HashSettings,
    /// How long somebody stays signed in.
    pub sessions: SessionSettings,
    /// How old the key that signs access tokens may become.
    pub key_age: KeyAge,
    /// How many times as often as usual everything may be tried.
    pub throttle_factor: u32,
    /// From asking to have an account deleted to its erasure.
    pub deletion_grace: TimeDelta,
    /// Who is to be the first administrator, if it is known.
    pub first_administrator: Option<FirstAdministrator>,
}

/// Everything that is made once.
#[derive(Clone)]
pub struct Accounts {
    /// The links in mails.
    pub links: Links,
    /// What hashes passwords.
    pub hasher: Hasher,
    /// Who is signed in.
    pub sessions: Sessions,
    /// What counts tries.
    pub throttle: Arc<Throttle>,
    /// What access tokens are signed with.
    pub keyring: Keyring,
    grace: Grace,
    access: AccessTokens,
    renewals: Renewals,
    desk: Desk,
    password_desk: PasswordDesk,
    party: Arc<RelyingParty>,
    checkpoint: Checkpoint,
    door: Arc<dyn Doorkeeper>,
}

impl Accounts {
    /// Makes everything.
    pub fn new(
        ctx: &Ctx,
        links: Links,
        redis: Option<Arc<Redis>>,
        settings: &Settings,
        measures: &Measures,
    ) -> anyhow::Result<Self> {
        let hasher = Hasher::new(&settings.passwords, HashMeasures::new(measures)?)?;
        let throttle = Arc::new(Throttle::new(redis.clone(), settings.throttle_factor));
        let cache = SessionCache::new(redis, ctx.metrics().lookups.of("sessions"));
        let sessions = Sessions::new(ctx.clone(), cache, settings.sessions);
        let sign_ins = SignIns::new(measures)?;
        let desk = Desk::new(
            ctx.clone(),
            links.clone(),
            hasher.clone(),
            Arc::clone(&throttle),
            sessions.clone(),
            sign_ins.clone(),
        );
        let password_desk = PasswordDesk::new(
            ctx.clone(),
            links.clone(),
            hasher.clone(),
            Arc::clone(&throttle),
            sessions.clone(),
            desk.clone(),
        );
        let keyring = Keyring::new(ctx.clone(), links.clone());
        let access = AccessTokens::new(ctx.clone(), links.clone(), keyring.clone());
        let renewals = Renewals::new(
            ctx.clone(),
            links.clone(),
            Arc::clone(&throttle),
            sessions.clone(),
            access.clone(),
        );
        let party = Arc::new(RelyingParty::new(links.site())?);
        let checkpoint = Checkpoint::new(
            ctx.clone(),
            links.clone(),
            Arc::clone(&party),
            Arc::clone(&throttle),
            sessions.clone(),
            sign_ins,
        );
        Ok(Self {
            door: Arc::new(Door::new(ctx.clone(), sessions.clone(), access.clone())),
            keyring,
            access,
            renewals,
            links,
            hasher,
            sessions,
            throttle,
            grace: Grace(settings.deletion_grace),
            desk,
            password_desk,
            party,
            checkpoint,
        })
    }
}

impl Accounts {
    /// Who knows people by what they bring.
    #[must_use]
    pub fn door(&self) -> Data<dyn Doorkeeper> {
        Data::from(Arc::clone(&self.door))
    }
}

/// Registers what handlers reach, and every address.
pub fn configure(routes: &mut ServiceConfig, accounts: &Accounts) {
    routes
        .app_data(Data::from(Arc::clone(&accounts.door)))
        .app_data(Data::from(Arc::clone(&accounts.throttle)))
        .app_data(Data::new(accounts.links.clone()))
        .app_data(Data::new(accounts.hasher.clone()))
        .app_data(Data::new(accounts.sessions.clone()))
        .app_data(Data::new(accounts.desk.clone()))
        .app_data(Data::new(accounts.password_desk.clone()))
        .app_data(Data::new(accounts.grace))
        .app_data(Data::new(accounts.access.clone()))
        .app_data(Data::new(accounts.renewals.clone()))
        .app_data(Data::from(Arc::clone(&accounts.party)))
        .app_data(Data::new(accounts.checkpoint.clone()))
        .configure(registration::api::configure)
        .configure(registration::pages::configure)
        .configure(sessions::api::configure)
        .configure(sessions::pages::configure)
        .configure(link_requests::api::configure)
        .configure(link_requests::pages::configure)
        .configure(passwords::api::configure)
        .configure(passwords::pages::configure)
        .configure(clients::api::configure)
        .configure(tokens::api::configure)
        .configure(tokens::pages::configure)
        .configure(people::api::configure)
        .configure(invitations::api::configure)
        .configure(invitations::pages::configure)
        .configure(profile::api::configure)
        .configure(profile::pages::configure)
        .configure(email_change::api::configure)
        .configure(email_change::pages::configure)
        .configure(data::api::configure)
        .configure(data::pages::configure)
        .configure(sessions::confirm_api::configure)
        .configure(sessions::confirm_pages::configure)
        .configure(second_factor::api::configure)
        .configure(second_factor::passkeys_api::configure)
        .configure(second_factor::sign_in_api::configure)
        .configure(second_factor::pages::configure)
        .configure(second_factor::settings_pages::configure);
}

/// What accounts say of their interface.
#[must_use]
pub fn document() -> Vec<OpenApi> {
    vec![
        registration::api::Api::openapi(),
        sessions::api::Api::openapi(),
        link_requests::api::Api::openapi(),
        passwords::api::Api::openapi(),
        clients::api::Api::openapi(),
        tokens::api::Api::openapi(),
        people::api::Api::openapi(),
        invitations::api::Api::openapi(),
        profile::api::Api::openapi(),
        email_change::api::Api::openapi(),
        data::api::Api::openapi(),
        sessions::confirm_api::Api::openapi(),
        second_factor::api::Api::openapi(),
        second_factor::passkeys_api::Api::openapi(),
        second_factor::sign_in_api::Api::openapi(),
    ]
}
