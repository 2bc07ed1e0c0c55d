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
