//! The network of a simulated world: both sandboxes behind one transport, in one process.

mod meeting;

use crate::{
    clock::VirtualClock,
    coverage::Coverage,
    fault::{Fault, Meets, Met},
    power::{Point, Power, Then},
    side::Side,
};
use bytes::Bytes;
use jiff::Timestamp;
use meeting::{meets, object_of};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use syncline_kit::{
    BoxFuture, Clock, HttpRequest, HttpResponse, Transport, TransportError,
    sandbox::{Delivery, DeliveryId, Limits, Outcome, Sandbox, faults::FaultKind, seed::SeedFiles},
};

/// The engine's request timeout, which a silent vendor costs.
const TIMEOUT: Duration = Duration::from_secs(30);
/// What a request takes on the way.
const ROUND_TRIP: Duration = Duration::from_millis(120);

/// What people do in HubSpot that moves a record's stamp.
const STAMPS: [&str; 5] = ["create", "edit", "archive", "restore", "merge"];

/// A fault that waits for its request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Armed {
    pub(crate) side: Side,
    pub(crate) fault: Fault,
    pub(crate) meets: Meets,
    /// Requests that it lets pass.
    pub(crate) after: usize,
}

/// Both vendors and the way to them.
pub(crate) struct Net {
    salesforce: Mutex<salesforce::sandbox::Salesforce>,
    hubspot: Mutex<hubspot::sandbox::HubSpot>,
    clock: Arc<VirtualClock>,
    power: Arc<Power>,
    wire: Mutex<Wire>,
}

struct Wire {
    armed: Vec<Armed>,
    coverage: Coverage,
    trace: Sha256,
    told: Option<Vec<String>>,
    writes: BTreeMap<Side, u64>,
    salesforce_token: Option<String>,
    /// When records of each object of HubSpot last changed.
    changed: BTreeMap<String, Timestamp>,
    /// What a sandbox refused that it must take.
    refused: Option<String>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Net {
    pub(crate) fn new(clock: Arc<VirtualClock>, power: Arc<Power>, seed: u64) -> Self {
        let mut salesforce = salesforce::sandbox::Salesforce::new(Limits::Real, seed);
        let mut hubspot = hubspot::sandbox::HubSpot::new(Limits::Real, seed);
        salesforce.served_at(&Side::Salesforce.url());
        hubspot.served_at(&Side::HubSpot.url());
        Self {
            salesforce: Mutex::new(salesforce),
            hubspot: Mutex::new(hubspot),
            clock,
            power,
            wire: Mutex::new(Wire {
                armed: Vec::new(),
                coverage: Coverage::default(),
                trace: Sha256::new(),
                told: None,
                writes: BTreeMap::new(),
                salesforce_token: None,
                changed: BTreeMap::new(),
                refused: None,
            }),
        }
    }

    /// Keeps what happens in words, for a story.
    pub(crate) fn tell(&self) {
        lock(&self.wire).told = Some(Vec::new());
    }

    /// Whether somebody listens.
    pub(crate) fn is_told(&self) -> bool {
        lock(&self.wire).told.is_some()
    }

    /// A line of the event log: part of the trace, and of the story.
    pub(crate) fn note(&self, line: &str) {
        let mut wire = lock(&self.wire);
        wire.trace.update(line.as_bytes());
        wire.trace.update(b"\n");
        if let Some(told) = &mut wire.told {
            told.push(line.to_owned());
        }
    }

    /// What the event log has beside its lines, and no story tells: whole texts, each with its length.
    pub(crate) fn seal(&self, texts: &[&[u8]]) {
        let mut wire = lock(&self.wire);
        for text in texts {
            wire.trace.update((text.len() as u64).to_be_bytes());
            wire.trace.update(text);
        }
    }

    /// A line of the story only.
    pub(crate) fn tell_line(&self, line: String) {
        if let Some(told) = &mut lock(&self.wire).told {
            told.push(line);
        }
    }

    /// The rest of the story's last line: the event log goes without it.
    fn tell_on(&self, rest: &str) {
        if let Some(line) = lock(&self.wire).told.as_mut().and_then(|told| told.last_mut()) {
            line.push_str(rest);
        }
    }

    /// The story so far.
    pub(crate) fn take_told(&self) -> Vec<String> {
        lock(&self.wire).told.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// SHA-256 of the event log so far.
    pub(crate) fn trace(&self) -> [u8; 32] {
        lock(&self.wire).trace.clone().finalize().into()
    }

    /// Counts.
    pub(crate) fn cover(&self, count: impl FnOnce(&mut Coverage)) {
        count(&mut lock(&self.wire).coverage);
    }

    /// What was counted.
    pub(crate) fn coverage(&self) -> Coverage {
        lock(&self.wire).coverage.clone()
    }

    pub(crate) fn arm(&self, armed: Armed) {
        lock(&self.wire).armed.push(armed);
    }

    /// Ends all faults that have not met their request.
    pub(crate) fn disarm(&self) {
        lock(&self.wire).armed.clear();
    }

    pub(crate) fn credentials(&self, side: Side) -> Json {
        match side {
            Side::Salesforce => lock(&self.salesforce).credentials(),
            Side::HubSpot => lock(&self.hubspot).credentials(),
        }
    }

    pub(crate) fn seed(&self, side: Side, files: &[(&str, &str)]) -> Result<(), String> {
        let mut seed = SeedFiles::default();
        for (name, content) in files {
            seed.insert(name, content.as_bytes().to_vec());
        }
        let now = self.clock.now();
        match side {
            Side::Salesforce => lock(&self.salesforce).seed(&seed, now).map(drop),
            Side::HubSpot => lock(&self.hubspot).seed(&seed, now).map(drop),
        }
        .map_err(|error| format!("{error:?}"))
    }

    fn handle(&self, side: Side, request: &HttpRequest) -> Outcome {
        let now = self.clock.now();
        match side {
            Side::Salesforce => lock(&self.salesforce).handle(request, now),
            Side::HubSpot => lock(&self.hubspot).handle(request, now),
        }
    }

    /// Webhooks that are due.
    pub(crate) fn due_webhooks(&self) -> Vec<Delivery> {
        lock(&self.hubspot).due_webhooks(self.clock.now())
    }

    /// How a webhook ended.
    pub(crate) fn delivered(&self, id: DeliveryId, status: u16) {
        lock(&self.hubspot).delivered(id, Some(status), self.clock.now());
    }

    /// A control call; what the sandbox refuses is told as text.
    pub(crate) fn control<T: DeserializeOwned>(
        &self,
        side: Side,
        method: &str,
        path: &str,
        body: &Json,
    ) -> Result<T, String> {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}/__sandbox/{path}", side.url()))
            .body(if body.is_null() { Bytes::new() } else { body.to_string().into() })
            .map_err(|error| error.to_string())?;
        let answer = self.answered(side, &request)?;
        if (side, path) == (Side::HubSpot, "admin") && STAMPS.iter().any(|word| body["do"] == *word) {
            self.changes(body["object"].as_str().unwrap_or_default());
        }
        Ok(answer)
    }

    /// Records of this object of HubSpot change.
    fn changes(&self, object: &str) {
        let now = self.clock.now();
        lock(&self.wire).changed.insert(object.to_owned(), now);
    }

    /// What a sandbox holds, as lines of JSON after a head: everything, or of one object.
    pub(crate) fn dump(&self, side: Side, object: Option<&str>) -> Result<Bytes, String> {
        let query = object.map_or(String::new(), |object| format!("?object={object}"));
        let request = http::Request::get(format!("{}/__sandbox/dump{query}", side.url()))
            .header(http::header::ACCEPT, "application/x-ndjson")
            .body(Bytes::new())
            .map_err(|error| error.to_string())?;
        self.body(side, &request)
    }

    /// Puts what a sandbox holds into the event log.
    pub(crate) fn seal_dump(&self, side: Side) -> Result<(), String> {
        self.dump(side, None).map(|dump| self.seal(&[&dump]))
    }

    fn answered<T: DeserializeOwned>(&self, side: Side, request: &HttpRequest) -> Result<T, String> {
        let body = self.body(side, request)?;
        let body: &[u8] = if body.is_empty() { b"null" } else { &body };
        serde_json::from_slice(body).map_err(|error| error.to_string())
    }

    fn body(&self, side: Side, request: &HttpRequest) -> Result<Bytes, String> {
        match self.handle(side, request) {
            Outcome::Answer(answer) if answer.status().is_success() => Ok(answer.into_body()),
            Outcome::Answer(answer) => Err(String::from_utf8_lossy(answer.body()).into_owned()),
            Outcome::Truncated(..) | Outcome::Hang | Outcome::Reset => Err("no answer".to_owned()),
        }
    }

    /// Another program changes a record by the API, and the change becomes visible later than its stamp.
    pub(crate) fn late_edit(&self, side: Side, object: &str, id: &str, fields: &Json) -> Result<(), String> {
        let (path, body) = match side {
            Side::Salesforce => (format!("/services/data/v59.0/sobjects/{object}/{id}"), fields.clone()),
            Side::HubSpot => (format!("/crm/v3/objects/{object}/{id}"), json!({ "properties": fields })),
        };
        let token = self.foreign_token(side)?;
        let request = http::Request::builder()
            .method("PATCH")
            .uri(format!("{}{path}", side.url()))
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(body.to_string().into())
            .map_err(|error| error.to_string())?;
        self.rule(side, "PATCH", &path, Some(FaultKind::LateCommit));
        let before = self.rows(side);
        let answer = self.answered::<IgnoredAny>(side, &request).map(drop);
        self.rule(side, "PATCH", &path, None);
        // Who writes what is there already changes nothing, late or not.
        if answer.is_ok() && self.rows(side).written > before.written {
            self.changes(object);
            self.cover(|coverage| coverage.fault(Fault::LateCommit));
        }
        answer
    }

    fn foreign_token(&self, side: Side) -> Result<String, String> {
        let text = |json: &Json, name: &str| json[name].as_str().unwrap_or_default().to_owned();
        let credentials = self.credentials(side);
        if side == Side::HubSpot {
            return Ok(text(&credentials, "access_token"));
        }
        if let Some(token) = lock(&self.wire).salesforce_token.clone() {
            return Ok(token);
        }
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}",
            text(&credentials, "client_id"),
            text(&credentials, "client_secret")
        );
        let request = http::Request::post(format!("{}/services/oauth2/token", side.url()))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.into())
            .map_err(|error| error.to_string())?;
        let token = text(&self.answered::<Json>(side, &request)?, "access_token");
        lock(&self.wire).salesforce_token = Some(token.clone());
        Ok(token)
    }

    /// How many requests that may change something have reached a vendor.
    pub(crate) fn writes(&self, side: Side) -> u64 {
        lock(&self.wire).writes.get(&side).copied().unwrap_or_default()
    }

    fn carry(&self, side: Side, request: &HttpRequest) -> Result<HttpResponse, TransportError> {
        let kinds = meets(side, request);
        if kinds.contains(&Meets::Write) {
            *lock(&self.wire).writes.entry(side).or_default() += 1;
        }
        let path = request.uri().path().to_owned();
        let fault = self.fault_for(side, &kinds);
        let kind = fault.and_then(Fault::of_request);
        let before = kind.map(|_| {
            self.rule(side, request.method().as_str(), &path, kind);
            self.rows(side)
        });
        self.clock.pass(ROUND_TRIP);
        let outcome = self.handle(side, request);
        if let (Some(fault), Some(before)) = (fault, before) {
            self.rule(side, request.method().as_str(), &path, None);
            let rows = self.rows(side).since(before);
            let met = Met { outcome: &outcome, rows, unindexed: self.is_unindexed(&path) };
            if fault.befell(side, &met) {
                self.cover(|coverage| coverage.fault(fault));
            }
        }
        if let (Side::HubSpot, true, Some(object)) = (side, kinds.contains(&Meets::Write), object_of(&path))
            && !matches!(&outcome, Outcome::Answer(answer) if !answer.status().is_success())
        {
            self.changes(object);
        }
        let unknown = |why: &str| Err(TransportError::Unknown(why.to_owned()));
        let (status, result) = match outcome {
            Outcome::Answer(answer) => (answer.status().as_u16(), Ok(answer)),
            Outcome::Truncated(..) => (0, unknown("the answer was cut off")),
            Outcome::Reset => (0, unknown("connection reset")),
            Outcome::Hang => {
                self.clock.pass(TIMEOUT);
                (0, unknown("no answer in time"))
            }
        };
        let line = self.line(side, request, status, fault);
        self.note(&line);
        let query = request.uri().query().unwrap_or_default();
        let answer = result.as_ref().map_or(&[][..], |answer| answer.body());
        self.seal(&[query.as_bytes(), request.body(), answer]);
        if self.is_told() && meets(side, request).contains(&Meets::Write) {
            self.tell_on(&format!(" {}", String::from_utf8_lossy(request.body())));
        }
        result
    }

    fn line(&self, side: Side, request: &HttpRequest, status: u16, fault: Option<Fault>) -> String {
        let body = Sha256::digest(request.body());
        let fault = fault.map_or(String::new(), |fault| format!(" ({fault:?})"));
        format!(
            "{} {} {} {} -> {status}{fault} [{:02x}{:02x}{:02x}]",
            self.clock.now(),
            side.name(),
            request.method(),
            request.uri().path(),
            body[0],
            body[1],
            body[2],
        )
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl Transport for Net {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        Box::pin(async move {
            let Some(side) = request.uri().host().and_then(Side::of_host) else {
                return Err(TransportError::NotSent(format!("nobody is at {}", request.uri())));
            };
            let then = self.power.reach(Point::Request).await;
            let answer = self.carry(side, &request);
            match then {
                Then::Die => self.power.gone().await,
                Then::Hold => self.power.held().await,
                Then::GoOn => {}
            }
            answer
        })
    }
}
