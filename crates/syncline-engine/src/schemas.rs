//! Live schemas: described, kept, and compared (HUB-7, A13). A changed one wakes what was held because of the old one.

use crate::{connections::Connection, error::Error};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use syncline_model::{ConnectionName, ObjectName, ObjectSchema, SchemaDigest};
use syncline_store::{Batch, Store};

/// How old a description may be before it is read again.
pub const FRESH_FOR: SignedDuration = SignedDuration::from_mins(15);

/// One connection's schemas, by object. An object that does not exist there, or may not be seen, is missing.
pub type Described = BTreeMap<ObjectName, ObjectSchema>;

/// When which objects were last described.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct LastRead {
    at: Timestamp,
    objects: BTreeSet<ObjectName>,
}

fn slot(connection: &ConnectionName, object: &ObjectName) -> String {
    format!("schema/{connection}/{object}")
}

fn prefix(connection: &ConnectionName) -> String {
    format!("schema/{connection}/")
}

fn read_slot(connection: &ConnectionName) -> String {
    format!("schemas_read/{connection}")
}

/// The digest that plans carry and changes are told by.
pub fn digest(schema: &ObjectSchema) -> SchemaDigest {
    // Every part is ordered, so equal schemas have equal text.
    SchemaDigest(Sha256::digest(serde_json::to_vec(schema).unwrap_or_default()).into())
}

/// A connection's schemas as they are stored, by slot.
pub(crate) type Stored = Vec<(String, Vec<u8>)>;

/// A connection's schemas as last described.
///
/// # Errors
/// [`Error::Store`].
pub async fn load(store: &dyn Store, connection: &ConnectionName) -> Result<Described, Error> {
    Ok(read(&stored(store, connection).await?))
}

/// The same, not read yet.
///
/// # Errors
/// [`Error::Store`].
pub(crate) async fn stored(store: &dyn Store, connection: &ConnectionName) -> Result<Stored, Error> {
    Ok(store.list(&prefix(connection)).await?)
}

/// Reads them. One that this release cannot read is described again: it counts as missing.
pub(crate) fn read(stored: &Stored) -> Described {
    let schemas = stored.iter().filter_map(|(_, bytes)| serde_json::from_slice::<ObjectSchema>(bytes).ok());
    schemas.map(|schema| (schema.object.clone(), schema)).collect()
}

/// Whether these objects' schemas have to be described again.
///
/// # Errors
/// [`Error::Store`].
pub async fn is_due(
    store: &dyn Store,
    connection: &ConnectionName,
    objects: &BTreeSet<ObjectName>,
    now: Timestamp,
) -> Result<bool, Error> {
    let Some(bytes) = store.get(&read_slot(connection)).await? else { return Ok(true) };
    let Ok(last) = serde_json::from_slice::<LastRead>(&bytes) else { return Ok(true) };
    Ok(last.objects != *objects || now.duration_since(last.at) > FRESH_FOR)
}

/// Describes these objects now and keeps what was found, in `batch`.
///
/// # Errors
/// [`Error::Vendor`]; [`Error::Store`].
pub async fn refresh(
    store: &dyn Store,
    connection: &Connection,
    objects: &BTreeSet<ObjectName>,
    batch: &mut Batch,
) -> Result<Described, Error> {
    let name = &connection.name;
    let asked: Vec<_> = objects.iter().cloned().collect();
    let found = connection.vendor.describe(&asked).await.map_err(|error| Error::vendor(name, error))?;
    let found: Described = found.into_iter().map(|schema| (schema.object.clone(), schema)).collect();
    let before = load(store, name).await?;
    for object in before.keys().filter(|object| !found.contains_key(*object)) {
        batch.puts.push((slot(name, object), None));
        batch.wake.push(wake_key(name, object));
    }
    for schema in found.values() {
        keep(name, before.get(&schema.object), schema, batch);
    }
    let last = LastRead { at: batch.at, objects: objects.clone() };
    batch.puts.push((read_slot(name), serde_json::to_vec(&last).ok()));
    Ok(found)
}

/// Keeps a schema that a vendor sent, if it differs from the one stored; says whether it did.
pub(crate) fn keep(
    connection: &ConnectionName,
    before: Option<&ObjectSchema>,
    schema: &ObjectSchema,
    batch: &mut Batch,
) -> bool {
    if before == Some(schema) {
        return false;
    }
    batch.puts.push((slot(connection, &schema.object), serde_json::to_vec(schema).ok()));
    batch.wake.push(wake_key(connection, &schema.object));
    true
}

/// Forgets a connection's schemas: its account is another one now.
pub(crate) async fn forget(
    store: &dyn Store,
    connection: &ConnectionName,
    batch: &mut Batch,
) -> Result<(), Error> {
    let stored = store.list(&prefix(connection)).await?;
    batch.puts.extend(stored.into_iter().map(|(key, _)| (key, None)));
    batch.puts.push((read_slot(connection), None));
    Ok(())
}

fn wake_key(connection: &ConnectionName, object: &ObjectName) -> String {
    format!("schema:{connection}/{object}")
}

/// Lets the next cycle describe a connection's objects again.
pub(crate) fn expire(connection: &ConnectionName, batch: &mut Batch) {
    batch.puts.push((read_slot(connection), None));
}
