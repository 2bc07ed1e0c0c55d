//! GraphQL schema definition language (specification of October 2021): types, and the fields of the root types.

use super::{ApiDefinition, ApiFormat};
use crate::content::tokens::{Kind, Style, Tokens, tokens};

/// `None` for documents of queries, and for files that define no type.
pub(super) fn parse(path: &str, text: &str) -> Option<ApiDefinition> {
    let mut definition = ApiDefinition::new(path, ApiFormat::Graphql);
    let roots = roots(text);
    let mut stream = tokens(text, Style::Graphql);
    let mut defines = false;
    while let Some(token) = stream.next() {
        match token.kind {
            // A bare selection set, or an operation: this is a query document.
            Kind::Mark('{') | Kind::Name("query" | "mutation" | "subscription" | "fragment") => return None,
            Kind::Name("extend") | Kind::Text(_) => {}
            Kind::Name("scalar" | "union" | "directive") => {
                let keyword = token.kind;
                let Some(Kind::Name(name)) = stream.find(|next| next.kind != Kind::Mark('@')).map(|next| next.kind)
                else {
                    break;
                };
                defines = true;
                if keyword != Kind::Name("directive") {
                    definition.types.push_new(name);
                }
            }
            Kind::Name("schema") => {
                defines = true;
                skip_body(&mut stream);
            }
            Kind::Name("type" | "interface" | "input" | "enum") => {
                let Some(Kind::Name(name)) = stream.next().map(|next| next.kind) else {
                    break;
                };
                defines = true;
                match roots.iter().find(|(_, root)| *root == name) {
                    Some((operation, _)) => fields(&mut stream, operation, &mut definition),
                    None => {
                        definition.types.push_new(name);
                        skip_body(&mut stream);
                    }
                }
            }
            Kind::Name(_) | Kind::Mark(_) => {}
        }
    }
    defines.then_some(definition)
}

/// The root types: what `schema { … }` says, else the default names.
fn roots(text: &str) -> Vec<(&'static str, &str)> {
    let mut roots = vec![
        ("Query", "Query"),
        ("Mutation", "Mutation"),
        ("Subscription", "Subscription"),
    ];
    let mut stream = tokens(text, Style::Graphql);
    let mut depth = 0usize;
    while let Some(token) = stream.next() {
        match token.kind {
            Kind::Mark('{') => depth += 1,
            Kind::Mark('}') => depth = depth.saturating_sub(1),
            Kind::Name("schema") if depth == 0 => {
                let mut operation = None;
                for inner in stream.by_ref() {
                    match inner.kind {
                        Kind::Mark('}') => break,
                        Kind::Name("query") => operation = Some(0),
                        Kind::Name("mutation") => operation = Some(1),
                        Kind::Name("subscription") => operation = Some(2),
                        Kind::Name(name) => {
                            if let Some(index) = operation.take() {
                                roots[index].1 = name;
                            }
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    roots
}

/// Skips `implements …`, directives and the body in braces; a definition without a body ends at the next keyword.
fn skip_body(stream: &mut Tokens<'_>) {
    if open_body(stream) {
        let mut depth = 1usize;
        for token in stream.by_ref() {
            match token.kind {
                Kind::Mark('{') => depth += 1,
                Kind::Mark('}') => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return;
            }
        }
    }
}

/// Moves behind the opening brace; false, and the stream before the next definition, when there is none.
fn open_body(stream: &mut Tokens<'_>) -> bool {
    loop {
        let before = stream.clone();
        match stream.next().map(|token| token.kind) {
            Some(Kind::Mark('{')) => return true,
            Some(Kind::Mark('(')) => skip_arguments(stream),
            Some(Kind::Name(
                "type" | "interface" | "input" | "enum" | "scalar" | "union" | "directive" | "schema" | "extend",
            )) => {
                *stream = before;
                return false;
            }
            Some(_) => {}
            None => return false,
        }
    }
}

fn skip_arguments(stream: &mut Tokens<'_>) {
    let mut depth = 1usize;
    for token in stream.by_ref() {
        match token.kind {
            Kind::Mark('(') => depth += 1,
            Kind::Mark(')') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return;
        }
    }
}

/// The fields of a root type, as operations.
fn fields(stream: &mut Tokens<'_>, operation: &str, definition: &mut ApiDefinition) {
    if !open_body(stream) {
        return;
    }
    let mut name = None;
    let mut depth = 1usize;
    while let Some(token) = stream.next() {
        match token.kind {
            Kind::Mark('{') => depth += 1,
            Kind::Mark('}') => {
                depth -= 1;
                if depth == 0 {
                    return;
                }
            }
            Kind::Mark('(') => skip_arguments(stream),
            // The name stands before the colon; what follows the colon is the type.
            Kind::Mark(':') => {
                if let Some(field) = name.take() {
                    definition.operations.push(&format!("{operation}.{field}"));
                }
                skip_type(stream);
            }
            Kind::Name(field) => name = Some(field),
            Kind::Mark(_) | Kind::Text(_) => {}
        }
    }
}

fn skip_type(stream: &mut Tokens<'_>) {
    for token in stream.by_ref() {
        match token.kind {
            Kind::Mark('[') => {}
            _ => return,
        }
    }
}
