//! The command line as a process: what it prints where, and how it ends.

mod config;
mod help;
mod offline;
mod server;
mod support;
mod usage;
mod validate;
