//! One definition of each format, things that only look like one, and broken ones.

use super::*;

fn read(path: &str, content: &str) -> ApiDefinition {
    let (definition, problems) = parse(path, content.as_bytes());
    assert_eq!(problems, vec![], "{path}");
    definition.unwrap_or_else(|| panic!("{path} is a definition"))
}

#[test]
fn openapi_three_in_yaml_with_numbers_as_keys() {
    let definition = read(
        "api/openapi.yaml",
        "openapi: 3.0.1\ninfo:\n  title: Pay\n  version: 1.0\n  description: |\n    Pays\n    twice\ntags: [{name: money}]\npaths:\n  /pay:\n    parameters: []\n    post: {responses: {200: {description: ok}}}\n    get: {responses: {200: {description: ok}}}\ncomponents:\n  schemas:\n    Amount: {type: object}\n",
    );
    assert_eq!(
        (definition.format, definition.spec_version.as_deref()),
        (ApiFormat::Openapi, Some("3.0.1"))
    );
    assert_eq!(
        (definition.title.as_deref(), definition.description.as_deref()),
        (Some("Pay"), Some("Pays twice"))
    );
    assert_eq!(definition.operations.names, ["GET /pay", "POST /pay"]);
    assert_eq!(
        (definition.services.names, definition.types.names),
        (vec!["money".to_owned()], vec!["Amount".to_owned()])
    );
}

#[test]
fn swagger_two_in_json_and_unquoted_in_yaml() {
    let json = read(
        "swagger.json",
        "{\"swagger\": \"2.0\", \"info\": {\"title\": \"a\"}, \"paths\": {\"/\": {\"get\": {}}}, \"definitions\": {\"A\": {}}}",
    );
    assert_eq!((json.spec_version.as_deref(), json.types.count), (Some("2.0"), 1));
    assert_eq!(
        read("swagger.yml", "---\nswagger: 2.0\npaths: {}\n")
            .spec_version
            .as_deref(),
        Some("2.0")
    );
}

#[test]
fn asyncapi_two_and_three() {
    let two = read(
        "asyncapi.yaml",
        "asyncapi: '2.6.0'\ninfo: {title: e, version: '1'}\nchannels:\n  user/signedup:\n    subscribe: {message: {}}\n",
    );
    assert_eq!(
        (two.operations.names, two.services.names),
        (
            vec!["subscribe user/signedup".to_owned()],
            vec!["user/signedup".to_owned()]
        )
    );
    let three = read(
        "asyncapi.yaml",
        "asyncapi: 3.0.0\nchannels:\n  a: {address: user/signedup}\noperations:\n  sendA: {action: send}\ncomponents: {messages: {M: {}}}\n",
    );
    assert_eq!(
        (three.operations.names, three.services.names),
        (vec!["send sendA".to_owned()], vec!["user/signedup".to_owned()])
    );
    assert_eq!(three.types.names, ["M"]);
}

#[test]
fn graphql_schemas_with_their_own_root_types() {
    let definition = read(
        "schema.graphql",
        "\"\"\" type Fake { a: Int } \"\"\"\nschema { query: Root mutation: Change }\nscalar Date\ndirective @key(fields: String!) on OBJECT\ntype Root @x(a: {b: 1}) {\n  \"one\" user(id: ID! = \"}\"): User!\n  users(first: Int, filter: F = {a: [1]}): [User!]! @deprecated(reason: \"no: {\")\n}\nextend type Change { go: Boolean }\ntype User implements Node & Other { id: ID! # c\n name: String }\nunion U = User | Root\nenum E { A B }\n",
    );
    assert_eq!(
        definition.operations.names,
        ["Query.user", "Query.users", "Mutation.go"]
    );
    assert_eq!(definition.types.names, ["Date", "User", "U", "E"]);
}

#[test]
fn graphql_documents_of_queries_are_no_definitions() {
    for content in [
        "query A { a }",
        "{ a }",
        "mutation { a }",
        "fragment F on A { a }",
        "# nothing",
        "",
    ] {
        assert_eq!(parse("a.graphql", content.as_bytes()), (None, vec![]), "{content}");
    }
}

#[test]
fn protobuf_services_and_messages() {
    let definition = read(
        "a/b.proto",
        "// service No { }\n/* service No { } */\nsyntax = \"proto3\";\npackage acme.pay.v1;\nimport \"x.proto\";\nmessage Outer { message Inner { string service = 1; } }\nservice Pay {\n  option (x) = { a: 1 };\n  rpc Send(stream acme.A) returns (B) { option (y) = \"rpc No\"; }\n  rpc Get (A) returns (B);\n}\nenum E { X = 0; }\n",
    );
    assert_eq!(
        (definition.spec_version.as_deref(), definition.title.as_deref()),
        (Some("proto3"), Some("acme.pay.v1"))
    );
    assert_eq!(definition.services.names, ["Pay"]);
    assert_eq!(definition.operations.names, ["Pay.Send", "Pay.Get"]);
    assert_eq!(definition.types.names, ["Outer", "E"]);
    assert_eq!(parse("a.proto", b"just text"), (None, vec![]));
}

#[test]
fn candidates_that_are_something_else_are_silent_and_broken_ones_are_problems() {
    for content in [
        "a: 1\n",
        "generator: openapi\n",
        "openapi:\n  input: a.yaml\n",
        "openapi: latest\n",
        "",
    ] {
        assert_eq!(
            parse("openapi-config.yaml", content.as_bytes()),
            (None, vec![]),
            "{content}"
        );
    }
    let (definition, problems) = parse("openapi.yaml", b"openapi: 3.0.0\ninfo: {title: [\n");
    assert_eq!((definition, problems[0].code), (None, "invalid_yaml"));
    assert!(problems[0].line.is_some());
    let (_, problems) = parse("openapi.json", b"{\"openapi\": \"3.0.0\",\n}");
    assert_eq!((problems[0].code, problems[0].line), ("invalid_json", Some(2)));
    assert_eq!(parse("a.proto", b"syntax = \"proto3\";\xff").1[0].code, "not_utf8");
}

#[test]
fn repeated_keys_do_not_hide_a_definition() {
    assert_eq!(
        read(
            "openapi.yml",
            "openapi: 3.0.0\npaths:\n  /a: {get: {}}\n  /a: {post: {}}\n"
        )
        .operations
        .names,
        ["POST /a"]
    );
}
