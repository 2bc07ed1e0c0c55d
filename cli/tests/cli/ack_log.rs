//! `ingest --ack-log` and `export --content`: by these others judge what was kept.

use crate::support::{Server, run, write};

const CONFIG: &str = "sources: [{id: org, type: files, paths: [org], watch: false}]\nlog: {level: error}\n\
                      server: {listen: \"127.0.0.1:0\"}\n";
const INGEST: &[&str] = &["ingest", "--config", "c.yaml", "--data-dir", "d", "--ack-log", "acks"];

fn component(name: &str, description: &str) -> String {
    format!(
        r#"{{"apiVersion":"backstage.io/v1alpha1","kind":"Component","metadata":{{"name":"{name}","description":"{description}"}},"spec":{{"type":"service","lifecycle":"production","owner":"team-a"}}}}"#
    )
}

fn folder(description: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "c.yaml", CONFIG);
    write(folder.path(), "org/a.ndjson", &component("a", description));
    folder
}

fn numbers(text: &str) -> Vec<u64> {
    text.lines().map(|line| line.parse().unwrap()).collect()
}

#[test]
fn every_commit_has_its_line_and_further_runs_go_on_where_the_list_ends() {
    let folder = folder("one");
    let acknowledged = || std::fs::read_to_string(folder.path().join("acks")).unwrap();
    let head = || {
        let args = ["verify", "--config", "c.yaml", "--data-dir", "d", "--output", "json"];
        run(&args, folder.path()).expect(0).json()["position"].as_u64().unwrap()
    };
    run(INGEST, folder.path()).expect(0);
    assert_eq!(numbers(&acknowledged()), (1..=head()).collect::<Vec<_>>());
    let before = acknowledged();
    run(INGEST, folder.path()).expect(0);
    assert_eq!(acknowledged(), before, "nothing changed, so nothing was committed");
    write(folder.path(), "org/a.ndjson", &component("a", "other"));
    run(INGEST, folder.path()).expect(0);
    assert!(acknowledged().len() > before.len());
    assert_eq!(numbers(&acknowledged()), (1..=head()).collect::<Vec<_>>());
}

#[test]
fn a_line_that_was_cut_short_does_not_run_into_the_next() {
    let folder = folder("one");
    write(folder.path(), "acks", "7\n1");
    run(INGEST, folder.path()).expect(0);
    let text = std::fs::read_to_string(folder.path().join("acks")).unwrap();
    assert!(text.starts_with("7\n1\n1\n"), "{text}");
}

#[test]
fn a_list_that_cannot_be_written_ends_an_ingest_before_it_begins() {
    let folder = folder("one");
    for place in ["nowhere/acks", "org"] {
        let args = ["ingest", "--config", "c.yaml", "--data-dir", "d", "--ack-log", place];
        let ended = run(&args, folder.path()).expect(2);
        assert!(ended.stderr.contains("cannot append to"), "{}", ended.stderr);
    }
    assert!(!folder.path().join("d").exists());
}

#[test]
fn the_content_is_the_same_however_it_came_to_be() {
    let straight = folder("three");
    run(INGEST, straight.path()).expect(0);
    let export = |folder: &std::path::Path| {
        let args = ["export", "--config", "c.yaml", "--data-dir", "d", "--content"];
        run(&args, folder).expect(0).stdout
    };
    let wanted = export(straight.path());
    for word in ["uid", "position", "etag", "At\""] {
        assert!(!wanted.contains(word), "{word} follows from no content: {wanted}");
    }
    let winding = folder("one");
    for description in ["one", "two", "three"] {
        write(winding.path(), "org/a.ndjson", &component("a", description));
        write(winding.path(), "org/b.ndjson", &component("b", description));
        run(INGEST, winding.path()).expect(0);
    }
    std::fs::remove_file(winding.path().join("org/b.ndjson")).unwrap();
    run(INGEST, winding.path()).expect(0);
    assert_eq!(export(winding.path()), wanted);
    let server = Server::start_in(winding, &["serve", "--config", "c.yaml", "--data-dir", "d"]);
    assert_eq!(server.ask(&["export", "--content"]).expect(0).stdout, wanted);
}
