//! Planning: what a delivery changes, and what a proved absence may remove.

use bailiwick_schema::{ContentHash, Timestamp};

/// What is held of a claim when it is delivered again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    pub hash: ContentHash,
    pub requested_at: Timestamp,
    pub stale: bool,
}

/// What a delivered claim does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is new or says something else: it replaces what is held.
    Put,
    /// It says what is held: nothing is written.
    Same,
    /// It says what is held, which was marked stale: only the mark goes.
    Fresh,
    /// It is older than what is held, or than the removal of what was: nothing happens.
    Late,
}

/// Laws 3, 7 and 8 for one claim: repeating changes nothing, and an older request neither replaces a newer claim nor
/// brings back what a newer request removed.
pub fn plan_claim(
    held: Option<Held>,
    tombstone: Option<Timestamp>,
    hash: ContentHash,
    requested_at: Timestamp,
) -> Verdict {
    if tombstone.is_some_and(|removed_at| removed_at >= requested_at) {
        return Verdict::Late;
    }
    match held {
        None => Verdict::Put,
        Some(held) if held.hash == hash && held.stale => Verdict::Fresh,
        Some(held) if held.hash == hash => Verdict::Same,
        Some(held) if held.requested_at > requested_at => Verdict::Late,
        Some(_) => Verdict::Put,
    }
}

/// The guard's two thresholds; a removal is held when it passes both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SweepPolicy {
    /// Claims.
    pub claims: u64,
    /// Percent of the scope.
    pub percent: u64,
}

impl Default for SweepPolicy {
    fn default() -> Self {
        Self { claims: 5, percent: 20 }
    }
}

/// A scope that encloses the sweep, or the swept one itself, in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeTotals {
    pub name: String,
    /// Claims held now in it and below it, this sweep's included.
    pub held: u64,
    /// Claims that it and what is below it lost in the last 24 hours, without this sweep.
    pub lost: u64,
}

/// What becomes of a sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removals {
    Apply,
    Hold { reason: String },
}

/// Law 2: decides whether a proved scope may lose what its run no longer showed.
///
/// `removed` counts the claims that would go, without those that have moved. `enclosing` begins with the swept scope
/// and ends with the source. The swept scope is judged by this sweep alone, the enclosing ones together with what
/// they lost in the last 24 hours. A scope that is marked waits however small the sweep is.
pub fn plan_removals(removed: u64, enclosing: &[ScopeTotals], policy: &SweepPolicy, marked: bool) -> Removals {
    if removed == 0 {
        return Removals::Apply;
    }
    if marked {
        let reason = "an earlier sweep of this scope was undone, so the next one waits for a decision".to_owned();
        return Removals::Hold { reason };
    }
    for (index, scope) in enclosing.iter().enumerate() {
        let lost = if index == 0 { 0 } else { scope.lost };
        let before = scope.held + lost;
        if passes(removed + lost, before, policy) {
            let recent = if lost > 0 {
                format!(" ({lost} of them in the last 24 hours)")
            } else {
                String::new()
            };
            let reason = format!(
                "it would remove {} of {before} claims{recent} of {}, more than {} claims and {} %",
                removed + lost,
                scope.name,
                policy.claims,
                policy.percent
            );
            return Removals::Hold { reason };
        }
    }
    Removals::Apply
}

fn passes(removed: u64, before: u64, policy: &SweepPolicy) -> bool {
    removed > policy.claims && removed.saturating_mul(100) > before.saturating_mul(policy.percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(name: &str, held: u64, lost: u64) -> ScopeTotals {
        ScopeTotals {
            name: name.to_owned(),
            held,
            lost,
        }
    }

    #[test]
    fn a_small_or_proportionate_removal_is_applied() {
        let policy = SweepPolicy::default();
        let apply = |removed, held| plan_removals(removed, &[totals("scope", held, 0)], &policy, false);
        assert_eq!(apply(5, 5), Removals::Apply, "five claims never pass the guard's count");
        assert_eq!(apply(20, 100), Removals::Apply, "exactly 20 percent is not over it");
        assert!(matches!(apply(21, 100), Removals::Hold { .. }));
        assert!(matches!(apply(6, 6), Removals::Hold { .. }));
    }

    #[test]
    fn what_the_source_lost_lately_counts() {
        let scopes = [totals("repository", 100, 0), totals("source", 100, 4)];
        assert_eq!(
            plan_removals(3, &scopes, &SweepPolicy::default(), false),
            Removals::Apply
        );
        let scopes = [totals("repository", 100, 0), totals("source", 90, 20)];
        let Removals::Hold { reason } = plan_removals(3, &scopes, &SweepPolicy::default(), false) else {
            panic!("23 of 110 is over 20 percent");
        };
        assert!(reason.contains("23 of 110"), "{reason}");
    }

    #[test]
    fn an_undone_scope_waits_however_small_the_sweep() {
        let scopes = [totals("repository", 100, 0)];
        assert!(matches!(
            plan_removals(1, &scopes, &SweepPolicy::default(), true),
            Removals::Hold { .. }
        ));
        assert_eq!(
            plan_removals(0, &scopes, &SweepPolicy::default(), true),
            Removals::Apply
        );
    }

    #[test]
    fn an_older_claim_replaces_neither_a_newer_one_nor_a_tombstone() {
        let (old, new) = (Timestamp::from_secs(1), Timestamp::from_secs(2));
        let (one, two) = (ContentHash::of(b"1"), ContentHash::of(b"2"));
        let held = Some(Held {
            hash: one,
            requested_at: new,
            stale: false,
        });
        assert_eq!(plan_claim(held, None, two, old), Verdict::Late);
        assert_eq!(plan_claim(held, None, two, new), Verdict::Put);
        assert_eq!(plan_claim(held, None, one, old), Verdict::Same);
        assert_eq!(plan_claim(None, Some(new), one, old), Verdict::Late);
        assert_eq!(plan_claim(None, Some(old), one, new), Verdict::Put);
    }
}
