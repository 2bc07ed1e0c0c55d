//! Anchors and what their aliases cost.
//!
//! The count is that of the package `yaml`: every use of an anchor counts one, times the weight of the heaviest leaf
//! below it (a scalar weighs one, an alias what its own anchor has come to). It bounds what writing aliases out can
//! grow to, and a text that the package refuses is refused here as well.

use std::rc::Rc;

use super::{Node, Position, YamlError};

/// What is known of a finished anchored node.
#[derive(Debug, Clone)]
struct Anchored {
    node: Rc<Node>,
    size: Size,
    leaves: Leaves,
    uses: u64,
    weight: u64,
}

/// How large a node is with its aliases written out.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Size {
    pub(super) nodes: usize,
    pub(super) depth: usize,
}

/// The leaves below a node, as far as their weight needs them.
#[derive(Debug, Clone, Default)]
pub(super) struct Leaves {
    pub(super) has_scalar: bool,
    /// Anchors of the aliases below.
    pub(super) aliases: Vec<usize>,
}

impl Leaves {
    pub(super) fn add(&mut self, mut other: Self) {
        self.has_scalar |= other.has_scalar;
        self.aliases.append(&mut other.aliases);
    }
}

/// The anchors of one document, by the number that the event parser gives them (from 1).
#[derive(Debug, Default)]
pub(super) struct Anchors {
    known: Vec<Option<Anchored>>,
}

impl Anchors {
    /// Keeps a finished node under `anchor`.
    pub(super) fn keep(&mut self, anchor: usize, node: &Node, size: Size, leaves: Leaves) {
        if self.known.len() <= anchor {
            self.known.resize(anchor + 1, None);
        }
        self.known[anchor] = Some(Anchored {
            node: Rc::new(node.clone()),
            size,
            leaves,
            uses: 1,
            weight: 0,
        });
    }

    /// Counts one use of `anchor` and gives its node.
    ///
    /// Errors: `alias_cycle` when the anchor's own node is still open, `too_many_aliases` over `weight_max`.
    pub(super) fn use_once(
        &mut self,
        anchor: usize,
        weight_max: u64,
        position: Position,
    ) -> Result<(Rc<Node>, Size), YamlError> {
        let Some(Some(anchored)) = self.known.get(anchor) else {
            return Err(YamlError::new(
                "alias_cycle",
                "the alias stands inside the node that it names",
                position,
            ));
        };
        let weight = if anchored.weight == 0 {
            self.weight(&anchored.leaves)
        } else {
            anchored.weight
        };
        let Some(Some(anchored)) = self.known.get_mut(anchor) else {
            return Err(YamlError::new(
                "alias_cycle",
                "the alias stands inside the node that it names",
                position,
            ));
        };
        anchored.weight = weight;
        anchored.uses += 1;
        if anchored.uses.saturating_mul(weight) > weight_max {
            let message = format!("aliases multiply beyond {weight_max} (yaml_alias_weight_max); write the values out");
            return Err(YamlError::new("too_many_aliases", message, position));
        }
        Ok((Rc::clone(&anchored.node), anchored.size))
    }

    fn weight(&self, leaves: &Leaves) -> u64 {
        let mut weight = u64::from(leaves.has_scalar);
        for alias in &leaves.aliases {
            if let Some(Some(anchored)) = self.known.get(*alias) {
                weight = weight.max(anchored.uses.saturating_mul(anchored.weight));
            }
        }
        weight
    }
}
