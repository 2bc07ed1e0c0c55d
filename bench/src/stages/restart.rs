//! The end and the next start: what is left on disk, and how soon it answers again.

use serde::Serialize;

use crate::draw::Draw;
use crate::failure::{Outcome, While as _};
use crate::process::{Memory, cpu_secs};
use crate::questions::{self, Operation, Question};
use crate::server::{Server, Setup, disk_bytes};
use crate::truth::Truth;

/// Bytes of files after a clean stop.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Disk {
    pub(crate) total: u64,
    /// Folders and files of the data folder, by name.
    pub(crate) parts: Vec<(String, u64)>,
}

/// A start with data.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Restart {
    /// From the start of the process to the first answer, compared whole.
    pub(crate) secs: f64,
    /// To a text search, too.
    pub(crate) search_secs: f64,
    pub(crate) cpu_secs: f64,
    pub(crate) memory: Memory,
}

/// Sizes of what lies in the data folder.
pub(crate) fn disk(setup: &Setup) -> Outcome<Disk> {
    let mut parts = Vec::new();
    let entries = std::fs::read_dir(setup.data()).while_doing("reading the data folder")?;
    for entry in entries {
        let entry = entry.while_doing("reading the data folder")?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let bytes = match entry.path().is_dir() {
            true => disk_bytes(&entry.path()),
            false => entry.metadata().while_doing("reading the data folder")?.len(),
        };
        parts.push((name, bytes));
    }
    parts.sort();
    Ok(Disk {
        total: parts.iter().map(|(_, bytes)| bytes).sum(),
        parts,
    })
}

/// Starts on what is there. The server comes back, for more.
pub(crate) fn restart(setup: &Setup, truth: &Truth, seed: u64) -> Outcome<(Restart, Server)> {
    let mut draw = Draw::new(seed);
    let mut one = |operation| -> Outcome<Question> { Ok(questions::draw(operation, truth, 1, &mut draw)?.remove(0)) };
    let (lookup, search) = (one(Operation::Entity)?, one(Operation::Search)?);
    let server = setup.start()?;
    let mut connection = server.connect()?;
    lookup.check(truth, &mut connection)?;
    let secs = server.began.elapsed().as_secs_f64();
    let search_secs = loop {
        // An index that is still being opened says so with an error; the answer comes later.
        if search.check(truth, &mut connection).is_ok() {
            break server.began.elapsed().as_secs_f64();
        }
        if server.began.elapsed().as_secs() > 120 {
            search.check(truth, &mut connection)?;
        }
    };
    let restart = Restart {
        secs,
        search_secs,
        cpu_secs: cpu_secs(server.pid()),
        memory: Memory::of(server.pid()).unwrap_or_default(),
    };
    Ok((restart, server))
}
