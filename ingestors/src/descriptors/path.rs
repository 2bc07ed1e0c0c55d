//! Paths and targets as texts.

/// Longest path that is resolved, in bytes.
const PATH_BYTES_MAX: usize = 4_096;

/// Whether a target names something elsewhere (`https://…`, `ssh://…`).
pub fn is_url(target: &str) -> bool {
    target.split_once("://").is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    })
}

/// Resolves `target`, written in the file `from`, within a tree whose root is the empty path.
///
/// Nothing if it leads above the root, is absolute, a URL, empty, too long or holds a NUL or a backslash.
pub fn resolve_relative(from: &str, target: &str) -> Option<String> {
    let refused = target.is_empty()
        || target.starts_with('/')
        || target.contains(['\0', '\\'])
        || is_url(target)
        || target.len() > PATH_BYTES_MAX;
    if refused {
        return None;
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}
