//! `bailiwick ingest`, and `export` and `verify` on a data directory.

use crate::support::{run, write};

const TEAM: &str = "\
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: team-a}
spec: {type: team, children: []}
";
const COMPONENT: &str = "\
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: pay, tags: [java]}
spec: {type: service, lifecycle: production, owner: team-a}
";
const CONFIG: &str = "sources: [{id: org, type: files, paths: [org], watch: false}]\nlog: {level: error}\n";

fn organisation() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "c.yaml", CONFIG);
    write(folder.path(), "org/team.yaml", TEAM);
    write(folder.path(), "org/pay.yaml", COMPONENT);
    folder
}

const INGEST: &[&str] = &["ingest", "--config", "c.yaml", "--data-dir", "d", "--output", "json"];

#[test]
fn one_pass_makes_a_catalog_that_exports_and_verifies() {
    let folder = organisation();
    let runs = run(INGEST, folder.path()).expect(0).json();
    assert_eq!(runs[0]["status"], "SUCCEEDED", "{runs}");
    let export = |args: &[&str]| {
        run(&[&["export", "--data-dir", "d"], args].concat(), folder.path())
            .expect(0)
            .stdout
    };
    let content = export(&["--content"]);
    assert_eq!(content.lines().count(), 2, "{content}");
    for line in content.lines() {
        let entity: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(
            entity.get("uid").is_none() && entity.get("position").is_none(),
            "{line}"
        );
    }
    assert!(export(&[]).contains("\"uid\""));
    let report = run(&["verify", "--data-dir", "d", "--output", "json"], folder.path())
        .expect(0)
        .json();
    assert_eq!(report["agrees"], true, "{report}");
    assert_eq!(report["entities"], 2, "{report}");
    assert_eq!(content, export(&["--content"]), "looking changes nothing");
}

#[test]
fn a_second_pass_over_the_same_content_writes_nothing() {
    let folder = organisation();
    let first = run(INGEST, folder.path()).expect(0).json();
    assert!(first[0]["counts"]["commits"].as_u64() > Some(0), "{first}");
    let second = run(INGEST, folder.path()).expect(0).json();
    assert_eq!(second[0]["counts"]["commits"], 0, "{second}");
    assert_eq!(second[0]["counts"]["entitiesChanged"], 0, "{second}");
}

#[test]
fn another_allow_policy_asks_for_a_full_read() {
    let folder = organisation();
    run(INGEST, folder.path()).expect(0);
    let narrower = CONFIG.replace("watch: false", "watch: false, allow: {kinds: [Component]}");
    write(folder.path(), "c.yaml", &narrower);
    let runs = run(INGEST, folder.path()).expect(0).json();
    assert!(
        runs[0]["counts"]["findings"].as_u64() > Some(0),
        "the group may not be declared: {runs}"
    );
}

#[test]
fn a_source_that_is_not_configured_and_a_folder_without_a_catalog_are_refused() {
    let folder = organisation();
    let unknown = run(&[INGEST, &["--source", "nope"]].concat(), folder.path()).expect(2);
    assert!(unknown.stderr.contains("configured are: org"), "{}", unknown.stderr);
    for name in ["export", "verify"] {
        run(&[name, "--data-dir", "nothing"], folder.path()).expect(2);
        assert!(!folder.path().join("nothing").exists(), "nothing is made by looking");
        run(&[name], folder.path()).expect(2);
        run(
            &[name, "--data-dir", "d", "--server", "http://127.0.0.1:1"],
            folder.path(),
        )
        .expect(2);
    }
}
