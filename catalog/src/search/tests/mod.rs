//! Tests of search as a whole. Those of its parts stand beside them.

mod following;
mod home;
mod paths;
mod searching;
mod world;
