//! What an answer, or none, means for the call.

use super::{Answer, BACKOFF, Call, Client, Effect, Failure, call::NOTHING};
use crate::adapter::{fault::Fault, lock, pace::Lane};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde::de::IgnoredAny;
use std::{sync::Arc, time::Duration};
use syncline_kit::{HttpResponse, TransportError, memo::Memo, vendor::VendorError};
use syncline_model::defect::{Defect, planted};

/// 423: the documentation asks for at least two seconds [d25 error-handling].
const LOCKED: Duration = Duration::from_secs(2);

/// Definitions that are whole JSON.
static WHOLE: Memo<()> = Memo::new(32);

pub(super) enum Verdict {
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
    pub(super) fn judge(
        &self,
        call: &Call,
        outcome: Result<HttpResponse, TransportError>,
        sent: Timestamp,
    ) -> Verdict {
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
        let count = |name| text(headers, name)?.parse::<u64>().ok();
        // Neither is there where an account does not count: OAuth apps have no daily limit.
        if let (Some(max), Some(remaining)) =
            (count("x-hubspot-ratelimit-daily"), count("x-hubspot-ratelimit-daily-remaining"))
        {
            lock(&self.pace).count_day(max.saturating_sub(remaining), max, now);
        }
        if lane == Lane::General
            && let (Some(max), Some(remaining)) =
                (number("x-hubspot-ratelimit-max"), number("x-hubspot-ratelimit-remaining"))
        {
            lock(&self.pace).learn(max, remaining.min(max), now);
        }
    }
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
