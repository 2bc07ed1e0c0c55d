//! What fuzzing begins with and what it found is replayed on the ordinary build, with debug assertions on.

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use bailiwick_tests::fuzzing::TARGETS;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

/// Names of what lies in a folder, without their endings; none for a folder that is not there.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let stem = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    entries.map(|entry| stem(entry.unwrap().path())).collect()
}

#[test]
fn every_target_has_a_binary_and_seeds_and_nothing_else_has() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&fuzz().join("fuzz_targets")), targets, "fuzz/fuzz_targets");
    assert_eq!(names(&fuzz().join("seeds")), targets, "fuzz/seeds");
    for folder in ["regressions", "dictionaries"] {
        let unknown: Vec<String> = names(&fuzz().join(folder)).difference(&targets).cloned().collect();
        assert_eq!(unknown, Vec::<String>::new(), "fuzz/{folder}");
    }
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for name in &targets {
        assert!(
            !names(&fuzz().join("seeds").join(name)).is_empty(),
            "{name} has no seed"
        );
        let binary = fs::read_to_string(fuzz().join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(
            binary.contains(&format!("fuzzing::{name}(bytes)")),
            "{name}.rs calls it"
        );
        assert!(
            manifest.contains(&format!("\nname = \"{name}\"\n")),
            "Cargo.toml lists {name}"
        );
    }
}

#[test]
fn every_seed_and_every_regression_holds() {
    let mut broken = Vec::new();
    for (name, run) in TARGETS {
        for folder in ["seeds", "regressions"] {
            let folder = fuzz().join(folder).join(name);
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                let bytes = fs::read(&path).unwrap();
                if catch_unwind(|| run(&bytes)).is_err() {
                    broken.push(path);
                }
            }
        }
    }
    assert!(broken.is_empty(), "their panics stand above: {broken:#?}");
}

#[test]
fn no_input_is_too_short_for_a_target() {
    for (name, run) in TARGETS {
        for bytes in [&b""[..], b"\n", b"\0", b"\xff\xff\xff\xff\xff\xff", b"=====\n=====\n"] {
            assert!(catch_unwind(|| run(bytes)).is_ok(), "{name} fails on {bytes:?}");
        }
    }
}
