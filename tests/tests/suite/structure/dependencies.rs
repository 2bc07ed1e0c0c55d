//! The direction of dependencies between the crates of the workspace.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_tests::Workspace;

/// Who may know whom. A new edge is an edit here, seen in review: `schema` knows nothing, the sources never see the
/// catalog, the API never sees a source, and only the binary and these suites know all.
const TABLE: &[(&str, &[&str])] = &[
    ("schema", &[]),
    ("config", &["schema"]),
    ("catalog", &["schema"]),
    ("ingestors", &["schema"]),
    ("query", &["schema", "catalog"]),
    ("cli", &["schema", "config", "catalog", "ingestors", "query"]),
    ("tests", &["schema", "config", "catalog", "ingestors", "query"]),
    // The benchmark sees what everybody sees: the binary, over HTTP.
    ("bench", &[]),
];

#[test]
fn crates_depend_on_each_other_as_the_table_says() {
    let table: BTreeMap<&str, BTreeSet<&str>> = TABLE
        .iter()
        .map(|(folder, uses)| (*folder, uses.iter().copied().collect()))
        .collect();
    let members = Workspace::here().members();
    let folders: BTreeSet<&str> = members.iter().map(|member| member.folder.as_str()).collect();
    assert_eq!(
        folders,
        table.keys().copied().collect(),
        "the members of the workspace, left, and of the table, right"
    );
    for member in &members {
        let uses: BTreeSet<&str> = member.uses.iter().map(String::as_str).collect();
        let wanted = &table[member.folder.as_str()];
        let new: Vec<_> = uses.difference(wanted).collect();
        assert!(
            new.is_empty(),
            "`{}` depends on {new:?}, which the table of this test does not allow; put what both need into `schema`, or \
             behind a port there, or change the table and say why in docs/adr/",
            member.folder,
        );
        let gone: Vec<_> = wanted.difference(&uses).collect();
        assert!(
            gone.is_empty(),
            "`{}` no longer depends on {gone:?}; take that out of the table",
            member.folder
        );
    }
}

#[test]
fn versions_stand_once_in_the_root_manifest() {
    let workspace = Workspace::here();
    for member in workspace.members() {
        let path = format!("{}/Cargo.toml", member.folder);
        let text = workspace.read(&path).unwrap();
        let own: Vec<&str> = text
            .lines()
            .skip_while(|line| !line.ends_with("dependencies]"))
            .collect();
        let versions = own
            .iter()
            .filter(|line| line.contains('=') && !line.contains("workspace = true"));
        let versions: Vec<_> = versions
            .filter(|line| line.contains("version") || line.contains("= \""))
            .collect();
        assert!(versions.is_empty(), "{path} names versions of its own: {versions:?}");
    }
}
