//! `syncline demo`: shows what the program does, with no account anywhere.

use super::serve::{cannot_serve, stopped};
use crate::{
    demo::{Demo, Narrator},
    failure::{Exit, Failure},
    shell::{block_on, say_json},
};
use std::{net::SocketAddr, path::PathBuf, time::Duration};
use syncline_engine::Outside;
use syncline_model::error::Code;
use syncline_server::serve::{Gate, Options, Server};

/// How often the demo's server polls.
const POLL: Duration = Duration::from_secs(5);

/// See it at work on two sandboxes and a made-up company
///
/// Plans, applies, lets people edit both sides, syncs, explains a conflict, checks both systems, and then serves until
/// interrupted.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// End after the story instead of serving
    #[arg(long)]
    once: bool,
    /// Print one JSON document instead of the story
    #[arg(long, requires = "once")]
    json: bool,
    /// Where the workspace is made and kept; else it is temporary
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Where to serve; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    block_on(demo(args))
}

async fn demo(args: Args) -> Result<(), Failure> {
    let stop = stopped()?;
    tokio::pin!(stop);
    let temporary = tempfile::tempdir().map_err(Failure::no_system_resource)?;
    let dir = args.dir.clone().unwrap_or_else(|| temporary.path().join("demo"));
    let mut outside = Outside::real()?;
    let gate = Gate::new(outside.transport);
    outside.transport = gate.clone();
    let mut narrator = Narrator::new(args.json);
    let Demo { ctx, systems, told } = tokio::select! {
        biased;
        () = &mut stop => return Ok(()),
        demo = Demo::play(&dir, &outside, &mut narrator) => demo?,
    };
    if args.json {
        say_json(&told.json())?;
    }
    let broken = told.broken();
    if !broken.is_empty() {
        return Err(Failure::new(Exit::Error, Code(116), "the demo did not end as it should")
            .because(broken.join("\n"))
            .fix("report it with what the demo printed"));
    }
    if args.once {
        return Ok(());
    }
    let server =
        Server::bind(ctx, gate, Options { listen: args.listen, poll: POLL }).await.map_err(cannot_serve)?;
    narrator.step("Serving, until you press Ctrl-C")?;
    narrator.tell(systems.what_to_try(server.url(), &dir))?;
    server.run(stop).await.map_err(cannot_serve)?;
    systems.stop().await;
    Ok(())
}
