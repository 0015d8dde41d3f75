//! The control contract's requests as values. Paths and bodies are exact: `docs/sandboxes.md`.

use super::faults::FaultRule;
use crate::{HttpRequest, HttpResponse};
use bytes::Bytes;
use http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Under which all control calls stand.
pub const PREFIX: &str = "/__sandbox/";

/// A control call.
#[derive(Debug)]
pub enum Control {
    /// `GET /__sandbox/calls`
    Calls,
    /// `GET /__sandbox/dump[?object=…]`, streamed line by line where the caller accepts NDJSON.
    Dump {
        /// Only this object.
        object: Option<String>,
        /// One JSON value a line instead of one document.
        lines: bool,
    },
    /// `POST /__sandbox/clock`
    Clock(ClockChange),
    /// `POST /__sandbox/faults`
    Faults(Vec<FaultRule>),
    /// `GET /__sandbox/faults`: the rules in force, and how often each has acted.
    FaultsMet,
    /// `POST /__sandbox/admin`: an administrator's or a person's act; its words are the vendor's own.
    Admin(serde_json::Value),
}

/// A change of a sandbox's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockChange {
    /// Moves it forward by seconds.
    Advance(SignedDuration),
    /// Sets it.
    Set(Timestamp),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockBody {
    advance_s: Option<i64>,
    set: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultsBody {
    rules: Vec<FaultRule>,
}

/// Reads a control call. `None`: the path is not one of the contract. `Err`: it is, and its content is wrong.
pub fn parse(request: &HttpRequest) -> Option<Result<Control, String>> {
    let name = request.uri().path().strip_prefix(PREFIX)?.trim_end_matches('/');
    let query = request.uri().query().unwrap_or_default();
    let body = request.body();
    Some(match (request.method(), name) {
        (&Method::GET, "calls") => Ok(Control::Calls),
        (&Method::GET, "dump") => {
            let object = form_urlencoded::parse(query.as_bytes())
                .find(|(key, _)| key == "object")
                .map(|(_, value)| value.into_owned());
            let lines = request
                .headers()
                .get(http::header::ACCEPT)
                .and_then(|value| value.to_str().ok())
                .is_some_and(|accept| accept.contains("application/x-ndjson"));
            Ok(Control::Dump { object, lines })
        }
        (&Method::POST, "clock") => {
            read::<ClockBody>(body).and_then(|change| match (change.advance_s, change.set) {
                (Some(seconds), None) => {
                    Ok(Control::Clock(ClockChange::Advance(SignedDuration::from_secs(seconds))))
                }
                (None, Some(at)) => Ok(Control::Clock(ClockChange::Set(at))),
                _ => Err("say either advance_s or set".to_owned()),
            })
        }
        (&Method::GET, "faults") => Ok(Control::FaultsMet),
        (&Method::POST, "faults") => read::<FaultsBody>(body).map(|faults| Control::Faults(faults.rules)),
        (&Method::POST, "admin") => read(body).map(Control::Admin),
        _ => Err(format!("no control call {} {}", request.method(), request.uri().path())),
    })
}

fn read<'a, T: Deserialize<'a>>(body: &'a Bytes) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

/// A sandbox's clock: the wall clock plus an offset.
#[derive(Debug, Default, Clone, Copy)]
pub struct SandboxClock {
    offset: SignedDuration,
}

impl SandboxClock {
    /// The sandbox's time when the wall clock says `wall`.
    pub fn at(&self, wall: Timestamp) -> Timestamp {
        wall.checked_add(self.offset).unwrap_or(wall)
    }

    /// Applies a change.
    pub fn change(&mut self, change: ClockChange, wall: Timestamp) {
        self.offset = match change {
            ClockChange::Advance(by) => self.offset.saturating_add(by),
            ClockChange::Set(to) => to.duration_since(wall),
        };
    }
}

/// A JSON answer.
pub fn json<T: Serialize>(status: StatusCode, value: &T) -> HttpResponse {
    let body =
        serde_json::to_vec(value).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}").into_bytes());
    let mut response = http::Response::new(Bytes::from(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json;charset=UTF-8"));
    response
}
