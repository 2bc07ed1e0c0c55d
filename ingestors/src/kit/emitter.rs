//! The way out for what a source saw: scopes are opened, filled and closed through handles.
//!
//! Invariants: deliveries keep their order within a scope; a scope is closed only after everything buffered for it
//! was handed over; a handle that is dropped before leaves its scope seen in part, and what it had buffered is handed
//! over by [`Emitter::finish`]. If a delivery failed or was dropped half-way, the scope can no longer be completed in
//! this run, since nobody knows what arrived.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use bailiwick_schema::{
    Claim, Clock, Closing, ContentHash, Cursor, Delivery, Event, Finding, Proof, RunId, Scope, ScopeClosed, ScopeId,
    ScopeTicket, Severity, Sink, SinkError, Subject,
};
use tokio::task::JoinHandle;

use super::limits::{BATCH_BYTES_MAX, BATCH_ITEMS_MAX, SCOPE_FINDINGS_MAX};
use super::{IngestError, RunContext, panic_message};

mod weight;

/// Opens scopes of one run. Cheap to clone.
#[derive(Clone)]
pub struct Emitter {
    shared: Arc<Shared>,
}

struct Shared {
    sink: Arc<dyn Sink>,
    run: RunId,
    clock: Arc<dyn Clock>,
    options_hash: ContentHash,
    /// What handles had buffered, and had on its way, when they were dropped.
    left_over: Mutex<Vec<LeftOver>>,
}

/// A delivery on its way to the catalog.
type OnItsWay = JoinHandle<Result<(), SinkError>>;

struct LeftOver {
    ticket: ScopeTicket,
    on_its_way: Option<OnItsWay>,
    items: Vec<Delivery>,
}

impl Emitter {
    pub fn new(sink: Arc<dyn Sink>, cx: &RunContext) -> Self {
        let shared = Shared {
            sink,
            run: cx.run.clone(),
            clock: Arc::clone(&cx.clock),
            options_hash: cx.options_hash,
            left_over: Mutex::default(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Opens a scope. Call it before the first request for the scope: the time of the call is the time from which
    /// its claims count, unless a claim says better.
    pub async fn open(&self, scope: Scope) -> Result<ScopeHandle, IngestError> {
        let opened_at = self.shared.clock.now();
        let id = scope.id.clone();
        let opened = self.shared.sink.scope_open(&self.shared.run, scope, opened_at).await?;
        let same_options = |cursor: &Cursor| cursor.options == self.shared.options_hash;
        Ok(ScopeHandle {
            shared: Arc::clone(&self.shared),
            id,
            ticket: opened.ticket,
            cursor: opened.cursor.filter(same_options),
            members: opened.members,
            batch: Batch::default(),
            on_its_way: None,
            findings: FindingBudget::default(),
            state: State::Open,
        })
    }

    /// Hands over what dropped handles had left. The runner calls it once the ingestor has ended, however it ended.
    pub async fn finish(&self) -> Result<(), IngestError> {
        let left_over = std::mem::take(&mut *self.shared.left_over());
        for LeftOver {
            ticket,
            on_its_way,
            items,
        } in left_over
        {
            arrived(on_its_way).await?;
            if !items.is_empty() {
                self.shared.sink.deliver(ticket, items).await?;
            }
        }
        Ok(())
    }
}

impl Shared {
    fn left_over(&self) -> std::sync::MutexGuard<'_, Vec<LeftOver>> {
        self.left_over.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for a delivery to be taken.
async fn arrived(on_its_way: Option<OnItsWay>) -> Result<(), IngestError> {
    let Some(on_its_way) = on_its_way else { return Ok(()) };
    match on_its_way.await {
        Ok(taken) => Ok(taken?),
        Err(error) if error.is_panic() => Err(IngestError::Panicked(panic_message(&*error.into_panic()))),
        Err(_) => Err(IngestError::Cancelled),
    }
}

/// An open scope. Owned: many can be open at once, in different tasks.
pub struct ScopeHandle {
    shared: Arc<Shared>,
    id: ScopeId,
    ticket: ScopeTicket,
    cursor: Option<Cursor>,
    members: Vec<ScopeId>,
    batch: Batch,
    /// The batch before: the catalog takes it while the source reads what comes next.
    on_its_way: Option<OnItsWay>,
    findings: FindingBudget,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// A call to the sink is under way; seen at the next call, it means that this one was dropped or failed.
    Calling,
    Closed,
}

#[derive(Default)]
struct Batch {
    items: Vec<Delivery>,
    bytes: usize,
}

#[derive(Default)]
struct FindingBudget {
    reported: u64,
    left_out: u64,
    unreadable_origins: HashSet<String>,
}

impl ScopeHandle {
    pub fn id(&self) -> &ScopeId {
        &self.id
    }

    /// Where the last proof or checkpoint stood; nothing if it was taken under other options, so read in full.
    pub fn cursor(&self) -> Option<&Cursor> {
        self.cursor.as_ref()
    }

    /// The members that the last proof of this listing named.
    pub fn members(&self) -> &[ScopeId] {
        &self.members
    }

    /// Emits a claim. May wait while the catalog is busy.
    pub async fn claim(&mut self, mut claim: Claim) -> Result<(), IngestError> {
        // Here and not in the catalog's one writer, for which everybody waits.
        claim.seal();
        self.push(Delivery::Claim(Box::new(claim))).await
    }

    pub async fn event(&mut self, event: Event) -> Result<(), IngestError> {
        self.push(Delivery::Event(Box::new(event))).await
    }

    /// This origin is known to be gone.
    pub async fn gone(&mut self, origin: impl Into<String>) -> Result<(), IngestError> {
        self.push(Delivery::Gone(origin.into())).await
    }

    /// What this origin said of this subject is known to be gone, while the origin is there; in delta runs only.
    pub async fn gone_claim(&mut self, origin: impl Into<String>, subject: Subject) -> Result<(), IngestError> {
        let origin = origin.into();
        self.push(Delivery::GoneClaim { origin, subject }).await
    }

    /// This origin was read whole; needed in delta runs only.
    pub async fn origin_read(&mut self, origin: impl Into<String>) -> Result<(), IngestError> {
        self.push(Delivery::OriginRead(origin.into())).await
    }

    /// The origin is there and could not be read: what it said before stays, and the scope may still complete.
    ///
    /// The first finding of each origin is always reported; further ones fall under `scope_findings_max`.
    pub async fn unreadable(&mut self, origin: impl Into<String>, finding: Finding) -> Result<(), IngestError> {
        let origin = origin.into();
        if self.findings.unreadable_origins.insert(origin.clone()) {
            self.findings.reported += 1;
        } else if !self.findings.admit() {
            return Ok(());
        }
        self.push(Delivery::Unreadable { origin, finding }).await
    }

    /// Reports a finding; beyond `scope_findings_max` it is only counted.
    pub async fn finding(&mut self, finding: Finding) -> Result<(), IngestError> {
        if !self.findings.admit() {
            return Ok(());
        }
        self.push(Delivery::Finding(finding)).await
    }

    /// The listing names this scope as one of its members, whether or not it can be read.
    pub async fn member(&mut self, member: ScopeId) -> Result<(), IngestError> {
        self.push(Delivery::Member(member)).await
    }

    /// Saves a cursor with everything emitted so far, without a proof.
    pub async fn checkpoint(&mut self, cursor: Cursor) -> Result<(), IngestError> {
        self.flush().await?;
        self.begin_call()?;
        self.shared.sink.checkpoint(self.ticket, cursor).await?;
        self.state = State::Open;
        Ok(())
    }

    /// All of the scope was emitted: what is held and was neither emitted nor unreadable is missing.
    pub async fn complete(mut self, proof: Proof, cursor: impl Into<Option<Cursor>> + Send) -> Result<(), IngestError> {
        let closing = Closing::Complete {
            proof,
            cursor: cursor.into(),
        };
        self.close(closing).await.map(|_| ())
    }

    /// Nothing changed since the last proof: everything counts as confirmed.
    ///
    /// On [`ScopeClosed::BaseRefused`] (the cursor was a checkpoint, say) the scope is open as if fresh: read in full.
    pub async fn complete_unchanged(&mut self) -> Result<ScopeClosed, IngestError> {
        self.close(Closing::Unchanged).await
    }

    /// The difference from the last proved cursor `base` was emitted; the rest counts as confirmed.
    ///
    /// On [`ScopeClosed::BaseRefused`] the scope is open as if fresh: read in full.
    pub async fn complete_delta(
        &mut self,
        base: Cursor,
        proof: Proof,
        cursor: Cursor,
    ) -> Result<ScopeClosed, IngestError> {
        self.close(Closing::Delta { base, proof, cursor }).await
    }

    /// Ends the scope as seen in part, with everything emitted so far. Dropping the handle does the same, later.
    pub async fn leave(mut self) -> Result<(), IngestError> {
        self.close(Closing::Partial).await.map(|_| ())
    }

    async fn push(&mut self, item: Delivery) -> Result<(), IngestError> {
        self.check_open()?;
        self.batch.bytes += weight::of(&item);
        self.batch.items.push(item);
        if self.batch.items.len() >= BATCH_ITEMS_MAX || self.batch.bytes >= BATCH_BYTES_MAX {
            self.send().await?;
        }
        Ok(())
    }

    /// Hands the batch over once the one before was taken. What was handed over is taken in this order.
    async fn send(&mut self) -> Result<(), IngestError> {
        self.begin_call()?;
        arrived(self.on_its_way.take()).await?;
        if !self.batch.items.is_empty() {
            let batch = std::mem::take(&mut self.batch);
            let (shared, ticket) = (Arc::clone(&self.shared), self.ticket);
            self.on_its_way = Some(tokio::spawn(
                async move { shared.sink.deliver(ticket, batch.items).await },
            ));
        }
        self.state = State::Open;
        Ok(())
    }

    /// Hands over everything and waits until it was taken.
    async fn flush(&mut self) -> Result<(), IngestError> {
        self.send().await?;
        self.begin_call()?;
        arrived(self.on_its_way.take()).await?;
        self.state = State::Open;
        Ok(())
    }

    async fn close(&mut self, closing: Closing) -> Result<ScopeClosed, IngestError> {
        self.check_open()?;
        if let Some(finding) = self.findings.cut_notice(&self.id) {
            self.push(Delivery::Finding(finding)).await?;
        }
        self.flush().await?;
        self.begin_call()?;
        let closed = self.shared.sink.scope_close(self.ticket, closing).await?;
        match closed {
            ScopeClosed::Accepted => self.state = State::Closed,
            ScopeClosed::BaseRefused => {
                self.state = State::Open;
                self.cursor = None;
                self.findings = FindingBudget::default();
            }
        }
        Ok(closed)
    }

    fn begin_call(&mut self) -> Result<(), IngestError> {
        self.check_open()?;
        self.state = State::Calling;
        Ok(())
    }

    fn check_open(&self) -> Result<(), IngestError> {
        match self.state {
            State::Open => Ok(()),
            State::Calling => Err(IngestError::Interrupted),
            State::Closed => Err(IngestError::ScopeClosed),
        }
    }
}

impl Drop for ScopeHandle {
    fn drop(&mut self) {
        if self.state == State::Closed {
            return;
        }
        let mut items = std::mem::take(&mut self.batch.items);
        items.extend(self.findings.cut_notice(&self.id).map(Delivery::Finding));
        let on_its_way = self.on_its_way.take();
        if !items.is_empty() || on_its_way.is_some() {
            self.shared.left_over().push(LeftOver {
                ticket: self.ticket,
                on_its_way,
                items,
            });
        }
    }
}

impl FindingBudget {
    fn admit(&mut self) -> bool {
        if self.reported >= SCOPE_FINDINGS_MAX {
            self.left_out += 1;
            return false;
        }
        self.reported += 1;
        true
    }

    /// Tells once how many findings were left out.
    fn cut_notice(&mut self, scope: &ScopeId) -> Option<Finding> {
        let left_out = std::mem::take(&mut self.left_out);
        (left_out > 0).then(|| {
            let message = format!(
                "{left_out} more findings of `{scope}` are left out: a scope reports at most {SCOPE_FINDINGS_MAX} \
                 (scope_findings_max); mend those that are shown first"
            );
            Finding::new("findings_cut", Severity::Warning, message)
        })
    }
}
