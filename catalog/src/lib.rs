//! The engine: claims become entities, ownership, a graph and an index.

pub mod api;
pub mod backup;
pub mod core;
pub mod engine;
pub mod fail_point;
pub mod follow;
pub mod graph;
pub mod running;
pub mod search;
pub mod store;
pub mod trim;
pub mod verify;

pub use api::{Catalog, CatalogError};
pub use engine::{Engine, EngineSettings, EngineSink, SourceSetting};
pub use fail_point::{FailPoint, FailPoints};
pub use running::{Placement, Running};
