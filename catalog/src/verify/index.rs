//! The documents of the search index against the served entities.

use super::report::{Part, VerifyReport};
use crate::api::CatalogError;
use crate::graph::Snapshot;
use crate::search::{SearchReader, document_hash};
use crate::store::EntityNo;

/// Compares the hash of every document with that of the entity that it is of.
pub(super) fn compare(
    search: &SearchReader,
    snapshot: &Snapshot,
    report: &mut VerifyReport,
) -> Result<(), CatalogError> {
    let mut documents: Vec<u8> = Vec::new();
    let mut sum = 0_u64;
    let read = search.documents(&mut |no, hash| {
        report.documents += 1;
        sum = sum.wrapping_add(hash);
        let node = u32::try_from(no)
            .ok()
            .and_then(|no| snapshot.node_unchecked(EntityNo(no)));
        let Some(node) = node else {
            report.differs(Part::Index, || {
                format!("a document is of entity {no}, which is not there")
            });
            return;
        };
        let at = node.no.0 as usize;
        if documents.len() <= at {
            documents.resize(at + 1, 0);
        }
        documents[at] = documents[at].saturating_add(1);
        report.compare(Part::Index, document_hash(node), hash, || {
            format!("the document of `{}` is of another content", node.entity)
        });
    });
    read.map_err(|error| CatalogError::Invalid(error.to_string()))?;
    for node in snapshot.nodes_unchecked() {
        match documents.get(node.no.0 as usize).copied().unwrap_or(0) {
            1 => {}
            0 => report.differs(Part::Index, || format!("`{}` has no document", node.entity)),
            count => report.differs(Part::Index, || format!("`{}` has {count} documents", node.entity)),
        }
    }
    report.index_sum = format!("{sum:016x}");
    Ok(())
}
