//! What accounts are made of, put together once in a process, and their addresses.

use std::sync::Arc;

use actix_web::web::{Data, ServiceConfig};
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;

use crate::accounts::doorkeeper::Door;
use crate::accounts::link::Links;
use crate::accounts::passwords::{HashSettings, Hasher};
use crate::accounts::sessions::{Desk, SessionCache, SessionSettings, Sessions};
use crate::accounts::{registration, sessions};
use crate::flow::ctx::Ctx;
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
    /// How many times as often as usual everything may be tried.
    pub throttle_factor: u32,
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
    desk: Desk,
    door: Arc<dyn Doorkeeper>,
}

impl Accounts {
    /// Makes everything.
    pub fn new(
        ctx: &Ctx,
        links: Links,
        redis: Option<Arc<Redis>>,
        settings: &Settings,
    ) -> anyhow::Result<Self> {
        let hasher = Hasher::new(&settings.passwords)?;
        let throttle = Arc::new(Throttle::new(redis.clone(), settings.throttle_factor));
        let sessions = Sessions::new(ctx.clone(), SessionCache::new(redis), settings.sessions);
        let desk = Desk::new(
            ctx.clone(),
            links.clone(),
            hasher.clone(),
            Arc::clone(&throttle),
            sessions.clone(),
        );
        Ok(Self {
            door: Arc::new(Door::new(ctx.clone(), sessions.clone())),
            links,
            hasher,
            sessions,
            throttle,
            desk,
        })
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
        .configure(registration::api::configure)
        .configure(registration::pages::configure)
        .configure(sessions::api::configure)
        .configure(sessions::pages::configure);
}

/// What accounts say of their interface.
#[must_use]
pub fn document() -> Vec<OpenApi> {
    vec![
        registration::api::Api::openapi(),
        sessions::api::Api::openapi(),
    ]
}
