//! Configuration: a file and variables over it.

use std::collections::BTreeMap;

use bailiwick_config::fuzzing::{FILE, effective_with_secrets, load_text};
use bailiwick_config::limits::PROBLEMS_MAX;

use super::{sections, yaml::last_line};

/// The file, and after a line `=====` variables as `NAME=value`. What is accepted is accepted as the same when it is
/// written out with its defaults; what is refused says where and why, and repeats no value.
pub fn config(bytes: &[u8]) {
    let parts = sections(bytes, b"=====");
    let text = parts[0];
    let env: BTreeMap<String, String> = parts[1..]
        .iter()
        .flat_map(|part| part.split(|byte| *byte == b'\n'))
        .filter_map(|line| std::str::from_utf8(line).ok()?.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    match load_text(text, &env) {
        Ok(config) => {
            for shown in config.shown() {
                assert!(!shown.from.is_empty(), "{shown:?} says who set it");
            }
            for source in &config.sources {
                let path = format!("sources.{}.anything", source.id);
                let problem = config.problem(&path, "is odd");
                assert_eq!(problem.path, path, "a later complaint keeps its path");
            }
            let effective = effective_with_secrets(&config);
            let written = serde_json::to_vec(effective).expect("a configuration has string keys");
            match load_text(&written, &BTreeMap::new()) {
                Ok(again) => assert_eq!(effective_with_secrets(&again), effective, "it is accepted as the same"),
                Err(problems) => panic!("what was accepted is accepted again: {problems}"),
            }
        }
        Err(problems) => {
            assert_eq!(
                Some(&problems),
                load_text(text, &env).err().as_ref(),
                "the same bytes have the same verdict"
            );
            let problems = problems.0;
            assert!(!problems.is_empty(), "a refusal says why");
            assert!(
                problems.len() <= PROBLEMS_MAX + env.len() + 1,
                "{} problems",
                problems.len()
            );
            let last_line = last_line(text);
            for problem in &problems {
                assert!(!problem.message.is_empty(), "{problem:?} says what is wrong");
                assert!(problem.file == FILE || problem.line.is_none(), "only a file has lines");
                assert!(
                    problem.line.is_none_or(|line| (1..=last_line).contains(&line)),
                    "{problem:?} lies within {last_line} lines"
                );
            }
        }
    }
}
