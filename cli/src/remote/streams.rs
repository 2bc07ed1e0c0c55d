//! `bailiwick export --server` and `bailiwick verify --server`.

use std::io::Write as _;

use serde_json::Value;

use super::client::Client;
use crate::args::ExportArgs;
use crate::context::Context;
use crate::exit::{Exit, Failure};

/// Passes the server's stream on, line by line as it comes.
pub(super) async fn export(args: &ExportArgs, client: &Client) -> Result<Exit, Failure> {
    let content = if args.content { "true" } else { "false" };
    let mut response = client.get("api/v1/export", &[("content", content)]).await?;
    let mut stdout = std::io::stdout().lock();
    let mut last = b'\n';
    while let Some(chunk) = response.chunk().await.map_err(|error| client.unreachable(&error))? {
        stdout.write_all(&chunk)?;
        last = chunk.last().copied().unwrap_or(last);
    }
    stdout.flush()?;
    if last != b'\n' {
        return Err(Failure::new(Exit::Failed, "the export ended in the middle of a line").hint("run it again"));
    }
    Ok(Exit::Ok)
}

pub(super) async fn verify(client: &Client, context: &Context) -> Result<Exit, Failure> {
    let progress = crate::progress::spinner(context, "the server rebuilds and compares");
    let response = client.post("api/v1/verify").await;
    progress.finish_and_clear();
    let body = response?.bytes().await.map_err(|error| client.unreachable(&error))?;
    let report: Value = serde_json::from_slice(&body)
        .map_err(|error| Failure::new(Exit::Failed, format!("the server's report cannot be read: {error}")))?;
    crate::report::print_verify(&report, context)
}
