//! `bailiwick get` and `bailiwick list`.

use serde_json::{Value, json};

use super::client::Client;
use super::{filter, items, note_cut};
use crate::args::{Format, GetArgs, ListArgs};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::{Rows, Style, cell, cell_at, print_text, printable};

/// Entities that `--all` asks for at once.
const PAGE: usize = 500;

const GET: &str = "
query Get($ref: String!) {
  entity(ref: $ref) {
    ref updatedAt json
    owners { ref title }
    relations(first: 500) { totalCount nodes { type direction target { ref exists } } }
    findings(first: 20) { totalCount nodes { code severity message file line } }
  }
}";

const LIST: &str = "
query List($first: Int, $after: String, $filter: EntityFilter, $orderBy: [EntityOrder!]) {
  entities(first: $first, after: $after, filter: $filter, orderBy: $orderBy) {
    totalCount
    nodes { ref kind metadata { name namespace title description tags } owner { ref } }
    pageInfo { hasNextPage endCursor }
  }
}";

pub(super) async fn get(args: &GetArgs, client: &Client, context: &Context) -> Result<Exit, Failure> {
    let data = client.query(GET, json!({ "ref": args.entity })).await?;
    let entity = &data["entity"];
    if entity.is_null() {
        return Err(missing(&args.entity));
    }
    context.print(entity, |style| show(entity, style))?;
    let shown = items(entity, "/relations/nodes").len();
    note_cut(
        context,
        shown,
        entity,
        "/relations/totalCount",
        "the other relations are left out",
    );
    Ok(Exit::Ok)
}

/// The failure for a ref that leads nowhere.
pub(super) fn missing(entity: &str) -> Failure {
    Failure::not_found(format!("there is no entity `{entity}`")).hint(format!(
        "look for it with `bailiwick search {}`",
        entity.rsplit(['/', ':']).next().unwrap_or(entity)
    ))
}

fn show(entity: &Value, style: Style) -> String {
    let body = &entity["json"];
    let mut text = String::new();
    let line = |text: &mut String, name: &str, value: &str| {
        if !value.is_empty() {
            text.push_str(&format!(
                "{} {}\n",
                style.bold(&format!("{name:<14}")),
                printable(value)
            ));
        }
    };
    line(&mut text, "ref", &cell(&entity["ref"]));
    for (name, pointer) in [
        ("kind", "/kind"),
        ("title", "/metadata/title"),
        ("description", "/metadata/description"),
        ("tags", "/metadata/tags"),
    ] {
        line(&mut text, name, &cell_at(body, pointer));
    }
    let owners: Vec<String> = items(entity, "/owners")
        .iter()
        .map(|owner| cell(&owner["ref"]))
        .collect();
    line(&mut text, "owner", if owners.is_empty() { "nobody" } else { "" });
    line(&mut text, "owner", &owners.join(", "));
    line(&mut text, "updated", &cell(&entity["updatedAt"]));
    for (title, pointer) in [
        ("labels", "/metadata/labels"),
        ("annotations", "/metadata/annotations"),
        ("spec", "/spec"),
        ("facts", "/facts"),
    ] {
        section(&mut text, title, body.pointer(pointer), style);
    }
    identifiers(&mut text, body.get("identifiers"), style);
    relations(&mut text, entity, style);
    let findings = items(entity, "/findings/nodes");
    if !findings.is_empty() {
        text.push_str(&format!("\n{}\n", style.bold("findings")));
        for finding in findings {
            let line = format!("{} {}", cell(&finding["code"]), cell(&finding["message"]));
            text.push_str(&format!("  {}\n", style.yellow(&printable(&line))));
        }
    }
    text
}

/// The values of an object, one a line, nested ones by their path.
fn section(text: &mut String, title: &str, value: Option<&Value>, style: Style) {
    let mut lines = Vec::new();
    flatten(value.unwrap_or(&Value::Null), &mut String::new(), &mut lines);
    if lines.is_empty() {
        return;
    }
    text.push_str(&format!("\n{}\n", style.bold(title)));
    for (path, value) in lines {
        text.push_str(&format!(
            "  {} {}\n",
            style.dim(&printable(&format!("{path}:"))),
            printable(&shortened(&value))
        ));
    }
}

/// Longest value that a table shows, in characters.
const VALUE_CHARACTERS_MAX: usize = 160;

fn shortened(text: &str) -> String {
    match text.char_indices().nth(VALUE_CHARACTERS_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

fn flatten(value: &Value, path: &mut String, lines: &mut Vec<(String, String)>) {
    match value {
        Value::Null => {}
        Value::Object(fields) => {
            for (key, value) in fields {
                let length = path.len();
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(key);
                flatten(value, path, lines);
                path.truncate(length);
            }
        }
        other => lines.push((path.clone(), cell(other))),
    }
}

fn identifiers(text: &mut String, value: Option<&Value>, style: Style) {
    let Some(Value::Array(identifiers)) = value else { return };
    if identifiers.is_empty() {
        return;
    }
    text.push_str(&format!("\n{}\n", style.bold("identifiers")));
    for identifier in identifiers {
        let shown = identifier
            .get("identifier")
            .or_else(|| identifier.get("id"))
            .unwrap_or(identifier);
        text.push_str(&format!("  {}\n", printable(&cell(shown))));
    }
}

fn relations(text: &mut String, entity: &Value, style: Style) {
    let relations = items(entity, "/relations/nodes");
    if relations.is_empty() {
        return;
    }
    text.push_str(&format!("\n{}\n", style.bold("relations")));
    for relation in relations {
        let target = &relation["target"];
        let gone = if target["exists"] == Value::Bool(false) {
            style.yellow(" (not in the catalog)")
        } else {
            String::new()
        };
        let line = format!("{} {}", cell(&relation["type"]), cell(&target["ref"]));
        text.push_str(&format!("  {}{gone}\n", printable(&line)));
    }
}

pub(super) async fn list(args: &ListArgs, client: &Client, context: &Context) -> Result<Exit, Failure> {
    let filter = filter(&args.filter)?;
    let order = order(&args.order)?;
    let mut nodes = Vec::new();
    let mut after = Value::Null;
    let data = loop {
        let first = if args.all { PAGE } else { args.first };
        let variables = json!({ "first": first, "after": after, "filter": filter, "orderBy": order });
        let mut data = client.query(LIST, variables).await?;
        if let Some(Value::Array(page)) = data.pointer_mut("/entities/nodes").map(Value::take) {
            nodes.extend(page);
        }
        after = data["entities"]["pageInfo"]["endCursor"].take();
        if !args.all || data["entities"]["pageInfo"]["hasNextPage"] != Value::Bool(true) || after.is_null() {
            break data;
        }
    };
    match context.format {
        Format::Table if nodes.is_empty() => print_text("")?,
        _ => {
            let shown = nodes.len();
            let value = Value::Array(nodes);
            context.print(&value, |style| table(&value, style))?;
            note_cut(
                context,
                shown,
                &data,
                "/entities/totalCount",
                "more with --first N, or --all",
            );
            return Ok(Exit::Ok);
        }
    }
    context.note("nothing matches");
    Ok(Exit::Ok)
}

/// The table of entities that `list` and `search` show.
pub(super) fn table(nodes: &Value, style: Style) -> String {
    let mut rows = Rows::new(&["REF", "TITLE", "OWNER", "TAGS"]);
    for node in nodes.as_array().into_iter().flatten() {
        rows.add([
            cell(&node["ref"]),
            cell_at(node, "/metadata/title"),
            cell_at(node, "/owner/ref"),
            cell_at(node, "/metadata/tags"),
        ]);
    }
    rows.render(style)
}

fn order(texts: &[String]) -> Result<Value, Failure> {
    let mut order = Vec::new();
    for text in texts {
        let (field, direction) = match text.rsplit_once(':') {
            None => (text.as_str(), "ASC"),
            Some((field, direction)) if direction.eq_ignore_ascii_case("desc") => (field, "DESC"),
            Some((field, direction)) if direction.eq_ignore_ascii_case("asc") => (field, "ASC"),
            Some(_) => {
                let failure = Failure::usage(format!("`--order {text}` has no direction asc or desc"));
                return Err(failure.hint("write it as --order metadata.name:desc"));
            }
        };
        order.push(json!({ "field": field, "direction": direction }));
    }
    Ok(if order.is_empty() {
        Value::Null
    } else {
        Value::Array(order)
    })
}
