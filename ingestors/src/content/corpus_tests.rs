//! Readers over a folder of real files, named by `BAILIWICK_FIXTURES`; what is checked holds for any real file.

use std::path::{Path, PathBuf};

use super::codeowners::{Codeowners, Dialect};
use super::{apidef, workflow};

/// Files of one folder of the corpus with their repository paths, as the file names tell them (`__` for a slash).
fn corpus(folder: &str) -> Vec<(String, Vec<u8>)> {
    let Some(root) = std::env::var_os("BAILIWICK_FIXTURES") else {
        eprintln!("skipped: BAILIWICK_FIXTURES is not set, the corpus `{folder}` was not read");
        return Vec::new();
    };
    let root: PathBuf = Path::new(&root).join(folder);
    let mut files = Vec::new();
    let entries = std::fs::read_dir(&root).expect("BAILIWICK_FIXTURES names a folder with this sub-folder");
    for entry in entries {
        let path = entry.expect("a readable folder").path();
        let name = path
            .file_name()
            .expect("a file has a name")
            .to_string_lossy()
            .replace("__", "/");
        // owner/repository/path
        let inside = name.splitn(3, '/').nth(2).unwrap_or(&name).to_owned();
        files.push((inside, std::fs::read(&path).expect("a readable file")));
    }
    files.sort();
    assert!(!files.is_empty(), "the corpus folder `{folder}` has files");
    files
}

#[test]
fn every_line_of_a_real_codeowners_file_is_a_rule_or_a_problem() {
    for (path, bytes) in corpus("codeowners") {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let plain: Vec<usize> = text
            .lines()
            .enumerate()
            .filter(|(_, line)| {
                !line.trim().trim_start_matches('\u{feff}').is_empty()
                    && !line.trim_start_matches('\u{feff}').trim().starts_with('#')
            })
            .map(|(index, _)| index + 1)
            .collect();
        for dialect in [Dialect::Github, Dialect::Gitlab] {
            let (file, problems) = Codeowners::parse(dialect, &bytes);
            for line in &plain {
                let number = u32::try_from(*line).expect("few lines");
                let is_rule = file.rules.iter().any(|rule| rule.line == number);
                let is_problem = problems.iter().any(|problem| problem.line == Some(number));
                let written = text.lines().nth(line - 1).unwrap_or("").trim();
                let is_heading = dialect == Dialect::Gitlab && written.trim_start_matches('^').starts_with('[');
                assert!(
                    is_rule
                        || is_problem
                        || is_heading
                        || problems.iter().any(|problem| problem.code == "problems_left_out"),
                    "{path}:{line} ({dialect:?})"
                );
            }
            // A path made of a literal pattern is owned by the last rule of that pattern, or a later one.
            for rule in file
                .rules
                .iter()
                .filter(|rule| !rule.pattern.contains(['*', '?', '[', '\\', '!']))
            {
                let inside = format!(
                    "{}{}",
                    rule.pattern.trim_start_matches('/'),
                    if rule.pattern.ends_with('/') { "file" } else { "" }
                );
                assert!(
                    !file.owners_of(inside.as_bytes()).matched.is_empty(),
                    "{path}:{} matches `{inside}`",
                    rule.line
                );
            }
        }
    }
}

#[test]
fn real_codeowners_files_have_owners_for_everything_where_they_begin_with_a_star() {
    for (path, bytes) in corpus("codeowners") {
        let (file, _) = Codeowners::parse(Dialect::Github, &bytes);
        if file.rules.first().is_some_and(|rule| rule.pattern == "*") {
            assert!(!file.owners_of(b"no/such/file").matched.is_empty(), "{path}");
            assert!(!file.owners_of_everything().matched.is_empty(), "{path}");
        }
    }
}

#[test]
fn real_api_definitions_are_recognised_and_other_yaml_is_not() {
    for (path, bytes) in corpus("apidefs") {
        let (definition, problems) = apidef::parse(&path, &bytes);
        assert_eq!(problems, vec![], "{path}");
        let name = path.to_ascii_lowercase();
        let is_other = name.contains("mkdocs");
        assert_eq!(definition.is_none(), is_other, "{path}");
        if let Some(definition) = definition {
            assert!(
                definition.operations.count > 0 || definition.types.count > 0 || definition.services.count > 0,
                "{path} says something"
            );
            let versioned = !name.ends_with(".graphql") && !name.ends_with(".gql") && !name.ends_with(".graphqls");
            assert_eq!(
                definition.spec_version.is_some(),
                versioned,
                "{path} names the version of its format"
            );
        }
    }
}

#[test]
fn real_workflows_have_triggers_and_jobs() {
    for (path, bytes) in corpus("workflows") {
        let (workflow, problems) = workflow::parse(&path, &bytes);
        assert_eq!(problems, vec![], "{path}");
        let workflow = workflow.unwrap_or_else(|| panic!("{path} is a workflow"));
        assert!(workflow.jobs.count > 0, "{path} has jobs");
        if workflow.system == workflow::CiSystem::GithubActions {
            assert!(workflow.triggers.count > 0, "{path} has triggers");
        }
    }
}
