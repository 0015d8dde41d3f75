//! A workspace at work: its connections open, and a sign of life on the terminal while vendors are read.

use crate::{
    failure::Failure,
    shell::{Place, say},
};
use std::{sync::Arc, time::Duration};
use syncline_engine::{Ctx, Outside, cycle, registry, undo};
use syncline_model::RunId;

/// An open workspace.
pub(crate) struct Work {
    /// What the engine works with.
    pub(crate) ctx: Ctx,
}

impl Work {
    /// Opens it: accounts are checked and schemas read where they are due.
    pub(crate) async fn open(place: &Place) -> Result<Self, Failure> {
        let workspace = Arc::new(place.open().await?);
        let ctx = Ctx::open(workspace, Outside::real()?, &registry::adapter).await?;
        Ok(Self { ctx })
    }

    /// Reads every vendor and says what the records are.
    pub(crate) async fn look(&mut self) -> Result<(), Failure> {
        let spinner = spinner("reading");
        let looked = cycle::look(&mut self.ctx).await;
        spinner.finish_and_clear();
        Ok(looked?)
    }

    /// The same, before this run is taken back.
    pub(crate) async fn look_for(&mut self, run: RunId) -> Result<(), Failure> {
        let spinner = spinner("reading");
        let looked = undo::look(&mut self.ctx, run).await;
        spinner.finish_and_clear();
        Ok(looked?)
    }
}

/// A sign of life; hidden where standard error is no terminal.
pub(crate) fn spinner(doing: &'static str) -> indicatif::ProgressBar {
    let spinner = indicatif::ProgressBar::new_spinner().with_message(doing);
    spinner.enable_steady_tick(Duration::from_millis(120));
    spinner
}

/// What the live schemas take exception to.
pub(crate) fn announce(ctx: &Ctx) -> Result<(), Failure> {
    for warning in ctx.warnings() {
        say(warning)?;
    }
    Ok(())
}
