//! YAML: places, limits, and one reading of everything that is JSON.

use bailiwick_schema::yaml::{Document, Limits, Node, NodeValue, Position, YamlError, parse_documents};
use serde_json::Value;

/// Limits that small inputs reach.
const SMALL: Limits = Limits {
    document_bytes_max: 64,
    depth_max: 4,
    nodes_max: 12,
    documents_max: 3,
    alias_weight_max: 2,
};

pub fn yaml(bytes: &[u8]) {
    let limits = Limits::default();
    let documents = parse_documents(bytes, &limits);
    let last_line = last_line(bytes);
    let mut line = 0;
    for document in &documents {
        let lines = document.lines;
        assert!(
            line <= lines.first && lines.first <= lines.last && lines.last <= last_line,
            "{lines:?} follows line {line} and lies within {last_line} lines"
        );
        line = lines.last;
        within(document, &limits, last_line);
        if let Ok(root) = &document.root {
            reads_as_itself(root);
        }
    }
    let again = parse_documents(bytes, &limits);
    let verdicts = |documents: Vec<Document>| documents.into_iter().map(|document| document.root).collect::<Vec<_>>();
    assert_eq!(
        verdicts(documents),
        verdicts(again),
        "the same bytes have the same verdict"
    );
    json_is_yaml(bytes);

    let small = parse_documents(bytes, &SMALL);
    assert!(small.len() <= SMALL.documents_max + 1, "{} documents", small.len());
    small.iter().for_each(|document| within(document, &SMALL, last_line));
}

/// The number of the last line of a text, from 1; ends of lines are those of YAML.
pub(super) fn last_line(bytes: &[u8]) -> u32 {
    let ends = bytes.iter().enumerate().filter(|(at, byte)| match byte {
        b'\n' => true,
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        _ => false,
    });
    u32::try_from(ends.count() + 1).expect("an input has few lines")
}

fn within(document: &Document, limits: &Limits, last_line: u32) {
    let place = |at: Position| {
        assert!(
            at.line >= 1 && at.line <= last_line && at.column >= 1,
            "{at:?} lies within {last_line} lines"
        );
    };
    match &document.root {
        Ok(root) => {
            let mut nodes = 0;
            let depth = walk(root, &mut |node| {
                nodes += 1;
                place(node.position);
                for entry in node.as_mapping().unwrap_or_default() {
                    nodes += 1;
                    place(entry.key_position);
                }
            });
            assert!(nodes <= limits.nodes_max, "{nodes} nodes");
            assert!(depth <= limits.depth_max, "{depth} levels");
        }
        Err(YamlError {
            code,
            message,
            position,
        }) => {
            assert!(!code.is_empty() && !message.is_empty(), "an error says what is wrong");
            place(*position);
        }
    }
}

/// Visits every node and tells how deeply collections nest.
fn walk(node: &Node, visit: &mut dyn FnMut(&Node)) -> usize {
    visit(node);
    match &node.value {
        NodeValue::Sequence(items) => 1 + items.iter().map(|item| walk(item, visit)).max().unwrap_or(0),
        NodeValue::Mapping(entries) => 1 + entries.iter().map(|entry| walk(&entry.value, visit)).max().unwrap_or(0),
        _ => 0,
    }
}

/// Keys differ, and the tree written as JSON is read as the same values.
fn reads_as_itself(root: &Node) {
    walk(root, &mut |node| {
        let entries = node.as_mapping().unwrap_or_default();
        for (at, entry) in entries.iter().enumerate().take(100) {
            let same = entries[..at].iter().any(|other| other.key == entry.key);
            assert!(!same, "the key {:?} is there twice", entry.key);
        }
    });
    let value = root.to_json();
    assert_eq!(root.clone().into_json(), value, "both ways to JSON agree");
    let text = serde_json::to_string(&value).expect("a tree has string keys");
    let mut again = parse_documents(&text, &Limits::default());
    assert_eq!(again.len(), 1, "{text} is one document");
    let again = again.remove(0).root.map(|root| root.to_json());
    assert_eq!(
        again.as_ref(),
        Ok(&value),
        "what was read is read again as itself: {text}"
    );
}

/// What is JSON with keys that differ is read by its own reading as by the one of YAML.
fn json_is_yaml(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    let mut documents = parse_documents(bytes, &Limits::default());
    let Ok(root) = (match documents.len() {
        1 => documents.remove(0).root,
        count => panic!("JSON is one document, not {count}"),
    }) else {
        return;
    };
    // A comment makes YAML of it. Behind, where nothing is open any more.
    let mut commented = bytes.to_vec();
    commented.extend_from_slice(b"\n# so that it is no JSON");
    let commented = parse_documents(&commented, &Limits::default());
    if let [Document { root: Ok(other), .. }] = &commented[..] {
        assert_eq!(other.to_json(), root.to_json(), "the two ways to read {value} agree");
    }
}
