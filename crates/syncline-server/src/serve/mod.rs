//! `syncline serve`: one process that keeps a workspace's systems in agreement. It polls, receives webhooks, and tells
//! how it is doing. One task owns the engine; HTTP requests only leave notes for it and never wait.

mod gate;
mod hints;
mod metrics;
mod routes;
mod status;
mod worker;

pub use gate::Gate;

use hints::Hints;
use status::Status;
use std::{
    collections::BTreeMap,
    future::Future,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use syncline_engine::Ctx;
use syncline_kit::{
    Clock,
    vendor::{Vendor, VendorError},
};
use syncline_model::ConnectionName;
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinError, JoinHandle},
};
use worker::Worker;

/// After the stop, how often is looked whether work has ended,
const LOOK: Duration = Duration::from_millis(250);
/// how many looks a call under way may take: longer than the longest call,
const LOOKS: u32 = 160;
/// and after how many looks without any call what is left is only waiting.
const QUIET_LOOKS: u32 = 8;

/// How to serve.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How often the vendors are asked for changes.
    pub poll: Duration,
}

/// Why serving did not begin, or ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The port is taken or may not be used.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The task that owns the engine ended by a fault of this program.
    #[error("the worker failed: {0}")]
    Worker(String),
}

/// What requests and the worker share.
struct Shared {
    clock: Arc<dyn Clock>,
    /// The address under which vendors reach this server, without a final slash.
    public_url: String,
    vendors: BTreeMap<ConnectionName, Arc<dyn Vendor>>,
    hints: Hints,
    status: Mutex<Status>,
}

impl Shared {
    fn status(&self) -> MutexGuard<'_, Status> {
        // Only plain numbers and texts stand in it; none can be half written in a way that matters.
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn webhook_url(&self, connection: &ConnectionName) -> String {
        format!("{}/webhooks/{connection}", self.public_url)
    }
}

/// A server that listens; [`Server::run`] makes it answer and work.
pub struct Server {
    listener: TcpListener,
    url: String,
    notes: Vec<String>,
    gate: Arc<Gate>,
    shared: Arc<Shared>,
    worker: Worker,
}

impl Server {
    /// Listens, and asks every vendor to send its webhooks here. `gate` is the transport that `ctx` was opened with.
    ///
    /// # Errors
    /// [`ServeError::Listen`]. A vendor that cannot be asked now is asked again with the first polls.
    pub async fn bind(ctx: Ctx, gate: Arc<Gate>, options: Options) -> Result<Self, ServeError> {
        let cannot_listen = |source| ServeError::Listen { address: options.listen, source };
        let listener = TcpListener::bind(options.listen).await.map_err(cannot_listen)?;
        let url = format!("http://{}", listener.local_addr().map_err(cannot_listen)?);
        let public_url = ctx.workspace.config.public_url.as_deref().unwrap_or(&url);
        let vendors = ctx.connections.iter().map(|(name, one)| (name.clone(), one.vendor.clone())).collect();
        let shared = Arc::new(Shared {
            clock: ctx.outside.clock.clone(),
            public_url: public_url.trim_end_matches('/').to_owned(),
            vendors,
            hints: Hints::default(),
            status: Mutex::default(),
        });
        let (notes, unregistered) = register(&shared, shared.vendors.keys()).await;
        let worker = Worker::new(ctx, shared.clone(), options.poll, unregistered);
        Ok(Self { listener, url, notes, gate, shared, worker })
    }

    /// Where it listens: `http://address:port`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What a person has to set at the vendors, or should know of them, one text a vendor.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Answers and works until `stop`; then the call under way is finished, and none is begun.
    ///
    /// # Errors
    /// [`ServeError::Worker`].
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), ServeError> {
        let Self { listener, gate, shared, worker, .. } = self;
        let (stopping, stopped) = watch::channel(false);
        let mut end = stopped.clone();
        let router = routes::router(shared.clone());
        let http = tokio::spawn(async move {
            let ended = async move { drop(end.wait_for(|stop| *stop).await) };
            axum::serve(listener, router).with_graceful_shutdown(ended).await
        });
        let mut worker = tokio::spawn(worker.run(stopped));
        let failed = |error: JoinError| ServeError::Worker(error.to_string());
        tokio::select! {
            biased;
            () = stop => {}
            ended = &mut worker => {
                http.abort();
                return ended.map_err(failed);
            }
        }
        gate.close();
        stopping.send_replace(true);
        let result = finish(worker, &gate, &shared).await.map_err(failed);
        http.abort();
        result
    }
}

/// Waits for the call under way, and for what its answer leads to. What would then only wait is given up: nothing of it was
/// sent, and what was sent is journalled.
async fn finish(mut worker: JoinHandle<()>, gate: &Gate, shared: &Shared) -> Result<(), JoinError> {
    let mut quiet = 0;
    for _ in 0..LOOKS {
        tokio::select! {
            biased;
            ended = &mut worker => return ended,
            () = shared.clock.sleep(LOOK) => {}
        }
        quiet = if gate.is_idle() { quiet + 1 } else { 0 };
        if quiet >= QUIET_LOOKS {
            break;
        }
    }
    worker.abort();
    Ok(())
}

/// Asks vendors to send webhooks here. Returns what to tell a person, and whom to ask again.
async fn register(
    shared: &Shared,
    names: impl Iterator<Item = &ConnectionName>,
) -> (Vec<String>, Vec<ConnectionName>) {
    let (mut notes, mut again) = (Vec::new(), Vec::new());
    for name in names {
        let Some(vendor) = shared.vendors.get(name) else { continue };
        match vendor.register_webhooks(&shared.webhook_url(name)).await {
            Ok(None) => tracing::info!(connection = %name, "webhooks are set"),
            Ok(Some(text)) => notes.push(format!("{name}: {text}")),
            Err(error) => {
                tracing::warn!(connection = %name, %error, "webhooks cannot be set; changes there are found by polling");
                if matches!(error, VendorError::Limit { .. } | VendorError::Unavailable(_)) {
                    again.push(name.clone());
                }
            }
        }
    }
    (notes, again)
}
