//! Kills at random moments.

use bailiwick_tests::crash::{Campaign, Generator};

use super::{ENGINES, program};

/// Kills of each engine.
const KILLS: usize = 5;
/// Entities of a round: enough for several commits.
const ENTITIES: usize = 1_200;

#[test]
fn law_5_a_process_killed_at_random_loses_nothing_that_it_acknowledged() {
    let Some(program) = program() else { return };
    for engine in ENGINES {
        let folder = tempfile::tempdir().unwrap();
        let campaign = Campaign {
            program: program.clone(),
            engine: (*engine).to_owned(),
            folder: folder.path().to_owned(),
            kills: KILLS,
            generator: Generator {
                seed: u64::from(std::process::id()),
                entities: ENTITIES,
            },
        };
        println!("{engine}, seed {}", campaign.generator.seed);
        let outcome = campaign.run(&mut |kill| println!("{kill:?}")).unwrap();
        assert_eq!(outcome.kills, KILLS);
    }
}
