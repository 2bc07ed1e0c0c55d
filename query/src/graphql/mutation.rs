//! The fields at the root of mutations: starting sources and deciding sweeps. Each needs a viewer that operates.

use async_graphql::Value;
use async_graphql::dynamic::{FieldFuture, Object, ResolverContext};
use bailiwick_schema::ControlError;

use super::build::{field, json as as_json, later, with_arguments};
use super::context::{Cx, cx};
use super::query::{argument, text_argument};
use super::view;
use crate::error::{ApiError, Code};

pub(super) fn object() -> Object {
    Object::new("Mutation")
        .description("What operators can do. Decisions are in the audit log, runs in the run ledger.")
        .field(with_arguments(
            field(
                "triggerRun",
                "IngestionRun",
                "Wakes a source; gives the run that will read what is there now.",
                trigger_run,
            ),
            &[("source", "String!", "Id of the source.")],
        ))
        .field(with_arguments(
            field(
                "decideSweep",
                "SweepResult",
                "Approves or rejects a held removal.",
                decide_sweep,
            ),
            &[
                ("id", "ID!", "As `pendingSweeps` gives it."),
                ("approve", "Boolean", "Whether to remove what is still missing."),
                (
                    "decision",
                    "SweepDecisionKind",
                    "The same in a word; give one of the two.",
                ),
            ],
        ))
        .field(with_arguments(
            field(
                "undoSweep",
                "SweepResult",
                "Brings back what a removal took.",
                undo_sweep,
            ),
            &[("id", "ID!", "As `appliedSweeps` gives it.")],
        ))
}

fn operates(cx: &Cx, action: &str) -> Result<(), ApiError> {
    if cx.viewer.operates() {
        return Ok(());
    }
    Err(ApiError::new(
        Code::Forbidden,
        format!("this token may not {action}; it needs `operate: true`"),
    ))
}

fn trigger_run(ctx: ResolverContext<'_>) -> FieldFuture<'_> {
    let cx = cx(&ctx);
    let source = text_argument(&ctx, "source").unwrap_or_default();
    later(async move {
        operates(cx, "start sources")?;
        let id = cx.app.control().trigger(&source).await.map_err(|error| match error {
            ControlError::UnknownSource { .. } => ApiError::not_found(error.to_string()),
            ControlError::ShuttingDown => ApiError::new(Code::Unavailable, error.to_string()),
        })?;
        tracing::info!(source, run = %id, who = cx.viewer.name(), "a run was asked for");
        cx.catalog()
            .note_act(&cx.viewer, "trigger_run", &source, id.as_str())
            .await?;
        Ok(as_json(view::young_run(id.as_str(), &source, "QUEUED")))
    })
}

fn decide_sweep(ctx: ResolverContext<'_>) -> FieldFuture<'_> {
    let cx = cx(&ctx);
    let id = text_argument(&ctx, "id").unwrap_or_default();
    let approve = match (argument(&ctx, "approve"), argument(&ctx, "decision")) {
        (Some(Value::Boolean(approve)), None) => Some(approve),
        (None, Some(Value::Enum(decision))) => Some(decision == "APPROVE"),
        (None, Some(Value::String(decision))) => Some(decision == "APPROVE"),
        _ => None,
    };
    later(async move {
        operates(cx, "decide sweeps")?;
        let approve = approve.ok_or_else(|| ApiError::bad_request("give either `approve` or `decision`"))?;
        let decision = cx.catalog().decide_sweep(&cx.viewer, &id, approve).await?;
        Ok(as_json(view::sweep_result(&decision)))
    })
}

fn undo_sweep(ctx: ResolverContext<'_>) -> FieldFuture<'_> {
    let cx = cx(&ctx);
    let id = text_argument(&ctx, "id").unwrap_or_default();
    later(async move {
        operates(cx, "undo sweeps")?;
        let decision = cx.catalog().undo_sweep(&cx.viewer, &id).await?;
        Ok(as_json(view::sweep_result(&decision)))
    })
}
