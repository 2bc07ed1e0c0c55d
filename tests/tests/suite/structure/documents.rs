//! What the documentation says, held against the code.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_tests::{Workspace, code_of, production_code_of};
use regex::Regex;

/// The laws of the design are numbered from one.
const LAWS: u32 = 12;

/// Every test whose name begins with `law_N_`, by law.
fn law_tests() -> BTreeMap<u32, BTreeSet<String>> {
    let name = Regex::new(r"fn (law_([0-9]+)_[a-z0-9_]+)\s*(<[^>]*>)?\(").unwrap();
    let mut laws: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
    for (_, text) in Workspace::here().rust_files() {
        for found in name.captures_iter(&code_of(&text)) {
            laws.entry(found[2].parse().unwrap())
                .or_default()
                .insert(found[1].to_owned());
        }
    }
    laws
}

#[test]
fn every_law_has_tests_of_its_name() {
    let laws = law_tests();
    let wanted: BTreeSet<u32> = (1..=LAWS).collect();
    let with_tests: BTreeSet<u32> = laws.keys().copied().collect();
    let without: Vec<_> = wanted.difference(&with_tests).collect();
    assert!(without.is_empty(), "no test is named law_N_… for the laws {without:?}");
    let unknown: Vec<_> = with_tests.difference(&wanted).collect();
    assert!(unknown.is_empty(), "there are no laws {unknown:?}");
}

#[test]
fn the_architecture_names_tests_of_every_law_that_exist() {
    let page = Workspace::here()
        .read("docs/ARCHITECTURE.md")
        .expect("docs/ARCHITECTURE.md is there");
    let laws = law_tests();
    let existing: BTreeSet<&str> = laws.values().flatten().map(String::as_str).collect();
    let name = Regex::new(r"\blaw_([0-9]+)_[a-z0-9_]+").unwrap();
    let mut listed = BTreeSet::new();
    for found in name.captures_iter(&page) {
        assert!(
            existing.contains(&found[0]),
            "docs/ARCHITECTURE.md names `{}`, which is no test",
            &found[0]
        );
        listed.insert(found[1].parse::<u32>().unwrap());
    }
    assert_eq!(
        listed,
        (1..=LAWS).collect(),
        "laws with tests in docs/ARCHITECTURE.md, left, and laws, right"
    );
}

#[test]
fn the_architecture_names_files_that_exist() {
    let workspace = Workspace::here();
    let page = workspace
        .read("docs/ARCHITECTURE.md")
        .expect("docs/ARCHITECTURE.md is there");
    let path =
        Regex::new(r"`((?:schema|config|catalog|ingestors|query|cli|tests|bench|docs)/[A-Za-z0-9_./-]*)`").unwrap();
    let missing: BTreeSet<&str> = path
        .captures_iter(&page)
        .map(|found| found.get(1).expect("the group takes part").as_str())
        .filter(|path| !workspace.root().join(path).exists())
        .collect();
    assert!(
        missing.is_empty(),
        "docs/ARCHITECTURE.md names what is not there: {missing:?}"
    );
}

#[test]
fn every_decision_is_in_the_list_of_decisions() {
    let workspace = Workspace::here();
    let list = workspace
        .read("docs/adr/README.md")
        .expect("docs/adr/README.md is there");
    let records = workspace
        .files()
        .into_iter()
        .filter_map(|path| Some(path.strip_prefix("docs/adr/")?.to_owned()));
    let mut numbers = BTreeSet::new();
    for record in records.filter(|name| name != "README.md") {
        assert!(
            list.contains(&format!("({record})")),
            "docs/adr/README.md does not list {record}"
        );
        assert!(
            numbers.insert(record[..4].to_owned()),
            "two decisions have the number of {record}"
        );
    }
    assert!(!numbers.is_empty());
}

/// How findings get their codes in the code of the sources and of the engine.
const CODE_PATTERNS: &[&str] = &[
    r#"Finding::new\(\s*"([a-z0-9_]+)""#,
    r#"(?:YamlError::new|Problem::at|Problem::without_place)\(\s*"([a-z0-9_]+)""#,
    r#"\(\s*"([a-z0-9_]+)",\s*Severity::"#,
    r#"\breport\(\s*"([a-z0-9_]+)""#,
];

/// Sources of findings in the program itself, without tests and fakes.
fn finding_sources() -> Vec<(String, String)> {
    let own = |path: &str| {
        ["schema/src/", "catalog/src/", "ingestors/src/"]
            .iter()
            .any(|folder| path.starts_with(folder))
            && !path.contains("test")
            && !path.contains("/contract/")
    };
    let files = Workspace::here().rust_files().into_iter().filter(|(path, _)| own(path));
    let without_tests = |text: &str| match text.find("#[cfg(test)]\nmod tests {") {
        Some(end) => text[..end].to_owned(),
        None => text.to_owned(),
    };
    files.map(|(path, text)| (path, without_tests(&text))).collect()
}

fn documented_codes() -> BTreeSet<String> {
    let page = Workspace::here()
        .read("docs/findings.md")
        .expect("docs/findings.md is there");
    let row = Regex::new(r"(?m)^\| `([a-z0-9_]+)` \|").unwrap();
    row.captures_iter(&page).map(|found| found[1].to_owned()).collect()
}

#[test]
fn every_finding_code_is_documented() {
    let documented = documented_codes();
    let mut missing = BTreeSet::new();
    for (path, text) in finding_sources() {
        for pattern in CODE_PATTERNS {
            for found in Regex::new(pattern).unwrap().captures_iter(&text) {
                if !documented.contains(&found[1]) {
                    missing.insert(format!("{} ({path})", &found[1]));
                }
            }
        }
    }
    assert!(
        missing.is_empty(),
        "docs/findings.md does not say what these codes mean: {missing:#?}"
    );
}

/// How a code stands in the source: those of CODEOWNERS files get their prefix when they become findings.
fn literal(code: &str) -> &str {
    match code.strip_prefix("codeowners_") {
        Some("too_large") | None => code,
        Some(rest) => rest,
    }
}

#[test]
fn every_documented_finding_code_is_in_use() {
    let sources: String = finding_sources().into_iter().map(|(_, text)| text).collect();
    let unused: Vec<String> = documented_codes()
        .into_iter()
        .filter(|code| !sources.contains(&format!("\"{}\"", literal(code))))
        .collect();
    assert!(
        unused.is_empty(),
        "docs/findings.md explains codes that nothing reports: {unused:?}"
    );
}

#[test]
fn the_commands_of_the_readme_exist() {
    let workspace = Workspace::here();
    let (Some(readme), Some(help)) = (
        workspace.read("README.md"),
        workspace.read("schema/contracts/cli/bailiwick.txt"),
    ) else {
        println!("skipped: README.md or the contract of the command line is not there");
        return;
    };
    let commands = help.split("Commands:").nth(1).expect("the help lists commands");
    let commands: BTreeSet<&str> = commands
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(commands.contains("serve"), "{commands:?}");
    let block = Regex::new(r"(?ms)^```(?:console|bash|sh)\n(.*?)^```").unwrap();
    let call = Regex::new(r"(?:^|[\s/|;(])bailiwick((?:\s+-{1,2}[a-z-]+(?:[= ]\S+)?)*)\s+([a-z]+)").unwrap();
    let run = Regex::new(r"cargo run .*-p bailiwick-cli -- ([a-z]+)").unwrap();
    let mut seen = 0;
    for found in block.captures_iter(&readme) {
        for line in found[1].lines().filter(|line| !line.trim_start().starts_with('#')) {
            let named = call.captures_iter(line).map(|call| call[2].to_owned());
            let run = run.captures_iter(line).map(|call| call[1].to_owned());
            for command in named.chain(run) {
                assert!(
                    commands.contains(command.as_str()),
                    "README.md: `{line}`: there is no command `{command}`"
                );
                seen += 1;
            }
        }
    }
    assert!(seen > 0, "README.md shows no command");
}

#[test]
fn no_test_module_is_taken_for_code() {
    // The scans above end where a file's tests begin.
    assert_eq!(production_code_of("a\n#[cfg(test)]\nmod tests {\n b }").trim(), "a");
}
