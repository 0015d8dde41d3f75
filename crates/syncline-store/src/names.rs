//! Numbers of names that repeat in every row, as far as this process has met them. A name's number never changes, and a
//! name is added before the transaction that uses it, so what is known here is true for as long as the database lives.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};
use syncline_model::{ConnectionName, FieldName, ObjectName};

/// Shapes that are remembered before starting over.
const SHAPES: usize = 10_000;

#[derive(Debug, Default)]
struct Known {
    streams: BTreeMap<ConnectionName, BTreeMap<ObjectName, i32>>,
    stream_names: BTreeMap<i32, (ConnectionName, ObjectName)>,
    shapes: BTreeMap<(i32, Vec<u8>), i32>,
    shape_fields: BTreeMap<i32, Arc<[FieldName]>>,
    key_names: BTreeMap<Arc<str>, i32>,
}

/// What is known of names.
#[derive(Debug, Default)]
pub(crate) struct Names(RwLock<Known>);

impl Names {
    fn known(&self) -> RwLockReadGuard<'_, Known> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn learn(&self) -> RwLockWriteGuard<'_, Known> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of a stream.
    pub(crate) fn stream(&self, connection: &ConnectionName, object: &ObjectName) -> Option<i32> {
        self.known().streams.get(connection)?.get(object).copied()
    }

    /// The names of a stream.
    pub(crate) fn stream_names(&self, stream: i32) -> Option<(ConnectionName, ObjectName)> {
        self.known().stream_names.get(&stream).cloned()
    }

    /// Remembers a stream.
    pub(crate) fn learn_stream(&self, connection: ConnectionName, object: ObjectName, stream: i32) {
        let mut known = self.learn();
        known.streams.entry(connection.clone()).or_default().insert(object.clone(), stream);
        known.stream_names.insert(stream, (connection, object));
    }

    /// The number of a packed list of fields.
    pub(crate) fn shape(&self, key: &(i32, Vec<u8>)) -> Option<i32> {
        self.known().shapes.get(key).copied()
    }

    /// Remembers a shape's number.
    pub(crate) fn learn_shape(&self, key: (i32, Vec<u8>), shape: i32) {
        let mut known = self.learn();
        if known.shapes.len() >= SHAPES {
            known.shapes.clear();
        }
        known.shapes.insert(key, shape);
    }

    /// The fields of a shape.
    pub(crate) fn fields(&self, shape: i32) -> Option<Arc<[FieldName]>> {
        self.known().shape_fields.get(&shape).cloned()
    }

    /// Remembers a shape's fields.
    pub(crate) fn learn_fields(&self, shape: i32, fields: Arc<[FieldName]>) {
        let mut known = self.learn();
        if known.shape_fields.len() >= SHAPES {
            known.shape_fields.clear();
        }
        known.shape_fields.insert(shape, fields);
    }

    /// The number of a matching key's name.
    pub(crate) fn key_name(&self, name: &str) -> Option<i32> {
        self.known().key_names.get(name).copied()
    }

    /// Remembers a matching key's name.
    pub(crate) fn learn_key_name(&self, name: Arc<str>, number: i32) {
        self.learn().key_names.insert(name, number);
    }
}
