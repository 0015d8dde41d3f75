//! The commands. A new one is a file `NAME.rs` here that holds `pub(crate) struct Args` (derived from `clap::Args`; its doc comment
//! is the help text) and `pub(crate) fn run(args: Args) -> Result<(), Failure>`, and three lines below: `mod`, variant, arm.

mod completions;
mod sandbox;

use crate::failure::Failure;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    Sandbox(sandbox::Args),
    Completions(completions::Args),
}

impl Command {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Sandbox(args) => sandbox::run(args),
            Self::Completions(args) => completions::run(args),
        }
    }
}
