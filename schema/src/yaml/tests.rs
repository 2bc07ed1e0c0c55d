use serde_json::{Value, json};

use super::*;

fn read(text: &str) -> Vec<Document> {
    parse_documents(text, &Limits::default())
}

fn one(text: &str) -> Result<Value, YamlError> {
    let mut documents = read(text);
    assert_eq!(documents.len(), 1, "{documents:?}");
    documents.remove(0).root.map(Node::into_json)
}

fn code(text: impl AsRef<[u8]>, limits: &Limits) -> (&'static str, u32, u32) {
    let documents = parse_documents(text, limits);
    let error = documents
        .into_iter()
        .find_map(|document| document.root.err())
        .expect("an error is expected");
    (error.code, error.position.line, error.position.column)
}

#[test]
fn scalars_resolve_by_the_core_schema_of_yaml_1_2() {
    let cases = [
        ("yes", json!("yes")),
        ("no", json!("no")),
        ("on", json!("on")),
        ("True", json!(true)),
        ("FALSE", json!(false)),
        ("tRue", json!("tRue")),
        ("~", json!(null)),
        ("Null", json!(null)),
        ("nULL", json!("nULL")),
        ("017", json!(17)),
        ("0o17", json!(15)),
        ("0x1F", json!(31)),
        ("-0x1F", json!("-0x1F")),
        ("0b11", json!("0b11")),
        ("1_000", json!("1_000")),
        ("1:30", json!("1:30")),
        ("2020-01-01", json!("2020-01-01")),
        ("2020-01-01T10:00:00Z", json!("2020-01-01T10:00:00Z")),
        ("+1", json!(1)),
        ("5.", json!(5)),
        (".5", json!(0.5)),
        ("1e3", json!(1000)),
        ("1.5e-3", json!(0.0015)),
        ("1e", json!("1e")),
        (".", json!(".")),
        (".inf", json!(null)),
        (".nan", json!(null)),
        ("-.nan", json!("-.nan")),
        ("1.5e400", json!(null)),
        ("9007199254740992", json!(9_007_199_254_740_992_i64)),
        ("12345678901234567890", json!(12_345_678_901_234_567_000.0)),
        ("<<", json!("<<")),
        ("=", json!("=")),
        ("'1'", json!("1")),
        ("\"null\"", json!("null")),
        ("!!str 5", json!("5")),
        ("!!int \"5\"", json!(5)),
        ("!!int x", json!("x")),
        ("!!float 1", json!("1")),
        ("!!bool yes", json!("yes")),
        ("!!null x", json!("x")),
        ("!custom 5", json!("5")),
        ("! 5", json!("5")),
        ("!!str", json!("")),
    ];
    for (text, expected) in cases {
        assert_eq!(one(&format!("a: {text}\n")).unwrap(), json!({"a": expected}), "{text}");
    }
}

#[test]
fn keys_become_texts_as_in_javascript() {
    let cases = [
        ("1.0", "1"),
        ("0o17", "15"),
        ("1e21", "1e+21"),
        ("1e-7", "1e-7"),
        ("0.000001", "0.000001"),
        ("123.25", "123.25"),
        ("123456789012345680000", "123456789012345680000"),
        ("-.inf", "-Infinity"),
        (".nan", "NaN"),
        ("-0", "0"),
        ("~", ""),
        ("true", "true"),
        ("yes", "yes"),
        ("[a, b]", "[ a, b ]"),
        ("{a: }", "{ a }"),
    ];
    for (key, expected) in cases {
        assert_eq!(
            one(&format!("? {key}\n: x\n")).unwrap(),
            json!({expected: "x"}),
            "{key}"
        );
    }
}

#[test]
fn equal_keys_are_an_error_and_keys_of_equal_text_leave_the_last() {
    let limits = Limits::default();
    assert_eq!(code("a: 1\nb:\n  c: 1\n  c: 2\n", &limits), ("duplicate_key", 4, 3));
    assert_eq!(code("1: a\n1.0: b\n", &limits), ("duplicate_key", 2, 1));
    assert_eq!(code("~: a\nnull: b\n", &limits), ("duplicate_key", 2, 1));
    assert_eq!(code("{a: 1, a: 2}", &limits), ("duplicate_key", 1, 8));
    assert_eq!(code("{\"a\": 1, \"a\": 2}", &limits), ("duplicate_key", 1, 10));
    let many: String = (0..40).map(|at| format!("k{at}: 1\n")).collect();
    assert_eq!(code(format!("{many}k17: 2\n"), &limits), ("duplicate_key", 41, 1));
    assert_eq!(one("1: a\n\"1\": b\n").unwrap(), json!({"1": "b"}));
    assert_eq!(one(".nan: a\n.nan: b\n").unwrap(), json!({"NaN": "b"}));
}

#[test]
fn merge_keys_are_keys() {
    assert_eq!(
        one("a: &a {x: 1}\nb:\n  <<: *a\n").unwrap(),
        json!({"a": {"x": 1}, "b": {"<<": {"x": 1}}})
    );
}

#[test]
fn every_node_and_key_knows_its_place() {
    let documents = read("---\na: é\nb:\n  - {c: 1}\n---\nx: &n 1\ny: *n\n");
    let first = documents[0].root.as_ref().unwrap();
    assert_eq!(documents[0].lines, LineRange { first: 1, last: 4 });
    assert_eq!(first.position, Position { line: 2, column: 1 });
    let item = first.get("b").unwrap().as_sequence().unwrap()[0].entry("c").unwrap();
    assert_eq!(item.key_position, Position { line: 4, column: 6 });
    assert_eq!(item.value.position, Position { line: 4, column: 9 });
    let second = documents[1].root.as_ref().unwrap();
    assert_eq!(documents[1].lines, LineRange { first: 5, last: 7 });
    assert_eq!(second.get("y").unwrap().position, Position { line: 7, column: 4 });
}

#[test]
fn json_has_the_places_and_values_that_yaml_gives_it() {
    let text = "\n{\n  \"é\": [1, {\"b\": \"\\u00e9\\n\"}],\n\t\"c\": -1.5e3, \"d\": {}, \"e\": [], \"f\": null\r\n}\n";
    let json = json::parse(text.as_bytes(), &Limits::default()).unwrap().root.unwrap();
    let yaml = load::load(text, 1, &Limits::default()).unwrap().unwrap();
    assert_eq!(json, yaml);
    for text in [
        "{\"a\": 1,}",
        "{\"a\": 1} x",
        "{a: 1}",
        "{\"a\": 1}\n---\n",
        "{\"a\": tru}",
        "{\"a\": 01 2}",
        "[1]",
        "",
    ] {
        assert!(json::parse(text.as_bytes(), &Limits::default()).is_none(), "{text}");
    }
    assert_eq!(one("{\"a\": \"\\ud83d\\ude00\"}").unwrap(), json!({"a": "😀"}));
}

#[test]
fn a_document_with_an_error_leaves_the_others() {
    for broken in [
        "a: [1, 2",
        "a: \"open",
        "a: 'open",
        "a: b: c",
        "- a\nb: c",
        "a: {",
        "\u{0}",
        "a: *x",
        "a: |x",
        "}",
    ] {
        let text = format!("a: 1\n---\n{broken}\n---\nb: 2\n...\nc: 3\n");
        let documents = read(&text);
        let read: Vec<Option<Value>> = documents
            .iter()
            .map(|document| document.root.as_ref().ok().map(Node::to_json))
            .collect();
        assert_eq!(
            read,
            [
                Some(json!({"a": 1})),
                None,
                Some(json!({"b": 2})),
                Some(json!({"c": 3}))
            ],
            "{broken}"
        );
        let error = documents[1].root.as_ref().unwrap_err();
        assert!((2..=4).contains(&error.position.line), "{broken}: {error}");
    }
}

#[test]
fn texts_without_documents_give_none_and_markers_give_empty_ones() {
    for (text, count) in [
        ("", 0),
        ("# x\n\n", 0),
        ("\u{feff}", 0),
        ("---", 1),
        ("---\n---\n", 2),
        ("...\n", 1),
        ("%YAML 1.2\n", 0),
    ] {
        let documents = read(text);
        assert_eq!(documents.len(), count, "{text:?}");
        assert!(
            documents
                .iter()
                .all(|document| matches!(&document.root, Ok(root) if root.value == NodeValue::Null))
        );
    }
}

#[test]
fn what_is_no_text_is_refused_where_it_stands() {
    let limits = Limits::default();
    assert_eq!(code(b"a: 1\nb: \xff\n", &limits), ("invalid_utf8", 2, 4));
    assert_eq!(code(b"a: 1\n---\nb: x\0\n", &limits), ("nul_byte", 3, 5));
    let documents = parse_documents(b"a: 1\n---\nb: \xff\n---\nc: 2\n", &limits);
    assert!(documents[0].root.is_ok() && documents[1].root.is_err() && documents[2].root.is_ok());
}

#[test]
fn aliases_count_as_the_package_counts_them() {
    let uses = |count: usize| format!("a: &a 1\nb: [{}]\n", ["*a "].repeat(count).join(","));
    assert!(one(&uses(99)).is_ok());
    assert_eq!(one(&uses(100)).unwrap_err().code, "too_many_aliases");
    let limits = Limits::default();
    assert_eq!(code("a: &a\n  b: *a\n", &limits), ("alias_cycle", 2, 6));
    assert_eq!(code("a: *b\n", &limits).0, "yaml_syntax");
    let list = |anchor: &str, of: &str| format!("{anchor}: &{anchor} [{}]\n", [of; 9].join(","));
    let bomb = [
        list("a", "x"),
        list("b", "*a"),
        list("c", "*b"),
        list("d", "*c"),
        list("e", "*d"),
    ]
    .concat();
    assert_eq!(code(bomb, &limits).0, "too_many_aliases");
}

#[test]
fn every_limit_is_held() {
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let limits = Limits::default();
    assert!(one(&deep(DEPTH_MAX)).is_ok());
    assert_eq!(code(deep(DEPTH_MAX + 1), &limits).0, "too_deep");
    assert_eq!(code(deep(100_000), &limits).0, "too_deep");
    assert_eq!(code(format!("a: {}", "{\"b\":".repeat(100_000)), &limits).0, "too_deep");
    let small = Limits {
        document_bytes_max: 10,
        documents_max: 2,
        ..limits
    };
    assert_eq!(code("a: 12345678901\n", &small).0, "document_too_large");
    assert_eq!(
        code("[1,2,3,4]", &Limits { nodes_max: 4, ..limits }).0,
        "too_many_nodes"
    );
    let documents = parse_documents("a\n---\nb\n---\nc\n---\nd\n", &small);
    assert_eq!(documents.len(), 3, "the rest is refused once");
    assert_eq!(documents[2].root.as_ref().unwrap_err().code, "too_many_documents");
    let wide = Limits {
        nodes_max: 20,
        ..limits
    };
    assert_eq!(code("a: &a [1,2,3,4,5,6]\nb: [*a, *a]\n", &wide).0, "too_many_nodes");
}

#[test]
fn what_the_parser_refuses_and_the_package_takes_is_read_with_its_places() {
    assert_eq!(one("a:\tb\nc:\t\"d\"\n").unwrap(), json!({"a": "b", "c": "d"}));
    assert_eq!(
        one("a: \"\\ud83d\\ude00 \\ud800\"\n").unwrap(),
        json!({"a": "😀 \u{fffd}"})
    );
    assert_eq!(one("a: [\n]\n").unwrap(), json!({"a": []}));
    assert_eq!(one("a: x\n  ---\n  ... y\n").unwrap(), json!({"a": "x --- ... y"}));
    assert_eq!(one("a: x\r y\n").unwrap(), json!({"a": "x  y"}));
    let documents = read("{a:[1], b:{c: 1}, d: e}\n");
    let root = documents[0].root.as_ref().unwrap();
    assert_eq!(root.to_json(), json!({"a": [1], "b": {"c": 1}, "d": "e"}));
    assert_eq!(root.entry("d").unwrap().key_position, Position { line: 1, column: 19 });
    let documents = read("a: [\"\\ud83d\\ude00\", b]\n");
    let items = documents[0]
        .root
        .as_ref()
        .unwrap()
        .get("a")
        .unwrap()
        .as_sequence()
        .unwrap();
    assert_eq!(items[1].position, Position { line: 1, column: 21 });
}

#[test]
fn what_the_parser_takes_and_the_package_refuses_is_refused() {
    let cases = [
        ("a:\n\tb: 1\n", 2, 2),
        ("\ta: 1\n", 1, 1),
        ("a:\n  \t- 1\n", 2, 3),
        ("a:\n\t", 2, 1),
        ("a: |\n  x\n\t\nb: 1\n", 3, 1),
        ("a: one\n  two\n\t\n  three\n", 3, 1),
        ("a: [1,\n\t2]\n", 2, 1),
        ("a: [1,\n2]\n", 2, 1),
        ("a: {b: \"c\nd\"}\n", 2, 1),
        ("a: [>]\n", 1, 5),
        ("a: [%b]\n", 1, 5),
        (": a: b\n", 1, 3),
        ("a: !!timestamp tomorrow\n", 1, 16),
    ];
    for (text, line, column) in cases {
        assert_eq!(
            code(text, &Limits::default()),
            ("yaml_syntax", line, column),
            "{text:?}"
        );
    }
    for text in [
        "a: [\n  1\n]\n",
        "a: [ # x\n# y\n  1]\n",
        "[\n1\n]\n",
        "\t[1]\n",
        "a: |\n  x\nb: 1\n",
        "a: \"b\n\n  c\"\n",
        "a:\n  \tb\n",
    ] {
        assert!(one(text).is_ok(), "{text:?}: {:?}", one(text));
    }
}

#[test]
fn block_texts_keep_the_breaks_that_their_headers_ask_for() {
    let cases = [
        ("|\n  x\n\n", "x\n"),
        ("|-\n  x\n\n", "x"),
        ("|+\n  x\n\n", "x\n\n"),
        (">\n  x\n  y\n\n  z\n", "x y\nz\n"),
        ("|2\n    x\n", "  x\n"),
        ("|\n", ""),
        ("|-\n\n", ""),
        ("|\n\n\nb: 1", ""),
        ("|+\n\n", "\n"),
        ("|+\n\n\nb: |\n", "\n\n"),
    ];
    for (text, expected) in cases {
        assert_eq!(one(&format!("a: {text}")).unwrap()["a"], json!(expected), "{text:?}");
    }
}

#[test]
fn a_sequence_that_is_not_indented_may_hold_flow_collections() {
    for (text, wanted) in [
        ("a:\n- {x: 1}\n- {y: 2}\n", json!({"a": [{"x": 1}, {"y": 2}]})),
        ("a:\n- [1]\n- [2,\n 3]\n", json!({"a": [[1], [2, 3]]})),
        (
            "a:\n- - {x: 1}\n  - [2]\nb: 1\n",
            json!({"a": [[{"x": 1}, [2]]], "b": 1}),
        ),
        ("- a:\n  - {x: 1}\n  - {y: 2}\n", json!([{"a": [{"x": 1}, {"y": 2}]}])),
    ] {
        assert_eq!(one(text).unwrap(), wanted, "{text:?}");
    }
    assert!(
        one("a:\n- [1,\n2]\n").is_err(),
        "the second line of the list must be indented"
    );
}
