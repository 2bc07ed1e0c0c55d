//! Every stored row by itself, and rows that have to fit each other.
//!
//! Tables are walked one by one; of what has to fit rows of another table a sum is kept for each entity. A table that
//! the engine cannot read to its end is named, and the others are walked all the same.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use bailiwick_schema::{EntityRef, Position};

use super::report::{Part, VerifyReport};
use super::{PerEntity, Progress, Stage, damage, short_hash};
use crate::store::keyvalue::Table;
use crate::store::layout::check::{Record, record, ref_key};
use crate::store::{ChangeKind, EntityIdentity, EntityNo, ScopeRecord, Store, StoreResult};

/// Rows between two reports of progress.
const PROGRESS_ROWS: u64 = 8_192;

/// What the rows say, as far as the rest of the verification needs it.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// By number; nothing where a row is missing or damaged.
    names: Vec<Option<EntityRef>>,
    /// By number, which may have gaps where rows are damaged.
    pub(super) scopes: BTreeMap<u32, ScopeRecord>,
    /// Sums over the rows of identifiers that are held now.
    pub(super) identifiers: PerEntity,
    /// Hash of the newest version of each entity as `current` has it.
    current: PerEntity,
    /// The number has a row in `refs`.
    refs: PerEntity,
    /// Sums over claims by the entity that they count for: as the heads say, and as the lists say.
    claims: PerEntity,
    listed: PerEntity,
    claims_of_scope: BTreeMap<u32, u64>,
    bodies_of_scope: BTreeMap<u32, u64>,
    /// The newest body, by number: its position.
    bodies: PerEntity,
    /// The newest version that was met, by number: its position.
    versions: PerEntity,
    last_position: Option<Position>,
}

impl Rows {
    pub(super) fn names(&self) -> impl ExactSizeIterator<Item = (EntityNo, Option<&EntityRef>)> {
        self.names
            .iter()
            .enumerate()
            .map(|(at, name)| (EntityNo(u32::try_from(at).unwrap_or(u32::MAX)), name.as_ref()))
    }

    fn shown(&self, no: EntityNo) -> String {
        match self.names.get(no.0 as usize).and_then(Option::as_ref) {
            Some(name) => format!("`{name}`"),
            None => format!("entity {}", no.0),
        }
    }
}

/// The part of an identifier row that has to follow from the claims.
pub(super) fn identifier_hash(identifier: &bailiwick_schema::Identifier, exclusive: bool) -> u64 {
    short_hash(&[identifier.as_str().as_bytes(), &[u8::from(exclusive)]])
}

/// Walks over all tables.
pub(super) fn look(store: &dyn Store, report: &mut VerifyReport, progress: Progress<'_>) -> StoreResult<Rows> {
    let mut rows = Rows::default();
    let mut seen = 0_u64;
    for &table in Table::ALL {
        let walked = store.dump_table(table, &mut |key, value| {
            seen += 1;
            if seen.is_multiple_of(PROGRESS_ROWS) {
                progress(Stage::Rows, seen, 0);
            }
            report.checked(Part::Rows, 1);
            match record(table, key, value) {
                Ok(record) => rows.take(record, key, value, report),
                Err(error) => report.differs(Part::Rows, || error.to_string()),
            }
            ControlFlow::Continue(())
        });
        if let Err(damaged) = damage(walked)? {
            report.differs(Part::Rows, || {
                format!("table `{}` cannot be read to its end: {damaged}", table.name())
            });
        }
    }
    progress(Stage::Rows, seen, seen);
    let head = store.head()?;
    if rows.last_position.is_some_and(|last| last != head) {
        report.differs(Part::Rows, || {
            format!(
                "the log ends at position {}, its head is {head}",
                rows.last_position.unwrap_or_default()
            )
        });
    }
    rows.fit(report);
    Ok(rows)
}

impl Rows {
    fn take(&mut self, record: Record, key: &[u8], value: &[u8], report: &mut VerifyReport) {
        match record {
            Record::Commit(position) => {
                if let Some(last) = self.last_position.filter(|last| last.next() != position) {
                    report.differs(Part::Rows, || {
                        format!("the log has a gap between {last} and {position}")
                    });
                }
                self.last_position = Some(position);
            }
            Record::Current(no, position) => {
                self.current.add(no, short_hash(&[&position.0.to_le_bytes(), value]));
            }
            Record::Version(no, position, change) => self.take_version(no, position, change, value, report),
            Record::Body(no, position) => {
                // The newest comes first.
                if self.bodies.of(no) == 0 {
                    self.bodies.add(no, position.0);
                }
            }
            Record::Identity(identity) => self.take_identity(identity, report),
            Record::Ref(no) => {
                let name = self.names.get(no.0 as usize).and_then(Option::as_ref);
                match name {
                    Some(name) if ref_key(name) == key => self.refs.add(no, 1),
                    _ => report.differs(Part::Rows, || {
                        format!("the ref `{}` leads to {}", key.escape_ascii(), self.shown(no))
                    }),
                }
            }
            Record::ClaimHead(head) => {
                report.claims += 1;
                *self.claims_of_scope.entry(head.key.scope.0).or_default() += 1;
                if let Some(no) = head.entity {
                    self.claims.add(no, claim_hash(head.key));
                }
            }
            Record::ClaimBody(key) => *self.bodies_of_scope.entry(key.scope.0).or_default() += 1,
            Record::EntityClaim(no, key) => self.listed.add(no, claim_hash(key)),
            Record::Identifier(row) => {
                if row.until.is_none() {
                    self.identifiers
                        .add(row.entity, identifier_hash(&row.identifier, row.exclusive));
                }
            }
            Record::Scope(scope) => drop(self.scopes.insert(scope.no.0, *scope)),
            Record::Other => {}
        }
    }

    fn take_identity(&mut self, identity: EntityIdentity, report: &mut VerifyReport) {
        let at = identity.no.0 as usize;
        if at > self.names.len() {
            report.differs(Part::Rows, || {
                format!("the identities of numbers before {at} are missing")
            });
        }
        if self.names.len() <= at {
            self.names.resize(at + 1, None);
        }
        self.names[at] = Some(identity.entity);
    }

    fn take_version(
        &mut self,
        no: EntityNo,
        position: Position,
        change: ChangeKind,
        value: &[u8],
        report: &mut VerifyReport,
    ) {
        // The newest comes first.
        if self.versions.of(no) != 0 {
            return;
        }
        self.versions.add(no, position.0);
        let newest = match change {
            ChangeKind::Deleted => 0,
            ChangeKind::Created | ChangeKind::Updated => short_hash(&[&position.0.to_le_bytes(), value]),
        };
        if self.current.of(no) != newest {
            report.differs(Part::Rows, || {
                format!("entity {}: the newest version is not the one that a start loads", no.0)
            });
        }
    }

    /// What only shows once all tables are walked.
    fn fit(&self, report: &mut VerifyReport) {
        for (no, name) in self.names() {
            if name.is_some() && self.refs.of(no) != 1 {
                report.differs(Part::Rows, || format!("{} is not found by its ref", self.shown(no)));
            }
            report.compare(Part::Claims, self.claims.of(no), self.listed.of(no), || {
                format!("{} lists other claims than count for it", self.shown(no))
            });
            if self.current.of(no) != 0 && self.versions.of(no) == 0 {
                report.differs(Part::Rows, || format!("{} has no version", self.shown(no)));
            }
            if self.current.of(no) != 0 && self.bodies.of(no) != self.versions.of(no) {
                report.differs(Part::Rows, || {
                    format!("{} has no body of its newest version", self.shown(no))
                });
            }
        }
        let beyond = [&self.claims, &self.listed, &self.current, &self.identifiers];
        if beyond.iter().any(|sums| sums.0.len() > self.names.len()) {
            report.differs(Part::Rows, || "rows speak of entities that have no identity".to_owned());
        }
        for (no, count) in &self.claims_of_scope {
            if !self.scopes.contains_key(no) {
                report.differs(Part::Claims, || {
                    format!("{count} claims are of scope {no}, which is not there")
                });
            }
        }
        for (no, scope) in &self.scopes {
            let count = self.claims_of_scope.get(no).copied().unwrap_or(0);
            if scope.claims != count {
                report.differs(Part::Claims, || {
                    format!(
                        "scope {} says that it holds {} claims, it holds {count}",
                        scope.id, scope.claims
                    )
                });
            }
            let bodies = self.bodies_of_scope.get(no).copied().unwrap_or(0);
            if bodies != count {
                report.differs(Part::Claims, || {
                    format!("scope {} holds {count} heads of claims and {bodies} bodies", scope.id)
                });
            }
        }
    }
}

fn claim_hash(key: crate::store::ClaimKey) -> u64 {
    short_hash(&[&key.scope.0.to_le_bytes(), &key.id.0])
}
