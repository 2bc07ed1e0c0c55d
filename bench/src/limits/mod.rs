//! What the parts could do at most, measured in the same run: the engine's batches, the index, the reading of the file,
//! an HTTP server that answers fixed bytes, and GraphQL objects without a catalog behind them.
//!
//! Each runs in a process of its own (`bench limit …`), so that its memory is its own and nothing of it is left when the
//! next one begins. A limit is measured with the crates as they come: it knows nothing of how the program uses them
//! beyond the bytes that it writes.

mod bare;
mod engine;
mod index;
mod reading;
mod shape;
#[cfg(test)]
mod tests;

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::args::LimitCommand;
use crate::failure::{Outcome, While as _, fail};
use crate::process::{Memory, Watch};

pub(crate) use engine::EngineLimit;
pub(crate) use index::IndexLimit;
pub(crate) use reading::ReadingLimit;

/// A limit and the memory that its process took.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Measured<T> {
    pub(crate) figures: T,
    pub(crate) peak: Memory,
}

/// The limits of one workload and one engine.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Limits {
    pub(crate) engine: Measured<EngineLimit>,
    pub(crate) index: Measured<IndexLimit>,
    pub(crate) reading: Measured<ReadingLimit>,
}

/// Runs one limit within this process and prints its figures, or serves until it is killed.
pub(crate) fn run(command: &LimitCommand) -> Outcome<()> {
    match command {
        LimitCommand::Engine(args) => print(&engine::measure(args)?),
        LimitCommand::Index(args) => print(&index::measure(args)?),
        LimitCommand::Reading(args) => print(&reading::measure(args)?),
        LimitCommand::Bare(args) => bare::serve(args),
    }
}

fn print(figures: &impl Serialize) -> Outcome<()> {
    println!("{}", serde_json::to_string(figures).while_doing("printing figures")?);
    Ok(())
}

/// Measures what does not depend on queries. `store` is a store that nobody has open.
pub(crate) fn measure(engine: &str, store: &Path, input: &Path, entities: usize, scratch: &Path) -> Outcome<Limits> {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let scratch_of = |name: &str| text(&scratch.join(name));
    let input = text(input);
    let entities = entities.to_string();
    let (store, raw) = (text(store), scratch_of("raw-store"));
    let engine = child(&[
        "engine",
        "--engine",
        engine,
        "--store",
        &store,
        "--target",
        &raw,
        "--entities",
        &entities,
    ])?;
    let index = child(&["index", "--input", &input, "--target", &scratch_of("raw-index")])?;
    let reading = child(&["reading", "--input", &input])?;
    Ok(Limits { engine, index, reading })
}

fn start(arguments: &[&str]) -> Outcome<(Child, ChildStdout)> {
    let program = std::env::current_exe().while_doing("finding this program")?;
    let mut child = Command::new(program)
        .arg("limit")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .while_doing("starting a limit")?;
    let stdout = child.stdout.take().expect("the output was asked for");
    Ok((child, stdout))
}

fn child<T: DeserializeOwned>(arguments: &[&str]) -> Outcome<Measured<T>> {
    let (mut child, mut stdout) = start(arguments)?;
    let watch = Watch::start(child.id());
    let mut text = String::new();
    stdout.read_to_string(&mut text).while_doing("reading a limit")?;
    let peak = watch.take();
    let status = child.wait().while_doing("waiting for a limit")?;
    if !status.success() {
        return fail(format!(
            "the limit {} ended with {status}",
            arguments.first().unwrap_or(&"")
        ));
    }
    let figures = serde_json::from_str(&text).while_doing("reading a limit")?;
    Ok(Measured { figures, peak })
}

/// A server without a catalog, in a process of its own; killed when dropped.
#[derive(Debug)]
pub(crate) struct Bare {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Bare {
    /// Starts one that answers with the bytes of a file, whatever is asked.
    pub(crate) fn bytes(answer: &Path) -> Outcome<Self> {
        Self::start(&["bare", "--answer", &answer.to_string_lossy()])
    }

    /// Starts one that answers GraphQL from the objects of a file.
    pub(crate) fn graphql(answer: &Path) -> Outcome<Self> {
        Self::start(&["bare", "--graphql", "--answer", &answer.to_string_lossy()])
    }

    fn start(arguments: &[&str]) -> Outcome<Self> {
        let (child, stdout) = start(arguments)?;
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut bare = Self { child, address };
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .while_doing("starting a bare server")?;
        bare.address = line.trim().parse().while_doing("starting a bare server")?;
        Ok(bare)
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The query for everything that an answer holds.
pub(crate) fn query_of(answer: &Value) -> String {
    shape::Shape::of(&[&answer["data"]]).query()
}
