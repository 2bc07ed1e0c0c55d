//! Followers: projections of the change log that are derived from the store and can always be made again.
//!
//! Invariants: a projection records where it stands in the same write as its effects; applying twice equals applying
//! once; what was followed equals what is rebuilt. Another store lineage or another format of results means starting
//! again, and says so. Ports are synchronous (docs/adr/0001): a follower has a thread of its own.

use std::sync::Arc;

use bailiwick_schema::{EntityRef, Position};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::graph::{Node, Snapshot};
use crate::store::EntityNo;

/// Where the effects of a projection stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The store that it was made from; a restore renews it.
    pub lineage: Uuid,
    /// Every commit up to here is in it.
    pub position: Position,
    /// [`Projection::format_version`] of the program that made it.
    pub format: u32,
}

/// One entity as a projection takes it: a later change to the same number replaces an earlier one.
#[derive(Debug, Clone)]
pub struct IndexChange {
    pub no: EntityNo,
    pub entity: EntityRef,
    /// What it is now; nothing for what is gone.
    pub state: Option<IndexState>,
}

/// What a projection is made from.
#[derive(Debug, Clone)]
pub struct IndexState {
    pub node: Arc<Node>,
    /// The refs behind [`Node::owners`], in the same order.
    pub owners: Vec<EntityRef>,
    /// Canonical JSON; nothing where the store has no body under the node's position.
    pub body: Option<Vec<u8>>,
}

impl IndexChange {
    /// The state of a number in a snapshot; gone for a number that has no node there.
    pub fn of(
        snapshot: &Snapshot,
        no: EntityNo,
        entity: &EntityRef,
        body: impl FnOnce(&Node) -> Result<Option<Vec<u8>>, ProjectionError>,
    ) -> Result<Self, ProjectionError> {
        let state = match snapshot.node_unchecked(no) {
            None => None,
            Some(node) => Some(IndexState {
                node: Arc::clone(node),
                owners: node
                    .owners
                    .iter()
                    .filter_map(|owner| snapshot.name(*owner).cloned())
                    .collect(),
                body: body(node)?,
            }),
        };
        Ok(Self {
            no,
            entity: entity.clone(),
            state,
        })
    }
}

/// Why a projection did not move.
#[derive(Debug, thiserror::Error)]
pub enum ProjectionError {
    /// Its own storage failed. What was staged is lost, what was committed stands.
    #[error("the storage of the projection failed: {0}")]
    Storage(String),
    /// It would take from what is kept free on its disk. Nothing is lost; it may go on once there is room.
    #[error("{0}")]
    Full(String),
    /// Nothing can be said about what it would have to apply.
    #[error("the source of the changes failed: {0}")]
    Source(String),
    /// The program is stopping.
    #[error("the follower was told to stop")]
    Stopped,
}

/// Changes as they are handed over: read one at a time, so that a full rebuild does not hold all bodies in memory.
pub type Changes<'a> = &'a mut dyn Iterator<Item = Result<IndexChange, ProjectionError>>;

/// A projection of the log. Effects are staged by [`Self::apply`] and become visible and durable, together with their
/// mark, by [`Self::commit`]; the driver decides how many stagings make a commit.
pub trait Projection: Send {
    /// Raised when stored results change meaning: the follower then starts again from nothing.
    fn format_version(&self) -> u32;

    /// Where the committed effects stand; nothing for one that was never completed.
    fn mark(&self) -> Option<Mark>;

    /// Stages changes that bring the projection up to `upto`. Applying twice equals applying once.
    /// After an error the projection must be opened again from what was committed.
    fn apply(&mut self, changes: Changes<'_>, upto: Mark) -> Result<(), ProjectionError>;

    /// Makes what was staged durable and visible. Nothing happens if nothing was staged.
    fn commit(&mut self) -> Result<(), ProjectionError>;

    /// Stages the removal of everything, as the first step of a rebuild.
    fn reset(&mut self) -> Result<(), ProjectionError>;
}
