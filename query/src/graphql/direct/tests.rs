//! The short way against the long one.

use async_graphql::Request;
use bailiwick_schema::Viewer;
use serde_json::{Value, json};

use super::answer;
use crate::graphql::{Method, execute};
use crate::testing::Fixture;

/// The long way's answer, after which the short way has learned what it can.
async fn long(fixture: &Fixture, body: &Value) -> Vec<u8> {
    let request: Request = serde_json::from_value(body.clone()).unwrap();
    execute(&fixture.app, Viewer::local(), request, None, Method::Post)
        .await
        .to_json()
}

async fn short(fixture: &Fixture, body: &Value) -> Option<Vec<u8>> {
    answer(&fixture.app, &Viewer::local(), body.to_string().as_bytes()).await
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Asks both ways; says whether the short one answered, which must then be the same answer.
async fn same(fixture: &Fixture, body: &Value) -> bool {
    let right = long(fixture, body).await;
    let Some(direct) = short(fixture, body).await else {
        return false;
    };
    assert_eq!(text(&direct), text(&right), "{body:#}");
    true
}

#[tokio::test]
async fn the_questions_of_dashboards_take_the_short_way() {
    let fixture = Fixture::open().await;
    for (query, variables) in [
        (
            r#"{ entity(ref: "component:ledger") { ref kind metadata { name } owner { ref } } }"#,
            json!(null),
        ),
        (
            r#"query Q($ref: String!) { entity(ref: $ref) { ref uid etag position updatedAt __typename apiVersion
             metadata { name namespace title description labels annotations tags links uid etag json } spec facts identifiers json
             relations(first: 8) { totalCount nodes { type direction target { ref kind namespace name title exists entity { ref } } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }
             owners { ref title } } }"#,
            json!({"ref": "Component:default/ledger"}),
        ),
        (r#"{ entity(ref: "component:nothing") { ref } }"#, json!(null)),
        (
            r#"query ($kind: String!, $first: Int = 2) { entities(first: $first, filter: {kind: {eq: $kind}}, orderBy: [{field: "metadata.title", direction: DESC}]) {
             totalCount nodes { ref } edges { cursor node { ref spec } } pageInfo { hasNextPage endCursor } } }"#,
            json!({"kind": "component"}),
        ),
        (
            r#"{ aggregate(groupBy: "metadata.tags", filter: {kind: {eq: "Component"}}) { field totalCount buckets { value count } } }"#,
            json!(null),
        ),
        (
            r#"{ search(query: "ledger", facets: ["kind", "metadata.tags"]) { totalCount fuzzy nodes { score entity { ref __typename } highlights { field fragment ranges { start end } } } facets { field buckets { value count } } pageInfo { endCursor hasNextPage } } }"#,
            json!(null),
        ),
        (r#"{ position __typename }"#, json!(null)),
        (
            r#"{ entity(ref: "api:cart-api") { ... on API { ref } ... on Component { kind } ...Named ... { uid etag etag } } } fragment Named on Entity { metadata { name } uid }"#,
            json!(null),
        ),
        (
            r#"{ entity(ref: "component:ledger") { ... on API { ref } } }"#,
            json!(null),
        ),
    ] {
        let body = json!({"query": query, "variables": variables});
        assert!(same(&fixture, &body).await, "{query} has a plan");
    }
}

#[tokio::test]
async fn one_plan_answers_for_other_strings_and_other_variables() {
    let fixture = Fixture::open().await;
    let ask = |name: &str| json!({"query": format!(r#"{{ entity(ref: "component:{name}") {{ ref spec }} }}"#)});
    long(&fixture, &ask("ledger")).await;
    for name in ["cart", "nobody", "Ledger"] {
        let direct = short(&fixture, &ask(name))
            .await
            .expect("the plan of another ref serves");
        assert_eq!(text(&direct), text(&long(&fixture, &ask(name)).await));
    }
    let ask = |variables: Value| json!({"query": "query($ref: String!, $n: Int, $of: EntityFilter) { entity(ref: $ref) { relations(first: $n) { nodes { type } } } entities(filter: $of) { totalCount } }", "variables": variables});
    let body = ask(json!({"ref": "component:ledger", "n": 1, "of": {"tag": {"eq": "java"}}}));
    let right: Value = serde_json::from_slice(&long(&fixture, &body).await).unwrap();
    assert_eq!(right["data"]["entities"]["totalCount"], 2);
    let direct = short(&fixture, &body).await.unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&direct).unwrap(), right);
    // What is not clearly right is left to the long way, which says what is wrong.
    for wrong in [
        json!({"n": 1}),
        json!({"ref": null}),
        json!({"ref": 5}),
        json!({"ref": "no ref"}),
        json!({"ref": "component:ledger", "n": "1"}),
        json!({"ref": "component:ledger", "n": -1}),
        json!({"ref": "component:ledger", "n": 501}),
        json!({"ref": "component:ledger", "n": 99_999_999_999_u64}),
        json!({"ref": "component:ledger", "of": {"colour": {"eq": "red"}}}),
        json!({"ref": "component:ledger", "of": {"tag": {"eq": 5}}}),
        json!({"ref": "component:ledger", "of": {"path": [{"eq": "x"}]}}),
        json!([]),
        json!("x"),
    ] {
        assert_eq!(short(&fixture, &ask(wrong.clone())).await, None, "{wrong}");
    }
}

#[tokio::test]
async fn what_has_no_plan_goes_the_long_way() {
    let fixture = Fixture::open().await;
    for query in [
        "{ __schema { queryType { name } } }",
        r#"{ entity(ref: "component:ledger") { ref @include(if: true) } }"#,
        r#"{ entity(ref: "component:ledger", atLeast: 1) { ref } }"#,
        r#"{ entity(ref: "component:ledger") { createdAt } }"#,
        r#"{ entity(ref: "component:ledger") { metadata { name } metadata { tags } } }"#,
        "query A { position } query B { position }",
        "{ nothing }",
        "{",
        "",
    ] {
        for _ in 0..2 {
            let body = json!({"query": query});
            long(&fixture, &body).await;
            assert_eq!(short(&fixture, &body).await, None, "{query}");
        }
    }
    let named = |name: Value| json!({"query": "query A { position }", "operationName": name});
    long(&fixture, &named(json!("A"))).await;
    assert!(short(&fixture, &named(json!("A"))).await.is_some());
    assert!(short(&fixture, &named(json!(null))).await.is_some());
    assert_eq!(short(&fixture, &named(json!("B"))).await, None);
    assert_eq!(
        short(
            &fixture,
            &json!({"query": "query A { position }", "extensions": {"atLeast": 9}})
        )
        .await,
        None
    );
    for body in [
        "",
        "{}",
        "[]",
        "5",
        "{\"query\":5}",
        "{\"query\":\"{position}\"",
        "\u{0}",
    ] {
        assert_eq!(
            answer(&fixture.app, &Viewer::local(), body.as_bytes()).await,
            None,
            "{body}"
        );
    }
}

#[tokio::test]
async fn nobody_sees_nothing_by_the_short_way_either() {
    let fixture = Fixture::open().await;
    for query in [
        r#"{ entity(ref: "component:ledger") { ref spec } }"#,
        "{ entities { totalCount nodes { ref } } }",
        r#"{ aggregate(groupBy: "kind") { totalCount buckets { value count } } }"#,
        r#"{ search(query: "") { totalCount nodes { entity { ref } } } }"#,
    ] {
        let body = json!({"query": query});
        let seen = long(&fixture, &body).await;
        let direct = answer(&fixture.app, &Viewer::nobody(), body.to_string().as_bytes())
            .await
            .unwrap();
        let request: Request = serde_json::from_value(body).unwrap();
        let right = execute(&fixture.app, Viewer::nobody(), request, None, Method::Post)
            .await
            .to_json();
        assert_eq!(text(&direct), text(&right), "{query}");
        assert_ne!(text(&direct), text(&seen), "{query}");
    }
}

/// Numbers from a seed (xorshift64*).
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % end
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    /// Some of these fields, some under other names, now and then within a fragment.
    fn some(&mut self, fields: &[&str], conditions: &[&str]) -> String {
        let mut out = String::from("{");
        for at in 0..1 + self.below(4) {
            let field = self.one(fields);
            match self.below(8) {
                0 => out.push_str(&format!(" a{at}: {field}")),
                1 => out.push_str(&format!(" ... on {} {{ {field} }}", self.one(conditions))),
                2 => out.push_str(&format!(" ... {{ {field} __typename }}")),
                3 => out.push_str(&format!(" b{}: {field}", self.below(2))),
                _ => out.push_str(&format!(" {field}")),
            }
        }
        out.push_str(" }");
        out
    }

    fn info(&mut self) -> String {
        let fields = [
            "hasNextPage",
            "hasPreviousPage",
            "startCursor",
            "endCursor",
            "__typename",
        ];
        format!("pageInfo {}", self.some(&fields, &["PageInfo"]))
    }

    fn entity(&mut self, depth: usize) -> String {
        let metadata_fields = [
            "name",
            "namespace",
            "title",
            "description",
            "labels",
            "annotations",
            "tags",
            "links",
            "uid",
            "etag",
            "json",
            "__typename",
        ];
        let metadata = format!("metadata {}", self.some(&metadata_fields, &["EntityMetadata"]));
        let (owner, owners) = (
            format!("owner {}", self.link(depth)),
            format!("owners {}", self.link(depth)),
        );
        let relations = self.relations(depth);
        let fields = [
            "ref",
            "kind",
            "apiVersion",
            "uid",
            "etag",
            "position",
            "updatedAt",
            "spec",
            "facts",
            "identifiers",
            "json",
            "__typename",
            &metadata,
            &owner,
            &owners,
            &relations,
        ];
        self.some(
            &fields,
            &["Entity", "Component", "API", "Group", "MachineModel", "GenericEntity"],
        )
    }

    fn link(&mut self, depth: usize) -> String {
        let entity = match depth {
            0 => "ref".to_owned(),
            _ => format!("entity {}", self.entity(depth - 1)),
        };
        let fields = [
            "ref",
            "kind",
            "namespace",
            "name",
            "title",
            "exists",
            "__typename",
            &entity,
        ];
        self.some(&fields, &["EntityLink"])
    }

    fn relations(&mut self, depth: usize) -> String {
        let target = match depth {
            0 => "type".to_owned(),
            _ => format!("target {}", self.link(depth - 1)),
        };
        let nodes = format!(
            "nodes {}",
            self.some(&["type", "direction", "__typename", &target], &["Relation"])
        );
        let info = self.info();
        let arguments = self.one(&[
            "",
            "(first: 1)",
            "(first: $n)",
            "(first: 0)",
            "(type: \"dependsOn\")",
            "(types: [\"ownedby\", \"partOf\"])",
            "(direction: INCOMING)",
            "(direction: $way)",
            "(kind: \"Component\", direction: OUTGOING)",
            "(after: \"7b\")",
            "(first: 3, after: null)",
        ]);
        format!(
            "relations{arguments} {}",
            self.some(&["totalCount", "__typename", &nodes, &info], &["RelationConnection"])
        )
    }

    fn filter(&mut self) -> &'static str {
        self.one(&[
            "{}",
            "{kind: {eq: $kind}}",
            "{kind: {in: [\"API\", $kind]}}",
            "{tag: {eq: \"java\"}, kind: {eq: \"component\"}}",
            "{owner: {eq: \"pay\"}}",
            "{name: {prefix: \"c\"}}",
            "{title: {exists: true}}",
            "{label: {key: \"tier\"}}",
            "{label: {eq: \"tier=gold\"}}",
            "{path: [{path: \"spec.system\", eq: \"shop\"}]}",
            "{related: {relation: \"dependsOn\", target: \"component:cart\"}}",
            "{or: [{kind: {eq: \"Group\"}}, {not: {tag: {exists: true}}}]}",
            "{and: [{lifecycle: {eq: \"production\"}}]}",
            "$of",
            "{type: {eq: \"service\"}, namespace: {eq: \"default\"}}",
            "null",
            "{owner: {eq: \"no:ref:at/all/\"}}",
        ])
    }

    fn root(&mut self) -> String {
        match self.below(6) {
            0 => self.one(&["position", "__typename"]).to_owned(),
            1 | 2 => {
                let of = self.one(&[
                    "$ref",
                    "\"component:ledger\"",
                    "\"group:pay\"",
                    "\"x:y/z\"",
                    "\"machinemodel:fraud\"",
                    "\"bad\"",
                ]);
                format!("entity(ref: {of}) {}", self.entity(3))
            }
            3 => {
                let edge = format!("edges {}", {
                    let node = format!("node {}", self.entity(1));
                    self.some(&["cursor", "__typename", &node], &["EntityEdge"])
                });
                let (nodes, info) = (format!("nodes {}", self.entity(2)), self.info());
                let order = self.one(&[
                    "",
                    ", orderBy: [{field: \"metadata.title\", direction: DESC}]",
                    ", orderBy: [{field: \"kind\"}, {field: \"metadata.name\", direction: $sort}]",
                    ", orderBy: [{field: \"updatedAt\"}]",
                    ", orderBy: [{field: \"colour\"}]",
                    ", orderBy: {field: \"owner\"}",
                ]);
                let (first, filter) = (self.one(&["1", "2", "$n", "500"]), self.filter());
                let fields = self.some(
                    &["totalCount", "__typename", &nodes, &edge, &info],
                    &["EntityConnection"],
                );
                format!("entities(first: {first}, filter: {filter}{order}) {fields}")
            }
            4 => {
                let path = self.one(&[
                    "kind",
                    "metadata.tags",
                    "owner",
                    "metadata.labels.tier",
                    "spec.system",
                    "metadata.labels",
                ]);
                let (first, filter) = (self.one(&["", ", first: 1", ", first: $n"]), self.filter());
                let fields = self.some(
                    &["field", "totalCount", "buckets { value count }", "__typename"],
                    &["Aggregate"],
                );
                format!("aggregate(groupBy: \"{path}\", filter: {filter}{first}) {fields}")
            }
            _ => {
                let (words, filter) = (
                    self.one(&["ledger", "", "handles", "kind:component", "ledgr", "$"]),
                    self.filter(),
                );
                let hit = format!("entity {}", self.entity(1));
                let hits = format!(
                    "nodes {}",
                    self.some(
                        &[
                            "score",
                            &hit,
                            "highlights { field fragment ranges { start end } }",
                            "__typename"
                        ],
                        &["SearchHit"]
                    )
                );
                let info = self.info();
                let facets = self.one(&[
                    "",
                    ", facets: [\"kind\", \"tags\"]",
                    ", facets: [\"colour\"]",
                    ", offset: 1",
                    ", after: \"31\"",
                ]);
                let fields = self.some(
                    &[
                        "totalCount",
                        "fuzzy",
                        "__typename",
                        "facets { field buckets { count value } __typename }",
                        &hits,
                        &info,
                    ],
                    &["SearchConnection"],
                );
                format!("search(query: \"{words}\", filter: {filter}{facets}) {fields}")
            }
        }
    }

    /// A whole request; the document declares just the variables that it uses.
    fn request(&mut self) -> (usize, Value) {
        let roots = 1 + self.below(2);
        let fields: Vec<String> = (0..roots).map(|at| format!("r{at}: {}", self.root())).collect();
        let fields = fields.join(" ");
        let declared: Vec<&str> = [
            ("$ref", "$ref: String!"),
            ("$n", "$n: Int = 3"),
            ("$way", "$way: RelationDirection"),
            ("$kind", "$kind: String"),
            ("$of", "$of: EntityFilter"),
            ("$sort", "$sort: SortDirection"),
        ]
        .into_iter()
        .filter(|(name, _)| {
            fields.contains(&format!("{name})"))
                || fields.contains(&format!("{name},"))
                || fields.contains(&format!("{name}}}"))
                || fields.contains(&format!("{name}]"))
        })
        .map(|(_, declaration)| declaration)
        .collect();
        let head = if declared.is_empty() {
            String::new()
        } else {
            format!("query Q({}) ", declared.join(", "))
        };
        let variables = match self.below(5) {
            0 => {
                json!({"ref": "api:cart-api", "n": 2, "way": "INCOMING", "kind": "Component", "of": {"tag": {"in": ["java", "data"]}}, "sort": "DESC"})
            }
            1 => json!({"ref": "component:cart", "way": null, "kind": null, "of": null, "sort": "ASC"}),
            2 => json!({"ref": "system:shop", "n": 700, "way": "SIDEWAYS", "kind": 5, "of": {"x": 1}}),
            3 => {
                json!({"ref": "component:default/ledger", "n": 1, "way": "BOTH", "kind": "api", "of": {"not": {"kind": {"eq": "Component"}}}, "sort": "DESC"})
            }
            _ => json!({}),
        };
        (
            roots,
            json!({"query": format!("{head}{{ {fields} }}"), "variables": variables}),
        )
    }
}

#[tokio::test]
async fn the_short_way_gives_the_bytes_of_the_long_way_over_many_documents() {
    let fixture = Fixture::open().await;
    let mut draw = Draw(0x5eed_0001);
    let (mut direct, mut documents, mut errors) = (0, 0, 0);
    for _ in 0..3_000 {
        let (roots, body) = draw.request();
        let right = long(&fixture, &body).await;
        documents += 1;
        let failed = serde_json::from_slice::<Value>(&right).unwrap().get("errors").is_some();
        errors += usize::from(failed);
        let Some(answer) = short(&fixture, &body).await else {
            continue;
        };
        direct += 1;
        assert!(
            !failed,
            "an answer with errors went the short way: {body:#}\n{}",
            text(&right)
        );
        if roots == 1 {
            assert_eq!(text(&answer), text(&right), "{body:#}");
        } else {
            let parsed = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
            assert_eq!(parsed(&answer), parsed(&right), "{body:#}");
        }
    }
    assert!(direct > documents / 4, "{direct} of {documents} documents have plans");
    assert!(errors > documents / 20, "{errors} of {documents} documents fail");
}
