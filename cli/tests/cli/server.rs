//! A running server, and the commands that ask it.

use std::time::Duration;

use crate::support::{Server, http, root, run, write};

const CONFIG: &str = "
store: {engine: memory}
sources:
- {id: org, type: files, paths: [org], schedule: '0 3 * * *', time_zone: Europe/Berlin}
";

const TEAM: &str = "\
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: team-a, title: Team A}
spec: {type: team, children: []}
";

const PAY: &str = "\
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: pay, title: Payments, description: Takes money. And gives it back., tags: [java, core]}
spec: {type: service, lifecycle: production, owner: team-a, system: shop, dependsOn: ['resource:ledger-db']}
";

const SHOP: &str = "\
apiVersion: backstage.io/v1alpha1
kind: System
metadata: {name: shop}
spec: {owner: team-a}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: attic}
spec: {type: website, lifecycle: deprecated, owner: nobody-knows}
";

fn files() -> Vec<(&'static str, &'static str)> {
    vec![
        ("org/team.yaml", TEAM),
        ("org/pay.yaml", PAY),
        ("org/shop.yaml", SHOP),
        ("org/broken.yaml", "kind: [\n"),
    ]
}

/// A server that has read its sources once.
fn filled() -> Server {
    let server = Server::start(CONFIG, &files());
    let run = server
        .ask(&["runs", "trigger", "org", "--wait", "--output", "json"])
        .expect(0)
        .json();
    assert!(matches!(run["status"].as_str(), Some("SUCCEEDED" | "PARTIAL")), "{run}");
    server
}

#[test]
fn every_query_command_answers_for_people_and_for_machines() {
    let server = filled();

    let pay = server.json(&["get", "component:pay"]);
    assert_eq!(
        (pay["ref"].as_str(), pay["owners"][0]["ref"].as_str()),
        (Some("component:default/pay"), Some("group:default/team-a"))
    );
    let page = server.ask(&["get", "Component:default/PAY"]).expect(0).stdout;
    for part in [
        "Payments",
        "group:default/team-a",
        "dependsOn resource:default/ledger-db",
        "(not in the catalog)",
    ] {
        assert!(page.contains(part), "{part} is in {page}");
    }

    let all = server.json(&["list"]);
    assert_eq!(all.as_array().map(Vec::len), Some(4), "{all}");
    let refs = |args: &[&str]| {
        let list = server.json(&[&["list"], args].concat());
        list.as_array()
            .unwrap()
            .iter()
            .map(|one| one["ref"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        refs(&["--kind", "component", "--order", "metadata.name:desc"]),
        ["component:default/pay", "component:default/attic"]
    );
    assert_eq!(
        refs(&["--owner", "team-a", "--kind", "System"]),
        ["system:default/shop"]
    );
    assert_eq!(refs(&["--tag", "java", "--tag", "core"]), ["component:default/pay"]);
    assert_eq!(refs(&["--filter", "spec.type=website"]), ["component:default/attic"]);
    assert_eq!(refs(&["--all"]).len(), 4);
    let cut = server.ask(&["list", "--first", "1"]).expect(0);
    assert!(cut.stderr.contains("1 of 4"), "{}", cut.stderr);
    assert!(server.ask(&["list", "--kind", "API"]).expect(0).stdout.is_empty());

    let hits = server.json(&["search", "paym"]);
    assert_eq!(hits[0]["entity"]["ref"], "component:default/pay", "{hits}");
    server.ask(&["search", "xyzzyxyzzy"]).expect(1);

    let owner = server.json(&["owner", "component:pay"]);
    assert_eq!(owner["outcome"], "OWNED", "{owner}");
    let owner = server.ask(&["owner", "component:pay"]).expect(0).stdout;
    assert!(
        owner.starts_with("group:default/team-a") && owner.contains("explicit"),
        "{owner}"
    );
    server.ask(&["owner", "group:team-a"]).expect(1);
    server.ask(&["owner", "no-such-thing"]).expect(1);

    let explained = server.json(&["explain", "component:pay", "spec.owner"]);
    assert!(explained["fields"][0]["winner"]["source"] == "org", "{explained}");
    let explained = server.ask(&["explain", "component:pay"]).expect(0).stdout;
    assert!(explained.contains("pay.yaml"), "{explained}");

    let graph = server.json(&["graph", "component:pay"]);
    assert_eq!(graph["start"], "component:default/pay");
    assert!(
        graph["dangling"]
            .as_array()
            .unwrap()
            .contains(&"resource:default/ledger-db".into()),
        "{graph}"
    );
    assert!(server.ask(&["graph", "component:pay"]).expect(0).stdout.contains("└─ "));
    assert!(
        server
            .ask(&["graph", "component:pay", "--format", "dot"])
            .expect(0)
            .stdout
            .starts_with("digraph")
    );
    assert!(
        server
            .ask(&["graph", "system:shop", "--direction", "in", "--format", "mermaid"])
            .expect(0)
            .stdout
            .starts_with("graph LR")
    );

    assert_eq!(server.json(&["sources"])[0]["id"], "org");
    assert!(server.ask(&["sources"]).expect(0).stdout.contains("0 3 * * *"));
    let runs = server.json(&["runs", "--source", "org"]);
    let id = runs[0]["id"].as_str().unwrap().to_owned();
    assert!(server.ask(&["runs"]).expect(0).stdout.contains(&id));
    assert_eq!(server.json(&["runs", "show", &id])["id"], id.as_str());
    let findings = server.json(&["findings"]);
    assert!(
        findings
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["file"].as_str().is_some_and(|file| file.contains("broken.yaml"))),
        "{findings}"
    );
    assert!(
        server
            .ask(&["findings", "--severity", "error"])
            .expect(0)
            .stdout
            .contains("broken.yaml")
    );
    let changes = server.json(&["changes", "--entity", "component:pay"]);
    assert_eq!(changes[0]["change"], "CREATED", "{changes}");
    assert_eq!(server.json(&["sweeps"]), serde_json::json!([]));

    let export = server.ask(&["export", "--content"]).expect(0).stdout;
    assert_eq!(export.lines().count(), 4, "{export}");
    assert_eq!(server.json(&["verify"])["agrees"], true);
    assert!(server.ask(&["health"]).expect(0).stdout.contains("ready"));
}

#[test]
fn what_is_not_there_exits_1() {
    let server = filled();
    for args in [
        &["get", "component:nothing"][..],
        &["explain", "component:nothing"],
        &["explain", "component:pay", "spec.nothing"],
        &["graph", "component:nothing"],
        &["runs", "show", "nothing"],
        &["runs", "trigger", "nothing"],
        &["sweeps", "approve", "nothing"],
        &["sweeps", "undo", "nothing"],
    ] {
        let ended = server.ask(args).expect(1);
        assert!(ended.stderr.starts_with("error: "), "{args:?}: {}", ended.stderr);
    }
    server.ask(&["get", "not a ref"]).expect(2);
}

#[test]
fn one_line_on_standard_output_and_a_clean_end_within_ten_seconds() {
    for signal in ["-TERM", "-INT"] {
        let mut server = filled();
        let (code, rest, took) = server.stop(signal);
        assert_eq!(
            (code, rest.as_str()),
            (Some(0), ""),
            "nothing but the one line is printed"
        );
        assert!(took < Duration::from_secs(10), "{took:?}");
    }
}

#[test]
fn a_connection_that_stays_open_does_not_hold_up_the_end() {
    let mut server = filled();
    let address = server.url.strip_prefix("http://").unwrap().to_owned();
    let _idle = std::net::TcpStream::connect(&address).unwrap();
    let mut half = std::net::TcpStream::connect(&address).unwrap();
    std::io::Write::write_all(
        &mut half,
        b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{",
    )
    .unwrap();
    let (code, _, took) = server.stop("-TERM");
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[test]
fn with_tokens_nothing_is_answered_without_one() {
    let made = run(&["token", "new", "--output", "json"], &root()).expect(0).json();
    let hash = made["hash"].as_str().unwrap();
    let config = format!("{CONFIG}auth: {{tokens: [{{name: reader, hash: '{hash}'}}]}}\n");
    let server = Server::start(&config, &files());
    write(
        server.folder.path(),
        "token",
        &format!("{}\n", made["token"].as_str().unwrap()),
    );
    write(server.folder.path(), "wrong", "bwk_0000\n");
    let refused = server.ask(&["list"]).expect(4);
    assert!(refused.stderr.contains("--token-file"), "{}", refused.stderr);
    server.ask(&["list", "--token-file", "wrong"]).expect(4);
    server.ask(&["list", "--token-file", "token"]).expect(0);
    server
        .ask(&["runs", "trigger", "org", "--token-file", "token"])
        .expect(4);
    server.ask(&["export", "--token-file", "token"]).expect(0);
    server.ask(&["export"]).expect(4);
    server.ask(&["health"]).expect(0);
}

#[test]
fn a_taken_address_and_a_data_directory_in_use_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "bailiwick.yaml", "sources: []\n");
    let server = Server::start_in(
        folder,
        &[
            "serve",
            "--config",
            "bailiwick.yaml",
            "--listen",
            "127.0.0.1:0",
            "--data-dir",
            "d",
        ],
    );
    let address = server.url.strip_prefix("http://").unwrap();
    let serve = |listen: &str, data_dir: &str| {
        let args = [
            "serve",
            "--config",
            "bailiwick.yaml",
            "--listen",
            listen,
            "--data-dir",
            data_dir,
        ];
        run(&args, server.folder.path())
    };
    assert!(serve(address, "other").expect(3).stderr.contains("in use"));
    assert!(serve("127.0.0.1:0", "d").expect(3).stderr.contains("in use"));
    let export = run(&["export", "--data-dir", "d"], server.folder.path()).expect(3);
    assert!(export.stderr.contains("--server"), "{}", export.stderr);
}

#[test]
fn an_acknowledged_run_is_still_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files() {
        write(folder.path(), name, text);
    }
    write(folder.path(), "bailiwick.yaml", &CONFIG.replace("memory", "fjall"));
    let args = ["serve", "--config", "bailiwick.yaml", "--listen", "127.0.0.1:0"];
    let mut server = Server::start_in(folder, &args);
    server.ask(&["runs", "trigger", "org", "--wait"]).expect(0);
    let before = server.ask(&["export"]).expect(0).stdout;
    server.stop("-KILL");
    let folder = std::mem::replace(&mut server.folder, tempfile::tempdir().unwrap());
    let server = Server::start_in(folder, &args);
    assert_eq!(server.ask(&["export"]).expect(0).stdout, before);
}

#[test]
fn readiness_and_metrics_answer_over_plain_http() {
    let server = filled();
    for (path, wanted) in [("/readyz", "\"ready\""), ("/healthz", "\"ok\""), ("/metrics", "# EOF")] {
        let answer = http(
            &server.url,
            &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
        );
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.contains(wanted),
            "{path}: {answer}"
        );
    }
    let foreign = http(
        &server.url,
        "GET /readyz HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
    );
    assert!(foreign.starts_with("HTTP/1.1 403"), "{foreign}");
}

#[test]
fn a_held_sweep_is_listed_approved_and_undone() {
    let many: Vec<(String, String)> = (0..20)
        .map(|n| {
            (
                format!("org/c{n}.yaml"),
                PAY.replace("name: pay", &format!("name: c{n}")),
            )
        })
        .collect();
    let mut files: Vec<(&str, &str)> = many.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    files.push(("org/team.yaml", TEAM));
    let server = Server::start(CONFIG, &files);
    server.ask(&["runs", "trigger", "org", "--wait"]).expect(0);
    for (name, _) in many.iter().take(12) {
        std::fs::remove_file(server.folder.path().join(name)).unwrap();
    }
    server.ask(&["runs", "trigger", "org", "--wait"]).expect(0);
    let count = || server.json(&["list", "--all"]).as_array().unwrap().len();
    assert_eq!(count(), 21, "the removal is held");
    let sweeps = server.json(&["sweeps"]);
    let ids: Vec<String> = sweeps
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["id"].as_str().unwrap().to_owned())
        .collect();
    assert!(!ids.is_empty(), "{sweeps}");
    assert!(server.ask(&["sweeps"]).expect(0).stdout.contains(&ids[0]));
    let mut applied = Vec::new();
    for id in &ids {
        let result = server.json(&["sweeps", "approve", id]);
        applied.extend(result["appliedId"].as_str().map(str::to_owned));
    }
    assert_eq!(count(), 9);
    assert_eq!(
        server.json(&["sweeps", "list", "--applied"]).as_array().map(Vec::len),
        Some(applied.len())
    );
    for id in &applied {
        server.ask(&["sweeps", "undo", id]).expect(0);
    }
    assert_eq!(count(), 21, "undone");
}
