//! Importance: what lifts one match above another that fits the text as well.
//!
//! It depends on the snapshot alone, not on the index, so that an entity rises when something new points at it
//! although its own document stays as it is.

use std::sync::Arc;

use bailiwick_schema::{Position, Viewer};

use crate::graph::{Node, Snapshot};
use crate::store::EntityNo;

/// Incoming relations that count; more make nothing more important.
const IN_DEGREE_MAX: usize = 10_000;
/// What each e-fold of incoming relations adds to the factor 1.
const IN_DEGREE_WEIGHT: f32 = 0.1;
/// What lifecycles that nobody should build on are worth.
const LIFECYCLE_FACTORS: [(&str, f32); 6] = [
    ("experimental", 0.9),
    ("deprecated", 0.6),
    ("retired", 0.5),
    ("decommissioned", 0.5),
    ("end-of-life", 0.5),
    ("archived", 0.5),
];

/// The factor for an entity with so many incoming relations.
pub(crate) fn importance(node: &Node, in_degree: usize) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "at most 10,000, which a float holds exactly")]
    let degree = in_degree.min(IN_DEGREE_MAX) as f32;
    let lifecycle = node.lifecycle.as_deref().and_then(|lifecycle| {
        LIFECYCLE_FACTORS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(lifecycle))
            .map(|(_, factor)| *factor)
    });
    (1.0 + IN_DEGREE_WEIGHT * degree.ln_1p()) * lifecycle.unwrap_or(1.0)
}

pub(crate) fn in_degree(snapshot: &Snapshot, no: EntityNo) -> usize {
    snapshot.incoming_unchecked(no).take(IN_DEGREE_MAX).count()
}

/// Importance and order of every entity of a snapshot, for queries that match a good part of it.
pub(crate) struct Ranks {
    position: Position,
    /// By entity number.
    ranks: Vec<Rank>,
    /// The distinct (kind, namespace), which decide what a viewer sees.
    classes: Vec<(Arc<str>, Arc<str>)>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Rank {
    pub(crate) importance: f32,
    /// Place in the order by name, then ref.
    pub(crate) order: u32,
    class: u32,
}

const NOT_LIVE: u32 = u32::MAX;

impl Ranks {
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        let absent = Rank {
            importance: 0.0,
            order: u32::MAX,
            class: NOT_LIVE,
        };
        let mut ranks: Vec<Rank> = Vec::new();
        let mut classes: Vec<(Arc<str>, Arc<str>)> = Vec::new();
        let mut class_of = std::collections::HashMap::new();
        for node in snapshot.nodes_unchecked() {
            let at = node.no.0 as usize;
            if ranks.len() <= at {
                ranks.resize(at + 1, absent);
            }
            let class = *class_of
                .entry((Arc::clone(&node.kind), Arc::clone(&node.namespace)))
                .or_insert_with(|| {
                    classes.push((Arc::clone(&node.kind), Arc::clone(&node.namespace)));
                    u32::try_from(classes.len() - 1).unwrap_or(NOT_LIVE - 1)
                });
            ranks[at] = Rank {
                importance: importance(node, in_degree(snapshot, node.no)),
                order: u32::MAX,
                class,
            };
        }
        for (order, no) in (0..).zip(in_order(snapshot)) {
            if let Some(rank) = ranks.get_mut(no.0 as usize) {
                rank.order = order;
            }
        }
        Self {
            position: snapshot.position(),
            ranks,
            classes,
        }
    }

    pub(crate) fn position(&self) -> Position {
        self.position
    }

    pub(crate) fn visible(&self, viewer: &Viewer) -> Vec<bool> {
        self.classes
            .iter()
            .map(|(kind, namespace)| viewer.sees(kind, namespace))
            .collect()
    }

    /// The rank of a live entity whose class is visible.
    pub(crate) fn rank(&self, no: EntityNo, visible: &[bool]) -> Option<Rank> {
        let rank = *self.ranks.get(no.0 as usize)?;
        visible
            .get(rank.class as usize)
            .copied()
            .unwrap_or(false)
            .then_some(rank)
    }
}

/// Live numbers by name without case, then by ref. The snapshot orders equal names by number.
fn in_order(snapshot: &Snapshot) -> Vec<EntityNo> {
    let mut numbers: Vec<EntityNo> = snapshot.by_name().collect();
    let name = |no: &EntityNo| snapshot.node_unchecked(*no).map(|node| node.name.to_lowercase());
    for group in numbers.chunk_by_mut(|one, other| name(one) == name(other)) {
        if group.len() > 1 {
            group.sort_by_key(|no| snapshot.name(*no));
        }
    }
    numbers
}
