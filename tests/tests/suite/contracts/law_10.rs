//! Law 10: contracts are files.

use bailiwick_tests::Workspace;

/// Every file or folder that is a promise, and the test that compares it with what the code yields.
const CONTRACTS: &[(&str, &str, &str)] = &[
    (
        "schema/contracts/config.schema.json",
        "config/src/tests.rs",
        "config.schema.json",
    ),
    (
        "schema/contracts/schema.graphql",
        "query/src/rest/tests.rs",
        "schema.graphql",
    ),
    (
        "schema/contracts/openapi.json",
        "query/src/rest/tests.rs",
        "openapi.json",
    ),
    ("schema/contracts/metrics.txt", "query/src/rest/tests.rs", "metrics.txt"),
    (
        "docs/limits.md",
        "tests/tests/suite/contracts/law_9.rs",
        "docs/limits.md",
    ),
    (
        "docs/findings.md",
        "tests/tests/suite/structure/documents.rs",
        "docs/findings.md",
    ),
];

#[test]
fn law_10_contracts_are_files_and_each_is_compared_by_a_test() {
    let workspace = Workspace::here();
    for (contract, test, name) in CONTRACTS {
        let text = workspace
            .read(contract)
            .unwrap_or_else(|| panic!("`{contract}` is not checked in"));
        assert!(!text.trim().is_empty(), "`{contract}` is empty");
        let test_text = workspace
            .read(test)
            .unwrap_or_else(|| panic!("`{test}`, which compares `{contract}`, is gone"));
        assert!(test_text.contains(name), "`{test}` does not speak of `{name}`");
    }
}

/// The help pages of the command line are many; their test walks over all of them.
#[test]
fn law_10_the_pages_of_the_command_line_are_contracts_too() {
    let workspace = Workspace::here();
    let pages = workspace
        .files()
        .into_iter()
        .filter(|path| path.starts_with("schema/contracts/cli/"))
        .count();
    let test = workspace.read("cli/tests/cli/help.rs").unwrap_or_default();
    assert_eq!(
        pages > 0,
        test.contains("schema/contracts/cli"),
        "{pages} pages, and a test that compares them, or neither"
    );
}

#[test]
fn law_10_no_contract_is_without_its_test() {
    let workspace = Workspace::here();
    let files = workspace.files();
    let contracts = files.iter().filter(|path| path.starts_with("schema/contracts/"));
    let unknown: Vec<_> = contracts
        .filter(|path| !path.starts_with("schema/contracts/cli/"))
        .filter(|path| !CONTRACTS.iter().any(|(contract, _, _)| contract == path))
        .collect();
    assert!(
        unknown.is_empty(),
        "list these in this test, each with the test that compares it: {unknown:?}"
    );
}
