//! Values: one byte of format, then postcard; bodies follow raw, because they are bytes already.
//!
//! postcard names no fields: whatever changes the order, type or number of fields of a stored record changes the
//! format, and the golden tests of `contract` fail. Then raise [`VALUE_FORMAT`] and read both. Run records are JSON,
//! so that a new counter is no new format.

use bailiwick_schema::{Assertion, ContentHash, Event, Origin, RunRecord, Subject, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::store::keyvalue::SharedBytes;
use crate::store::{ClaimHead, ClaimKey, EntityNo, StoreError, StoreResult, StoredClaim};

/// The first byte of every value.
pub const VALUE_FORMAT: u8 = 1;

/// Encodes values into one buffer that is used again for each.
#[derive(Debug, Default)]
pub struct Encoder {
    buffer: Vec<u8>,
}

/// Lets postcard append to a buffer that outlives the value.
struct Append<'a>(&'a mut Vec<u8>);

impl postcard::ser_flavors::Flavor for Append<'_> {
    type Output = ();

    fn try_extend(&mut self, data: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(data);
        Ok(())
    }

    fn try_push(&mut self, data: u8) -> postcard::Result<()> {
        self.0.push(data);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

impl Encoder {
    fn start(&mut self) -> &mut Self {
        self.buffer.clear();
        self.buffer.push(VALUE_FORMAT);
        self
    }

    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> &mut Self {
        postcard::serialize_with_flavor(value, Append(&mut self.buffer)).expect("a record serialises into memory");
        self
    }

    fn done<B: SharedBytes>(&self) -> B {
        B::from(self.buffer.as_slice())
    }

    pub fn record<T: Serialize, B: SharedBytes>(&mut self, value: &T) -> B {
        self.start().push(value).done()
    }

    pub fn raw<B: SharedBytes>(&mut self, bytes: &[u8]) -> B {
        self.start().buffer.extend_from_slice(bytes);
        self.done()
    }

    pub fn claim_head<B: SharedBytes>(&mut self, head: &ClaimHead) -> B {
        self.start().push(&HeadRow::of(head)).done()
    }

    pub fn claim_body<B: SharedBytes>(&mut self, claim: &StoredClaim) -> B {
        self.start()
            .push(&ClaimRowRef::of(claim))
            .buffer
            .extend_from_slice(&claim.body);
        self.done()
    }

    /// A claim whole, for where it is kept away from its head.
    pub fn claim<B: SharedBytes>(&mut self, claim: &StoredClaim) -> B {
        self.start()
            .push(&HeadRow::of(&claim.head))
            .push(&ClaimRowRef::of(claim))
            .buffer
            .extend_from_slice(&claim.body);
        self.done()
    }

    pub fn event<B: SharedBytes>(&mut self, event: &Event) -> B {
        let row = (&event.id, &event.kind, &event.subject, event.at);
        self.start().push(&row);
        serde_json::to_writer(&mut self.buffer, &event.data).expect("a JSON value serialises into memory");
        self.done()
    }

    pub fn run<B: SharedBytes>(&mut self, run: &RunRecord) -> B {
        self.start();
        serde_json::to_writer(&mut self.buffer, run).expect("a run record has string keys only");
        self.done()
    }
}

/// The value of a claim's head; its key is the row's.
#[derive(Serialize, Deserialize)]
struct HeadRow {
    hash: ContentHash,
    entity: Option<EntityNo>,
    requested_at: Timestamp,
    stale: bool,
}

impl HeadRow {
    fn of(head: &ClaimHead) -> Self {
        Self {
            hash: head.hash,
            entity: head.entity,
            requested_at: head.requested_at,
            stale: head.stale,
        }
    }

    fn into_head(self, key: ClaimKey) -> ClaimHead {
        ClaimHead {
            key,
            hash: self.hash,
            entity: self.entity,
            requested_at: self.requested_at,
            stale: self.stale,
        }
    }
}

#[derive(Serialize)]
struct ClaimRowRef<'a> {
    subject: &'a Subject,
    assertion: Assertion,
    origin: &'a Origin,
    source_time: Option<Timestamp>,
    since: Timestamp,
}

impl<'a> ClaimRowRef<'a> {
    fn of(claim: &'a StoredClaim) -> Self {
        Self {
            subject: &claim.subject,
            assertion: claim.assertion,
            origin: &claim.origin,
            source_time: claim.source_time,
            since: claim.since,
        }
    }
}

/// The same as [`ClaimRowRef`], read.
#[derive(Deserialize)]
struct ClaimRow {
    subject: Subject,
    assertion: Assertion,
    origin: Origin,
    source_time: Option<Timestamp>,
    since: Timestamp,
}

impl ClaimRow {
    fn into_claim(self, head: ClaimHead, body: &[u8]) -> StoredClaim {
        StoredClaim {
            head,
            subject: self.subject,
            assertion: self.assertion,
            origin: self.origin,
            source_time: self.source_time,
            since: self.since,
            body: body.to_vec(),
        }
    }
}

/// Reads values; `what` names the record in errors and is called only for them.
#[derive(Debug, Clone, Copy)]
pub struct Decoder<'a, F> {
    bytes: &'a [u8],
    what: F,
}

impl<'a, F: Fn() -> String> Decoder<'a, F> {
    pub fn new(bytes: &'a [u8], what: F) -> StoreResult<Self> {
        match bytes.split_first() {
            Some((&VALUE_FORMAT, rest)) => Ok(Self { bytes: rest, what }),
            Some((format, _)) => Err(StoreError::Corrupt {
                what: format!("{} (unknown value format {format})", what()),
            }),
            None => Err(StoreError::Corrupt {
                what: format!("{} (empty)", what()),
            }),
        }
    }

    fn corrupt(&self) -> StoreError {
        StoreError::Corrupt { what: (self.what)() }
    }

    fn take<T: DeserializeOwned>(&mut self) -> StoreResult<T> {
        let (value, rest) = postcard::take_from_bytes(self.bytes).map_err(|_| self.corrupt())?;
        self.bytes = rest;
        Ok(value)
    }

    pub fn record<T: DeserializeOwned>(mut self) -> StoreResult<T> {
        let value = self.take()?;
        if self.bytes.is_empty() {
            Ok(value)
        } else {
            Err(self.corrupt())
        }
    }

    pub fn raw(self) -> &'a [u8] {
        self.bytes
    }

    pub fn claim_head(self, key: ClaimKey) -> StoreResult<ClaimHead> {
        self.record::<HeadRow>().map(|row| row.into_head(key))
    }

    pub fn claim_body(mut self, head: ClaimHead) -> StoreResult<StoredClaim> {
        let row: ClaimRow = self.take()?;
        Ok(row.into_claim(head, self.bytes))
    }

    pub fn claim(mut self, key: ClaimKey) -> StoreResult<StoredClaim> {
        let head: HeadRow = self.take()?;
        self.claim_body(head.into_head(key))
    }

    pub fn event(mut self) -> StoreResult<Event> {
        let (id, kind, subject, at) = self.take()?;
        let data = serde_json::from_slice(self.bytes).map_err(|_| self.corrupt())?;
        Ok(Event {
            id,
            kind,
            subject,
            at,
            data,
        })
    }

    pub fn run(self) -> StoreResult<RunRecord> {
        serde_json::from_slice(self.bytes).map_err(|_| self.corrupt())
    }
}
