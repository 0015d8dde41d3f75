//! `syncline serve`: keeps the systems in agreement until it is stopped.

use crate::{
    failure::{Exit, Failure},
    shell::{Place, block_on, say},
    work::announce,
};
use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};
use syncline_engine::{Ctx, Error, Outside, registry};
use syncline_kit::vendor::VendorError;
use syncline_model::error::Code;
use syncline_server::serve::{Gate, Options, ServeError, Server};
use tokio::signal::unix::{SignalKind, signal};

/// How long the next attempt to begin waits at most, while a vendor does not answer.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// Keep the systems in agreement: poll, take webhooks, answer /healthz and /metrics
///
/// Writes nothing until a first plan was applied. Ends in good order on SIGTERM and SIGINT.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    place: Place,
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8484")]
    listen: SocketAddr,
    /// How often the vendors are asked for changes, e.g. 5s, 2m, 1h; else as the configuration says
    #[arg(long, value_name = "TIME", value_parser = duration)]
    poll: Option<Duration>,
}

fn duration(text: &str) -> Result<Duration, String> {
    let span: jiff::SignedDuration = text.parse().map_err(|_| "a time such as 5s, 2m or 1h".to_owned())?;
    Duration::try_from(span)
        .ok()
        .filter(|time| *time >= Duration::from_secs(1))
        .ok_or_else(|| "at least 1s".to_owned())
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    block_on(serve(args))
}

async fn serve(args: Args) -> Result<(), Failure> {
    // Before anything is sent: whoever started us may stop us at once.
    let stop = stopped()?;
    tokio::pin!(stop);
    if !args.listen.ip().is_loopback() {
        tracing::warn!(
            "{} can be reached from other machines: put a proxy with TLS in front, and let only /webhooks through",
            args.listen
        );
    }
    let mut outside = Outside::real()?;
    let gate = Gate::new(outside.transport);
    outside.transport = gate.clone();
    let workspace = Arc::new(args.place.open().await?);
    let configured = Duration::try_from(workspace.config.poll).unwrap_or(Duration::from_mins(1));
    let options = Options { listen: args.listen, poll: args.poll.unwrap_or(configured) };
    let ctx = tokio::select! {
        biased;
        () = &mut stop => return Ok(()),
        ctx = open(workspace, &outside) => ctx?,
    };
    announce(&ctx)?;
    let server = Server::bind(ctx, gate, options).await.map_err(cannot_serve)?;
    server.notes().iter().try_for_each(say)?;
    say(format!("ready: {}/healthz, polling every {:?}", server.url(), options.poll))?;
    server.run(stop).await.map_err(cannot_serve)
}

/// Opens the connections; waits for vendors that do not answer just now.
async fn open(workspace: Arc<syncline_engine::Workspace>, outside: &Outside) -> Result<Ctx, Error> {
    let mut wait = Duration::from_secs(1);
    loop {
        match Ctx::open(workspace.clone(), outside.clone(), &registry::adapter).await {
            Err(
                error @ Error::Vendor {
                    error: VendorError::Unavailable(_) | VendorError::Limit { .. }, ..
                },
            ) => {
                tracing::warn!(%error, "trying again in {} s", wait.as_secs());
                outside.clock.sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
            other => return other,
        }
    }
}

/// Ends when the process is told to.
pub(crate) fn stopped() -> Result<impl Future<Output = ()>, Failure> {
    let listen = |kind| signal(kind).map_err(Failure::no_system_resource);
    let (mut interrupted, mut terminated) =
        (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            biased;
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
    })
}

/// As the user sees it.
pub(crate) fn cannot_serve(error: ServeError) -> Failure {
    match error {
        ServeError::Listen { address, source } => Failure::cannot_listen(address, source),
        ServeError::Worker(why) => {
            Failure::new(Exit::Error, Code(109), "serving ended by a fault of this program").because(why)
        }
    }
}
