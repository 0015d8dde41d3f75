//! SOQL of the research notes §6 less aggregates (`COUNT()` alone is there), TYPEOF and semi-joins.

pub(crate) mod compile;
pub(crate) mod eval;
mod lex;
mod literals;
pub(crate) mod parse;
mod plan;
pub(crate) mod render;
