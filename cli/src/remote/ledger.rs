//! `bailiwick runs`, `findings`, `changes` and `sources`: what happened, and what is wrong.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::client::Client;
use super::{items, note_cut};
use crate::args::{ChangesArgs, FindingsArgs, RunsArgs, RunsCommand};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::{Rows, Style, cell, cell_at, printable};
use crate::progress;

/// How often a run that is waited for is asked about.
const POLL_EVERY: Duration = Duration::from_millis(250);

const RUN_FIELDS: &str = "
fragment Row on IngestionRun {
  id source sourceType cause status startedAt endedAt position error telemetry
  counts {
    scopesOpened scopesProved scopesUnchanged claimsDelivered claimsChanged claimsRemoved claimsPending
    entitiesChanged events findings commits
  }
}";

const RUNS: &str = "
query Runs($source: String, $first: Int) { runs(source: $source, first: $first) { nodes { ...Row } } }";

const RUN: &str = "
query Run($id: ID!) { run(id: $id) { ...Row } position }";

/// Answers once snapshot and index have reached a position.
const SETTLED: &str = "
query Settled($position: Long) { search(query: \"\", first: 1, atLeast: $position) { totalCount } }";

const TRIGGER: &str = "
mutation Trigger($source: String!) { triggerRun(source: $source) { id source status } }";

const FINDINGS: &str = "
query Findings($filter: FindingFilter, $first: Int) {
  findings(filter: $filter, first: $first) {
    totalCount
    nodes { id code severity message source scope file line column ref firstSeen }
  }
}";

const CHANGES: &str = "
query Changes($ref: String, $after: Long, $first: Int) {
  changes(ref: $ref, after: $after, first: $first) { nodes { position ordinal at cause source run ref change } }
}";

const SOURCES: &str = "
query Sources {
  sources {
    id type schedule timeZone nextRunAt running queued failures scopes claims retired
    lastRun { id status startedAt endedAt error }
  }
}";

pub(super) async fn runs(args: &RunsArgs, client: &Client, context: &Context) -> Result<Exit, Failure> {
    match &args.command {
        Some(RunsCommand::Trigger { source, wait }) => trigger(source, *wait, client, context).await,
        Some(RunsCommand::Show { id }) => {
            let (run, _) = run_by_id(id, client).await?;
            if run.is_null() {
                return Err(Failure::not_found(format!("there is no run `{id}`")).hint("`bailiwick runs` lists them"));
            }
            context.print(&run, |style| show_run(&run, style))?;
            Ok(Exit::Ok)
        }
        None => {
            let variables = json!({ "source": args.source, "first": args.first });
            let data = client.query(&format!("{RUNS}{RUN_FIELDS}"), variables).await?;
            let runs = items(&data, "/runs/nodes");
            context.print(&data["runs"]["nodes"], |style| {
                let mut rows = Rows::new(&[
                    "ID", "SOURCE", "STATUS", "CAUSE", "STARTED", "ENDED", "CHANGED", "FINDINGS", "ERROR",
                ]);
                for run in runs {
                    rows.add([
                        cell(&run["id"]),
                        cell(&run["source"]),
                        cell(&run["status"]).to_lowercase(),
                        cell(&run["cause"]),
                        cell(&run["startedAt"]),
                        cell(&run["endedAt"]),
                        cell_at(run, "/counts/entitiesChanged"),
                        cell_at(run, "/counts/findings"),
                        cell(&run["error"]),
                    ]);
                }
                if rows.is_empty() {
                    String::new()
                } else {
                    rows.render(style)
                }
            })?;
            if runs.is_empty() {
                context.note("no run yet");
            }
            Ok(Exit::Ok)
        }
    }
}

/// A run, null if it is not known, and the position of the catalog.
async fn run_by_id(id: &str, client: &Client) -> Result<(Value, Value), Failure> {
    let mut data = client.query(&format!("{RUN}{RUN_FIELDS}"), json!({ "id": id })).await?;
    Ok((data["run"].take(), data["position"].take()))
}

async fn trigger(source: &str, wait: bool, client: &Client, context: &Context) -> Result<Exit, Failure> {
    let mut data = client.query(TRIGGER, json!({ "source": source })).await?;
    let run = data["triggerRun"].take();
    if !wait {
        context.print(&run, |_| format!("{}\n", printable(&cell(&run["id"]))))?;
        return Ok(Exit::Ok);
    }
    let run = wait_for(&cell(&run["id"]), source, client, context).await?;
    context.print(&run, |style| show_run(&run, style))?;
    Ok(if matches!(run["status"].as_str(), Some("SUCCEEDED" | "PARTIAL")) {
        Exit::Ok
    } else {
        Exit::No
    })
}

async fn wait_for(id: &str, source: &str, client: &Client, context: &Context) -> Result<Value, Failure> {
    let spinner = progress::spinner(context, &format!("waiting for {source}"));
    loop {
        let (run, position) = run_by_id(id, client).await?;
        // Between the end of the wait and its ledger row a run may not be known yet.
        if !run.is_null() && !matches!(run["status"].as_str(), Some("QUEUED" | "RUNNING")) {
            // Whoever waited wants to find what was read, in search too.
            client.query(SETTLED, json!({ "position": position })).await?;
            spinner.finish_and_clear();
            return Ok(run);
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
}

/// One run with its counts and counters; also what `ingest` prints.
pub(crate) fn show_run(run: &Value, style: Style) -> String {
    let status = cell(&run["status"]).to_lowercase();
    let painted = match status.as_str() {
        "succeeded" => style.green(&status),
        "queued" | "running" => status,
        "partial" => style.yellow(&status),
        _ => style.red(&status),
    };
    let mut text = format!(
        "{} {painted} {}\n",
        style.bold(&printable(&cell(&run["source"]))),
        printable(&cell(&run["id"]))
    );
    let line = |text: &mut String, name: &str, value: &Value| {
        let value = cell(value);
        if !value.is_empty() && value != "0" {
            text.push_str(&format!("  {name:<18} {}\n", printable(&value)));
        }
    };
    for name in ["cause", "startedAt", "endedAt", "position", "error"] {
        line(&mut text, name, &run[name]);
    }
    for part in ["counts", "telemetry"] {
        for (name, value) in run[part].as_object().into_iter().flatten() {
            line(&mut text, name, value);
        }
    }
    text
}

pub(super) async fn findings(args: &FindingsArgs, client: &Client, context: &Context) -> Result<Exit, Failure> {
    let mut filter = Map::new();
    for (name, value) in [("code", &args.code), ("source", &args.source), ("ref", &args.entity)] {
        if let Some(value) = value {
            filter.insert(name.to_owned(), Value::from(value.as_str()));
        }
    }
    if let Some(severity) = &args.severity {
        filter.insert("severity".to_owned(), Value::from(severity.to_uppercase()));
    }
    let data = client
        .query(FINDINGS, json!({ "filter": filter, "first": args.first }))
        .await?;
    let findings = items(&data, "/findings/nodes");
    context.print(&data["findings"]["nodes"], |style| {
        let mut text = String::new();
        for finding in findings {
            let severity = cell(&finding["severity"]).to_lowercase();
            let severity = match severity.as_str() {
                "error" => style.red(&severity),
                "warning" => style.yellow(&severity),
                _ => severity,
            };
            let place = place(finding);
            text.push_str(&format!(
                "{severity} {} {}\n",
                style.bold(&printable(&cell(&finding["code"]))),
                printable(&place)
            ));
            text.push_str(&format!("  {}\n", printable(&cell(&finding["message"]))));
        }
        text
    })?;
    if findings.is_empty() {
        context.note("no findings");
    }
    note_cut(
        context,
        findings.len(),
        &data,
        "/findings/totalCount",
        "more with --first N",
    );
    Ok(Exit::Ok)
}

/// Source, scope, file, line and column, and the entity, as far as they are known.
fn place(finding: &Value) -> String {
    let mut file = cell(&finding["file"]);
    for part in ["line", "column"] {
        let number = cell(&finding[part]);
        if !file.is_empty() && !number.is_empty() {
            file = format!("{file}:{number}");
        }
    }
    let parts = [
        cell(&finding["source"]),
        cell(&finding["scope"]),
        file,
        cell(&finding["ref"]),
    ];
    parts
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

pub(super) async fn changes(args: &ChangesArgs, client: &Client, context: &Context) -> Result<Exit, Failure> {
    let variables = json!({ "ref": args.entity, "after": args.after, "first": args.first });
    let data = client.query(CHANGES, variables).await?;
    let changes = items(&data, "/changes/nodes");
    context.print(&data["changes"]["nodes"], |style| {
        let mut rows = Rows::new(&["POSITION", "AT", "CHANGE", "REF", "CAUSE", "SOURCE"]);
        for change in changes {
            rows.add([
                cell(&change["position"]),
                cell(&change["at"]),
                cell(&change["change"]).to_lowercase(),
                cell(&change["ref"]),
                cell(&change["cause"]).to_lowercase(),
                cell(&change["source"]),
            ]);
        }
        if rows.is_empty() {
            String::new()
        } else {
            rows.render(style)
        }
    })?;
    if changes.is_empty() {
        context.note("no changes");
    }
    Ok(Exit::Ok)
}

pub(super) async fn sources(client: &Client, context: &Context) -> Result<Exit, Failure> {
    let data = client.query(SOURCES, Value::Null).await?;
    let sources = items(&data, "/sources");
    context.print(&data["sources"], |style| {
        let mut rows = Rows::new(&[
            "ID", "TYPE", "LAST RUN", "NEXT RUN", "SCOPES", "CLAIMS", "SCHEDULE", "NOTE",
        ]);
        for source in sources {
            let note = match (
                source["retired"].as_bool(),
                source["running"].is_null(),
                source["failures"].as_u64(),
            ) {
                (Some(true), _, _) => "left the configuration; its claims stay until they are purged".to_owned(),
                (_, false, _) => "running".to_owned(),
                (_, _, Some(failures)) if failures > 0 => {
                    format!("failed {failures} times: {}", cell_at(source, "/lastRun/error"))
                }
                _ => String::new(),
            };
            rows.add([
                cell(&source["id"]),
                cell(&source["type"]),
                cell_at(source, "/lastRun/status").to_lowercase(),
                cell(&source["nextRunAt"]),
                cell(&source["scopes"]),
                cell(&source["claims"]),
                cell(&source["schedule"]),
                note,
            ]);
        }
        if rows.is_empty() {
            String::new()
        } else {
            rows.render(style)
        }
    })?;
    if sources.is_empty() {
        context.note("no source is configured");
    }
    Ok(Exit::Ok)
}
