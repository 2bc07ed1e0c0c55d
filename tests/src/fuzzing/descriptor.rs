//! Descriptors: single documents, documents with what they name in a tree of files, and the files that declare kinds.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use bailiwick_ingestors::descriptors::{self, Item, Judging, Tree, TreeError, resolve_relative, resolve_targets};
use bailiwick_schema::EntityRef;
use bailiwick_schema::descriptor::{DescriptorEntity, DescriptorItem, read_descriptors};
use bailiwick_schema::kind::KindSet;
use bailiwick_schema::yaml::Limits;
use serde_json::Value;

use super::yaml::last_line;
use super::{named, sections};

static KINDS: LazyLock<KindSet> = LazyLock::new(KindSet::builtin);

pub fn descriptor(bytes: &[u8]) {
    let read = || read_descriptors(bytes, &KINDS, &Limits::default());
    let items = read();
    assert_eq!(
        format!("{items:?}"),
        format!("{:?}", read()),
        "the same bytes have the same verdict"
    );
    let last_line = last_line(bytes);
    for item in &items {
        assert!(
            item.lines().last <= last_line,
            "{:?} lies within the text",
            item.lines()
        );
        match item {
            DescriptorItem::Entity(entity) => declares(entity),
            DescriptorItem::Invalid(document) => {
                assert!(!document.problems.is_empty(), "a refusal says why");
                for problem in &document.problems {
                    assert!(problem.line <= last_line, "{problem:?} lies within the text");
                }
                if let Some(entity) = &document.entity_ref {
                    reads_as_itself(entity);
                }
            }
            DescriptorItem::Empty(_) | DescriptorItem::TemplateSkeleton(..) => {}
        }
    }
}

fn reads_as_itself(entity: &EntityRef) {
    assert_eq!(
        EntityRef::parse(entity.as_str()).as_ref(),
        Ok(entity),
        "a ref is read again as itself"
    );
}

/// An accepted entity has its envelope, and written as JSON it is accepted as the same.
fn declares(read: &DescriptorEntity) {
    let entity = &read.entity;
    reads_as_itself(&read.entity_ref);
    let text = |pointer: &str| {
        entity
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_lowercase()
    };
    let parts = [text("/kind"), text("/metadata/namespace"), text("/metadata/name")];
    let of_entity = [
        read.entity_ref.kind(),
        read.entity_ref.namespace(),
        read.entity_ref.name(),
    ];
    assert_eq!(parts, of_entity, "the ref is that of the envelope");
    assert!(!text("/apiVersion").is_empty(), "an entity says its version");
    assert!(KINDS.get(&parts[0]).is_some(), "an entity is of a known kind");

    let json = serde_json::to_vec(entity).expect("an entity has string keys");
    match &read_descriptors(&json, &KINDS, &Limits::default())[..] {
        [DescriptorItem::Entity(again)] => {
            assert_eq!(&again.entity, entity, "what was accepted is accepted as the same");
            assert_eq!(again.entity_ref, read.entity_ref);
            assert_eq!(again.placeholders.len(), read.placeholders.len());
        }
        other => panic!("what was accepted is accepted again, not {other:?}"),
    }
}

/// Files in memory: the first is the descriptor, each begins with a line that names it.
struct Memory<'a>(BTreeMap<&'a str, &'a [u8]>);

impl Tree for Memory<'_> {
    fn read(&self, path: &str, bytes_max: u64) -> Result<Vec<u8>, TreeError> {
        let bytes = self.0.get(path).ok_or(TreeError::NotFound)?.to_vec();
        match bytes.len() as u64 {
            length if length > bytes_max => Err(TreeError::TooLarge {
                bytes: length,
                max: bytes_max,
            }),
            _ => Ok(bytes),
        }
    }

    fn glob(&self, folder: &str, _: &str) -> Result<Vec<String>, TreeError> {
        let inside = self.0.keys().filter(|path| path.starts_with(folder));
        Ok(inside.map(|path| (*path).to_owned()).collect())
    }

    fn is_file(&self, path: &str) -> Result<bool, TreeError> {
        Ok(self.0.contains_key(path))
    }
}

/// A descriptor whose placeholders and targets name other files of the input.
pub fn descriptor_tree(bytes: &[u8]) {
    let files: Vec<(&str, &[u8])> = sections(bytes, b"=====").into_iter().map(named).collect();
    let (path, text) = files[0];
    // A tree names its files by their real paths.
    if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return;
    }
    let tree = Memory(files.iter().copied().collect());
    let limits = Limits::default();
    let cx = Judging {
        tree: &tree,
        kinds: &KINDS,
        limits: &limits,
    };
    let judged = descriptors::judge_text(&cx, path, text);
    assert_eq!(
        judged,
        descriptors::judge_text(&cx, path, text),
        "the same files have the same verdict"
    );
    let last_line = last_line(text);
    for item in &judged.items {
        match item {
            Item::Entity(entity) => {
                reads_as_itself(&entity.entity_ref);
                assert!(entity.line <= last_line, "line {} of {last_line}", entity.line);
                resolve_targets(&tree, path, &entity.targets);
                for skeleton in &entity.skeletons {
                    stays_inside(skeleton);
                }
            }
            Item::Unreadable(finding) | Item::Finding(finding) => {
                assert!(finding.line.is_none_or(|line| line >= 1), "{finding:?}");
            }
        }
    }
    for read in &judged.reads {
        assert_ne!(read.path, "..", "nothing outside is read");
    }
    for (name, _) in &files {
        if let Some(path) = resolve_relative(path, name) {
            stays_inside(&path);
        }
    }
}

fn stays_inside(path: &str) {
    assert!(
        !path.split('/').any(|part| part == ".."),
        "{path} leads out of the tree"
    );
}

/// Files that declare kinds: the same verdict twice, and declarations that hold together.
pub fn kinds(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let files = [("kinds.yaml", text.as_ref())];
    match KindSet::with_custom(&files) {
        Ok(set) => {
            for kind in set.iter() {
                assert!(!kind.api_versions.is_empty(), "{} has no version", kind.kind);
                assert!(set.get(&kind.kind.to_lowercase()).is_some(), "{} is found", kind.kind);
                for relation in &kind.relations {
                    let inverse = set.inverse_of(&relation.relation);
                    let inverse = inverse.unwrap_or_else(|| panic!("{} has no inverse", relation.relation));
                    assert_eq!(set.inverse_of(inverse), Some(relation.relation.as_str()));
                }
            }
        }
        Err(problems) => {
            assert!(!problems.is_empty(), "a refusal says why");
            let again = KindSet::with_custom(&files).expect_err("the same bytes have the same verdict");
            assert_eq!(problems, again);
        }
    }
}
