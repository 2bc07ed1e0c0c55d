//! What is refused, and that it says why.

use super::*;
use crate::limits::{
    QUERY_ALIASES_MAX, QUERY_DEPTH_MAX, QUERY_DIRECTIVES_MAX, QUERY_ROOT_FIELDS_MAX, QUERY_TEXT_BYTES_MAX,
};

async fn refused(fixture: &Fixture, query: &str, limit: &str) {
    let error = fixture.error(query).await;
    let shown: String = query.chars().take(80).collect();
    assert_eq!(error["extensions"]["code"], "LIMIT_EXCEEDED", "{shown}: {error}");
    assert_eq!(error["extensions"]["limit"], limit, "{shown}: {error}");
    assert!(error["message"].as_str().unwrap().contains(limit), "{error}");
}

#[tokio::test]
async fn every_limit_of_a_query_is_held_and_named() {
    let fixture = Fixture::open().await;
    let hop = "relations(first: 1) { nodes { target { entity { ";
    let deep = format!(
        "{{ entity(ref: \"a:b\") {{ {} ref {} }} }}",
        hop.repeat(6),
        "} } } }".repeat(6)
    );
    refused(&fixture, &deep, "query_depth_max").await;
    let absurd = format!("{{ {} {}", "a { ".repeat(1_000), "} ".repeat(1_000));
    refused(&fixture, &absurd, "query_nesting_max").await;
    refused(
        &fixture,
        &format!(
            "{{ entities(filter: {}{}) {{ totalCount }} }}",
            "{not: ".repeat(500),
            "}".repeat(500)
        ),
        "query_nesting_max",
    )
    .await;
    let aliases: String = (0..=QUERY_ALIASES_MAX).map(|n| format!("a{n}: ref ")).collect();
    refused(
        &fixture,
        &format!("{{ entity(ref: \"a:b\") {{ {aliases} }} }}"),
        "query_aliases_max",
    )
    .await;
    let roots: String = (0..=QUERY_ROOT_FIELDS_MAX)
        .map(|n| format!("a{n}: position "))
        .collect();
    refused(&fixture, &format!("{{ {roots} }}"), "query_root_fields_max").await;
    let directives = "@include(if: true) ".repeat(QUERY_DIRECTIVES_MAX + 1);
    refused(
        &fixture,
        &format!("{{ position {directives} }}"),
        "query_directives_max",
    )
    .await;
    refused(
        &fixture,
        &format!("{{ position }} #{}", "x".repeat(QUERY_TEXT_BYTES_MAX)),
        "query_text_bytes_max",
    )
    .await;
    refused(&fixture, "{ entities(first: 501) { totalCount } }", "page_max").await;
    refused(
        &fixture,
        "{ entity(ref: \"a:b\") { relations(first: 100000) { totalCount } } }",
        "page_max",
    )
    .await;
    let wide = "{ entities(first: 500) { nodes { relations(first: 500) { nodes { type target { ref } } } } } }";
    refused(&fixture, wide, "query_complexity_max").await;
    refused(
        &fixture,
        &format!("{{ owner(of: \"{}\") {{ outcome }} }}", "x".repeat(9_000)),
        "lookup_text_bytes_max",
    )
    .await;
    refused(
        &fixture,
        "{ search(query: \"a\", offset: 10001) { totalCount } }",
        "search_offset_max",
    )
    .await;
    let names: String = (0..300).map(|n| format!("\"n{n}\",")).collect();
    refused(
        &fixture,
        &format!("{{ entities(filter: {{name: {{in: [{names}]}}}}) {{ totalCount }} }}"),
        "filter_conditions_max",
    )
    .await;
    let circle =
        "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }";
    refused(&fixture, circle, "introspection_lists_max").await;
}

#[tokio::test]
async fn a_page_size_in_a_variable_counts_like_a_written_one() {
    let fixture = Fixture::open().await;
    let query = "query($n: Int = 500) { entities(first: $n) { nodes { relations(first: $n) { nodes { type target { ref } } } } } }";
    for variables in [json!({}), json!({"n": 400}), json!(null)] {
        let (_, answer) = fixture.post(json!({"query": query, "variables": variables})).await;
        assert_eq!(
            answer["errors"][0]["extensions"]["limit"], "query_complexity_max",
            "{answer}"
        );
    }
    let (_, answer) = fixture.post(json!({"query": query, "variables": {"n": 100_000}})).await;
    assert_eq!(answer["errors"][0]["extensions"]["limit"], "page_max", "{answer}");
    let (_, answer) = fixture.post(json!({"query": query, "variables": {"n": 3}})).await;
    assert!(answer.get("errors").is_none(), "{answer}");
}

#[tokio::test]
async fn towers_and_rings_of_fragments_end() {
    let fixture = Fixture::open().await;
    let mut tower = String::from("{ entities { nodes { ...f0 } } } ");
    for n in 0..15 {
        tower.push_str(&format!(
            "fragment f{n} on Entity {{ ...f{m} ...f{m} ...f{m} ...f{m} }} ",
            m = n + 1
        ));
    }
    tower.push_str("fragment f15 on Entity { ref }");
    refused(&fixture, &tower, "query_complexity_max").await;
    let ring = "{ entities { nodes { ...a } } } fragment a on Entity { ref ...b } fragment b on Entity { ref ...a }";
    refused(&fixture, ring, "query_depth_max").await;
    let unused_ring = "{ position } fragment a on Entity { ...a }";
    let error = fixture.error(unused_ring).await;
    assert_eq!(error["extensions"]["code"], "BAD_REQUEST", "{error}");
}

#[tokio::test]
async fn what_fits_the_depth_is_answered() {
    let fixture = Fixture::open().await;
    let hops = (QUERY_DEPTH_MAX - 2) / 4;
    let query = format!(
        "{{ entity(ref: \"component:cart\") {{ {} ref {} }} }}",
        "relations(first: 2) { nodes { target { entity { ".repeat(hops),
        "} } } }".repeat(hops)
    );
    fixture.data(&query).await;
}

#[tokio::test]
async fn the_standard_introspection_passes() {
    let fixture = Fixture::open().await;
    let of_type = |n: usize| format!("{}{}", "ofType { kind name ".repeat(n), "}".repeat(n));
    let query = format!(
        "query IntrospectionQuery {{ __schema {{ queryType {{ name }} mutationType {{ name }} subscriptionType {{ name }}
           types {{ ...FullType }} directives {{ name description locations args {{ ...InputValue }} }} }} }}
         fragment FullType on __Type {{ kind name description fields(includeDeprecated: true) {{ name description args {{ ...InputValue }} type {{ ...TypeRef }} isDeprecated deprecationReason }}
           inputFields {{ ...InputValue }} interfaces {{ ...TypeRef }} enumValues(includeDeprecated: true) {{ name description isDeprecated deprecationReason }} possibleTypes {{ ...TypeRef }} }}
         fragment InputValue on __InputValue {{ name description type {{ ...TypeRef }} defaultValue }}
         fragment TypeRef on __Type {{ kind name {} }}",
        of_type(9)
    );
    let data = fixture.data(&query).await;
    assert!(data["__schema"]["types"].as_array().unwrap().len() > 50);
}

#[tokio::test]
async fn nonsense_is_a_bad_request() {
    let fixture = Fixture::open().await;
    for query in [
        "",
        "{",
        "}",
        "{ nothing }",
        "query { entity }",
        "{ entity(ref: 5) { ref } }",
        "subscription { x }",
        "\u{0}",
        "{ entities(first: -1) { totalCount } }",
        "{ entities(first: \"x\") { totalCount } }",
        "{ entities(filter: {colour: {eq: \"x\"}}) { totalCount } }",
        "{ entities(filter: {kind: \"Component\"}) { totalCount } }",
        "{ aggregate(groupBy: 3) { field } }",
        "{ search(query: \"x\", facets: [\"spec.nope\"]) { totalCount } }",
        "{ entities(filter: {path: [{path: \"spec.x\"}]}) { totalCount } }",
        "{ entity(ref: \"a:b\") }",
        "query a { position } query b { position }",
        "{ entities(filter: {owner: {eq: \"\"}}) { totalCount } }",
        "{ findings(filter: {severity: AWFUL}) { totalCount } }",
        "{ runs(source: \"NOT A SOURCE\") { nodes { id } } }",
    ] {
        let error = fixture.error(query).await;
        assert_eq!(error["extensions"]["code"], "BAD_REQUEST", "{query}: {error}");
        assert!(
            !error["message"].as_str().unwrap().starts_with("internal"),
            "{query}: {error}"
        );
    }
}

#[tokio::test]
async fn a_field_that_fails_says_where_and_leaves_the_rest() {
    let fixture = Fixture::open().await;
    let (status, answer) = fixture
        .post(json!({"query": r#"{ position lost: explain(ref: "no ref") { ref } entity(ref: "component:cart") { ref } }"#}))
        .await;
    assert_eq!(status, 200);
    assert_eq!(answer["data"]["lost"], Value::Null);
    assert_eq!(answer["data"]["entity"]["ref"], "component:default/cart", "{answer:#}");
    assert_eq!(answer["errors"][0]["path"], json!(["lost"]), "{answer:#}");
    let (_, answer) = fixture
        .post(json!({"query": r#"{ position entities(after: "x") { totalCount } }"#}))
        .await;
    assert_eq!(answer["errors"].as_array().unwrap().len(), 1, "{answer:#}");
    assert_eq!(
        (&answer["data"], &answer["errors"][0]["path"]),
        (&json!({"position": 2, "entities": null}), &json!(["entities"])),
        "{answer:#}"
    );
    let (_, answer) = fixture.post(json!({"query": "{ nothing }"})).await;
    assert!(answer.get("data").is_none(), "what never ran has no data: {answer:#}");
}

#[tokio::test]
async fn awkward_and_damaged_documents_are_answered_and_never_panic() {
    let fixture = Fixture::open().await;
    let awkward = [
        r#"{ entity(ref: "\uD800") { ref } }"#,
        r#"{ entity(ref: "\uZZZZ") { ref } }"#,
        r#"{ entity(ref: """ block \""" """) { ref } }"#,
        "{ entities(first: 99999999999999999999999999) { totalCount } }",
        "{ entities(first: 1e999) { totalCount } }",
        "{ entities(first: -0) { totalCount } }",
        "query($a: [[[[[[Int!]!]!]!]!]!]!) { position }",
        "query($a: Nothing) { position }",
        "query($a: Int, $a: Int) { position }",
        "fragment a on Entity { ref }",
        "query { ...a } fragment a on Query { position }",
        "{ __typename __schema { __typename } }",
        "query @skip(if: $x) { position }",
        "{ position @include }",
        "{ position @include(if: 5) }",
        "\u{FEFF}{ position }",
        "{ position }\u{0}",
        "schema { query: Query }",
        "{ entity(ref: $nothing) { ref } }",
        "{ entities(filter: {kind: {eq: $nothing}}) { totalCount } }",
        "{ entities(orderBy: {field: \"kind\"}) { totalCount } }",
        "{ entities(filter: {or: {kind: {eq: \"API\"}}}) { totalCount } }",
        "{ position ... @include(if: true) { position } ... on Query { position } }",
    ];
    for query in awkward {
        let (_, answer) = fixture.post(json!({ "query": query })).await;
        let code = &answer["errors"][0]["extensions"]["code"];
        assert!(
            answer.get("data").is_some() || code == "BAD_REQUEST",
            "{query}: {answer}"
        );
        assert_ne!(code, "INTERNAL", "{query}: {answer}");
    }
    let seed = r#"query q($n: Int = 2, $f: EntityFilter) { a: entities(first: $n, filter: {or: [{kind: {eq: "API"}}, {not: {tag: {in: ["x"]}}}]}, orderBy: [{field: "kind", direction: DESC}]) { totalCount nodes { ...f } } } fragment f on Entity { ref ... on Component { typedSpec { owner } } relations(first: 1) { nodes { type } } }"#;
    let pieces: [&[u8]; 10] = [
        b"{",
        b"}",
        b"(",
        b")",
        b"\"",
        b"$",
        b"...",
        b"@",
        b"\\u",
        b"\xF0\x9F\x98\x80",
    ];
    // A fixed sequence, so that what fails fails again. Source of the constants: Knuth, MMIX.
    let mut state = 7_u64;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    for _ in 0..600 {
        let mut bytes = seed.as_bytes().to_vec();
        for _ in 0..=random(3) {
            let at = random(bytes.len());
            match random(3) {
                0 => drop(bytes.remove(at)),
                1 => drop(bytes.splice(at..at, pieces[random(pieces.len())].iter().copied())),
                _ => bytes[at] = pieces[random(9)][0],
            }
        }
        let query = String::from_utf8_lossy(&bytes).into_owned();
        let (_, answer) = fixture.post(json!({ "query": query })).await;
        assert_ne!(
            answer["errors"][0]["extensions"]["code"], "INTERNAL",
            "{query}: {answer}"
        );
    }
}
