//! The shape of the workspace: who may know whom, what the core must not touch, how large a file may be.

mod dependencies;
mod documents;
mod files;
mod purity;
