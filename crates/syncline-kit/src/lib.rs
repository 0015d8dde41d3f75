//! What the vendor crates share, and nothing else: the three seams that a connector sees ([`Transport`], [`Clock`]),
//! the contract between a connector and the engine ([`vendor`]), budgets ([`budget`], [`daily`]), a memory of long texts
//! ([`memo`]), and the frame of a sandbox.
//!
//! A line budget of 2,000 keeps this from becoming a dumping ground; only what both vendor crates already use may
//! stand here.

pub mod budget;
pub mod clock;
pub mod daily;
pub mod memo;
pub mod offset;
pub mod sandbox;
pub mod transport;
pub mod vendor;

pub use clock::Clock;
pub use transport::{BoxFuture, HttpRequest, HttpResponse, LeaveBy, Transport, TransportError};
