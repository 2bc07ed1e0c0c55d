//! A process that is killed at any moment: what it acknowledged is there, nothing is there by half.
//!
//! Moments are chosen by what the process has written, which Linux tells.

#![cfg(target_os = "linux")]

use std::fmt::Write as _;

use crate::support::{command, run, write};

/// Entities of the test, in files of [`PER_FILE`].
const ENTITIES: usize = 2_000;
const PER_FILE: usize = 50;

const CONFIG: &str = "sources: [{id: org, type: files, paths: [org], watch: false}]\nlog: {level: error}\n";
const INGEST: &[&str] = &["ingest", "--config", "c.yaml", "--data-dir", "d", "--quiet"];

fn organisation() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "c.yaml", CONFIG);
    for file in 0..ENTITIES / PER_FILE {
        let mut text = String::new();
        for number in file * PER_FILE..(file + 1) * PER_FILE {
            let _ = writeln!(
                text,
                r#"{{"apiVersion":"backstage.io/v1alpha1","kind":"Component","metadata":{{"name":"c-{number}"}},"spec":{{"type":"service","lifecycle":"production","owner":"team-{}","dependsOn":["component:c-{}"]}}}}"#,
                number % 7,
                number / 2
            );
        }
        write(folder.path(), &format!("org/{file:03}.ndjson"), &text);
    }
    folder
}

/// Bytes that the process has written so far, to files and elsewhere; nothing once it has ended.
fn written(id: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{id}/io")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("wchar: "))?.parse().ok()
}

#[test]
fn law_5_a_killed_ingest_leaves_whole_commits_and_the_next_one_goes_on() {
    let folder = organisation();
    let export = |folder: &std::path::Path| {
        run(&["export", "--data-dir", "d", "--content"], folder)
            .expect(0)
            .stdout
    };
    let mut midway = 0;
    let mut held = 0;
    for written_bytes in [
        20_000, 100_000, 200_000, 300_000, 400_000, 600_000, 800_000, 1_200_000, 1_600_000,
    ] {
        let mut child = command(INGEST, folder.path()).spawn().unwrap();
        while written(child.id()).is_some_and(|bytes| bytes < written_bytes) && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        // SIGKILL: no handler runs. It may have ended by itself.
        let _ = child.kill();
        child.wait().unwrap();
        if !folder.path().join("d/store").is_dir() {
            continue;
        }
        let report = run(&["verify", "--data-dir", "d", "--config", "c.yaml"], folder.path());
        report.expect(0);
        let now_held = export(folder.path()).lines().count();
        assert!(
            now_held >= held,
            "what was acknowledged is there: {held}, then {now_held}"
        );
        held = now_held;
        println!("{written_bytes} bytes: {held} entities");
        midway += usize::from(held > 0 && held < ENTITIES);
    }
    assert!(midway > 0, "no kill came midway");
    run(INGEST, folder.path()).expect(0);
    run(&["verify", "--data-dir", "d", "--config", "c.yaml"], folder.path()).expect(0);

    let unharmed = organisation();
    run(INGEST, unharmed.path()).expect(0);
    let whole = export(unharmed.path());
    assert_eq!(whole.lines().count(), ENTITIES);
    assert!(
        whole == export(folder.path()),
        "nine kills leave no trace in the content"
    );
}
