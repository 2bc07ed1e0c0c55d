//! Commands that need neither server nor catalog.

pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod kinds;
pub(crate) mod token;
pub(crate) mod validate;
