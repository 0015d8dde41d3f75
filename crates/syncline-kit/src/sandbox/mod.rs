//! The frame of a sandbox: a pure state machine `handle(request, now) -> outcome` that speaks a vendor's HTTP API.
//!
//! Behind a listener it is the local server of `syncline sandbox VENDOR`; called in process it is the remote end of
//! tests and of the simulation. It never looks at a clock, a file or a socket. Its control contract
//! (`/__sandbox/...`, see `docs/sandboxes.md`) is shared: [`control`] parses it, [`meter`] counts calls,
//! [`faults`] decides which call goes wrong and how.

pub mod control;
pub mod faults;
pub mod meter;
pub mod seed;

use crate::{HttpRequest, HttpResponse};
use jiff::Timestamp;

/// A vendor's API as a state machine.
pub trait Sandbox: Send {
    /// The vendor's name as configuration spells it (`salesforce`, `hubspot`).
    fn vendor(&self) -> &'static str;

    /// What `syncline sandbox` prints as `credentials`; `connect` takes it as it is.
    fn credentials(&self) -> serde_json::Value;

    /// Told once by the listener, before the first request: the address under which this sandbox is reached
    /// (`http://127.0.0.1:8080`), for answers that carry absolute addresses.
    fn served_at(&mut self, base_url: &str);

    /// Answers one request of the vendor's API or of the control contract. `now` is the wall clock; the sandbox adds
    /// the offset that `POST /__sandbox/clock` set.
    fn handle(&mut self, request: &HttpRequest, now: Timestamp) -> Outcome;

    /// Webhook deliveries that are due. Each is handed out once; [`Sandbox::delivered`] reports how it went.
    fn due_webhooks(&mut self, now: Timestamp) -> Vec<Delivery>;

    /// How a delivery ended: the receiver's status, or `None` when no answer came within the vendor's limit.
    fn delivered(&mut self, id: DeliveryId, status: Option<u16>, now: Timestamp);

    /// Loads seed files. Rows pass the same validation as API writes; the first bad row stops the load.
    fn seed(&mut self, files: &seed::SeedFiles, now: Timestamp) -> Result<seed::Loaded, seed::SeedError>;
}

/// What happens to the connection that carried a request.
#[derive(Debug)]
pub enum Outcome {
    /// The answer, whole.
    Answer(HttpResponse),
    /// The answer's head and only the first bytes of its body, then the connection closes.
    Truncated(HttpResponse, usize),
    /// No answer at all: the connection stays open and silent.
    Hang,
    /// The connection is closed without an answer.
    Reset,
}

/// Names one webhook delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(pub u64);

/// A webhook call that a vendor makes.
#[derive(Debug)]
pub struct Delivery {
    /// To report its end by.
    pub id: DeliveryId,
    /// The call, with an absolute address.
    pub request: HttpRequest,
}

/// Whether a sandbox enforces the vendor's rate limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limits {
    /// As the vendor does: a call over a limit is refused and counted as a violation.
    Real,
    /// Never refused; what would have been over a limit is not counted either.
    Off,
}
