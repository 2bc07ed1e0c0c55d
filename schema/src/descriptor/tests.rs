use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;

use super::*;

/// Invented documents with the verdict that Backstage gives each of their documents: `@backstage/plugin-catalog-node`
/// 2.2.5 and `yaml` 2.9.1 for the reading, `@backstage/catalog-model` 1.10.1 for the rest. Made with these packages.
const VERDICTS: &str = include_str!("verdicts.json");

/// Names in [`VERDICTS`] that are judged otherwise on purpose, with our verdicts.
const DIFFERENCES: &[(&str, &[&str])] = &[
    // An unclosed quote ends with its document; the package reads the rest of the file as the quoted text.
    ("unclosed quote in the middle", &["valid", "yaml", "valid"]),
];

fn read(text: &str) -> Vec<DescriptorItem> {
    read_descriptors(text, &KindSet::builtin(), &Limits::default())
}

fn verdict(item: &DescriptorItem) -> &'static str {
    match item {
        DescriptorItem::Entity(_) => "valid",
        DescriptorItem::Empty(_) => "empty",
        DescriptorItem::TemplateSkeleton(..) => "skeleton",
        DescriptorItem::Invalid(document) => match document.problems.first() {
            Some(problem) if problem.code == "not_an_object" => "notobject",
            Some(problem) if problem.path.is_empty() => "yaml",
            Some(_) => "invalid",
            None => "no problem",
        },
    }
}

#[test]
fn every_invented_document_gets_the_verdict_of_backstage() {
    let cases: Vec<Value> = serde_json::from_str(VERDICTS).unwrap();
    let differences: BTreeMap<&str, &[&str]> = DIFFERENCES.iter().copied().collect();
    assert!(cases.len() > 400, "the table is whole");
    let mut wrong = Vec::new();
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        let expected: Vec<&str> = match differences.get(name) {
            Some(verdicts) => verdicts.to_vec(),
            None => case["verdicts"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(Value::as_str)
                .collect(),
        };
        let items = read(case["text"].as_str().unwrap());
        let actual: Vec<&str> = items.iter().map(verdict).collect();
        if actual != expected {
            wrong.push(format!("{name}: {actual:?}, Backstage says {expected:?}\n{items:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn problems(text: &str) -> Vec<(&'static str, u32, u32, String)> {
    let items = read(text);
    let [DescriptorItem::Invalid(document)] = items.as_slice() else {
        panic!("{items:?}")
    };
    document
        .problems
        .iter()
        .map(|p| (p.code, p.line, p.column, p.path.clone()))
        .collect()
}

#[test]
fn every_problem_is_reported_with_its_place() {
    let text = "\
# a comment
apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: bad name
  labels:
    a: 1
  tags: [Upper, ok]
  links:
    - title: no address
spec:
  type: service
  owner: ''
  dependsOn: x
extra: 1
";
    assert_eq!(
        problems(text),
        [
            ("invalid_format", 5, 9, "metadata.name".to_owned()),
            ("wrong_type", 7, 8, "metadata.labels.a".to_owned()),
            ("invalid_format", 8, 10, "metadata.tags.0".to_owned()),
            ("missing_field", 10, 7, "metadata.links.0.url".to_owned()),
            ("unknown_field", 15, 1, "extra".to_owned()),
            ("missing_field", 12, 3, "spec.lifecycle".to_owned()),
            ("empty_value", 13, 10, "spec.owner".to_owned()),
            ("wrong_type", 14, 14, "spec.dependsOn".to_owned()),
        ]
    );
}

#[test]
fn a_ref_without_a_kind_is_a_problem_where_none_is_implied() {
    let text = "apiVersion: backstage.io/v1alpha1\nkind: Resource\nmetadata: {name: db}\nspec:\n  type: d\n  owner: t\n  dependsOn:\n    - 'resource:x'\n    - y\n";
    assert_eq!(problems(text), [("bad_ref", 9, 7, "spec.dependsOn.1".to_owned())]);
}

#[test]
fn an_entity_knows_its_ref_lines_and_placeholders() {
    let text = "---\napiVersion: backstage.io/v1alpha1\nkind: API\nmetadata:\n  name: Pay\nspec:\n  type: openapi\n  lifecycle: production\n  owner: team\n  definition:\n    $text: ./openapi.yaml\n---\n";
    let items = read(text);
    let [DescriptorItem::Entity(entity), DescriptorItem::Empty(_)] = items.as_slice() else {
        panic!("{items:?}")
    };
    assert_eq!(entity.entity_ref.as_str(), "api:default/pay");
    assert_eq!(entity.lines, LineRange { first: 1, last: 11 });
    assert_eq!(entity.position, Position { line: 2, column: 1 });
    assert_eq!(entity.entity["metadata"]["namespace"], "default");
    let [found] = entity.placeholders.as_slice() else {
        panic!("{:?}", entity.placeholders)
    };
    assert_eq!(
        (found.kind, found.target.as_str()),
        (PlaceholderKind::Text, "./openapi.yaml")
    );
    assert_eq!(found.path, ["spec", "definition"]);
    assert_eq!(found.position, Position { line: 11, column: 5 });
}

#[test]
fn a_placeholder_is_judged_again_once_it_is_read() {
    let text = "apiVersion: backstage.io/v1alpha1\nkind: API\nmetadata: {name: a}\nspec:\n  type: t\n  lifecycle: l\n  owner: o\n  definition: {$json: x.json}\n";
    let items = read(text);
    let [DescriptorItem::Entity(entity)] = items.as_slice() else {
        panic!("{items:?}")
    };
    let judge = |value: Value| {
        let mut root = entity.root.clone();
        assert!(root.replace_at(&entity.placeholders[0].path, value));
        read_descriptor(
            Document {
                lines: entity.lines,
                root: Ok(root),
            },
            &KindSet::builtin(),
        )
    };
    assert!(matches!(judge(Value::from("openapi")), DescriptorItem::Entity(_)));
    let DescriptorItem::Invalid(document) = judge(serde_json::json!({"a": 1})) else {
        panic!("an object is no text")
    };
    let problem = &document.problems[0];
    assert_eq!(
        (problem.code, problem.line, problem.column, problem.path.as_str()),
        ("wrong_type", 8, 15, "spec.definition")
    );
    let template = "apiVersion: scaffolder.backstage.io/v1beta3\nkind: Template\nmetadata: {name: a}\nspec: {type: t, steps: [], parameters: {$text: x}}\n";
    assert_eq!(
        problems(template),
        [("wrong_type", 4, 40, "spec.parameters".to_owned())]
    );
}

#[test]
fn a_skeleton_is_neither_an_entity_nor_wrong() {
    let items = read("apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: ${{ values.name }}\n");
    let [DescriptorItem::TemplateSkeleton(_, problem)] = items.as_slice() else {
        panic!("{items:?}")
    };
    assert_eq!(
        (problem.code, problem.line, problem.column),
        ("template_skeleton", 4, 9)
    );
}

#[test]
fn an_unknown_kind_is_named_and_a_custom_kind_makes_it_known() {
    let text = "apiVersion: acme.com/v1\nkind: Dashboard\nmetadata: {name: d}\nspec: {owner: t}\n";
    assert_eq!(problems(text)[0].0, "unknown_kind");
    let file = "kind: Dashboard\nplural: dashboards\napi_versions: [acme.com/v1]\nrelations:\n  - {field: owner, relation: ownedBy, default_kind: Group}\nspec_schema: {type: object, required: [owner], properties: {owner: {type: string}}}\n";
    let kinds = KindSet::with_custom(&[("dashboard.yaml", file)]).unwrap();
    let items = read_descriptors(text, &kinds, &Limits::default());
    assert!(matches!(items.as_slice(), [DescriptorItem::Entity(_)]), "{items:?}");
}

/// Checks that hold for whatever bytes a file has.
fn check_invariants(bytes: &[u8]) {
    let lines = u32::try_from(bytes.split(|byte| *byte == b'\n').count()).unwrap();
    let widest = bytes.split(|byte| *byte == b'\n').map(<[u8]>::len).max().unwrap_or(0);
    let widest = u32::try_from(widest).unwrap() + 2;
    for item in read_descriptors(bytes, &KindSet::builtin(), &Limits::default()) {
        let range = item.lines();
        assert!(
            1 <= range.first && range.first <= range.last && range.last <= lines,
            "{range:?} of {lines}"
        );
        match &item {
            DescriptorItem::Invalid(document) => {
                assert!(!document.problems.is_empty(), "an invalid document has a problem");
                for problem in &document.problems {
                    assert!((1..=lines).contains(&problem.line), "{problem:?} of {lines} lines");
                    assert!(
                        (1..=widest).contains(&problem.column),
                        "{problem:?} of {widest} columns"
                    );
                }
            }
            DescriptorItem::Entity(entity) => {
                assert!(entity.entity["metadata"]["name"].is_string(), "{entity:?}");
            }
            DescriptorItem::Empty(_) | DescriptorItem::TemplateSkeleton(..) => {}
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        check_invariants(&bytes);
    }

    #[test]
    fn any_kind_file_is_read_without_a_panic(
        parts in proptest::collection::vec(proptest::sample::select(vec![
            "kind: A\n", "plural: as\n", "api_versions: [v1]\n", "relations:\n", "  - {field: a, relation: ownedBy}\n",
            "relation_pairs: [{forward: a, inverse: b}]\n", "spec_schema: {type: object}\n", "search: {name: -1}\n", "spec_schema:\n",
            "  $ref: '#'\n", "  pattern: '('\n", "  oneOf: []\n", "inherits_owner_via: [a]\n", "---\n", "[", "5", "\0", "many: 1\n",
        ]), 0..12)
    ) {
        if let Err(problems) = KindSet::with_custom(&[("any.yaml", parts.concat())]) {
            assert!(!problems.is_empty(), "a refusal says why");
        }
    }

    #[test]
    fn any_mix_of_yaml_signs_is_read_without_a_panic(
        parts in proptest::collection::vec(proptest::sample::select(vec![
            "a", "b: ", "- ", "\n", "  ", "---\n", "...\n", "{", "}", "[", "]", ",", "\"", "'", "|\n", ">-\n", "&x ", "*x ",
            "!!int ", "!x ", "? ", ": ", "#c", "%YAML 1.2\n", "\t", "\r\n", "\\", "é", "\u{feff}", "<<: ", "1", "~", "kind: API\n",
            "metadata:\n  name: x\n", "apiVersion: v1\n", "spec: {}\n", "\0", "$text: x\n",
        ]), 0..40)
    ) {
        check_invariants(parts.concat().as_bytes());
    }
}

#[test]
fn every_file_of_the_corpus_is_read_within_the_invariants() {
    let Some(folder) = std::env::var_os("BAILIWICK_FIXTURES") else {
        eprintln!("SKIPPED: BAILIWICK_FIXTURES is not set, so no corpus was read");
        return;
    };
    let mut files = 0;
    for entry in std::fs::read_dir(Path::new(&folder).join("catalog")).expect("the corpus has a folder `catalog`") {
        let path = entry.unwrap().path();
        check_invariants(&std::fs::read(&path).unwrap());
        files += 1;
    }
    assert!(files > 0, "the corpus is empty");
}
