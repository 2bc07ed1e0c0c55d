//! Named moments at which a test may end the process.
//!
//! Invariants: every place of the way of the data at which a death could leave something half done has a name here, and
//! a test dies at each of them. Whoever reaches one says so and goes on; nothing is decided by it, and in production
//! nothing listens. What happens at a point is the listener's affair: the command line of a debug build kills its own
//! process (docs/guides/crash-safety.md).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

macro_rules! fail_points {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)+) => {
        /// A moment between two effects.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum FailPoint {
            $($(#[$doc])* $variant,)+
        }

        impl FailPoint {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name by which people call it; stable.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

fail_points! {
    /// Claims were compared with the held ones; nothing is stitched yet.
    ClaimsPlanned = "claims_planned",
    /// The storage engine has a batch that its files hold in part, or hold unsynced.
    BatchHalfWritten = "batch_half_written",
    /// The commit is whole in memory; the store has not seen it.
    BeforeDurableWrite = "before_durable_write",
    /// The commit is durable; nobody was told.
    AfterDurableWrite = "after_durable_write",
    /// The next snapshot is ready; readers have the one before.
    BeforePublish = "before_publish",
    /// Readers have the snapshot, followers were woken; whoever delivered has no answer yet.
    AfterPublish = "after_publish",
    /// Documents are staged; the index does not hold them durably.
    BeforeIndexCommit = "before_index_commit",
    /// The index is committed with its mark.
    AfterIndexCommit = "after_index_commit",
    /// Old versions are being removed, some are gone.
    Trimming = "trimming",
    /// A backup is being written, part of it is there.
    Backup = "backup",
}

impl fmt::Display for FailPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An unknown fail point.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no fail point `{}`; known are {}", .0.escape_default(), known())]
pub struct FailPointError(pub String);

fn known() -> String {
    let names: Vec<&str> = FailPoint::ALL.iter().map(|point| point.as_str()).collect();
    names.join(", ")
}

impl FromStr for FailPoint {
    type Err = FailPointError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|point| point.as_str() == name)
            .ok_or_else(|| FailPointError(name.to_owned()))
    }
}

type Listener = Arc<dyn Fn(FailPoint) + Send + Sync>;

/// Who listens when a fail point is reached; nobody by default. Cheap to clone.
#[derive(Clone, Default)]
pub struct FailPoints(Option<Listener>);

impl FailPoints {
    /// Calls `listener` on whatever thread reaches a point, each time.
    pub fn new(listener: impl Fn(FailPoint) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(listener)))
    }

    /// Whether anybody listens: what only makes a point reachable may be left out otherwise.
    pub fn has_listener(&self) -> bool {
        self.0.is_some()
    }

    /// Says that the calling thread has come to `point`.
    pub fn reach(&self, point: FailPoint) {
        if let Some(listener) = &self.0 {
            listener(point);
        }
    }
}

impl fmt::Debug for FailPoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FailPoints").field(&self.has_listener()).finish()
    }
}

impl PartialEq for FailPoints {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (None, None) => true,
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

impl Eq for FailPoints {}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn every_fail_point_is_found_by_its_name_and_no_other_is() {
        for point in FailPoint::ALL {
            assert_eq!(point.as_str().parse(), Ok(*point));
        }
        let error = "before_lunch".parse::<FailPoint>().unwrap_err();
        assert!(error.to_string().contains("claims_planned"), "{error}");
    }

    #[test]
    fn a_listener_hears_of_each_reach_and_silence_is_the_default() {
        FailPoints::default().reach(FailPoint::Backup);
        let heard = Arc::new(Mutex::new(Vec::new()));
        let listening = Arc::clone(&heard);
        let points = FailPoints::new(move |point| listening.lock().unwrap().push(point));
        points.reach(FailPoint::Trimming);
        points.clone().reach(FailPoint::Trimming);
        assert_eq!(*heard.lock().unwrap(), [FailPoint::Trimming; 2]);
        assert_ne!(points, FailPoints::default());
    }
}
