//! One request: its viewer, its moment, and the bodies that it has read.
//!
//! Invariant: the snapshot is taken once, so everything that a request answers from the graph is of one position; a
//! body is read at most once, and only when a field asks for it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::dynamic::ResolverContext;
use bailiwick_schema::{EntityRef, Position, Viewer};
use serde_json::Value;

use crate::catalog::{Catalog, EntityNo, Node, Snapshot};
use crate::error::ApiError;
use crate::state::AppState;

/// What resolvers read from.
pub(crate) struct RequestContext {
    pub(crate) app: AppState,
    pub(crate) viewer: Viewer,
    pub(crate) snapshot: Arc<Snapshot>,
    bodies: Bodies,
    /// Position of the index plus one, once it was used.
    index_position: AtomicU64,
}

pub(crate) type Cx = Arc<RequestContext>;

impl RequestContext {
    pub(crate) fn new(app: AppState, viewer: Viewer) -> Self {
        let snapshot = app.catalog().snapshot();
        Self {
            app,
            viewer,
            snapshot,
            bodies: Bodies::default(),
            index_position: AtomicU64::new(0),
        }
    }

    pub(crate) fn catalog(&self) -> &Catalog {
        self.app.catalog()
    }

    /// The live entity of a ref, if the viewer may see it.
    pub(crate) fn node(&self, entity: &EntityRef) -> Option<&Arc<Node>> {
        self.snapshot.get(&self.viewer, entity)
    }

    /// The ref of a number, whether or not anything lives there, if the viewer may see such an entity.
    pub(crate) fn name(&self, no: EntityNo) -> Option<&EntityRef> {
        self.snapshot
            .name(no)
            .filter(|name| self.viewer.sees(name.kind(), name.namespace()))
    }

    pub(crate) fn used_index(&self, position: Position) {
        self.index_position
            .store(position.0.saturating_add(1), Ordering::Relaxed);
    }

    pub(crate) fn index_position(&self) -> Option<Position> {
        self.index_position.load(Ordering::Relaxed).checked_sub(1).map(Position)
    }

    /// The canonical JSON of an entity. All entities of a page that ask at once are read in one go.
    pub(crate) async fn body(self: &Arc<Self>, node: &Arc<Node>) -> Result<Arc<Value>, ApiError> {
        if let Some(body) = self.bodies.get(node.no) {
            return body;
        }
        lock(&self.bodies.queue).push(Arc::clone(node));
        // The rest of the page is polled before this one goes on, and joins the queue.
        tokio::task::yield_now().await;
        let _turn = self.bodies.turn.lock().await;
        if let Some(body) = self.bodies.get(node.no) {
            return body;
        }
        let mut batch = std::mem::take(&mut *lock(&self.bodies.queue));
        batch.retain(|node| self.bodies.get(node.no).is_none());
        let cx = Arc::clone(self);
        let read = run_blocking(move || {
            let one = |node: &Arc<Node>| {
                (
                    node.no,
                    cx.catalog().entity_value(node).map(Arc::new).map_err(ApiError::from),
                )
            };
            Ok(batch.iter().map(one).collect::<Vec<_>>())
        })
        .await?;
        lock(&self.bodies.read).extend(read);
        self.bodies
            .get(node.no)
            .unwrap_or_else(|| Err(ApiError::not_found("the entity is gone")))
    }
}

#[derive(Default)]
struct Bodies {
    read: Mutex<HashMap<EntityNo, Result<Arc<Value>, ApiError>>>,
    queue: Mutex<Vec<Arc<Node>>>,
    turn: tokio::sync::Mutex<()>,
}

impl Bodies {
    fn get(&self, no: EntityNo) -> Option<Result<Arc<Value>, ApiError>> {
        lock(&self.read).get(&no).cloned()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The context of the request that a resolver works for.
pub(crate) fn cx<'a>(ctx: &ResolverContext<'a>) -> &'a Cx {
    ctx.ctx.data_unchecked::<Cx>()
}

/// Runs a read on the blocking pool.
pub(crate) async fn blocking<T: Send + 'static>(
    cx: &Cx,
    read: impl FnOnce(&Cx) -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let cx = Arc::clone(cx);
    run_blocking(move || read(&cx)).await
}

pub(crate) async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(ApiError::internal(&error)),
    }
}
