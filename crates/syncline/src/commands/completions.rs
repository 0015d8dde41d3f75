//! `syncline completions SHELL`.

use crate::failure::Failure;
use clap::CommandFactory;
use std::io::Write;

/// Print a completion script for a shell
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The shell to complete in
    shell: clap_complete::Shell,
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::Cli::command(), "syncline", &mut script);
    std::io::stdout().write_all(&script).map_err(|error| Failure::output(&error))
}
