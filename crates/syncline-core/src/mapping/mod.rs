//! The mapping in force: a configuration resolved against the live schemas. It is a star, never pairs (A1): a kind has
//! typed attributes, each side binds its fields to them, and rule, tie, clear and maps live on the attribute.

pub mod codec;
mod compile;
mod model;
#[cfg(test)]
pub(crate) mod test_support;

pub use compile::{Accounts, CapturedObject, Compiled, Schemas, compile};
pub use model::*;
