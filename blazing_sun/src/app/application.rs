//! The running application: from its start to its graceful end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use anyhow::Context;
use tokio::net::TcpSocket;
use uuid::Uuid;

use crate::app::config::{Config, Http, Lifecycle};
use crate::app::first_administrator;
use crate::app::instances::{self, Instance};
use crate::app::log_levels;
use crate::app::logging::Levels;
use crate::app::roles::{Role, Running};
use crate::app::routes;
use crate::app::wiring::Wiring;
use crate::feed::Feed;
use crate::infra::measures::Measures;
use crate::infra::services::Services;
use crate::infra::{migrations, postgres};
use crate::kernel::clock::Clock;
use crate::web::csrf::{self, Origins};
use crate::web::envelope::envelope;
use crate::web::failures::Failures;
use crate::web::health::Health;
use crate::web::metrics::Metrics;
use crate::web::page::Pages;
use crate::web::{cors, extractors};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// What jobs and batches in flight may take at least, even if requests have used up the time.
const LAST_WORK: Duration = Duration::from_secs(5);

/// An application that listens.
pub struct Application {
    address: SocketAddr,
    server: Server,
    handle: ServerHandle,
    running: Running,
    feed: Feed,
    health: Arc<Health>,
    services: Arc<Services>,
    clock: Arc<dyn Clock>,
    instance: Uuid,
    lifecycle: Lifecycle,
}

impl Application {
    /// Waits for PostgreSQL, applies the migrations, starts the parts in `roles` and listens; the other services may come
    /// later. `/metrics` shows `measures`.
    pub async fn start(
        config: Config,
        roles: &[Role],
        clock: Arc<dyn Clock>,
        measures: Measures,
    ) -> anyhow::Result<Self> {
        // Taken first, so that a port in use is told before anything is changed; opened last.
        let socket = bind(&config.http)?;
        postgres::wait_until_up(&config.services.postgres, config.lifecycle.startup_timeout)
            .await?;
        let wiring = Wiring::new(&config, Arc::clone(&clock), &measures)?;
        let services = Arc::clone(&wiring.services);
        for name in migrations::apply(&services.postgres).await? {
            tracing::info!(migration.name = name, "migration applied");
        }
        if let Some(first) = &config.accounts.first_administrator {
            first_administrator::provide(&wiring, first).await?;
        }
        let instance = record_start(&services, clock.as_ref()).await?;

        let health = Arc::new(Health::new(Arc::clone(&services), Arc::clone(&clock)));
        let listener = socket
            .listen(BACKLOG)
            .context("cannot listen")?
            .into_std()?;
        let address = listener.local_addr()?;
        let mut running = Running::start(&wiring, roles)?;
        let (failures, told) = Failures::channel();
        running.add(|stop| wiring.errors(instance, told).run(stop));
        if roles.contains(&Role::Schedule) {
            running.add(|stop| wiring.watch(Arc::clone(&health)).run(stop));
        }
        let feed = wiring.feed.clone();
        let server = serve(
            listener,
            &config,
            roles,
            Arc::clone(&health),
            failures,
            wiring,
            measures,
        )?;
        tracing::info!(http.address = %address, app.version = env!("CARGO_PKG_VERSION"), "listening");
        let handle = server.handle();
        Ok(Self {
            address,
            server,
            handle,
            running,
            feed,
            health,
            services,
            clock,
            instance,
            lifecycle: config.lifecycle,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on its log follows what is set for single modules.
    pub fn follow_log_levels(&mut self, levels: Levels) {
        let (pool, clock) = (self.services.postgres.clone(), Arc::clone(&self.clock));
        self.running
            .add(|stop| log_levels::follow(pool, clock, levels, stop));
    }

    /// Serves until `ending` completes, then ends gracefully: not ready, no new connections, requests in flight
    /// finish, goodbye to the services.
    pub async fn run_until(mut self, ending: impl Future<Output = ()>) -> anyhow::Result<()> {
        let mut serving = tokio::spawn(self.server);
        tokio::select! {
            ended = &mut serving => return Ok(ended??),
            // Half an application would look well from outside; whoever supervises it starts a whole one.
            failed = self.running.failed() => anyhow::bail!("a part of the application ended: {failed:?}"),
            () = ending => {}
        }
        self.health.drain();
        tracing::info!("not ready any more");
        tokio::time::sleep(self.lifecycle.drain).await;
        let deadline = Instant::now() + self.lifecycle.shutdown_timeout;
        // They have no end of their own.
        self.feed.streams().end();
        self.handle.stop(true).await;
        serving.await??;
        // Last, so that what the last requests committed is carried too.
        let left = deadline.saturating_duration_since(Instant::now());
        self.running.end(left.max(LAST_WORK)).await;

        let stopped_at = self.clock.now();
        if let Err(error) =
            instances::record_stop(&self.services.postgres, self.instance, stopped_at).await
        {
            tracing::warn!(error = %error, "the end could not be recorded");
        }
        self.services.close().await;
        tracing::info!("ended");
        Ok(())
    }
}

/// Takes the port without opening it yet: until the application is ready, clients are refused instead of kept waiting.
fn bind(http: &Http) -> anyhow::Result<TcpSocket> {
    let address = SocketAddr::new(http.address, http.port);
    let bound = || -> io::Result<TcpSocket> {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()
        } else {
            TcpSocket::new_v6()
        }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(socket)
    };
    bound().with_context(|| format!("cannot listen on {address} (PORT, BIND_ADDRESS)"))
}

fn serve(
    listener: std::net::TcpListener,
    config: &Config,
    roles: &[Role],
    health: Arc<Health>,
    failures: Failures,
    wiring: Wiring,
    measures: Measures,
) -> anyhow::Result<Server> {
    let limits = Data::new(config.http.limits.clone());
    let max_body_bytes = limits.max_body_bytes;
    let metrics = Data::new(Metrics::new(measures)?);
    let pages = Data::new(Pages::new()?);
    let health = Data::from(health);
    let failures = Data::new(failures);
    let blobs = Data::new(wiring.services.blobs.clone());
    let services = Data::from(wiring.services);
    let catalogue = Data::from(wiring.catalogue);
    let ctx = Data::new(wiring.ctx);
    let proxies = Data::new(config.http.proxies.clone());
    let origins = Data::new(Origins {
        own: config.site.origin(),
        others: config.http.origins.clone(),
    });
    let cors = config.http.origins.clone();
    let (accounts, ledger, feed) = (wiring.accounts, wiring.ledger, wiring.feed);
    let previewed = config.site.mail_previews.then(|| Data::from(wiring.mails));
    let is_product = roles.contains(&Role::Http);
    let server = HttpServer::new(move || {
        let app = App::new()
            .app_data(limits.clone())
            .app_data(metrics.clone())
            .app_data(pages.clone())
            .app_data(health.clone())
            .app_data(failures.clone())
            .app_data(services.clone())
            .app_data(blobs.clone())
            .app_data(catalogue.clone())
            .app_data(ctx.clone())
            .app_data(proxies.clone())
            .app_data(origins.clone())
            .configure(|routes| extractors::configure(routes, max_body_bytes))
            .configure(routes::operations);
        let app = if is_product {
            app.configure(|routes| {
                routes::product(routes, &accounts, &ledger, &feed, previewed.as_ref());
            })
        } else {
            app
        };
        app.wrap(from_fn(csrf::guard))
            .wrap(cors::listed(&cors))
            .wrap(from_fn(cors::nothing_for_others))
            .wrap(from_fn(envelope))
    })
    // Passwords are hashed on these threads, and each of them keeps the memory that one hash took. (Private files are read
    // on them too, which takes no time beside that.)
    .worker_max_blocking_threads(config.accounts.passwords.concurrency.into())
    .client_request_timeout(config.http.header_timeout)
    .keep_alive(config.http.keep_alive)
    .shutdown_timeout(config.lifecycle.shutdown_timeout.as_secs())
    .disable_signals()
    .listen(listener)?
    .run();
    Ok(server)
}

async fn record_start(services: &Services, clock: &dyn Clock) -> anyhow::Result<Uuid> {
    let instance = Instance::here(clock);
    let previous = instances::record_start(&services.postgres, &instance)
        .await
        .context("cannot record this start")?;
    if let Some(previous) = previous.filter(|previous| previous.stopped_at.is_none()) {
        tracing::warn!(
            instance.id = %previous.id,
            instance.started_at = %previous.started_at,
            "the previous start on this host has no end: it was killed, or it still runs",
        );
    }
    Ok(instance.id)
}
