//! No reader panics, hangs or grows without bound, whatever the bytes.

use proptest::prelude::*;

use super::codeowners::{self, Codeowners, Dialect};
use super::{NAME_CHARS_MAX, NAMES_MAX, PROBLEMS_MAX, apidef, classify, language, licence, manifest, readme, workflow};

/// A path for every reader.
const PATHS: &[&str] = &[
    "Cargo.toml",
    "package.json",
    "go.mod",
    "pyproject.toml",
    "setup.cfg",
    "setup.py",
    "requirements.txt",
    "pom.xml",
    "build.gradle.kts",
    "settings.gradle",
    "Chart.yaml",
    "Dockerfile",
    "openapi.yaml",
    "asyncapi.json",
    "a.graphql",
    "a.proto",
    ".github/workflows/a.yml",
    ".gitlab-ci.yml",
    ".circleci/config.yml",
    "azure-pipelines.yml",
    ".travis.yml",
    ".buildkite/pipeline.yml",
    "Jenkinsfile",
    "LICENSE",
    "README.md",
    "README.rst",
    "README.adoc",
    "README",
    "CODEOWNERS",
];

/// Everything that reads bytes, on one file.
fn read_all(path: &str, bytes: &[u8]) {
    for dialect in [Dialect::Github, Dialect::Gitlab] {
        let (file, _) = Codeowners::parse(dialect, bytes);
        file.owners_of(bytes);
        file.owners_of(b"a/b.c");
        file.owners_of_everything();
    }
    if let Some(choice) = codeowners::choose(codeowners::Host::Unknown, ["CODEOWNERS"]) {
        choice.dialect_of(bytes);
    }
    manifest::parse(path, bytes);
    apidef::parse(path, bytes);
    workflow::parse(path, bytes);
    licence::parse(path, bytes);
    readme::parse(path, bytes);
    classify::classify(bytes);
    let mut languages = language::Languages::default();
    languages.add(&String::from_utf8_lossy(bytes), 7);
    languages.subtract(&String::from_utf8_lossy(bytes), 9);
    languages.shares_per_mille();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        for path in PATHS {
            read_all(path, &bytes);
        }
    }

    #[test]
    fn text_of_the_formats_marks_never_panics(text in "(openapi: 3|on:|jobs:|FROM |ARG A=|\\$\\{|\\}|<project>|</|<!--|-->|\\[|\\]|\\(|\\)|\\{|\\}|@|@@|!|#|\\\\|\\*|/|\"\"\"|\"|'|```|---|===|\\||::|type Query|rpc |service A|ä|\u{2028}|\0|\\n|\\r| |\\t|-|:|=|&|<<EOF|a1){0,60}") {
        for path in PATHS {
            read_all(path, text.as_bytes());
        }
    }
}

#[test]
fn deep_nesting_is_a_problem_and_no_crash() {
    let deep_brackets = format!("openapi: 3.0.0\nx: {}", "[".repeat(50_000));
    let deep_json = format!("{{\"openapi\": \"3.0.0\", \"x\": {}", "[".repeat(50_000));
    let deep_blocks: String = (0..5_000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    let deep_xml = format!("<project>{}", "<a>".repeat(50_000));
    let deep_toml = format!("a = {}", "[".repeat(50_000));
    assert_eq!(apidef::parse("openapi.yaml", deep_brackets.as_bytes()).1.len(), 1);
    assert_eq!(apidef::parse("openapi.json", deep_json.as_bytes()).1.len(), 1);
    assert_eq!(workflow::parse(".gitlab-ci.yml", deep_blocks.as_bytes()).1.len(), 1);
    assert_eq!(manifest::parse("pom.xml", deep_xml.as_bytes()).1.len(), 1);
    assert_eq!(manifest::parse("Cargo.toml", deep_toml.as_bytes()).1.len(), 1);
    readme::parse("README.md", "[".repeat(60_000).as_bytes());
    readme::parse("README.md", "![a](".repeat(12_000).as_bytes());
    readme::parse("README.md", "<a".repeat(30_000).as_bytes());
}

#[test]
fn alias_bombs_and_entity_bombs_are_refused() {
    let mut yaml = String::from("openapi: 3.0.0\na0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        yaml.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    let (definition, problems) = apidef::parse("openapi.yaml", yaml.as_bytes());
    assert_eq!((definition, problems.len()), (None, 1));
    let xml =
        "<!DOCTYPE p [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><project><artifactId>x&b;</artifactId></project>";
    let (manifest, _) = manifest::parse("pom.xml", xml.as_bytes());
    assert_eq!(manifest.and_then(|manifest| manifest.name).as_deref(), Some("x"));
}

#[test]
fn a_property_that_names_itself_ends() {
    let xml = "<project><artifactId>${a}</artifactId><properties><a>${b}${b}</a><b>${a}${a}</b></properties></project>";
    manifest::parse("pom.xml", xml.as_bytes());
    let docker = format!("ARG A=$A$A\n{}FROM $A", "ARG A=$A$A$A$A\n".repeat(150));
    manifest::parse("Dockerfile", docker.as_bytes());
}

#[test]
fn json_that_breaks_at_the_end_of_a_line_has_a_column_from_one() {
    let (_, problems) = manifest::parse("package.json", b"{\"a\n");
    assert_eq!((problems[0].line, problems[0].column), (Some(2), Some(1)));
}

#[test]
fn large_files_end_in_time() {
    let length = 128 * 1024;
    for unit in [
        "a ",
        "\n",
        "# ",
        "@a ",
        "* @a\n",
        "{",
        "}",
        "\"",
        "[x](",
        "FROM a\n",
        "ARG A=1\n",
        "<a>",
        "- a\n",
        "a: b\n",
        "type Query { a: b }\n",
        "/*",
        "\\",
        "<h1>",
        "<a ",
    ] {
        let content = unit.repeat(length / unit.len());
        for path in [
            "CODEOWNERS",
            "README.md",
            "LICENSE",
            "Dockerfile",
            "a.graphql",
            "a.proto",
            "openapi.yaml",
            "pom.xml",
            "setup.cfg",
        ] {
            match path {
                "CODEOWNERS" => drop(Codeowners::parse(Dialect::Gitlab, content.as_bytes())),
                "README.md" => drop(readme::parse(path, content.as_bytes())),
                "LICENSE" => drop(licence::parse(path, content.as_bytes())),
                "a.graphql" | "a.proto" | "openapi.yaml" => drop(apidef::parse(path, content.as_bytes())),
                _ => drop(manifest::parse(path, content.as_bytes())),
            }
        }
    }
}

#[test]
fn every_reader_keeps_within_its_limits() {
    let names: String = (0..NAMES_MAX + 50)
        .map(|index| format!("message M{index} {{}}\n"))
        .collect();
    let (definition, _) = apidef::parse("a.proto", names.as_bytes());
    let types = definition.expect("messages are definitions").types;
    assert_eq!((types.count as usize, types.names.len()), (NAMES_MAX + 50, NAMES_MAX));

    let long = "x".repeat(10 * NAME_CHARS_MAX);
    let (definition, _) = apidef::parse("a.proto", format!("syntax = \"{long}\";").as_bytes());
    let version = definition.and_then(|definition| definition.spec_version);
    assert_eq!(version.map(|version| version.chars().count()), Some(NAME_CHARS_MAX));
    let (manifest, _) = manifest::parse("go.mod", format!("module {long}\n").as_bytes());
    let name = manifest
        .and_then(|manifest| manifest.name)
        .expect("a module has a name");
    assert_eq!(name.chars().count(), NAME_CHARS_MAX);

    let (file, problems) = Codeowners::parse(Dialect::Github, "!a\n".repeat(PROBLEMS_MAX + 5).as_bytes());
    assert_eq!(
        (file.skipped as usize, problems.len()),
        (PROBLEMS_MAX + 5, PROBLEMS_MAX + 1)
    );
    assert_eq!(problems[PROBLEMS_MAX].code, "problems_left_out");

    let (file, problems) = Codeowners::parse(Dialect::Gitlab, "a @b\n".repeat(codeowners::RULES_MAX + 5).as_bytes());
    assert_eq!((file.rules.len(), file.skipped), (codeowners::RULES_MAX, 5));
    assert!(problems.iter().all(|problem| problem.code == "too_many_rules"));

    let line = format!("{} @b\n* @c\n", "a".repeat(codeowners::LINE_BYTES_MAX));
    let (file, problems) = Codeowners::parse(Dialect::Github, line.as_bytes());
    assert_eq!((file.rules.len(), problems[0].code), (1, "line_too_long"));
}
