//! What is kept: snapshots, links with their bases, work to do, reviews, the journal, and small state (cursors, schemas,
//! secrets as ciphertext). One trait; SQLite and PostgreSQL each with SQL of their own; one conformance suite for both.
//!
//! Every method is one transaction. All writing goes through [`Store::commit`]: what belongs together is one [`Batch`],
//! so a crash leaves all of it or nothing (HUB-11).
//!
//! Both databases answer alike, to the byte. Ids, keys and values may hold any text; names of connections, objects, lanes,
//! owners and matching keys may hold all but U+0000, which is refused. Times outside values are kept to the microsecond,
//! values and bases exactly; decimals have up to 28 digits and most of a 29th, as `rust_decimal` has.

pub mod audit;
pub mod batch;
mod codec;
mod ledger;
mod names;
pub mod past;
pub mod postgres;
mod rows;
mod sql;
pub mod sqlite;

pub use batch::{
    Batch, Committed, Dirty, DirtyKey, Fence, HeldWrite, JournalValue, LetGo, LinkWrite, MatchKey,
    ReviewWrite, WakeKey,
};

use jiff::Timestamp;
use std::{future::Future, pin::Pin};
use syncline_model::{
    ConnectionName, EntityId, JournalSeq, Kind, Link, ObjectName, RecordId, RecordRef, RunId, Snapshot,
    Version,
    journal::{CallId, JournalEntry, RowValues},
    plan::{Finding, Held},
    review::Review,
};

/// A boxed future; SQLite's are ready at once when called inline.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
/// A store's answer.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// The one way to what is kept.
pub trait Store: Send + Sync {
    /// A small state by key (`cursor/hubspot`, `schema/salesforce/Account`, `account/hubspot`).
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Vec<u8>>>;
    /// All small state whose key starts so, by key.
    fn list<'a>(&'a self, prefix: &'a str) -> Answer<'a, Vec<(String, Vec<u8>)>>;

    /// Records as stored with the links of all their facets, in the order asked for; `None`s where nothing is stored.
    fn records<'a>(&'a self, records: &'a [RecordRef]) -> Answer<'a, Vec<StoredRecord>>;
    /// Entities with all their links and those records' snapshots, in the order asked for.
    fn entities<'a>(&'a self, entities: &'a [EntityId]) -> Answer<'a, Vec<StoredEntity>>;
    /// Versions of records, in the order asked for.
    fn versions<'a>(
        &'a self,
        connection: &'a ConnectionName,
        object: &'a ObjectName,
        ids: &'a [RecordId],
    ) -> Answer<'a, Vec<Option<Version>>>;
    /// How many live records have a modification stamp at or after `from`.
    fn count_since<'a>(
        &'a self,
        connection: &'a ConnectionName,
        object: &'a ObjectName,
        from: Timestamp,
    ) -> Answer<'a, u64>;
    /// Ids of live records in ascending byte order after `after`.
    fn ids<'a>(
        &'a self,
        connection: &'a ConnectionName,
        object: &'a ObjectName,
        after: Option<&'a RecordId>,
        limit: usize,
    ) -> Answer<'a, Vec<RecordId>>;

    /// Records, live or converted, that were stored with each of these keys, in the order asked for, each sorted.
    fn by_keys<'a>(&'a self, kind: Kind, keys: &'a [MatchKey]) -> Answer<'a, Vec<Vec<RecordRef>>>;

    /// Work to do after `after` in its order: unlinked records by (level, record), then entities by (level, entity).
    fn dirty<'a>(&'a self, after: Option<&'a DirtyKey>, limit: usize) -> Answer<'a, Vec<Dirty>>;
    /// How much work there is.
    fn dirty_count(&self) -> Answer<'_, u64>;
    /// When the next held item's time limit ends, if any has one. A limit counts until its hold is replaced, also after
    /// it has woken its entity.
    fn next_due(&self) -> Answer<'_, Option<Timestamp>>;

    /// Held items and findings, of one entity or of all, by entity; `after` pages.
    fn held<'a>(
        &'a self,
        of: Option<EntityId>,
        after: Option<EntityId>,
        limit: usize,
    ) -> Answer<'a, Vec<StoredHeld>>;
    /// How many held items and findings there are.
    fn held_count(&self) -> Answer<'_, (u64, u64)>;

    /// Reviews after number `after`, open ones only or all.
    fn reviews(&self, open_only: OpenOnly, after: u64, limit: usize) -> Answer<'_, Vec<Review>>;
    /// One review.
    fn review(&self, id: u64) -> Answer<'_, Option<Review>>;

    /// Calls whose intent is stored and whose end is not: what a crash left behind.
    fn open_calls(&self) -> Answer<'_, Vec<OpenCall>>;

    /// Journal entries after `after`, oldest first; of one run or record where asked. With a record come the entries that
    /// name it or an entity that it is linked to now, and of each call among them both the intent and every end.
    /// Without a filter a missing entry is [`StoreError::Corrupt`].
    fn journal<'a>(
        &'a self,
        filter: &'a JournalFilter,
        after: JournalSeq,
        limit: usize,
    ) -> Answer<'a, Vec<JournalEntry>>;
    /// The values of these entries' rows, in the order asked for, each by row. Rows of which no values were ever kept (they
    /// are older than the keeping, or have none) are not listed.
    fn journal_values<'a>(&'a self, entries: &'a [JournalEntry]) -> Answer<'a, Vec<Vec<StoredValues>>>;
    /// The last position. [`StoreError::Corrupt`] if the journal's last entries are lost; a store that was set back whole
    /// shows a position before one that a plan remembers.
    fn journal_head(&self) -> Answer<'_, JournalSeq>;

    /// The account of all that is kept, as it stands and as it stood.
    fn ledger(&self) -> Answer<'_, past::Ledger>;
    /// Everything kept of records after a place, in the order of their places.
    fn past<'a>(&'a self, after: Option<&'a past::Place>, limit: usize) -> Answer<'a, Vec<past::Past>>;
    /// Journal entries after `after` as they are stored, oldest first, whatever is missing between them.
    fn chain(&self, after: JournalSeq, limit: usize) -> Answer<'_, Vec<past::ChainEntry>>;

    /// Writes a batch: all of it, durably, or nothing. Where it writes the same thing twice, the last counts. After
    /// [`StoreError::Engine`] nothing is written, except that a connection to PostgreSQL that is lost during the commit
    /// leaves the outcome unknown: [`Store::journal_head`] tells.
    fn commit<'a>(&'a self, batch: Batch) -> Answer<'a, Committed>;

    /// Claims a lane for `owner` until `until`; `None` while another holds it. The owner itself renews under the same
    /// epoch, also late; another's claim after a lapsed one (at or after its `until`) raises the epoch, which fences the
    /// former holder's batches. A lane that was given back is claimed anew by anybody, under a new epoch.
    fn claim_lane<'a>(
        &'a self,
        lane: &'a str,
        owner: &'a str,
        now: Timestamp,
        until: Timestamp,
    ) -> Answer<'a, Option<Fence>>;
    /// Gives a lane back, if this fence still holds it.
    fn release_lane<'a>(&'a self, fence: &'a Fence) -> Answer<'a, ()>;
}

/// Which reviews.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenOnly {
    /// Open ones.
    Yes,
    /// All.
    No,
}

/// Which journal entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JournalFilter {
    /// Of this run.
    pub run: Option<RunId>,
    /// About this record or its entity.
    pub record: Option<RecordRef>,
}

/// The values of one row of a journal entry, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredValues {
    /// Which row of the entry.
    pub row: u32,
    /// The record that they are of.
    pub record: RecordRef,
    /// The values; `None`: they were erased.
    pub values: Option<RowValues>,
}

/// A record as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// Its last observation.
    pub snapshot: Option<Snapshot>,
    /// Its links, by facet.
    pub links: Vec<Link>,
}

/// An entity as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntity {
    /// Which.
    pub entity: EntityId,
    /// All its links, by record and facet.
    pub links: Vec<Link>,
    /// Those records' snapshots, in the links' order.
    pub snapshots: Vec<Option<Snapshot>>,
}

/// What is held of one entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredHeld {
    /// Which.
    pub entity: EntityId,
    /// What waits.
    pub held: Vec<Held>,
    /// What there is to know.
    pub findings: Vec<Finding>,
}

/// An intent without an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCall {
    /// Which.
    pub call: CallId,
    /// Of which run.
    pub run: Option<RunId>,
    /// Where it was to go.
    pub connection: ConnectionName,
    /// When it was intended.
    pub at: Timestamp,
    /// The whole call, as the engine packed it.
    pub payload: Vec<u8>,
}

/// Why a store did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The batch's fence is not the lane's present one: another worker took over. Nothing was written.
    #[error("another worker has taken over the lane `{0}`")]
    Fenced(String),
    /// The database is of a newer release.
    #[error("the database has format {found}, this program knows up to {known}: use a newer release")]
    TooNew {
        /// What is stored.
        found: u32,
        /// What is known.
        known: u32,
    },
    /// What is stored cannot be read.
    #[error("the database is damaged: {0}")]
    Corrupt(String),
    /// The database engine failed.
    #[error("the database failed: {0}")]
    Engine(String),
}
