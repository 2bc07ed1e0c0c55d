//! What callers of the API send: cursors that they were given, or not, and GraphQL documents.

use bailiwick_catalog::graph::select::{Order, OrderField};
use bailiwick_query::fuzzing::{GuardVerdict, cursor as read_cursor, edge_cursor, guard};
use bailiwick_query::limits::{CURSOR_BYTES_MAX, QUERY_COMPLEXITY_MAX, QUERY_TEXT_BYTES_MAX};

use super::named;

/// Hex is tedious to mutate, so the input is what the cursor's hex stands for; and the hex itself.
pub fn cursor(bytes: &[u8]) {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let text = String::from_utf8_lossy(bytes);
    let by_title = [Order {
        field: OrderField::Title,
        descending: true,
    }];
    for text in [hex.as_str(), &text] {
        for order in [&[][..], &by_title] {
            if let Ok((read, written)) = read_cursor(order, text) {
                assert!(text.len() <= CURSOR_BYTES_MAX, "a cursor has a limit");
                assert_eq!(read.keys.len(), order.len().max(1), "a cursor fits its order");
                let (again, _) = read_cursor(order, &written).expect("a cursor is read as it is written");
                assert_eq!(again, read);
            }
        }
        if let Ok((read, written)) = edge_cursor(text) {
            assert_eq!(
                edge_cursor(&written).ok(),
                Some((read, written)),
                "a cursor is read as it is written"
            );
        }
    }
}

/// The first line is the name of the operation, or empty. What is accepted is within the limits.
pub fn graphql(bytes: &[u8]) {
    let (operation, document) = named(bytes);
    let document = String::from_utf8_lossy(document);
    let operation = Some(operation).filter(|name| !name.is_empty());
    let verdict = guard(&document, operation);
    assert_eq!(
        verdict,
        guard(&document, operation),
        "the same document has the same verdict"
    );
    match verdict {
        GuardVerdict::Accepted(complexity) => {
            assert!(document.len() <= QUERY_TEXT_BYTES_MAX);
            assert!((1..=QUERY_COMPLEXITY_MAX).contains(&complexity), "{complexity}");
        }
        GuardVerdict::Refused(message) => assert!(!message.is_empty(), "a refusal says why"),
        GuardVerdict::Malformed => {}
    }
}
