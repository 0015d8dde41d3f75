//! The store as the simulated process sees it: SQLite in memory, with the power switch at every journal write.

use crate::power::{Point, Power, Then};
use jiff::Timestamp;
use std::sync::Arc;
use syncline_model::{
    ConnectionName, EntityId, JournalSeq, Kind, ObjectName, RecordId, RecordRef, Version,
    journal::JournalEntry, review::Review,
};
use syncline_store::{
    Answer, Batch, Committed, Dirty, DirtyKey, Fence, JournalFilter, MatchKey, OpenCall, OpenOnly, Store,
    StoredEntity, StoredHeld, StoredRecord, StoredValues,
    past::{ChainEntry, Ledger, Past, Place},
    sqlite::SqliteStore,
};

/// A store whose journal writes are points at which the power may go.
pub(crate) struct Powered {
    store: SqliteStore,
    power: Arc<Power>,
}

impl Powered {
    pub(crate) fn new(store: SqliteStore, power: Arc<Power>) -> Self {
        Self { store, power }
    }
}

impl Store for Powered {
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Vec<u8>>> {
        self.store.get(key)
    }
    fn list<'a>(&'a self, prefix: &'a str) -> Answer<'a, Vec<(String, Vec<u8>)>> {
        self.store.list(prefix)
    }
    fn records<'a>(&'a self, records: &'a [RecordRef]) -> Answer<'a, Vec<StoredRecord>> {
        self.store.records(records)
    }
    fn entities<'a>(&'a self, entities: &'a [EntityId]) -> Answer<'a, Vec<StoredEntity>> {
        self.store.entities(entities)
    }
    fn versions<'a>(
        &'a self,
        connection: &'a ConnectionName,
        object: &'a ObjectName,
        ids: &'a [RecordId],
    ) -> Answer<'a, Vec<Option<Version>>> {
        self.store.versions(connection, object, ids)
    }
    fn count_since<'a>(
        &'a self,
        connection: &'a ConnectionName,
        object: &'a ObjectName,
        from: Timestamp,
    ) -> Answer<'a, u64> {
        self.store.count_since(connection, object, from)
    }
    fn ids<'a>(
        &'a self,
        connection: &'a ConnectionName,
        object: &'a ObjectName,
        after: Option<&'a RecordId>,
        limit: usize,
    ) -> Answer<'a, Vec<RecordId>> {
        self.store.ids(connection, object, after, limit)
    }
    fn by_keys<'a>(&'a self, kind: Kind, keys: &'a [MatchKey]) -> Answer<'a, Vec<Vec<RecordRef>>> {
        self.store.by_keys(kind, keys)
    }
    fn dirty<'a>(&'a self, after: Option<&'a DirtyKey>, limit: usize) -> Answer<'a, Vec<Dirty>> {
        self.store.dirty(after, limit)
    }
    fn dirty_count(&self) -> Answer<'_, u64> {
        self.store.dirty_count()
    }
    fn next_due(&self) -> Answer<'_, Option<Timestamp>> {
        self.store.next_due()
    }
    fn held<'a>(
        &'a self,
        of: Option<EntityId>,
        after: Option<EntityId>,
        limit: usize,
    ) -> Answer<'a, Vec<StoredHeld>> {
        self.store.held(of, after, limit)
    }
    fn held_count(&self) -> Answer<'_, (u64, u64)> {
        self.store.held_count()
    }
    fn reviews(&self, open_only: OpenOnly, after: u64, limit: usize) -> Answer<'_, Vec<Review>> {
        self.store.reviews(open_only, after, limit)
    }
    fn review(&self, id: u64) -> Answer<'_, Option<Review>> {
        self.store.review(id)
    }
    fn open_calls(&self) -> Answer<'_, Vec<OpenCall>> {
        self.store.open_calls()
    }
    fn journal<'a>(
        &'a self,
        filter: &'a JournalFilter,
        after: JournalSeq,
        limit: usize,
    ) -> Answer<'a, Vec<JournalEntry>> {
        self.store.journal(filter, after, limit)
    }
    fn journal_values<'a>(&'a self, entries: &'a [JournalEntry]) -> Answer<'a, Vec<Vec<StoredValues>>> {
        self.store.journal_values(entries)
    }
    fn ledger(&self) -> Answer<'_, Ledger> {
        self.store.ledger()
    }
    fn past<'a>(&'a self, after: Option<&'a Place>, limit: usize) -> Answer<'a, Vec<Past>> {
        self.store.past(after, limit)
    }
    fn chain(&self, after: JournalSeq, limit: usize) -> Answer<'_, Vec<ChainEntry>> {
        self.store.chain(after, limit)
    }
    fn journal_head(&self) -> Answer<'_, JournalSeq> {
        self.store.journal_head()
    }
    fn commit<'a>(&'a self, batch: Batch) -> Answer<'a, Committed> {
        if batch.journal.is_empty() {
            return self.store.commit(batch);
        }
        Box::pin(async move {
            let then = self.power.reach(Point::Journal).await;
            let committed = self.store.commit(batch).await;
            match then {
                Then::Die => self.power.gone().await,
                Then::Hold | Then::GoOn => committed,
            }
        })
    }
    fn claim_lane<'a>(
        &'a self,
        lane: &'a str,
        owner: &'a str,
        now: Timestamp,
        until: Timestamp,
    ) -> Answer<'a, Option<Fence>> {
        self.store.claim_lane(lane, owner, now, until)
    }
    fn release_lane<'a>(&'a self, fence: &'a Fence) -> Answer<'a, ()> {
        self.store.release_lane(fence)
    }
}
