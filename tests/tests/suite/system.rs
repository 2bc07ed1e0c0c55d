//! Git repositories become a catalog: what happens on the second run, when things change, and when they go wrong.

mod change;
mod histories;
mod hostile;
mod loss;
mod moves;
mod repositories;
