use serde_json::json;

use super::*;

fn custom(text: &str) -> Result<KindSet, Vec<KindFileProblem>> {
    KindSet::with_custom(&[("custom.yaml", text)])
}

#[test]
fn the_builtin_kinds_are_those_of_backstage_and_repository() {
    let kinds: Vec<String> = KindSet::builtin().iter().map(|decl| decl.kind.clone()).collect();
    assert_eq!(
        kinds,
        [
            "API",
            "Component",
            "Domain",
            "Group",
            "Location",
            "Repository",
            "Resource",
            "System",
            "Template",
            "User"
        ]
    );
}

#[test]
fn every_builtin_schema_is_checked_without_the_engine() {
    for decl in KindSet::builtin().iter() {
        assert!(
            decl.check.is_direct(),
            "{} holds a keyword that is not checked directly",
            decl.kind
        );
    }
}

#[test]
fn relations_have_their_inverses() {
    let kinds = KindSet::builtin();
    for (forward, inverse) in [
        ("ownedBy", "ownerOf"),
        ("partOf", "hasPart"),
        ("dependsOn", "dependencyOf"),
        ("providesApi", "apiProvidedBy"),
        ("consumesApi", "apiConsumedBy"),
        ("parentOf", "childOf"),
        ("memberOf", "hasMember"),
    ] {
        assert_eq!(kinds.inverse_of(forward), Some(inverse));
        assert_eq!(kinds.inverse_of(inverse), Some(forward));
        assert_eq!(kinds.forward_of(inverse), Some(forward));
    }
    assert_eq!(kinds.relation_pairs().count(), 7);
}

fn relations(kind: &str, spec: serde_json::Value) -> (Vec<String>, Vec<String>) {
    let kinds = KindSet::builtin();
    let entity = json!({"kind": kind, "metadata": {"name": "x", "namespace": "shop"}, "spec": spec});
    let (relations, problems) = relations_of(&kinds, kinds.get(kind).unwrap(), entity.as_object().unwrap());
    (
        relations
            .iter()
            .map(|r| format!("{} {} {}", r.relation, r.target, r.path))
            .collect(),
        problems.iter().map(|p| format!("{} {}", p.code, p.path)).collect(),
    )
}

#[test]
fn a_component_declares_its_relations_with_the_default_kinds_of_backstage() {
    let spec = json!({
        "owner": "team", "system": "core", "subcomponentOf": "other/big", "providesApis": ["a", "api:n/b"],
        "consumesApis": ["c"], "dependsOn": ["resource:db", "y"], "dependencyOf": "component:z"
    });
    let (relations, problems) = relations("Component", spec);
    assert_eq!(
        relations,
        [
            "ownedBy group:shop/team spec.owner",
            "partOf component:other/big spec.subcomponentOf",
            "providesApi api:shop/a spec.providesApis.0",
            "providesApi api:n/b spec.providesApis.1",
            "consumesApi api:shop/c spec.consumesApis.0",
            "dependsOn resource:shop/db spec.dependsOn.0",
            "dependencyOf component:shop/z spec.dependencyOf",
            "partOf system:shop/core spec.system",
        ]
    );
    assert_eq!(problems, ["bad_ref spec.dependsOn.1"]);
}

#[test]
fn people_and_groups_declare_both_directions() {
    let (found, _) = relations("Group", json!({"parent": "p", "children": ["c"], "members": ["m"]}));
    assert_eq!(
        found,
        [
            "childOf group:shop/p spec.parent",
            "parentOf group:shop/c spec.children.0",
            "hasMember user:shop/m spec.members.0",
        ]
    );
    assert_eq!(
        relations("User", json!({"memberOf": ["g"]})).0,
        ["memberOf group:shop/g spec.memberOf.0"]
    );
    assert_eq!(relations("Location", json!({"owner": "x"})).0, Vec::<String>::new());
    assert_eq!(
        relations("System", json!({"domain": "d"})).0,
        ["partOf domain:shop/d spec.domain"]
    );
    assert_eq!(
        relations("Domain", json!({"subdomainOf": "d"})).0,
        ["partOf domain:shop/d spec.subdomainOf"]
    );
}

const DASHBOARD: &str = "\
kind: Dashboard
plural: dashboards
api_versions: [acme.com/v1]
relation_pairs: [{forward: shows, inverse: shownBy}]
relations:
  - {field: panel.sources, relation: shows, default_kind: Component, default_namespace: default, many: true}
  - {field: pages, relation: shownBy, direction: incoming, default_kind: Component}
spec_schema: {type: object}
";

#[test]
fn a_custom_kind_brings_its_own_relations() {
    let kinds = custom(DASHBOARD).unwrap();
    let decl = kinds.get("dashboard").unwrap();
    let entity = json!({"metadata": {"namespace": "n"}, "spec": {"panel": {"sources": ["a"]}, "pages": "b"}});
    let (relations, problems) = relations_of(&kinds, decl, entity.as_object().unwrap());
    assert!(problems.is_empty(), "{problems:?}");
    let found: Vec<String> = relations
        .iter()
        .map(|r| format!("{} {} {}", r.relation, r.target, r.path))
        .collect();
    assert_eq!(
        found,
        [
            "shows component:default/a spec.panel.sources.0",
            "shows component:n/b spec.pages"
        ]
    );
    assert_eq!(kinds.inverse_of("shownBy"), Some("shows"));
}

#[test]
fn every_problem_of_a_kind_file_has_its_place() {
    let text = "\
kind: 5x
plural: Dash Boards
api_versions: []
colour: red
search: {name: 1000}
relations:
  - {field: a, relation: ownedBy, direction: sideways}
  - {field: b}
inherits_owner_via: [zzz]
spec_schema: {type: nonsense}
";
    let problems = custom(text).unwrap_err();
    let found: Vec<String> = problems
        .iter()
        .map(|p| {
            format!(
                "{}:{}:{} {} {}",
                p.file, p.problem.line, p.problem.column, p.problem.code, p.problem.path
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            "custom.yaml:4:1 unknown_field colour",
            "custom.yaml:1:7 invalid_format kind",
            "custom.yaml:2:9 invalid_format plural",
            "custom.yaml:1:1 missing_field api_versions",
            "custom.yaml:5:16 value_not_allowed search",
            "custom.yaml:7:46 value_not_allowed relations.0.direction",
            "custom.yaml:8:5 missing_field relations.1.relation",
            "custom.yaml:9:22 value_not_allowed inherits_owner_via",
            "custom.yaml:10:14 invalid_schema spec_schema",
        ]
    );
}

#[test]
fn a_kind_a_plural_and_a_pair_exist_once() {
    let codes =
        |text: &str| -> Vec<&'static str> { custom(text).unwrap_err().iter().map(|p| p.problem.code).collect() };
    let base = "api_versions: [v1]\nspec_schema: {type: object}\n";
    assert_eq!(
        codes(&format!("kind: component\nplural: parts\n{base}")),
        ["duplicate_kind"]
    );
    assert_eq!(
        codes(&format!("kind: Part\nplural: components\n{base}")),
        ["duplicate_kind"]
    );
    let pair = "kind: Part\nplural: parts\nrelation_pairs: [{forward: ownedBy, inverse: has}]\n";
    assert_eq!(codes(&format!("{pair}{base}")), ["relation_pair_conflict"]);
    let unknown = "kind: Part\nplural: parts\nrelations: [{field: a, relation: likes}]\n";
    assert_eq!(codes(&format!("{unknown}{base}")), ["unknown_relation"]);
    assert_eq!(codes("a: [\n"), ["yaml_syntax"]);
    assert_eq!(codes(""), ["missing_field"]);
}

#[test]
fn a_schema_beyond_the_direct_checks_gives_places_too() {
    let text = "kind: Part\nplural: parts\napi_versions: [v1]\nspec_schema:\n  type: object\n  patternProperties: {'^x-': {type: string}}\n";
    let kinds = custom(text).unwrap();
    let decl = kinds.get("Part").unwrap();
    assert!(!decl.check.is_direct());
    let documents = crate::yaml::parse_documents("a: 1\nx-b: 2\n", &crate::yaml::Limits::default());
    let mut problems = Vec::new();
    decl.check
        .check(documents[0].root.as_ref().unwrap(), Path::Root, &mut problems);
    assert_eq!(
        (problems[0].code, problems[0].line, problems[0].column),
        ("schema_violation", 2, 6)
    );
}

#[test]
fn direct_checks_and_engine_agree() {
    let schema = json!({
        "type": "object", "required": ["a"], "additionalProperties": {"type": "string"},
        "properties": {
            "a": {"type": ["string", "integer"], "minLength": 2, "maxLength": 3, "pattern": "^[a-z]+$", "minimum": 1, "maximum": 5},
            "b": {"type": "array", "minItems": 1, "maxItems": 2, "items": {"enum": ["x", 1, null]}},
            "c": {"oneOf": [{"type": "number"}, {"type": "integer"}]},
            "d": {"anyOf": [{"const": 1}, {"type": "boolean"}]},
            "e": {"allOf": [{"type": "string"}, {"minLength": 1}]}
        }
    });
    let check = SpecCheck::compile(&schema).unwrap();
    assert!(check.is_direct());
    let engine = jsonschema::validator_for(&schema).unwrap();
    let values = [
        json!("ab"),
        json!("a"),
        json!("abcd"),
        json!("AB"),
        json!(1),
        json!(1.5),
        json!(9),
        json!(true),
        json!(null),
        json!([]),
        json!(["x"]),
        json!(["x", 1]),
        json!(["x", 1, null]),
        json!(["y"]),
        json!({}),
        json!(""),
    ];
    for field in ["a", "b", "c", "d", "e", "f"] {
        for value in &values {
            let mut spec = json!({"a": "ab"});
            spec[field] = value.clone();
            let mut problems = Vec::new();
            let node = crate::yaml::Node::from_json(spec.clone(), Position::START);
            check.check(&node, Path::Root, &mut problems);
            assert_eq!(problems.is_empty(), engine.is_valid(&spec), "{spec} {problems:?}");
        }
    }
}

#[test]
fn names_are_accepted_as_the_patterns_of_the_source_accept_them() {
    use regex::Regex;
    let letters = ["a", "Z", "0", "-", "_", ".", ":", "+", "#", "/", " ", "é", ""];
    type Case = (fn(&str) -> bool, &'static str);
    let cases: &[Case] = &[
        (format::is_object_name, r"^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$"),
        (format::is_kind, r"^[a-zA-Z][a-z0-9A-Z]*$"),
        (format::is_dns_label, r"^[a-z0-9]+(?:\-+[a-z0-9]+)*$"),
        (format::is_tag, r"^[a-z0-9:+#]+(\-[a-z0-9:+#]+)*$"),
    ];
    for (accepts, pattern) in cases {
        let pattern = Regex::new(pattern).unwrap();
        for first in letters {
            for second in letters {
                for third in letters {
                    let text = format!("{first}{second}{third}");
                    assert_eq!(accepts(&text), pattern.is_match(&text), "{text:?} {pattern}");
                }
            }
        }
        assert!(accepts(&"a".repeat(63)) && !accepts(&"a".repeat(64)));
    }
}
