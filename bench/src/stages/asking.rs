//! Queries over HTTP: one after another, and from many connections at once; the same answers from servers with nothing
//! behind them.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use crate::client::{Connection, Load, Prepared, closed_loop};
use crate::draw::Draw;
use crate::failure::{Outcome, While as _};
use crate::limits::{Bare, query_of};
use crate::process::cpu_secs;
use crate::questions::{self, Operation, Question};
use crate::server::Server;
use crate::truth::Truth;
use crate::wrk;

/// Different questions of one operation.
const QUESTIONS: usize = 2_000;
/// Of these, how many answers are compared whole.
const CHECKED: usize = 100;

/// How long to ask.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asking<'a> {
    pub(crate) connections: usize,
    /// Before the figures count.
    pub(crate) warm: Duration,
    /// One after another.
    pub(crate) sequential: Duration,
    /// From all connections.
    pub(crate) crowd: Duration,
    pub(crate) seed: u64,
    /// Whether to ask bare servers and `wrk`, too.
    pub(crate) limits: bool,
    /// Folder for what these need.
    pub(crate) scratch: &'a Path,
}

/// Latency and rate of one kind of request.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Pace {
    /// One after another.
    pub(crate) p50_ms: f64,
    pub(crate) p95_ms: f64,
    pub(crate) p99_ms: f64,
    /// At many connections.
    pub(crate) requests_per_sec: f64,
    pub(crate) crowd_p50_ms: f64,
    pub(crate) crowd_p99_ms: f64,
    pub(crate) crowd_answers: usize,
}

impl Pace {
    fn of(alone: &Load, crowd: &Load) -> Self {
        Self {
            p50_ms: alone.quantile_ms(0.5),
            p95_ms: alone.quantile_ms(0.95),
            p99_ms: alone.quantile_ms(0.99),
            requests_per_sec: crowd.rate(),
            crowd_p50_ms: crowd.quantile_ms(0.5),
            crowd_p99_ms: crowd.quantile_ms(0.99),
            crowd_answers: crowd.count(),
        }
    }
}

/// The figures of one operation.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Asked {
    pub(crate) operation: Operation,
    pub(crate) pace: Pace,
    /// Milliseconds of the server's processor time for a request, at many connections.
    pub(crate) cpu_ms: f64,
    /// Bytes of a typical answer, head included.
    pub(crate) answer_bytes: usize,
    /// Requests in a second as `wrk` counts them.
    pub(crate) wrk_per_sec: Option<f64>,
    /// A server that answers the bytes of a typical answer.
    pub(crate) bare_bytes: Option<Pace>,
    /// A server that answers the objects of a typical answer by GraphQL.
    pub(crate) bare_graphql: Option<Pace>,
}

/// Asks each operation: compares a sample, then one after another, then from many connections.
pub(crate) fn ask(
    server: &Server,
    truth: &Truth,
    operations: &[Operation],
    asking: Asking<'_>,
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

fn one(server: &Server, truth: &Truth, operation: Operation, asking: Asking<'_>) -> Outcome<Asked> {
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
    let (typical, answer_bytes) = typical(&questions, &pool, &mut connection)?;
    let alone = connection.sequential(&pool, asking.warm, asking.sequential)?;
    let cpu = cpu_secs(server.pid());
    let crowd = closed_loop(server.address, asking.connections, &pool, Duration::ZERO, asking.crowd)?;
    let cpu = cpu_secs(server.pid()) - cpu;
    let pace = Pace::of(&alone, &crowd);
    let mut asked = Asked {
        operation,
        pace,
        cpu_ms: cpu * 1e3 / pace.crowd_answers.max(1) as f64,
        answer_bytes,
        wrk_per_sec: None,
        bare_bytes: None,
        bare_graphql: None,
    };
    if asking.limits {
        asked.wrk_per_sec = wrk::rate(server.address, &pool, asking.connections, asking.crowd, asking.scratch)?;
        let path = asking.scratch.join("answer.json");
        std::fs::write(&path, typical.to_string()).while_doing("writing an answer")?;
        asked.bare_bytes = Some(bare(&Bare::bytes(&path)?, operation.text(), asking)?);
        asked.bare_graphql = Some(bare(&Bare::graphql(&path)?, &query_of(&typical), asking)?);
    }
    Ok(asked)
}

/// The answer of the middle size among a sample, and its size on the wire.
fn typical(questions: &[Question], pool: &[Prepared], connection: &mut Connection) -> Outcome<(Value, usize)> {
    let mut sizes = Vec::new();
    for (at, request) in pool.iter().take(CHECKED).enumerate() {
        sizes.push((connection.ask(request)?.1.len(), at));
    }
    sizes.sort_unstable();
    let (bytes, at) = sizes[sizes.len() / 2];
    let question = &questions[at];
    Ok((
        connection.graphql(question.operation.text(), &question.variables)?,
        bytes,
    ))
}

/// Asks a bare server in the same ways.
fn bare(bare: &Bare, query: &str, asking: Asking<'_>) -> Outcome<Pace> {
    let pool = [Prepared::graphql(bare.address, query, &json!({}), r#""data""#)];
    let mut connection = Connection::open(bare.address)?;
    let alone = connection.sequential(&pool, asking.warm, asking.sequential)?;
    let crowd = closed_loop(bare.address, asking.connections, &pool, Duration::ZERO, asking.crowd)?;
    Ok(Pace::of(&alone, &crowd))
}
