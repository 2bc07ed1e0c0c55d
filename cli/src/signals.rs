//! Signals that ask the program to end.

use tokio_util::sync::CancellationToken;

use crate::exit::{Exit, Failure};

/// A token that fires at the first SIGTERM or SIGINT. A second signal ends the process at once: what was acknowledged
/// is durable.
#[cfg(unix)]
pub(crate) fn on_stop() -> Result<CancellationToken, Failure> {
    use tokio::signal::unix::{SignalKind, signal};

    let refused = |error: std::io::Error| Failure::new(Exit::Failed, format!("cannot listen for signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(refused)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(refused)?;
    let token = CancellationToken::new();
    let fired = token.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if fired.is_cancelled() {
                std::process::exit(Exit::Failed as i32);
            }
            fired.cancel();
        }
    });
    Ok(token)
}

/// A token that fires at the first interrupt.
#[cfg(not(unix))]
pub(crate) fn on_stop() -> Result<CancellationToken, Failure> {
    let token = CancellationToken::new();
    let fired = token.clone();
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            if fired.is_cancelled() {
                std::process::exit(Exit::Failed as i32);
            }
            fired.cancel();
        }
    });
    Ok(token)
}
