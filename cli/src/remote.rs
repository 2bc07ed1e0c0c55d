//! Commands that ask a server: thin clients of its API.
//!
//! Each module holds its query beside the way its answer is shown. `--output json` prints what the server said, in the
//! words of the GraphQL schema.

mod client;
mod entities;
mod explain;
mod graph;
mod health;
mod ledger;
mod owner;
mod search;
mod streams;
mod sweeps;

use serde_json::{Value, json};

use crate::args::{Command, FilterArgs};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use client::Client;
pub(crate) use ledger::show_run;

/// Runs a command that talks to the server.
pub(crate) fn run(command: Command, context: &Context) -> Result<Exit, Failure> {
    let client = Client::new(context)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Failed, format!("cannot start: {error}")))?;
    runtime.block_on(Box::pin(dispatch(command, &client, context)))
}

async fn dispatch(command: Command, client: &Client, context: &Context) -> Result<Exit, Failure> {
    match command {
        Command::Get(args) => entities::get(&args, client, context).await,
        Command::List(args) => entities::list(&args, client, context).await,
        Command::Search(args) => search::run(&args, client, context).await,
        Command::Owner(args) => owner::run(&args, client, context).await,
        Command::Explain(args) => explain::run(&args, client, context).await,
        Command::Graph(args) => graph::run(&args, client, context).await,
        Command::Runs(args) => ledger::runs(&args, client, context).await,
        Command::Sweeps(args) => sweeps::run(&args, client, context).await,
        Command::Findings(args) => ledger::findings(&args, client, context).await,
        Command::Changes(args) => ledger::changes(&args, client, context).await,
        Command::Sources => ledger::sources(client, context).await,
        Command::Export(args) => streams::export(&args, client).await,
        Command::Backup(args) => streams::backup(&args, client, context).await,
        Command::Verify(_) => streams::verify(client, context).await,
        Command::Trim(_) => streams::trim(client, context).await,
        Command::Health => health::run(client, context).await,
        // The caller sends nothing else here.
        _ => Err(Failure::new(Exit::Failed, "the command does not talk to a server")),
    }
}

/// The filter that the options of a command spell; null for none.
fn filter(args: &FilterArgs) -> Result<Value, Failure> {
    let mut filter = serde_json::Map::new();
    for (name, value) in [
        ("kind", &args.kind),
        ("namespace", &args.namespace),
        ("owner", &args.owner),
    ] {
        if let Some(value) = value {
            filter.insert(name.to_owned(), json!({ "eq": value }));
        }
    }
    if !args.tag.is_empty() {
        let tags: Vec<Value> = args.tag.iter().map(|tag| json!({ "tag": { "eq": tag } })).collect();
        filter.insert("and".to_owned(), Value::Array(tags));
    }
    let mut paths = Vec::new();
    for condition in &args.filter {
        let Some((path, value)) = condition.split_once('=').filter(|(path, _)| !path.is_empty()) else {
            let failure = Failure::usage(format!("`--filter {condition}` names no path and value"));
            return Err(failure.hint("write it as --filter spec.type=website"));
        };
        paths.push(json!({ "path": path, "eq": value }));
    }
    if !paths.is_empty() {
        filter.insert("path".to_owned(), Value::Array(paths));
    }
    Ok(if filter.is_empty() {
        Value::Null
    } else {
        Value::Object(filter)
    })
}

/// The list at a JSON pointer.
fn items<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The line under a list that was cut: how many there are in all.
fn note_cut(context: &Context, shown: usize, data: &Value, total: &str, more: &str) {
    let total = data.pointer(total).and_then(Value::as_u64).unwrap_or(0);
    if total > shown as u64 {
        context.note(&format!("{shown} of {total}; {more}"));
    }
}
