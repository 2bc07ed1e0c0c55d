//! Tests on a tree in memory.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

#[derive(Default)]
struct MapTree(BTreeMap<String, Vec<u8>>);

impl MapTree {
    fn with<const N: usize>(files: [(&str, &str); N]) -> Self {
        Self(
            files
                .into_iter()
                .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()))
                .collect(),
        )
    }
}

impl Tree for MapTree {
    fn read(&self, path: &str, bytes_max: u64) -> Result<Vec<u8>, TreeError> {
        if path.ends_with("locked") {
            return Err(TreeError::Unreadable("permission denied".to_owned()));
        }
        let text = self.0.get(path).ok_or(TreeError::NotFound)?;
        let bytes = text.len() as u64;
        if bytes > bytes_max {
            Err(TreeError::TooLarge { bytes, max: bytes_max })
        } else {
            Ok(text.clone())
        }
    }

    fn glob(&self, folder: &str, pattern: &str) -> Result<Vec<String>, TreeError> {
        let glob = globset::GlobBuilder::new(pattern).literal_separator(true).build();
        let glob = glob
            .map_err(|error| TreeError::BadPattern(error.to_string()))?
            .compile_matcher();
        let below = |path: &str| match folder {
            "" => Some(path.to_owned()),
            folder => path.strip_prefix(folder)?.strip_prefix('/').map(ToOwned::to_owned),
        };
        Ok(self
            .0
            .keys()
            .filter(|path| below(path).is_some_and(|path| glob.is_match(path)))
            .cloned()
            .collect())
    }

    fn is_file(&self, path: &str) -> Result<bool, TreeError> {
        Ok(self.0.contains_key(path))
    }
}

fn judged(tree: &MapTree, path: &str) -> Vec<Item> {
    judged_with_reads(tree, path).items
}

fn judged_with_reads(tree: &MapTree, path: &str) -> Judged {
    let kinds = KindSet::builtin();
    let cx = Judging {
        tree,
        kinds: &kinds,
        limits: &Limits::default(),
    };
    judge_text(&cx, path, tree.0.get(path).unwrap())
}

fn codes(items: &[Item]) -> Vec<&str> {
    items
        .iter()
        .map(|item| match item {
            Item::Entity(_) => "entity",
            Item::Unreadable(finding) | Item::Finding(finding) => &finding.code,
        })
        .collect()
}

fn entity(items: &[Item]) -> &EntityItem {
    match items.first() {
        Some(Item::Entity(entity)) => entity,
        other => panic!("an entity first, not {other:?}"),
    }
}

fn api(definition: &str) -> String {
    format!(
        "apiVersion: backstage.io/v1alpha1\nkind: API\nmetadata:\n  name: pay\nspec:\n  type: openapi\n  \
         lifecycle: production\n  owner: pay\n  definition:\n    {definition}\n"
    )
}

#[test]
fn a_placeholder_is_read_beside_its_file() {
    let tree = MapTree::with([
        ("apis/api.yaml", &api("$text: ./spec/pay.txt")),
        ("apis/spec/pay.txt", "openapi: 3\n"),
    ]);
    let Judged { items, reads } = judged_with_reads(&tree, "apis/api.yaml");
    let item = entity(&items);
    assert_eq!(item.entity["spec"]["definition"], "openapi: 3\n");
    assert_eq!(reads, [FileRead::now(&tree, "apis/spec/pay.txt")]);
    assert!(reads[0].hash.is_some());
    assert_eq!(item.entity_ref.as_str(), "api:default/pay");
    assert_eq!(items.len(), 1);
}

#[test]
fn what_a_placeholder_cannot_reach_stays_as_written_with_a_finding() {
    for (target, code) in [
        ("../../etc/passwd", "target_outside"),
        ("/etc/passwd", "target_outside"),
        ("./none.yaml", "target_not_found"),
        ("https://example.com/a?token=canary", "target_not_read"),
        ("..\\\\secret", "target_outside"),
    ] {
        let tree = MapTree::with([("apis/api.yaml", &api(&format!("$text: \"{target}\"")))]);
        let items = judged(&tree, "apis/api.yaml");
        assert_eq!(codes(&items), ["entity", code], "{target}");
        assert!(entity(&items).entity["spec"]["definition"]["$text"].is_string());
        let Some(Item::Finding(finding)) = items.last() else {
            panic!("a finding")
        };
        assert!(finding.line.is_some() && finding.file.as_deref() == Some("apis/api.yaml"));
        assert!(!finding.message.contains("canary"));
    }
}

#[test]
fn a_placeholder_that_cannot_be_read_now_keeps_what_was_there() {
    let tree = MapTree::with([("api.yaml", &api("$text: ./locked"))]);
    let items = judged(&tree, "api.yaml");
    assert!(matches!(&items[..], [Item::Unreadable(finding)] if finding.code == "placeholder_unreadable"));
}

#[test]
fn values_of_placeholders_are_judged_like_any_other() {
    let tree = MapTree::with([("a.yaml", &api("$json: ./list.json")), ("list.json", "[1]")]);
    assert!(
        matches!(&judged(&tree, "a.yaml")[..], [Item::Unreadable(_), ..]),
        "a definition must be a text"
    );
    let tree = MapTree::with([("a.yaml", &api("$yaml: ./two.yaml")), ("two.yaml", "a\n---\nb\n")]);
    assert_eq!(codes(&judged(&tree, "a.yaml")), ["entity", "placeholder_invalid"]);
    let tree = MapTree::with([("a.yaml", &api("$json: ./bad.json")), ("bad.json", "{")]);
    assert_eq!(codes(&judged(&tree, "a.yaml")), ["entity", "placeholder_invalid"]);
}

#[test]
fn the_placeholders_of_a_document_share_one_budget() {
    let big = "x".repeat(6 * 1024 * 1024);
    let text = "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: a\n  annotations:\n    one:\n      \
                $text: ./big\n    two:\n      $text: ./big\nspec: {type: a, lifecycle: b, owner: c}\n";
    let tree = MapTree::with([("a.yaml", text), ("big", &big)]);
    assert_eq!(codes(&judged(&tree, "a.yaml")), ["entity", "placeholder_too_large"]);
}

const LOCATION: &str = "apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata: {name: all}\nspec:\n  targets:\n";

#[test]
fn the_targets_of_a_location_are_found_within_the_tree() {
    let text = format!(
        "{LOCATION}    - ./a.yaml\n    - ../teams/*.yaml\n    - https://u:canary@example.com/x.yaml\n    - ../../out.yaml\n    - ./none.yaml\n"
    );
    let tree = MapTree::with([
        ("top/all.yaml", &text),
        ("top/a.yaml", ""),
        ("teams/b.yaml", ""),
        ("teams/c.yaml", ""),
    ]);
    let items = judged(&tree, "top/all.yaml");
    let resolved = resolve_targets(&tree, "top/all.yaml", &entity(&items).targets);
    let files: Vec<&str> = resolved.files.iter().map(|(file, _)| file.as_str()).collect();
    assert_eq!(files, ["top/a.yaml", "teams/b.yaml", "teams/c.yaml"]);
    let found: Vec<(&str, Option<u32>)> = resolved.findings.iter().map(|f| (f.code.as_str(), f.line)).collect();
    assert_eq!(
        found,
        [
            ("target_not_read", Some(8)),
            ("target_outside", Some(9)),
            ("target_not_found", Some(10))
        ]
    );
    assert!(
        !resolved
            .findings
            .iter()
            .any(|finding| finding.message.contains("canary"))
    );
    assert!(!resolved.cut);
}

#[test]
fn a_circle_of_locations_is_found_once_wherever_reading_begins() {
    let tree = MapTree::default();
    let edge = |to: &str| Edge {
        to: to.to_owned(),
        line: 3,
        column: 5,
    };
    let edges = BTreeMap::from([
        ("a".to_owned(), BTreeSet::from([edge("b"), edge("c")])),
        ("b".to_owned(), BTreeSet::from([edge("c")])),
        ("c".to_owned(), BTreeSet::from([edge("a")])),
        ("d".to_owned(), BTreeSet::from([edge("d"), edge("a")])),
    ]);
    let findings = cycles(&tree, &edges);
    let files: Vec<&str> = findings.iter().filter_map(|finding| finding.file.as_deref()).collect();
    assert_eq!(files, ["c", "d"]);
    let long: BTreeMap<_, _> = (0..50_000)
        .map(|n| (format!("{n:06}"), BTreeSet::from([edge(&format!("{:06}", n + 1))])))
        .collect();
    assert_eq!(cycles(&tree, &long), []);
}

#[test]
fn the_skeleton_of_a_template_is_told_from_descriptors() {
    let text = "apiVersion: scaffolder.backstage.io/v1beta3\nkind: Template\nmetadata: {name: t}\nspec:\n  type: service\n  \
                steps:\n    - {id: a, action: 'fetch:template', input: {url: ./skeleton}}\n    - {id: b, action: \
                'fetch:template', input: {url: './by-kind/${{ parameters.kind }}/x'}}\n    - {id: c, action: 'fetch:plain', \
                input: {url: 'https://example.com'}}\n    - {id: d, action: 'fetch:template', input: {url: .}}\n    - {id: e, \
                action: 'publish:github', input: {url: ./docs}}\n";
    let tree = MapTree::with([("t/template.yaml", text)]);
    let items = judged(&tree, "t/template.yaml");
    let folders = &entity(&items).skeletons;
    assert_eq!(folders, &["t/skeleton", "t/by-kind"]);
    let within = |path: &str| in_skeleton(path, folders.iter().map(String::as_str));
    assert!(within("t/skeleton/catalog-info.yaml") && within("t/by-kind/go/x/a.yaml"));
    assert!(!within("t/skeletons.yaml") && !within("t/template.yaml") && !within("t/docs/a.yaml"));
    let filled_in = api("$text: ./x").replace("name: pay", "name: ${{ values.name }}");
    let tree = MapTree::with([("s.yaml", &filled_in)]);
    assert!(matches!(&judged(&tree, "s.yaml")[..], [Item::Finding(finding)] if finding.code == "template_skeleton"));
}

#[test]
fn every_problem_of_a_document_is_a_finding_with_its_place() {
    let text =
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: 'not a name'\nspec:\n  type: 3\n";
    let tree = MapTree::with([("a.yaml", text)]);
    let items = judged(&tree, "a.yaml");
    assert!(items.len() >= 3, "{items:?}");
    for item in &items {
        let Item::Unreadable(finding) = item else {
            panic!("unreadable, not {item:?}")
        };
        assert!(finding.line.is_some() && finding.column.is_some() && finding.file.as_deref() == Some("a.yaml"));
    }
}

#[test]
fn a_folder_whose_name_looks_like_a_pattern_is_taken_literally() {
    let text = format!("{LOCATION}    - ./*.yaml\n    - ./x/../../*.yaml\n    - ./*/../../../*.yaml\n");
    let tree = MapTree::with([("a[1]/all.yaml", &text), ("a1/wrong.yaml", ""), ("top.yaml", "")]);
    let items = judged(&tree, "a[1]/all.yaml");
    let resolved = resolve_targets(&tree, "a[1]/all.yaml", &entity(&items).targets);
    let files: Vec<&str> = resolved.files.iter().map(|(file, _)| file.as_str()).collect();
    assert_eq!(files, ["a[1]/all.yaml", "top.yaml"]);
    assert_eq!(
        resolved
            .findings
            .iter()
            .map(|finding| finding.code.as_str())
            .collect::<Vec<_>>(),
        ["target_outside"]
    );
}

#[test]
fn targets_resolve_within_the_root_only() {
    assert_eq!(
        resolve_relative("a/b.yaml", "./c/../d.yaml").as_deref(),
        Some("a/d.yaml")
    );
    assert_eq!(resolve_relative("b.yaml", "c.yaml").as_deref(), Some("c.yaml"));
    for outside in [
        "",
        "/x",
        "../x",
        "./a/../../x",
        "a\0b",
        "https://h/x",
        "a\\b",
        &"x".repeat(5_000),
    ] {
        assert_eq!(resolve_relative("b.yaml", outside), None, "{outside:.20}");
    }
    assert!(is_url("https://h") && is_url("git+ssh://h") && !is_url("./a://b") && !is_url("a/b"));
}
