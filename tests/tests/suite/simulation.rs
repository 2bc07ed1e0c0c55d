//! Seeds of the simulation: a bounded number of them each time, and those under which a law once did not hold.
//!
//! What a seed plays depends on the simulation's own code. A change there makes other stories of the named seeds; the
//! guide says how to find new ones for the same faults.

use std::sync::Arc;

use bailiwick_schema::kind::KindSet;
use bailiwick_tests::simulation::play;

/// Seeds that are played with every run of the suite.
const SEEDS: u64 = 100;

fn holds(seeds: impl IntoIterator<Item = u64>) {
    let kinds = Arc::new(KindSet::builtin());
    for seed in seeds {
        if let Err(broken) = play(seed, &kinds) {
            panic!("seed {seed}: {}\n    {}", broken.why, broken.trace.join("\n    "));
        }
    }
}

#[test]
fn a_bounded_number_of_seeds_holds_every_law() {
    holds(0..SEEDS);
}

#[test]
fn a_seed_plays_the_same_story_each_time() {
    let kinds = Arc::new(KindSet::builtin());
    for seed in [10, 11, 12] {
        let [first, second] = [0, 1].map(|_| play(seed, &kinds).unwrap());
        assert_eq!(first, second, "seed {seed}");
    }
}

#[test]
fn what_one_run_brings_every_open_scope_knows() {
    holds([2, 22, 1971]);
}

#[test]
fn an_entity_that_points_at_its_own_new_identifier_is_stitched_again() {
    holds([3]);
}

#[test]
fn links_are_looked_at_after_a_crash_those_of_what_is_gone_too() {
    holds([2, 172]);
}

#[test]
fn a_retired_scope_counts_claims_that_wait_for_their_commit() {
    holds([850]);
}

#[test]
fn a_delta_leaves_scopes_that_wait_to_be_retired() {
    holds([76]);
}

#[test]
fn an_undone_sweep_is_no_loss_after_a_restart() {
    holds([1884]);
}

#[test]
fn every_sweep_that_misses_a_claim_hears_that_it_is_there() {
    holds([1392]);
}
