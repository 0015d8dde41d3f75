//! What every command about a workspace shares: its directory, the async runtime, tables and JSON on standard output.

use crate::failure::{Exit, Failure};
use comfy_table::{ContentArrangement, Table, presets};
use std::{
    future::Future,
    io::{self, Write},
    path::PathBuf,
};
use syncline_engine::{Workspace, workspace::Environment};
use syncline_model::error::Code;

/// The workspace that a command works on.
#[derive(clap::Args)]
pub(crate) struct Place {
    /// The workspace's directory
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) dir: PathBuf,
}

impl Place {
    /// Opens it.
    pub(crate) async fn open(&self) -> Result<Workspace, Failure> {
        Ok(Workspace::open(&self.dir, &Environment::of_process()).await?)
    }
}

/// Runs a command's asynchronous part.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Failure::new(Exit::Error, Code(2), "the system refused a thread").because(error))?;
    runtime.block_on(work)
}

/// Writes lines to standard output.
pub(crate) fn say(text: impl std::fmt::Display) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(|error| Failure::output(&error))
}

/// Writes one JSON document on a line of its own.
pub(crate) fn say_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(|error| Failure::output(&error.into()))?;
    say(text)
}

/// An empty table with these headings.
pub(crate) fn table(headings: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(headings);
    table
}

/// Who answers: the name given, else the user of this machine.
pub(crate) fn who(given: Option<String>) -> std::sync::Arc<str> {
    given.or_else(|| std::env::var("USER").ok()).unwrap_or_else(|| "unknown".to_owned()).into()
}
