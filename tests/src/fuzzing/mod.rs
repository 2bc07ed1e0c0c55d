//! What fuzzing tries: for each reader of foreign bytes one function that feeds it any bytes and asserts what must hold
//! of the answer, beyond that it comes.
//!
//! The same functions are called by the targets in `fuzz/`, which are built with instrumentation and make up inputs,
//! and by the suite, which replays every file of `fuzz/seeds` and `fuzz/regressions` on the ordinary build. They look at
//! no clock and no disk: the same bytes have the same verdict.
//!
//! Inputs that say more than one thing are texts, so that seeds can be written by hand: a first line names the path of a
//! file, or a line of its own parts one section from the next.

mod api;
mod backup;
mod config;
mod content;
mod descriptor;
mod files;
mod names;
mod records;
mod search;
mod yaml;

pub use api::{cursor, graphql};
pub use backup::backup;
pub use config::config;
pub use content::{api_definition, codeowners, manifest, readme, workflow};
pub use descriptor::{descriptor, descriptor_tree, kinds};
pub use files::files;
pub use names::{entity_ref, identifier, remote, schedule};
pub use records::{record, store};
pub use search::search;
pub use yaml::yaml;

/// What a target does with an input. It panics where something does not hold.
pub type Check = fn(&[u8]);

/// Every target in the way of the data: its name, which is that of the folder of its seeds and of its binary in
/// `fuzz/`, and what it does.
pub const TARGETS: &[(&str, Check)] = &[
    ("config", config),
    ("schedule", schedule),
    ("remote", remote),
    ("yaml", yaml),
    ("kinds", kinds),
    ("descriptor", descriptor),
    ("descriptor_tree", descriptor_tree),
    ("files", files),
    ("codeowners", codeowners),
    ("manifest", manifest),
    ("api_definition", api_definition),
    ("workflow", workflow),
    ("readme", readme),
    ("entity_ref", entity_ref),
    ("identifier", identifier),
    ("record", record),
    ("store", store),
    ("backup", backup),
    ("search", search),
    ("cursor", cursor),
    ("graphql", graphql),
];

/// The first line, which names something, and what follows it.
fn named(bytes: &[u8]) -> (&str, &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let rest = bytes.get(end + 1..).unwrap_or_default();
    (std::str::from_utf8(&bytes[..end]).unwrap_or_default(), rest)
}

/// The parts of a text between lines that consist of `mark`.
fn sections<'a>(bytes: &'a [u8], mark: &[u8]) -> Vec<&'a [u8]> {
    let mut sections = Vec::new();
    let mut start = 0;
    let mut at = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if line.strip_suffix(b"\n").unwrap_or(line) == mark {
            sections.push(&bytes[start..at]);
            start = at + line.len();
        }
        at += line.len();
    }
    sections.push(&bytes[start..]);
    sections
}
