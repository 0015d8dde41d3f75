//! Live schemas: described, kept, and compared (HUB-7, A13). A changed one wakes what was held because of the old one.

use crate::{connections::Connection, error::Error};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};
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

/// A schema as it is stored, and what plans and changes tell it by.
#[derive(Debug)]
struct Written {
    schema: ObjectSchema,
    bytes: Vec<u8>,
    digest: SchemaDigest,
}

/// Schemas written or read lately: they are compared in a tenth of the time that writing them takes, and nearly always
/// they are as they were.
static WRITTEN: Mutex<Vec<Arc<Written>>> = Mutex::new(Vec::new());
const KEPT: usize = 64;

fn known(is: impl Fn(&Written) -> bool) -> Option<Arc<Written>> {
    let mut known = WRITTEN.lock().unwrap_or_else(PoisonError::into_inner);
    let at = known.iter().position(|written| is(written))?;
    known[..=at].rotate_right(1);
    known.first().cloned()
}

/// A schema as it is stored. Every part is ordered, so equal schemas have equal text.
fn written(schema: &ObjectSchema) -> Arc<Written> {
    if let Some(known) = known(|written| written.schema == *schema) {
        return known;
    }
    let bytes = serde_json::to_vec(schema).unwrap_or_default();
    let digest = SchemaDigest(Sha256::digest(&bytes).into());
    let written = Arc::new(Written { schema: schema.clone(), bytes, digest });
    let mut known = WRITTEN.lock().unwrap_or_else(PoisonError::into_inner);
    known.truncate(KEPT - 1);
    known.insert(0, Arc::clone(&written));
    written
}

/// The digest that plans carry and changes are told by.
pub fn digest(schema: &ObjectSchema) -> SchemaDigest {
    written(schema).digest
}

/// A connection's schemas as they are stored, by slot.
pub(crate) type Stored = BTreeMap<String, Vec<u8>>;

/// A connection's schemas as they are stored, not read yet.
///
/// # Errors
/// [`Error::Store`].
pub(crate) async fn stored(store: &dyn Store, connection: &ConnectionName) -> Result<Stored, Error> {
    Ok(store.list(&prefix(connection)).await?.into_iter().collect())
}

/// What is stored of one object.
pub(crate) fn of<'a>(
    stored: &'a Stored,
    connection: &ConnectionName,
    object: &ObjectName,
) -> Option<&'a [u8]> {
    stored.get(&slot(connection, object)).map(Vec::as_slice)
}

/// Reads them. One that this release cannot read is described again: it counts as missing.
pub(crate) fn read(stored: &Stored) -> Described {
    let schemas = stored.values().filter_map(|bytes| match known(|written| written.bytes == *bytes) {
        Some(known) => Some(known.schema.clone()),
        None => serde_json::from_slice::<ObjectSchema>(bytes).ok(),
    });
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

/// Describes these objects now and keeps what was found, in `batch`. Answers it as it will be stored.
///
/// # Errors
/// [`Error::Vendor`]; [`Error::Store`].
pub(crate) async fn refresh(
    store: &dyn Store,
    connection: &Connection,
    objects: &BTreeSet<ObjectName>,
    batch: &mut Batch,
) -> Result<(Described, Stored), Error> {
    let name = &connection.name;
    let asked: Vec<_> = objects.iter().cloned().collect();
    let found = connection.vendor.describe(&asked).await.map_err(|error| Error::vendor(name, error))?;
    let found: Described = found.into_iter().map(|schema| (schema.object.clone(), schema)).collect();
    let mut before = stored(store, name).await?;
    let mut now = Stored::new();
    for schema in found.values() {
        let known = before.remove(&slot(name, &schema.object));
        keep(name, known.as_deref(), schema, batch);
        now.insert(slot(name, &schema.object), written(schema).bytes.clone());
    }
    for (gone, _) in before {
        let object = ObjectName::from(gone.strip_prefix(&prefix(name)).unwrap_or_default());
        batch.wake.push(wake_key(name, &object));
        batch.puts.push((gone, None));
    }
    let last = LastRead { at: batch.at, objects: objects.clone() };
    batch.puts.push((read_slot(name), serde_json::to_vec(&last).ok()));
    Ok((found, now))
}

/// Keeps a schema that a vendor sent, if it differs from the one stored; says whether it did.
pub(crate) fn keep(
    connection: &ConnectionName,
    before: Option<&[u8]>,
    schema: &ObjectSchema,
    batch: &mut Batch,
) -> bool {
    let now = written(schema);
    if before == Some(&now.bytes) {
        return false;
    }
    batch.puts.push((slot(connection, &schema.object), Some(now.bytes.clone())));
    batch.wake.push(wake_key(connection, &schema.object));
    true
}

/// Forgets a connection's schemas: its account is another one now.
pub(crate) async fn forget(
    store: &dyn Store,
    connection: &ConnectionName,
    batch: &mut Batch,
) -> Result<(), Error> {
    let stored = stored(store, connection).await?;
    batch.puts.extend(stored.into_keys().map(|key| (key, None)));
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
