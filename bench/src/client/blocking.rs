//! One connection that asks, waits and reads: for sequential figures, for polling and for checks.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use memchr::memmem;
use serde_json::Value;

use super::response::{self, Head};
use super::{Load, Prepared};
use crate::failure::{Outcome, While as _, fail};

/// Longest wait for one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// What an answer contains whose position was not reached.
const NOT_REACHED: &[u8] = b"\"POSITION_TIMEOUT\"";

/// A kept-alive connection.
#[derive(Debug)]
pub(crate) struct Connection {
    address: SocketAddr,
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect(address).while_doing(format!("connecting to {address}"))?;
        stream.set_nodelay(true).while_doing("setting up a connection")?;
        stream
            .set_read_timeout(Some(ANSWER_TIMEOUT))
            .while_doing("setting up a connection")?;
        Ok(Self {
            address,
            stream,
            buffer: vec![0; 64 * 1024],
            filled: 0,
        })
    }

    /// Sends a request and waits for the whole answer; its body, whatever its status.
    pub(crate) fn ask(&mut self, request: &Prepared) -> Outcome<(Head, &[u8])> {
        self.stream.write_all(&request.bytes).while_doing("sending a request")?;
        self.filled = 0;
        let mut head = None;
        loop {
            if self.filled == self.buffer.len() {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
            let read = self
                .stream
                .read(&mut self.buffer[self.filled..])
                .while_doing("reading an answer")?;
            if read == 0 {
                return fail("the server closed the connection within an answer");
            }
            self.filled += read;
            if head.is_none() {
                head = response::head(&self.buffer[..self.filled]).while_doing("reading an answer")?;
            }
            if let Some(head) = head.filter(|head| head.end <= self.filled) {
                return Ok((head, &self.buffer[..head.end]));
            }
        }
    }

    /// Sends a request whose answer must be right, and gives its time.
    fn timed(&mut self, request: &Prepared) -> Outcome<Duration> {
        let began = Instant::now();
        let (head, bytes) = self.ask(request)?;
        let took = began.elapsed();
        match response::complaint(request, head, bytes) {
            None => Ok(took),
            Some(complaint) => fail(complaint),
        }
    }

    /// Requests one after another until the time is over, after a time of warming up that does not count.
    pub(crate) fn sequential(&mut self, pool: &[Prepared], warm: Duration, time: Duration) -> Outcome<Load> {
        let mut requests = pool.iter().cycle();
        let mut next = || requests.next().expect("a pool holds requests");
        let began = Instant::now();
        while began.elapsed() < warm {
            self.timed(next())?;
        }
        let began = Instant::now();
        let mut times = Vec::new();
        while began.elapsed() < time {
            times.push(self.timed(next())?);
        }
        Ok(Load::new(times, began.elapsed()))
    }

    /// Posts a GraphQL operation; the whole answer, which must be without errors.
    pub(crate) fn graphql(&mut self, query: &str, variables: &Value) -> Outcome<Value> {
        let request = Prepared::graphql(self.address, query, variables, "");
        self.answer(&request)
    }

    /// The same for a question that waits for a position: asked again as long as that is not reached.
    pub(crate) fn graphql_in_time(&mut self, query: &str, variables: &Value, time: Duration) -> Outcome<Value> {
        let request = Prepared::graphql(self.address, query, variables, "");
        let began = Instant::now();
        loop {
            let (head, bytes) = self.ask(&request)?;
            let waits = memmem::find(&bytes[head.body_at..], NOT_REACHED).is_some();
            if waits && began.elapsed() < time {
                continue;
            }
            return read(&request, head, bytes);
        }
    }

    /// Sends a prepared request; the answer as JSON, which must be without errors.
    pub(crate) fn answer(&mut self, request: &Prepared) -> Outcome<Value> {
        let (head, bytes) = self.ask(request)?;
        read(request, head, bytes)
    }

    /// Body and status of a page.
    pub(crate) fn page(&mut self, path: &str) -> Outcome<(u16, String)> {
        let request = Prepared::get(self.address, path);
        let (head, bytes) = self.ask(&request)?;
        Ok((
            head.status,
            String::from_utf8_lossy(&bytes[head.body_at..]).into_owned(),
        ))
    }
}

/// An answer as JSON; it must be a right one.
fn read(request: &Prepared, head: Head, bytes: &[u8]) -> Outcome<Value> {
    match response::complaint(request, head, bytes) {
        Some(complaint) => fail(complaint),
        None => serde_json::from_slice(&bytes[head.body_at..]).while_doing("reading an answer"),
    }
}
