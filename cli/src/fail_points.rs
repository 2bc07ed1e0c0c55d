//! Dying where a test says: `BAILIWICK_FAIL_POINT=name:n` in builds with debug assertions.
//!
//! The process kills itself with SIGKILL when it reaches the point for the n-th time, so that no handler, destructor or
//! buffer gets its turn. Other builds do not look at the variable. docs/guides/crash-safety.md tells how it is used.

use std::collections::BTreeMap;

use bailiwick_catalog::FailPoints;

use crate::exit::Failure;

/// The variable that names a point and a count.
#[cfg(all(debug_assertions, unix))]
const VARIABLE: &str = "BAILIWICK_FAIL_POINT";

/// The listener that the environment asks for; none if it asks for none.
/// Errors: it names no point that is known, or a count that is no number from 1.
#[cfg(all(debug_assertions, unix))]
pub(crate) fn from(env: &BTreeMap<String, String>) -> Result<FailPoints, Failure> {
    use std::sync::atomic::{AtomicU64, Ordering};

    use bailiwick_catalog::FailPoint;

    let Some(text) = env.get(VARIABLE) else {
        return Ok(FailPoints::default());
    };
    let (name, count) = text.split_once(':').unwrap_or((text, "1"));
    let wanted: FailPoint = name
        .parse()
        .map_err(|error| Failure::usage(format!("{VARIABLE}: {error}")))?;
    let count = count.parse::<u64>().ok().filter(|count| *count > 0);
    let count = count.ok_or_else(|| {
        Failure::usage(format!("{VARIABLE}: `{text}` is not name:n, where n counts from 1")).hint("such as trimming:1")
    })?;
    let reached = AtomicU64::new(0);
    Ok(FailPoints::new(move |point| {
        if point == wanted && reached.fetch_add(1, Ordering::Relaxed) + 1 == count {
            die();
        }
    }))
}

/// Nobody listens in this build.
#[cfg(not(all(debug_assertions, unix)))]
pub(crate) fn from(_env: &BTreeMap<String, String>) -> Result<FailPoints, Failure> {
    Ok(FailPoints::default())
}

/// Ends the process as `kill -9` does.
#[cfg(all(debug_assertions, unix))]
fn die() {
    use rustix::process::{Signal, getpid, kill_process};

    // A process may always signal itself.
    let _ = kill_process(getpid(), Signal::KILL);
    loop {
        std::thread::park();
    }
}
