//! How a command fails: one shape on standard error, and an exit code that a script can act on.
//!
//! ```text
//! error[SYN-0102]: a seed row is refused
//!   where: Account.csv line 3
//!   fix: correct that row or take it out
//! ```
//! Every code has a heading in `docs/errors.md`.

use std::{fmt, io::Write, process::ExitCode};
use syncline_model::error::Code;

/// What the exit code says. 0 is done; a wrong command line ends with 2 as well, before any command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Something went wrong that is none of the below.
    Error = 1,
    /// The command line or the configuration is wrong; nothing was done.
    Usage = 2,
    /// A person has to decide first.
    Person = 3,
    /// A vendor refuses the call or the credentials.
    Refused = 4,
    /// The credentials lead to another account than the one connected.
    WrongAccount = 5,
}

impl Exit {
    /// By its number.
    pub(crate) fn of(number: u8) -> Self {
        match number {
            2 => Self::Usage,
            3 => Self::Person,
            4 => Self::Refused,
            5 => Self::WrongAccount,
            _ => Self::Error,
        }
    }
}

/// A failure as the user sees it.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    code: Code,
    what: String,
    details: Vec<(&'static str, String)>,
}

impl Failure {
    /// `what` is one line without a final stop.
    pub(crate) fn new(exit: Exit, code: Code, what: impl Into<String>) -> Self {
        Self { exit, code, what: what.into(), details: Vec::new() }
    }

    /// To which file, record or address.
    pub(crate) fn at(self, place: impl fmt::Display) -> Self {
        self.with("where", place)
    }

    /// Why, in the words of whoever refused.
    pub(crate) fn because(self, cause: impl fmt::Display) -> Self {
        self.with("why", cause)
    }

    /// What to do next.
    pub(crate) fn fix(self, advice: impl fmt::Display) -> Self {
        self.with("fix", advice)
    }

    /// Standard output is closed or full.
    pub(crate) fn output(error: &std::io::Error) -> Self {
        Self::new(Exit::Error, Code(1), "the result cannot be written to standard output").because(error)
    }

    /// With another exit code than usual.
    pub(crate) fn exit(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    /// No port to listen on.
    pub(crate) fn cannot_listen(address: impl fmt::Display, cause: impl fmt::Display) -> Self {
        Self::new(Exit::Error, Code(106), "the address cannot be listened on")
            .at(address)
            .because(cause)
            .fix("choose another port, or 0 for any free one")
    }

    /// No thread, signal or temporary file to be had.
    pub(crate) fn no_system_resource(cause: impl fmt::Display) -> Self {
        Self::new(Exit::Error, Code(108), "the system refused what serving takes").because(cause)
    }

    fn with(mut self, label: &'static str, text: impl fmt::Display) -> Self {
        self.details.push((label, text.to_string()));
        self
    }

    /// Writes it to standard error and says how the process ends.
    pub(crate) fn report(&self) -> ExitCode {
        let _nowhere_left_to_complain = write!(std::io::stderr(), "{self}");
        ExitCode::from(self.exit as u8)
    }
}

impl From<syncline_engine::Error> for Failure {
    fn from(error: syncline_engine::Error) -> Self {
        let exit = Exit::of(error.exit());
        let message = error.to_string();
        let (what, why) = message.split_once('\n').unwrap_or((&message, ""));
        let failure = Self::new(exit, error.code(), what);
        let failure = if why.is_empty() { failure } else { failure.because(why) };
        match error.fix() {
            Some(advice) => failure.fix(advice),
            None => failure,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "error[{}]: {}", self.code, self.what)?;
        for (label, text) in &self.details {
            // A cause may have lines of its own; they stay under their label.
            writeln!(out, "  {label}: {}", text.trim_end().replace('\n', "\n    "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_where_why_and_what_to_do() {
        let failure = Failure::new(Exit::Usage, Code(1), "no such thing")
            .at("here")
            .because("one\ntwo\n")
            .fix("make it");
        let shown = "error[SYN-0001]: no such thing\n  where: here\n  why: one\n    two\n  fix: make it\n";
        assert_eq!(failure.to_string(), shown);
    }
}
