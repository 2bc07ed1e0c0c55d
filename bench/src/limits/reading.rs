//! Reading the file and hashing it, whole or by lines: what nobody who wants to know whether it changed, and where, can
//! leave out.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::args::ReadingArgs;
use crate::failure::{Outcome, While as _};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ReadingLimit {
    /// One thread reads and hashes the whole.
    pub(crate) hash_secs: f64,
    /// One thread reads and hashes each line.
    pub(crate) lines_secs: f64,
    /// One thread reads, and parses each line as JSON without keeping it.
    pub(crate) parse_secs: f64,
}

pub(super) fn measure(args: &ReadingArgs) -> Outcome<ReadingLimit> {
    let what = || format!("reading {}", args.input.display());
    let lines = |each: &mut dyn FnMut(&[u8]) -> Outcome<()>| -> Outcome<f64> {
        let began = Instant::now();
        let mut reader = BufReader::with_capacity(1 << 18, File::open(&args.input).while_doing(what())?);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).while_doing(what())? > 0 {
            each(&line)?;
            line.clear();
        }
        Ok(began.elapsed().as_secs_f64())
    };
    // Once for the page cache, as for the program.
    lines(&mut |_| Ok(()))?;
    let began = Instant::now();
    let mut file = File::open(&args.input).while_doing(what())?;
    let mut whole = blake3::Hasher::new();
    let mut part = vec![0; 1 << 20];
    loop {
        match file.read(&mut part).while_doing(what())? {
            0 => break,
            read => whole.update(&part[..read]),
        };
    }
    std::hint::black_box(whole.finalize());
    let hash_secs = began.elapsed().as_secs_f64();
    let mut all = blake3::Hasher::new();
    let lines_secs = lines(&mut |line| {
        all.update(blake3::hash(line).as_bytes());
        Ok(())
    })?;
    std::hint::black_box(all.finalize());
    let parse_secs = lines(&mut |line| {
        let value: serde::de::IgnoredAny = serde_json::from_slice(line).while_doing(what())?;
        std::hint::black_box(value);
        Ok(())
    })?;
    Ok(ReadingLimit {
        hash_secs,
        lines_secs,
        parse_secs,
    })
}
