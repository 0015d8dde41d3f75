//! The seam through which every vendor call leaves. Production puts an HTTP client behind it, tests and the simulation
//! a sandbox called in process; budgets, retries and tracing are layers over the same trait.

use bytes::Bytes;
use std::{future::Future, pin::Pin};

/// A request as plain data.
pub type HttpRequest = http::Request<Bytes>;
/// A response as plain data, body included.
pub type HttpResponse = http::Response<Bytes>;
/// A boxed future; one allocation per call is nothing beside a network round trip.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// In a request's extensions: a transport that takes a while to send lets no byte of the body leave after this. Whoever sets
/// it may not be sure to be alone any more by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaveBy(pub jiff::Timestamp);

/// Sends one request and returns the vendor's answer.
pub trait Transport: Send + Sync {
    /// Sends `request`. An HTTP error status is an answer, not an error.
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>>;
}

/// Why no usable answer came back. The difference decides whether a write may be repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// No byte of the request left this machine (name lookup, connect refused): the vendor did nothing.
    #[error("not sent: {0}")]
    NotSent(String),
    /// The request may have been carried out (timeout, reset, truncated answer).
    #[error("outcome unknown: {0}")]
    Unknown(String),
}
