//! Files that are promises: what is checked in and what they are compared with.

mod compose;
mod law_10;
mod law_9;
