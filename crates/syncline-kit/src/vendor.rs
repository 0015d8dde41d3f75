//! The contract between a vendor's adapter and the engine. An adapter turns wire formats into observations and
//! operations' rows into the fewest safe calls; it decides nothing about records, and it never sees the store.

use crate::{BoxFuture, HttpRequest};
use jiff::Timestamp;
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use syncline_model::{
    Account, ConnectionName, EntityId, FieldName, ObjectName, ObjectSchema, Observation, OperationId,
    RecordId, RecordRef, Value, VendorName, Version,
};

/// One connection to one account at a vendor.
pub trait Vendor: Send + Sync {
    /// The vendor.
    fn name(&self) -> VendorName;

    /// The connection's name.
    fn connection(&self) -> &ConnectionName;

    /// To which account the credentials lead, and with whose rights.
    fn account(&self) -> BoxFuture<'_, Result<Account, VendorError>>;

    /// The live schemas of these objects. An object that does not exist or may not be seen is missing from the answer.
    fn describe<'a>(
        &'a self,
        objects: &'a [ObjectName],
    ) -> BoxFuture<'a, Result<Vec<ObjectSchema>, VendorError>>;

    /// Reads on from `cursor`: one page. `Cursor::default()` starts the initial load. The engine stores the page and the
    /// new cursor in one transaction and calls again while [`CapturePage::more`]. A cursor between two pages goes on with its
    /// cycle, however long ago that began; any other begins one ([`CapturePage::cycle`]).
    fn capture<'a>(
        &'a self,
        want: &'a CaptureWant,
        cursor: &'a Cursor,
        known: &'a dyn Known,
    ) -> BoxFuture<'a, Result<CapturePage, VendorError>>;

    /// Reads these records as they are now, by id (a strong read), edges included. A record that is gone comes back as a
    /// tombstone; a merged one as [`syncline_model::RecordState::MergedInto`], followed by its survivor. Where a survivor says
    /// which records were merged into it, those come as merged too, asked for or not, known or not.
    fn read<'a>(
        &'a self,
        want: &'a CaptureWant,
        records: &'a [RecordRef],
    ) -> BoxFuture<'a, Result<Vec<Observation>, VendorError>>;

    /// Who refers to these records by what is captured, as the vendor shows it now (a strong read, asked from the side of what
    /// is referred to). Where a relation moves no stamp on the record that has it, no capture tells of a new one.
    fn referrers<'a>(
        &'a self,
        want: &'a CaptureWant,
        records: &'a [RecordRef],
    ) -> BoxFuture<'a, Result<Vec<Referrer>, VendorError>>;

    /// Splits rows into calls, in the order given as far as the vendor allows, each within the vendor's limits. Pure: no
    /// call is made. Rows that another row of the same slice depends on have been written before.
    fn pack(&self, rows: Vec<WriteRow>) -> Vec<WriteCall>;

    /// Makes one call. `Err` only where *nothing* was written; per row otherwise, in the call's order.
    fn write<'a>(&'a self, call: &'a WriteCall) -> BoxFuture<'a, Result<Vec<RowOutcome>, VendorError>>;

    /// Settles rows whose outcome is unknown, by a strong read; in the order of `rows`.
    fn probe<'a>(&'a self, rows: &'a [WriteRow]) -> BoxFuture<'a, Result<Vec<Probe>, VendorError>>;

    /// Who made these records, and when, by a strong read; in the order asked for. `None`: the vendor does not say.
    fn origins<'a>(
        &'a self,
        records: &'a [RecordRef],
    ) -> BoxFuture<'a, Result<Vec<Option<Origin>>, VendorError>> {
        Box::pin(std::future::ready(Ok(vec![None; records.len()])))
    }

    /// What is missing at the vendor for planted keys on these objects.
    fn setup_plan<'a>(
        &'a self,
        objects: &'a [ObjectName],
    ) -> BoxFuture<'a, Result<Vec<SetupStep>, VendorError>>;

    /// Carries out the steps that can be done through the API; returns them all with [`SetupStep::done`] told truly.
    fn setup_apply<'a>(
        &'a self,
        steps: &'a [SetupStep],
    ) -> BoxFuture<'a, Result<Vec<SetupStep>, VendorError>>;

    /// Asks the vendor to send webhooks to `url`; `Ok(None)` where done, `Ok(Some(text))` says what a person has to set.
    fn register_webhooks<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Option<String>, VendorError>>;

    /// Verifies a webhook's signature (in constant time) and says where to look. `public_url` is the address the vendor
    /// called, as the vendor signs it.
    fn hints(
        &self,
        request: &HttpRequest,
        public_url: &str,
        now: Timestamp,
    ) -> Result<Vec<Hint>, WebhookRefused>;

    /// How far the vendor's clock is ahead of ours, and how sure that is (half a round trip, at least the stamps'
    /// resolution); `None` before the first answer with a `Date` header.
    fn clock_offset(&self) -> Option<ClockOffset> {
        None
    }

    /// Hands over schemas that are stored and fresh, so that a new process need not read them again.
    fn remember(&self, schemas: &[ObjectSchema]) {
        let _ = schemas;
    }

    /// How what [`Vendor::capture`] lists keeps up with the records.
    fn listing(&self) -> Listing {
        Listing::Current
    }

    /// What becomes of an archived record, and who can bring it back: for people who undo a run.
    fn recycle_bin(&self) -> &'static str {
        "only a person can restore it there"
    }

    /// How the vendor's limits stand, for the next process on this machine: limits do not end with a process.
    fn pace(&self) -> Option<serde_json::Value> {
        None
    }

    /// What [`Vendor::pace`] said at the end of the last process.
    fn resume_pace(&self, pace: &serde_json::Value) {
        let _ = pace;
    }

    /// Credentials that changed since the last call (a refreshed token), to be stored encrypted.
    fn changed_credentials(&self) -> Option<serde_json::Value>;
}

/// How a vendor's lists keep up with its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// They show what is so now.
    Current,
    /// They come from an index that follows at a distance: only a read by id tells what is so now.
    Late,
}

/// A vendor's clock against ours. Stamps of two vendors are compared only after taking this off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockOffset {
    /// Vendor's time minus ours.
    pub ahead: jiff::SignedDuration,
    /// The true offset lies within this much on either side.
    pub uncertainty: jiff::SignedDuration,
}

/// What is captured of a connection: mapped fields, identity fields and inputs of scope, no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureWant {
    /// By object.
    pub objects: Vec<ObjectWant>,
}

/// What is captured of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectWant {
    /// The object.
    pub object: ObjectName,
    /// Plain fields, reference fields among them, sorted.
    pub fields: Vec<FieldName>,
    /// Pseudo-fields that carry edges (`@deal_to_company`), sorted.
    pub edges: Vec<FieldName>,
}

/// A live record that refers to another one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Referrer {
    /// The one that refers.
    pub child: RecordRef,
    /// By which (pseudo-)field of it.
    pub field: FieldName,
    /// What it refers to.
    pub parent: RecordRef,
}

/// Where a connection's capture stands; its content is the adapter's own.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub serde_json::Value);

/// The cycle of a page. Only a cycle that has ended shows all that was there *when it began*: what changed since may have
/// been passed already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cycle {
    /// It began with this page.
    Begun,
    /// An earlier page began it, maybe one of a run that was cut off.
    Resumed,
}

/// One page.
#[derive(Debug, Clone, PartialEq)]
pub struct CapturePage {
    /// What was seen; re-reading what is known already is free.
    pub observations: Vec<Observation>,
    /// Where to go on.
    pub cursor: Cursor,
    /// To which cycle it belongs.
    pub cycle: Cycle,
    /// Whether this cycle has more to read.
    pub more: bool,
    /// Schemas that the vendor sent along because they changed.
    pub schemas: Vec<ObjectSchema>,
}

/// What the store knows of a connection's records; lets an adapter stop reading what is known.
pub trait Known: Send + Sync {
    /// Versions of these records as stored, in the order asked for; `None`: not stored, or without a version.
    fn versions<'a>(
        &'a self,
        object: &'a ObjectName,
        ids: &'a [RecordId],
    ) -> BoxFuture<'a, Vec<Option<Version>>>;
    /// How many live records of the object are stored with a modification stamp at or after `from`.
    fn count_since<'a>(&'a self, object: &'a ObjectName, from: Timestamp) -> BoxFuture<'a, u64>;
    /// Ids of live records stored, in ascending byte order, after `after`.
    fn ids<'a>(
        &'a self,
        object: &'a ObjectName,
        after: Option<RecordId>,
        limit: usize,
    ) -> BoxFuture<'a, Vec<RecordId>>;
    /// The relations with which these records are stored, by name, in the order asked for: those that lead somewhere.
    fn relations<'a>(
        &'a self,
        object: &'a ObjectName,
        ids: &'a [RecordId],
    ) -> BoxFuture<'a, Vec<BTreeSet<FieldName>>>;
    /// Those of these records that are stored as deleted.
    fn deleted<'a>(
        &'a self,
        object: &'a ObjectName,
        ids: &'a [RecordId],
    ) -> BoxFuture<'a, BTreeSet<RecordId>>;
}

/// One row to write.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct WriteRow {
    /// Of which operation.
    pub operation: OperationId,
    /// For which entity; its id is the planted key.
    pub entity: EntityId,
    /// What to write.
    pub write: Write,
}

/// A write with every reference resolved. `None` as a field's value clears it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Write {
    /// A new record.
    Create {
        /// Of this object.
        object: ObjectName,
        /// The field that carries the planted key; `None`: the object has none, the create is keyless.
        key_field: Option<FieldName>,
        /// The fields.
        fields: Vec<(FieldName, Option<Value>)>,
    },
    /// Changed fields of a record.
    Update {
        /// The record.
        record: RecordRef,
        /// Its version when the plan was made.
        version: Option<Version>,
        /// The fields.
        fields: Vec<(FieldName, Option<Value>)>,
    },
    /// A relation that the connection writes by a call of its own.
    Associate(EdgeWrite),
    /// The same, taken away.
    Dissociate(EdgeWrite),
    /// Into the recycle bin.
    Archive {
        /// The record.
        record: RecordRef,
    },
}

/// A relation to write.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct EdgeWrite {
    /// The (pseudo-)field.
    pub field: FieldName,
    /// The child.
    pub from: RecordRef,
    /// The parent.
    pub to: RecordRef,
    /// The role in this side's spelling.
    pub role: Option<Arc<str>>,
    /// Whether it is the primary one.
    pub primary: bool,
    /// The junction row to take away.
    pub row: Option<RecordId>,
}

/// One API call.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct WriteCall {
    /// Method and path template, for people.
    pub endpoint: String,
    /// How the adapter will shape it.
    pub shape: String,
    /// Its rows.
    pub rows: Vec<WriteRow>,
}

/// How one row ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowOutcome {
    /// Written.
    Confirmed {
        /// The record.
        record: RecordRef,
        /// Whether this call created it.
        created: bool,
        /// The record as the answer shows it, where it does.
        observation: Option<Observation>,
    },
    /// Refused; nothing was written for this row.
    Rejected(Rejection),
    /// Not written because of something that passes (a lock, a limit, another row's fault): send it again later.
    Again {
        /// Why.
        why: String,
    },
    /// Nobody knows.
    Unknown {
        /// Why.
        why: String,
    },
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// What follows from it.
    pub class: RejectionClass,
    /// The vendor's code.
    pub code: String,
    /// The vendor's message.
    pub message: String,
}

/// What follows from a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RejectionClass {
    /// These fields' values are not accepted (empty: the vendor does not say which).
    Fields(Vec<FieldName>),
    /// The vendor holds such a record already; the candidates, where it names them.
    Exists(Vec<RecordRef>),
    /// The record to be written is gone (deleted, merged or purged): read it.
    Gone,
    /// The lead was converted: read it and follow (CRM-4).
    Converted,
    /// The user may not.
    Permission,
    /// The record changed since the version given (`strict`).
    Moved,
    /// Anything else about this row.
    Other,
}

/// What a strong read found of a row with an unknown outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// The write took effect; the record as it is.
    Written(Box<Observation>),
    /// Some fields of an update hold what it writes, others do not: it took effect and somebody has changed these since, or it
    /// did not. The observation shows the former only.
    Partly(Box<Observation>),
    /// It certainly did not: sending it again is safe.
    NotWritten,
    /// Only a weak read exists, or reading failed for a reason that may pass.
    Undecided {
        /// Why.
        why: String,
    },
}

/// Where a record comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// When it was made, by the vendor's clock.
    pub created: Timestamp,
    /// Who made it.
    pub maker: Maker,
}

/// Who made a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maker {
    /// The user or app of this connection.
    Us,
    /// Certainly somebody else.
    Other,
    /// The vendor does not say, or may not be asked.
    Unknown,
}

/// Why a call did not work and nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VendorError {
    /// Credentials are refused, also after a refresh.
    #[error("the credentials are refused: {0}")]
    Credentials(String),
    /// The user lacks a right for the whole call.
    #[error("a permission is missing: {0}")]
    Permission(String),
    /// A limit is used up for longer than it is sensible to wait here.
    #[error("a limit is used up: {limit}")]
    Limit {
        /// Which.
        limit: String,
        /// How long to wait, where the vendor says.
        retry_after: Option<Duration>,
    },
    /// The vendor does not answer properly just now (5xx, HTML pages, resets), after retries.
    #[error("the vendor is unavailable: {0}")]
    Unavailable(String),
    /// The vendor refused the call as a whole; a mistake in the call or in the configuration.
    #[error("the vendor refused the call: {code}: {message}")]
    Refused {
        /// Its code.
        code: String,
        /// Its message.
        message: String,
    },
    /// The credentials lead to another account than before (a refreshed sandbox has another id): nothing is read from it
    /// or written to it.
    #[error("the credentials lead to account {found}, and this connection belongs to {expected}")]
    OtherAccount {
        /// The account so far.
        expected: String,
        /// The account now.
        found: String,
    },
    /// The answer is not what this API promises.
    #[error("the answer could not be read: {0}")]
    Protocol(String),
}

/// A step that prepares a vendor account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupStep {
    /// The object.
    pub object: ObjectName,
    /// The field or property.
    pub field: FieldName,
    /// In one line.
    pub what: String,
    /// What a person has to install where the API cannot do it (a metadata package), as files.
    pub by_hand: Vec<(String, String)>,
    /// Whether it is in place.
    pub done: bool,
}

/// Where a webhook says to look.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hint {
    /// The record that changed, appeared, vanished, or whose edges changed.
    pub record: RecordRef,
}

/// Why a webhook call is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookRefused {
    /// No signature, or one that does not fit.
    #[error("the signature does not fit")]
    Signature,
    /// Signed, but too long ago.
    #[error("the signature is older than five minutes")]
    Stale,
    /// Signed, but not understood.
    #[error("the content could not be read: {0}")]
    Content(String),
    /// This connection takes no webhooks.
    #[error("this connection takes no webhooks")]
    NotHere,
}
