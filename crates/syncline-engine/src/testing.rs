//! For this crate's tests: two connections to a vendor that shows whatever a test tells it to, over a real store in
//! memory.

use crate::{
    connections,
    ctx::{Ctx, Outside},
    entropy::Entropy,
    error::Error,
    registry::Build,
    secrets::{self, Key, Secret},
    workspace::Workspace,
};
use jiff::{SignedDuration, Timestamp};
use std::{
    collections::{BTreeMap, VecDeque},
    future::ready,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};
use syncline_core::config;
use syncline_kit::{
    BoxFuture, Clock, HttpRequest, HttpResponse, Transport, TransportError,
    vendor::{
        CapturePage, CaptureWant, Cursor, Cycle, Hint, Known, Probe, Referrer, RowOutcome, SetupStep, Vendor,
        VendorError, WebhookRefused, WriteCall, WriteRow,
    },
};
use syncline_model::{
    Account, ConnectionName, FieldSchema, FieldType, ObjectName, ObjectSchema, Observation, RecordRef,
    RecordState, Value, VendorName, Version,
};
use syncline_store::{Batch, Store, sqlite::SqliteStore};
use uuid::Uuid;

/// People with an e-mail address and a name on both sides, organisations on the left.
pub(crate) const CONFIG: &str = r#"
format = 1
model = "contacts_only"
tie = "right"
[connection.left]
vendor = "hubspot"
account = "L1"
keys = "none"
[connection.right]
vendor = "salesforce"
keys = "none"
[kind.person]
records = { left = ["contacts"], right = ["Contact"] }
match = ["email"]
[kind.person.field.email]
type = "email"
left = "email"
right = "Email"
rule = "two_way"
[kind.person.field.last_name]
type = "text"
left = "lastname"
right = "LastName"
rule = "two_way"
"#;

/// What a fake vendor shows; tests change it as they go.
#[derive(Default)]
pub(crate) struct Shown {
    pub(crate) account: Mutex<Option<String>>,
    pub(crate) account_calls: Mutex<u32>,
    pub(crate) describe_calls: Mutex<u32>,
    pub(crate) schemas: Mutex<Vec<ObjectSchema>>,
    pub(crate) pages: Mutex<VecDeque<Vec<Observation>>>,
    /// How many pages end a cycle that a former run began.
    pub(crate) rest: Mutex<usize>,
    /// Why it cannot be read, if so.
    pub(crate) down: Mutex<Option<&'static str>>,
    pub(crate) renewed: Mutex<Option<serde_json::Value>>,
    /// What the adapter was handed, by process.
    pub(crate) remembered: Mutex<Vec<Vec<ObjectName>>>,
    pub(crate) pace: Mutex<Option<serde_json::Value>>,
    pub(crate) resumed: Mutex<Vec<serde_json::Value>>,
}

pub(crate) struct Fake {
    connection: ConnectionName,
    vendor: VendorName,
    shown: Arc<Shown>,
}

fn done<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, Result<T, VendorError>> {
    Box::pin(ready(Ok(value)))
}

impl Vendor for Fake {
    fn name(&self) -> VendorName {
        self.vendor.clone()
    }
    fn connection(&self) -> &ConnectionName {
        &self.connection
    }
    fn account(&self) -> BoxFuture<'_, Result<Account, VendorError>> {
        *self.shown.account_calls.lock().unwrap() += 1;
        match &*self.shown.account.lock().unwrap() {
            Some(id) => done(Account {
                id: id.as_str().into(),
                currency: None,
                time_zone: "UTC".into(),
                user: "tester".into(),
                user_id: None,
            }),
            None => Box::pin(ready(Err(VendorError::Credentials("expired".to_owned())))),
        }
    }
    fn describe<'a>(&'a self, _: &'a [ObjectName]) -> BoxFuture<'a, Result<Vec<ObjectSchema>, VendorError>> {
        *self.shown.describe_calls.lock().unwrap() += 1;
        done(self.shown.schemas.lock().unwrap().clone())
    }
    fn capture<'a>(
        &'a self,
        _: &'a CaptureWant,
        cursor: &'a Cursor,
        _: &'a dyn Known,
    ) -> BoxFuture<'a, Result<CapturePage, VendorError>> {
        if let Some(why) = *self.shown.down.lock().unwrap() {
            return Box::pin(ready(Err(VendorError::Unavailable(why.to_owned()))));
        }
        let mut pages = self.shown.pages.lock().unwrap();
        let observations = pages.pop_front();
        let step = cursor.0.as_u64().unwrap_or(0);
        let cursor = Cursor((step + u64::from(observations.is_some())).into());
        let observations = observations.unwrap_or_default();
        let mut rest = self.shown.rest.lock().unwrap();
        let (cycle, more) = match rest.checked_sub(1) {
            Some(left) => {
                *rest = left;
                (Cycle::Resumed, left > 0)
            }
            None => (Cycle::Begun, !pages.is_empty()),
        };
        done(CapturePage { observations, cursor, cycle, more, schemas: Vec::new() })
    }
    fn read<'a>(
        &'a self,
        _: &'a CaptureWant,
        records: &'a [RecordRef],
    ) -> BoxFuture<'a, Result<Vec<Observation>, VendorError>> {
        let pages = self.shown.pages.lock().unwrap();
        let seen = pages.iter().flatten().filter(|seen| records.contains(&seen.record));
        done(seen.cloned().collect())
    }
    fn referrers<'a>(
        &'a self,
        _: &'a CaptureWant,
        _: &'a [RecordRef],
    ) -> BoxFuture<'a, Result<Vec<Referrer>, VendorError>> {
        done(Vec::new())
    }
    fn pack(&self, _: Vec<WriteRow>) -> Vec<WriteCall> {
        Vec::new()
    }
    fn write<'a>(&'a self, _: &'a WriteCall) -> BoxFuture<'a, Result<Vec<RowOutcome>, VendorError>> {
        done(Vec::new())
    }
    fn probe<'a>(&'a self, _: &'a [WriteRow]) -> BoxFuture<'a, Result<Vec<Probe>, VendorError>> {
        done(Vec::new())
    }
    fn setup_plan<'a>(&'a self, _: &'a [ObjectName]) -> BoxFuture<'a, Result<Vec<SetupStep>, VendorError>> {
        done(Vec::new())
    }
    fn setup_apply<'a>(&'a self, _: &'a [SetupStep]) -> BoxFuture<'a, Result<Vec<SetupStep>, VendorError>> {
        done(Vec::new())
    }
    fn register_webhooks<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<String>, VendorError>> {
        done(None)
    }
    fn hints(&self, _: &HttpRequest, _: &str, _: Timestamp) -> Result<Vec<Hint>, WebhookRefused> {
        Err(WebhookRefused::NotHere)
    }
    fn remember(&self, schemas: &[ObjectSchema]) {
        let objects = schemas.iter().map(|schema| schema.object.clone()).collect();
        self.shown.remembered.lock().unwrap().push(objects);
    }
    fn pace(&self) -> Option<serde_json::Value> {
        self.shown.pace.lock().unwrap().clone()
    }
    fn resume_pace(&self, pace: &serde_json::Value) {
        self.shown.resumed.lock().unwrap().push(pace.clone());
    }
    fn changed_credentials(&self) -> Option<serde_json::Value> {
        self.shown.renewed.lock().unwrap().take()
    }
}

/// A clock that a test sets.
pub(crate) struct Hands(pub(crate) Mutex<Timestamp>);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(ready(()))
    }
}

struct NoNetwork;

impl Transport for NoNetwork {
    fn send(&self, _: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        Box::pin(ready(Err(TransportError::NotSent("no network in tests".to_owned()))))
    }
}

/// Two connected fakes, `left` and `right`, in an empty workspace.
pub(crate) struct Bench {
    pub(crate) left: Arc<Shown>,
    pub(crate) right: Arc<Shown>,
    pub(crate) clock: Arc<Hands>,
    pub(crate) outside: Outside,
    pub(crate) workspace: Arc<Workspace>,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::in_dir(Path::new("")).await
    }

    /// For commands that edit the configuration.
    pub(crate) async fn in_dir(dir: &Path) -> Self {
        let shown = |account: &str, object: &str, fields: [&str; 2]| {
            let shown = Shown::default();
            *shown.account.lock().unwrap() = Some(account.to_owned());
            *shown.schemas.lock().unwrap() = vec![schema(object, fields)];
            Arc::new(shown)
        };
        let clock = Arc::new(Hands(Mutex::new(Timestamp::from_second(1_800_000_000).unwrap())));
        let entropy = Arc::new(Entropy::seeded(1));
        let store: Arc<dyn Store> = Arc::new(SqliteStore::in_memory().unwrap());
        let key = Key::random(&entropy);
        let mut batch = Batch::at(clock.now());
        for (name, vendor) in [("left", "hubspot"), ("right", "salesforce")] {
            let secret =
                Secret { vendor: vendor.into(), url: None, credentials: serde_json::json!({"t": name}) };
            secrets::put(&mut batch, &key, &entropy, &name.into(), &secret).unwrap();
        }
        store.commit(batch).await.unwrap();
        let mut workspace = Workspace::of_parts(Uuid::from_u128(7), read(CONFIG), store, key);
        workspace.dir = dir.to_owned();
        Self {
            left: shown("L1", "contacts", ["email", "lastname"]),
            right: shown("R1", "Contact", ["Email", "LastName"]),
            outside: Outside { transport: Arc::new(NoNetwork), clock: clock.clone(), entropy },
            clock,
            workspace: Arc::new(workspace),
        }
    }

    pub(crate) fn build(&self) -> Box<Build> {
        let shown = BTreeMap::from([
            (ConnectionName::from("left"), self.left.clone()),
            (ConnectionName::from("right"), self.right.clone()),
        ]);
        Box::new(move |connection, secret, _, _, _| {
            let shown = shown.get(connection).cloned().unwrap_or_default();
            let vendor: Arc<dyn Vendor> =
                Arc::new(Fake { connection: connection.clone(), vendor: secret.vendor.clone(), shown });
            Ok(vendor)
        })
    }

    pub(crate) async fn open(&self) -> Result<Ctx, Error> {
        Ctx::open(self.workspace.clone(), self.outside.clone(), &*self.build()).await
    }

    pub(crate) fn advance(&self, by: SignedDuration) {
        *self.clock.0.lock().unwrap() += by;
    }

    pub(crate) async fn account_of(&self, name: &str) -> Option<String> {
        let stored = connections::load_account(&*self.workspace.store, &name.into()).await.unwrap();
        stored.map(|checked| checked.account.id.to_string())
    }

    /// The token that the next process has.
    pub(crate) async fn token_of(&self, name: &str) -> serde_json::Value {
        let key = self.workspace.key().unwrap();
        let stored = secrets::load(&*self.workspace.store, key, &name.into()).await.unwrap();
        stored.unwrap().credentials["t"].clone()
    }
}

fn read(text: &str) -> config::Config {
    config::parse(&[("syncline.toml", text)]).unwrap_or_else(|problems| {
        panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}

/// An object with two text fields.
pub(crate) fn schema(object: &str, fields: [&str; 2]) -> ObjectSchema {
    let field = |name: &str| FieldSchema {
        label: name.into(),
        field_type: if name.eq_ignore_ascii_case("email") { FieldType::Email } else { FieldType::Text },
        createable: true,
        updateable: true,
        required: false,
        unique_key: false,
        max_length: None,
        scale: None,
        options: Vec::new(),
        restricted: false,
    };
    ObjectSchema {
        object: object.into(),
        createable: true,
        updateable: true,
        fields: fields.map(|name| (name.into(), field(name))).into_iter().collect(),
    }
}

/// A live left contact at version `version`.
pub(crate) fn contact(id: &str, version: i64, email: &str, name: &str) -> Observation {
    Observation {
        record: RecordRef::new("left", "contacts", id),
        version: Some(Version(version.to_string().into())),
        modified: Some(Timestamp::from_second(1_700_000_000 + version).unwrap()),
        state: RecordState::Live,
        fields: vec![
            ("email".into(), Value::text(email).into()),
            ("lastname".into(), Value::text(name).into()),
        ],
    }
}
