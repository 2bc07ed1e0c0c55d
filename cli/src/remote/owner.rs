//! `bailiwick owner`: the answer, and the chain of evidence behind it.

use serde_json::{Value, json};

use super::client::Client;
use super::items;
use crate::args::OwnerArgs;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::{Rows, Style, cell, cell_at, printable};

const OWNER: &str = "
query Owner($of: String!) {
  owner(of: $of) {
    outcome message resolvedBy identifier contested tried
    candidates { ref title }
    entity { ref metadata { title } }
    owners { ref title }
    evidence { method who owners { ref } detail source origin standing }
  }
}";

/// Exits 1 where nothing was found, or several things were, or nobody owns what was found.
pub(super) async fn run(args: &OwnerArgs, client: &Client, context: &Context) -> Result<Exit, Failure> {
    let mut data = client.query(OWNER, json!({ "of": args.of })).await?;
    let answer = data["owner"].take();
    context.print(&answer, |style| show(&answer, style))?;
    Ok(if answer["outcome"] == "OWNED" {
        Exit::Ok
    } else {
        Exit::No
    })
}

fn show(answer: &Value, style: Style) -> String {
    let mut text = String::new();
    for owner in items(answer, "/owners") {
        let title = cell(&owner["title"]);
        let title = if title.is_empty() {
            title
        } else {
            format!(" — {}", printable(&title))
        };
        text.push_str(&format!("{}{title}\n", style.bold(&printable(&cell(&owner["ref"])))));
    }
    text.push_str(&format!("{}\n", printable(&cell(&answer["message"]))));
    let entity = cell_at(answer, "/entity/ref");
    if !entity.is_empty() {
        let how = cell(&answer["resolvedBy"]);
        let how = if how.is_empty() { how } else { format!(" ({how})") };
        text.push_str(&format!(
            "{} {}\n",
            style.dim("of"),
            printable(&format!("{entity}{how}"))
        ));
    }
    let candidates = items(answer, "/candidates");
    for candidate in candidates {
        text.push_str(&format!(
            "{} {}\n",
            style.dim("candidate"),
            printable(&cell(&candidate["ref"]))
        ));
    }
    let tried = cell(&answer["tried"]);
    if !tried.is_empty() {
        text.push_str(&format!("{} {}\n", style.dim("tried"), printable(&tried)));
    }
    let mut rows = Rows::new(&["EVIDENCE", "NAMES", "STANDING", "WRITTEN", "SOURCE"]);
    for item in items(answer, "/evidence") {
        let place = [cell(&item["detail"]), cell(&item["origin"])];
        let place: Vec<&str> = place
            .iter()
            .map(String::as_str)
            .filter(|part| !part.is_empty())
            .collect();
        rows.add([
            cell(&item["method"]),
            cell(&item["who"]),
            cell(&item["standing"]),
            place.join(", "),
            cell(&item["source"]),
        ]);
    }
    if !rows.is_empty() {
        text.push('\n');
        text.push_str(&rows.render(style));
    }
    text
}
