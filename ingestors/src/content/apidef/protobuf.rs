//! Protobuf files: syntax or edition, package, services with their methods, top-level messages and enums.

use super::{ApiDefinition, ApiFormat};
use crate::content::tokens::{Kind, Style, tokens};
use crate::content::{NAME_CHARS_MAX, text};

/// `None` for a file without any definition of protobuf in it.
pub(super) fn parse(path: &str, content: &str) -> Option<ApiDefinition> {
    let mut definition = ApiDefinition::new(path, ApiFormat::Grpc);
    let mut stream = tokens(content, Style::Protobuf);
    let mut depth = 0usize;
    let mut service: Option<&str> = None;
    let mut defines = false;
    let mut statement_start = true;
    while let Some(token) = stream.next() {
        let starts = std::mem::replace(&mut statement_start, false);
        match token.kind {
            Kind::Mark('{') => {
                depth += 1;
                statement_start = true;
            }
            Kind::Mark('}') => {
                depth = depth.saturating_sub(1);
                statement_start = true;
                if depth == 0 {
                    service = None;
                }
            }
            Kind::Mark(';') => statement_start = true,
            Kind::Name("syntax" | "edition") if starts && depth == 0 => {
                if let Some(Kind::Text(version)) =
                    stream.find(|next| next.kind != Kind::Mark('=')).map(|next| next.kind)
                {
                    definition.spec_version = text::tidy(version, NAME_CHARS_MAX);
                    defines = true;
                }
            }
            Kind::Name("package") if starts && depth == 0 => {
                if let Some(Kind::Name(name)) = stream.next().map(|next| next.kind) {
                    definition.title = Some(text::clip(name, NAME_CHARS_MAX));
                    defines = true;
                }
            }
            Kind::Name(keyword @ ("service" | "message" | "enum")) if starts && depth == 0 => {
                let Some(Kind::Name(name)) = stream.next().map(|next| next.kind) else {
                    continue;
                };
                defines = true;
                if keyword == "service" {
                    definition.services.push(name);
                    service = Some(name);
                } else {
                    definition.types.push(name);
                }
            }
            Kind::Name("rpc") if starts && depth == 1 => {
                if let (Some(service), Some(Kind::Name(method))) = (service, stream.next().map(|next| next.kind)) {
                    definition.operations.push(&format!("{service}.{method}"));
                }
            }
            _ => {}
        }
    }
    defines.then_some(definition)
}
