//! Importance: what lifts one match above another that fits the text as well.
//!
//! It depends on the snapshot alone, not on the index, so that an entity rises when something new points at it
//! although its own document stays as it is. The snapshot counts incoming relations as they come and go, so nothing is
//! worked out beforehand.

use std::sync::LazyLock;

use crate::graph::{Degrees, Field, Numbers, Snapshot};
use crate::store::EntityNo;

/// Incoming relations that count; more make nothing more important.
const IN_DEGREE_MAX: u32 = 10_000;
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

/// No factor is greater: 1 + 0.1 · ln(1 + 10,000), rounded up.
pub(super) const FACTOR_MAX: f32 = 1.93;

/// The importance of entities of a snapshot.
pub(crate) struct Importance<'a> {
    degrees: Degrees<'a>,
    /// Those with a lifecycle that has a factor.
    lifecycles: Vec<(&'a Numbers, f32)>,
}

impl<'a> Importance<'a> {
    pub(crate) fn of(snapshot: &'a Snapshot) -> Self {
        let posting =
            |(name, factor): &(&str, f32)| Some((&snapshot.posting(Field::Lifecycle, name)?.entities, *factor));
        Self {
            degrees: snapshot.degrees(),
            lifecycles: LIFECYCLE_FACTORS.iter().filter_map(posting).collect(),
        }
    }

    /// The factor of one entity. Quickest for numbers that lie close together.
    pub(crate) fn factor(&mut self, no: EntityNo) -> f32 {
        let lifecycle = self.lifecycles.iter().find(|(numbers, _)| numbers.contains(no.0));
        weight(self.degrees.get(no)) * lifecycle.map_or(1.0, |(_, factor)| *factor)
    }
}

/// What so many incoming relations are worth.
pub(super) fn weight(in_degree: u32) -> f32 {
    /// Most entities have few incoming relations, and logarithms take long.
    static FEW: LazyLock<[f32; 256]> = LazyLock::new(|| {
        let mut degree = 0;
        [0; 256].map(|_: u32| {
            degree += 1;
            reckoned(degree - 1)
        })
    });
    let few = usize::try_from(in_degree).ok().and_then(|degree| FEW.get(degree));
    few.copied().unwrap_or_else(|| reckoned(in_degree))
}

fn reckoned(in_degree: u32) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "at most 10,000, which a float holds exactly")]
    let degree = in_degree.min(IN_DEGREE_MAX) as f32;
    1.0 + IN_DEGREE_WEIGHT * degree.ln_1p()
}
