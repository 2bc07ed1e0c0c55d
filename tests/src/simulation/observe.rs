//! What is really stored, and whether it is what a state of the model says.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use bailiwick_catalog::store::{ClaimId, ClaimKey, FindingOwner, ScopeNo, Store, StoreResult, SweepState};
use bailiwick_schema::{ContentHash, Timestamp};

use super::content::{scope_at, source_at};
use super::model::{Held, HeldScope, HeldSweep, Key, Model, Place, Waits};

/// The store's content in the model's words.
pub(crate) struct Observed {
    pub claims: BTreeMap<Key, (ContentHash, Timestamp, bool)>,
    pub scopes: BTreeMap<Place, HeldScope>,
    pub sweeps: BTreeMap<Place, HeldSweep>,
    /// Hashes of origins and codes.
    pub said: BTreeMap<Place, BTreeSet<([u8; 8], String)>>,
    pub numbers: BTreeMap<Place, ScopeNo>,
}

/// Reads everything that the model knows of. Errors: the store's, and `Err` inside for what cannot be there.
pub(crate) fn observe(store: &dyn Store) -> StoreResult<Result<Observed, String>> {
    let records = store.scopes()?;
    let mut places: Vec<Place> = Vec::with_capacity(records.len());
    let mut observed = Observed {
        claims: BTreeMap::new(),
        scopes: BTreeMap::new(),
        sweeps: BTreeMap::new(),
        said: BTreeMap::new(),
        numbers: BTreeMap::new(),
    };
    for record in &records {
        let (Some(source), Some(scope)) = (source_at(&record.source), scope_at(&record.id)) else {
            return Ok(Err(format!("nobody has a scope {} {}", record.source, record.id)));
        };
        let place = (source, scope);
        places.push(place);
        if observed.numbers.insert(place, record.no).is_some() {
            return Ok(Err(format!("scope {} of {} is there twice", record.id, record.source)));
        }
        let held = HeldScope {
            parent: record.parent.as_ref().and_then(scope_at),
            cursor: record.cursor.clone(),
            proof: record.proof.clone(),
            members: record.members.iter().filter_map(scope_at).collect(),
            retired: record.retired,
            marked: record.next_sweep_pending,
        };
        observed.scopes.insert(place, held);
        store.heads_of_scope(record.no, &mut |head| {
            let held = (head.hash, head.requested_at, head.stale);
            observed.claims.insert((place, head.key.id), held);
            ControlFlow::Continue(())
        })?;
    }
    let place = |no: ScopeNo| places.get(no.0 as usize).copied();
    let key = |key: &ClaimKey| Some((place(key.scope)?, key.id));
    for sweep in store.sweeps()? {
        let (Some(at), Some(missing)) = (place(sweep.scope), sweep.missing.iter().map(key).collect()) else {
            return Ok(Err(format!(
                "the sweep of scope {} names a scope that is not there",
                sweep.scope.0
            )));
        };
        let waits = match sweep.state {
            SweepState::Due => Waits::Due,
            SweepState::Pending { .. } => Waits::Pending,
            SweepState::Rejected { .. } => Waits::Rejected,
        };
        let held = HeldSweep {
            waits,
            missing,
            retires: sweep.retires.iter().filter_map(scope_at).collect(),
            proved_at: sweep.proved_at,
        };
        observed.sweeps.insert(at, held);
    }
    store.findings(&mut |stored| {
        if let FindingOwner::Origin { scope, origin } = stored.owner
            && let Some(at) = place(scope)
        {
            observed
                .said
                .entry(at)
                .or_default()
                .insert((origin, stored.finding.code));
        }
        ControlFlow::Continue(())
    })?;
    Ok(Ok(observed))
}

/// The first difference between what is stored and a state; nothing if there is none. `model` says which records of
/// scopes may lag behind.
pub(crate) fn difference(observed: &Observed, held: &Held, model: &Model) -> Option<String> {
    for (key, claim) in &held.claims {
        let expected = (claim.hash, claim.requested_at, claim.stale);
        let named = || {
            let (place, claim) = (key.0, &claim.claim);
            format!("the claim of {place:?} {} about {}", claim.origin.path, claim.subject)
        };
        match observed.claims.get(key) {
            None => return Some(format!("{} of {} is not stored", named(), expected.1)),
            Some(stored) if *stored != expected => {
                return Some(format!("{} is stored as {stored:?} and not as {expected:?}", named()));
            }
            Some(_) => {}
        }
    }
    if let Some((key, stored)) = observed.claims.iter().find(|(key, _)| !held.claims.contains_key(key)) {
        return Some(format!(
            "a claim of {:?} is stored that nobody holds: {stored:?}",
            key.0
        ));
    }
    for (place, scope) in &held.scopes {
        let lagging = |stored: &HeldScope| model.lagging.get(place).is_some_and(|(_, lags)| lags.contains(stored));
        match observed.scopes.get(place) {
            None => return Some(format!("scope {place:?} is not stored")),
            Some(stored) if stored != scope && !lagging(stored) => {
                return Some(format!("scope {place:?} is stored as {stored:?} and not as {scope:?}"));
            }
            Some(_) => {}
        }
    }
    if let Some(place) = observed.scopes.keys().find(|place| !held.scopes.contains_key(place)) {
        return Some(format!("scope {place:?} is stored and was never opened"));
    }
    if observed.sweeps != held.sweeps {
        return Some(format!(
            "sweeps are stored as {:?} and not as {:?}",
            observed.sweeps, held.sweeps
        ));
    }
    let expected: BTreeMap<Place, BTreeSet<([u8; 8], String)>> = held
        .said
        .iter()
        .map(|(place, said)| {
            let said = said
                .iter()
                .map(|(origin, code)| (ClaimId::origin_prefix(origin), code.clone()));
            (*place, said.collect())
        })
        .collect();
    if observed.said != expected {
        return Some(format!(
            "findings are stored as {:?} and not as {:?}",
            observed.said, held.said
        ));
    }
    None
}
