//! The commands. A new one is a file `NAME.rs` here that holds `pub(crate) struct Args` (derived from `clap::Args`; its doc comment
//! is the help text) and `pub(crate) fn run(args: Args) -> Result<(), Failure>`, and three lines below: `mod`, variant, arm.

mod apply;
mod completions;
mod connect;
mod demo;
mod doctor;
mod explain;
mod history;
mod init;
pub(crate) mod plan;
mod replay;
mod review;
mod sandbox;
mod serve;
mod setup;
mod sim;
mod sync;
mod undo;

use crate::failure::Failure;

#[derive(clap::Subcommand)]
#[expect(clippy::large_enum_variant, reason = "one value a process")]
pub(crate) enum Command {
    Init(init::Args),
    Connect(connect::Args),
    Setup(setup::Args),
    Doctor(doctor::Args),
    Plan(plan::Args),
    Apply(apply::Args),
    Sync(sync::Args),
    Undo(undo::Args),
    Explain(explain::Args),
    Review(review::Args),
    History(history::Args),
    Replay(replay::Args),
    Serve(serve::Args),
    Demo(demo::Args),
    Sandbox(sandbox::Args),
    Sim(sim::Args),
    Completions(completions::Args),
}

impl Command {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Init(args) => init::run(args),
            Self::Connect(args) => connect::run(args),
            Self::Setup(args) => setup::run(args),
            Self::Doctor(args) => doctor::run(args),
            Self::Plan(args) => plan::run(args),
            Self::Apply(args) => apply::run(args),
            Self::Sync(args) => sync::run(args),
            Self::Undo(args) => undo::run(args),
            Self::Explain(args) => explain::run(args),
            Self::Review(args) => review::run(args),
            Self::History(args) => history::run(args),
            Self::Replay(args) => replay::run(args),
            Self::Serve(args) => serve::run(args),
            Self::Demo(args) => demo::run(args),
            Self::Sandbox(args) => sandbox::run(args),
            Self::Sim(args) => sim::run(args),
            Self::Completions(args) => completions::run(args),
        }
    }
}
