//! One HTTP call with everything around it: token, pacing, retries, and the difference between "nothing happened" and
//! "nobody knows".
//!
//! [`call`] is what is asked and what may come of it, [`session`] the token, [`judge`] what an answer means.

mod call;
mod judge;
mod session;

use super::{
    Options,
    credentials::Credentials,
    lock,
    pace::{Lane, Pace},
};
pub(super) use call::{Answer, Call, Effect, Failure};
use http::header;
use jiff::{SignedDuration, Timestamp};
use judge::Verdict;
use serde::de::DeserializeOwned;
use session::Session;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use syncline_kit::{
    Clock, HttpRequest, Transport,
    offset::OffsetEstimate,
    vendor::{ClockOffset, VendorError},
};
use syncline_model::defect::{Defect, planted};

const ATTEMPTS: u32 = 5;
const BACKOFF: Duration = Duration::from_millis(500);

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

    /// The account's time zone: its daily count starts again at midnight there.
    pub(super) fn in_zone(&self, name: &str) {
        lock(&self.pace).in_zone(name);
    }

    /// What an earlier process sent.
    pub(super) fn resume_pace(&self, state: &serde_json::Value) {
        lock(&self.pace).resume(state, self.clock.now());
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
            if call.is_counted() {
                lock(&self.pace).within_share(self.clock.now()).map_err(Failure::Nothing)?;
            }
            let (token, generation) = self.token(&call).await.map_err(Failure::Nothing)?;
            self.take_turn(call.lane).await;
            let request = self.request(&call, &token).map_err(Failure::Nothing)?;
            let sent = self.clock.now();
            if call.is_counted() {
                lock(&self.pace).count_call();
            }
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
}
