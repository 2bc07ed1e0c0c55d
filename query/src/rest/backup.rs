//! `/api/v1/backup`: the whole store as one stream, for operators.
//!
//! Blocks are made on the blocking pool and go out as the client takes them. A client that goes away ends the backup, and
//! so does one that takes nothing for [`BACKUP_STALL_MAX`]: a backup keeps a view of the store open. One that fails
//! half-way breaks the connection and has no trailer, so that nobody takes a part for the whole.

#[cfg(test)]
mod tests;

use std::io::{self, Write};

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::{require_json, unavailable, viewer};
use crate::error::ApiError;
use crate::limits::BACKUP_STALL_MAX;
use crate::state::AppState;

/// Blocks that wait for the client.
const BLOCKS_WAITING_MAX: usize = 4;

pub(super) async fn backup(State(app): State<AppState>, request: Request) -> Result<Response, ApiError> {
    let viewer = viewer(&app, request.headers())?;
    require_json(request.headers())?;
    // Here too, because an answer that has begun can no longer say so.
    crate::catalog::Catalog::operator(&viewer, "back the catalog up")?;
    let Ok(permit) = app.backups().clone().try_acquire_owned() else {
        return Err(unavailable("a backup is under way; wait for it (backups_max)"));
    };
    let who = viewer.name().to_owned();
    if let Err(error) = app.catalog().note_act(&viewer, "backup", "catalog", "begun").await {
        // A catalog that can no longer write is one to be saved.
        tracing::warn!(who, %error, "a backup cannot be noted in the audit log");
    }
    let position = app.catalog().head();
    let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(BLOCKS_WAITING_MAX);
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let out = ToClient {
            runtime,
            sender: sender.clone(),
        };
        match app.catalog().backup(&viewer, &app.backup_settings(), out, &mut |_| {}) {
            Ok((header, trailer)) => {
                tracing::info!(who, position = %header.position, rows = trailer.rows, "a backup was made");
            }
            Err(error) => {
                tracing::warn!(who, %error, "a backup failed");
                let error = ApiError::from(error);
                // Whether anybody still listens does not matter for the last word.
                drop(sender.try_send(Err(io::Error::other(error.message))));
            }
        }
    });
    let blocks = futures_util::stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)));
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        // It is packed already.
        (header::CONTENT_ENCODING, "identity".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"bailiwick-{position}.backup\""),
        ),
        (HeaderName::from_static("bailiwick-position"), position.to_string()),
    ];
    Ok((headers, Body::from_stream(blocks)).into_response())
}

/// Hands bytes to the client's side, and waits while it has enough.
struct ToClient {
    runtime: Handle,
    sender: mpsc::Sender<io::Result<Bytes>>,
}

impl Write for ToClient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sending = self.sender.send(Ok(Bytes::copy_from_slice(bytes)));
        match self
            .runtime
            .block_on(async { tokio::time::timeout(BACKUP_STALL_MAX, sending).await })
        {
            Ok(Ok(())) => Ok(bytes.len()),
            Ok(Err(_)) => Err(io::Error::new(io::ErrorKind::BrokenPipe, "the client went away")),
            Err(_) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the client takes nothing any more (backup_stall_secs_max)",
            )),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
