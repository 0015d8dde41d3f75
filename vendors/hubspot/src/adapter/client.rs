//! One HTTP call with everything around it: token, pacing, retries, and the difference between "nothing happened" and
//! "nobody knows".

use super::{
    Options,
    credentials::Credentials,
    fault::Fault,
    lock,
    pace::{Lane, Pace},
};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, de::DeserializeOwned, de::IgnoredAny};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use syncline_kit::{
    Clock, HttpRequest, HttpResponse, Transport, TransportError,
    memo::Memo,
    offset::OffsetEstimate,
    vendor::{ClockOffset, VendorError},
};
use syncline_model::defect::{Defect, planted};

const ATTEMPTS: u32 = 5;
const BACKOFF: Duration = Duration::from_millis(500);
/// 423: the documentation asks for at least two seconds [d25 error-handling].
const LOCKED: Duration = Duration::from_secs(2);

/// Definitions that are whole JSON.
static WHOLE: Memo<()> = Memo::new(32);

/// An answer that holds nothing.
const NOTHING: &[u8] = br#"{"total":0,"results":[]}"#;

/// Whether a call may change something; decides what a lost answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Repeating it is free.
    Read,
    /// A lost answer leaves its outcome unknown.
    Write,
}

/// A call as this client makes it.
pub(super) struct Call {
    pub(super) method: Method,
    /// Path and query.
    pub(super) path: String,
    pub(super) body: Option<Bytes>,
    pub(super) form: bool,
    pub(super) lane: Lane,
    pub(super) effect: Effect,
    /// Signed by the developer key in the query instead of a token.
    pub(super) keyed: bool,
}

impl Call {
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            body: None,
            form: false,
            lane: Lane::General,
            effect: Effect::Read,
            keyed: false,
        }
    }

    pub(super) fn post(path: impl Into<String>, body: &impl Serialize, effect: Effect) -> Self {
        let mut call = Self::get(path);
        call.method = Method::POST;
        call.body = Some(Bytes::from(serde_json::to_vec(body).unwrap_or_default()));
        call.effect = effect;
        call
    }

    #[must_use]
    pub(super) fn lane(mut self, lane: Lane) -> Self {
        self.lane = lane;
        self
    }
}

/// An answer of the vendor, 2xx or a refusal of this call.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Bytes,
}

impl Answer {
    /// Nothing, as an answer.
    pub(super) fn none() -> Self {
        Self { status: 200, body: Bytes::from_static(NOTHING) }
    }

    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub(super) fn fault(&self) -> Fault {
        Fault::of_body(self.status, &self.body)
    }

    /// Reads a 2xx body.
    pub(super) fn parse<T: DeserializeOwned>(&self) -> Result<T, VendorError> {
        // Looked through as text once, not string by string.
        let text =
            std::str::from_utf8(&self.body).map_err(|error| VendorError::Protocol(error.to_string()))?;
        serde_json::from_str(text).map_err(|error| VendorError::Protocol(error.to_string()))
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nothing was written.
    Nothing(VendorError),
    /// Rows are locked: nothing was written, later it may be.
    Locked(String),
    /// The call may have been carried out.
    Unknown(String),
}

impl From<Failure> for VendorError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Nothing(error) => error,
            Failure::Locked(why) | Failure::Unknown(why) => Self::Unavailable(why),
        }
    }
}

/// The client of one connection.
pub(super) struct Client {
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    base: String,
    session: Mutex<Session>,
    refreshing: tokio::sync::Mutex<()>,
    pace: Mutex<Pace>,
    /// The vendor's clock minus ours, from the last `Date`.
    offset: Mutex<SignedDuration>,
    /// The same as well as it can be known, for comparing with other clocks.
    estimate: Mutex<OffsetEstimate>,
}

struct Session {
    credentials: Credentials,
    /// Counts refreshes, so that of many calls refused at once one refreshes and the others take its token.
    generation: u64,
    changed: bool,
}

enum Verdict {
    Answer(Answer),
    TokenRefused(String),
    /// Nothing was done; try again after this.
    Wait {
        at_least: Duration,
        policy: String,
        then: Failure,
    },
    Final(Failure),
}

impl Client {
    pub(super) fn new(
        credentials: Credentials,
        options: &Options,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            transport,
            clock,
            base: credentials.base_url(),
            session: Mutex::new(Session { credentials, generation: 0, changed: false }),
            refreshing: tokio::sync::Mutex::new(()),
            pace: Mutex::new(Pace::new(options)),
            offset: Mutex::new(SignedDuration::ZERO),
            estimate: Mutex::default(),
        }
    }

    /// The vendor's time as far as known: right after an answer, the answer's own `Date`.
    pub(super) fn vendor_now(&self) -> Timestamp {
        let now = self.clock.now();
        now.checked_add(*lock(&self.offset)).unwrap_or(now)
    }

    /// How far the vendor's clock is ahead of ours.
    pub(super) fn clock_offset(&self) -> Option<ClockOffset> {
        lock(&self.estimate).get()
    }

    /// What the next process has to keep to.
    pub(super) fn pace(&self) -> Option<serde_json::Value> {
        lock(&self.pace).state(self.clock.now())
    }

    /// What an earlier process sent.
    pub(super) fn resume_pace(&self, state: &serde_json::Value) {
        lock(&self.pace).resume(state, self.clock.now());
    }

    /// A member of the credentials.
    pub(super) fn credential(&self, name: &str) -> Option<String> {
        lock(&self.session).credentials.text(name)
    }

    /// The credentials, if a refresh changed them since the last time asked.
    pub(super) fn changed_credentials(&self) -> Option<serde_json::Value> {
        let mut session = lock(&self.session);
        std::mem::take(&mut session.changed).then(|| session.credentials.to_json())
    }

    /// Reads JSON; anything but a 2xx is an error.
    pub(super) async fn fetch<T: DeserializeOwned>(&self, call: Call) -> Result<T, VendorError> {
        let answer = self.send(call).await?;
        if answer.is_success() { answer.parse() } else { Err(answer.fault().into_error()) }
    }

    /// Makes a call; waits for its turn, for limits, locks and (reads) for a vendor that stumbles.
    pub(super) async fn send(&self, call: Call) -> Result<Answer, Failure> {
        let mut attempt = 0;
        let mut refreshed = false;
        loop {
            let (token, generation) = self.token(&call).await.map_err(Failure::Nothing)?;
            self.take_turn(call.lane).await;
            let request = self.request(&call, &token).map_err(Failure::Nothing)?;
            let sent = self.clock.now();
            let outcome = self.transport.send(request).await;
            lock(&self.pace).answered(call.lane, self.clock.now());
            match self.judge(&call, outcome, sent) {
                Verdict::Answer(answer) => return Ok(answer),
                Verdict::Final(failure) => return Err(failure),
                Verdict::TokenRefused(why) => {
                    if refreshed
                        || call.form
                        || call.keyed
                        || !self.refresh(generation).await.map_err(Failure::Nothing)?
                    {
                        return Err(Failure::Nothing(VendorError::Credentials(why)));
                    }
                    refreshed = true;
                }
                Verdict::Wait { at_least, policy, then } => {
                    attempt += 1;
                    if attempt > ATTEMPTS || policy == "DAILY" {
                        return Err(then);
                    }
                    self.hold(&call, at_least.max(BACKOFF * 2_u32.pow(attempt - 1)), !policy.is_empty())
                        .await;
                }
            }
        }
    }

    async fn take_turn(&self, lane: Lane) {
        let wait = lock(&self.pace).reserve(lane, self.clock.now());
        if !wait.is_zero() && !planted(Defect::NoPace) {
            self.clock.sleep(wait).await;
        }
    }

    async fn hold(&self, call: &Call, wait: Duration, whole_lane: bool) {
        if planted(Defect::NoPace) {
            return;
        }
        if whole_lane && let Ok(until) = self.clock.now().checked_add(wait) {
            lock(&self.pace).pause(call.lane, until);
            return;
        }
        self.clock.sleep(wait).await;
    }

    fn request(&self, call: &Call, token: &str) -> Result<HttpRequest, VendorError> {
        let mut request = http::Request::builder()
            .method(call.method.clone())
            .uri(format!("{}{}", self.base, call.path))
            .header(header::ACCEPT, "application/json");
        if !call.keyed && !token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if call.body.is_some() {
            let kind = if call.form { "application/x-www-form-urlencoded" } else { "application/json" };
            request = request.header(header::CONTENT_TYPE, kind);
        }
        request
            .body(call.body.clone().unwrap_or_default())
            .map_err(|error| VendorError::Protocol(format!("the request could not be built: {error}")))
    }

    fn judge(&self, call: &Call, outcome: Result<HttpResponse, TransportError>, sent: Timestamp) -> Verdict {
        let response = match outcome {
            Ok(response) => response,
            Err(TransportError::NotSent(why)) => {
                return wait(BACKOFF, "", Failure::Nothing(VendorError::Unavailable(why)));
            }
            Err(TransportError::Unknown(_))
                if planted(Defect::EmptyIncrement) && call.effect == Effect::Read =>
            {
                return Verdict::Answer(Answer { status: 200, body: Bytes::from_static(NOTHING) });
            }
            Err(TransportError::Unknown(why)) => return lost(call, why, BACKOFF),
        };
        self.note_headers(call.lane, response.headers(), sent);
        let status = response.status();
        let (parts, body) = response.into_parts();
        let fault = || Fault::of_body(status.as_u16(), &body);
        let told = retry_after(&parts.headers);
        match status.as_u16() {
            _ if planted(Defect::EmptyIncrement)
                && call.effect == Effect::Read
                && !is_json(status, &body) =>
            {
                Verdict::Answer(Answer { status: 200, body: Bytes::from_static(NOTHING) })
            }
            401 => Verdict::TokenRefused(fault().message()),
            // 530: the edge's answer to an odd token [gh airbyte BEHAVIOR.md].
            530 => Verdict::TokenRefused("the token is malformed".to_owned()),
            429 => too_many(&fault(), told),
            423 => wait(LOCKED.max(told.unwrap_or_default()), "", Failure::Locked(fault().message())),
            477 if call.effect == Effect::Read => Verdict::Final(Failure::Nothing(VendorError::Limit {
                limit: "the account is being moved between data centres".to_owned(),
                retry_after: told,
            })),
            477 => {
                Verdict::Final(Failure::Unknown("the account is being moved between data centres".to_owned()))
            }
            500.. => lost(
                call,
                format!("HTTP status {status}"),
                BACKOFF.max(told.unwrap_or_default().min(LOCKED * 30)),
            ),
            _ if status.is_success() && !is_whole(call, status, &body) => {
                lost(call, "the answer ends early or is no JSON".to_owned(), BACKOFF)
            }
            code => Verdict::Answer(Answer { status: code, body }),
        }
    }

    fn note_headers(&self, lane: Lane, headers: &HeaderMap, sent: Timestamp) {
        let now = self.clock.now();
        if let Some(date) = text(headers, "date").and_then(|date| jiff::fmt::rfc2822::parse(date).ok()) {
            *lock(&self.offset) = date.timestamp().duration_since(now);
            lock(&self.estimate).note(sent, now, date.timestamp());
        }
        let number = |name| text(headers, name)?.parse::<usize>().ok();
        if lane == Lane::General
            && let (Some(max), Some(remaining)) =
                (number("x-hubspot-ratelimit-max"), number("x-hubspot-ratelimit-remaining"))
        {
            lock(&self.pace).learn(max, remaining.min(max), now);
        }
    }

    /// The token in force; the first one of a connection that has none yet is fetched.
    async fn token(&self, call: &Call) -> Result<(String, u64), VendorError> {
        if call.keyed || call.form {
            return Ok((String::new(), 0));
        }
        loop {
            let generation = {
                let session = lock(&self.session);
                if let Some(token) = session.credentials.text("access_token") {
                    return Ok((token, session.generation));
                }
                session.generation
            };
            if !self.refresh(generation).await? {
                return Err(VendorError::Credentials("there is no access token".to_owned()));
            }
        }
    }

    /// Fetches a new access token, unless another call did since `seen`. `false`: there is nothing to refresh with.
    async fn refresh(&self, seen: u64) -> Result<bool, VendorError> {
        let _one = self.refreshing.lock().await;
        let body = {
            let session = lock(&self.session);
            if session.generation != seen {
                return Ok(true);
            }
            if !session.credentials.can_refresh() {
                return Ok(false);
            }
            let member = |name| session.credentials.text(name).unwrap_or_default();
            form_urlencoded::Serializer::new(String::new())
                .append_pair("grant_type", "refresh_token")
                .append_pair("client_id", &member("client_id"))
                .append_pair("client_secret", &member("client_secret"))
                .append_pair("refresh_token", &member("refresh_token"))
                .finish()
        };
        let answer = Box::pin(self.send(Call {
            method: Method::POST,
            body: Some(Bytes::from(body)),
            form: true,
            ..Call::get("/oauth/v1/token")
        }))
        .await?;
        if !answer.is_success() {
            return Err(VendorError::Credentials(answer.fault().message()));
        }
        let grant: Grant = answer.parse()?;
        let mut session = lock(&self.session);
        session.credentials.renew(&grant.access_token, grant.refresh_token.as_deref());
        session.generation += 1;
        session.changed = true;
        Ok(true)
    }
}

#[derive(serde::Deserialize)]
struct Grant {
    access_token: String,
    refresh_token: Option<String>,
}

fn wait(at_least: Duration, policy: &str, then: Failure) -> Verdict {
    Verdict::Wait { at_least, policy: policy.to_owned(), then }
}

/// The answer is lost: a read is repeated, a write's outcome is unknown.
fn lost(call: &Call, why: String, at_least: Duration) -> Verdict {
    match call.effect {
        Effect::Read => wait(at_least, "", Failure::Nothing(VendorError::Unavailable(why))),
        Effect::Write => Verdict::Final(Failure::Unknown(why)),
    }
}

/// `Retry-After` is not promised and can be wrong; the policy's own window is the floor.
fn too_many(fault: &Fault, told: Option<Duration>) -> Verdict {
    let policy = match fault.policy() {
        "" => "UNNAMED",
        name => name,
    };
    let window = match policy {
        "TEN_SECONDLY_ROLLING" => Duration::from_secs(10),
        "SECONDLY" => Duration::from_secs(1),
        _ => BACKOFF,
    };
    let at_least = window.max(told.unwrap_or_default().min(Duration::from_secs(60)));
    let limit = VendorError::Limit { limit: fault.message(), retry_after: told };
    wait(at_least, policy, Failure::Nothing(limit))
}

/// Definitions are long, and nearly always the very same: what was found whole is not looked through again.
fn is_whole(call: &Call, status: StatusCode, body: &Bytes) -> bool {
    let is_definition = call.path.starts_with("/crm/v3/properties/");
    if is_definition && WHOLE.get(body).is_some() {
        return true;
    }
    let whole = is_json(status, body);
    if is_definition && whole {
        WHOLE.put(body.clone(), Arc::new(()));
    }
    whole
}

fn is_json(status: StatusCode, body: &Bytes) -> bool {
    status == StatusCode::NO_CONTENT || body.is_empty() || serde_json::from_slice::<IgnoredAny>(body).is_ok()
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    text(headers, "retry-after")?.trim().parse().ok().map(Duration::from_secs)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
