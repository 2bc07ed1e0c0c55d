//! Layers, provenance and the collection of problems.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::wire::ConfigWire;
use crate::{Config, EMBEDDED, Flag, Input, Problems, StoreEngine};

const HASH: &str = "blake3:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn load_with(text: Option<&str>, env: &[(&str, &str)], flags: &[Flag]) -> Result<Config, Problems> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bailiwick.yaml");
    if let Some(text) = text {
        std::fs::write(&file, text).unwrap();
    }
    let env: BTreeMap<String, String> = env
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let file = text.map(|_| file.as_path());
    Config::load(&Input {
        file,
        working_dir: Path::new("/srv"),
        env: &env,
        flags,
    })
}

fn load(text: &str) -> Result<Config, Problems> {
    load_with(Some(text), &[], &[])
}

/// Each problem as `line:column path: message`, with the file where there is no line.
fn problems(result: Result<Config, Problems>) -> Vec<String> {
    let Problems(problems) = result.expect_err("the configuration is refused");
    let place = |line: Option<u32>, column: Option<u32>, file: &str| match (line, column) {
        (Some(line), Some(column)) => format!("{line}:{column}"),
        _ => file.to_owned(),
    };
    problems
        .iter()
        .map(|p| format!("{} {}: {}", place(p.line, p.column, &p.file), p.path, p.message))
        .collect()
}

#[test]
fn the_embedded_configuration_is_valid_and_starts_at_the_working_directory() {
    let config = load_with(None, &[], &[]).unwrap();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:7007");
    assert_eq!(config.store.data_dir, Path::new("/srv/data"));
    assert_eq!(config.base_dir(), Path::new("/srv"));
    let ids: Vec<&str> = config.sources.iter().map(|source| source.id.as_str()).collect();
    assert_eq!(ids, ["code", "sample"]);
    assert!(
        config.sources[0].options.contains_key("repositories"),
        "the type's own keys are handed on"
    );
    assert!(
        !config.sources[0].options.contains_key("schedule"),
        "common keys are not"
    );
}

#[test]
fn the_embedded_configuration_spells_out_every_default() {
    let documents = bailiwick_schema::yaml::parse_documents(EMBEDDED, &bailiwick_schema::yaml::Limits::default());
    let mut embedded = documents.into_iter().next().unwrap().root.unwrap().into_json();
    let fields = embedded.as_object_mut().unwrap();
    fields.remove("sources");
    let mut defaults = serde_json::to_value(ConfigWire::default()).unwrap();
    defaults.as_object_mut().unwrap().remove("sources");
    assert_eq!(embedded, defaults);
}

#[test]
fn a_file_stands_alone_and_its_folder_is_where_paths_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.yaml");
    std::fs::write(&file, "store: {data_dir: here, engine: memory}\n").unwrap();
    let env = BTreeMap::new();
    let input = Input {
        file: Some(&file),
        working_dir: Path::new("/srv"),
        env: &env,
        flags: &[],
    };
    let config = Config::load(&input).unwrap();
    assert_eq!(config.store.engine, StoreEngine::Memory);
    assert_eq!(config.store.data_dir, folder.path().join("here"));
    assert!(
        config.sources.is_empty(),
        "the embedded sources belong to the embedded file"
    );
}

#[test]
fn an_empty_file_is_all_defaults() {
    for text in ["", "# nothing yet\n", "---\n"] {
        assert_eq!(load(text).unwrap().server.listen.port(), 7007, "{text:?}");
    }
}

#[test]
fn the_environment_beats_the_file_and_flags_beat_both() {
    let text = "server: {listen: '127.0.0.1:1'}\nstore: {data_dir: a, cache_mib: 9}\n";
    let env = [
        ("BAILIWICK__SERVER__LISTEN", "127.0.0.1:2"),
        ("BAILIWICK__STORE__CACHE_MIB", "10"),
        ("BAILIWICK_SERVER", "x"),
    ];
    let flags = [
        Flag {
            name: "--listen",
            path: "server.listen",
            value: "127.0.0.1:3".to_owned(),
        },
        Flag {
            name: "--data-dir",
            path: "store.data_dir",
            value: "b".to_owned(),
        },
    ];
    let config = load_with(Some(text), &env, &flags).unwrap();
    assert_eq!(config.server.listen.port(), 3);
    assert_eq!(config.store.cache_bytes, 10 * 1024 * 1024);
    assert_eq!(
        config.store.data_dir,
        Path::new("/srv/b"),
        "a flag's path starts at the working directory"
    );

    let from: BTreeMap<String, String> = config
        .shown()
        .into_iter()
        .map(|shown| (shown.path, shown.from))
        .collect();
    assert_eq!(from["server.listen"], "flag --listen");
    assert_eq!(
        from["store.cache_mib"],
        "environment variable BAILIWICK__STORE__CACHE_MIB"
    );
    assert_eq!(from["log.level"], "default");
}

#[test]
fn items_of_a_list_are_set_by_their_id() {
    let text = "sources:\n- {id: git-hub, type: git, repositories: [x]}\n- {id: org, type: files, paths: [y]}\n";
    let env = [
        ("BAILIWICK__SOURCES__GIT_HUB__SCHEDULE", "*/5 * * * *"),
        ("BAILIWICK__SOURCES__GIT_HUB__REPOSITORIES", "[/a, 'b c']"),
        ("BAILIWICK__SOURCES__GIT_HUB__RUN_AT_START", "false"),
        ("BAILIWICK__SOURCES__MORE__TYPE", "files"),
        ("BAILIWICK__AUTH__TOKENS__CI__HASH", HASH),
    ];
    let config = load_with(Some(text), &env, &[]).unwrap();
    let [first, _, more] = config.sources.as_slice() else {
        panic!("three sources, not {:?}", config.sources)
    };
    assert_eq!(first.schedule.as_deref(), Some("*/5 * * * *"));
    assert_eq!(first.options["repositories"], json!(["/a", "b c"]));
    assert!(!first.run_at_start);
    assert_eq!((more.id.as_str(), more.source_type.as_str()), ("more", "files"));
    assert_eq!(config.auth.tokens[0].name, "ci");
}

#[test]
fn a_variable_that_looks_like_a_number_is_a_text_where_a_text_is_wanted() {
    let config = load_with(Some(""), &[("BAILIWICK__STORE__DATA_DIR", "2026")], &[]).unwrap();
    assert!(config.store.data_dir.ends_with("2026"));
}

#[test]
fn every_problem_is_reported_with_its_place() {
    let text = "\
server:
  listen: 7
  tls: yes
store: {engine: tape, cache_mib: 1}
auth: {tokens: [{name: a, hash: hunter2}]}
sources:
- id: Code
  type: git
- type: files
- {id: org, type: files, rank: high}
nonsense: 1
";
    let env = [
        ("BAILIWICK__LOG__LEVEL", "loud"),
        ("BAILIWICK__LOG____X", "1"),
        ("BAILIWICK__SERVER__LISTEN__X", "1"),
    ];
    let mut found = problems(load_with(Some(text), &env, &[]));
    found.sort();
    let expected = [
        "10:32 sources.org.rank: must be a whole number, not a text",
        "11:1 nonsense: is no key that is known here",
        "2:11 server.listen: must be a text, not a number",
        "3:3 server.tls: is no key that is known here; known are listen",
        "4:17 store.engine: must be one of fjall, sled, memory",
        "4:34 store.cache_mib: must be at least 8",
        "5:33 auth.tokens.a.hash: must match",
        "7:7 sources.Code.id: must match",
        "9:3 sources.1: the key `id` is missing",
        "environment variable BAILIWICK__LOG__LEVEL log.level: must be one of error, warn, info, debug, trace",
        "environment variable BAILIWICK__LOG____X log..x: the name has an empty part",
        "environment variable BAILIWICK__SERVER__LISTEN__X server.listen.x: `server.listen` is a value",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found:?} begins with {expected:?}");
    }
    assert!(!found.concat().contains("hunter2"), "no configured value is repeated");
}

#[test]
fn problems_that_a_schema_cannot_see_are_collected_too() {
    let text = format!(
        "server: {{listen: nowhere}}
auth: {{tokens: [{{name: a, hash: '{HASH}'}}, {{name: a, hash: '{HASH}'}}]}}
ownership: {{order: [label, label]}}
sources:
- {{id: a, type: git, time_zone: UTC}}
- {{id: a, type: git, previous_id: a}}
"
    );
    let found = problems(load(&text));
    let paths: Vec<&str> = found.iter().filter_map(|problem| problem.split(' ').nth(1)).collect();
    let expected = [
        "server.listen:",
        "auth.tokens.a.name:",
        "auth.tokens.a.hash:",
        "ownership.order.1:",
        "sources.a.time_zone:",
        "sources.a.id:",
        "sources.a.previous_id:",
    ];
    assert_eq!(paths, expected, "{found:#?}");
}

#[test]
fn beyond_loopback_a_token_is_asked_for() {
    for address in ["0.0.0.0:7007", "[::]:7007", "192.0.2.1:80"] {
        let found = problems(load(&format!("server: {{listen: '{address}'}}\n")));
        assert!(found[0].contains("bailiwick token new"), "{found:?}");
        let flags = [Flag {
            name: "--listen",
            path: "server.listen",
            value: address.to_owned(),
        }];
        let found = problems(load_with(None, &[], &flags));
        assert!(
            found[0].starts_with("flag --listen server.listen: is reachable"),
            "{found:?}"
        );
        let with_token = format!("server: {{listen: '{address}'}}\nauth: {{tokens: [{{name: a, hash: '{HASH}'}}]}}\n");
        assert!(load(&with_token).is_ok());
    }
    for address in ["127.0.0.1:0", "127.1.2.3:80", "[::1]:7007", "localhost:7007"] {
        assert!(load(&format!("server: {{listen: '{address}'}}\n")).is_ok(), "{address}");
    }
}

#[test]
fn hostile_files_are_refused_with_a_place_and_never_a_panic() {
    let deep = format!("a: {}", "[".repeat(10_000));
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c]\n";
    let long = "#".repeat(2 * 1024 * 1024);
    for text in [
        "- a\n",
        "a\n",
        "a: 1\na: 2\n",
        "server: [\n",
        "\0",
        "a: 1\n---\nb: 1\n",
        "server: null\n",
        &deep,
        bomb,
        &long,
    ] {
        let found = problems(load(text));
        assert!(!found.is_empty(), "{}", &text[..text.len().min(20)]);
    }
    let folder = tempfile::tempdir().unwrap();
    let env = BTreeMap::new();
    for file in [folder.path(), &folder.path().join("missing.yaml")] {
        let found = problems(Config::load(&Input {
            file: Some(file),
            working_dir: Path::new("/"),
            env: &env,
            flags: &[],
        }));
        assert!(found[0].contains("cannot be read"), "{found:?}");
    }
}

#[test]
fn a_later_complaint_finds_its_place_by_the_path() {
    let text = "sources:\n- id: code\n  type: git\n  repositories:\n  - one\n  - two\n";
    let env = [("BAILIWICK__SOURCES__CODE__BRANCH", "x")];
    let config = load_with(Some(text), &env, &[]).unwrap();
    let place = |path: &str| {
        let problem = config.problem(path, "no");
        (problem.line, problem.column, problem.file.starts_with("environment"))
    };
    assert_eq!(place("sources.code.repositories.1"), (Some(6), Some(5), false));
    assert_eq!(
        place("sources.code.missing"),
        (Some(2), Some(3), false),
        "the nearest section"
    );
    assert_eq!(place("sources.code.branch"), (None, None, true));
}

#[test]
fn what_is_shown_holds_no_secret() {
    let text = format!(
        "auth: {{tokens: [{{name: a, hash: '{HASH}'}}]}}
sources:
- {{id: code, type: git, repositories: ['https://bob:canary@h/x'], token: canary, token_env: NAME, deep: {{password: canary}}}}
"
    );
    let config = load(&text).unwrap();
    let shown = serde_json::to_string(&config.shown()).unwrap() + &config.effective().to_string();
    assert!(!shown.contains("canary") && !shown.contains("0123456789"), "{shown}");
    assert!(
        shown.contains("NAME") && shown.contains("https://h/x"),
        "references and hosts stay: {shown}"
    );
}

#[test]
fn the_checked_in_schema_is_that_of_the_wire_types() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema/contracts/config.schema.json");
    let wanted = serde_json::to_string_pretty(crate::schema::json_schema()).unwrap() + "\n";
    if update_wanted() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, &wanted).unwrap();
    }
    let checked_in = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        checked_in == wanted,
        "schema/contracts/config.schema.json differs; if that is meant, renew it with BAILIWICK_UPDATE_CONTRACTS=1"
    );
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test is asked through the environment to renew the contract"
)]
fn update_wanted() -> bool {
    std::env::var("BAILIWICK_UPDATE_CONTRACTS").is_ok()
}

#[test]
fn no_null_is_offered_by_the_schema() {
    let schema = crate::schema::json_schema();
    assert!(!schema.to_string().contains("\"null\""), "keys are left out instead");
    assert_eq!(
        schema["properties"]["server"]["additionalProperties"],
        Value::Bool(false)
    );
}

#[test]
fn retention_is_in_whole_days_and_never_nothing() {
    let day = std::time::Duration::from_secs(24 * 60 * 60);
    let config = load("retention:\n  history_days: 30\n").unwrap();
    assert_eq!((config.retention.history, config.retention.runs), (day * 30, day * 90));
    for wrong in ["0", "-1", "36501", "1.5", "forever"] {
        let found = problems(load(&format!("retention:\n  history_days: {wrong}\n")));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("2:17 retention.history_days: "), "{found:?}");
    }
    // The guard looks a day back at what was removed.
    let found = problems(load("retention:\n  sweeps_days: 1\n  days: 4\n"));
    assert_eq!(found[0], "2:16 retention.sweeps_days: must be at least 2");
    assert!(
        found[1].starts_with("3:3 retention.days: ") && found[1].contains("history_days"),
        "{found:?}"
    );
}
