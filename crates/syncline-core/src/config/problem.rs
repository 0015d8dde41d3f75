//! What is wrong with a configuration, and where.

use std::{fmt, sync::Arc};
use syncline_model::error::Code;

/// A place in a configuration file; lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file.
    pub file: Arc<str>,
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

impl Place {
    /// Finds the place of a byte offset.
    pub(crate) fn find(file: &Arc<str>, text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let count = |number: usize| u32::try_from(number + 1).unwrap_or(u32::MAX);
        Self {
            file: Arc::clone(file),
            line: count(before.matches('\n').count()),
            column: count(before[line_start..].chars().count()),
        }
    }

    /// The place some characters further on the same line.
    pub(crate) fn shifted(&self, characters: usize) -> Self {
        let shift = u32::try_from(characters).unwrap_or(u32::MAX);
        Self { file: Arc::clone(&self.file), line: self.line, column: self.column.saturating_add(shift) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing runs until it is mended.
    Error,
    /// The field or record concerned is held; everything else runs.
    Warning,
}

/// One thing that is wrong, with what to do about it. `docs/errors.md` explains each code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Error or warning.
    pub severity: Severity,
    /// The stable code, 1001–1099.
    pub code: Code,
    /// The file.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub fix: String,
}

impl Problem {
    /// An error at a place.
    pub(crate) fn error(code: Code, at: &Place, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            file: Arc::clone(&at.file),
            line: at.line,
            column: at.column,
            message: message.into(),
            fix: fix.into(),
        }
    }

    /// A warning at a place.
    pub(crate) fn warning(
        code: Code,
        at: &Place,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, at, message, fix) }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{}:{}:{}: {word}[{}]: {}", self.file, self.line, self.column, self.code, self.message)?;
        if !self.fix.is_empty() {
            write!(f, "\n  fix: {}", self.fix)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

/// The codes of this part, by what they mean.
pub(crate) mod codes {
    use super::Code;

    pub(crate) const SYNTAX: Code = Code(1001);
    pub(crate) const FORMAT: Code = Code(1002);
    pub(crate) const UNKNOWN_KEY: Code = Code(1003);
    pub(crate) const TWICE: Code = Code(1004);
    pub(crate) const BAD_VALUE: Code = Code(1005);
    pub(crate) const MISSING_KEY: Code = Code(1006);
    pub(crate) const SECRET: Code = Code(1007);
    pub(crate) const UNKNOWN_NAME: Code = Code(1008);
    pub(crate) const TIE: Code = Code(1009);
    pub(crate) const PREDICATE: Code = Code(1010);
    pub(crate) const LITERAL: Code = Code(1011);
    pub(crate) const FIELD_TYPE: Code = Code(1020);
    pub(crate) const NO_FIELD: Code = Code(1021);
    pub(crate) const NO_OBJECT: Code = Code(1022);
    pub(crate) const NO_KEY_FIELD: Code = Code(1023);
    pub(crate) const NOT_WRITABLE: Code = Code(1024);
    pub(crate) const UNMAPPED_REQUIRED: Code = Code(1025);
    pub(crate) const NOTHING_MATCHES: Code = Code(1026);
    pub(crate) const NO_STAGE: Code = Code(1027);
    pub(crate) const SEVERAL_PIPELINES: Code = Code(1028);
    pub(crate) const NO_MAP: Code = Code(1029);
    pub(crate) const TIME_ZONE: Code = Code(1030);
    pub(crate) const NO_ACCOUNT: Code = Code(1031);
    pub(crate) const EDGE_SHAPE: Code = Code(1032);
    pub(crate) const TWO_WRITERS: Code = Code(1033);
}
