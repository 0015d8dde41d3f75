//! The connector and a sandbox in one process: no sockets, no waiting, a clock that sleeping moves.
#![allow(dead_code, unreachable_pub, reason = "every test file uses its own part")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::wildcard_enum_match_arm, reason = "a helper of tests")]

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};
use syncline_hubspot::{adapter, sandbox};
use syncline_kit::{
    BoxFuture, Clock, HttpRequest, HttpResponse, Transport, TransportError,
    sandbox::{Limits, Outcome, Sandbox},
    vendor::{
        CaptureWant, Cursor, EdgeWrite, Known, ObjectWant, RowOutcome, Vendor, Write, WriteCall, WriteRow,
    },
};
use syncline_model::{
    EntityId, FieldName, ObjectName, Observation, Observed, OperationId, RecordId, RecordRef, RecordState,
    Ref, Value, Version,
};

/// Runs a future that never has to wait for anything outside.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..1_000 {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
    panic!("the future waits for something");
}

/// Time that passes only by sleeping and by being told.
pub struct TestClock(pub Mutex<Timestamp>);

impl TestClock {
    fn pass(&self, duration: Duration) {
        let mut now = self.0.lock().unwrap();
        *now = now.checked_add(duration).unwrap();
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.pass(duration);
        Box::pin(async {})
    }
}

/// Carries requests to the sandbox; a cut answer arrives cut.
struct InProcess {
    sandbox: Arc<Mutex<sandbox::HubSpot>>,
    clock: Arc<TestClock>,
    log: Arc<Mutex<Vec<String>>>,
    meanwhile: Arc<Mutex<Option<Meanwhile>>>,
}

/// What somebody does once a request to such a path was answered.
pub struct Meanwhile {
    pub after: &'static str,
    pub does: Json,
}

impl InProcess {
    fn somebody_acts(&self, path: &str) {
        let mut meanwhile = self.meanwhile.lock().unwrap();
        let Some(Meanwhile { does, .. }) = meanwhile.take_if(|it| path.ends_with(it.after)) else { return };
        let body = Bytes::from(does.to_string());
        let request = http::Request::post("/__sandbox/admin").body(body).unwrap();
        let outcome = self.sandbox.lock().unwrap().handle(&request, self.clock.now());
        assert!(matches!(outcome, Outcome::Answer(answer) if answer.status() == 200));
    }
}

impl Transport for InProcess {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        self.log.lock().unwrap().push(format!("{} {}", request.method(), request.uri().path()));
        let now = self.clock.now();
        let outcome = self.sandbox.lock().unwrap().handle(&request, now);
        self.somebody_acts(request.uri().path());
        let answer = match outcome {
            Outcome::Answer(response) => Ok(response),
            Outcome::Truncated(response, bytes) => {
                Ok(response.map(|body| body.slice(..bytes.min(body.len()))))
            }
            Outcome::Hang => Err(TransportError::Unknown("no answer in time".to_owned())),
            Outcome::Reset => Err(TransportError::Unknown("connection reset".to_owned())),
        };
        Box::pin(async { answer })
    }
}

/// What a store keeps of the connection's records.
#[derive(Default)]
pub struct Stored {
    pub records: BTreeMap<(String, String), Kept>,
}

#[derive(Debug, Clone)]
pub struct Kept {
    pub version: Option<Version>,
    pub modified: Option<Timestamp>,
    pub state: RecordState,
    pub fields: BTreeMap<String, Observed>,
}

impl Stored {
    pub fn take(&mut self, seen: &[Observation]) {
        for one in seen {
            let key = (one.record.object.to_string(), one.record.id.to_string());
            let kept = self.records.entry(key).or_insert(Kept {
                version: None,
                modified: None,
                state: RecordState::Live,
                fields: BTreeMap::new(),
            });
            kept.state = one.state.clone();
            kept.version = one.version.clone().or(kept.version.take());
            kept.modified = one.modified.or(kept.modified);
            kept.fields.extend(one.fields.iter().map(|(name, value)| (name.to_string(), value.clone())));
        }
    }

    pub fn live(&self, object: &str) -> usize {
        self.records
            .iter()
            .filter(|((name, _), kept)| name == object && kept.state == RecordState::Live)
            .count()
    }
}

impl Known for Stored {
    fn versions<'a>(
        &'a self,
        object: &'a ObjectName,
        ids: &'a [RecordId],
    ) -> BoxFuture<'a, Vec<Option<Version>>> {
        let find = |id: &RecordId| self.records.get(&(object.to_string(), id.to_string()))?.version.clone();
        let versions = ids.iter().map(find).collect();
        Box::pin(async { versions })
    }

    fn count_since<'a>(&'a self, object: &'a ObjectName, from: Timestamp) -> BoxFuture<'a, u64> {
        let is_counted = |(name, kept): (&str, &Kept)| {
            name == object.as_str()
                && kept.state == RecordState::Live
                && kept.modified.is_some_and(|at| at >= from)
        };
        let count = self.records.iter().filter(|((name, _), kept)| is_counted((name, kept))).count() as u64;
        Box::pin(async move { count })
    }

    fn ids<'a>(
        &'a self,
        object: &'a ObjectName,
        after: Option<RecordId>,
        limit: usize,
    ) -> BoxFuture<'a, Vec<RecordId>> {
        let ids = self
            .records
            .iter()
            .filter(|((name, _), kept)| name == object.as_str() && kept.state == RecordState::Live)
            .map(|((_, id), _)| RecordId::from(id.as_str()))
            .filter(|id| after.as_ref().is_none_or(|after| id > after))
            .take(limit)
            .collect();
        Box::pin(async { ids })
    }

    fn relations<'a>(
        &'a self,
        object: &'a ObjectName,
        ids: &'a [RecordId],
    ) -> BoxFuture<'a, Vec<BTreeSet<FieldName>>> {
        let leads = |seen: &Observed| matches!(seen, Observed::Value(Value::Refs(refs)) if !refs.is_empty());
        let related = |id: &RecordId| {
            let kept = self.records.get(&(object.to_string(), id.to_string()));
            let fields = kept.iter().flat_map(|kept| &kept.fields).filter(|(_, seen)| leads(seen));
            fields.map(|(name, _)| FieldName::from(name.as_str())).collect()
        };
        let relations = ids.iter().map(related).collect();
        Box::pin(async { relations })
    }

    fn deleted<'a>(
        &'a self,
        object: &'a ObjectName,
        ids: &'a [RecordId],
    ) -> BoxFuture<'a, BTreeSet<RecordId>> {
        let is_deleted = |id: &&RecordId| {
            let kept = self.records.get(&(object.to_string(), id.to_string()));
            kept.is_some_and(|kept| kept.state == RecordState::Deleted)
        };
        let deleted = ids.iter().filter(is_deleted).cloned().collect();
        Box::pin(async { deleted })
    }
}

/// A connection, its account, and what was captured so far.
pub struct World {
    pub sandbox: Arc<Mutex<sandbox::HubSpot>>,
    pub clock: Arc<TestClock>,
    pub hub: adapter::HubSpot,
    pub log: Arc<Mutex<Vec<String>>>,
    pub meanwhile: Arc<Mutex<Option<Meanwhile>>>,
    credentials: Json,
    pub cursor: Cursor,
    pub stored: Stored,
    pub want: CaptureWant,
}

fn connect(
    sandbox: &Arc<Mutex<sandbox::HubSpot>>,
    clock: &Arc<TestClock>,
    log: &Arc<Mutex<Vec<String>>>,
    meanwhile: &Arc<Mutex<Option<Meanwhile>>>,
    credentials: &Json,
) -> adapter::HubSpot {
    let transport = InProcess {
        sandbox: Arc::clone(sandbox),
        clock: Arc::clone(clock),
        log: Arc::clone(log),
        meanwhile: Arc::clone(meanwhile),
    };
    let shared: Arc<dyn Clock> = Arc::clone(clock) as Arc<dyn Clock>;
    let options = adapter::Options::default();
    adapter::HubSpot::new("hs".into(), credentials.clone(), options, Arc::new(transport), shared).unwrap()
}

impl World {
    pub fn new(limits: Limits) -> Self {
        Self::with(limits, |credentials| credentials)
    }

    /// A connection whose credentials `change` has looked at.
    pub fn with(limits: Limits, change: impl FnOnce(Json) -> Json) -> Self {
        let sandbox = sandbox::HubSpot::new(limits, 1);
        let credentials = change(sandbox.credentials());
        let sandbox = Arc::new(Mutex::new(sandbox));
        let clock = Arc::new(TestClock(Mutex::new("2026-01-05T09:00:00Z".parse().unwrap())));
        let log = Arc::new(Mutex::new(Vec::new()));
        let meanwhile = Arc::new(Mutex::new(None));
        let hub = connect(&sandbox, &clock, &log, &meanwhile, &credentials);
        let (cursor, stored) = (Cursor::default(), Stored::default());
        Self { sandbox, clock, hub, log, meanwhile, credentials, cursor, stored, want: want() }
    }

    /// The same account and store, for a process that starts anew.
    pub fn restart(&mut self) {
        self.hub = connect(&self.sandbox, &self.clock, &self.log, &self.meanwhile, &self.credentials);
    }

    pub fn pass(&self, seconds: i64) {
        let duration = Duration::try_from(SignedDuration::from_secs(seconds)).unwrap();
        self.clock.pass(duration);
    }

    pub fn pass_ms(&self, milliseconds: u64) {
        self.clock.pass(Duration::from_millis(milliseconds));
    }

    pub fn control(&self, path: &str, body: Option<&Json>) -> Json {
        let method = if body.is_some() { "POST" } else { "GET" };
        let body = Bytes::from(body.map(ToString::to_string).unwrap_or_default());
        let request =
            http::Request::builder().method(method).uri(format!("/__sandbox/{path}")).body(body).unwrap();
        match self.sandbox.lock().unwrap().handle(&request, self.clock.now()) {
            Outcome::Answer(response) => {
                let answer: Json = serde_json::from_slice(response.body()).unwrap_or_default();
                assert_eq!(response.status(), 200, "{path}: {answer}");
                answer
            }
            other => panic!("{other:?}"),
        }
    }

    /// An API call beside the connector.
    pub fn api(&self, method: &str, path: &str, body: &Json) -> Json {
        let token = self.sandbox.lock().unwrap().credentials()["access_token"].as_str().unwrap().to_owned();
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {token}"))
            .body(Bytes::from(body.to_string()))
            .unwrap();
        match self.sandbox.lock().unwrap().handle(&request, self.clock.now()) {
            Outcome::Answer(response) if response.status().is_success() => {
                serde_json::from_slice(response.body()).unwrap_or_default()
            }
            other => panic!("{other:?}"),
        }
    }

    pub fn admin(&self, body: Json) -> Json {
        self.control("admin", Some(&body))
    }

    pub fn knob(&self, name: &str, value: Json) {
        self.admin(json!({"do": "set_knob", "name": name, "value": value}));
    }

    pub fn fault(&self, matches: &str, kind: &str, times: u64) {
        self.control("faults", Some(&json!({"rules": [{"match": matches, "times": times, "do": kind}]})));
    }

    pub fn calls(&self) -> u64 {
        self.control("calls", None)["calls"].as_u64().unwrap()
    }

    /// Calls to paths that end like this.
    pub fn calls_to(&self, end: &str) -> u64 {
        let all = self.control("calls", None);
        let endpoints = all["by_endpoint"].as_object().unwrap();
        endpoints
            .iter()
            .filter(|(name, _)| name.ends_with(end))
            .map(|(_, one)| one["calls"].as_u64().unwrap())
            .sum()
    }

    pub fn violations(&self) -> Json {
        self.control("calls", None)["violations"].clone()
    }

    /// A person makes a record at the screen.
    pub fn make(&self, object: &str, properties: Json) -> String {
        let made = self.admin(json!({"do": "create", "object": object, "properties": properties}));
        made["id"].as_str().unwrap().to_owned()
    }

    /// Makes many at one instant.
    pub fn make_many(&self, object: &str, count: usize, name: &str) -> Vec<String> {
        let properties = |number: usize| match object {
            "deals" => json!({"dealname": format!("{name} {number}"), "dealstage": "qualifiedtobuy"}),
            "companies" => json!({"name": format!("{name} {number}")}),
            _ => json!({"email": format!("{name}{number}@example.com")}),
        };
        (0..count).map(|number| self.make(object, properties(number))).collect()
    }

    pub fn edit(&self, object: &str, id: &str, properties: Json) {
        self.admin(json!({"do": "edit", "object": object, "id": id, "properties": properties}));
    }

    /// A whole cycle; what it brought, in order.
    pub fn capture(&mut self) -> Vec<Observation> {
        let mut all = Vec::new();
        for _ in 0..500 {
            let page = run(self.hub.capture(&self.want, &self.cursor, &self.stored)).unwrap();
            self.stored.take(&page.observations);
            all.extend(page.observations);
            self.cursor = page.cursor;
            if !page.more {
                return all;
            }
        }
        panic!("the cycle does not end");
    }

    pub fn field(&self, object: &str, id: &str, field: &str) -> Observed {
        let kept = self.stored.records.get(&(object.to_owned(), id.to_owned()));
        kept.and_then(|kept| kept.fields.get(field)).cloned().unwrap_or_default()
    }

    pub fn state(&self, object: &str, id: &str) -> RecordState {
        self.stored.records[&(object.to_owned(), id.to_owned())].state.clone()
    }

    /// Packs and writes; outcomes in the order of the calls.
    pub fn write(&self, rows: Vec<WriteRow>) -> Vec<RowOutcome> {
        self.hub.pack(rows).iter().flat_map(|call| run(self.hub.write(call)).unwrap()).collect()
    }

    pub fn pack_one(&self, rows: Vec<WriteRow>) -> WriteCall {
        let mut calls = self.hub.pack(rows);
        assert_eq!(calls.len(), 1);
        calls.remove(0)
    }

    /// Records of an object as the sandbox holds them.
    pub fn dump(&self, object: &str) -> Vec<Json> {
        self.control("dump", None)["objects"][object].as_array().cloned().unwrap_or_default()
    }
}

/// The usual fields.
pub fn want() -> CaptureWant {
    let one = |object: &str, fields: &[&str], edges: &[&str]| ObjectWant {
        object: object.into(),
        fields: fields.iter().map(|name| FieldName::from(*name)).collect(),
        edges: edges.iter().map(|name| FieldName::from(*name)).collect(),
    };
    CaptureWant {
        objects: vec![
            one(
                "companies",
                &["domain", "hubspot_owner_id", "name", "numberofemployees"],
                &["@company_to_parent"],
            ),
            one("contacts", &["email", "firstname", "lastname", "phone"], &["@contact_to_company"]),
            one(
                "deals",
                &["amount", "closedate", "dealname", "dealstage", "pipeline"],
                &["@deal_to_company", "@deal_to_contact"],
            ),
        ],
    }
}

pub fn text(value: &str) -> Observed {
    Observed::Value(Value::text(value).unwrap())
}

pub fn refs(all: &[Ref]) -> Observed {
    Observed::Value(Value::Refs(all.to_vec()))
}

pub fn record(object: &str, id: &str) -> RecordRef {
    RecordRef::new("hs", object, id)
}

pub fn entity(number: u64) -> EntityId {
    serde_json::from_value(json!(format!("00000000-0000-7000-8000-{number:012}"))).unwrap()
}

pub fn row(number: u64, write: Write) -> WriteRow {
    WriteRow { operation: OperationId(number), entity: entity(number), write }
}

fn fields(list: &[(&str, Option<Value>)]) -> Vec<(FieldName, Option<Value>)> {
    list.iter().map(|(name, value)| (FieldName::from(*name), value.clone())).collect()
}

pub fn create(number: u64, object: &str, key: Option<&str>, list: &[(&str, Option<Value>)]) -> WriteRow {
    row(
        number,
        Write::Create { object: object.into(), key_field: key.map(FieldName::from), fields: fields(list) },
    )
}

pub fn update(number: u64, object: &str, id: &str, list: &[(&str, Option<Value>)]) -> WriteRow {
    row(number, Write::Update { record: record(object, id), version: None, fields: fields(list) })
}

pub fn edge(
    field: &str,
    from: (&str, &str),
    to: (&str, &str),
    role: Option<&str>,
    primary: bool,
) -> EdgeWrite {
    EdgeWrite {
        field: field.into(),
        from: record(from.0, from.1),
        to: record(to.0, to.1),
        role: role.map(Arc::from),
        primary,
        row: None,
    }
}

/// The id of a confirmed row.
pub fn confirmed(outcome: &RowOutcome) -> (String, bool) {
    match outcome {
        RowOutcome::Confirmed { record, created, .. } => (record.id.to_string(), *created),
        other => panic!("{other:?}"),
    }
}
