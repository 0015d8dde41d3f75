//! The connector: a typed client of Salesforce's REST API and its implementation of the vendor contract.

mod capture;
mod client;
mod composite;
mod credentials;
mod errors;
mod ids;
mod org;
mod origin;
mod read;
mod reading;
mod referrers;
mod schema;
mod settings;
mod setup;
mod soql;
mod time;
mod value;
mod write;

pub use setup::KEY_FIELD;

use client::Client;
use credentials::Credentials;
use jiff::Timestamp;
use std::sync::{Arc, Mutex};
use syncline_kit::{
    BoxFuture, Clock, HttpRequest, Transport,
    daily::Share,
    vendor::{
        CapturePage, CaptureWant, ClockOffset, Cursor, Hint, Known, Origin, Probe, Referrer, RowOutcome,
        SetupStep, Vendor, VendorError, WebhookRefused, WriteCall, WriteRow,
    },
};
use syncline_model::{
    Account, ConnectionName, Currency, ObjectName, ObjectSchema, Observation, RecordRef, VendorName,
};

/// The API's root. Version 59.0 (Winter '24): in every org, and the version that the local server was judged with by
/// foreign clients [probe: research §1].
pub(crate) const API: &str = "/services/data/v59.0";
/// Names this client in change events [doc: research §2.5].
pub(crate) const CALL_OPTIONS: &str = "client=syncline";
/// The pseudo-field of an opportunity that carries its contact roles.
pub const ROLE_FIELD: &str = "@OpportunityContactRole";
/// The object whose rows are contact roles.
pub(crate) const ROLE_OBJECT: &str = "OpportunityContactRole";

/// How a connection behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Owners are mapped: the org's assignment rules must not change them (`Sforce-Auto-Assign: FALSE`).
    pub owner_mapped: bool,
    /// Updates are conditional on the record's version, at the price of one subrequest a row.
    pub strict: bool,
    /// The share of the org's remaining daily calls that this connection may use.
    pub daily_share: Share,
}

impl Default for Options {
    fn default() -> Self {
        Self { owner_mapped: true, strict: false, daily_share: Share::default() }
    }
}

/// One connection to one org.
pub struct Salesforce {
    connection: ConnectionName,
    options: Options,
    client: Client,
    /// The org's currency as the credentials state it; what the org itself tells comes first.
    stated_currency: Option<Currency>,
    memory: Mutex<org::Memory>,
}

impl Salesforce {
    /// A connection with credentials as a sandbox prints them or as `connect` reads them: an `access_token` with its
    /// `instance_url`, or what a new token is asked with (`refresh_token`, or `client_id` with `client_secret`, or
    /// `client_id` with `username` and `private_key`), `login_url` where it is not the vendor's common one, and
    /// `currency` for an org that does not tell its own.
    ///
    /// # Errors
    /// [`VendorError::Credentials`] where they cannot lead to a token.
    pub fn new(
        connection: ConnectionName,
        credentials: serde_json::Value,
        options: Options,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, VendorError> {
        let credentials = Credentials::read(credentials)?;
        let stated_currency = credentials.currency()?;
        let client = Client::new(credentials, options.daily_share, transport, clock);
        Ok(Self { connection, options, client, stated_currency, memory: Mutex::default() })
    }
}

impl Vendor for Salesforce {
    fn name(&self) -> VendorName {
        VendorName::from("salesforce")
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
        Box::pin(self.capture_page(want, cursor, known))
    }

    fn read<'a>(
        &'a self,
        want: &'a CaptureWant,
        records: &'a [RecordRef],
    ) -> BoxFuture<'a, Result<Vec<Observation>, VendorError>> {
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
        self.pack_rows(rows)
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
        Box::pin(async move {
            let objects: Vec<ObjectName> = steps.iter().map(|step| step.object.clone()).collect();
            self.plan_setup(&objects).await
        })
    }

    fn register_webhooks<'a>(&'a self, _url: &'a str) -> BoxFuture<'a, Result<Option<String>, VendorError>> {
        let text = "Salesforce is polled; nothing has to be set there.";
        Box::pin(std::future::ready(Ok(Some(text.to_owned()))))
    }

    fn hints(
        &self,
        _request: &HttpRequest,
        _public_url: &str,
        _now: Timestamp,
    ) -> Result<Vec<Hint>, WebhookRefused> {
        Err(WebhookRefused::NotHere)
    }

    fn clock_offset(&self) -> Option<ClockOffset> {
        self.client.clock_offset()
    }

    fn remember(&self, schemas: &[ObjectSchema]) {
        self.take_schemas(schemas);
    }

    fn pace(&self) -> Option<serde_json::Value> {
        self.client.pace()
    }

    fn resume_pace(&self, pace: &serde_json::Value) {
        self.client.resume_pace(pace);
    }

    fn recycle_bin(&self) -> &'static str {
        "Salesforce keeps it in the recycle bin for 15 days, where a person can undelete it: the REST API cannot"
    }

    fn changed_credentials(&self) -> Option<serde_json::Value> {
        self.client.changed()
    }
}
