//! `syncline setup CONNECTION`: what a vendor account needs for planted keys.

use crate::{
    failure::{Exit, Failure},
    shell::{Place, block_on, say, say_json, table},
};
use std::{fs, path::PathBuf};
use syncline_engine::{Error, Outside, connections::Connection, registry, setup};
use syncline_kit::vendor::SetupStep;
use syncline_model::{ConnectionName, error::Code};
use syncline_store::Batch;

/// Prepare a vendor account for planted keys, which make creates safe to repeat
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("how").required(true))]
pub(crate) struct Args {
    /// The connection
    connection: String,
    #[command(flatten)]
    place: Place,
    /// Say what is missing; changes nothing at the vendor
    #[arg(long, group = "how")]
    plan: bool,
    /// Do what can be done through the API
    #[arg(long, group = "how")]
    apply: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Where files for an administrator are written
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    block_on(prepare(args))
}

async fn prepare(args: Args) -> Result<(), Failure> {
    let workspace = args.place.open().await?;
    let name: ConnectionName = args.connection.as_str().into();
    if !workspace.config.connections.contains_key(&name) {
        return Err(Error::UnknownConnection { connection: name }.into());
    }
    let outside = Outside::real()?;
    let store = &*workspace.store;
    let connection = Connection::open(&name, &workspace, &outside, &registry::adapter).await?;
    let mut batch = Batch::at(outside.clock.now());
    let configured = workspace.config.connections.get(&name).and_then(|entry| entry.account.as_deref());
    connection.account(store, configured, &mut batch).await?;
    let objects = setup::planted_objects(&workspace.config, &name);
    let steps = if args.apply {
        setup::apply(&connection, &objects, store, Batch::at(outside.clock.now())).await
    } else {
        setup::plan(&connection, &objects).await
    };
    connection.keep_credentials(workspace.key()?, &outside, &mut batch)?;
    store.commit(batch).await.map_err(Error::from)?;
    let steps = steps?;

    let out = args.out.unwrap_or_else(|| args.place.dir.join("setup").join(name.as_str()));
    let files = write_files(&steps, &out)?;
    if args.json { show_json(&steps, &files) } else { show(&steps, &files, &name) }
}

/// Writes what an administrator has to install by hand.
fn write_files(steps: &[SetupStep], out: &std::path::Path) -> Result<Vec<PathBuf>, Failure> {
    let mut written = Vec::new();
    let missing = steps.iter().filter(|step| !step.done);
    for (file, text) in missing.flat_map(|step| &step.by_hand) {
        let path = out.join(file);
        let write = || {
            fs::create_dir_all(path.parent().unwrap_or(out))?;
            fs::write(&path, text)
        };
        write().map_err(|error| {
            Failure::new(Exit::Error, Code(113), "a file for the administrator cannot be written")
                .at(path.display())
                .because(error)
        })?;
        if !written.contains(&path) {
            written.push(path);
        }
    }
    Ok(written)
}

fn show_json(steps: &[SetupStep], files: &[PathBuf]) -> Result<(), Failure> {
    let step = |step: &SetupStep| {
        serde_json::json!({"object": step.object, "field": step.field, "what": step.what, "done": step.done,
            "by_hand": !step.by_hand.is_empty()})
    };
    let steps: Vec<_> = steps.iter().map(step).collect();
    say_json(&serde_json::json!({"steps": steps, "files": files}))
}

fn show(steps: &[SetupStep], files: &[PathBuf], name: &ConnectionName) -> Result<(), Failure> {
    if steps.is_empty() {
        return say(format!("{name} has no objects with planted keys: there is nothing to prepare"));
    }
    let mut rows = table(&["", "object", "field", "what"]);
    for step in steps {
        let state = match (step.done, step.by_hand.is_empty()) {
            (true, _) => "done",
            (false, true) => "missing",
            (false, false) => "by hand",
        };
        rows.add_row([state, step.object.as_str(), step.field.as_str(), &step.what]);
    }
    say(rows)?;
    if !files.is_empty() {
        say("\nFor an administrator to install, then run this again:")?;
    }
    files.iter().try_for_each(|file| say(format!("  {}", file.display())))
}
