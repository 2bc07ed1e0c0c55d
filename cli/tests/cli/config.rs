//! `bailiwick config`.

use crate::support::{command, root, run, run_command, write};

#[test]
fn the_embedded_configuration_passes_its_own_check() {
    let ended = run(&["config", "check"], &root()).expect(0);
    assert!(ended.stdout.contains("is valid"), "{}", ended.stdout);
    assert_eq!(
        run(&["config", "check", "--output", "json"], &root()).expect(0).json(),
        serde_json::json!([])
    );
}

#[test]
fn check_names_every_problem_with_its_place_those_of_source_types_too() {
    let folder = tempfile::tempdir().unwrap();
    let text = "\
sources:
- id: a
  type: files
  schedule: every day
  allow: {kinds: [Componentt]}
- id: b
  type: subversion
- id: c
  type: files
  paths: [x]
  time_zone: Mars/Olympus
  schedule: '0 0 * * *'
  nonsense: 1
kinds: {paths: [missing.yaml]}
";
    write(folder.path(), "c.yaml", text);
    let check = |args: &[&str]| {
        run(
            &[&["config", "check", "--config", "c.yaml"], args].concat(),
            folder.path(),
        )
    };
    let found = check(&["--output", "json"]).expect(1).json();
    assert_eq!(
        found.as_array().map(Vec::len),
        Some(1),
        "kinds come first, sources are judged by them: {found}"
    );

    write(
        folder.path(),
        "c.yaml",
        &text.replace("kinds: {paths: [missing.yaml]}\n", ""),
    );
    let found = check(&["--output", "json"]).expect(1).json();
    let places: Vec<(String, u64)> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["path"].as_str().unwrap().to_owned(),
                one["line"].as_u64().unwrap_or(0),
            )
        })
        .collect();
    for (path, line) in [
        ("sources.a.schedule", 4),
        ("sources.a.allow.kinds", 5),
        ("sources.a.paths", 2),
        ("sources.b.type", 7),
        ("sources.c.time_zone", 11),
        ("sources.c.nonsense", 13),
    ] {
        assert!(
            places.contains(&(path.to_owned(), line)),
            "{path}:{line} is in {places:?}"
        );
    }
    let table = check(&[]).expect(1);
    assert!(table.stdout.contains("c.yaml:7:9: sources.b.type:"), "{}", table.stdout);
    assert!(table.stderr.is_empty());
}

#[test]
fn serve_and_ingest_refuse_a_bad_configuration_with_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        "c.yaml",
        "server: {listen: 1}\nstore: {engine: punch_cards}\n",
    );
    for name in ["serve", "ingest"] {
        let ended = run(&[name, "--config", "c.yaml"], folder.path()).expect(2);
        assert!(ended.stdout.is_empty());
        assert!(
            ended.stderr.contains("c.yaml:1:18") && ended.stderr.contains("c.yaml:2:17"),
            "{}",
            ended.stderr
        );
    }
    let open = run(&["serve", "--listen", "0.0.0.0:0"], folder.path()).expect(2);
    assert!(open.stderr.contains("bailiwick token new"), "{}", open.stderr);
}

#[test]
fn show_says_where_each_value_comes_from() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "c.yaml", "log: {level: debug}\n");
    let mut command = command(
        &[
            "config",
            "show",
            "--config",
            "c.yaml",
            "--data-dir",
            "there",
            "--output",
            "json",
        ],
        folder.path(),
    );
    command.env("BAILIWICK__STORE__CACHE_MIB", "9");
    let shown = run_command(command).expect(0).json();
    let from = |path: &str| {
        let values = shown["values"].as_array().unwrap();
        values
            .iter()
            .find(|one| one["path"] == path)
            .map(|one| one["from"].as_str().unwrap().to_owned())
    };
    assert_eq!(from("log.level").as_deref(), Some("c.yaml:1:14"));
    assert_eq!(
        from("store.cache_mib").as_deref(),
        Some("environment variable BAILIWICK__STORE__CACHE_MIB")
    );
    assert_eq!(from("store.data_dir").as_deref(), Some("flag --data-dir"));
    assert_eq!(from("log.format").as_deref(), Some("default"));
}

#[test]
fn the_schema_is_the_checked_in_one() {
    let printed = run(&["config", "schema"], &root()).expect(0).stdout;
    let checked_in = std::fs::read_to_string(root().join("schema/contracts/config.schema.json")).unwrap();
    assert_eq!(printed, checked_in);
}

#[test]
fn the_reference_page_names_every_option_of_every_source_type() {
    let page = std::fs::read_to_string(root().join("config/bailiwick.yaml")).unwrap();
    for factory in bailiwick_ingestors::registry::REGISTRY {
        let section = format!("# Keys of type {}:", factory.source_type());
        let rest = page
            .split(&section)
            .nth(1)
            .unwrap_or_else(|| panic!("there is no section `{section}`"));
        let text = rest.split("# Keys of type").next().unwrap();
        let mut names = Vec::new();
        option_names(&factory.options_schema(), &mut names);
        assert!(!names.is_empty());
        for name in names {
            assert!(
                text.contains(&name),
                "`{name}` of {} is explained",
                factory.source_type()
            );
        }
    }
}

/// Every property that a schema names, at any depth.
fn option_names(schema: &serde_json::Value, names: &mut Vec<String>) {
    match schema {
        serde_json::Value::Object(fields) => {
            for (key, value) in fields {
                if let (true, Some(properties)) = (key == "properties", value.as_object()) {
                    names.extend(properties.keys().cloned());
                }
                option_names(value, names);
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| option_names(item, names)),
        _ => {}
    }
}
