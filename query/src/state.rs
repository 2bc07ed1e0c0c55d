//! What every request shares, and whether the server is ready.

use std::sync::{Arc, PoisonError, RwLock};

use async_graphql::dynamic::Schema;
use bailiwick_catalog::FailPoints;
use bailiwick_schema::{Clock, Control, OwnerMethod};

use crate::auth::{AuthConfig, AuthError, Gate};
use crate::catalog::{BackupSettings, Catalog};
use crate::graphql::{EntityTypes, Plans, build_schema};
use crate::limits::{BACKUPS_MAX, EXPORTS_MAX, VERIFIES_MAX};
use crate::metrics::Metrics;

/// Whether requests can be served, as the shell around the API knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    Starting(String),
    Ready,
    Stopping,
}

/// The shell's side of `/readyz`. Cheap to clone; begins as starting.
#[derive(Clone)]
pub struct Readiness(Arc<RwLock<Stage>>);

impl Default for Readiness {
    fn default() -> Self {
        Self(Arc::new(RwLock::new(Stage::Starting("starting".to_owned()))))
    }
}

impl Readiness {
    /// A server that serves from the first moment.
    pub fn ready() -> Self {
        let readiness = Self::default();
        readiness.set_ready();
        readiness
    }

    /// Says what the start is busy with.
    pub fn set_starting(&self, doing: impl Into<String>) {
        self.set(Stage::Starting(doing.into()));
    }

    pub fn set_ready(&self) {
        self.set(Stage::Ready);
    }

    /// From now on load balancers should look elsewhere.
    pub fn set_stopping(&self) {
        self.set(Stage::Stopping);
    }

    fn set(&self, stage: Stage) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = stage;
    }

    /// Why requests cannot be served, if so.
    pub(crate) fn reason(&self) -> Option<String> {
        match &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
            Stage::Starting(doing) => Some(format!("the server is starting: {doing}")),
            Stage::Ready => None,
            Stage::Stopping => Some("the server is stopping".to_owned()),
        }
    }
}

/// Why the API cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Auth(#[from] AuthError),
    #[error("the kinds give no valid GraphQL schema: {0}")]
    Schema(String),
}

/// What the API is built over.
pub struct ApiParts {
    pub catalog: Catalog,
    /// The scheduler of the sources.
    pub control: Arc<dyn Control>,
    pub auth: AuthConfig,
    /// The order of evidence in force, for `verify`.
    pub owner_order: Vec<OwnerMethod>,
    pub readiness: Readiness,
    /// Says when a backup was made.
    pub clock: Arc<dyn Clock>,
    pub fail_points: FailPoints,
}

/// What every request shares. Cheap to clone.
#[derive(Clone)]
pub struct AppState(Arc<Shared>);

struct Shared {
    catalog: Catalog,
    control: Arc<dyn Control>,
    gate: Gate,
    owner_order: Vec<OwnerMethod>,
    readiness: Readiness,
    schema: Schema,
    entity_types: EntityTypes,
    plans: Plans,
    metrics: Metrics,
    exports: Arc<tokio::sync::Semaphore>,
    verifies: Arc<tokio::sync::Semaphore>,
    backups: Arc<tokio::sync::Semaphore>,
    clock: Arc<dyn Clock>,
    fail_points: FailPoints,
}

impl AppState {
    /// Builds the API.
    ///
    /// Errors: a token hash that cannot be read, or kinds that GraphQL cannot express.
    pub fn new(parts: ApiParts) -> Result<Self, StartError> {
        let ApiParts {
            catalog,
            control,
            auth,
            owner_order,
            readiness,
            clock,
            fail_points,
        } = parts;
        let gate = Gate::new(&auth)?;
        let (schema, entity_types) =
            build_schema(catalog.kinds()).map_err(|error| StartError::Schema(error.to_string()))?;
        Ok(Self(Arc::new(Shared {
            catalog,
            control,
            gate,
            owner_order,
            readiness,
            schema,
            entity_types,
            plans: Plans::default(),
            metrics: Metrics::new(),
            exports: Arc::new(tokio::sync::Semaphore::new(EXPORTS_MAX)),
            verifies: Arc::new(tokio::sync::Semaphore::new(VERIFIES_MAX)),
            backups: Arc::new(tokio::sync::Semaphore::new(BACKUPS_MAX)),
            clock,
            fail_points,
        })))
    }

    pub(crate) fn catalog(&self) -> &Catalog {
        &self.0.catalog
    }

    pub(crate) fn control(&self) -> &dyn Control {
        &*self.0.control
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.0.gate
    }

    pub(crate) fn owner_order(&self) -> &[OwnerMethod] {
        &self.0.owner_order
    }

    pub(crate) fn readiness(&self) -> &Readiness {
        &self.0.readiness
    }

    pub(crate) fn schema(&self) -> &Schema {
        &self.0.schema
    }

    pub(crate) fn entity_types(&self) -> &EntityTypes {
        &self.0.entity_types
    }

    pub(crate) fn plans(&self) -> &Plans {
        &self.0.plans
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(crate) fn exports(&self) -> &Arc<tokio::sync::Semaphore> {
        &self.0.exports
    }

    pub(crate) fn backups(&self) -> &Arc<tokio::sync::Semaphore> {
        &self.0.backups
    }

    /// What a backup that begins now needs to know.
    pub(crate) fn backup_settings(&self) -> BackupSettings {
        BackupSettings {
            at: self.0.clock.now(),
            fail_points: self.0.fail_points.clone(),
        }
    }

    pub(crate) fn verifies(&self) -> &Arc<tokio::sync::Semaphore> {
        &self.0.verifies
    }
}
