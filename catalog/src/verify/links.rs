//! What only shows across entities: what points at each of them, and what the graph finds them by.

use bailiwick_schema::Viewer;

use super::entities::{Rebuilt, edge_hash};
use super::report::{Part, VerifyReport};
use super::{Progress, Stage};
use crate::graph::{Field, Node, Snapshot};
use crate::store::EntityNo;

/// Entities between two reports of progress.
const PROGRESS_ENTITIES: u32 = 8_192;

/// Compares the incoming half of every relation with the outgoing one, and the fields that are filtered by.
pub(super) fn compare(snapshot: &Snapshot, rebuilt: &Rebuilt, report: &mut VerifyReport, progress: Progress<'_>) {
    let mut found_by = [0_u64; Field::ALL.len()];
    let mut live = 0_u64;
    // Names are dense, dangling ones too: they are pointed at although nothing is there.
    let mut no = 0_u32;
    while let Some(name) = snapshot.name(EntityNo(no)) {
        let at = EntityNo(no);
        if no.is_multiple_of(PROGRESS_ENTITIES) {
            progress(Stage::Links, u64::from(no), 0);
        }
        let served = snapshot.incoming_unchecked(at).fold(0_u64, |sum, (relation, from)| {
            sum.wrapping_add(edge_hash(snapshot.relation_types().name(relation), from))
        });
        report.compare(Part::Incoming, rebuilt.incoming.of(at), served, || {
            format!("what points at `{name}` is not what others say of it")
        });
        if let Some(node) = snapshot.node_unchecked(at) {
            live += 1;
            look_up(snapshot, node, &mut found_by, report);
        }
        no += 1;
    }
    progress(Stage::Links, u64::from(no), u64::from(no));
    if live != snapshot.len() as u64 {
        report.differs(Part::Snapshot, || {
            format!("{live} entities are served, and {} are counted", snapshot.len())
        });
    }
    for (field, expected) in Field::ALL.into_iter().zip(found_by) {
        let held: u64 = snapshot.values_of(field).map(|(_, posting)| posting.len() as u64).sum();
        if held != expected {
            report.differs(Part::Snapshot, || {
                format!(
                    "{held} entities are found by `{}`, it should be {expected}",
                    field.path()
                )
            });
        }
    }
}

/// Looks an entity up by each of its values.
fn look_up(snapshot: &Snapshot, node: &Node, found_by: &mut [u64; Field::ALL.len()], report: &mut VerifyReport) {
    for (count, field) in found_by.iter_mut().zip(Field::ALL) {
        let mut values = values(snapshot, node, field);
        for value in &mut values {
            *value = value.to_lowercase();
        }
        values.sort();
        values.dedup();
        *count += values.len() as u64;
        for value in values {
            let found = snapshot
                .posting(field, &value)
                .is_some_and(|posting| posting.contains(node.no));
            if !found {
                report.differs(Part::Snapshot, || {
                    format!("`{}` is not found by `{}` = `{value}`", node.entity, field.path())
                });
            }
        }
    }
    let by_ref = snapshot.get(&Viewer::local(), &node.entity);
    if by_ref.is_none_or(|found| found.no != node.no) {
        report.differs(Part::Snapshot, || format!("`{}` is not found by its ref", node.entity));
    }
}

fn values(snapshot: &Snapshot, node: &Node, field: Field) -> Vec<String> {
    let one = |value: Option<&str>| value.map(str::to_owned).into_iter().collect();
    match field {
        Field::Kind => one(Some(&node.kind)),
        Field::Namespace => one(Some(&node.namespace)),
        Field::Lifecycle => one(node.lifecycle.as_deref()),
        Field::Type => one(node.entity_type.as_deref()),
        Field::Tag => node.tags.iter().map(|tag| tag.to_string()).collect(),
        Field::Label => node
            .labels
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect(),
        Field::Owner => {
            let names = node.owners.iter().filter_map(|no| snapshot.name(*no));
            names.map(|name| name.as_str().to_owned()).collect()
        }
    }
}
