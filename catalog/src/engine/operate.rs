//! What operators decide: pending sweeps are approved or rejected, applied ones undone.

use bailiwick_schema::Position;

use super::state::State;
use super::{OperateError, Outcome};
use crate::store::{
    AppliedSweep, AuditRecord, CommitCause, LedgerWrite, ScopeNo, StoreResult, SweepRecord, SweepState,
};

/// What a decision did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SweepDecision {
    /// Claims removed or brought back.
    pub claims: u64,
    /// Under which a removal can be undone.
    pub applied_id: Option<String>,
    pub position: Position,
}

impl State {
    /// Approves or rejects the sweep of a scope. Its id is the scope's number.
    ///
    /// Approval removes only what is still missing; rejection keeps the claims and stays quiet until the set changes.
    pub(super) fn decide_sweep(&mut self, id: &str, approve: bool, by: &str) -> Outcome<SweepDecision, OperateError> {
        self.flush()?;
        let scope = id.parse().ok().map(ScopeNo);
        let Some(sweep) = scope.and_then(|no| self.sweeps.get(&no)).cloned() else {
            return Ok(Err(OperateError::NotFound {
                what: "sweep",
                id: id.to_owned(),
            }));
        };
        if sweep.state == SweepState::Due {
            let reason = "the run that proved it is still going on; decide when it has ended".to_owned();
            return Ok(Err(OperateError::Refused(reason)));
        }
        self.pending.cause = Some(CommitCause::Operator);
        let source = self.scope(sweep.scope).source.clone();
        let decision = if approve {
            let claims = self.still_missing(&sweep)?;
            let removed = claims.len() as u64;
            let applied_id = self.apply_sweep(&sweep, claims, removed, by)?;
            SweepDecision {
                claims: removed,
                applied_id,
                position: self.head,
            }
        } else {
            let state = SweepState::Rejected {
                by: by.to_owned(),
                at: self.settings.clock.now(),
            };
            self.put_sweep(SweepRecord { state, ..sweep });
            SweepDecision {
                claims: 0,
                applied_id: None,
                position: self.head,
            }
        };
        self.note_pending(&source)?;
        self.look_at_links()?;
        self.flush()?;
        let action = if approve { "approve_sweep" } else { "reject_sweep" };
        self.audit(by, action, id, format!("{} claims removed", decision.claims))?;
        self.pending.cause = None;
        Ok(Ok(SweepDecision {
            position: self.head,
            ..decision
        }))
    }

    /// Brings back what one sweep removed, and makes the scope's next sweep wait.
    pub(super) fn undo_sweep(&mut self, id: &str, by: &str) -> Outcome<SweepDecision, OperateError> {
        self.flush()?;
        let Some(applied) = self
            .store
            .applied_sweeps()?
            .into_iter()
            .find(|applied| applied.id == id)
        else {
            return Ok(Err(OperateError::NotFound {
                what: "applied sweep",
                id: id.to_owned(),
            }));
        };
        let claims = self.store.applied_sweep_claims(id)?;
        self.pending.cause = Some(CommitCause::Operator);
        let claims = self.reinstate(claims)?;
        self.scopes[applied.scope.0 as usize].next_sweep_pending = true;
        self.name_reinstated_members(applied.scope);
        self.void_proof(applied.scope);
        self.put_scope(applied.scope);
        // What came back is no loss, after a restart neither.
        let undone = AppliedSweep {
            by: format!("{}, undone by {by}", applied.by),
            ..applied.clone()
        };
        self.pending.commit.applied_sweeps.push((undone, Vec::new()));
        self.losses
            .retain(|(at, no, _)| (*at, *no) != (applied.at, applied.scope));
        self.flush()?;
        self.look_at_links()?;
        self.flush()?;
        self.pending.cause = None;
        self.audit(by, "undo_sweep", id, format!("{claims} claims reinstated"))?;
        Ok(Ok(SweepDecision {
            claims,
            applied_id: None,
            position: self.head,
        }))
    }

    /// Scopes that came back below a listing are its members again, so that its next proof can miss them.
    fn name_reinstated_members(&mut self, listing: ScopeNo) {
        let (source, id) = (self.scope(listing).source.clone(), self.scope(listing).id.clone());
        let mut members = self.scope(listing).members.clone();
        let back = self.scopes.iter().filter(|scope| {
            scope.source == source && scope.parent.as_ref() == Some(&id) && !scope.retired && scope.claims > 0
        });
        members.extend(back.map(|scope| scope.id.clone()));
        members.sort();
        members.dedup();
        self.scopes[listing.0 as usize].members = members;
    }

    pub(super) fn audit(&mut self, who: &str, action: &str, subject: &str, outcome: String) -> StoreResult<()> {
        let record = AuditRecord {
            at: self.settings.clock.now(),
            who: who.to_owned(),
            action: action.to_owned(),
            subject: subject.to_owned(),
            outcome,
        };
        let meta = self.note_links_seen();
        self.store.ledger(LedgerWrite {
            audit: vec![record],
            meta,
            ..LedgerWrite::default()
        })
    }
}
