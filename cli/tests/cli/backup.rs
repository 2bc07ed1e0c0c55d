//! `bailiwick backup` and `bailiwick restore`, and what they refuse.

use std::path::Path;

use crate::support::{Server, command, run, write};

const CONFIG: &str = "sources: [{id: org, type: files, paths: [org], watch: false}]\nlog: {level: error}\n";

const ORG: &str = "\
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: team-a}
spec: {type: team, children: []}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: pay, tags: [java]}
spec: {type: service, lifecycle: production, owner: team-a, dependsOn: ['component:ledger']}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: ledger}
spec: {type: service, lifecycle: production, owner: nobody}
";

/// A data directory `d` with a small organisation in it.
fn organisation() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "c.yaml", CONFIG);
    write(folder.path(), "org/all.yaml", ORG);
    run(
        &["ingest", "--config", "c.yaml", "--data-dir", "d", "--quiet"],
        folder.path(),
    )
    .expect(0);
    folder
}

/// The same with its backup `b`.
fn backed_up() -> tempfile::TempDir {
    let folder = organisation();
    run(&["backup", "--data-dir", "d", "--out", "b"], folder.path()).expect(0);
    folder
}

fn export(folder: &Path, data_dir: &str) -> String {
    run(&["export", "--data-dir", data_dir], folder).expect(0).stdout
}

fn verify(folder: &Path, data_dir: &str) -> serde_json::Value {
    run(&["verify", "--data-dir", data_dir, "--json"], folder)
        .expect(0)
        .json()
}

#[test]
fn a_backup_restores_into_every_engine_and_out_of_it_again() {
    let folder = backed_up();
    let path = folder.path();
    let (original, report) = (export(path, "d"), verify(path, "d"));
    assert_eq!(original.lines().count(), 3);
    let mut lineages = vec![];
    for (from, engine, to) in [
        ("b", "sled", "in-sled"),
        ("b", "fjall", "in-fjall"),
        ("in-sled.backup", "fjall", "sled-to-fjall"),
        ("in-fjall.backup", "sled", "fjall-to-sled"),
    ] {
        let args = [
            "restore",
            from,
            "--data-dir",
            to,
            "--engine",
            engine,
            "--output",
            "json",
        ];
        let restored = run(&args, path).expect(0).json();
        assert_eq!(restored["engine"], engine, "{restored}");
        lineages.push(restored["lineage"].clone());
        assert_eq!(verify(path, to), report, "{to}");
        assert_eq!(export(path, to), original, "{to}");
        let next = format!("{to}.backup");
        let backup = run(&["backup", "--data-dir", to, "--out", &next, "--output", "json"], path)
            .expect(0)
            .json();
        assert_eq!(
            (&backup["engine"], &backup["lineage"]),
            (&restored["engine"], &restored["lineage"])
        );
        run(&["restore", &next, "--check"], path).expect(0);
    }
    lineages.sort_by_key(|lineage| lineage.to_string());
    lineages.dedup();
    assert_eq!(lineages.len(), 4, "every restore has a lineage of its own");
}

#[test]
fn a_backup_of_a_running_server_is_of_one_position_while_it_reads() {
    let mut text = String::new();
    for number in 0..400 {
        text.push_str(&format!(
            "{{\"apiVersion\":\"backstage.io/v1alpha1\",\"kind\":\"Component\",\"metadata\":{{\"name\":\"c-{number}\"}},\
             \"spec\":{{\"type\":\"service\",\"lifecycle\":\"production\",\"owner\":\"team-{}\"}}}}\n",
            number % 7
        ));
    }
    let mut server = Server::start(
        "store: {data_dir: d}\nlog: {level: error}\nsources: [{id: org, type: files, paths: [org], watch: false}]\n",
        &[("org/a.ndjson", &text)],
    );
    let path = server.folder.path().to_owned();
    let mut reports = Vec::new();
    for round in 0..3 {
        // The run goes on while the backup is taken.
        let changed = text.replace("production", &format!("stage-{round}"));
        write(&path, "org/a.ndjson", &changed);
        server.ask(&["runs", "trigger", "org"]).expect(0);
        let name = format!("b{round}");
        let backup = server.json(&["backup", "--out", &name]);
        let (data, backed) = (format!("r{round}"), backup["position"].clone());
        run(&["restore", &name, "--data-dir", &data], &path).expect(0);
        let report = verify(&path, &data);
        assert_eq!(
            (&report["agrees"], &report["position"]),
            (&true.into(), &backed),
            "{report}"
        );
        reports.push(report);
    }
    assert!(
        reports.is_sorted_by_key(|report| report["position"].as_u64()),
        "{reports:?}"
    );
    server.ask(&["runs", "trigger", "org", "--wait"]).expect(0);
    server.json(&["backup", "--out", "last"]);
    let live = server.ask(&["export"]).expect(0).stdout;
    assert_eq!(live.lines().count(), 400);
    let served = server.ask(&["verify", "--json"]).expect(0).json();
    server.stop("-TERM");
    run(&["restore", "last", "--data-dir", "r", "--engine", "sled"], &path).expect(0);
    assert_eq!(export(&path, "r"), live);
    let restored = verify(&path, "r");
    for what in ["position", "entities", "edges", "entitiesHash", "indexSum"] {
        assert_eq!(restored[what], served[what], "{what}");
    }
}

#[test]
fn nothing_that_is_there_is_written_over_unasked() {
    let folder = backed_up();
    let path = folder.path();
    let kept = std::fs::read(path.join("b")).unwrap();
    write(path, "org/more.yaml", &ORG.replace("ledger", "book"));
    run(&["ingest", "--config", "c.yaml", "--data-dir", "d", "--quiet"], path).expect(0);
    let again = ["backup", "--data-dir", "d", "--out", "b"];
    let refused = run(&again, path).expect(2);
    assert!(refused.stderr.contains("--force"), "{}", refused.stderr);
    assert_eq!(std::fs::read(path.join("b")).unwrap(), kept);
    run(&[&again[..], &["--force"]].concat(), path).expect(0);
    assert_ne!(std::fs::read(path.join("b")).unwrap(), kept);

    let refused = run(&["restore", "b", "--data-dir", "d"], path).expect(2);
    assert!(
        refused.stderr.contains("it holds `index`, `store`"),
        "{}",
        refused.stderr
    );
    run(&["backup", "--out", "x"], path).expect(2);
    run(
        &[
            "backup",
            "--data-dir",
            "d",
            "--server",
            "http://127.0.0.1:1",
            "--out",
            "x",
        ],
        path,
    )
    .expect(2);
    run(&["backup", "--data-dir", "nothing", "--out", "x"], path).expect(2);
    run(
        &["restore", "b", "--data-dir", "new", "--server", "http://127.0.0.1:1"],
        path,
    )
    .expect(2);
    run(&["restore", "b", "--data-dir", "new", "--engine", "memory"], path).expect(2);
    run(&["restore", "b", "--data-dir", "new", "--engine", "papyrus"], path).expect(2);
    run(&["restore", "nowhere", "--data-dir", "new"], path).expect(2);
    assert!(!path.join("x").exists() && !path.join("new").exists() && !path.join("nothing").exists());
}

#[test]
fn what_is_no_whole_backup_is_told_apart_and_restores_nothing() {
    let folder = backed_up();
    let path = folder.path();
    let whole = std::fs::read(path.join("b")).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 4;
    let mut newer = whole.clone();
    newer[8..16].copy_from_slice(&[0, 0, 0, 9, 0xff, 0xff, 0xff, 0xf6]);
    for (bytes, code, word) in [
        (&whole[..whole.len() - 9], 5, "is cut off at byte"),
        (&whole[..20], 5, "is cut off at byte 20"),
        (&flipped[..], 5, "is damaged at byte"),
        (&newer[..], 5, "format 9, newer than 1"),
        (ORG.as_bytes(), 2, "is no backup"),
        (b"", 2, "is empty"),
    ] {
        std::fs::write(path.join("other"), bytes).unwrap();
        for args in [
            &["restore", "other", "--data-dir", "new"][..],
            &["restore", "other", "--check"],
        ] {
            let refused = run(args, path).expect(code);
            assert!(
                refused.stderr.contains(word) && refused.stderr.contains("help: "),
                "{word}: {}",
                refused.stderr
            );
        }
        assert!(!path.join("new").exists(), "{word}");
    }
}

#[test]
fn a_restore_that_was_interrupted_is_told_by_everything_that_opens_the_folder() {
    let folder = backed_up();
    let path = folder.path();
    std::fs::create_dir_all(path.join("half/store.restoring")).unwrap();
    for args in [
        &["verify", "--data-dir", "half"][..],
        &["export", "--data-dir", "half"],
        &["backup", "--data-dir", "half", "--out", "x"],
        &["ingest", "--config", "c.yaml", "--data-dir", "half"],
        &[
            "serve",
            "--config",
            "c.yaml",
            "--data-dir",
            "half",
            "--listen",
            "127.0.0.1:0",
        ],
    ] {
        let refused = run(args, path).expect(2);
        assert!(
            refused.stderr.contains("restore it again"),
            "{args:?}: {}",
            refused.stderr
        );
    }
    assert!(!path.join("half/store").exists() && !path.join("x").exists());
    run(&["restore", "b", "--data-dir", "half"], path).expect(0);
    assert_eq!(verify(path, "half"), verify(path, "d"));
}

#[test]
#[cfg(all(debug_assertions, target_os = "linux"))]
fn a_backup_that_is_killed_leaves_no_file_of_its_name_and_hinders_nobody() {
    let folder = organisation();
    let path = folder.path();
    for count in ["1", "7"] {
        let mut killed = command(&["backup", "--data-dir", "d", "--out", "b"], path);
        killed.env("BAILIWICK_FAIL_POINT", format!("backup:{count}"));
        let status = killed.status().unwrap();
        assert_eq!(status.code(), None, "it died of a signal");
        assert!(!path.join("b").exists());
        let left = std::fs::read(path.join(".b.partial")).unwrap();
        assert!(!left.is_empty(), "part of it is there");
        let refused = run(&["restore", ".b.partial", "--data-dir", "new"], path).expect(5);
        assert!(refused.stderr.contains("is cut off"), "{}", refused.stderr);
    }
    run(&["backup", "--data-dir", "d", "--out", "b"], path).expect(0);
    assert!(!path.join(".b.partial").exists());
    run(&["restore", "b", "--data-dir", "new"], path).expect(0);
    assert_eq!(export(path, "new"), export(path, "d"));
}

#[test]
fn a_token_that_only_reads_gets_no_backup() {
    let folder = tempfile::tempdir().unwrap();
    let made = |name: &str| {
        run(&["token", "new", "--name", name, "--output", "json"], folder.path())
            .expect(0)
            .json()
    };
    let (reader, operator) = (made("reader"), made("ops"));
    let hash = |token: &serde_json::Value| token["hash"].as_str().unwrap().to_owned();
    let config = format!(
        "store: {{engine: memory}}\nlog: {{level: error}}\nauth: {{tokens: [{{name: reader, hash: '{}'}}, {{name: ops, \
         hash: '{}', operate: true}}]}}\n",
        hash(&reader),
        hash(&operator)
    );
    let server = Server::start(&config, &[]);
    let path = server.folder.path();
    for (name, token) in [("reader", &reader), ("ops", &operator)] {
        write(path, name, token["token"].as_str().unwrap());
    }
    server.ask(&["backup", "--out", "b"]).expect(4);
    let refused = server
        .ask(&["backup", "--out", "b", "--token-file", "reader"])
        .expect(4);
    assert!(refused.stderr.contains("operate: true"), "{}", refused.stderr);
    assert_eq!(
        std::fs::read_dir(path)
            .unwrap()
            .filter(|entry| {
                entry.as_ref().unwrap().file_name().to_string_lossy().contains('b')
                    && entry.as_ref().unwrap().file_name() != "bailiwick.yaml"
            })
            .count(),
        0,
        "nothing is left of what was refused"
    );
    server.ask(&["backup", "--out", "b", "--token-file", "ops"]).expect(0);
    run(&["restore", "b", "--check"], path).expect(0);
}
