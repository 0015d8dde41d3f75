//! Small numbers for names that repeat in every row. A name's number never changes, so what is known stays known; names
//! are added before the batch's own transaction, because a name without rows means nothing.

use super::{Failure, statements as sql};
use crate::{
    Batch, DirtyKey, LinkWrite, StoreError,
    codec::{self, decode_shape, encode_shape},
};
use rusqlite::{Connection, OptionalExtension, params};
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};
use syncline_model::{ConnectionName, FieldName, ObjectName, RecordId, RecordRef};

/// Shapes that are remembered before starting over.
const SHAPES: usize = 10_000;

#[derive(Debug, Default)]
struct Names {
    streams: BTreeMap<ConnectionName, BTreeMap<ObjectName, i64>>,
    stream_names: BTreeMap<i64, (ConnectionName, ObjectName)>,
    shapes: BTreeMap<(i64, Vec<u8>), i64>,
    shape_fields: BTreeMap<i64, Arc<[FieldName]>>,
    key_names: BTreeMap<Arc<str>, i64>,
}

/// Names and their numbers, as far as this process has met them.
#[derive(Debug, Default)]
pub(super) struct Interner(RwLock<Names>);

impl Interner {
    fn known(&self) -> RwLockReadGuard<'_, Names> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn learn(&self) -> RwLockWriteGuard<'_, Names> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of a stream; `None` if nothing was ever stored of it.
    pub(super) fn stream(
        &self,
        connection: &Connection,
        name: &ConnectionName,
        object: &ObjectName,
    ) -> Result<Option<i64>, Failure> {
        if let Some(&id) = self.known().streams.get(name).and_then(|objects| objects.get(object)) {
            return Ok(Some(id));
        }
        let found = connection
            .prepare_cached(sql::STREAM)?
            .query_row(params![name.as_str(), object.as_str()], |row| row.get(0))
            .optional()?;
        if let Some(id) = found {
            let mut names = self.learn();
            names.streams.entry(name.clone()).or_default().insert(object.clone(), id);
            names.stream_names.insert(id, (name.clone(), object.clone()));
        }
        Ok(found)
    }

    /// The number of a record's stream.
    pub(super) fn stream_of(
        &self,
        connection: &Connection,
        record: &RecordRef,
    ) -> Result<Option<i64>, Failure> {
        self.stream(connection, &record.connection, &record.object)
    }

    /// The number of a stream that [`Interner::prepare`] has met.
    pub(super) fn known_stream(&self, connection: &Connection, record: &RecordRef) -> Result<i64, Failure> {
        self.stream_of(connection, record)?
            .ok_or_else(|| StoreError::Engine("a stream's name was not prepared".to_owned()).into())
    }

    /// The address of a stored record.
    pub(super) fn record(
        &self,
        connection: &Connection,
        stream: i64,
        id: Vec<u8>,
    ) -> Result<RecordRef, Failure> {
        let id = RecordId::from(codec::utf8(id)?);
        if let Some((name, object)) = self.known().stream_names.get(&stream) {
            return Ok(RecordRef { connection: name.clone(), object: object.clone(), id });
        }
        let (name, object): (String, String) = connection
            .prepare_cached(sql::STREAM_NAMES)?
            .query_row([stream], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (name, object) = (ConnectionName::from(name), ObjectName::from(object));
        let mut names = self.learn();
        names.streams.entry(name.clone()).or_default().insert(object.clone(), stream);
        names.stream_names.insert(stream, (name.clone(), object.clone()));
        Ok(RecordRef { connection: name, object, id })
    }

    /// The fields of a shape.
    pub(super) fn shape(&self, connection: &Connection, id: i64) -> Result<Arc<[FieldName]>, Failure> {
        if let Some(fields) = self.known().shape_fields.get(&id) {
            return Ok(fields.clone());
        }
        let bytes: Vec<u8> =
            connection.prepare_cached(sql::SHAPE_FIELDS)?.query_row([id], |row| row.get(0))?;
        let fields = decode_shape(&bytes)?;
        let mut names = self.learn();
        if names.shape_fields.len() >= SHAPES {
            names.shape_fields.clear();
        }
        names.shape_fields.insert(id, fields.clone());
        Ok(fields)
    }

    /// The number of a shape; added if it is new.
    fn add_shape(&self, connection: &Connection, stream: i64, fields: Vec<u8>) -> Result<i64, Failure> {
        let key = (stream, fields);
        if let Some(&id) = self.known().shapes.get(&key) {
            return Ok(id);
        }
        connection.prepare_cached(sql::ADD_SHAPE)?.execute(params![key.0, key.1])?;
        let id = connection.prepare_cached(sql::SHAPE)?.query_row(params![key.0, key.1], |row| row.get(0))?;
        let mut names = self.learn();
        if names.shapes.len() >= SHAPES {
            names.shapes.clear();
        }
        names.shapes.insert(key, id);
        Ok(id)
    }

    /// The number of a matching key's name; `None` if no record has such a key.
    pub(super) fn key_name(&self, connection: &Connection, name: &Arc<str>) -> Result<Option<i64>, Failure> {
        if let Some(&id) = self.known().key_names.get(name) {
            return Ok(Some(id));
        }
        let found = connection
            .prepare_cached(sql::KEY_NAME)?
            .query_row([name.as_ref()], |row| row.get(0))
            .optional()?;
        if let Some(id) = found {
            self.learn().key_names.insert(name.clone(), id);
        }
        Ok(found)
    }

    /// Adds every name of a batch that is not there yet; returns the shapes of its snapshots, in their order.
    pub(super) fn prepare(&self, connection: &Connection, batch: &Batch) -> Result<Vec<i64>, Failure> {
        let named: Vec<_> = batch.journal.iter().map(codec::named).collect();
        let records = batch
            .snapshots
            .iter()
            .map(|snapshot| &snapshot.record)
            .chain(batch.keys.iter().map(|(record, _, _)| record))
            .chain(batch.links.iter().map(|link| match link {
                LinkWrite::Put(link) => &link.record,
                LinkWrite::Remove(record, _) => record,
            }))
            .chain(named.iter().flat_map(|named| named.records.iter().copied()));
        for record in records {
            self.add_stream(connection, record)?;
        }
        for key in batch.dirty.iter().chain(batch.done.iter().map(|done| &done.key)) {
            if let DirtyKey::Record(_, record) = key {
                codec::check_name(record.connection.as_str())?;
                codec::check_name(record.object.as_str())?;
            }
        }
        for key in batch.keys.iter().flat_map(|(_, _, keys)| keys) {
            if self.key_name(connection, &key.name)?.is_none() {
                codec::check_name(&key.name)?;
                connection.prepare_cached(sql::ADD_KEY_NAME)?.execute([key.name.as_ref()])?;
            }
        }
        batch
            .snapshots
            .iter()
            .map(|snapshot| {
                let stream = self.known_stream(connection, &snapshot.record)?;
                self.add_shape(connection, stream, encode_shape(&snapshot.fields))
            })
            .collect()
    }

    fn add_stream(&self, connection: &Connection, record: &RecordRef) -> Result<(), Failure> {
        if self.stream_of(connection, record)?.is_none() {
            codec::check_name(record.connection.as_str())?;
            codec::check_name(record.object.as_str())?;
            connection
                .prepare_cached(sql::ADD_STREAM)?
                .execute(params![record.connection.as_str(), record.object.as_str()])?;
        }
        Ok(())
    }
}
