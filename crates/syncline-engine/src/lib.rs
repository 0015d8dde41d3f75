//! The asynchronous shell: drives capture, plan, apply; keeps the workspace, its secrets and its connections. What to do
//! is decided in `syncline-core`; here it is only done.

pub mod apply_plan;
pub mod applying;
mod bereft;
pub mod capture;
pub mod clock;
mod clocks;
mod companies;
pub mod confirm;
pub mod connecting;
pub mod connections;
pub mod ctx;
pub mod cycle;
pub mod doctor;
pub mod entropy;
pub mod error;
pub mod explain;
pub mod guards;
mod handover;
pub mod history;
mod hoods;
pub mod identifying;
mod lease;
mod moot;
mod parked;
pub mod plan_file;
pub mod planning;
mod referring;
mod refusals;
pub mod registry;
pub mod replay;
mod reread;
mod restored;
pub mod retention;
pub mod reviews;
pub mod schemas;
pub mod secrets;
mod settling;
pub mod setup;
pub mod transport;
pub mod undo;
pub mod workspace;

#[cfg(test)]
mod testing;

pub use ctx::{Ctx, Outside};
pub use error::Error;
pub use workspace::Workspace;
