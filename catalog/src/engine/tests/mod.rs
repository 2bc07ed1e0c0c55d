//! The engine as a whole, over the memory store and over fjall.

mod counting;
mod home;
mod identity;
mod laws;
mod ownership;
mod retention;
mod room;
mod sources;
