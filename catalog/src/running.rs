//! A running catalog: store, engine and followers put together, and taken apart in order.

use std::path::PathBuf;
use std::sync::Arc;

use bailiwick_schema::Position;

use crate::api::{Catalog, CatalogError};
use crate::engine::{Engine, EngineSettings, EngineSink};
use crate::search::{Follower, IndexLocation, SearchIndex};
use crate::store::open::{EngineKind, StoreOptions, engine_of};
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

/// A store that was emptied must not come up as a new one: what was derived from it still lies beside it.
fn check_not_emptied(placement: &Placement) -> Result<(), CatalogError> {
    let store = placement.data_dir.join("store");
    let is_kept = placement.engine != EngineKind::Memory;
    if is_kept && engine_of(&store).is_none() && SearchIndex::lies_in(&placement.data_dir.join("index")) {
        return Err(CatalogError::Store(StoreError::Damaged {
            path: store.display().to_string(),
            reason: "its files are missing, and a search index that was made from them lies beside it in `index`; \
                     delete that too if you want to begin anew"
                .to_owned(),
        }));
    }
    Ok(())
}

impl Running {
    /// Opens store and index, loads the snapshot and starts engine and follower. Blocking.
    ///
    /// Errors: the store is locked, foreign, damaged or cannot be read; the index folder cannot be written.
    pub fn open(placement: &Placement, settings: EngineSettings) -> Result<Self, CatalogError> {
        crate::backup::check_not_interrupted(&placement.data_dir)?;
        check_not_emptied(placement)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use bailiwick_schema::Timestamp;
    use bailiwick_schema::kind::KindSet;

    struct Stopped;

    impl bailiwick_schema::Clock for Stopped {
        fn now(&self) -> Timestamp {
            Timestamp::from_secs(1_795_219_200)
        }
    }

    #[test]
    fn a_store_that_was_emptied_is_no_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let placement = Placement {
            engine: EngineKind::Fjall,
            data_dir: folder.path().to_owned(),
            store: StoreOptions::default(),
        };
        let settings = || EngineSettings::new(Arc::new(KindSet::builtin()), Arc::new(Stopped));
        Running::open(&placement, settings()).unwrap().stop();
        Running::open(&placement, settings()).unwrap().stop();
        std::fs::remove_dir_all(folder.path().join("store")).unwrap();
        std::fs::create_dir(folder.path().join("store")).unwrap();
        let error = crate::engine::chain(&Running::open(&placement, settings()).err().unwrap());
        assert!(
            error.contains("files are missing") && error.contains("index"),
            "{error}"
        );
        std::fs::remove_dir_all(folder.path().join("index")).unwrap();
        Running::open(&placement, settings()).unwrap().stop();
    }
}
