//! `bailiwick graph`: what an entity is connected with, as a tree, in DOT or in Mermaid.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::client::Client;
use super::entities::missing;
use super::items;
use crate::args::{Direction, GraphArgs, GraphFormat};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::{Style, cell, printable};

/// Entities asked for in one query.
const BATCH: usize = 25;
/// Relations read of one entity.
const RELATIONS_MAX: usize = 200;
/// Most entities that are drawn.
const NODES_MAX: usize = 500;

/// What was read, step by step from the start.
struct Graph {
    start: String,
    /// Ref → title; those that were read.
    titles: BTreeMap<String, Option<String>>,
    /// From, relation, to: in the order found.
    edges: Vec<(String, String, String)>,
    /// Refs that nothing lives at.
    dangling: BTreeSet<String>,
    cut: bool,
}

pub(super) async fn run(args: &GraphArgs, client: &Client, context: &Context) -> Result<Exit, Failure> {
    let graph = read(args, client).await?;
    let value = json!({
        "start": graph.start,
        "nodes": graph.titles.iter().map(|(entity, title)| json!({ "ref": entity, "title": title })).collect::<Vec<_>>(),
        "edges": graph.edges.iter().map(|(from, relation, to)| json!({ "from": from, "type": relation, "to": to })).collect::<Vec<_>>(),
        "dangling": graph.dangling,
        "cut": graph.cut,
    });
    context.print(&value, |style| match args.format {
        GraphFormat::Tree => tree(&graph, style),
        GraphFormat::Dot => dot(&graph),
        GraphFormat::Mermaid => mermaid(&graph),
    })?;
    if graph.cut {
        context.note(&format!(
            "cut: at most {NODES_MAX} entities (graph_nodes_max) and {RELATIONS_MAX} relations of each are drawn"
        ));
    }
    Ok(Exit::Ok)
}

async fn read(args: &GraphArgs, client: &Client) -> Result<Graph, Failure> {
    let mut graph = Graph {
        start: String::new(),
        titles: BTreeMap::new(),
        edges: Vec::new(),
        dangling: BTreeSet::new(),
        cut: false,
    };
    let mut drawn = BTreeSet::new();
    let mut layer = vec![args.entity.clone()];
    for step in 0..=args.depth {
        let mut next = Vec::new();
        for batch in layer.chunks(BATCH) {
            let data = client
                .query(&query(batch.len(), args.direction), variables(batch))
                .await?;
            for at in 0..batch.len() {
                let entity = &data[format!("e{at}")];
                if entity.is_null() {
                    if step == 0 {
                        return Err(missing(&args.entity));
                    }
                    continue;
                }
                let from = cell(&entity["ref"]);
                if step == 0 {
                    graph.start.clone_from(&from);
                }
                graph
                    .titles
                    .insert(from.clone(), entity["metadata"]["title"].as_str().map(str::to_owned));
                if step == args.depth {
                    continue;
                }
                graph.cut |= entity["relations"]["pageInfo"]["hasNextPage"] == Value::Bool(true);
                for relation in items(entity, "/relations/nodes") {
                    let to = cell(&relation["target"]["ref"]);
                    if relation["target"]["exists"] == Value::Bool(false) {
                        graph.dangling.insert(to.clone());
                    }
                    let (tail, head) = if relation["direction"] == "INCOMING" {
                        (&to, &from)
                    } else {
                        (&from, &to)
                    };
                    // The same relation is met again from its other end, under its inverse name.
                    let pair = (tail.clone(), head.clone());
                    let incoming = relation["direction"] == "INCOMING";
                    if drawn.insert((pair, incoming, cell(&relation["type"]))) {
                        graph.edges.push((from.clone(), cell(&relation["type"]), to.clone()));
                    }
                    let known = graph.titles.contains_key(&to) || next.contains(&to) || graph.dangling.contains(&to);
                    if !known && !layer.contains(&to) {
                        match graph.titles.len() + next.len() < NODES_MAX {
                            true => next.push(to),
                            false => graph.cut = true,
                        }
                    }
                }
            }
        }
        layer = next;
    }
    Ok(graph)
}

/// One query for several entities.
fn query(count: usize, direction: Direction) -> String {
    let half = match direction {
        Direction::Out => ", direction: OUTGOING",
        Direction::In => ", direction: INCOMING",
        Direction::Both => "",
    };
    let mut query = String::from("query Graph(");
    for at in 0..count {
        let _ = write!(query, "$r{at}: String! ");
    }
    query.push_str(") {\n");
    for at in 0..count {
        let _ = writeln!(query, "  e{at}: entity(ref: $r{at}) {{ ...Node }}");
    }
    let _ = write!(
        query,
        "}}\nfragment Node on Entity {{ ref metadata {{ title }} relations(first: {RELATIONS_MAX}{half}) \
         {{ nodes {{ type direction target {{ ref exists }} }} pageInfo {{ hasNextPage }} }} }}"
    );
    query
}

fn variables(refs: &[String]) -> Value {
    let named = refs
        .iter()
        .enumerate()
        .map(|(at, entity)| (format!("r{at}"), Value::from(entity.as_str())));
    Value::Object(named.collect::<Map<_, _>>())
}

fn tree(graph: &Graph, style: Style) -> String {
    let mut children: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    for (from, relation, to) in &graph.edges {
        children.entry(from).or_default().push((relation, to));
    }
    let mut text = format!("{}\n", style.bold(&label(graph, &graph.start)));
    let mut seen = BTreeSet::from([graph.start.as_str()]);
    branches(graph, &graph.start, &children, &mut seen, "", style, &mut text);
    text
}

/// The branches below one entity; what was drawn before is named and not drawn again.
fn branches<'g>(
    graph: &Graph,
    entity: &str,
    children: &BTreeMap<&str, Vec<(&'g str, &'g str)>>,
    seen: &mut BTreeSet<&'g str>,
    indent: &str,
    style: Style,
    text: &mut String,
) {
    let below = children.get(entity).map_or(&[][..], Vec::as_slice);
    for (at, (relation, to)) in below.iter().enumerate() {
        let last = at + 1 == below.len();
        let (branch, deeper) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        let is_new = seen.insert(to);
        let again = if !is_new && children.contains_key(to) {
            style.dim(" (above)")
        } else {
            String::new()
        };
        let gone = if graph.dangling.contains(*to) {
            style.yellow(" (not in the catalog)")
        } else {
            String::new()
        };
        let _ = writeln!(
            text,
            "{indent}{branch}{} {}{again}{gone}",
            style.dim(&printable(relation)),
            label(graph, to)
        );
        if is_new {
            branches(graph, to, children, seen, &format!("{indent}{deeper}"), style, text);
        }
    }
}

fn label(graph: &Graph, entity: &str) -> String {
    match graph.titles.get(entity) {
        Some(Some(title)) => printable(&format!("{entity} — {title}")).into_owned(),
        _ => printable(entity).into_owned(),
    }
}

fn dot(graph: &Graph) -> String {
    let quoted = |text: &str| format!("\"{}\"", printable(text).replace('\\', "\\\\").replace('"', "\\\""));
    let mut text = String::from("digraph catalog {\n  rankdir=LR;\n  node [shape=box];\n");
    let _ = writeln!(text, "  {} [penwidth=2];", quoted(&graph.start));
    for entity in &graph.dangling {
        let _ = writeln!(text, "  {} [style=dashed];", quoted(entity));
    }
    for (from, relation, to) in &graph.edges {
        let _ = writeln!(
            text,
            "  {} -> {} [label={}];",
            quoted(from),
            quoted(to),
            quoted(relation)
        );
    }
    text.push_str("}\n");
    text
}

fn mermaid(graph: &Graph) -> String {
    let mut ids: BTreeMap<&str, usize> = BTreeMap::new();
    let mut text = String::from("graph LR\n");
    let everyone = std::iter::once(graph.start.as_str()).chain(
        graph
            .edges
            .iter()
            .flat_map(|(from, _, to)| [from.as_str(), to.as_str()]),
    );
    for entity in everyone {
        let next = ids.len();
        if let std::collections::btree_map::Entry::Vacant(vacant) = ids.entry(entity) {
            vacant.insert(next);
            let _ = writeln!(text, "  n{next}[\"{}\"]", printable(entity).replace('"', "#quot;"));
        }
    }
    for (from, relation, to) in &graph.edges {
        let _ = writeln!(
            text,
            "  n{} -->|{}| n{}",
            ids[from.as_str()],
            printable(relation).replace('|', "#124;"),
            ids[to.as_str()]
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph() -> Graph {
        let edge = |from: &str, relation: &str, to: &str| (from.to_owned(), relation.to_owned(), to.to_owned());
        Graph {
            start: "component:default/a".to_owned(),
            titles: BTreeMap::from([("component:default/a".to_owned(), Some("A \"quoted\"".to_owned()))]),
            edges: vec![
                edge("component:default/a", "dependsOn", "component:default/b"),
                edge("component:default/b", "dependsOn", "component:default/a"),
                edge("component:default/a", "ownedBy", "group:default/gone"),
            ],
            dangling: BTreeSet::from(["group:default/gone".to_owned()]),
            cut: false,
        }
    }

    #[test]
    fn a_cycle_is_drawn_once() {
        let text = tree(&graph(), Style { colors: false });
        let expected = "\
component:default/a — A \"quoted\"
├─ dependsOn component:default/b
│  └─ dependsOn component:default/a — A \"quoted\" (above)
└─ ownedBy group:default/gone (not in the catalog)
";
        assert_eq!(text, expected);
    }

    #[test]
    fn every_edge_is_in_the_drawings() {
        assert_eq!(dot(&graph()).matches(" -> ").count(), 3);
        let mermaid = mermaid(&graph());
        assert_eq!(mermaid.matches("-->").count(), 3);
        assert_eq!(
            mermaid.matches("component:default/a").count(),
            1,
            "each entity once: {mermaid}"
        );
    }
}
