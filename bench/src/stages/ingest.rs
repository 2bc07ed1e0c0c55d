//! The clocks of ingest: from `triggerRun` to the right answer over HTTP.
//!
//! Three runs of the same source: everything new, nothing new, and one percent new. A clock stops when one request,
//! answered from the position of the run, shows the last entity with its relations by ref and finds it by its words.
//! What is compared beyond that (every changed entity) is compared after the clock has stopped, at the same position.

use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};

use crate::client::Connection;
use crate::failure::{Outcome, While as _, fail};
use crate::process::{Memory, Watch, cpu_secs};
use crate::server::{SOURCE, Server, Setup};
use crate::truth::{Entity, Truth};

/// Time between two questions whether the run has ended.
const LOOK: Duration = Duration::from_millis(5);
/// Longest wait for an index that has not followed yet.
const INDEX_TIMEOUT: Duration = Duration::from_secs(600);
/// Entities that are read in one request; each is a root field.
const READ_AT_ONCE: usize = 50;

const TRIGGER: &str = "mutation Trigger($source: String!) { triggerRun(source: $source) { id } }";
const RUN: &str = "query Run($id: ID!) { run(id: $id) { status error position counts { \
                   claimsDelivered claimsChanged claimsRemoved entitiesChanged commits } } }";
const PROBE: &str = "query Probe($ref: String!, $text: String!, $position: Long!) {
  entity(ref: $ref, atLeast: $position) { ref metadata { title description annotations } relations { totalCount } }
  search(query: $text, atLeast: $position) { totalCount nodes { entity { ref } } }
  entities(first: 1) { totalCount }
}";

/// The first ingest.
#[derive(Debug, Serialize)]
pub(crate) struct Ingest {
    pub(crate) secs: f64,
    /// Of that, until the run's row said that it had ended.
    pub(crate) run_secs: f64,
    pub(crate) cpu_secs: f64,
    pub(crate) peak: Memory,
    /// What the process holds when everything has been answered.
    pub(crate) after: Memory,
    pub(crate) commits: u64,
}

/// The same file, written anew.
#[derive(Debug, Serialize)]
pub(crate) struct Resync {
    pub(crate) secs: f64,
    pub(crate) cpu_secs: f64,
}

/// The changed file, in the place of the first.
#[derive(Debug, Serialize)]
pub(crate) struct Change {
    pub(crate) secs: f64,
    pub(crate) run_secs: f64,
    pub(crate) cpu_secs: f64,
    pub(crate) entities: usize,
}

/// How a run ended.
struct Ended {
    position: u64,
    counts: Value,
    /// From the trigger.
    after: Duration,
}

/// Copies a file and makes it durable, so that nothing of it is left to be written while clocks run.
pub(crate) fn place(from: &Path, to: &Path) -> Outcome<()> {
    let what = || format!("copying {}", from.display());
    std::fs::copy(from, to).while_doing(what())?;
    let file = std::fs::File::open(to).while_doing(what())?;
    file.sync_all().while_doing(what())
}

/// Triggers the source and waits until its run has ended well.
fn run(connection: &mut Connection, began: Instant) -> Outcome<Ended> {
    let triggered = connection.graphql(TRIGGER, &json!({ "source": SOURCE }))?;
    let id = triggered["data"]["triggerRun"]["id"].clone();
    loop {
        let answer = connection.graphql(RUN, &json!({ "id": id }))?;
        let run = &answer["data"]["run"];
        match run["status"].as_str().unwrap_or_default() {
            "QUEUED" | "RUNNING" => std::thread::sleep(LOOK),
            "SUCCEEDED" => {
                // A run that changed nothing has no position: then the request's own is the one to be seen.
                let position = run["position"]
                    .as_u64()
                    .or_else(|| answer["extensions"]["position"].as_u64());
                let Some(position) = position else {
                    return fail("an answer without a position");
                };
                return Ok(Ended {
                    position,
                    counts: run["counts"].clone(),
                    after: began.elapsed(),
                });
            }
            other => return fail(format!("the run ended as {other}: {}", run["error"])),
        }
    }
}

/// Triggers the source and waits until its run has ended well, for those who measure something else.
pub(crate) fn run_once(connection: &mut Connection) -> Outcome<()> {
    run(connection, Instant::now()).map(|_| ())
}

/// Asks for one entity by ref and by its words, at a position, and compares. The answer's own position comes back.
fn probe(connection: &mut Connection, truth: &Truth, entity: &Entity, position: u64) -> Outcome<u64> {
    let entity_ref = truth.ref_of(entity);
    let whole = truth.whole(entity)?;
    let metadata = &whole["metadata"];
    let text = |field: &str| metadata[field].as_str().unwrap_or_default();
    let described: Vec<&str> = text("description").split_whitespace().take(3).collect();
    let words = format!("{} {} ", text("title"), described.join(" "));
    let variables = json!({ "ref": entity_ref, "text": words, "position": position });
    let answer = connection.graphql_in_time(PROBE, &variables, INDEX_TIMEOUT)?;
    let data = &answer["data"];
    let shown = &data["entity"];
    let same = ["title", "description", "annotations"]
        .iter()
        .all(|field| shown["metadata"][field] == metadata[*field]);
    let relations = shown["relations"]["totalCount"].as_u64().unwrap_or(0) as usize;
    let hits = data["search"]["nodes"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let found = hits.iter().any(|hit| hit["entity"]["ref"] == json!(entity_ref));
    let total = data["entities"]["totalCount"].as_u64().unwrap_or(0) as usize;
    if !same || relations < truth.relations(entity) || !found || total != truth.entities.len() {
        return fail(format!("{entity_ref} is not as the workload says: {answer}"));
    }
    match answer["extensions"]["position"].as_u64() {
        Some(position) => Ok(position),
        None => fail("an answer without a position"),
    }
}

/// Reads everything into an empty catalog.
pub(crate) fn first(server: &Server, watch: &Watch, truth: &Truth) -> Outcome<Ingest> {
    let mut connection = server.connect()?;
    watch.take();
    let cpu = cpu_secs(server.pid());
    let began = Instant::now();
    let ended = run(&mut connection, began)?;
    let last = truth.entities.last().expect("a workload holds entities");
    probe(&mut connection, truth, last, ended.position)?;
    let took = began.elapsed();
    let delivered = ended.counts["claimsDelivered"].as_u64().unwrap_or(0) as usize;
    if delivered < truth.entities.len() {
        return fail(format!("the run delivered {delivered} claims"));
    }
    Ok(Ingest {
        secs: took.as_secs_f64(),
        run_secs: ended.after.as_secs_f64(),
        cpu_secs: cpu_secs(server.pid()) - cpu,
        peak: watch.take(),
        after: Memory::of(server.pid()).unwrap_or_default(),
        commits: ended.counts["commits"].as_u64().unwrap_or(0),
    })
}

/// Writes the same bytes again and reads them again: nothing may change.
pub(crate) fn again(server: &Server, setup: &Setup, input: &Path, truth: &Truth) -> Outcome<Resync> {
    let mut connection = server.connect()?;
    let before = connection.graphql("{ position }", &json!({}))?;
    place(input, &setup.file())?;
    let cpu = cpu_secs(server.pid());
    let began = Instant::now();
    let ended = run(&mut connection, began)?;
    let last = truth.entities.last().expect("a workload holds entities");
    probe(&mut connection, truth, last, ended.position)?;
    let took = began.elapsed();
    let changed = &ended.counts["claimsChanged"];
    if *changed != json!(0) || json!(ended.position) != before["data"]["position"] {
        return fail(format!(
            "a file without a change changed {changed} claims, from {before} to {}",
            ended.position
        ));
    }
    Ok(Resync {
        secs: took.as_secs_f64(),
        cpu_secs: cpu_secs(server.pid()) - cpu,
    })
}

/// Puts another file in the place of the one that is read. `truth` is the new one's, `changed` what differs in it.
pub(crate) fn change(server: &Server, setup: &Setup, input: &Path, truth: &Truth) -> Outcome<Change> {
    let changed = truth.changed();
    let Some(last) = changed.last() else {
        return fail("the changed workload differs in nothing");
    };
    let mut connection = server.connect()?;
    let beside = setup.file().with_extension("next");
    place(input, &beside)?;
    let cpu = cpu_secs(server.pid());
    let began = Instant::now();
    std::fs::rename(&beside, setup.file()).while_doing("replacing the file")?;
    let ended = run(&mut connection, began)?;
    let position = probe(&mut connection, truth, last, ended.position)?;
    let took = began.elapsed();
    let cpu_secs = cpu_secs(server.pid()) - cpu;
    for part in changed.chunks(READ_AT_ONCE) {
        all_new(&mut connection, truth, part, position)?;
    }
    Ok(Change {
        secs: took.as_secs_f64(),
        run_secs: ended.after.as_secs_f64(),
        cpu_secs,
        entities: changed.len(),
    })
}

/// Reads entities at a position and compares them: what was seen at a position is the same whenever it is read.
fn all_new(connection: &mut Connection, truth: &Truth, entities: &[&Entity], position: u64) -> Outcome<()> {
    let fields: Vec<String> = entities
        .iter()
        .enumerate()
        .map(|(at, entity)| {
            let entity_ref = truth.ref_of(entity);
            format!("e{at}: entity(ref: \"{entity_ref}\") {{ metadata {{ description annotations }} spec }}")
        })
        .collect();
    let answer = connection.graphql(&format!("{{ {} }}", fields.join("\n")), &json!({}))?;
    if answer["extensions"]["position"] != json!(position) {
        return fail(format!(
            "the catalog moved on from {position}: {}",
            answer["extensions"]
        ));
    }
    for (at, entity) in entities.iter().enumerate() {
        let shown = &answer["data"][format!("e{at}")];
        let whole = truth.whole(entity)?;
        let same = ["description", "annotations"]
            .iter()
            .all(|field| shown["metadata"][field] == whole["metadata"][*field]);
        if !same || shown["spec"] != whole["spec"] {
            return fail(format!("{} has not changed: {shown}", truth.ref_of(entity)));
        }
    }
    Ok(())
}
