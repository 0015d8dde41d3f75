//! Serves a [`Sandbox`] on a loopback port.
//!
//! The machine stands behind one mutex and is asked with the wall clock; its [`Outcome`](syncline_kit::sandbox::Outcome)
//! is carried out on the connection that asked. Webhooks that fall due are delivered to loopback receivers. The control
//! contract and what a user sees: `docs/sandboxes.md`.

mod answer;
mod body;
mod connection;
mod cpu;
mod tls;
mod webhooks;

#[cfg(test)]
mod tests;

use jiff::Timestamp;
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use syncline_kit::sandbox::Sandbox;
use tokio::{
    net::TcpListener,
    sync::Notify,
    task::{JoinHandle, JoinSet},
};

/// Whether the port also speaks HTTPS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsChoice {
    /// HTTP only.
    Off,
    /// HTTP and HTTPS on the same port, with a certificate authority made at start.
    SelfSigned,
}

/// Why a sandbox could not be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A sandbox has no access control beyond the vendor's own; it must not be reachable from other machines.
    #[error("{0} is not a loopback address")]
    NotLoopback(SocketAddr),
    /// The port is taken or may not be used.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// No certificate could be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(String),
}

/// A sandbox that is being served, until [`stop`](SandboxServer::stop) or drop.
#[derive(Debug)]
pub struct SandboxServer {
    address: SocketAddr,
    url: String,
    vendor: &'static str,
    credentials: serde_json::Value,
    ca_pem: Option<String>,
    tasks: [JoinHandle<()>; 2],
}

/// What connections and the webhook pump share.
struct Shared {
    machine: Mutex<Box<dyn Sandbox>>,
    /// Rung after each request, because it may have made a webhook due.
    webhooks_may_be_due: Notify,
}

/// The machine panicked earlier; its state cannot be trusted any more.
struct Broken;

impl Shared {
    /// Asks the machine something, with the wall clock.
    fn with<T>(&self, ask: impl FnOnce(&mut dyn Sandbox, Timestamp) -> T) -> Result<T, Broken> {
        let mut machine = self.machine.lock().map_err(|_poisoned| Broken)?;
        Ok(ask(machine.as_mut(), Timestamp::now()))
    }
}

/// Listens on `listen` (port 0: any free one) and serves `sandbox` there. The machine is told its address before the
/// first request: `https://…` with [`TlsChoice::SelfSigned`], else `http://…`.
///
/// # Errors
/// An address that is not loopback is refused; a taken port and a failed certificate are reported.
pub async fn serve_sandbox(
    mut sandbox: Box<dyn Sandbox>,
    listen: SocketAddr,
    tls: TlsChoice,
) -> Result<SandboxServer, ServeError> {
    if !listen.ip().is_loopback() {
        return Err(ServeError::NotLoopback(listen));
    }
    let authority = match tls {
        TlsChoice::Off => None,
        TlsChoice::SelfSigned => Some(
            tls::Authority::new(listen.ip()).map_err(|error| ServeError::Certificate(error.to_string()))?,
        ),
    };
    let cannot_listen = |source| ServeError::Listen { address: listen, source };
    let listener = TcpListener::bind(listen).await.map_err(cannot_listen)?;
    let address = listener.local_addr().map_err(cannot_listen)?;
    let scheme = if authority.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{address}");
    sandbox.served_at(&url);

    let (vendor, credentials) = (sandbox.vendor(), sandbox.credentials());
    let shared = Arc::new(Shared { machine: Mutex::new(sandbox), webhooks_may_be_due: Notify::new() });
    let (ca_pem, acceptor) = authority.map(tls::Authority::into_parts).unzip();
    let tasks = [
        tokio::spawn(accept(listener, acceptor, Arc::clone(&shared))),
        tokio::spawn(webhooks::deliver_when_due(shared)),
    ];
    Ok(SandboxServer { address, url, vendor, credentials, ca_pem, tasks })
}

async fn accept(listener: TcpListener, tls: Option<tokio_rustls::TlsAcceptor>, shared: Arc<Shared>) {
    // Owned here, so that ending this task ends every connection.
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _peer)) => {
                connections.spawn(connection::serve(stream, tls.clone(), Arc::clone(&shared)));
            }
            Err(error) => {
                // Out of file descriptors, mostly: connections that end make room.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

impl SandboxServer {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its base address, without a final slash.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The vendor whose API it speaks.
    pub fn vendor(&self) -> &'static str {
        self.vendor
    }

    /// What `connect` takes.
    pub fn credentials(&self) -> &serde_json::Value {
        &self.credentials
    }

    /// The certificate authority to trust, as PEM, when HTTPS is spoken.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// Closes the port and every connection, and waits until that is done.
    pub async fn stop(mut self) {
        for task in &mut self.tasks {
            task.abort();
            // An error here says that the task was aborted, which is what was asked for.
            let _aborted = task.await;
        }
    }
}

impl Drop for SandboxServer {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}
