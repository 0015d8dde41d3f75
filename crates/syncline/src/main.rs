//! `syncline`: one binary, one file a command under `commands/`.

mod commands;
mod demo;
mod failure;
mod registry;
mod shell;
mod work;

use clap::Parser;
use std::process::ExitCode;

/// Records, answers and plans are many small things: the system's allocator takes a tenth of a run longer.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Keeps CRMs, quotes and books in agreement
#[derive(Parser)]
#[command(name = "syncline", version, arg_required_else_help = true, propagate_version = false)]
struct Cli {
    #[command(subcommand)]
    command: commands::Command,
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("SYNCLINE_LOG")
                .unwrap_or_else(|_unset| tracing_subscriber::EnvFilter::new("warn")),
        )
        .init();
    // A wrong command line ends here with exit code 2 and a message on standard error.
    match Cli::parse().command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
