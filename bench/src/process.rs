//! What the kernel says about a process: anonymous and resident memory, time on the processor.
//!
//! Source: proc(5), `status` and `stat`, Linux.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Time between two looks at the memory of a process.
const PERIOD: Duration = Duration::from_millis(10);
/// Ticks in a second of `/proc/PID/stat`, on every Linux that Rust knows.
const TICKS: f64 = 100.0;

/// Memory in bytes.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Heap and stacks: what cannot be dropped and read again.
    pub(crate) anonymous: u64,
    /// That and the mapped files that happen to be in memory.
    pub(crate) resident: u64,
}

impl Memory {
    /// Reads what the process holds now; nothing if it is gone.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        Some(Self {
            anonymous: field(&text, "RssAnon:")?,
            resident: field(&text, "VmRSS:")?,
        })
    }

    pub(crate) fn max(self, other: Self) -> Self {
        Self {
            anonymous: self.anonymous.max(other.anonymous),
            resident: self.resident.max(other.resident),
        }
    }
}

fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Seconds on the processor so far, of all threads; 0 if the process is gone.
pub(crate) fn cpu_secs(pid: u32) -> f64 {
    let read = || {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name of the program may hold spaces and stands in brackets.
        let mut fields = text.rsplit_once(')')?.1.split_whitespace().skip(11);
        let user: f64 = fields.next()?.parse().ok()?;
        let system: f64 = fields.next()?.parse().ok()?;
        Some((user + system) / TICKS)
    };
    read().unwrap_or(0.0)
}

/// Looks at a process all the time and keeps its highest values.
#[derive(Debug)]
pub(crate) struct Watch {
    pid: u32,
    highest: Arc<Mutex<Memory>>,
    done: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(crate) fn start(pid: u32) -> Self {
        let highest = Arc::new(Mutex::new(Memory::default()));
        let done = Arc::new(AtomicBool::new(false));
        let thread = {
            let (highest, done) = (Arc::clone(&highest), Arc::clone(&done));
            std::thread::spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    let Some(now) = Memory::of(pid) else { return };
                    let mut highest = highest.lock().unwrap_or_else(PoisonError::into_inner);
                    *highest = highest.max(now);
                    drop(highest);
                    std::thread::sleep(PERIOD);
                }
            })
        };
        Self {
            pid,
            highest,
            done,
            thread: Some(thread),
        }
    }

    /// The highest values since the start or the last call.
    pub(crate) fn take(&self) -> Memory {
        let now = Memory::of(self.pid).unwrap_or_default();
        let mut highest = self.highest.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *highest).max(now)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
