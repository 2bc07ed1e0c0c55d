//! `bailiwick explain`: which claim decided each field, and which lost.

use serde_json::{Value, json};

use super::client::Client;
use super::entities::missing;
use super::items;
use crate::args::ExplainArgs;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::{Style, cell, printable};

const EXPLAIN: &str = "
query Explain($ref: String!, $field: String) {
  explain(ref: $ref, field: $field) {
    ref
    fields { path value winner { ...Who } losers { ...Who } contributors { ...Who } }
  }
}
fragment Who on Say { source scope path line url version assertion requestedAt since stale value reason }";

pub(super) async fn run(args: &ExplainArgs, client: &Client, context: &Context) -> Result<Exit, Failure> {
    let mut data = client
        .query(EXPLAIN, json!({ "ref": args.entity, "field": args.field }))
        .await?;
    let explanation = data["explain"].take();
    if explanation.is_null() {
        return Err(missing(&args.entity));
    }
    let fields = items(&explanation, "/fields");
    if let Some(field) = args.field.as_ref().filter(|_| fields.is_empty()) {
        return Err(
            Failure::not_found(format!("`{}` has no field `{field}`", args.entity)).hint(format!(
                "`bailiwick explain {}` lists the fields that it has",
                args.entity
            )),
        );
    }
    context.print(&explanation, |style| {
        fields.iter().map(|field| show(field, style)).collect()
    })?;
    Ok(Exit::Ok)
}

fn show(field: &Value, style: Style) -> String {
    let mut text = format!(
        "{} {}\n",
        style.bold(&printable(&cell(&field["path"]))),
        printable(&cell(&field["value"]))
    );
    if !field["winner"].is_null() {
        text.push_str(&say("from", &field["winner"], false, style));
    }
    for contributor in items(field, "/contributors") {
        text.push_str(&say("from", contributor, true, style));
    }
    for loser in items(field, "/losers") {
        text.push_str(&say("not", loser, true, style));
    }
    text
}

fn say(word: &str, say: &Value, with_value: bool, style: Style) -> String {
    let line = cell(&say["line"]);
    let line = if line.is_empty() { line } else { format!(":{line}") };
    let place = format!(
        "{} {} {}{line}",
        cell(&say["source"]),
        cell(&say["scope"]),
        cell(&say["path"])
    );
    let value = if with_value {
        format!(" {}", cell(&say["value"]))
    } else {
        String::new()
    };
    let stale = if say["stale"] == Value::Bool(true) {
        style.yellow(" stale")
    } else {
        String::new()
    };
    let why = format!("{}, since {}", cell(&say["reason"]), cell(&say["since"]));
    format!(
        "  {}{}{stale} {} {}\n",
        style.dim(word),
        printable(&value),
        printable(&place),
        style.dim(&printable(&why))
    )
}
