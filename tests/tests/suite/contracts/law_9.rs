//! Law 9: everything has a limit with a name, a unit and something that says which one was hit.

use std::collections::BTreeSet;

use bailiwick_tests::{Workspace, all_limits, limits_page, production_code_of};
use regex::Regex;

#[test]
fn law_9_everything_has_a_limit() {
    let limits = all_limits();
    assert!(limits.len() >= 60, "only {} limits are published", limits.len());
    let name = Regex::new(r"^[a-z][a-z0-9]*(_[a-z0-9]+)+$").unwrap();
    let unit = Regex::new(r"^[a-z][a-z0-9 /-]*$").unwrap();
    let mut names = BTreeSet::new();
    for published in &limits {
        let (holder, limit) = (published.holder, published.limit);
        assert!(
            name.is_match(limit.name),
            "{holder}: `{}` is no snake case name of several words",
            limit.name
        );
        assert!(
            names.insert(limit.name),
            "{holder}: two limits are named `{}`",
            limit.name
        );
        assert!(
            unit.is_match(limit.unit),
            "{holder}: `{}` has the unit `{}`",
            limit.name,
            limit.unit
        );
        assert!(limit.value > 0, "{holder}: `{}` lets nothing through", limit.name);
        assert!(
            !limit.effect.trim().is_empty(),
            "{holder}: `{}` does not say what happens beyond it",
            limit.name
        );
    }
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the test is asked through the environment to renew the page"
)]
fn law_9_every_limit_is_on_the_page_of_limits() {
    let path = Workspace::here().root().join("docs/limits.md");
    let wanted = limits_page();
    if std::env::var("BAILIWICK_UPDATE_CONTRACTS").is_ok() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        page == wanted,
        "docs/limits.md differs from the tables in the code; if that is meant, renew it with \
         BAILIWICK_UPDATE_CONTRACTS=1 cargo test -p bailiwick-tests law_9"
    );
}

#[test]
fn law_9_every_table_of_limits_is_walked_over() {
    // A table that is published and not listed in `all_limits` would be out of sight.
    let table = Regex::new(r"pub (?:const|static) LIMITS: &\[(?:crate::)?Limit\]").unwrap();
    let entry = Regex::new(r#"(?:name:\s*|\blimit\(\s*)"([a-z0-9_]+)""#).unwrap();
    let names: BTreeSet<&str> = all_limits().iter().map(|published| published.limit.name).collect();
    let mut tables = 0;
    for (path, text) in Workspace::here().rust_files() {
        if path.starts_with("tests/") || !table.is_match(&production_code_of(&text)) {
            continue;
        }
        tables += 1;
        let from = text.find("LIMITS: &[").expect("the table was just found");
        let until = text[from..].find("\n];").map_or(text.len(), |end| from + end);
        for found in entry.captures_iter(&text[from..until]) {
            assert!(
                names.contains(&found[1]),
                "{path}: `{}` is not in bailiwick_tests::all_limits()",
                &found[1]
            );
        }
    }
    assert!(tables >= 10, "only {tables} tables of limits were found");
}

/// Constants named `…_MAX` that are in no table, and why: what they bound is bounded by a published limit already, or
/// they only choose between two ways to the same result, or cut what a message shows. By file and name, so that an
/// exception cannot be added unseen.
const UNPUBLISHED: &[(&str, &[&str], &str)] = &[
    (
        "schema/src/yaml/repair.rs",
        &["REPAIRS_MAX", "REPARSED_BYTES_MAX"],
        "beyond them the parser's own error stands",
    ),
    (
        "schema/src/yaml/scalar.rs",
        &["SAFE_INTEGER_MAX"],
        "a property of numbers",
    ),
    (
        "schema/src/yaml/keys.rs",
        &["SCANNED_KEYS_MAX", "SHOWN_KEY_CHARS_MAX"],
        "two ways; what a message shows",
    ),
    ("schema/src/yaml/json.rs", &["KEYS_MAX"], "two ways to the same tree"),
    (
        "schema/src/kind/format.rs",
        &["PART_CHARS_MAX", "PREFIX_CHARS_MAX"],
        "Backstage's formats, not ours",
    ),
    (
        "schema/src/descriptor/envelope.rs",
        &["SHOWN_CHARS_MAX"],
        "what a message shows",
    ),
    (
        "catalog/src/graph/select.rs",
        &["COUNTED_SINGLY_MAX"],
        "two ways to the same counts",
    ),
    (
        "catalog/src/search/filter.rs",
        &["SET_TERMS_MAX"],
        "two ways to the same hits",
    ),
    (
        "catalog/src/search/reader.rs",
        &["DIRECT_MATCHES_MAX"],
        "two ways to the same ranks",
    ),
    (
        "catalog/src/search/rank.rs",
        &["IN_DEGREE_MAX", "FACTOR_MAX"],
        "weights",
    ),
    (
        "ingestors/src/content/licence.rs",
        &["EXPRESSION_CHARS_MAX"],
        "longer ones are no licence expression",
    ),
    (
        "ingestors/src/content/manifest/docker.rs",
        &[
            "STAGES_MAX",
            "LABELS_MAX",
            "VARIABLES_MAX",
            "INSTRUCTIONS_MAX",
            "HERE_DOCUMENTS_MAX",
            "FILLED_BYTES_MAX",
        ],
        "within manifest_bytes_max",
    ),
    (
        "ingestors/src/content/manifest/maven.rs",
        &["PROPERTIES_MAX", "FILL_ROUNDS_MAX"],
        "within manifest_bytes_max",
    ),
    (
        "ingestors/src/content/codeowners/gitlab.rs",
        &["GROUP_DEPTH_MAX"],
        "GitLab's format, not ours",
    ),
    (
        "ingestors/src/content/readme/inline.rs",
        &["NESTING_MAX", "HEADING_BYTES_MAX", "SPAN_BYTES_MAX"],
        "within the part of a README that is looked at",
    ),
    (
        "ingestors/src/scheduler/source.rs",
        &["NAP_MAX"],
        "how often a clock is looked at",
    ),
    (
        "ingestors/src/scheduler/schedule.rs",
        &["CANDIDATES_MAX"],
        "a property of calendars",
    ),
    (
        "ingestors/src/git/naming.rs",
        &["SLUG_BYTES_MAX"],
        "Backstage's formats, not ours",
    ),
    (
        "ingestors/src/git/tree.rs",
        &["POINTER_BYTES_MAX"],
        "Git LFS's format, not ours",
    ),
    (
        "query/src/rest/export.rs",
        &["PIECES_WAITING_MAX"],
        "back-pressure within exports_max",
    ),
    ("query/src/graphql/entity.rs", &["VERSIONS_MAX"], "the same as rows_max"),
    (
        "catalog/src/backup/format.rs",
        &["BLOCK_BYTES_MAX", "NOTE_BYTES_MAX", "PACKING_MAX"],
        "what a file may claim of itself before it counts as damaged",
    ),
    ("catalog/src/backup/restore.rs", &["NAMED_MAX"], "what a message shows"),
    (
        "catalog/src/graph/numbers.rs",
        &["LIST_MAX"],
        "two forms of the same set",
    ),
    (
        "catalog/src/verify/mod.rs",
        &["SHOWN_BYTES_MAX"],
        "what a message shows",
    ),
    (
        "query/src/rest/backup.rs",
        &["BLOCKS_WAITING_MAX"],
        "back-pressure within a backup",
    ),
];

#[test]
fn law_9_every_named_bound_is_published_or_listed_as_an_exception() {
    let constant = Regex::new(r"\bconst ([A-Z][A-Z0-9_]*_MAX)\b").unwrap();
    let table = Regex::new(r"(?s)LIMITS: &\[(?:crate::)?Limit\] = &\[(.*?)\n\];").unwrap();
    let libraries = [
        "schema/src/",
        "config/src/",
        "catalog/src/",
        "ingestors/src/",
        "query/src/",
    ];
    let files: Vec<(String, String)> = Workspace::here()
        .rust_files()
        .into_iter()
        .filter(|(path, _)| libraries.iter().any(|folder| path.starts_with(folder)) && !path.contains("test"))
        .filter(|(path, _)| !path.contains("/contract/"))
        .collect();
    let tables: String = files
        .iter()
        .flat_map(|(_, text)| table.captures_iter(text).map(|found| found[1].to_owned()))
        .collect();
    let excepted = |path: &str, name: &str| {
        UNPUBLISHED
            .iter()
            .any(|(file, names, _)| *file == path && names.contains(&name))
    };
    let published = |name: &str| Regex::new(&format!(r"\b{name}\b")).unwrap().is_match(&tables);
    let mut silent = Vec::new();
    for (path, text) in &files {
        for found in constant.captures_iter(&production_code_of(text)) {
            if !excepted(path, &found[1]) && !published(&found[1]) {
                silent.push(format!("{path}: {}", &found[1]));
            }
        }
    }
    assert!(
        silent.is_empty(),
        "publish these in a table of limits, or say in this test why not: {silent:#?}"
    );
    for (file, names, _) in UNPUBLISHED {
        let text = files
            .iter()
            .find(|(path, _)| path == file)
            .map_or("", |(_, text)| text.as_str());
        for name in *names {
            assert!(
                text.contains(&format!("const {name}:")),
                "{file} has no {name}; take it out of the exceptions"
            );
        }
    }
}
