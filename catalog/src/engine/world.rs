//! What ownership sees of other entities while a batch is under way: the batch first, the snapshot behind it.

use std::collections::HashMap;

use bailiwick_schema::{EntityRef, Identifier, OwnerMethod};

use super::stitching::Batch;
use crate::core::own::{Parent, World, own};
use crate::core::stitch::Stitched;
use crate::graph::Snapshot;
use crate::store::EntityNo;

/// What an entity means to those that inherit from it.
pub(super) fn standing_of(stitched: &Stitched, order: &[OwnerMethod], world: &dyn World) -> Parent {
    let stronger: Vec<_> = order
        .iter()
        .copied()
        .take_while(|method| *method != OwnerMethod::Inherited)
        .collect();
    let (ownership, _) = own(&stitched.evidence, &[], &stronger, world);
    Parent {
        own_owners: ownership.owners,
        parents: stitched.inherits_from.clone(),
    }
}

/// The world as the batch has it: what was stitched counts before what the snapshot says.
pub(super) struct Overlay<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) batch: &'a Batch,
}

impl World for Overlay<'_> {
    fn lives(&self, entity: &EntityRef) -> bool {
        let Some(no) = self.snapshot.number(entity) else {
            return false;
        };
        match self.batch.stitched.get(&no) {
            Some(stitched) => stitched.is_some(),
            None => self.snapshot.node_unchecked(no).is_some(),
        }
    }

    fn holder(&self, identifier: &Identifier) -> Option<EntityRef> {
        self.snapshot.name(self.snapshot.holder(identifier)?).cloned()
    }

    fn parent(&self, entity: &EntityRef) -> Option<Parent> {
        self.snapshot.standing(self.snapshot.number(entity)?)
    }
}

/// The overlay once the batch is complete: what its entities mean to their heirs is known.
pub(super) struct Settled<'a> {
    pub(super) overlay: Overlay<'a>,
    pub(super) standings: HashMap<EntityNo, Option<Parent>>,
}

impl World for Settled<'_> {
    fn lives(&self, entity: &EntityRef) -> bool {
        self.overlay.lives(entity)
    }

    fn holder(&self, identifier: &Identifier) -> Option<EntityRef> {
        self.overlay.holder(identifier)
    }

    fn parent(&self, entity: &EntityRef) -> Option<Parent> {
        let no = self.overlay.snapshot.number(entity)?;
        match self.standings.get(&no) {
            Some(standing) => standing.clone(),
            None => self.overlay.snapshot.standing(no),
        }
    }
}
