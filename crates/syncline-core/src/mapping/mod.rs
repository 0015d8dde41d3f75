//! The mapping in force: a configuration resolved against the live schemas. It is a star, never pairs (A1): a kind has
//! typed attributes, each side binds its fields to them, and rule, tie, clear and maps live on the attribute.

mod model;

pub use model::*;
