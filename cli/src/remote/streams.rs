//! `export`, `verify`, `backup` and `trim` with `--server`.

use std::io::Write as _;
use std::path::Path;

use bailiwick_catalog::backup::{BackupError, Header, PartialFile, ReadError, Step, Trailer, keep_received};
use serde_json::Value;

use super::client::Client;
use crate::args::{BackupArgs, ExportArgs};
use crate::backup::{failure, print_backup};
use crate::context::Context;
use crate::exit::{Exit, Failure};

/// How often a backup is asked for if the server gives up for a reason that passes.
const BACKUP_ATTEMPTS: u32 = 3;

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

/// Receives the server's stream beside the file's place, checks it to its end and gives it its name.
pub(super) async fn backup(args: &BackupArgs, client: &Client, context: &Context) -> Result<Exit, Failure> {
    let target = context.working_dir.join(&args.out);
    let spinner = crate::progress::spinner(context, "the server backs up");
    let mut attempt = 1;
    let kept = loop {
        let kept = receive(&target, args.force, client, &spinner).await?;
        let again = matches!(
            &kept,
            Err(BackupError::Read {
                source: ReadError::GivenUp { again: true, .. },
                ..
            })
        );
        if !again || attempt == BACKUP_ATTEMPTS {
            break kept;
        }
        attempt += 1;
        context.note("the server gave up since too much was written meanwhile; asking it again");
    };
    spinner.finish_and_clear();
    let (header, trailer) = kept.map_err(|error| failure(&error))?;
    print_backup(&args.out, &header, &trailer, context)
}

/// One attempt; the inner error is what the stream itself says.
async fn receive(
    target: &Path,
    replace: bool,
    client: &Client,
    spinner: &indicatif::ProgressBar,
) -> Result<Result<(Header, Trailer), BackupError>, Failure> {
    // Before the server goes to any trouble.
    let mut file = PartialFile::create(target, replace).map_err(|error| failure(&error))?;
    let mut response = client.post("api/v1/backup").await?;
    let mut received = 0_u64;
    let mut broke_off = None;
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                file.write_all(&chunk).map_err(|error| failure(&file.failed(error)))?;
                received += chunk.len() as u64;
                spinner.set_message(format!("{received} bytes received"));
            }
            Ok(None) => break,
            Err(error) => {
                broke_off = Some(broken(client, &error, received));
                break;
            }
        }
    }
    let kept = keep_received(file, target, &mut |step| {
        if let Step::Checked { bytes } = step {
            spinner.set_message(format!("{bytes} of {received} bytes checked"));
        }
    });
    match (kept, broke_off) {
        // Whatever comes after the trailer does not matter, and a server that gave up has said why.
        (Ok(kept), _) => Ok(Ok(kept)),
        (
            Err(
                error @ BackupError::Read {
                    source: ReadError::GivenUp { .. },
                    ..
                },
            ),
            _,
        )
        | (Err(error), None) => Ok(Err(error)),
        (Err(_), Some(broke_off)) => Err(broke_off),
    }
}

fn broken(client: &Client, error: &reqwest::Error, received: u64) -> Failure {
    let what = client.unreachable(error).what;
    Failure::new(
        Exit::Unavailable,
        format!("the backup broke off after {received} bytes: {what}"),
    )
    .hint("nothing was kept; the server's log says why, run it again")
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

pub(super) async fn trim(client: &Client, context: &Context) -> Result<Exit, Failure> {
    let progress = crate::progress::spinner(context, "the server trims");
    let response = client.post("api/v1/trim").await;
    progress.finish_and_clear();
    let body = response?.bytes().await.map_err(|error| client.unreachable(&error))?;
    let trimmed: Value = serde_json::from_slice(&body)
        .map_err(|error| Failure::new(Exit::Failed, format!("the server's answer cannot be read: {error}")))?;
    crate::trim::print_trimmed(&trimmed, context)
}
