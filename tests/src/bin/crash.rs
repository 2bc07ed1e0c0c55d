//! `cargo run -p bailiwick-tests --bin crash -- --engine fjall --kills 100`: kills a running ingest again and again.
//!
//! docs/guides/crash-safety.md says what it shows. `--generate` and `--judge` serve the scripts that cut the power
//! and fill the disk.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that tells what it does"
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bailiwick_tests::crash::{Campaign, Generator, Program};

const USAGE: &str = "\
usage: crash [--engine fjall|sled] [--kills N] [--entities N] [--seed N] [--binary PATH] [--dir DIR]
       crash --generate DIR [--entities N] [--seed N] [--round N]
       crash --judge FILE [--entities N] [--seed N] [--round N]

  --engine    which store, as in store.engine [fjall]
  --kills     how often [100]
  --entities  about how many the catalog holds [20000]
  --seed      repeats inputs and choices; the moments themselves depend on the machine [random]
  --binary    the bailiwick to kill [the one beside this program]
  --dir       an empty folder to work in; kept [a temporary one; kept when something is found]
  --generate  write the descriptors of one round and end
  --judge     read what `export --content` printed; say how much of the round it lacks, or what is there by half
  --round     which one [1]";

struct Options {
    engine: String,
    kills: usize,
    entities: usize,
    seed: u64,
    binary: Option<PathBuf>,
    folder: Option<PathBuf>,
    generate: Option<PathBuf>,
    judge: Option<PathBuf>,
    round: u64,
}

fn main() -> ExitCode {
    let options = match options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("{problem}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("FOUND: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn options(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        engine: "fjall".to_owned(),
        kills: 100,
        entities: 20_000,
        seed: u64::from(std::process::id()),
        binary: None,
        folder: None,
        generate: None,
        judge: None,
        round: 1,
    };
    while let Some(name) = args.next() {
        let value = args.next().ok_or_else(|| format!("`{name}` wants a value"))?;
        let number = || {
            value
                .parse::<u64>()
                .map_err(|_| format!("`{name}` wants a number, not `{value}`"))
        };
        let count = || {
            value
                .parse::<usize>()
                .map_err(|_| format!("`{name}` wants a number, not `{value}`"))
        };
        match name.as_str() {
            "--engine" => options.engine = value,
            "--kills" => options.kills = count()?,
            "--entities" => options.entities = count()?,
            "--seed" => options.seed = number()?,
            "--round" => options.round = number()?,
            "--binary" => options.binary = Some(value.into()),
            "--dir" => options.folder = Some(value.into()),
            "--generate" => options.generate = Some(value.into()),
            "--judge" => options.judge = Some(value.into()),
            _ => return Err(format!("there is no option `{name}`")),
        }
    }
    Ok(options)
}

fn run(options: &Options) -> Result<(), String> {
    let generator = Generator {
        seed: options.seed,
        entities: options.entities,
    };
    if let Some(folder) = &options.generate {
        return generator
            .write(options.round, folder)
            .map_err(|error| error.to_string());
    }
    if let Some(file) = &options.judge {
        let content = std::fs::read_to_string(file).map_err(|error| format!("`{}`: {error}", file.display()))?;
        println!("{}", generator.judge(&content, options.round)?);
        return Ok(());
    }
    let program = match &options.binary {
        Some(path) => Program(absolute(path)?),
        None => Program::beside_this_one()?,
    };
    let temporary = tempfile::Builder::new()
        .prefix("crash-")
        .tempdir()
        .map_err(|error| error.to_string())?;
    let folder = match &options.folder {
        Some(folder) => absolute(folder)?,
        None => temporary.path().to_owned(),
    };
    println!(
        "engine {}, {} kills, {} entities, seed {}, binary {}",
        options.engine,
        options.kills,
        options.entities,
        options.seed,
        program.0.display()
    );
    println!(
        "{:>5}  {:<12} {:>12} {:>9} {:>10}",
        "kill", "moment", "acknowledged", "head", "remaining"
    );
    let campaign = Campaign {
        program,
        engine: options.engine.clone(),
        folder: folder.clone(),
        kills: options.kills,
        generator,
    };
    let outcome = campaign.run(&mut |kill| {
        println!(
            "{:>5}  {:<12} {:>12} {:>9} {:>10}",
            kill.number,
            kill.moment.to_string(),
            kill.acknowledged
                .map_or_else(|| "-".to_owned(), |position| position.to_string()),
            kill.head,
            kill.remaining
        );
    });
    let outcome = outcome.map_err(|error| {
        let kept = temporary.keep();
        let kept = options.folder.as_ref().unwrap_or(&kept);
        format!(
            "{error}\nseed {}, everything is kept in {}",
            options.seed,
            kept.display()
        )
    })?;
    println!(
        "ok: {} kills ({} more runs ended before theirs), every acknowledged position there, verify agreed each time; \
         {} entities at position {} export byte for byte what an undisturbed ingest exports",
        outcome.kills, outcome.misses, outcome.entities, outcome.head
    );
    Ok(())
}

fn absolute(path: &Path) -> Result<PathBuf, String> {
    std::path::absolute(path).map_err(|error| format!("`{}`: {error}", path.display()))
}
