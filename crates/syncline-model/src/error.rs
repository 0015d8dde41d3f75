//! Error codes: stable, documented in `docs/errors.md`, checked by tidy.

use std::fmt;

/// A stable code, `SYN-nnnn`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u16);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SYN-{:04}", self.0)
    }
}
