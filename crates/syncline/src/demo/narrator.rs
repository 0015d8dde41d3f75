//! Tells the demo's story on standard output, or keeps silent for JSON.

use crate::{failure::Failure, shell::say};
use std::io::IsTerminal;

/// The one who tells.
pub(crate) struct Narrator {
    silent: bool,
    colour: bool,
    step: u32,
}

impl Narrator {
    /// Silent where JSON is asked for; coloured on terminals only.
    pub(crate) fn new(silent: bool) -> Self {
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { silent, colour, step: 0 }
    }

    /// Whether it tells anything.
    pub(crate) fn speaks(&self) -> bool {
        !self.silent
    }

    /// Begins the next step.
    pub(crate) fn step(&mut self, title: &str) -> Result<(), Failure> {
        self.step += 1;
        let heading = self.painted("1;36", &format!("{}. {title}", self.step));
        self.tell(format!("\n{heading}"))
    }

    /// A line of the story.
    pub(crate) fn tell(&self, text: impl std::fmt::Display) -> Result<(), Failure> {
        if self.silent { Ok(()) } else { say(text) }
    }

    /// A promise, kept or not.
    pub(crate) fn promise(&self, name: &str, kept: bool) -> Result<(), Failure> {
        let mark = if kept { self.painted("32", "ok    ") } else { self.painted("1;31", "BROKEN") };
        self.tell(format!("   {mark} {}", name.replace('_', " ")))
    }

    fn painted(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
