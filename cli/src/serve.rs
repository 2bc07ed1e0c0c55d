//! `bailiwick serve`: the whole program, from start to a clean end.
//!
//! The address is bound before the catalog is opened, so that a taken port is told at once. The end takes at most
//! [`STOP_MAX`]: first the scheduler and the open requests, side by side, then engine and index. Everything that was
//! acknowledged is durable by then, so what is not done in time is left behind without harm.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt as _;
use bailiwick_catalog::trim::trim_daily;
use bailiwick_config::{Config, Problems};
use bailiwick_ingestors::scheduler::Scheduler;
use bailiwick_query::{ApiParts, AppState, AuthConfig, Readiness, TokenHash, check_bind, router};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::args::ServeArgs;
use crate::composition::{self, Parts, engine_kind, engine_settings};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::local::config::{load, refused};
use crate::{fail_points, logging, signals};

/// Longest time from the signal to the end of the process.
const STOP_MAX: Duration = Duration::from_millis(9_500);
/// Longest time that open requests get to end.
const REQUESTS_STOP_MAX: Duration = Duration::from_secs(6);
/// Most threads for blocking work: reads of the store, sources, exports.
const BLOCKING_THREADS_MAX: usize = 128;

pub(crate) fn run(args: &ServeArgs, context: &Context) -> Result<Exit, Failure> {
    let config = load(&args.source, args.listen.as_deref(), context).map_err(|problems| refused(&problems))?;
    let parts = composition::parts(&config).map_err(|problems| refused(&Problems(problems)))?;
    let auth = auth(&config);
    check_bind(config.server.listen, &auth).map_err(|error| Failure::usage(error.to_string()))?;
    logging::start(config.log, context.stderr_colors());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .build()
        .map_err(|error| Failure::new(Exit::Failed, format!("cannot start: {error}")))?;
    let result = runtime.block_on(serve(config, parts, auth, context));
    runtime.shutdown_background();
    result
}

fn auth(config: &Config) -> AuthConfig {
    let tokens = config.auth.tokens.iter().map(|token| TokenHash {
        name: token.name.clone(),
        hash: token.hash.clone(),
        groups: token.groups.clone(),
        operate: token.operate,
    });
    AuthConfig {
        tokens: tokens.collect(),
    }
}

async fn serve(config: Config, parts: Parts, auth: AuthConfig, context: &Context) -> Result<Exit, Failure> {
    // Before anything else, so that a signal during the start ends it cleanly too.
    let stop = signals::on_stop()?;
    let (listener, address) = bind(config.server.listen).await?;
    let Parts { kinds, sources } = parts;
    let fail_points = fail_points::from(&context.env)?;
    let mut settings = engine_settings(&config, &kinds, true, fail_points.clone());
    settings.waits_for_room = true;
    info!(data_dir = %config.store.data_dir.display(), "opening the catalog");
    let opened = tokio::task::block_in_place(|| composition::open(&config, engine_kind(config.store.engine), settings));
    let running = opened?;
    let catalog = running.catalog();
    let status = catalog.status();
    info!(engine = status.engine, position = %status.position, entities = status.entities, "the catalog is open");

    let surroundings = composition::surroundings(&config, Arc::new(running.sink()), context);
    if stop.is_cancelled() {
        tokio::task::block_in_place(|| running.stop());
        return Ok(Exit::Ok);
    }
    let scheduler = Arc::new(Scheduler::start(surroundings, sources));
    // Ends between two batches; the next start goes on where it stood.
    let trimming = tokio::spawn(trim_daily(catalog.clone(), composition::clock()));
    let readiness = Readiness::default();
    let api = ApiParts {
        catalog,
        control: Arc::clone(&scheduler) as _,
        auth,
        owner_order: config.ownership_order.clone(),
        readiness: readiness.clone(),
        clock: composition::clock(),
        fail_points,
    };
    let state = match AppState::new(api) {
        Ok(state) => state,
        Err(error) => {
            trimming.abort();
            scheduler.shutdown().await;
            tokio::task::block_in_place(|| running.stop());
            return Err(Failure::usage(error.to_string()));
        }
    };
    let closing = CancellationToken::new();
    let server = axum::serve(
        listener.tap_io(|stream| {
            // Answers are small: waiting to fill a packet would only delay them.
            let _ = stream.set_nodelay(true);
        }),
        router(state),
    )
    .with_graceful_shutdown(closing.clone().cancelled_owned());
    let server = tokio::spawn(server.into_future());
    readiness.set_ready();
    say_ready(address)?;

    stop.cancelled().await;
    info!("stopping");
    readiness.set_stopping();
    closing.cancel();
    trimming.abort();
    let ended = tokio::time::timeout(STOP_MAX, async {
        let requests = async {
            match tokio::time::timeout(REQUESTS_STOP_MAX, server).await {
                Ok(Ok(Ok(()))) => {}
                Ok(Ok(Err(error))) => error!(%error, "the server ended with an error"),
                Ok(Err(error)) => error!(%error, "the server panicked"),
                Err(_) => warn!("requests that were still open are cut off"),
            }
        };
        tokio::join!(scheduler.shutdown(), requests);
        // The last steps need a thread of their own; what they acknowledge is durable at once.
        let _ = tokio::task::spawn_blocking(move || running.stop()).await;
    });
    match ended.await {
        Ok(()) => info!("stopped"),
        Err(_) => warn!("not everything ended in time; what was acknowledged is kept"),
    }
    Ok(Exit::Ok)
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Failure> {
    let refused = |error: std::io::Error| {
        let failure = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                Failure::new(Exit::Unavailable, format!("{address} is in use by another process"))
            }
            _ => Failure::new(Exit::Usage, format!("cannot listen on {address}: {error}")),
        };
        failure.hint("choose another address with --listen ADDR; port 0 takes a free one")
    };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    Ok((listener, address))
}

/// The one line on standard output, for scripts that wait for it.
fn say_ready(address: SocketAddr) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    let told = writeln!(stdout, "listening on http://{address}").and_then(|()| stdout.flush());
    match told {
        // Whoever started the server does not have to listen.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        told => told.map_err(Failure::from),
    }
}
