//! Reading of answers: where the head ends, what status it has, how long the body is, whether it is a right one.

use memchr::memmem;

use super::Prepared;

/// What a GraphQL answer with an error contains; no word of the workload does.
const ERRORS: &[u8] = b"\"errors\":[";

/// Where an answer ends and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    /// Where the body begins.
    pub(crate) body_at: usize,
    /// Where the answer ends.
    pub(crate) end: usize,
}

/// Reads the head of an answer; `None` as long as it is not there whole.
/// Errors: what is no answer of HTTP/1.1 with a length.
pub(crate) fn head(bytes: &[u8]) -> Result<Option<Head>, String> {
    let Some(body_at) = memmem::find(bytes, b"\r\n\r\n").map(|at| at + 4) else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..body_at]).map_err(|_| "the head of the answer is no text".to_owned())?;
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let status = first
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3)?.parse().ok())
        .ok_or_else(|| format!("`{first}` is no answer of HTTP/1.1"))?;
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<usize>().ok())
        .ok_or("the answer names no length")?;
    Ok(Some(Head {
        status,
        body_at,
        end: body_at + length,
    }))
}

/// Says what is wrong with an answer to a request, if anything.
pub(crate) fn complaint(request: &Prepared, head: Head, bytes: &[u8]) -> Option<String> {
    let body = &bytes[head.body_at..head.end];
    let wrong = if head.status != 200 {
        format!("status {}", head.status)
    } else if memmem::find(body, ERRORS).is_some() {
        "an answer with errors".to_owned()
    } else if memmem::find(body, &request.expect).is_none() {
        format!("no `{}` in the answer", String::from_utf8_lossy(&request.expect))
    } else {
        return None;
    };
    let shown = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(600)]).into_owned();
    Some(format!(
        "{wrong}\n  asked: {}\n  answer: {}",
        shown(&request.bytes[request.body_at..]),
        shown(body)
    ))
}
