//! Pure arithmetic of waiting: jitter before a scheduled run, backoff after failures.

use std::time::Duration;

use bailiwick_schema::{ContentHash, SourceId, Timestamp};

use super::Schedule;

/// Longest delay of a scheduled run after its time.
pub(super) const JITTER_MAX: Duration = Duration::from_secs(30);

/// The jitter is at most this part of the time to the next run.
const JITTER_PART: u32 = 10;

/// How long the first failure holds scheduled runs back; doubled by each further one.
const BACKOFF_FIRST: Duration = Duration::from_secs(60);

/// Longest time for which failures hold scheduled runs back.
pub(super) const BACKOFF_MAX: Duration = Duration::from_secs(3_600);

/// When the next scheduled run starts: the first time of the schedule after `after` plus its jitter.
///
/// The jitter spreads sources that share a schedule. It depends on nothing but source and time, so that a restart
/// does not move a run.
pub(super) fn next_start(schedule: &Schedule, source: &SourceId, after: Timestamp) -> Option<Timestamp> {
    let due = schedule.next_after(after)?;
    let interval = schedule
        .next_after(due)
        .map_or(JITTER_MAX, |following| following.since(due));
    let most = JITTER_MAX.min(interval / JITTER_PART);
    let hash = ContentHash::of_parts(&[source.as_str().as_bytes(), &due.micros().to_le_bytes()]);
    // To the millisecond, evenly enough: `most` is tiny beside the range of the hash.
    let most_millis = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
    let jitter = Duration::from_millis(hash.low_u64() % (most_millis + 1));
    Some(due.plus(jitter))
}

/// How long scheduled runs are held back after this many failures in a row.
pub(super) fn backoff(failures: u32) -> Duration {
    if failures == 0 {
        return Duration::ZERO;
    }
    let doublings = (failures - 1).min(16);
    BACKOFF_MAX.min(BACKOFF_FIRST * 2_u32.pow(doublings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_is_bounded_and_the_same_every_time() {
        let schedule = Schedule::parse("*/10 * * * *", "UTC").unwrap();
        let after = Timestamp::parse("2026-11-21T12:01:00Z").unwrap();
        let due = Timestamp::parse("2026-11-21T12:10:00Z").unwrap();
        let starts: Vec<_> = (0..50)
            .map(|n| next_start(&schedule, &SourceId::parse(&format!("s{n}")).unwrap(), after).unwrap())
            .collect();
        assert!(
            starts
                .iter()
                .all(|start| *start >= due && start.since(due) <= JITTER_MAX)
        );
        assert!(starts.iter().any(|start| start != &starts[0]), "sources are spread");
        let again = next_start(&schedule, &SourceId::parse("s7").unwrap(), after);
        assert_eq!(again, Some(starts[7]));
        let often = Schedule::parse("* * * * *", "UTC").unwrap();
        let start = next_start(&often, &SourceId::parse("s").unwrap(), after).unwrap();
        assert!(start.since(Timestamp::parse("2026-11-21T12:02:00Z").unwrap()) <= Duration::from_secs(6));
    }

    #[test]
    fn backoff_doubles_up_to_an_hour() {
        assert_eq!(backoff(0), Duration::ZERO);
        assert_eq!(backoff(1), Duration::from_secs(60));
        assert_eq!(backoff(3), Duration::from_secs(240));
        assert_eq!(backoff(7), BACKOFF_MAX);
        assert_eq!(backoff(u32::MAX), BACKOFF_MAX);
    }
}
