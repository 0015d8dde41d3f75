//! What the store knows of a connection's records, as an adapter may ask.

use jiff::Timestamp;
use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};
use syncline_kit::{BoxFuture, vendor::Known};
use syncline_model::{
    ConnectionName, FieldName, ObjectName, Observed, RecordId, RecordRef, RecordState, Snapshot, Value,
    Version,
};
use syncline_store::{Store, StoreError};

/// One connection's view of the store. An adapter's question has no room for a store's failure: the answer is then
/// "nothing known", and the failure is kept so that the page read under it is thrown away.
pub(super) struct StoreKnows<'a> {
    store: &'a dyn Store,
    connection: &'a ConnectionName,
    failed: Mutex<Option<StoreError>>,
}

impl<'a> StoreKnows<'a> {
    pub(super) fn new(store: &'a dyn Store, connection: &'a ConnectionName) -> Self {
        Self { store, connection, failed: Mutex::new(None) }
    }

    /// The first failure since the start, if there was one.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).take().map_or(Ok(()), Err)
    }

    fn or_keep<T>(&self, answer: Result<T, StoreError>, nothing: T) -> T {
        answer.unwrap_or_else(|error| {
            self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            nothing
        })
    }

    /// These records as stored, in the order asked for.
    async fn snapshots(&self, object: &ObjectName, ids: &[RecordId]) -> Vec<Option<Snapshot>> {
        let record = |id: &RecordId| RecordRef {
            connection: self.connection.clone(),
            object: object.clone(),
            id: id.clone(),
        };
        let records: Vec<RecordRef> = ids.iter().map(record).collect();
        let answer = self.store.records(&records).await;
        let answer = answer.map(|stored| stored.into_iter().map(|it| it.snapshot).collect());
        self.or_keep(answer, vec![None; records.len()])
    }
}

impl Known for StoreKnows<'_> {
    fn versions<'a>(
        &'a self,
        object: &'a ObjectName,
        ids: &'a [RecordId],
    ) -> BoxFuture<'a, Vec<Option<Version>>> {
        Box::pin(async move {
            let answer = self.store.versions(self.connection, object, ids).await;
            self.or_keep(answer, vec![None; ids.len()])
        })
    }

    fn count_since<'a>(&'a self, object: &'a ObjectName, from: Timestamp) -> BoxFuture<'a, u64> {
        Box::pin(async move {
            let answer = self.store.count_since(self.connection, object, from).await;
            self.or_keep(answer, 0)
        })
    }

    fn ids<'a>(
        &'a self,
        object: &'a ObjectName,
        after: Option<RecordId>,
        limit: usize,
    ) -> BoxFuture<'a, Vec<RecordId>> {
        Box::pin(async move {
            let answer = self.store.ids(self.connection, object, after.as_ref(), limit).await;
            self.or_keep(answer, Vec::new())
        })
    }

    fn relations<'a>(
        &'a self,
        object: &'a ObjectName,
        ids: &'a [RecordId],
    ) -> BoxFuture<'a, Vec<BTreeSet<FieldName>>> {
        Box::pin(async move {
            let stored = self.snapshots(object, ids).await;
            stored.iter().map(|it| it.as_ref().map(related).unwrap_or_default()).collect()
        })
    }

    fn deleted<'a>(
        &'a self,
        object: &'a ObjectName,
        ids: &'a [RecordId],
    ) -> BoxFuture<'a, BTreeSet<RecordId>> {
        Box::pin(async move {
            let stored = self.snapshots(object, ids).await.into_iter().flatten();
            stored.filter(|it| it.state == RecordState::Deleted).map(|it| it.record.id).collect()
        })
    }
}

/// The relations of a record that lead somewhere.
fn related(stored: &Snapshot) -> BTreeSet<FieldName> {
    let leads = |seen: &Observed| matches!(seen, Observed::Value(Value::Refs(refs)) if !refs.is_empty());
    stored.fields.iter().filter(|(_, seen)| leads(seen)).map(|(name, _)| name.clone()).collect()
}
