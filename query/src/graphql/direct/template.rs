//! The text of a document without its strings.
//!
//! Clients that write what they ask for into the text send a new text each time; all of them share the one template
//! in which every string is a mark. Only plain strings are taken out: a text with a block string or an escape keeps
//! all of its strings, and is a template of its own.

/// Stands in a template for a string, with the number of the string behind it. No string of a text can be taken for
/// one: either all strings were taken out, or no mark is ever looked for.
const MARK: &str = "string ";

/// A text, parted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Template<'a> {
    pub(super) text: String,
    /// What stood in the places of the marks, in order.
    pub(super) literals: Vec<&'a str>,
}

/// Parts a text. Linear in its length.
pub(super) fn part(query: &str) -> Template<'_> {
    let whole = || Template {
        text: query.to_owned(),
        literals: Vec::new(),
    };
    let bytes = query.as_bytes();
    let mut text = String::with_capacity(query.len() + 16);
    let mut literals = Vec::new();
    let mut copied = 0;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'#' => {
                // A comment goes to the end of its line.
                at += bytes[at..]
                    .iter()
                    .position(|byte| matches!(byte, b'\n' | b'\r'))
                    .unwrap_or(bytes.len() - at);
            }
            b'"' => {
                if bytes[at..].starts_with(b"\"\"\"") {
                    return whole();
                }
                let start = at + 1;
                let length = bytes[start..]
                    .iter()
                    .position(|byte| matches!(byte, b'"' | b'\\' | b'\n' | b'\r'));
                let Some(length) = length.filter(|length| bytes[start + length] == b'"') else {
                    return whole();
                };
                text.push_str(&query[copied..start]);
                mark(literals.len(), &mut text);
                literals.push(&query[start..start + length]);
                copied = start + length;
                at = copied + 1;
            }
            _ => at += 1,
        }
    }
    text.push_str(&query[copied..]);
    Template { text, literals }
}

fn mark(number: usize, text: &mut String) {
    use std::fmt::Write as _;
    text.push_str(MARK);
    write!(text, "{number}").expect("writing to a string cannot fail");
}

/// The number of the string that a mark stands for.
pub(super) fn number_of(text: &str) -> Option<usize> {
    text.strip_prefix(MARK)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_differ_in_strings_only_share_a_template() {
        let one = part(r#"{ entity(ref: "component:a") { ref } b: entity(ref: "") { ref } }"#);
        let two = part(r#"{ entity(ref: "component:b") { ref } b: entity(ref: "string 0") { ref } }"#);
        assert_eq!(one.text, two.text);
        assert_eq!(
            one.text,
            r#"{ entity(ref: "string 0") { ref } b: entity(ref: "string 1") { ref } }"#
        );
        assert_eq!(
            (one.literals, two.literals),
            (vec!["component:a", ""], vec!["component:b", "string 0"])
        );
        assert_eq!(number_of("string 12"), Some(12));
        assert_eq!(number_of("string x"), None);
    }

    #[test]
    fn comments_escapes_block_strings_and_open_ends_are_left_alone() {
        for text in [
            "{ a # \"not a string\n }",
            r#"{ a(b: "x\"y", c: "z") }"#,
            r#"{ a(b: """x""", c: "z") }"#,
            r#"{ a(b: "x"#,
            "{ a(b: \"x\ny\") }",
            "\"",
            "#",
            "",
        ] {
            let template = part(text);
            assert_eq!((template.text.as_str(), template.literals.len()), (text, 0), "{text}");
        }
        let commented = part("{ a(b: \"x\") # \"y\"\n c(d: \"é\") }");
        assert_eq!(commented.literals, ["x", "é"]);
    }
}
