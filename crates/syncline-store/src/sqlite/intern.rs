//! Names and their numbers on SQLite.

use super::{Failure, statements as sql};
use crate::{
    Batch, StoreError,
    codec::{self, decode_shape, encode_shape},
    names::Names,
    rows,
};
use rusqlite::{Connection, OptionalExtension, params};
use std::sync::Arc;
use syncline_model::{ConnectionName, FieldName, ObjectName, RecordId, RecordRef};

/// Looks names up, in memory first.
#[derive(Debug, Default)]
pub(super) struct Interner(Names);

impl Interner {
    /// The number of a stream; `None` if nothing was ever stored of it.
    pub(super) fn stream(
        &self,
        connection: &Connection,
        name: &ConnectionName,
        object: &ObjectName,
    ) -> Result<Option<i32>, Failure> {
        if let Some(stream) = self.0.stream(name, object) {
            return Ok(Some(stream));
        }
        let found = connection
            .prepare_cached(sql::STREAM)?
            .query_row(params![name.as_str(), object.as_str()], |row| row.get(0))
            .optional()?;
        if let Some(stream) = found {
            self.0.learn_stream(name.clone(), object.clone(), stream);
        }
        Ok(found)
    }

    /// The number of a record's stream.
    pub(super) fn stream_of(
        &self,
        connection: &Connection,
        record: &RecordRef,
    ) -> Result<Option<i32>, Failure> {
        self.stream(connection, &record.connection, &record.object)
    }

    /// The number of a stream that [`Interner::prepare`] has met.
    pub(super) fn known_stream(&self, connection: &Connection, record: &RecordRef) -> Result<i32, Failure> {
        self.stream_of(connection, record)?
            .ok_or_else(|| StoreError::Engine("a stream's name was not prepared".to_owned()).into())
    }

    /// The address of a stored record.
    pub(super) fn record(
        &self,
        connection: &Connection,
        stream: i32,
        id: Vec<u8>,
    ) -> Result<RecordRef, Failure> {
        let id = RecordId::from(codec::utf8(id)?);
        if let Some((connection, object)) = self.0.stream_names(stream) {
            return Ok(RecordRef { connection, object, id });
        }
        let (name, object): (String, String) = connection
            .prepare_cached(sql::STREAM_NAMES)?
            .query_row([stream], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (name, object) = (ConnectionName::from(name), ObjectName::from(object));
        self.0.learn_stream(name.clone(), object.clone(), stream);
        Ok(RecordRef { connection: name, object, id })
    }

    /// The fields of a shape.
    pub(super) fn fields(&self, connection: &Connection, shape: i32) -> Result<Arc<[FieldName]>, Failure> {
        if let Some(fields) = self.0.fields(shape) {
            return Ok(fields);
        }
        let bytes: Vec<u8> =
            connection.prepare_cached(sql::SHAPE_FIELDS)?.query_row([shape], |row| row.get(0))?;
        let fields = decode_shape(&bytes)?;
        self.0.learn_fields(shape, fields.clone());
        Ok(fields)
    }

    /// The number of a matching key's name; `None` if no record has such a key.
    pub(super) fn key_name(&self, connection: &Connection, name: &Arc<str>) -> Result<Option<i32>, Failure> {
        if let Some(number) = self.0.key_name(name) {
            return Ok(Some(number));
        }
        let found = connection
            .prepare_cached(sql::KEY_NAME)?
            .query_row([name.as_ref()], |row| row.get(0))
            .optional()?;
        if let Some(number) = found {
            self.0.learn_key_name(name.clone(), number);
        }
        Ok(found)
    }

    /// Adds every name of a batch that is not there yet, outside the batch's transaction: a name without rows means
    /// nothing. Returns the shapes of the batch's snapshots, in their order.
    pub(super) fn prepare(&self, connection: &Connection, batch: &Batch) -> Result<Vec<i32>, Failure> {
        rows::check(batch)?;
        for record in rows::records_named(batch) {
            if self.stream_of(connection, record)?.is_none() {
                connection
                    .prepare_cached(sql::ADD_STREAM)?
                    .execute(params![record.connection.as_str(), record.object.as_str()])?;
            }
        }
        for key in batch.keys.iter().flat_map(|(_, _, keys)| keys) {
            if self.key_name(connection, &key.name)?.is_none() {
                connection.prepare_cached(sql::ADD_KEY_NAME)?.execute([key.name.as_ref()])?;
            }
        }
        let mut shapes = Vec::with_capacity(batch.snapshots.len());
        for snapshot in &batch.snapshots {
            let stream = self.known_stream(connection, &snapshot.record)?;
            shapes.push(self.add_shape(connection, stream, encode_shape(&snapshot.fields))?);
        }
        Ok(shapes)
    }

    fn add_shape(&self, connection: &Connection, stream: i32, fields: Vec<u8>) -> Result<i32, Failure> {
        let key = (stream, fields);
        if let Some(shape) = self.0.shape(&key) {
            return Ok(shape);
        }
        connection.prepare_cached(sql::ADD_SHAPE)?.execute(params![key.0, key.1])?;
        let shape =
            connection.prepare_cached(sql::SHAPE)?.query_row(params![key.0, key.1], |row| row.get(0))?;
        self.0.learn_shape(key, shape);
        Ok(shape)
    }
}
