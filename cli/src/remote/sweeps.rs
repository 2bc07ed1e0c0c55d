//! `bailiwick sweeps`: removals that wait for somebody.

use serde_json::{Value, json};

use super::client::Client;
use super::items;
use crate::args::{SweepsArgs, SweepsCommand};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::{Rows, cell, printable};

const LIST: &str = "
query Sweeps($all: Boolean) {
  pendingSweeps(all: $all) { id source scope state reason run provedAt claims heldInScope entities { ref } retires }
}";

const APPLIED: &str = "
query Applied { appliedSweeps { id at by removed } }";

const DECIDE: &str = "
mutation Decide($id: ID!, $approve: Boolean!) { decideSweep(id: $id, approve: $approve) { claims appliedId position } }";

const UNDO: &str = "
mutation Undo($id: ID!) { undoSweep(id: $id) { claims position } }";

pub(super) async fn run(args: &SweepsArgs, client: &Client, context: &Context) -> Result<Exit, Failure> {
    match &args.command {
        None => list(false, client, context).await,
        Some(SweepsCommand::List { applied: true, .. }) => list_applied(client, context).await,
        Some(SweepsCommand::List { all, .. }) => list(*all, client, context).await,
        Some(SweepsCommand::Approve { id }) => {
            let mut data = client.query(DECIDE, json!({ "id": id, "approve": true })).await?;
            let result = data["decideSweep"].take();
            context.print(&result, |_| {
                let undo = cell(&result["appliedId"]);
                let undo = if undo.is_empty() {
                    undo
                } else {
                    format!("; `bailiwick sweeps undo {undo}` brings them back")
                };
                format!("removed {} claims{}\n", cell(&result["claims"]), printable(&undo))
            })?;
            Ok(Exit::Ok)
        }
        Some(SweepsCommand::Reject { id }) => {
            let mut data = client.query(DECIDE, json!({ "id": id, "approve": false })).await?;
            let result = data["decideSweep"].take();
            context.print(&result, |_| {
                "kept; the sweep stays quiet until the set changes\n".to_owned()
            })?;
            Ok(Exit::Ok)
        }
        Some(SweepsCommand::Undo { id }) => {
            let mut data = client.query(UNDO, json!({ "id": id })).await?;
            let result = data["undoSweep"].take();
            context.print(&result, |_| {
                format!("brought back {} claims\n", cell(&result["claims"]))
            })?;
            Ok(Exit::Ok)
        }
    }
}

async fn list(all: bool, client: &Client, context: &Context) -> Result<Exit, Failure> {
    let mut data = client.query(LIST, json!({ "all": all })).await?;
    let sweeps = data["pendingSweeps"].take();
    let list = sweeps.as_array().map_or(&[][..], Vec::as_slice);
    context.print(&sweeps, |style| {
        let mut text = String::new();
        let mut rows = Rows::new(&["ID", "STATE", "SOURCE", "SCOPE", "CLAIMS", "ENTITIES", "REASON"]);
        for sweep in list {
            rows.add([
                cell(&sweep["id"]),
                cell(&sweep["state"]),
                cell(&sweep["source"]),
                cell(&sweep["scope"]),
                format!("{} of {}", cell(&sweep["claims"]), cell(&sweep["heldInScope"])),
                entities(sweep),
                cell(&sweep["reason"]),
            ]);
        }
        if !rows.is_empty() {
            text = rows.render(style);
        }
        text
    })?;
    if list.is_empty() {
        context.note("no sweep waits for a decision");
    } else {
        context.note("decide with `bailiwick sweeps approve ID` or `bailiwick sweeps reject ID`");
    }
    Ok(Exit::Ok)
}

async fn list_applied(client: &Client, context: &Context) -> Result<Exit, Failure> {
    let mut data = client.query(APPLIED, Value::Null).await?;
    let applied = data["appliedSweeps"].take();
    let list = applied.as_array().map_or(&[][..], Vec::as_slice);
    context.print(&applied, |style| {
        let mut rows = Rows::new(&["ID", "AT", "BY", "CLAIMS REMOVED"]);
        for sweep in list {
            rows.add(["id", "at", "by", "removed"].map(|name| cell(&sweep[name])));
        }
        if rows.is_empty() {
            String::new()
        } else {
            rows.render(style)
        }
    })?;
    match list.is_empty() {
        true => context.note("no sweep was applied"),
        false => context.note("`bailiwick sweeps undo ID` brings back what one removed"),
    }
    Ok(Exit::Ok)
}

/// Entities named in a row.
const NAMED_MAX: usize = 3;

fn entities(sweep: &Value) -> String {
    let entities = items(sweep, "/entities");
    let named: Vec<String> = entities
        .iter()
        .take(NAMED_MAX)
        .map(|entity| cell(&entity["ref"]))
        .collect();
    let more = if entities.len() > NAMED_MAX {
        format!(" and {} more", entities.len() - NAMED_MAX)
    } else {
        String::new()
    };
    named.join(", ") + &more
}
