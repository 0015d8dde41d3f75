//! One suite for both databases: every case takes two handles on one empty store and knows nothing of what is behind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed test is a panic")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test names only what it is about")]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test says how far it is and what it measured"
)]
#![allow(unreachable_pub, missing_docs, reason = "nothing here is for others")]

mod arbitrary;
mod cases;
mod cluster;
mod files;
mod formats;
mod measure;
mod model;
mod postgres;
mod proof;
mod random;
mod sqlite;
mod tools;

use std::sync::Arc;
use syncline_store::Store;

/// Two handles on one store, as two processes have them.
pub struct Handles {
    pub one: Arc<dyn Store>,
    pub two: Arc<dyn Store>,
}
