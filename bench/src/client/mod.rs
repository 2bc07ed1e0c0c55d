//! A client of HTTP/1.1 that costs as little as `wrk`: prepared bytes out, a status and a length in.
//!
//! The machine under test shares its cores with its client, so what the client wastes is taken from the figures. It
//! knows keep-alive and `Content-Length`, and nothing of redirects, compression or chunks: a server that answers
//! otherwise is a failure of the run.

mod blocking;
mod load;
mod response;
#[cfg(test)]
mod tests;

pub(crate) use blocking::Connection;
pub(crate) use load::{Load, OpenLoop, closed_loop, open_loop};

use std::net::SocketAddr;

use serde_json::{Value, json};

/// A request as the bytes that are sent, and what its answer must contain.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub(crate) bytes: Vec<u8>,
    /// Where the body begins within `bytes`.
    pub(crate) body_at: usize,
    /// A piece of the body of every right answer; empty for none.
    pub(crate) expect: Vec<u8>,
}

impl Prepared {
    /// A GraphQL operation with its variables, as a dashboard posts it.
    pub(crate) fn graphql(address: SocketAddr, query: &str, variables: &Value, expect: impl Into<Vec<u8>>) -> Self {
        let body = json!({ "query": query, "variables": variables }).to_string();
        Self::post(address, "/graphql", &body, expect)
    }

    pub(crate) fn post(address: SocketAddr, path: &str, body: &str, expect: impl Into<Vec<u8>>) -> Self {
        let mut bytes = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        let body_at = bytes.len();
        bytes.extend_from_slice(body.as_bytes());
        Self {
            bytes,
            body_at,
            expect: expect.into(),
        }
    }

    pub(crate) fn get(address: SocketAddr, path: &str) -> Self {
        let bytes = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").into_bytes();
        Self {
            body_at: bytes.len(),
            bytes,
            expect: Vec::new(),
        }
    }
}
