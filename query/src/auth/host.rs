//! Whether a request names this machine by a name that only this machine has.

use std::net::IpAddr;

use axum::http::{HeaderMap, Uri, header};

/// Whether `Host` (or the authority of HTTP/2) is a loopback name. Several or none at all is a no.
pub(super) fn is_loopback(headers: &HeaderMap, uri: &Uri) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let from_header = match (hosts.next(), hosts.next()) {
        (Some(host), None) => match host.to_str() {
            Ok(host) => Some(host),
            Err(_) => return false,
        },
        (None, _) => None,
        (Some(_), Some(_)) => return false,
    };
    let from_uri = uri.authority().map(|authority| authority.as_str());
    match (from_header, from_uri) {
        (Some(one), Some(two)) => is_loopback_name(one) && is_loopback_name(two),
        (Some(one), None) | (None, Some(one)) => is_loopback_name(one),
        (None, None) => false,
    }
}

fn is_loopback_name(host: &str) -> bool {
    let name = if let Some(bracketed) = host.strip_prefix('[') {
        match bracketed.split_once(']') {
            Some((address, port)) if port.is_empty() || is_port(port) => address,
            _ => return false,
        }
    } else {
        match host.split_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            Some(_) => return false,
            None => host,
        }
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}

fn is_port(text: &str) -> bool {
    text.strip_prefix(':')
        .is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
}
