//! Names and their numbers on PostgreSQL.

use super::{Failure, statements as sql};
use crate::{
    Batch, StoreError,
    codec::{self, decode_shape, encode_shape},
    names::Names,
    rows,
};
use deadpool_postgres::GenericClient;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use syncline_model::{ConnectionName, FieldName, ObjectName, RecordId, RecordRef};

/// The number of a stream; `None` if nothing was ever stored of it.
pub(super) async fn stream<C: GenericClient>(
    client: &C,
    names: &Names,
    connection: &ConnectionName,
    object: &ObjectName,
) -> Result<Option<i32>, Failure> {
    if let Some(stream) = names.stream(connection, object) {
        return Ok(Some(stream));
    }
    let (name, on) = (connection.as_str(), object.as_str());
    if codec::check_name(name).and_then(|()| codec::check_name(on)).is_err() {
        return Ok(None);
    }
    let statement = client.prepare_cached(sql::STREAM).await?;
    let Some(row) = client.query_opt(&statement, &[&name, &on]).await? else { return Ok(None) };
    let stream = row.try_get(0)?;
    names.learn_stream(connection.clone(), object.clone(), stream);
    Ok(Some(stream))
}

/// The streams of records, one for each.
pub(super) async fn streams<C: GenericClient>(
    client: &C,
    names: &Names,
    records: impl IntoIterator<Item = &RecordRef> + Send,
) -> Result<Vec<Option<i32>>, Failure> {
    // Records that come together are nearly always of one stream, and a stream that is unknown is asked for once.
    let mut unknown = BTreeSet::new();
    let mut found = Vec::new();
    for record in records.into_iter().collect::<Vec<_>>() {
        let name = (&record.connection, &record.object);
        let number =
            if unknown.contains(&name) { None } else { stream(client, names, name.0, name.1).await? };
        if number.is_none() {
            unknown.insert(name);
        }
        found.push(number);
    }
    Ok(found)
}

/// The addresses of stored records.
pub(super) async fn addresses<C: GenericClient>(
    client: &C,
    names: &Names,
    rows: Vec<(i32, Vec<u8>)>,
) -> Result<Vec<RecordRef>, Failure> {
    let unknown: BTreeSet<i32> = rows
        .iter()
        .map(|(stream, _)| *stream)
        .filter(|stream| names.stream_names(*stream).is_none())
        .collect();
    if !unknown.is_empty() {
        let statement = client.prepare_cached(sql::STREAM_NAMES).await?;
        for row in client.query(&statement, &[&unknown.into_iter().collect::<Vec<_>>()]).await? {
            let (connection, object): (String, String) = (row.try_get(1)?, row.try_get(2)?);
            names.learn_stream(connection.into(), object.into(), row.try_get(0)?);
        }
    }
    rows.into_iter()
        .map(|(stream, id)| {
            let (connection, object) = names
                .stream_names(stream)
                .ok_or_else(|| StoreError::Corrupt(format!("the stream {stream} has no name")))?;
            Ok(RecordRef { connection, object, id: RecordId::from(codec::utf8(id)?) })
        })
        .collect()
}

/// The fields of shapes.
pub(super) async fn fields<C: GenericClient>(
    client: &C,
    names: &Names,
    shapes: BTreeSet<i32>,
) -> Result<BTreeMap<i32, Arc<[FieldName]>>, Failure> {
    let mut found = BTreeMap::new();
    let mut unknown = Vec::new();
    for shape in shapes {
        match names.fields(shape) {
            Some(fields) => drop(found.insert(shape, fields)),
            None => unknown.push(shape),
        }
    }
    if !unknown.is_empty() {
        let statement = client.prepare_cached(sql::SHAPE_FIELDS).await?;
        for row in client.query(&statement, &[&unknown]).await? {
            let (shape, fields) = (row.try_get(0)?, decode_shape(row.try_get(1)?)?);
            names.learn_fields(shape, fields.clone());
            found.insert(shape, fields);
        }
    }
    Ok(found)
}

/// The number of a matching key's name; `None` if no record has such a key.
pub(super) async fn key_name<C: GenericClient>(
    client: &C,
    names: &Names,
    name: &Arc<str>,
) -> Result<Option<i32>, Failure> {
    if let Some(number) = names.key_name(name) {
        return Ok(Some(number));
    }
    if codec::check_name(name).is_err() {
        return Ok(None);
    }
    let statement = client.prepare_cached(sql::KEY_NAME).await?;
    let Some(row) = client.query_opt(&statement, &[&name.as_ref()]).await? else { return Ok(None) };
    let number = row.try_get(0)?;
    names.learn_key_name(name.clone(), number);
    Ok(Some(number))
}

/// Adds every name of a batch that is not there yet, outside the batch's transaction: a name without rows means nothing.
/// Returns the shapes of the batch's snapshots, in their order.
pub(super) async fn prepare<C: GenericClient>(
    client: &C,
    names: &Names,
    batch: &Batch,
) -> Result<Vec<i32>, Failure> {
    rows::check(batch)?;
    let records: BTreeSet<_> =
        rows::records_named(batch).map(|record| (&record.connection, &record.object)).collect();
    for (connection, object) in records {
        if stream(client, names, connection, object).await?.is_none() {
            let statement = client.prepare_cached(sql::ADD_STREAM).await?;
            client.execute(&statement, &[&connection.as_str(), &object.as_str()]).await?;
            stream(client, names, connection, object).await?;
        }
    }
    let keys: BTreeSet<_> = batch.keys.iter().flat_map(|(_, _, keys)| keys).map(|key| &key.name).collect();
    for name in keys {
        if key_name(client, names, name).await?.is_none() {
            let statement = client.prepare_cached(sql::ADD_KEY_NAME).await?;
            client.execute(&statement, &[&name.as_ref()]).await?;
            key_name(client, names, name).await?;
        }
    }
    let mut shapes = Vec::with_capacity(batch.snapshots.len());
    for snapshot in &batch.snapshots {
        let stream = known_stream(names, &snapshot.record)?;
        shapes.push(add_shape(client, names, stream, encode_shape(&snapshot.fields)).await?);
    }
    Ok(shapes)
}

/// The number of a stream that [`prepare`] has met.
pub(super) fn known_stream(names: &Names, record: &RecordRef) -> Result<i32, Failure> {
    names
        .stream(&record.connection, &record.object)
        .ok_or_else(|| StoreError::Engine("a stream's name was not prepared".to_owned()).into())
}

async fn add_shape<C: GenericClient>(
    client: &C,
    names: &Names,
    stream: i32,
    fields: Vec<u8>,
) -> Result<i32, Failure> {
    let key = (stream, fields);
    if let Some(shape) = names.shape(&key) {
        return Ok(shape);
    }
    let digest = codec::digest(&key.1);
    let add = client.prepare_cached(sql::ADD_SHAPE).await?;
    client.execute(&add, &[&stream, &digest.as_slice(), &key.1]).await?;
    let find = client.prepare_cached(sql::SHAPE).await?;
    let row = client.query_one(&find, &[&stream, &digest.as_slice()]).await?;
    if row.try_get::<_, &[u8]>(1)? != key.1 {
        return Err(StoreError::Engine("two lists of fields have one digest".to_owned()).into());
    }
    let shape = row.try_get(0)?;
    names.learn_shape(key, shape);
    Ok(shape)
}
