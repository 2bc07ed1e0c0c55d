//! Queries over HTTP: one after another, and from many connections at once.

use std::time::Duration;

use serde::Serialize;

use crate::client::{Prepared, closed_loop};
use crate::draw::Draw;
use crate::failure::Outcome;
use crate::process::cpu_secs;
use crate::questions::{self, Operation};
use crate::server::Server;
use crate::truth::Truth;

/// Different questions of one operation.
const QUESTIONS: usize = 2_000;
/// Of these, how many answers are compared whole.
const CHECKED: usize = 100;

/// How long to ask.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asking {
    pub(crate) connections: usize,
    /// Before the figures count.
    pub(crate) warm: Duration,
    /// One after another.
    pub(crate) sequential: Duration,
    /// From all connections.
    pub(crate) crowd: Duration,
    pub(crate) seed: u64,
}

/// The figures of one operation.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Asked {
    pub(crate) operation: Operation,
    pub(crate) p50_ms: f64,
    pub(crate) p95_ms: f64,
    pub(crate) p99_ms: f64,
    /// At many connections.
    pub(crate) requests_per_sec: f64,
    pub(crate) crowd_p50_ms: f64,
    pub(crate) crowd_p99_ms: f64,
    /// Milliseconds of the server's processor time for a request, at many connections.
    pub(crate) cpu_ms: f64,
    /// Bytes of a typical answer, head included.
    pub(crate) answer_bytes: usize,
}

/// Asks each operation: compares a sample, then one after another, then from many connections.
pub(crate) fn ask(
    server: &Server,
    truth: &Truth,
    operations: &[Operation],
    asking: Asking,
    mut each: impl FnMut(&Asked),
) -> Outcome<Vec<Asked>> {
    let mut all = Vec::new();
    for operation in operations {
        let asked = one(server, truth, *operation, asking)?;
        each(&asked);
        all.push(asked);
    }
    Ok(all)
}

fn one(server: &Server, truth: &Truth, operation: Operation, asking: Asking) -> Outcome<Asked> {
    let mut draw = Draw::new(asking.seed);
    let questions = questions::draw(operation, truth, QUESTIONS, &mut draw)?;
    let mut connection = server.connect()?;
    for question in questions.iter().take(CHECKED) {
        question.check(truth, &mut connection)?;
    }
    let pool: Vec<Prepared> = questions
        .iter()
        .map(|question| question.prepared(server.address))
        .collect();
    let mut sizes = Vec::new();
    for request in pool.iter().take(CHECKED) {
        sizes.push(connection.ask(request)?.1.len());
    }
    sizes.sort_unstable();
    let alone = connection.sequential(&pool, asking.warm, asking.sequential)?;
    let cpu = cpu_secs(server.pid());
    let crowd = closed_loop(server.address, asking.connections, &pool, Duration::ZERO, asking.crowd)?;
    let cpu = cpu_secs(server.pid()) - cpu;
    Ok(Asked {
        operation,
        p50_ms: alone.quantile_ms(0.5),
        p95_ms: alone.quantile_ms(0.95),
        p99_ms: alone.quantile_ms(0.99),
        requests_per_sec: crowd.rate(),
        crowd_p50_ms: crowd.quantile_ms(0.5),
        crowd_p99_ms: crowd.quantile_ms(0.99),
        cpu_ms: cpu * 1e3 / crowd.count().max(1) as f64,
        answer_bytes: sizes[sizes.len() / 2],
    })
}
