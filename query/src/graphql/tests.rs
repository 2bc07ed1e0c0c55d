//! The queries that scripts rely on, word for word, and what the limits refuse.

use serde_json::{Value, json};

use crate::testing::Fixture;

mod fixed;
mod hostile;
mod kinds;
mod questions;
mod retention;
