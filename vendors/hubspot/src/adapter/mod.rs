//! The connector: a client of HubSpot's CRM API behind the engine's vendor contract.
//!
//! [`capture`] reads what is new, [`read`] reads by id, [`pack`] and [`write`] write, [`probe`] settles unknown outcomes
//! by strong reads. Everything that HubSpot spells in its own way is turned into values and back in [`codec`] and
//! [`edges`]. What the vendor promises and where it says so stands in this folder's README.

mod account;
mod capture;
mod client;
mod codec;
mod credentials;
mod edges;
mod fault;
mod origin;
mod pace;
mod pack;
mod probe;
mod read;
mod records;
mod schema;
mod setup;
mod signature;
mod webhooks;
mod write;

use client::Client;
use jiff::Timestamp;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use syncline_kit::{
    BoxFuture, Clock, HttpRequest, Transport,
    daily::Share,
    vendor::{
        CapturePage, CaptureWant, ClockOffset, Cursor, Hint, Known, Listing, ObjectWant, Origin, Probe,
        Referrer, RowOutcome, SetupStep, Vendor, VendorError, WebhookRefused, WriteCall, WriteRow,
    },
};
use syncline_model::{
    Account, ConnectionName, FieldName, ObjectName, ObjectSchema, Observation, RecordId, RecordRef,
    VendorName,
};

/// The vendor's name in configuration.
pub const VENDOR: &str = "hubspot";

/// What can be set about a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Calls in any ten seconds, search and associations apart. Lowered by what the account's own headers say.
    pub calls_per_ten_seconds: usize,
    /// Searches a second; the account has five for all its apps together [docs crm/search].
    pub searches_per_second: usize,
    /// Association calls in any ten seconds [d25 crm__associations].
    pub association_calls_per_ten_seconds: usize,
    /// The share of the account's remaining daily calls that this connection may use, where the account counts them.
    pub daily_share: Share,
    /// Whether the account's headers lower `calls_per_ten_seconds`; not where the credentials tell the limits.
    pub learns_limits: bool,
    /// Properties whose changes are announced by webhook, by object.
    pub webhook_properties: BTreeMap<ObjectName, Vec<FieldName>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            calls_per_ten_seconds: 180,
            searches_per_second: 5,
            association_calls_per_ten_seconds: 140,
            daily_share: Share::default(),
            learns_limits: true,
            webhook_properties: webhooks::usual_properties(),
        }
    }
}

impl Options {
    /// With what a connection's credentials tell of the account's limits: an account with the limit increase has more
    /// calls [d25 usage-details], a sandbox without limits has no end of them.
    fn told(mut self, credentials: &serde_json::Value) -> Self {
        let limits = &credentials["limits"];
        let limit = |name: &str| limits[name].as_u64().and_then(|limit| usize::try_from(limit).ok());
        if let Some(calls) = limit("calls_per_ten_seconds") {
            self.calls_per_ten_seconds = calls;
            self.learns_limits = false;
        }
        if let Some(calls) = limit("searches_per_second") {
            self.searches_per_second = calls;
        }
        if let Some(calls) = limit("association_calls_per_ten_seconds") {
            self.association_calls_per_ten_seconds = calls;
        }
        self
    }
}

/// One connection to one portal.
pub struct HubSpot {
    connection: ConnectionName,
    client: Client,
    options: Options,
    /// Definitions as last read or handed over, by object.
    schemas: Mutex<schema::Schemas>,
    /// The portal's currencies, once they were asked for.
    currencies: Mutex<Option<account::Currencies>>,
    /// The portal that the credentials lead to, once it was asked for.
    portal: Mutex<Option<Arc<str>>>,
    /// The app that this connection is, once it was asked for.
    app: Mutex<origin::App>,
    /// Labels of each sort of edge, once asked for.
    labels: Mutex<BTreeMap<&'static str, Arc<Vec<edges::Label>>>>,
    /// What is read of each object, as last asked: a created record's answer is complete, so it is taken in whole.
    wants: Mutex<BTreeMap<ObjectName, ObjectWant>>,
    /// When records were last written from here, by the vendor's clock: the search index may still show what was before.
    written: Mutex<BTreeMap<(ObjectName, RecordId), Timestamp>>,
}

impl HubSpot {
    /// A connection; no call is made yet.
    ///
    /// `credentials`: `{"access_token"}` of a private app or service key, or `{"refresh_token", "client_id",
    /// "client_secret"}` of an OAuth app; optionally `base_url`, `portal_id`, and `app_id` with `developer_key`, which
    /// webhooks are registered with.
    ///
    /// # Errors
    /// [`VendorError::Credentials`] where there is nothing to sign in with.
    pub fn new(
        connection: ConnectionName,
        credentials: serde_json::Value,
        options: Options,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, VendorError> {
        let options = options.told(&credentials);
        let credentials = credentials::Credentials::new(credentials)?;
        Ok(Self {
            connection,
            client: Client::new(credentials, &options, transport, clock),
            options,
            schemas: Mutex::default(),
            currencies: Mutex::default(),
            portal: Mutex::default(),
            app: Mutex::default(),
            labels: Mutex::default(),
            wants: Mutex::default(),
            written: Mutex::default(),
        })
    }

    fn note_want(&self, want: &CaptureWant) {
        let mut wants = lock(&self.wants);
        for one in &want.objects {
            if wants.get(&one.object) != Some(one) {
                wants.insert(one.object.clone(), one.clone());
            }
        }
    }

    fn record(&self, object: impl Into<ObjectName>, id: impl Into<RecordId>) -> RecordRef {
        RecordRef::new(self.connection.clone(), object, id)
    }
}

/// Locks; what a panicking holder left behind is a cache like any other.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Vendor for HubSpot {
    fn name(&self) -> VendorName {
        VendorName::from(VENDOR)
    }

    fn connection(&self) -> &ConnectionName {
        &self.connection
    }

    fn account(&self) -> BoxFuture<'_, Result<Account, VendorError>> {
        Box::pin(self.read_account())
    }

    fn describe<'a>(
        &'a self,
        objects: &'a [ObjectName],
    ) -> BoxFuture<'a, Result<Vec<ObjectSchema>, VendorError>> {
        Box::pin(self.read_schemas(objects))
    }

    fn capture<'a>(
        &'a self,
        want: &'a CaptureWant,
        cursor: &'a Cursor,
        known: &'a dyn Known,
    ) -> BoxFuture<'a, Result<CapturePage, VendorError>> {
        self.note_want(want);
        Box::pin(capture::page(self, want, cursor, known))
    }

    fn read<'a>(
        &'a self,
        want: &'a CaptureWant,
        records: &'a [RecordRef],
    ) -> BoxFuture<'a, Result<Vec<Observation>, VendorError>> {
        self.note_want(want);
        Box::pin(self.read_records(want, records))
    }

    fn referrers<'a>(
        &'a self,
        want: &'a CaptureWant,
        records: &'a [RecordRef],
    ) -> BoxFuture<'a, Result<Vec<Referrer>, VendorError>> {
        Box::pin(self.read_referrers(want, records))
    }

    fn pack(&self, rows: Vec<WriteRow>) -> Vec<WriteCall> {
        pack::pack(rows)
    }

    fn write<'a>(&'a self, call: &'a WriteCall) -> BoxFuture<'a, Result<Vec<RowOutcome>, VendorError>> {
        Box::pin(self.write_call(call))
    }

    fn probe<'a>(&'a self, rows: &'a [WriteRow]) -> BoxFuture<'a, Result<Vec<Probe>, VendorError>> {
        Box::pin(self.probe_rows(rows))
    }

    fn origins<'a>(
        &'a self,
        records: &'a [RecordRef],
    ) -> BoxFuture<'a, Result<Vec<Option<Origin>>, VendorError>> {
        Box::pin(self.read_origins(records))
    }

    fn setup_plan<'a>(
        &'a self,
        objects: &'a [ObjectName],
    ) -> BoxFuture<'a, Result<Vec<SetupStep>, VendorError>> {
        Box::pin(self.plan_setup(objects))
    }

    fn setup_apply<'a>(
        &'a self,
        steps: &'a [SetupStep],
    ) -> BoxFuture<'a, Result<Vec<SetupStep>, VendorError>> {
        Box::pin(self.apply_setup(steps))
    }

    fn register_webhooks<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Option<String>, VendorError>> {
        Box::pin(self.subscribe(url))
    }

    fn hints(
        &self,
        request: &HttpRequest,
        public_url: &str,
        now: Timestamp,
    ) -> Result<Vec<Hint>, WebhookRefused> {
        self.take_webhook(request, public_url, now)
    }

    fn clock_offset(&self) -> Option<ClockOffset> {
        self.client.clock_offset()
    }

    fn remember(&self, schemas: &[ObjectSchema]) {
        lock(&self.schemas).remember(schemas);
    }

    fn pace(&self) -> Option<serde_json::Value> {
        self.client.pace()
    }

    fn resume_pace(&self, pace: &serde_json::Value) {
        self.client.resume_pace(pace);
    }

    fn listing(&self) -> Listing {
        Listing::Late
    }

    fn recycle_bin(&self) -> &'static str {
        "HubSpot keeps it among the deleted records for 90 days, where only a person can restore it: no API does"
    }

    fn changed_credentials(&self) -> Option<serde_json::Value> {
        self.client.changed_credentials()
    }
}
