//! A sandbox, an adapter on it, a clock that only moves when told, and a store in memory.

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};
use syncline_kit::{
    BoxFuture, Clock, HttpRequest, HttpResponse, Transport, TransportError,
    sandbox::{Limits, Outcome, Sandbox},
    vendor::{
        CapturePage, CaptureWant, Cursor, Known, ObjectWant, RowOutcome, Vendor, VendorError, Write, WriteRow,
    },
};
use syncline_model::{
    EntityId, FieldName, ObjectName, Observation, Observed, OperationId, RecordId, RecordRef, Value, Version,
};
use syncline_salesforce::{adapter, sandbox};

pub const KEY: &str = "Syncline_Id__c";

pub struct TestClock(Mutex<Timestamp>);

impl TestClock {
    pub fn advance(&self, seconds: i64) {
        let mut now = self.0.lock().unwrap();
        *now = now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let mut now = self.0.lock().unwrap();
        *now = now.checked_add(duration).unwrap();
        Box::pin(std::future::ready(()))
    }
}

/// Carries requests to the sandbox and keeps what was asked.
pub struct InProcess {
    sandbox: Mutex<sandbox::Salesforce>,
    clock: Arc<TestClock>,
    asked: Mutex<Vec<(String, String)>>,
}

impl Transport for InProcess {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        Box::pin(async move {
            let body = String::from_utf8_lossy(request.body()).into_owned();
            self.asked.lock().unwrap().push((request.uri().path().to_owned(), body));
            let outcome = self.sandbox.lock().unwrap().handle(&request, self.clock.now());
            tokio::task::yield_now().await;
            match outcome {
                Outcome::Answer(response) => Ok(response),
                Outcome::Truncated(response, length) => Ok(response.map(|body| body.slice(..length))),
                Outcome::Hang => Err(TransportError::Unknown("timed out".to_owned())),
                Outcome::Reset => Err(TransportError::Unknown("connection reset".to_owned())),
            }
        })
    }
}

/// What a store would know.
#[derive(Default)]
pub struct Stored(Mutex<BTreeMap<RecordRef, Observation>>);

impl Known for Stored {
    fn versions<'a>(
        &'a self,
        object: &'a ObjectName,
        ids: &'a [RecordId],
    ) -> BoxFuture<'a, Vec<Option<Version>>> {
        let stored = self.0.lock().unwrap();
        let version = |id: &RecordId| {
            stored
                .get(&RecordRef::new("sf", object.clone(), id.clone()))
                .and_then(|seen| seen.version.clone())
        };
        let versions = ids.iter().map(version).collect();
        Box::pin(std::future::ready(versions))
    }

    fn count_since<'a>(&'a self, object: &'a ObjectName, from: Timestamp) -> BoxFuture<'a, u64> {
        let stored = self.0.lock().unwrap();
        let count = stored
            .values()
            .filter(|seen| seen.record.object == *object && seen.modified >= Some(from))
            .count();
        Box::pin(std::future::ready(count as u64))
    }

    fn ids<'a>(
        &'a self,
        object: &'a ObjectName,
        after: Option<RecordId>,
        limit: usize,
    ) -> BoxFuture<'a, Vec<RecordId>> {
        let stored = self.0.lock().unwrap();
        let ids = stored
            .values()
            .filter(|seen| seen.record.object == *object && seen.state == syncline_model::RecordState::Live)
            .map(|seen| seen.record.id.clone())
            .filter(|id| after.as_ref().is_none_or(|after| id > after))
            .take(limit)
            .collect();
        Box::pin(std::future::ready(ids))
    }

    /// Salesforce's records carry their lookups among their fields: nothing asks.
    fn relations<'a>(
        &'a self,
        _object: &'a ObjectName,
        ids: &'a [RecordId],
    ) -> BoxFuture<'a, Vec<BTreeSet<FieldName>>> {
        Box::pin(std::future::ready(vec![BTreeSet::new(); ids.len()]))
    }

    /// Its queries show what is so: nothing asks.
    fn deleted<'a>(
        &'a self,
        _object: &'a ObjectName,
        _ids: &'a [RecordId],
    ) -> BoxFuture<'a, BTreeSet<RecordId>> {
        Box::pin(std::future::ready(BTreeSet::new()))
    }
}

pub struct World {
    pub clock: Arc<TestClock>,
    pub wire: Arc<InProcess>,
    pub vendor: adapter::Salesforce,
    pub stored: Stored,
    pub cursor: Cursor,
}

pub fn now_or_never<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

impl World {
    pub fn new() -> Self {
        Self::with(adapter::Options::default())
    }

    pub fn with(options: adapter::Options) -> Self {
        let clock = Arc::new(TestClock(Mutex::new("2026-03-01T12:00:00Z".parse().unwrap())));
        let mut sandbox = sandbox::Salesforce::new(Limits::Real, 1);
        sandbox.served_at("http://127.0.0.1:1");
        let credentials = sandbox.credentials();
        let wire = Arc::new(InProcess {
            sandbox: Mutex::new(sandbox),
            clock: clock.clone(),
            asked: Mutex::default(),
        });
        let vendor =
            adapter::Salesforce::new("sf".into(), credentials, options, wire.clone(), clock.clone()).unwrap();
        let world = Self { clock, wire, vendor, stored: Stored::default(), cursor: Cursor::default() };
        for object in ["Account", "Contact", "Lead", "Opportunity"] {
            world.admin(
                json!({"do": "add_field", "object": object, "name": KEY, "type": "text", "length": 36,
                "external_id": true, "unique": true}),
            );
        }
        world
    }

    /// The same org for a process that starts anew.
    pub fn restart(&mut self) {
        self.restart_with(self.credentials());
    }

    pub fn credentials(&self) -> Json {
        self.wire.sandbox.lock().unwrap().credentials()
    }

    pub fn restart_with(&mut self, credentials: Json) {
        self.vendor = adapter::Salesforce::new(
            "sf".into(),
            credentials,
            adapter::Options::default(),
            self.wire.clone(),
            self.clock.clone(),
        )
        .unwrap();
    }

    pub fn control(&self, method: &str, path: &str, body: &Json) -> Json {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("/__sandbox/{path}"))
            .body(Bytes::from(body.to_string()))
            .unwrap();
        let Outcome::Answer(response) = self.wire.sandbox.lock().unwrap().handle(&request, self.clock.now())
        else {
            panic!("a control call without an answer")
        };
        assert!(response.status().is_success(), "{body}: {}", String::from_utf8_lossy(response.body()));
        serde_json::from_slice(response.body()).unwrap()
    }

    pub fn admin(&self, command: Json) -> Json {
        self.control("POST", "admin", &command)
    }

    pub fn fault(&self, rules: Json) {
        self.control("POST", "faults", &json!({"rules": rules}));
    }

    pub fn create(&self, object: &str, fields: Json) -> String {
        let made = self.admin(json!({"do": "create", "object": object, "fields": fields}));
        made["id"].as_str().unwrap().to_owned()
    }

    pub fn edit(&self, id: &str, fields: Json) {
        self.admin(json!({"do": "edit", "id": id, "fields": fields}));
    }

    pub fn meter(&self, name: &str) -> u64 {
        self.control("GET", "calls", &Json::Null)[name].as_u64().unwrap()
    }

    pub fn violations(&self) -> Json {
        self.control("GET", "calls", &Json::Null)["violations"].clone()
    }

    pub fn row(&self, object: &str, id: &str) -> Json {
        let dump = self.control("GET", &format!("dump?object={object}"), &Json::Null);
        let rows = dump["objects"][object].as_array().unwrap();
        rows.iter().find(|row| row["Id"] == id).cloned().unwrap_or_default()
    }

    pub fn count(&self, object: &str) -> usize {
        let dump = self.control("GET", &format!("dump?object={object}"), &Json::Null);
        dump["objects"][object].as_array().map_or(0, Vec::len)
    }

    /// Bodies sent to a path that ends so.
    pub fn sent(&self, ending: &str) -> Vec<String> {
        let asked = self.wire.asked.lock().unwrap();
        asked.iter().filter(|(path, _)| path.ends_with(ending)).map(|(_, body)| body.clone()).collect()
    }

    /// One cycle: pages until there are no more. Returns what was seen, in order.
    pub fn cycle(&mut self, want: &CaptureWant) -> Vec<Observation> {
        self.try_cycle(want).unwrap()
    }

    pub fn try_cycle(&mut self, want: &CaptureWant) -> Result<Vec<Observation>, VendorError> {
        let mut seen = Vec::new();
        for _ in 0..1000 {
            let page = self.try_page(want)?;
            seen.extend(page.observations);
            if !page.more {
                return Ok(seen);
            }
        }
        panic!("capture never ends")
    }

    /// One page, taken in.
    pub fn page(&mut self, want: &CaptureWant) -> CapturePage {
        self.try_page(want).unwrap()
    }

    fn try_page(&mut self, want: &CaptureWant) -> Result<CapturePage, VendorError> {
        let page = now_or_never(self.vendor.capture(want, &self.cursor, &self.stored))?;
        let mut stored = self.stored.0.lock().unwrap();
        for observation in &page.observations {
            let mut merged = observation.clone();
            if let Some(before) = stored.get(&observation.record) {
                merged.version = observation.version.clone().or_else(|| before.version.clone());
            }
            stored.insert(observation.record.clone(), merged);
        }
        drop(stored);
        self.cursor = page.cursor.clone();
        Ok(page)
    }

    pub fn write(&self, rows: Vec<WriteRow>) -> Vec<RowOutcome> {
        let mut outcomes = Vec::new();
        for call in self.vendor.pack(rows) {
            outcomes.extend(now_or_never(self.vendor.write(&call)).unwrap());
        }
        outcomes
    }
}

pub fn want(objects: &[(&str, &[&str])]) -> CaptureWant {
    let objects = objects
        .iter()
        .map(|(object, names)| {
            let (edges, fields): (Vec<FieldName>, Vec<FieldName>) = names
                .iter()
                .map(|name| FieldName::from(*name))
                .partition(|name| name.as_str().starts_with('@'));
            ObjectWant { object: (*object).into(), fields, edges }
        })
        .collect();
    CaptureWant { objects }
}

pub fn everything() -> CaptureWant {
    want(&[
        ("Account", &["Name", "OwnerId", "ParentId", "Website"]),
        ("Contact", &["AccountId", "Email", "FirstName", "LastName"]),
        ("Lead", &["Company", "Email", "LastName", "OwnerId"]),
        (
            "Opportunity",
            &["@OpportunityContactRole", "AccountId", "Amount", "CloseDate", "Name", "StageName"],
        ),
        ("User", &["Email", "IsActive", "Name"]),
    ])
}

pub fn entity(number: u128) -> EntityId {
    EntityId(uuid::Uuid::from_u128(number))
}

pub fn row(number: u128, write: Write) -> WriteRow {
    WriteRow { operation: OperationId(number as u64), entity: entity(number), write }
}

pub fn text(value: &str) -> Option<Value> {
    Value::text(value)
}

pub fn fields(pairs: &[(&str, Option<Value>)]) -> Vec<(FieldName, Option<Value>)> {
    pairs.iter().map(|(name, value)| (FieldName::from(*name), value.clone())).collect()
}

pub fn new_account(number: u128, name: &str) -> WriteRow {
    row(
        number,
        Write::Create {
            object: "Account".into(),
            key_field: Some(KEY.into()),
            fields: fields(&[("Name", text(name))]),
        },
    )
}

pub fn update(number: u128, object: &str, id: &str, pairs: &[(&str, Option<Value>)]) -> WriteRow {
    let record = RecordRef::new("sf", object, id);
    row(number, Write::Update { record, version: None, fields: fields(pairs) })
}

pub fn field<'a>(seen: &'a Observation, name: &str) -> &'a Observed {
    seen.fields
        .iter()
        .find(|(field, _)| field.as_str() == name)
        .map_or(&Observed::NotFetched, |(_, value)| value)
}

pub fn of<'a>(seen: &'a [Observation], id: &str) -> Vec<&'a Observation> {
    seen.iter().filter(|observation| observation.record.id.as_str() == id).collect()
}

pub fn last<'a>(seen: &'a [Observation], id: &str) -> &'a Observation {
    of(seen, id).last().copied().unwrap_or_else(|| panic!("{id} was not seen"))
}
