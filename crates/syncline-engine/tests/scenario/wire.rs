//! The outside world of a scenario: one clock that only moves when told, and a transport that leads to both sandboxes.

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;
use std::{
    future::{pending, ready},
    sync::{Arc, Mutex},
    time::Duration,
};
use syncline_kit::{
    BoxFuture, Clock, HttpRequest, HttpResponse, Transport, TransportError,
    sandbox::{Limits, Outcome, Sandbox, seed::SeedFiles},
};

/// The engine's request timeout (seconds), which a silent vendor costs.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Time that passes by sleeping, by silence and by being told.
pub struct VirtualClock(Mutex<Timestamp>);

impl VirtualClock {
    pub fn at(time: &str) -> Self {
        Self(Mutex::new(time.parse().unwrap()))
    }

    pub fn pass(&self, duration: Duration) {
        let mut now = self.0.lock().unwrap();
        *now = now.checked_add(SignedDuration::try_from(duration).unwrap()).unwrap();
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.pass(duration);
        Box::pin(ready(()))
    }
}

/// Which vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Salesforce,
    HubSpot,
}

use Side::{HubSpot, Salesforce};

impl Side {
    pub fn name(self) -> &'static str {
        match self {
            Salesforce => "salesforce",
            HubSpot => "hubspot",
        }
    }

    pub fn url(self) -> String {
        format!("http://{}.test", self.name())
    }
}

/// Where a power cut meets a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The request never leaves.
    Before,
    /// The vendor carries it out; nobody hears of it.
    After,
}

/// The request at which the power is cut.
#[derive(Debug, Clone, Copy)]
enum At {
    /// The next one to this vendor that has the text in its path or body.
    Text(Side, &'static str),
    /// The write after so many others.
    Nth(usize),
}

/// Both vendors behind one transport.
pub struct Wire {
    salesforce: Mutex<salesforce::sandbox::Salesforce>,
    hubspot: Mutex<hubspot::sandbox::HubSpot>,
    clock: Arc<VirtualClock>,
    cut: Mutex<Option<(At, Cut)>>,
    /// Told when it happened.
    pub died: tokio::sync::Notify,
    log: Mutex<Vec<(Side, String)>>,
    slow: Mutex<Duration>,
    /// What a vendor's automation does in answer to the next write.
    automation: Mutex<Option<(Side, Vec<Json>)>>,
}

impl Wire {
    pub fn new(clock: Arc<VirtualClock>) -> Self {
        let mut salesforce = salesforce::sandbox::Salesforce::new(Limits::Real, 1);
        let mut hubspot = hubspot::sandbox::HubSpot::new(Limits::Real, 1);
        salesforce.served_at(&Salesforce.url());
        hubspot.served_at(&HubSpot.url());
        Self {
            salesforce: Mutex::new(salesforce),
            hubspot: Mutex::new(hubspot),
            clock,
            cut: Mutex::default(),
            died: tokio::sync::Notify::new(),
            log: Mutex::default(),
            slow: Mutex::default(),
            automation: Mutex::default(),
        }
    }

    pub fn credentials(&self, side: Side) -> Json {
        match side {
            Salesforce => self.salesforce.lock().unwrap().credentials(),
            HubSpot => self.hubspot.lock().unwrap().credentials(),
        }
    }

    pub fn seed(&self, side: Side, files: &[(&str, &str)]) {
        let mut seed = SeedFiles::default();
        for (name, content) in files {
            seed.insert(name, content.as_bytes().to_vec());
        }
        let now = self.clock.now();
        match side {
            Salesforce => self.salesforce.lock().unwrap().seed(&seed, now).map(drop),
            HubSpot => self.hubspot.lock().unwrap().seed(&seed, now).map(drop),
        }
        .unwrap();
    }

    fn handle(&self, side: Side, request: &HttpRequest) -> Outcome {
        let now = self.clock.now();
        match side {
            Salesforce => self.salesforce.lock().unwrap().handle(request, now),
            HubSpot => self.hubspot.lock().unwrap().handle(request, now),
        }
    }

    /// A control call.
    pub fn control(&self, side: Side, method: &str, path: &str, body: &Json) -> Json {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}/__sandbox/{path}", side.url()))
            .body(if body.is_null() { Bytes::new() } else { body.to_string().into() })
            .unwrap();
        self.answer(side, &request)
    }

    /// A call of another program at the vendor's API.
    pub fn foreign(&self, side: Side, method: &str, path: &str, body: &Json) -> Json {
        let credentials = self.credentials(side);
        let token = match side {
            HubSpot => credentials["access_token"].as_str().unwrap().to_owned(),
            Salesforce => {
                let form = format!(
                    "grant_type=client_credentials&client_id={}&client_secret={}",
                    credentials["client_id"].as_str().unwrap(),
                    credentials["client_secret"].as_str().unwrap()
                );
                let request = http::Request::post(format!("{}/services/oauth2/token", side.url()))
                    .header("content-type", "application/x-www-form-urlencoded")
                    .body(form.into())
                    .unwrap();
                let answer = self.answer(side, &request);
                answer["access_token"].as_str().unwrap().to_owned()
            }
        };
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", side.url()))
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(body.to_string().into())
            .unwrap();
        self.answer(side, &request)
    }

    fn answer(&self, side: Side, request: &HttpRequest) -> Json {
        match self.handle(side, request) {
            Outcome::Answer(answer) => {
                let text = String::from_utf8_lossy(answer.body()).into_owned();
                assert!(answer.status().is_success(), "{}: {} {text}", request.uri(), answer.status());
                serde_json::from_str(&text).unwrap_or(Json::Null)
            }
            other => panic!("{other:?}"),
        }
    }

    /// The program dies at the next request to `side` that has `text` in its path or body.
    pub fn cut_at(&self, side: Side, text: &'static str, cut: Cut) {
        *self.cut.lock().unwrap() = Some((At::Text(side, text), cut));
    }

    /// The program dies at the write after `before` others, whatever it is.
    pub fn cut_after(&self, before: usize, cut: Cut) {
        *self.cut.lock().unwrap() = Some((At::Nth(before), cut));
    }

    /// Every request takes so long from now on.
    pub fn slow(&self, takes: Duration) {
        *self.slow.lock().unwrap() = takes;
    }

    /// The vendor's automation answers the next write with these acts.
    pub fn answers(&self, side: Side, acts: Vec<Json>) {
        *self.automation.lock().unwrap() = Some((side, acts));
    }

    fn automate(&self, side: Side, request: &HttpRequest) {
        let due = |of: &mut (Side, Vec<Json>)| of.0 == side && is_write(side, request);
        let acts = self.automation.lock().unwrap().take_if(due);
        for act in acts.into_iter().flat_map(|(_, acts)| acts) {
            self.control(side, "POST", "admin", &act);
        }
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The requests since the last time this was asked: method and path.
    pub fn requests(&self, side: Side) -> Vec<String> {
        let mut log = self.log.lock().unwrap();
        let (asked, rest) = log.drain(..).partition(|(of, _)| *of == side);
        *log = rest;
        asked.into_iter().map(|(_, request)| request).collect()
    }

    fn cut_here(&self, side: Side, request: &HttpRequest) -> Option<Cut> {
        let mut cut = self.cut.lock().unwrap();
        let (at, when) = (*cut)?;
        let here = match at {
            At::Nth(_) if !is_write(side, request) => false,
            At::Nth(0) => true,
            At::Nth(before) => {
                *cut = Some((At::Nth(before - 1), when));
                false
            }
            At::Text(of, text) => {
                let has = |part: &str| part.contains(text);
                of == side && (has(request.uri().path()) || has(&String::from_utf8_lossy(request.body())))
            }
        };
        if here {
            *cut = None;
        }
        here.then_some(when)
    }
}

impl Transport for Wire {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        let side = match request.uri().host() {
            Some("salesforce.test") => Salesforce,
            Some("hubspot.test") => HubSpot,
            other => panic!("a request to {other:?}"),
        };
        let line = format!("{} {}", request.method(), request.uri().path());
        self.log.lock().unwrap().push((side, line));
        self.clock.pass(*self.slow.lock().unwrap());
        let unknown = |why: &str| Err(TransportError::Unknown(why.to_owned()));
        let cut = self.cut_here(side, &request);
        if cut != Some(Cut::Before) {
            let outcome = self.handle(side, &request);
            self.automate(side, &request);
            if cut.is_none() {
                return Box::pin(ready(match outcome {
                    Outcome::Answer(answer) => Ok(answer),
                    Outcome::Truncated(..) => unknown("the answer was cut off"),
                    Outcome::Reset => unknown("connection reset"),
                    Outcome::Hang => {
                        self.clock.pass(TIMEOUT);
                        unknown("no answer in time")
                    }
                }));
            }
        }
        self.died.notify_one();
        Box::pin(pending())
    }
}

fn is_write(side: Side, request: &HttpRequest) -> bool {
    let path = request.uri().path();
    match side {
        HubSpot => path.contains("/batch/") && !path.ends_with("/read"),
        Salesforce => {
            let body = String::from_utf8_lossy(request.body());
            ["PATCH", "POST", "DELETE"].iter().any(|verb| body.contains(&format!("\"method\":\"{verb}\"")))
        }
    }
}
