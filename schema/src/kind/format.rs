//! The formats of names that an envelope asks for.
//!
//! Source: `@backstage/catalog-model` 1.10.1, `KubernetesValidatorFunctions`, `CommonValidatorFunctions` and
//! `makeValidator`. Written by hand because they run several times for every entity; a test compares the accepted set
//! with the patterns of the source.

/// Longest name, namespace, tag, kind or label, in characters.
const PART_CHARS_MAX: usize = 63;
/// Longest DNS name before a slash, in characters.
const PREFIX_CHARS_MAX: usize = 253;

/// `^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$`, up to 63 characters.
pub(crate) fn is_object_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    fits(text)
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// `^[a-zA-Z][a-z0-9A-Z]*$`, up to 63 characters.
pub(crate) fn is_kind(text: &str) -> bool {
    fits(text) && text.as_bytes()[0].is_ascii_alphabetic() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// `^[a-z0-9]+(?:\-+[a-z0-9]+)*$`, up to 63 characters.
pub(crate) fn is_dns_label(text: &str) -> bool {
    let lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    fits(text)
        && bytes.first().is_some_and(|byte| lower(*byte))
        && bytes.last().is_some_and(|byte| lower(*byte))
        && bytes.iter().all(|byte| lower(*byte) || *byte == b'-')
}

/// DNS labels joined by dots, up to 253 characters.
pub(crate) fn is_dns_subdomain(text: &str) -> bool {
    !text.is_empty() && text.len() <= PREFIX_CHARS_MAX && text.split('.').all(is_dns_label)
}

/// `^[a-z0-9:+#]+(\-[a-z0-9:+#]+)*$`, up to 63 characters.
pub(crate) fn is_tag(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b':' | b'+' | b'#');
    fits(text) && text.split('-').all(|part| !part.is_empty() && part.bytes().all(plain))
}

/// An alphanumeric version, or one after a DNS name and a slash.
pub(crate) fn is_api_version(text: &str) -> bool {
    prefixed(text, |version| {
        fits(version) && version.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// Keys of labels and annotations: an object name, or one after a DNS name and a slash.
pub(crate) fn is_label_key(text: &str) -> bool {
    prefixed(text, is_object_name)
}

/// An absolute URL of the WHATWG standard, as `new URL()` reads it.
pub(crate) fn is_url(text: &str) -> bool {
    url::Url::parse(text).is_ok()
}

/// Whether anything is left after trimming as JavaScript trims, which counts a byte order mark as white space.
pub(crate) fn is_blank(text: &str) -> bool {
    text.chars()
        .all(|char| (char.is_whitespace() && char != '\u{85}') || char == '\u{feff}')
}

fn fits(text: &str) -> bool {
    !text.is_empty() && text.len() <= PART_CHARS_MAX
}

fn prefixed(text: &str, is_suffix: impl Fn(&str) -> bool) -> bool {
    match text.split_once('/') {
        None => is_suffix(text),
        Some((prefix, suffix)) => is_dns_subdomain(prefix) && is_suffix(suffix),
    }
}
