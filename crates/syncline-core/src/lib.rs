//! The thinking: mapping, the per-field decision, identity, the planner, the apply machine. Synchronous and pure: no
//! input or output, no clock, no randomness; time and ids are arguments.

pub mod config;
pub mod decide;
pub mod identify;
pub mod mapping;
pub mod observe;
mod pairs;
pub mod plan;
pub mod undo;
