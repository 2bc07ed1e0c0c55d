//! A running catalog: store, engine and followers put together, and taken apart in order.

use std::path::PathBuf;
use std::sync::Arc;

use bailiwick_schema::Position;

use crate::api::{Catalog, CatalogError};
use crate::engine::{Engine, EngineSettings, EngineSink};
use crate::search::{Follower, IndexLocation, SearchIndex};
use crate::store::open::{EngineKind, StoreOptions};
use crate::store::{Store, StoreError};

/// Where and how a catalog is kept.
#[derive(Debug, Clone)]
pub struct Placement {
    pub engine: EngineKind,
    /// The store lies in `store/`, the index in `index/` below it. Nothing is written for the memory engine.
    pub data_dir: PathBuf,
    pub store: StoreOptions,
}

/// The running parts. [`Running::stop`] ends them in order; readers may outlive it and keep the last snapshot.
pub struct Running {
    engine: Engine,
    follower: Follower,
    catalog: Catalog,
    sink: EngineSink,
    found_head: Position,
    store: Arc<dyn Store>,
}

impl Running {
    /// Opens store and index, loads the snapshot and starts engine and follower. Blocking.
    ///
    /// Errors: the store is locked, foreign, damaged or cannot be read; the index folder cannot be written.
    pub fn open(placement: &Placement, settings: EngineSettings) -> Result<Self, CatalogError> {
        crate::backup::check_not_interrupted(&placement.data_dir)?;
        let store = crate::store::open::open(
            placement.engine,
            &placement.data_dir.join("store"),
            placement.store.clone(),
        )?;
        let index = match placement.engine {
            EngineKind::Memory => IndexLocation::Memory,
            EngineKind::Fjall | EngineKind::Sled => IndexLocation::Folder(placement.data_dir.join("index")),
        };
        Self::over(store, index, settings)
    }

    /// The same over a store that is open already.
    pub fn over(store: Arc<dyn Store>, index: IndexLocation, settings: EngineSettings) -> Result<Self, CatalogError> {
        let kinds = Arc::clone(&settings.kinds);
        let found_head = store.head()?;
        let (fail_points, min_free_bytes) = (settings.fail_points.clone(), settings.min_free_bytes);
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| CatalogError::Store(StoreError::Engine(error));
        let bodies = Arc::clone(&store);
        let body_of = Arc::new(move |no, position| bodies.body(no, position).ok().flatten());
        let lineage = store.lineage();
        // The one reads the store, the other its own folder.
        let (engine, index) = std::thread::scope(|scope| {
            let index = scope.spawn(move || SearchIndex::open(index, lineage, body_of));
            (Engine::start(Arc::clone(&store), settings), index.join())
        });
        let engine = engine?;
        let index = index.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let index = index.map_err(|error| failed(Box::new(error)))?;
        let index = index.leaving_free(min_free_bytes);
        let sink = engine.sink();
        let shared = Arc::clone(&engine.shared);
        let follower = Follower::start(
            index,
            Arc::clone(&store),
            Arc::new(move || shared.snapshot.load_full()),
            engine.shared.positions.subscribe(),
            fail_points,
        )
        .map_err(|error| failed(Box::new(error)))?;
        let catalog = Catalog::new(Arc::clone(&store), sink.clone(), follower.handle(), kinds);
        Ok(Self {
            engine,
            follower,
            catalog,
            sink,
            found_head,
            store,
        })
    }

    /// The read side and the operator's side.
    pub fn catalog(&self) -> Catalog {
        self.catalog.clone()
    }

    /// The head of the log as it was found. Opening commits too, if kinds, ranks or rules are others than last time.
    pub fn found_head(&self) -> Position {
        self.found_head
    }

    /// Where sources deliver.
    pub fn sink(&self) -> EngineSink {
        self.sink.clone()
    }

    /// Commits what was planned, brings the index up to it, and ends both threads. Blocking.
    pub fn stop(self) {
        self.engine.stop();
        self.follower.stop();
        self.store.settle();
    }
}
