//! Deterministic simulation: seeded sources that lie, stall, repeat, reorder and disappear, a store that fails, and a
//! process that is killed at any moment, with the laws checked after every step.
//!
//! One thread, no real time, and no chance but the seed: a failing seed fails again. The engine is the real one, driven
//! request by request; the store is the real layout over a medium that fails when it is told to. See
//! `docs/guides/simulation.md`.

mod content;
mod disk;
mod home;
mod laws;
mod model;
mod numbers;
mod observe;
mod play;
mod quiet;
mod world;

use std::sync::Arc;
use std::time::Duration;

use bailiwick_schema::kind::KindSet;

use disk::WriteFault;
use world::{Checked, World};

/// What a simulation did, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Played {
    /// Tells one story from another: a hash over all that was done, and over the entities that it came to.
    pub story: u64,
    pub steps: u64,
    pub commits: u64,
    pub restarts: u64,
    pub faults: u64,
    pub verified: u64,
    pub removed: u64,
    pub entities: u64,
    pub claims: u64,
}

impl Played {
    pub fn add(&mut self, other: &Self) {
        self.story = self.story.rotate_left(1) ^ other.story;
        self.steps += other.steps;
        self.commits += other.commits;
        self.restarts += other.restarts;
        self.faults += other.faults;
        self.verified += other.verified;
        self.removed += other.removed;
        self.entities += other.entities;
        self.claims += other.claims;
    }
}

/// A seed under which a law does not hold.
#[derive(Debug, Clone)]
pub struct Broken {
    pub seed: u64,
    pub why: String,
    /// What was done, oldest first.
    pub trace: Vec<String>,
}

/// Plays one seed to its end. The search index takes part in every [`INDEXED_EVERY`]th.
pub fn play(seed: u64, kinds: &Arc<KindSet>) -> Result<Played, Broken> {
    let broken = |why: String, trace: Vec<String>| Broken { seed, why, trace };
    let indexed = seed.is_multiple_of(INDEXED_EVERY);
    let mut world = World::new(seed, kinds, indexed).map_err(|why| broken(why, Vec::new()))?;
    let steps = 40 + world.numbers.below(80);
    let mut played = Played::default();
    for _ in 0..steps {
        played.steps += 1;
        step(&mut world).map_err(|why| broken(why, world.trace.clone()))?;
    }
    world.finish().map_err(|why| broken(why, world.trace.clone()))?;
    played.story = world.story();
    played.commits = world.head().0;
    played.restarts = world.restarts;
    played.faults = world.home.disk.failed();
    played.verified = world.laws.verified;
    played.removed = world
        .model
        .held
        .applied
        .iter()
        .map(|applied| applied.claims.len() as u64)
        .sum();
    played.entities = world.home.engine.snapshot().len() as u64;
    played.claims = world.model.held.claims.len() as u64;
    Ok(played)
}

/// Seeds between two that keep a search index.
pub const INDEXED_EVERY: u64 = 10;

fn step(world: &mut World) -> Checked {
    match world.numbers.below(100) {
        0..=57 => world.go_on(),
        58..=67 => world.begin(),
        68..=76 => {
            let at = world.numbers.below(world.sources.len());
            let (numbers, flavour) = (&mut world.numbers, world.flavour);
            let what = world.sources[at].truth.change(numbers, flavour);
            world.note(format!("source {at}: {what}"));
            Ok(())
        }
        77..=79 => {
            world.note("time to commit");
            world.flush().map(drop)
        }
        80..=82 => world.crash(),
        83..=85 => {
            let after = u32::try_from(world.numbers.below(6)).unwrap_or(0);
            match world.numbers.below(3) {
                0 => world.home.disk.fail_write(after, WriteFault::Before),
                1 => world.home.disk.fail_write(after, WriteFault::After),
                _ => world.home.disk.fail_read(after * 20),
            }
            world.note("a fault is laid");
            Ok(())
        }
        86..=89 => {
            let waiting: Vec<_> = world.model.held.sweeps.keys().copied().collect();
            match world.numbers.pick(&waiting).copied() {
                Some(place) => {
                    let approve = world.numbers.percent(60);
                    world.decide(place, approve)
                }
                None => Ok(()),
            }
        }
        90 | 91 => world.undo_any(),
        92..=94 => {
            if world.numbers.percent(30) {
                world.home.crash_follower();
            }
            let commit = world.numbers.percent(40);
            let disk = Arc::clone(&world.home.disk);
            disk.undisturbed(|| world.home.index(commit))
        }
        95..=97 => world.quiet_any(),
        _ => {
            world.pass(Duration::from_secs(26 * 60 * 60));
            world.note("hours go by");
            Ok(())
        }
    }
}
