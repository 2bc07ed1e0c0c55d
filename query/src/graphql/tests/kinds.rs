//! Types made from kinds, built-in and custom.

use super::*;

#[tokio::test]
async fn a_kind_has_a_type_with_the_fields_of_its_spec() {
    let fixture = Fixture::open().await;
    let data = fixture
        .data(
            r#"{ entities(filter: {kind: {in: ["Component", "API"]}}) { nodes { __typename ref
                 ... on Component { component: typedSpec { type lifecycle owner system dependsOn providesApis } }
                 ... on API { api: typedSpec { type definition } } } } }"#,
        )
        .await;
    let nodes = data["entities"]["nodes"].as_array().unwrap();
    let ledger = nodes
        .iter()
        .find(|node| node["ref"] == "component:default/ledger")
        .unwrap();
    assert_eq!(ledger["__typename"], "Component");
    assert_eq!(ledger["component"]["dependsOn"], json!(["component:cart"]));
    assert_eq!(ledger["component"]["providesApis"], Value::Null);
    let api = nodes.iter().find(|node| node["__typename"] == "API").unwrap();
    assert_eq!(api["api"]["definition"], "openapi: 3.1.0");
}

#[tokio::test]
async fn a_custom_kind_is_equal_and_what_does_not_fit_is_null() {
    let fixture = Fixture::open().await;
    let data = fixture
        .data(
            r#"{ entity(ref: "machinemodel:fraud") { kind spec ... on MachineModel { typedSpec {
                 owner weightsCount acmeAccuracy published runs { id took } free either } } } }"#,
        )
        .await;
    assert_eq!(
        data["entity"]["typedSpec"],
        json!({
            "owner": "pay", "weightsCount": 8_000_000_000_u64, "acmeAccuracy": 0.5, "published": null,
            "runs": [{"id": "r1", "took": 1.5}], "free": {"x": 1}, "either": 3,
        })
    );
    assert_eq!(
        data["entity"]["spec"]["published"], "yes",
        "the generic form shows what does not fit"
    );
    let error = fixture
        .error(r#"{ entity(ref: "machinemodel:fraud") { ... on MachineModel { typedSpec { aB } } } }"#)
        .await;
    assert_eq!(
        error["extensions"]["code"], "BAD_REQUEST",
        "fields that collide stay generic"
    );
}

#[tokio::test]
async fn introspection_answers() {
    let fixture = Fixture::open().await;
    let data = fixture.data(r#"{ __type(name: "Entity") { kind possibleTypes { name } fields { name type { name kind ofType { name } } } } }"#).await;
    let possible = data["__type"]["possibleTypes"].to_string();
    for name in ["Component", "API", "Repository", "MachineModel", "GenericEntity"] {
        assert!(possible.contains(&format!("\"{name}\"")), "{possible}");
    }
}

/// A field that fails must be able to be null, or the answer would lack its key.
#[test]
fn whatever_can_fail_can_be_null() {
    let sdl = crate::sdl(&bailiwick_schema::kind::KindSet::builtin()).unwrap();
    let root = sdl.split("type Query {").nth(1).unwrap().split("\n}").next().unwrap();
    let mutations = sdl
        .split("type Mutation {")
        .nth(1)
        .unwrap()
        .split("\n}")
        .next()
        .unwrap();
    for line in root.lines().chain(mutations.lines()) {
        let field = line.trim();
        let is_type_line = field.starts_with(')')
            || (!field.starts_with('"') && field.contains(": ") && line.starts_with("  ") && !line.starts_with("   "));
        if is_type_line && !field.starts_with("position") {
            assert!(!field.ends_with('!'), "{field}");
        }
    }
}
