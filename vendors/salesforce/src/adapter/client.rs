//! The typed client: one authorised request, with refresh, retries and the org's budget.
//!
//! Reads are repeated; writes never are, unless it is certain that nothing was written.

use super::{
    composite::{self, Reply},
    credentials::Credentials,
    errors::ApiError,
    time,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use jiff::{SignedDuration, Timestamp};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value as Json;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use syncline_kit::{
    Clock, HttpRequest, HttpResponse, Transport, TransportError,
    daily::{Daily, Measured, Share},
    offset::OffsetEstimate,
    vendor::{ClockOffset, VendorError},
};

/// How often a read is tried before the vendor counts as unavailable.
const TRIES: u32 = 4;
/// First wait between tries; doubled each time. Waits asked for by a proxy are not trusted.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// After this time the share of daily calls is measured anew; the vendor counts over rolling 24 hours.
const BUDGET_WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// One call.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    /// From `/services/` on.
    pub(super) path: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Option<Json>,
}

/// An answer below 300, or a refusal of this one call (4xx) that the caller has to judge.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Whole JSON, or nothing.
    body: Bytes,
    /// Where it was read before: the replies in it.
    pub(super) known: Option<Arc<Vec<Reply>>>,
    /// The vendor's time just before it began to answer.
    pub(super) at: Timestamp,
}

impl Answer {
    /// The body as what it should be.
    pub(super) fn parse<T: DeserializeOwned>(&self) -> Result<T, VendorError> {
        // Looked through as text once, not string by string.
        let text =
            std::str::from_utf8(&self.body).map_err(|error| VendorError::Protocol(error.to_string()))?;
        let text = if text.is_empty() { "null" } else { text };
        serde_json::from_str(text).map_err(|error| VendorError::Protocol(error.to_string()))
    }

    /// The body as it came.
    pub(super) fn body(&self) -> &Bytes {
        &self.body
    }

    /// The error that the body tells of.
    pub(super) fn error(&self) -> Option<ApiError> {
        ApiError::of(&self.parse().ok()?)
    }
}

/// Why a write has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lost {
    /// Nothing was written.
    Nothing(VendorError),
    /// Nobody knows.
    Unknown(String),
}

/// The client of one org.
pub(super) struct Client {
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    credentials: Mutex<Credentials>,
    changed: Mutex<bool>,
    renewing: tokio::sync::Mutex<()>,
    day: Mutex<Daily>,
    server: Mutex<Option<Timestamp>>,
    offset: Mutex<OffsetEstimate>,
}

/// What one request came to.
enum Tried {
    Answer(Answer),
    /// The session is over; the token that was refused.
    Session(String),
    /// It is certain that nothing was done, and it may work soon.
    Again(VendorError),
    /// It is certain that nothing was done, and it will not work soon.
    Never(VendorError),
    /// The vendor failed or no whole answer came.
    Unknown(String),
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Client {
    pub(super) fn new(
        credentials: Credentials,
        share: Share,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            transport,
            clock,
            credentials: Mutex::new(credentials),
            changed: Mutex::new(false),
            renewing: tokio::sync::Mutex::new(()),
            day: Mutex::new(Daily::new(share)),
            server: Mutex::new(None),
            offset: Mutex::default(),
        }
    }

    /// This machine's time, for durations only.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The vendor's time as the last answer told it.
    pub(super) fn server_time(&self) -> Timestamp {
        lock(&self.server).unwrap_or_else(|| self.clock.now())
    }

    /// How far the vendor's clock is ahead of ours.
    pub(super) fn clock_offset(&self) -> Option<ClockOffset> {
        lock(&self.offset).get()
    }

    /// Whether the session was renewed lately: what is kept of it is not stored yet.
    pub(super) fn is_renewed(&self) -> bool {
        *lock(&self.changed)
    }

    /// What of the day's calls was used and until when the share is measured so, for the next process.
    pub(super) fn pace(&self) -> Option<Json> {
        let measured = lock(&self.day).state(self.clock.now())?;
        serde_json::to_value(measured).ok()
    }

    /// What an earlier process measured; one of another shape or from the future counts as none.
    pub(super) fn resume_pace(&self, pace: &Json) {
        let Ok(measured) = serde_json::from_value::<Measured>(pace.clone()) else { return };
        let now = self.clock.now();
        lock(&self.day).resume(measured, now, window_end(now));
    }

    /// Credentials that changed since this was last asked.
    pub(super) fn changed(&self) -> Option<Json> {
        std::mem::take(&mut *lock(&self.changed)).then(|| lock(&self.credentials).to_json())
    }

    /// Waits before the `attempt`-th repeat (from 0), longer each time; `spread` in 0..=255 shifts it by up to half.
    pub(super) async fn pause(&self, attempt: u32, spread: u8) {
        let wait = FIRST_WAIT.saturating_mul(1 << attempt.min(6));
        let jitter = wait.saturating_mul(u32::from(spread)) / 512;
        self.clock.sleep(wait.saturating_add(jitter)).await;
    }

    /// Makes a call that changes nothing, as often as it takes.
    pub(super) async fn read(&self, call: &Call) -> Result<Answer, VendorError> {
        let mut renewed = false;
        let mut attempt = 0;
        loop {
            let failure = match self.attempt(call).await? {
                Tried::Answer(answer) => return Ok(answer),
                Tried::Session(token) if !renewed => {
                    renewed = true;
                    self.renew(Some(&token)).await?;
                    continue;
                }
                Tried::Session(_) => return Err(refused_session()),
                Tried::Never(error) => return Err(error),
                Tried::Again(error) => error,
                Tried::Unknown(why) => VendorError::Unavailable(why),
            };
            attempt += 1;
            if attempt >= TRIES {
                return Err(failure);
            }
            self.pause(attempt - 1, 0).await;
        }
    }

    /// Makes a call that writes, once; it is sent again only where nothing can have been written.
    pub(super) async fn write(&self, call: &Call) -> Result<Answer, Lost> {
        let mut renewed = false;
        let mut attempt = 0;
        loop {
            match self.attempt(call).await.map_err(Lost::Nothing)? {
                Tried::Answer(answer) => return Ok(answer),
                Tried::Session(token) if !renewed => {
                    renewed = true;
                    self.renew(Some(&token)).await.map_err(Lost::Nothing)?;
                }
                Tried::Session(_) => return Err(Lost::Nothing(refused_session())),
                Tried::Never(error) => return Err(Lost::Nothing(error)),
                Tried::Unknown(why) => return Err(Lost::Unknown(why)),
                Tried::Again(error) => {
                    attempt += 1;
                    if attempt >= TRIES {
                        return Err(Lost::Nothing(error));
                    }
                    self.pause(attempt - 1, 0).await;
                }
            }
        }
    }

    async fn attempt(&self, call: &Call) -> Result<Tried, VendorError> {
        lock(&self.day).allows(self.clock.now())?;
        let (request, token) = self.request(call).await?;
        let before = self.clock.now();
        let response = match self.transport.send(request).await {
            Ok(response) => response,
            Err(TransportError::NotSent(why)) => return Ok(Tried::Again(VendorError::Unavailable(why))),
            Err(TransportError::Unknown(why)) => return Ok(Tried::Unknown(why)),
        };
        let at = self.note(response.headers(), before);
        Ok(judge(&response, at, token))
    }

    async fn request(&self, call: &Call) -> Result<(HttpRequest, String), VendorError> {
        if lock(&self.credentials).access_token.is_none() {
            self.renew(None).await?;
        }
        let (base, token) = {
            let credentials = lock(&self.credentials);
            (credentials.base().to_owned(), credentials.access_token.clone().unwrap_or_default())
        };
        let mut bearer = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| VendorError::Credentials("the access token is no header value".to_owned()))?;
        bearer.set_sensitive(true);
        let mut builder = http::Request::builder()
            .method(call.method.clone())
            .uri(format!("{base}{}", call.path))
            .header(header::AUTHORIZATION, bearer)
            .header(header::ACCEPT, "application/json")
            .header("Sforce-Call-Options", super::CALL_OPTIONS);
        for (name, value) in &call.headers {
            builder = builder.header(*name, value);
        }
        let body = match &call.body {
            Some(json) => {
                builder = builder.header(header::CONTENT_TYPE, "application/json");
                serde_json::to_vec(json).map_err(|error| VendorError::Protocol(error.to_string()))?
            }
            None => Vec::new(),
        };
        let request =
            builder.body(Bytes::from(body)).map_err(|error| VendorError::Protocol(error.to_string()))?;
        Ok((request, token))
    }

    /// Gets a new access token, unless another caller already replaced the `refused` one.
    async fn renew(&self, refused: Option<&str>) -> Result<(), VendorError> {
        let _alone = self.renewing.lock().await;
        let credentials = lock(&self.credentials).clone();
        if credentials.access_token.is_some() && credentials.access_token.as_deref() != refused {
            return Ok(());
        }
        let mut attempt = 0;
        loop {
            let request = credentials.token_request(self.clock.now())?;
            let failure = match self.transport.send(request).await {
                Err(error) => error.to_string(),
                Ok(response) if response.status().is_success() => {
                    if let Ok(answer) = serde_json::from_slice::<Json>(response.body()) {
                        lock(&self.credentials).granted(&answer)?;
                        *lock(&self.changed) = true;
                        return Ok(());
                    }
                    "a token answer that is no JSON".to_owned()
                }
                Ok(response) if response.status().is_client_error() => {
                    let body: Json = serde_json::from_slice(response.body()).unwrap_or_default();
                    let why = ApiError::of(&body).map_or_else(
                        || format!("HTTP {}", response.status().as_u16()),
                        |error| format!("{}: {}", error.code, error.message),
                    );
                    return Err(VendorError::Credentials(why));
                }
                Ok(response) => format!("HTTP {} from the login address", response.status().as_u16()),
            };
            attempt += 1;
            if attempt >= TRIES {
                return Err(VendorError::Unavailable(failure));
            }
            self.pause(attempt - 1, 0).await;
        }
    }

    /// Notes the vendor's time and the org's usage. The answer's date is taken back by the time it took to come.
    fn note(&self, headers: &HeaderMap, before: Timestamp) -> Timestamp {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let received = self.clock.now();
        let took = received.duration_since(before).as_secs() + 1;
        let date = text("date").and_then(time::http_date);
        if let Some(date) = date {
            lock(&self.offset).note(before, received, date);
        }
        let at = date.unwrap_or(before);
        let began = at.checked_sub(SignedDuration::from_secs(took)).unwrap_or(at);
        *lock(&self.server) = Some(began);
        if let Some((used, max)) = text("sforce-limit-info").and_then(usage_in) {
            let now = self.clock.now();
            lock(&self.day).note(used, max, now, window_end(now));
        }
        began
    }
}

fn window_end(now: Timestamp) -> Timestamp {
    now.checked_add(BUDGET_WINDOW).unwrap_or(now)
}

fn refused_session() -> VendorError {
    VendorError::Credentials("the session is refused, also after a new access token".to_owned())
}

fn usage_in(header: &str) -> Option<(u64, u64)> {
    let (_, rest) = header.split_once("api-usage=")?;
    let (used, max) = rest.split(';').next()?.split_once('/')?;
    Some((used.trim().parse().ok()?, max.trim().parse().ok()?))
}

fn judge(response: &HttpResponse, at: Timestamp, token: String) -> Tried {
    let status = response.status().as_u16();
    let body = response.body();
    let known = composite::known(body);
    let whole = body.is_empty() || known.is_some() || serde_json::from_slice::<IgnoredAny>(body).is_ok();
    let answer = Answer { status, body: body.clone(), known, at };
    if response.status().is_success() {
        return match whole {
            true => Tried::Answer(answer),
            false => Tried::Unknown("an answer that is no JSON or ends early".to_owned()),
        };
    }
    let error = answer.error();
    let code = error.as_ref().map_or("", |error| error.code.as_str());
    let told =
        || error.as_ref().map_or_else(|| format!("HTTP {status}"), |e| format!("{}: {}", e.code, e.message));
    match status {
        401 => Tried::Session(token),
        403 if code == "REQUEST_LIMIT_EXCEEDED" => {
            let daily = told().contains("TotalRequests");
            let limit =
                VendorError::Limit { limit: told(), retry_after: (!daily).then(|| Duration::from_secs(30)) };
            if daily { Tried::Never(limit) } else { Tried::Again(limit) }
        }
        403 if code == "API_DISABLED_FOR_ORG" => Tried::Never(VendorError::Permission(told())),
        429 | 420 => Tried::Again(VendorError::Limit { limit: told(), retry_after: None }),
        500.. => Tried::Unknown(told()),
        _ if whole => Tried::Answer(answer),
        _ => Tried::Again(VendorError::Unavailable(format!("HTTP {status} with a page instead of JSON"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_read_with_and_without_the_share_of_an_app() {
        assert_eq!(usage_in("api-usage=18/5000"), Some((18, 5000)));
        assert_eq!(usage_in("api-usage=25/5000; per-app-api-usage=17/250(appName=x)"), Some((25, 5000)));
        assert_eq!(usage_in("nonsense"), None);
    }
}
