//! `/api/v1/export`: the whole catalog as NDJSON, one entity a line.
//!
//! Lines are made on the blocking pool and go out as the client takes them; a client that goes away ends the export. An
//! export that fails half-way breaks the connection, so that nobody takes a part for the whole.

use std::ops::ControlFlow;

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::sync::mpsc;

use super::{unavailable, viewer};
use crate::error::ApiError;
use crate::state::AppState;

/// Lines are sent in pieces of about this many bytes.
const PIECE_BYTES: usize = 64 * 1024;
/// Pieces that wait for the client.
const PIECES_WAITING_MAX: usize = 4;

#[derive(Deserialize)]
pub(super) struct Options {
    /// Leave out what is allotted and not content: uid, position, times.
    #[serde(default)]
    content: bool,
}

pub(super) async fn export(
    State(app): State<AppState>,
    headers: HeaderMap,
    options: Result<Query<Options>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, ApiError> {
    let viewer = viewer(&app, &headers)?;
    let Query(options) = options.map_err(|_| ApiError::bad_request("`content` must be `true` or `false`"))?;
    let Ok(permit) = app.exports().clone().try_acquire_owned() else {
        return Err(unavailable(
            "too many exports are under way; wait for one to end (exports_max)",
        ));
    };
    let position = app.catalog().head();
    let (sender, receiver) = mpsc::channel::<Result<Bytes, std::io::Error>>(PIECES_WAITING_MAX);
    tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let mut piece: Vec<u8> = Vec::with_capacity(PIECE_BYTES + 4 * 1024);
        let send = |piece: &mut Vec<u8>| {
            let full = std::mem::replace(piece, Vec::with_capacity(PIECE_BYTES + 4 * 1024));
            sender.blocking_send(Ok(Bytes::from(full))).is_ok()
        };
        let result = app.catalog().export(&viewer, options.content, &mut |value| {
            bailiwick_schema::canonical::write(&value, &mut piece);
            piece.push(b'\n');
            if piece.len() < PIECE_BYTES || send(&mut piece) {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        match result {
            Ok(()) if piece.is_empty() => {}
            // Whether anybody still listens does not matter for the last piece.
            Ok(()) => drop(send(&mut piece)),
            Err(error) => {
                let error = ApiError::from(error);
                drop(sender.blocking_send(Err(std::io::Error::other(error.message))));
            }
        }
    });
    let pieces = futures_util::stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)));
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson".to_owned()),
        (
            header::HeaderName::from_static("bailiwick-position"),
            position.to_string(),
        ),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}
