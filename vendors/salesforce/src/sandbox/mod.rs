//! The sandbox: a pure state machine that speaks Salesforce's HTTP API. It shares nothing with the connector; the
//! facts it is built to stand in this vendor folder's README and are judged by foreign clients (`clients/salesforce`).
//!
//! How the data is laid out
//! - [`ids::Rec`] names a record: object and sequence in 64 bits. The 18-character id is computed from it; byte order
//!   of ids is the order of sequences, so `Id > x ORDER BY Id` walks a plain vector.
//! - [`store::Store`] has one table an object: rows by sequence, a row = a bitmap of the fields that are not null and
//!   their values, 16 bytes each ([`value::Cell`]), text as symbols of one [`value::Pool`] of distinct strings.
//! - Ordered indexes: (SystemModstamp, sequence) of every table; (value, sequence) of references, names, e-mails,
//!   unique and external id fields; (deleted at, sequence) of the recycle bin.
//! - Every change goes through `Store::put`, which keeps the indexes and a journal of old versions: roll-back of
//!   all-or-none requests and late visibility come from it.
//! - [`schema`] holds objects and fields; a field says where its value comes from (slot, system value, compound).
//! - [`org::Org`] is store + administrator's settings + saves; [`Salesforce`] adds sessions, cursors and counters.

mod admin;
mod auth;
mod dump;
mod fail;
mod ids;
mod org;
mod rest;
mod save;
mod schema;
mod seed;
mod soap;
mod soql;
mod store;
mod value;

use auth::Auth;
use bytes::Bytes;
use fail::Fail;
use http::{HeaderName, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use org::Org;
use rest::query::Cursor;
use rest::{Body, Req, Resp};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;
use syncline_kit::sandbox::control::{self, Control, SandboxClock};
use syncline_kit::sandbox::faults::{Access, FaultKind, Faults};
use syncline_kit::sandbox::meter::Meter;
use syncline_kit::sandbox::{
    Delivery, DeliveryId, Limits, Outcome, Sandbox, seed::Loaded, seed::SeedError, seed::SeedFiles,
};
use syncline_kit::{HttpRequest, HttpResponse};

/// Longest URI with headers [doc:app limits].
const MAX_HEAD: usize = 16_384;

/// A Salesforce org behind its HTTP API.
#[derive(Debug)]
pub struct Salesforce {
    org: Org,
    auth: Auth,
    limits: Limits,
    clock: SandboxClock,
    wall: i64,
    meter: Meter,
    faults: Faults,
    base_url: String,
    cursors: Vec<Cursor>,
    cursor_count: u64,
    /// Billed calls by hour since 1970, for the rolling day.
    hours: BTreeMap<i64, u64>,
    /// The deletion log knows nothing older.
    log_starts: i64,
    /// Limits that the running request broke by its form.
    misuse: Vec<&'static str>,
    descriptions: RefCell<rest::Descriptions>,
    dumped: RefCell<BTreeMap<ids::Obj, dump::Dumped>>,
}

impl Salesforce {
    /// A new org. Ids, tokens and secrets derive from `number`, nothing else does.
    pub fn new(limits: Limits, number: u64) -> Self {
        let org = Org::new(number);
        Self {
            auth: Auth::new(number, &org),
            org,
            limits,
            clock: SandboxClock::default(),
            wall: 0,
            meter: Meter::default(),
            faults: Faults::default(),
            base_url: "http://127.0.0.1".to_owned(),
            cursors: Vec::new(),
            cursor_count: 0,
            hours: BTreeMap::new(),
            log_starts: 0,
            misuse: Vec::new(),
            descriptions: RefCell::default(),
            dumped: RefCell::default(),
        }
    }

    fn set_time(&mut self, wall: Timestamp) {
        self.wall = wall.as_second();
        let now = self.clock.at(wall);
        self.org.now = now.as_second();
        self.org.now_ms = now.as_millisecond();
        self.org.store.settle(self.org.now_ms);
        self.org.purge();
    }

    /// Billed calls of the last 24 hours.
    fn used_today(&self) -> u64 {
        let hour = self.org.now.div_euclid(3600);
        self.hours.range(hour - 23..=hour).map(|(_, n)| n).sum()
    }

    fn bill(&mut self) {
        let hour = self.org.now.div_euclid(3600);
        *self.hours.entry(hour).or_default() += 1;
        self.hours.retain(|h, _| *h >= hour - 24);
    }

    fn vendor_call(&mut self, request: &HttpRequest) -> Outcome {
        let target = request.uri().path_and_query().map_or("/", |p| p.as_str()).to_owned();
        let path = request.uri().path().trim_end_matches('/').to_owned();
        let head: usize = request.headers().iter().map(|(n, v)| n.as_str().len() + v.len() + 4).sum();
        if target.len() + head > MAX_HEAD {
            let (status, text) =
                if target.len() > MAX_HEAD { (414, "URI Too Long") } else { (431, "Bad Message 431") };
            self.meter.violation(now_of(self.org.now), "head_bytes", &path);
            return Outcome::Answer(self.answer(Resp::empty(status), Some(format!("<h1>{text}</h1>"))));
        }
        let access = access(request, &path);
        let fault = self.faults.next(request.method().as_str(), &path, access);
        if fault == Some(FaultKind::HtmlError) {
            let page = "<html><body><h1>502 Bad Gateway</h1></body></html>".to_owned();
            return Outcome::Answer(self.answer(Resp::empty(502), Some(page)));
        }
        let late = fault == Some(FaultKind::LateCommit);
        self.org.lock_all = fault == Some(FaultKind::RowLock);
        self.misuse.clear();
        (self.org.written, self.org.noop) = (0, 0);

        let response = match self.login(request, &path) {
            Some(response) => response,
            None => {
                let resp = self.data(request, &target, &path, fault);
                self.answer(resp, None)
            }
        };
        self.org.lock_all = false;
        self.meter.rows_written += self.org.written;
        self.meter.rows_noop += self.org.noop;
        self.org.store.commit(late.then(|| self.org.now_ms + self.org.knobs.late_ms));
        match fault {
            Some(FaultKind::CommitThenTimeout) => Outcome::Hang,
            Some(FaultKind::CommitThenReset) => Outcome::Reset,
            Some(FaultKind::TruncatedBody) => {
                let half = response.body().len() / 2;
                Outcome::Truncated(response, half)
            }
            _ => Outcome::Answer(response),
        }
    }

    /// A billed call: session, limits, then the API.
    fn data(&mut self, request: &HttpRequest, target: &str, path: &str, fault: Option<FaultKind>) -> Resp {
        if path == "/services/data" {
            return rest_versions();
        }
        let token = auth::bearer(request);
        if fault == Some(FaultKind::TokenExpired) {
            self.auth.expire(token.as_deref());
        }
        let endpoint = format!("{} {}", request.method(), template(&self.org, path));
        let Some(session) = self.auth.session(&self.org, token.as_deref()) else {
            self.meter.call(&endpoint, 0, 0);
            return Resp::fail(&Fail::new(401, "INVALID_SESSION_ID", "Session expired or invalid"));
        };
        if let Some(resp) = self.refusal(&endpoint, fault) {
            return resp;
        }
        self.bill();
        let Some((version, segments, query)) = rest::split(target).filter(|(v, _, _)| rest::known_version(v))
        else {
            self.meter.call(&endpoint, 1, 0);
            return Resp::fail(&Fail::not_found());
        };
        let mut req = Req {
            method: request.method().as_str().to_owned(),
            path: segments,
            query,
            headers: lower_headers(request),
            body: body(request),
            version,
            session,
        };
        // The documented way for clients that cannot send PATCH.
        if let (true, Some(method)) = (req.method == "POST", req.param("_HttpMethod")) {
            req.method = method.to_ascii_uppercase();
        }
        let resp = self.rest(&req);
        self.meter.call(&endpoint, 1, resp.rows);
        for limit in std::mem::take(&mut self.misuse) {
            self.meter.violation(now_of(self.org.now), limit, &endpoint);
        }
        resp
    }

    /// What keeps a call from being carried out: administrator, limits, or a fault on demand.
    fn refusal(&mut self, endpoint: &str, fault: Option<FaultKind>) -> Option<Resp> {
        let limit = |text: &str| Some(Resp::fail(&Fail::new(403, "REQUEST_LIMIT_EXCEEDED", text)));
        if !self.org.knobs.api_enabled {
            self.meter.call(endpoint, 0, 0);
            let message = "API is not enabled for this Organization or Partner";
            return Some(Resp::fail(&Fail::new(403, "API_DISABLED_FOR_ORG", message)));
        }
        let injected = matches!(fault, Some(FaultKind::RateLimited | FaultKind::WrongRetryAfter));
        let daily = self.limits == Limits::Real && self.used_today() >= self.org.knobs.daily_limit;
        let busy = self.limits == Limits::Real && self.org.now < self.org.knobs.busy_until;
        if injected || daily || busy {
            self.meter.call(endpoint, 0, 0);
            if daily || busy {
                let name = if daily { "daily" } else { "concurrent" };
                self.meter.violation(now_of(self.org.now), name, endpoint);
            }
            return if busy {
                limit("ConcurrentRequests (Concurrent API Requests) Limit exceeded.")
            } else {
                limit("TotalRequests Limit exceeded.")
            };
        }
        if fault == Some(FaultKind::ServerError) {
            self.meter.call(endpoint, 1, 0);
            let message =
                "An unexpected error occurred. Please include this ErrorId if you contact support: 0-0";
            return Some(Resp::fail(&Fail::new(500, "UNKNOWN_EXCEPTION", message)));
        }
        None
    }

    /// An answer with the headers that every answer has. `html`: a proxy's page instead of JSON.
    fn answer(&self, resp: Resp, html: Option<String>) -> HttpResponse {
        let kind = if html.is_some() { "text/html;charset=UTF-8" } else { "application/json;charset=UTF-8" };
        let usage = format!("api-usage={}/{}", self.used_today(), self.org.knobs.daily_limit);
        let body = html.or(resp.body);
        let is_empty = body.is_none();
        let mut response = http::Response::new(Bytes::from(body.unwrap_or_default()));
        *response.status_mut() =
            StatusCode::from_u16(resp.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        if !is_empty {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        if let Ok(usage) = HeaderValue::from_str(&usage) {
            headers.insert(HeaderName::from_static("sforce-limit-info"), usage);
        }
        if let Ok(date) = HeaderValue::from_str(&rest::http_date::write(self.org.now)) {
            headers.insert(header::DATE, date);
        }
        for (name, value) in resp.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        response
    }

    fn control(&mut self, request: Control, wall: Timestamp) -> HttpResponse {
        match request {
            Control::Calls => control::json(StatusCode::OK, &self.meter),
            Control::FaultsMet => control::json(StatusCode::OK, &self.faults),
            Control::Dump { object, lines } => self.dump(object.as_deref(), lines),
            Control::Clock(change) => {
                self.clock.change(change, wall);
                self.set_time(wall);
                control::json(StatusCode::OK, &serde_json::json!({"now": now_of(self.org.now)}))
            }
            Control::Faults(rules) => {
                self.faults.replace(rules);
                control::json(StatusCode::OK, &serde_json::json!({}))
            }
            Control::Admin(command) => {
                let mark = self.org.store.mark();
                let result = self.admin(&command);
                if result.is_err() {
                    self.org.store.rollback(mark);
                }
                self.org.store.commit(None);
                match result {
                    Ok(value) => control::json(StatusCode::OK, &value),
                    Err(message) => {
                        control::json(StatusCode::BAD_REQUEST, &serde_json::json!({"error": message}))
                    }
                }
            }
        }
    }
}

impl Sandbox for Salesforce {
    fn vendor(&self) -> &'static str {
        "salesforce"
    }

    fn credentials(&self) -> Value {
        self.auth.credentials(&self.org, &self.base_url)
    }

    fn served_at(&mut self, base_url: &str) {
        self.base_url = base_url.trim_end_matches('/').to_owned();
    }

    fn handle(&mut self, request: &HttpRequest, now: Timestamp) -> Outcome {
        self.set_time(now);
        match control::parse(request) {
            Some(Ok(control)) => Outcome::Answer(self.control(control, now)),
            Some(Err(message)) => Outcome::Answer(control::json(
                StatusCode::BAD_REQUEST,
                &serde_json::json!({"error": message}),
            )),
            None => self.vendor_call(request),
        }
    }

    fn due_webhooks(&mut self, _now: Timestamp) -> Vec<Delivery> {
        Vec::new()
    }

    fn delivered(&mut self, _id: DeliveryId, _status: Option<u16>, _now: Timestamp) {}

    fn seed(&mut self, files: &SeedFiles, now: Timestamp) -> Result<Loaded, SeedError> {
        self.set_time(now);
        seed::load(&mut self.org, files)
    }
}

fn now_of(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn lower_headers(request: &HttpRequest) -> Vec<(String, String)> {
    let text = |v: &HeaderValue| String::from_utf8_lossy(v.as_bytes()).into_owned();
    request.headers().iter().map(|(n, v)| (n.as_str().to_owned(), text(v))).collect()
}

fn body(request: &HttpRequest) -> Body {
    if request.body().iter().all(u8::is_ascii_whitespace) {
        return Body::Absent;
    }
    match serde_json::from_slice(request.body()) {
        Ok(value) => Body::Json(value),
        Err(error) => Body::Bad(format!("Unexpected character in the request body: {error}")),
    }
}

/// Reads: GET and HEAD, retrieving many by POST, a composite of reads. Logging in is neither.
fn access(request: &HttpRequest, path: &str) -> Access {
    if !path.starts_with("/services/data") {
        return Access::Neither;
    }
    if matches!(request.method().as_str(), "GET" | "HEAD") {
        return Access::Read;
    }
    let below = path.splitn(5, '/').nth(4).unwrap_or_default();
    let reads = match below {
        "composite" => serde_json::from_slice::<Value>(request.body()).is_ok_and(|body| {
            body.get("compositeRequest").and_then(Value::as_array).is_some_and(|parts| {
                parts.iter().all(|p| {
                    p.get("method").and_then(Value::as_str).is_some_and(|m| m.eq_ignore_ascii_case("GET"))
                })
            })
        }),
        _ => below.starts_with("composite/sobjects/") && request.method() == "POST",
    };
    if reads { Access::Read } else { Access::Write }
}

/// A path without ids and values: `/services/data/v59.0/sobjects/Lead/{id}`.
fn template(org: &Org, path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|p| !p.is_empty()).collect();
    let shown: Vec<&str> = match parts.get(3..).unwrap_or_default() {
        ["sobjects", object, id] if org.store.read_id(id).is_ok() => vec!["sobjects", object, "{id}"],
        ["sobjects", object, field, _, ..] => vec!["sobjects", object, field, "{value}"],
        [query @ ("query" | "queryAll"), _] => vec![query, "{locator}"],
        rest => rest.to_vec(),
    };
    let head = &parts[..parts.len().min(3)];
    format!("/{}", [head, &shown].concat().join("/"))
}

fn rest_versions() -> Resp {
    let seasons = ["Spring", "Summer", "Winter"];
    let list: Vec<Value> = (30..=68)
        .map(|n: u32| {
            // 30 was Spring '14; three releases a year, Winter named after the next year.
            let (year, season) = (14 + (n - 30) / 3 + u32::from((n - 30) % 3 == 2), seasons[((n - 30) % 3) as usize]);
            serde_json::json!({
                "label": format!("{season} '{year}"), "url": format!("/services/data/v{n}.0"), "version": format!("{n}.0"),
            })
        })
        .collect();
    Resp::value(200, &Value::Array(list))
}
