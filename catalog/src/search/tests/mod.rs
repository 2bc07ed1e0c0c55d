//! Tests of search as a whole. Those of its parts stand beside them.

mod following;
mod home;
mod limits;
mod paths;
mod ranking;
mod searching;
mod world;
