//! The commands. A new one is a file `NAME.rs` here that holds `pub(crate) struct Args` (derived from `clap::Args`; its doc comment
//! is the help text) and `pub(crate) fn run(args: Args) -> Result<(), Failure>`, and three lines below: `mod`, variant, arm.

mod completions;
mod connect;
mod doctor;
mod history;
mod init;
mod review;
mod sandbox;
mod setup;

use crate::failure::Failure;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    Init(init::Args),
    Connect(connect::Args),
    Setup(setup::Args),
    Doctor(doctor::Args),
    Review(review::Args),
    History(history::Args),
    Sandbox(sandbox::Args),
    Completions(completions::Args),
}

impl Command {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Init(args) => init::run(args),
            Self::Connect(args) => connect::run(args),
            Self::Setup(args) => setup::run(args),
            Self::Doctor(args) => doctor::run(args),
            Self::Review(args) => review::run(args),
            Self::History(args) => history::run(args),
            Self::Sandbox(args) => sandbox::run(args),
            Self::Completions(args) => completions::run(args),
        }
    }
}
