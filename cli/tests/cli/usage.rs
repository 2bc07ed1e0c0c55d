//! Exit codes, streams, colours and the rest of good manners.

use std::net::TcpListener;

use crate::support::{command, root, run, run_command};

#[test]
fn a_wrong_command_line_exits_2_and_says_so_on_standard_error() {
    for args in [
        &["frobnicate"][..],
        &["get"],
        &["list", "--first", "many"],
        &["config"],
        &["get", "x", "--output", "xml"],
    ] {
        let ended = run(args, &root()).expect(2);
        assert!(
            ended.stdout.is_empty() && !ended.stderr.is_empty(),
            "{args:?}: {ended:?}"
        );
    }
    run(&["list", "--filter", "nonsense"], &root()).expect(2);
    run(&["list", "--order", "name:sideways"], &root()).expect(2);
}

#[test]
fn a_server_that_is_not_there_exits_3_with_one_line_what_and_one_what_to_do() {
    // A port that was free a moment ago, and that nobody listens on.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = format!("http://127.0.0.1:{port}");
    for args in [
        &["get", "component:x"][..],
        &["health"],
        &["runs"],
        &["export"],
        &["verify"],
    ] {
        let mut all = args.to_vec();
        all.extend(["--server", &server]);
        let ended = run(&all, &root()).expect(3);
        assert!(ended.stdout.is_empty(), "{args:?}");
        let lines: Vec<&str> = ended.stderr.lines().collect();
        assert!(
            matches!(lines.as_slice(), [what, help] if what.starts_with("error: ") && help.starts_with("help: ")),
            "{lines:?}"
        );
    }
}

#[test]
fn the_variable_stands_for_the_flag_and_the_flag_wins() {
    let mut with_variable = command(&["get", "component:x"], &root());
    with_variable.env("BAILIWICK_SERVER", "ftp://nowhere");
    assert!(run_command(with_variable).expect(2).stderr.contains("http://"));
    let mut with_both = command(&["get", "component:x", "--server", "http://user:pw@h"], &root());
    with_both.env("BAILIWICK_SERVER", "ftp://nowhere");
    let ended = run_command(with_both).expect(2);
    assert!(
        ended.stderr.contains("--token-file") && !ended.stderr.contains("pw@"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_token_file_that_is_none_is_told_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("empty", "\n"), ("two", "a b\n"), ("long", &"x".repeat(10_000))] {
        let file = crate::support::write(folder.path(), name, text);
        let ended = run(&["list", "--token-file", file.to_str().unwrap()], folder.path()).expect(2);
        assert!(ended.stderr.contains("token file"), "{}", ended.stderr);
    }
    run(&["list", "--token-file", "missing"], folder.path()).expect(2);
}

#[test]
fn colours_are_for_terminals_or_for_those_who_ask() {
    let is_painted = |args: &[&str]| run(args, &root()).stdout.contains('\u{1b}');
    assert!(!is_painted(&["config", "check"]), "standard output is no terminal");
    assert!(is_painted(&["config", "check", "--color", "always"]));
    assert!(!is_painted(&["config", "check", "--color", "never"]));
}

#[test]
fn completions_are_made_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&["completions", shell], &root()).expect(0).stdout;
        assert!(script.contains("bailiwick") && script.contains("validate"), "{shell}");
    }
    run(&["completions", "cmd"], &root()).expect(2);
}

#[test]
fn a_token_is_printed_once_with_the_hash_that_the_configuration_takes() {
    let ended = run(&["token", "new", "--name", "ci", "--output", "json"], &root())
        .expect(0)
        .json();
    let token = ended["token"].as_str().unwrap();
    assert!(token.starts_with("bwk_"), "{token}");
    let folder = tempfile::tempdir().unwrap();
    let hash = ended["hash"].as_str().unwrap();
    let text = format!("auth: {{tokens: [{{name: ci, hash: '{hash}'}}]}}\nserver: {{listen: '0.0.0.0:7007'}}\n");
    crate::support::write(folder.path(), "c.yaml", &text);
    run(&["config", "check", "--config", "c.yaml"], folder.path()).expect(0);
    assert!(
        run(&["token", "new"], &root())
            .expect(0)
            .stdout
            .contains("operate: true")
    );
    run(&["token", "new", "--name", "a b"], &root()).expect(2);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let mut child = command(&["config", "schema"], &root()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0));
}
