//! Many connections on few threads: as fast as answers come (closed loop), or at a rate that does not wait (open loop).
//!
//! In the open loop a request has a time at which it should be sent. Its latency counts from then, whether or not a
//! connection was free: a server that stalls shows the stall in every request that it kept waiting.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token, Waker};

use super::Prepared;
use super::response::{self, Head};
use crate::failure::{Outcome, While as _, fail};

/// Longest silence of all connections before the run fails.
const SILENCE: Duration = Duration::from_secs(60);
/// Threads of a closed loop: as many as `wrk` is given.
const THREADS: usize = 2;
/// Turns of the open loop from one look at silent connections to the next.
const TURNS_BETWEEN_LOOKS: u64 = 4_096;

/// The times of a load.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    /// Latencies in ascending order.
    times: Vec<Duration>,
    pub(crate) took: Duration,
}

impl Load {
    pub(crate) fn new(mut times: Vec<Duration>, took: Duration) -> Self {
        times.sort_unstable();
        Self { times, took }
    }

    pub(crate) fn count(&self) -> usize {
        self.times.len()
    }

    /// Answers in a second.
    pub(crate) fn rate(&self) -> f64 {
        self.times.len() as f64 / self.took.as_secs_f64()
    }

    /// The latency that this share of answers did not exceed, in ms; 0 where there are none.
    pub(crate) fn quantile_ms(&self, share: f64) -> f64 {
        let last = self.times.len().saturating_sub(1);
        let at = (last as f64 * share).round() as usize;
        self.times.get(at).map_or(0.0, |time| time.as_secs_f64() * 1e3)
    }
}

/// One connection of many.
struct Lane {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
    head: Option<Head>,
    /// Which request is under way, and since when its latency counts.
    asked: Option<(usize, Instant)>,
}

impl Lane {
    fn open(address: SocketAddr, poll: &Poll, token: Token) -> Outcome<Self> {
        let stream = std::net::TcpStream::connect(address).while_doing(format!("connecting to {address}"))?;
        stream.set_nodelay(true).while_doing("setting up a connection")?;
        stream.set_nonblocking(true).while_doing("setting up a connection")?;
        let mut stream = TcpStream::from_std(stream);
        poll.registry()
            .register(&mut stream, token, Interest::READABLE)
            .while_doing("watching a connection")?;
        Ok(Self {
            stream,
            buffer: vec![0; 32 * 1024],
            filled: 0,
            head: None,
            asked: None,
        })
    }

    fn send(&mut self, which: usize, request: &Prepared, since: Instant) -> Outcome<()> {
        // A request is far smaller than the socket's buffer, which is empty: it goes out whole or something is wrong.
        let sent = self.stream.write(&request.bytes).while_doing("sending a request")?;
        if sent < request.bytes.len() {
            return fail("a request did not fit into an empty socket");
        }
        self.asked = Some((which, since));
        self.filled = 0;
        self.head = None;
        Ok(())
    }

    /// Reads what is there; the request that is answered now and since when it counted.
    fn receive(&mut self) -> Outcome<Option<(usize, Instant, Head)>> {
        loop {
            if self.filled == self.buffer.len() {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
            let read = match self.stream.read(&mut self.buffer[self.filled..]) {
                Ok(0) => return fail("the server closed a connection"),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error).while_doing("reading an answer"),
            };
            self.filled += read;
            if self.head.is_none() {
                self.head = response::head(&self.buffer[..self.filled]).while_doing("reading an answer")?;
            }
            if let Some(head) = self.head.filter(|head| head.end <= self.filled) {
                let Some((which, since)) = self.asked.take() else {
                    return fail("an answer that nobody asked for");
                };
                return Ok(Some((which, since, head)));
            }
        }
    }
}

fn open_lanes(address: SocketAddr, count: usize, poll: &Poll) -> Outcome<Vec<Lane>> {
    (0..count).map(|at| Lane::open(address, poll, Token(at))).collect()
}

/// Keeps every connection busy until the time is over. The first wrong answer ends it.
pub(crate) fn closed_loop(
    address: SocketAddr,
    connections: usize,
    pool: &[Prepared],
    warm: Duration,
    time: Duration,
) -> Outcome<Load> {
    let begin = Instant::now() + warm;
    let share = |thread: usize| connections * (thread + 1) / THREADS - connections * thread / THREADS;
    let part = |thread: usize| {
        let first = pool.len() * thread / THREADS;
        busy(address, share(thread), (pool, first), begin, begin + time)
    };
    let parts: Vec<Outcome<Vec<Duration>>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || part(thread))).collect();
        let ended = |thread: std::thread::ScopedJoinHandle<'_, _>| match thread.join() {
            Ok(times) => times,
            Err(_) => fail("a thread of the client ended early"),
        };
        threads.into_iter().map(ended).collect()
    });
    let mut times = Vec::new();
    for part in parts {
        times.extend(part?);
    }
    Ok(Load::new(times, time))
}

/// Keeps some connections busy on this thread, with requests from one place of the pool on; the latencies of what was
/// answered between two times.
fn busy(
    address: SocketAddr,
    connections: usize,
    (pool, first): (&[Prepared], usize),
    begin: Instant,
    end: Instant,
) -> Outcome<Vec<Duration>> {
    let mut poll = Poll::new().while_doing("opening a poll")?;
    let mut lanes = open_lanes(address, connections, &poll)?;
    let mut requests = (0..pool.len()).cycle().skip(first);
    let mut next = || requests.next().expect("a pool holds requests");
    for lane in &mut lanes {
        let which = next();
        lane.send(which, &pool[which], Instant::now())?;
    }
    let mut events = Events::with_capacity(connections.max(1));
    let mut times = Vec::new();
    let mut open = connections;
    while open > 0 {
        poll.poll(&mut events, Some(SILENCE))
            .while_doing("waiting for answers")?;
        if events.is_empty() {
            return fail("no answer for a minute");
        }
        for event in &events {
            let lane = &mut lanes[event.token().0];
            let Some((which, since, head)) = lane.receive()? else {
                continue;
            };
            let now = Instant::now();
            if let Some(complaint) = response::complaint(&pool[which], head, &lane.buffer) {
                return fail(complaint);
            }
            if now > begin && now <= end {
                times.push(now - since);
            }
            if now >= end {
                open -= 1;
                continue;
            }
            let which = next();
            lane.send(which, &pool[which], now)?;
        }
    }
    Ok(times)
}

/// A load at a fixed rate.
#[derive(Debug)]
pub(crate) struct OpenLoop<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) connections: usize,
    /// Requests in a second.
    pub(crate) rate: u32,
    pub(crate) time: Duration,
    pub(crate) pool: &'a [Prepared],
}

/// Sends at the rate, whatever comes back. `answered` hears of every answer: the index of its request, its latency from
/// the intended time of sending, and what is wrong with it, if anything.
pub(crate) fn open_loop(plan: &OpenLoop<'_>, mut answered: impl FnMut(usize, Duration, Option<String>)) -> Outcome<()> {
    const WAKE: Token = Token(usize::MAX);
    let mut poll = Poll::new().while_doing("opening a poll")?;
    let mut lanes = open_lanes(plan.address, plan.connections, &poll)?;
    let mut idle: VecDeque<usize> = (0..lanes.len()).collect();
    let waker = Arc::new(Waker::new(poll.registry(), WAKE).while_doing("opening a poll")?);
    let done = Arc::new(AtomicBool::new(false));
    let step = Duration::from_secs(1) / plan.rate;
    let begin = Instant::now();
    let pacer = {
        let (waker, done) = (Arc::clone(&waker), Arc::clone(&done));
        // The poll counts in milliseconds; the times between requests are shorter.
        std::thread::spawn(move || {
            let mut due = begin;
            while !done.load(Ordering::Relaxed) {
                due += step;
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                let _ = waker.wake();
            }
        })
    };
    let total = (plan.time.as_secs_f64() * f64::from(plan.rate)) as u32;
    let mut sent = 0_u32;
    let mut turns = 0_u64;
    let mut open = 0_usize;
    let mut events = Events::with_capacity(plan.connections + 1);
    let result = loop {
        while sent < total && !idle.is_empty() {
            let due = begin + step * sent;
            if due > Instant::now() {
                break;
            }
            let Some(at) = idle.pop_front() else { break };
            let which = sent as usize % plan.pool.len();
            if let Err(failure) = lanes[at].send(which, &plan.pool[which], due) {
                done.store(true, Ordering::Relaxed);
                return Err(failure);
            }
            sent += 1;
            open += 1;
        }
        if sent == total && open == 0 {
            break Ok(());
        }
        if let Err(error) = poll.poll(&mut events, Some(SILENCE)) {
            break Err(error).while_doing("waiting for answers");
        }
        let mut failed = None;
        for event in events.iter().filter(|event| event.token() != WAKE) {
            let at = event.token().0;
            match lanes[at].receive() {
                Ok(Some((which, since, head))) => {
                    let took = since.elapsed();
                    answered(
                        which,
                        took,
                        response::complaint(&plan.pool[which], head, &lanes[at].buffer),
                    );
                    open -= 1;
                    idle.push_back(at);
                }
                Ok(None) => {}
                Err(failure) => failed = Some(failure),
            }
        }
        if let Some(failure) = failed {
            break Err(failure);
        }
        // The pacer keeps this loop turning, so that a connection without an answer is noticed.
        turns += 1;
        let stuck = |lane: &Lane| lane.asked.is_some_and(|(_, since)| since.elapsed() > SILENCE);
        if turns.is_multiple_of(TURNS_BETWEEN_LOOKS) && lanes.iter().any(stuck) {
            break fail("no answer for a minute");
        }
    };
    done.store(true, Ordering::Relaxed);
    let _ = pacer.join();
    result
}
