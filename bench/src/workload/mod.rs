//! The workload: an organization of any size as a file of one entity a line, and the same with a part changed.
//!
//! Size and seed determine every byte, on any machine; the bytes are those of the script with which other catalogs were
//! measured, so figures can be compared. Entities are written as they are made: memory holds names, not entities.

mod build;
mod entity;
mod organization;
mod random;
#[cfg(test)]
mod tests;
mod words;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use self::build::Builder;
use self::organization::Organization;
use self::random::Random;
use self::words::Words;
use crate::failure::{Outcome, While as _};

/// The file as it is at first, and the one with the changes.
pub(crate) const FILES: [&str; 2] = ["entities.ndjson", "entities.mutated.ndjson"];

/// What to make.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Workload {
    pub(crate) entities: usize,
    pub(crate) seed: u64,
    /// How many entities differ in the second file, in percent.
    pub(crate) changed_percent: f64,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) bytes: u64,
    /// In hex digits.
    pub(crate) sha256: String,
}

/// Writes and hashes.
struct Hashing<W> {
    out: W,
    hash: Sha256,
    bytes: u64,
}

impl<W: Write> Hashing<W> {
    fn new(out: W) -> Self {
        Self {
            out,
            hash: Sha256::new(),
            bytes: 0,
        }
    }

    fn line(&mut self, line: &[u8]) -> std::io::Result<()> {
        self.hash.update(line);
        self.bytes += line.len() as u64;
        self.out.write_all(line)
    }

    fn end(mut self) -> std::io::Result<Written> {
        self.out.flush()?;
        let sha256 = self.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Written {
            bytes: self.bytes,
            sha256,
        })
    }
}

impl Workload {
    /// Writes both files into a folder.
    pub(crate) fn write(&self, folder: &Path) -> Outcome<[Written; 2]> {
        let open = |name: &str| {
            let path = folder.join(name);
            let file = File::create(&path).while_doing(format!("writing {}", path.display()))?;
            Ok(BufWriter::with_capacity(1 << 20, file))
        };
        self.generate(open(FILES[0])?, open(FILES[1])?)
    }

    /// Writes both files anywhere.
    pub(crate) fn generate(&self, first: impl Write, second: impl Write) -> Outcome<[Written; 2]> {
        let words = Words::new();
        let mut random = Random::from_text(&format!("catalog-{}-{}", self.entities, self.seed));
        let organization = Organization::draw(self.entities, &words, &mut random)?;
        let mut chance = Random::from_text(&format!("mutate-{}-{}", self.entities, self.seed));
        let count = (self.entities as f64 * self.changed_percent / 100.0).round_ties_even() as usize;
        let mut changed = chance.sample(self.entities, count.clamp(1, self.entities));
        changed.sort_unstable();
        let mut changed = changed.into_iter().peekable();
        let (mut first, mut second) = (Hashing::new(first), Hashing::new(second));
        let mut line = Vec::new();
        let mut at = 0;
        let written = Builder::new(&words, &organization, random).each(|mut entity| {
            write_line(&mut line, &entity)?;
            first.line(&line)?;
            if changed.next_if_eq(&at).is_some() {
                build::change(&mut entity, &words, &organization, &mut chance);
                write_line(&mut line, &entity)?;
            }
            at += 1;
            second.line(&line)
        });
        written.while_doing("writing the workload")?;
        let end = |file: Result<Written, std::io::Error>| file.while_doing("writing the workload");
        Ok([end(first.end())?, end(second.end())?])
    }
}

fn write_line(line: &mut Vec<u8>, entity: &entity::Entity) -> std::io::Result<()> {
    line.clear();
    serde_json::to_writer(&mut *line, entity)?;
    line.push(b'\n');
    Ok(())
}
