//! Reads, validates and explains configuration.
//!
//! Three layers, the later wins: the embedded `config/bailiwick.yaml` or else the operator's file, environment variables
//! `BAILIWICK__SECTION__KEY`, flags of the command line. Every problem is collected with its place before anything is
//! given up; what an operator writes never panics.
//!
//! Two sorts of types: [`wire`] as people write it, from which the JSON Schema comes that is also what a file is
//! checked against, and the validated [`Config`] that the program uses. The options of a source beyond the common ones
//! are handed on as they stand: what a source type takes is known to its factory alone, and [`Config::problem`] gives
//! its complaints their place in the file.
//!
//! This crate reads files and nothing else: the environment comes in as a map.

#[doc(hidden)]
pub mod fuzzing;
pub mod limits;
pub mod schema;
pub mod wire;

mod check;
mod layers;
mod load;
mod model;
mod place;
mod problem;
mod show;
#[cfg(test)]
mod tests;
mod tree;
mod validate;

pub use layers::{ENV_PREFIX, Flag};
pub use load::Input;
pub use model::{
    AllowConfig, Auth, Config, GuardConfig, LogFormat, LogLevel, LogSettings, Server, SourceConfig, Store, StoreEngine,
    TokenConfig,
};
pub use problem::{Problem, Problems};
pub use show::Shown;

/// The configuration that holds when no file is given; also the reference page for every key.
pub const EMBEDDED: &str = include_str!("../bailiwick.yaml");

/// How the embedded configuration is called where a file name is expected.
pub const EMBEDDED_NAME: &str = "the embedded config/bailiwick.yaml";
