//! `bailiwick validate`.

use crate::support::{root, run, write};

const GOOD: &str = "\
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: pay}
spec: {type: service, lifecycle: production, owner: team-a}
";

#[test]
fn the_sample_organisation_is_valid() {
    let ended = run(&["validate", "config/sample"], &root()).expect(0);
    assert!(ended.stdout.is_empty(), "{}", ended.stdout);
    assert!(ended.stderr.contains(": valid"), "{}", ended.stderr);
    assert_eq!(
        run(&["validate", "config/sample", "--output", "json", "--quiet"], &root())
            .expect(0)
            .json(),
        serde_json::json!([])
    );
}

#[test]
fn problems_are_listed_with_file_line_column_code_and_message() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "good.yaml", GOOD);
    let bad = format!(
        "{GOOD}---\napiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: not a name\nspec: {{}}\n"
    );
    write(folder.path(), "sub/bad.yaml", &bad);
    write(folder.path(), "broken.yml", "a: [\n");
    write(
        folder.path(),
        "lines.ndjson",
        "{\"apiVersion\": \"backstage.io/v1alpha1\", \"kind\": \"Domain\", \"metadata\": {\"name\": \"d\"}, \"spec\": {\"owner\": \"x\"}}\n\n{\"kind\": 1}\n",
    );
    write(folder.path(), "notes.txt", "not a descriptor");
    write(folder.path(), "openapi.yaml", "openapi: 3.0.0\ninfo: {title: x}\n");
    let found = run(&["validate", ".", "--output", "json"], folder.path())
        .expect(1)
        .json();
    let found = found.as_array().unwrap();
    let mut keys: Vec<&String> = found[0].as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(keys, ["code", "column", "file", "line", "message"]);
    let at = |file: &str, line: u64| found.iter().any(|one| one["file"] == file && one["line"] == line);
    assert!(at("./sub/bad.yaml", 9), "the name: {found:?}");
    assert!(found.iter().any(|one| one["file"] == "./broken.yml"), "{found:?}");
    assert!(at("./lines.ndjson", 3), "lines count on in NDJSON: {found:?}");
    assert!(
        !found
            .iter()
            .any(|one| ["./good.yaml", "./notes.txt", "./openapi.yaml"].contains(&one["file"].as_str().unwrap()))
    );

    let table = run(&["validate", "sub/bad.yaml"], folder.path()).expect(1);
    run(&["validate", "openapi.yaml"], folder.path()).expect(1);
    assert!(
        table.stdout.lines().any(|line| line.starts_with("sub/bad.yaml:9:9: ")),
        "{}",
        table.stdout
    );
}

#[test]
fn files_folders_and_globs_may_be_named_and_each_file_is_read_once() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a/catalog-info.yaml", GOOD);
    write(folder.path(), "b/deep/catalog-info.yaml", GOOD);
    write(folder.path(), "b/other.yaml", "nonsense: true\n");
    let ended = run(
        &["validate", "**/catalog-info.yaml", "a/catalog-info.yaml"],
        folder.path(),
    )
    .expect(0);
    assert!(ended.stderr.starts_with("2 files, 2 entities"), "{}", ended.stderr);
    run(&["validate", "b/*.yaml"], folder.path()).expect(1);
    for missing in ["missing.yaml", "nothing/*.yaml"] {
        let found = run(&["validate", missing, "--output", "json"], folder.path())
            .expect(1)
            .json();
        assert_eq!(found[0]["file"], missing);
    }
}

#[test]
fn kinds_of_ones_own_are_known_when_they_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let robot = "apiVersion: acme.com/v1\nkind: Robot\nmetadata: {name: r2}\nspec: {arms: 2}\n";
    write(folder.path(), "robot.yaml", robot);
    let kind = "kind: Robot\nplural: robots\napi_versions: [acme.com/v1]\ndescription: A robot.\nspec_schema: {type: object}\n";
    write(folder.path(), "kinds/robot.yaml", kind);
    run(&["validate", "robot.yaml"], folder.path()).expect(1);
    run(&["validate", "robot.yaml", "--kinds", "kinds"], folder.path()).expect(0);
    write(folder.path(), "kinds/broken.yaml", "kind: [\n");
    run(&["validate", "robot.yaml", "--kinds", "kinds"], folder.path()).expect(2);
}

#[test]
fn hostile_files_are_problems_and_never_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let files: &[(&str, Vec<u8>)] = &[
        ("nul.yaml", b"a: \0\n".to_vec()),
        ("latin1.yaml", b"a: \xff\xfe\n".to_vec()),
        ("deep.json", b"[".repeat(100_000)),
        (
            "long.ndjson",
            [
                b"{\"a\": \"".to_vec(),
                b"x".repeat(11 * 1024 * 1024),
                b"\"}\n{\"kind\": 1}\n".to_vec(),
            ]
            .concat(),
        ),
        (
            "bomb.yaml",
            b"a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c]\n"
                .to_vec(),
        ),
        ("escape.yaml", b"kind: \"\\e[31mred\"\n".to_vec()),
    ];
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    let found = run(&["validate", ".", "--output", "json"], folder.path())
        .expect(1)
        .json();
    for (name, _) in files {
        let file = format!("./{name}");
        assert!(
            found.as_array().unwrap().iter().any(|one| one["file"] == *file),
            "{name}"
        );
    }
    let at_three = |one: &serde_json::Value| one["file"] == "./long.ndjson" && one["line"] == 2;
    assert!(
        found.as_array().unwrap().iter().any(at_three),
        "the line after the long one is the second"
    );
    let table = run(&["validate", "escape.yaml"], folder.path()).expect(1);
    assert!(!table.stdout.contains('\u{1b}'), "{:?}", table.stdout);
}
