//! A load that does not wait, for a long time, while the catalog changes under it.
//!
//! Requests have a time at which they should be sent; their latency counts from there. Every few seconds the other of two
//! files takes the place of the one that is read, by rename, and the source is triggered.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::json;

use super::ingest::{place, run_once};
use crate::client::{Load, OpenLoop, Prepared, open_loop};
use crate::draw::Draw;
use crate::failure::{Outcome, While as _, fail};
use crate::process::{Memory, cpu_secs};
use crate::questions::{self, Operation};
use crate::server::{Server, Setup};
use crate::truth::Truth;

/// Different requests of the mix.
const REQUESTS: usize = 20_000;
/// Wrong answers that are told in full.
const COMPLAINTS: usize = 3;
/// Time between two looks at the memory.
const LOOK: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// Operations and their shares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mix(pub(crate) Vec<(Operation, usize)>);

impl Mix {
    /// Reads lines of an operation and its share; `#` begins a comment.
    pub(crate) fn parse(text: &str) -> Outcome<Self> {
        let mut mix = Vec::new();
        for line in text
            .lines()
            .map(|line| line.split('#').next().unwrap_or_default().trim())
        {
            if line.is_empty() {
                continue;
            }
            let parsed = line
                .split_once(char::is_whitespace)
                .and_then(|(name, share)| Some((Operation::named(name)?, share.trim().parse::<usize>().ok()?)));
            match parsed {
                Some((operation, share)) if share > 0 => mix.push((operation, share)),
                _ => {
                    return fail(format!(
                        "`{line}` is no operation of bench/queries/ with a share above 0"
                    ));
                }
            }
        }
        match mix.is_empty() {
            true => fail("the mix is empty"),
            false => Ok(Self(mix)),
        }
    }

    /// Draws requests in these shares, in an order without pattern.
    fn requests(&self, server: &Server, truth: &Truth, seed: u64) -> Outcome<(Vec<Prepared>, Vec<Operation>)> {
        let mut draw = Draw::new(seed);
        let total: usize = self.0.iter().map(|(_, share)| share).sum();
        let mut all = Vec::new();
        for (operation, share) in &self.0 {
            let count = (REQUESTS * share).div_ceil(total);
            let questions = questions::draw(*operation, truth, count, &mut draw)?;
            all.extend(
                questions
                    .iter()
                    .map(|question| (question.prepared(server.address), *operation)),
            );
        }
        for at in (1..all.len()).rev() {
            all.swap(at, draw.below(at + 1));
        }
        Ok(all.into_iter().unzip())
    }
}

/// What to do for how long.
#[derive(Debug, Clone)]
pub(crate) struct Soaking {
    pub(crate) time: Duration,
    pub(crate) rate: u32,
    pub(crate) connections: usize,
    /// Time from one re-sync to the next.
    pub(crate) every: Duration,
    pub(crate) seed: u64,
}

/// Latencies of one operation, from the intended time of sending.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Latency {
    pub(crate) operation: Operation,
    pub(crate) answers: usize,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) p999_ms: f64,
    pub(crate) highest_ms: f64,
}

/// Memory of a minute: the mean and the highest of what was looked at each second.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Minute {
    pub(crate) mean_anonymous: u64,
    pub(crate) peak: Memory,
    looks: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Soaked {
    pub(crate) engine: String,
    pub(crate) entities: usize,
    pub(crate) rate: u32,
    pub(crate) connections: usize,
    pub(crate) secs: f64,
    pub(crate) answers: usize,
    pub(crate) errors: usize,
    /// The first of them, in full.
    pub(crate) complaints: Vec<String>,
    pub(crate) latencies: Vec<Latency>,
    pub(crate) minutes: Vec<Minute>,
    /// Re-syncs, the time of a usual and of the slowest one.
    pub(crate) resyncs: usize,
    pub(crate) resync_p50_secs: f64,
    pub(crate) resync_highest_secs: f64,
    /// Cores that the server kept busy.
    pub(crate) cores: f64,
}

impl Soaked {
    /// Anonymous memory of the last whole minute against that of the second; nothing in a shorter soak.
    pub(crate) fn growth(&self) -> Option<f64> {
        let whole = (self.secs / MINUTE.as_secs_f64()).round() as usize;
        let second = self.minutes.get(1)?;
        let last = self.minutes.get(whole.checked_sub(1)?.max(1))?;
        Some(last.mean_anonymous as f64 / second.mean_anonymous as f64)
    }
}

/// Loads a server that has read `files[0]`.
pub(crate) fn soak(
    server: &Server,
    setup: &Setup,
    files: [&Path; 2],
    truth: &Truth,
    mix: &Mix,
    soaking: &Soaking,
) -> Outcome<Soaked> {
    let (pool, operations) = mix.requests(server, truth, soaking.seed)?;
    let done = Arc::new(AtomicBool::new(false));
    let began = Instant::now();
    let cpu = cpu_secs(server.pid());
    let changing = change_meanwhile(server, setup, files, soaking.every, &done)?;
    let memory = watch_minutes(server.pid(), began, &done);
    let plan = OpenLoop {
        address: server.address,
        connections: soaking.connections,
        rate: soaking.rate,
        time: soaking.time,
        pool: &pool,
    };
    let mut times: BTreeMap<Operation, Vec<Duration>> = BTreeMap::new();
    let mut complaints = Vec::new();
    let mut errors = 0;
    let loaded = open_loop(&plan, |which, took, complaint| {
        times.entry(operations[which]).or_default().push(took);
        if let Some(complaint) = complaint {
            errors += 1;
            if complaints.len() < COMPLAINTS {
                complaints.push(complaint);
            }
        }
    });
    let took = began.elapsed();
    done.store(true, Ordering::Relaxed);
    let changed = changing.join();
    let minutes = memory.join();
    loaded?;
    let (Ok(changed), Ok(minutes)) = (changed, minutes) else {
        return fail("a thread of the soak ended early");
    };
    let resyncs = Load::new(changed?, took);
    let latencies = times
        .into_iter()
        .map(|(operation, times)| latency(operation, times, took));
    let latencies: Vec<Latency> = latencies.collect();
    Ok(Soaked {
        engine: setup.engine.clone(),
        entities: truth.entities.len(),
        rate: soaking.rate,
        connections: soaking.connections,
        secs: took.as_secs_f64(),
        answers: latencies.iter().map(|latency| latency.answers).sum(),
        errors,
        complaints,
        latencies,
        minutes,
        resyncs: resyncs.count(),
        resync_p50_secs: resyncs.quantile_ms(0.5) / 1e3,
        resync_highest_secs: resyncs.quantile_ms(1.0) / 1e3,
        cores: (cpu_secs(server.pid()) - cpu) / took.as_secs_f64(),
    })
}

fn latency(operation: Operation, times: Vec<Duration>, took: Duration) -> Latency {
    let load = Load::new(times, took);
    Latency {
        operation,
        answers: load.count(),
        p50_ms: load.quantile_ms(0.5),
        p99_ms: load.quantile_ms(0.99),
        p999_ms: load.quantile_ms(0.999),
        highest_ms: load.quantile_ms(1.0),
    }
}

/// Sleeps until a time or the end, whichever comes first.
fn sleep_until(due: Instant, done: &AtomicBool) {
    const STEP: Duration = Duration::from_millis(50);
    while Instant::now() < due && !done.load(Ordering::Relaxed) {
        std::thread::sleep(STEP.min(due.saturating_duration_since(Instant::now())));
    }
}

/// Replaces the file and triggers the source, again and again; the times that the runs took.
fn change_meanwhile(
    server: &Server,
    setup: &Setup,
    files: [&Path; 2],
    every: Duration,
    done: &Arc<AtomicBool>,
) -> Outcome<std::thread::JoinHandle<Outcome<Vec<Duration>>>> {
    // Links instead of copies: what is measured is the server, not the disk.
    let held = ["first", "second"].map(|name| setup.folder.join(name));
    for (from, to) in files.iter().zip(&held) {
        place(from, to)?;
    }
    let (next, file) = (setup.file().with_extension("next"), setup.file());
    let mut connection = server.connect()?;
    let done = Arc::clone(done);
    let began = Instant::now();
    Ok(std::thread::spawn(move || {
        let mut times = Vec::new();
        for round in 1.. {
            sleep_until(began + every * round, &done);
            if done.load(Ordering::Relaxed) {
                break;
            }
            std::fs::hard_link(&held[round as usize % 2], &next).while_doing("linking a file")?;
            let began = Instant::now();
            std::fs::rename(&next, &file).while_doing("replacing the file")?;
            run_once(&mut connection)?;
            times.push(began.elapsed());
        }
        // The connection has answered all along: a last question shows that it still does.
        connection.graphql("{ position }", &json!({}))?;
        Ok(times)
    }))
}

fn watch_minutes(pid: u32, began: Instant, done: &Arc<AtomicBool>) -> std::thread::JoinHandle<Vec<Minute>> {
    let done = Arc::clone(done);
    std::thread::spawn(move || {
        let mut minutes: Vec<Minute> = Vec::new();
        for look in 1.. {
            sleep_until(began + LOOK * look, &done);
            if done.load(Ordering::Relaxed) {
                break;
            }
            let Some(memory) = Memory::of(pid) else { break };
            let at = (began.elapsed().as_secs() / MINUTE.as_secs()) as usize;
            minutes.resize_with(minutes.len().max(at + 1), Minute::default);
            let minute = &mut minutes[at];
            minute.mean_anonymous = (minute.mean_anonymous * minute.looks + memory.anonymous) / (minute.looks + 1);
            minute.looks += 1;
            minute.peak = minute.peak.max(memory);
        }
        minutes
    })
}
