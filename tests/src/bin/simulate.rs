//! Plays seeds of the simulation: `simulate [--seeds COUNT] [--first SEED] [--failures COUNT] [--whole]`.
//!
//! Prints the seeds under which a law does not hold, each with what was done last, and ends with 1 if there is one.

#![expect(clippy::print_stdout, reason = "this is a command")]

use std::process::ExitCode;
use std::sync::Arc;

use bailiwick_schema::kind::KindSet;
use bailiwick_tests::simulation::{Played, play};

const USAGE: &str = "usage: simulate [--seeds COUNT] [--first SEED] [--failures COUNT] [--whole]

  --seeds COUNT     how many seeds are played; 1000 if nothing is said
  --first SEED      the first of them; 0 if nothing is said
  --failures COUNT  after how many failing seeds it gives up; 10 if nothing is said
  --whole           print all that was done under a failing seed, not its end only";

/// Lines of a failing seed that are printed.
const LINES_SHOWN: usize = 12;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (mut first, mut seeds, mut failures, mut whole) = (0, 1_000, 10, false);
    while let Some(argument) = arguments.next() {
        let number = |value: Option<String>| value.and_then(|value| value.parse::<u64>().ok());
        match argument.as_str() {
            "--whole" => whole = true,
            "--first" | "--seeds" | "--failures" => {
                let Some(value) = number(arguments.next()) else {
                    println!("{argument} takes a number\n\n{USAGE}");
                    return ExitCode::from(2);
                };
                match argument.as_str() {
                    "--first" => first = value,
                    "--seeds" => seeds = value,
                    _ => failures = value,
                }
            }
            _ => {
                println!("{USAGE}");
                return ExitCode::from(2);
            }
        }
    }
    let kinds = Arc::new(KindSet::builtin());
    let mut all = Played::default();
    let mut failed = 0;
    let Some(last) = first.checked_add(seeds).filter(|_| seeds > 0) else {
        println!("there is no such range of seeds\n\n{USAGE}");
        return ExitCode::from(2);
    };
    for seed in first..last {
        match play(seed, &kinds) {
            Ok(played) => all.add(&played),
            Err(broken) => {
                failed += 1;
                println!("seed {seed}: {}", broken.why);
                let skipped = if whole {
                    0
                } else {
                    broken.trace.len().saturating_sub(LINES_SHOWN)
                };
                for line in &broken.trace[skipped..] {
                    println!("    {line}");
                }
                if failed == failures {
                    println!("{failed} seeds failed; that is enough");
                    return ExitCode::FAILURE;
                }
            }
        }
    }
    println!("{seeds} seeds from {first}, {failed} failed; {all:?}");
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
