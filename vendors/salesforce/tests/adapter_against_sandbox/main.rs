//! The adapter against the local server, both in this process; no socket, no waiting.
#![cfg(all(feature = "adapter", feature = "sandbox"))]
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::panic, clippy::wildcard_enum_match_arm)]

mod capture;
mod process;
mod session;
mod world;
mod writes;
