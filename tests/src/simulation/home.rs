//! The engine under test, its disk and its followers, and what happens when the process ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bailiwick_catalog::Catalog;
use bailiwick_catalog::engine::inline::InlineEngine;
use bailiwick_catalog::engine::{EngineSettings, SourceSetting};
use bailiwick_catalog::search::follower::inline::InlineFollower;
use bailiwick_catalog::search::{IndexLocation, SearchIndex};
use bailiwick_catalog::store::{Store, StoreError};
use bailiwick_catalog::verify::Part;
use bailiwick_schema::kind::KindSet;
use bailiwick_schema::{Clock, OwnerMethod, Timestamp};

use super::disk::Disk;

/// Time that goes on when it is told to.
#[derive(Debug)]
pub(crate) struct SimulatedClock(AtomicI64);

impl SimulatedClock {
    pub(crate) fn advance(&self, duration: Duration) {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        self.0.fetch_add(micros, Ordering::Relaxed);
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::Relaxed))
    }
}

/// A catalog over a disk.
pub(crate) struct Home {
    pub disk: Arc<Disk>,
    pub clock: Arc<SimulatedClock>,
    pub engine: InlineEngine,
    pub store: Arc<dyn Store>,
    /// Whether the index is kept and compared; it costs more than everything else.
    pub indexed: bool,
    /// Whether held claims are looked up one by one, as in scopes of very many.
    pub one_by_one: bool,
    follower: Option<InlineFollower>,
    kinds: Arc<KindSet>,
    sources: Vec<SourceSetting>,
}

impl Home {
    pub(crate) fn new(
        kinds: &Arc<KindSet>,
        sources: Vec<SourceSetting>,
        indexed: bool,
        one_by_one: bool,
    ) -> Result<Self, StoreError> {
        let disk = Disk::new();
        // 2026-11-21
        let clock = Arc::new(SimulatedClock(AtomicI64::new(1_795_219_200_000_000)));
        let store = disk.open()?;
        let engine = InlineEngine::load(Arc::clone(&store), settings(kinds, &clock, &sources, one_by_one))?;
        let mut home = Self {
            disk,
            clock,
            engine,
            store,
            indexed,
            one_by_one,
            follower: None,
            kinds: Arc::clone(kinds),
            sources,
        };
        let index = home.new_index()?;
        home.follow(index);
        Ok(home)
    }

    fn new_index(&self) -> Result<SearchIndex, StoreError> {
        let bodies = self.disk.open()?;
        let lineage = bodies.lineage();
        let body = Arc::new(move |no, position| bodies.body(no, position).ok().flatten());
        SearchIndex::open(IndexLocation::Memory, lineage, body).map_err(|error| StoreError::Engine(Box::new(error)))
    }

    fn follow(&mut self, index: SearchIndex) {
        let snapshot = self.engine.snapshot_source();
        self.follower = Some(InlineFollower::new(index, Arc::clone(&self.store), snapshot));
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn sources(&self) -> &[SourceSetting] {
        &self.sources
    }

    /// Ends everything at once and starts it again over what is stored. The index is what was committed of it.
    /// Errors: the store fails again; then this may be called again.
    pub(crate) fn restart(&mut self, sources: Vec<SourceSetting>) -> Result<(), StoreError> {
        self.sources = sources;
        let index = match self.follower.take() {
            Some(follower) => follower.crash(),
            None => self.new_index()?,
        };
        let loaded = self.disk.open().and_then(|store| {
            let settings = settings(&self.kinds, &self.clock, &self.sources, self.one_by_one);
            InlineEngine::load(Arc::clone(&store), settings).map(|engine| (engine, store))
        });
        let loaded = loaded.map(|(engine, store)| {
            self.engine = engine;
            self.store = store;
        });
        self.follow(index);
        loaded
    }

    /// Ends the follower at once; what it had only staged is lost.
    pub(crate) fn crash_follower(&mut self) {
        if let Some(follower) = self.follower.take() {
            self.follow(follower.crash());
        }
    }

    /// Lets the follower stage what is new, and commit it if told so. Errors: what it says.
    pub(crate) fn index(&mut self, commit: bool) -> Result<(), String> {
        let Some(follower) = self.follower.as_mut().filter(|_| self.indexed) else {
            return Ok(());
        };
        let moved = if commit { follower.commit() } else { follower.stage() };
        moved.map_err(|error| error.to_string())
    }

    pub(crate) fn catalog(&self) -> Option<Catalog> {
        Some(self.engine.catalog(self.follower.as_ref()?.handle()))
    }

    /// Law 6: everything derived is rebuilt and compared. Gives the differences.
    pub(crate) fn verify(&mut self) -> Result<Vec<String>, String> {
        self.index(true)?;
        let Some(catalog) = self.catalog() else {
            return Err("no follower".to_owned());
        };
        let report = catalog
            .verify(&OwnerMethod::ALL, &|_, _| {})
            .map_err(|error| format!("{error:?}"))?;
        let of_index = |difference: &String| difference.starts_with(Part::Index.as_str());
        let counts = |difference: &String| self.indexed || !of_index(difference);
        Ok(report.differences.into_iter().filter(counts).collect())
    }

    pub(crate) fn kinds(&self) -> &Arc<KindSet> {
        &self.kinds
    }
}

fn settings(
    kinds: &Arc<KindSet>,
    clock: &Arc<SimulatedClock>,
    sources: &[SourceSetting],
    one_by_one: bool,
) -> EngineSettings {
    let mut settings = EngineSettings::new(Arc::clone(kinds), Arc::clone(clock) as Arc<dyn Clock>);
    settings.sources = Some(sources.to_vec());
    if one_by_one {
        settings.held_look_up_cost = 0;
    }
    settings
}
