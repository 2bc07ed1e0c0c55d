//! The short way to an answer: documents that were answered before, written straight from the graph.
//!
//! GraphQL's library parses, validates and executes each request anew. That is the long way, and it defines what is
//! right. A document that it has answered without an error is compiled to a plan; from then on requests with the same
//! text (but for its strings) are answered by the plan alone. Invariant: the short way gives the bytes of the long way,
//! or nothing, and then the long way is taken; a test compares both over many documents. (The one difference: the long
//! way puts fields at the root in the order in which they were ready, the short way in the order of the document, as
//! the specification wants it.) Limits hold as before: text and document were guarded when the plan was made, and where
//! a variable decides the size of a page the document is guarded again.

mod arguments;
mod cache;
mod compile;
mod entity;
mod plan;
mod template;
#[cfg(test)]
mod tests;
mod write;

use std::borrow::Cow;
use std::sync::Arc;

use async_graphql::{Request, Variables};
use bailiwick_schema::Viewer;
use serde::Deserialize;
use serde_json::value::RawValue;

use self::arguments::Inputs;
pub(super) use self::arguments::{Values, given};
use self::cache::{Cache, Known};
use self::plan::Plan;
use self::write::Stop;
use super::context::{RequestContext, run_blocking};
use super::guard;
use crate::limits::QUERY_TEXT_BYTES_MAX;
use crate::state::AppState;

/// The plans of a schema.
#[derive(Default)]
pub(crate) struct Plans(Cache);

/// The parts of a request that the short way knows.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(borrow)]
    query: Cow<'a, str>,
    #[serde(borrow, default)]
    operation_name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    variables: Option<&'a RawValue>,
    #[serde(borrow, default)]
    extensions: Option<&'a RawValue>,
}

/// A request with the plan that answers it.
struct Ready {
    plan: Arc<(Option<String>, Plan)>,
    variables: Variables,
    literals: Vec<String>,
}

impl Ready {
    fn write(&self, cx: &RequestContext, at_once: bool) -> Result<Vec<u8>, Stop> {
        let plan = &self.plan.1;
        let inputs = Inputs {
            literals: self.literals.iter().map(String::as_str).collect(),
            variables: &self.variables,
            defaults: &plan.variables,
        };
        write::write(cx, plan, &inputs, at_once)
    }
}

/// The whole answer to the body of a request; nothing where the long way must be taken.
pub(crate) async fn answer(app: &AppState, viewer: &Viewer, body: &[u8]) -> Option<Vec<u8>> {
    let ready = ready(app.plans(), body)?;
    let cx = RequestContext::new(app.clone(), viewer.clone());
    match ready.write(&cx, true) {
        Ok(answer) => return Some(answer),
        Err(Stop::LongWay) => return None,
        Err(Stop::TooMuch) => {}
    }
    let written = run_blocking(move || Ok(ready.write(&cx, false))).await;
    written.ok()?.ok()
}

fn ready(plans: &Plans, body: &[u8]) -> Option<Ready> {
    let wire: Wire<'_> = serde_json::from_slice(body).ok()?;
    if wire.extensions.is_some() || wire.query.len() > QUERY_TEXT_BYTES_MAX {
        return None;
    }
    let template = template::part(&wire.query);
    let Some(Known::Plan(plan)) = plans.0.get(&template.text) else {
        return None;
    };
    if wire.operation_name.is_some() && wire.operation_name.as_deref() != plan.0.as_deref() {
        return None;
    }
    let variables: Variables = match wire.variables {
        Some(variables) => serde_json::from_str(variables.get()).ok()?,
        None => Variables::default(),
    };
    if let Some(document) = &plan.1.document {
        guard::check_document(document, None, &variables).ok()?;
    }
    Some(Ready {
        variables,
        literals: template.literals.into_iter().map(str::to_owned).collect(),
        plan,
    })
}

/// What is needed to make a plan, taken before a request goes the long way.
pub(crate) struct Lesson(String);

impl Plans {
    /// What there is to learn from a request.
    pub(crate) fn lesson(&self, request: &Request) -> Option<Lesson> {
        let template = template::part(&request.query);
        self.0.get(&template.text).is_none().then_some(Lesson(template.text))
    }

    /// Makes the plan of a document that was answered without an error.
    pub(crate) fn learn(&self, app: &AppState, lesson: &Lesson) {
        let known = async_graphql::parser::parse_query(&lesson.0)
            .ok()
            .and_then(|document| compile::compile(document, app.entity_types()))
            .map_or(Known::LongWay, |plan| Known::Plan(Arc::new(plan)));
        self.0.put(&lesson.0, known);
    }
}
