//! The asynchronous shell: drives capture, plan, apply; keeps the workspace, its secrets and its connections. What to do
//! is decided in `syncline-core`; here it is only done.

pub mod clock;
pub mod entropy;
pub mod error;
pub mod secrets;
pub mod transport;

pub use error::Error;
