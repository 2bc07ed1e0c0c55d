//! The command line as a process: what it prints where, and how it ends.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails loudly")]

mod ack_log;
mod backup;
mod config;
mod help;
mod kill;
mod offline;
mod server;
mod support;
mod usage;
mod validate;
