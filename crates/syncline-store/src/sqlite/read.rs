//! Reading records, links, keys and small state.

use super::{Failure, intern::Interner, statements as sql};
use crate::{MatchKey, StoredEntity, StoredRecord, codec, rows};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Statement, params};
use syncline_model::{
    ConnectionName, EntityId, JournalSeq, Kind, Link, ObjectName, RecordId, RecordRef, Snapshot, Version,
};
use uuid::Uuid;

pub(super) fn get(connection: &Connection, key: &str) -> Result<Option<Vec<u8>>, Failure> {
    Ok(connection.prepare_cached(sql::GET)?.query_row([key.as_bytes()], |row| row.get(0)).optional()?)
}

pub(super) fn list(connection: &Connection, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let mut statement = connection.prepare_cached(sql::LIST)?;
    let mut rows = statement.query(params![prefix.as_bytes(), rows::after_prefix(prefix)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push((codec::utf8(row.get(0)?)?, row.get(1)?));
    }
    Ok(found)
}

pub(super) fn records(
    connection: &Connection,
    names: &Interner,
    records: &[RecordRef],
) -> Result<Vec<StoredRecord>, Failure> {
    let mut snapshots = connection.prepare_cached(sql::SNAPSHOT)?;
    let mut links = connection.prepare_cached(sql::LINKS_OF_RECORD)?;
    records
        .iter()
        .map(|record| {
            let Some(stream) = names.stream_of(connection, record)? else {
                return Ok(StoredRecord { snapshot: None, links: Vec::new() });
            };
            Ok(StoredRecord {
                snapshot: snapshot(&mut snapshots, connection, names, stream, record)?,
                links: links_of(&mut links, stream, record)?,
            })
        })
        .collect()
}

fn snapshot(
    statement: &mut Statement<'_>,
    connection: &Connection,
    names: &Interner,
    stream: i32,
    record: &RecordRef,
) -> Result<Option<Snapshot>, Failure> {
    let mut rows = statement.query(params![stream, record.id.as_str().as_bytes()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let shape = names.fields(connection, row.get(3)?)?;
    let (state, fields) =
        codec::decode_snapshot(row.get(2)?, &shape, row.get_ref(4)?.as_blob().map_err(odd)?)?;
    Ok(Some(Snapshot {
        record: record.clone(),
        version: version(row.get(0)?)?,
        modified: row.get::<_, Option<i64>>(1)?.map(codec::time_of).transpose()?,
        state,
        fields,
    }))
}

fn version(bytes: Option<Vec<u8>>) -> Result<Option<Version>, Failure> {
    Ok(bytes.map(codec::utf8).transpose()?.map(|text| Version(text.into())))
}

/// A column of another type than the format says.
pub(super) fn odd(error: rusqlite::types::FromSqlError) -> Failure {
    Failure::Store(crate::StoreError::Corrupt(error.to_string()))
}

fn links_of(statement: &mut Statement<'_>, stream: i32, record: &RecordRef) -> Result<Vec<Link>, Failure> {
    let mut rows = statement.query(params![stream, record.id.as_str().as_bytes()])?;
    let mut links = Vec::new();
    while let Some(row) = rows.next()? {
        let entity = EntityId(Uuid::from_bytes(row.get(1)?));
        links.push(link(row, record.clone(), row.get(0)?, entity, 2)?);
    }
    Ok(links)
}

/// The link of a row whose columns from `first` on are state, since, detail, base.
fn link(
    row: &Row<'_>,
    record: RecordRef,
    facet: i64,
    entity: EntityId,
    first: usize,
) -> Result<Link, Failure> {
    let detail = row.get_ref(first + 2)?.as_blob().map_err(odd)?;
    let (state, evidence) = codec::decode_link_detail(row.get(first)?, detail)?;
    let base = row.get_ref(first + 3)?.as_blob_or_null().map_err(odd)?;
    Ok(Link {
        record,
        facet: codec::kind_of(facet)?,
        entity,
        state,
        evidence,
        since: JournalSeq(codec::unsigned(row.get(first + 1)?)?),
        base: base.map(codec::decode_base).transpose()?,
    })
}

pub(super) fn entities(
    connection: &Connection,
    names: &Interner,
    entities: &[EntityId],
) -> Result<Vec<StoredEntity>, Failure> {
    let mut links = connection.prepare_cached(sql::LINKS_OF_ENTITY)?;
    let mut snapshots = connection.prepare_cached(sql::SNAPSHOT)?;
    let one = |&entity: &EntityId| one_entity(&mut links, &mut snapshots, connection, names, entity);
    entities.iter().map(one).collect()
}

fn one_entity(
    links: &mut Statement<'_>,
    snapshots: &mut Statement<'_>,
    connection: &Connection,
    names: &Interner,
    entity: EntityId,
) -> Result<StoredEntity, Failure> {
    let mut found = Vec::new();
    {
        let mut rows = links.query([entity.0.as_bytes()])?;
        while let Some(row) = rows.next()? {
            let stream: i32 = row.get(0)?;
            let record = names.record(connection, stream, row.get(1)?)?;
            found.push((stream, link(row, record, row.get(2)?, entity, 3)?));
        }
    }
    // Numbers of streams say nothing about the order of their names.
    found.sort_by(|(_, a), (_, b)| (&a.record, a.facet).cmp(&(&b.record, b.facet)));
    let mut shown = Vec::with_capacity(found.len());
    for (stream, link) in &found {
        shown.push(snapshot(snapshots, connection, names, *stream, &link.record)?);
    }
    let links = found.into_iter().map(|(_, link)| link).collect();
    Ok(StoredEntity { entity, links, snapshots: shown })
}

pub(super) fn versions(
    reader: &Connection,
    names: &Interner,
    connection: &ConnectionName,
    object: &ObjectName,
    ids: &[RecordId],
) -> Result<Vec<Option<Version>>, Failure> {
    let Some(stream) = names.stream(reader, connection, object)? else {
        return Ok(vec![None; ids.len()]);
    };
    let mut statement = reader.prepare_cached(sql::VERSION)?;
    ids.iter()
        .map(|id| {
            let found: Option<Option<Vec<u8>>> =
                statement.query_row(params![stream, id.as_str().as_bytes()], |row| row.get(0)).optional()?;
            version(found.flatten())
        })
        .collect()
}

pub(super) fn count_since(
    reader: &Connection,
    names: &Interner,
    connection: &ConnectionName,
    object: &ObjectName,
    from: Timestamp,
) -> Result<u64, Failure> {
    let Some(stream) = names.stream(reader, connection, object)? else { return Ok(0) };
    let count = reader
        .prepare_cached(sql::COUNT_SINCE)?
        .query_row(params![stream, codec::micros(from)], |row| row.get(0))?;
    Ok(codec::unsigned(count)?)
}

pub(super) fn ids(
    reader: &Connection,
    names: &Interner,
    connection: &ConnectionName,
    object: &ObjectName,
    after: Option<&RecordId>,
    limit: usize,
) -> Result<Vec<RecordId>, Failure> {
    let Some(stream) = names.stream(reader, connection, object)? else { return Ok(Vec::new()) };
    let after = after.map_or(&[][..], |id| id.as_str().as_bytes());
    let mut statement = reader.prepare_cached(sql::IDS)?;
    let mut rows = statement.query(params![stream, after, rows::limit(limit)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(RecordId::from(codec::utf8(row.get(0)?)?));
    }
    Ok(found)
}

pub(super) fn by_keys(
    connection: &Connection,
    names: &Interner,
    kind: Kind,
    keys: &[MatchKey],
) -> Result<Vec<Vec<RecordRef>>, Failure> {
    let mut statement = connection.prepare_cached(sql::BY_KEY)?;
    keys.iter()
        .map(|key| {
            let mut found = Vec::new();
            let Some(name) = names.key_name(connection, &key.name)? else { return Ok(found) };
            let (kind, value) = (codec::kind_code(kind), key.value.as_bytes());
            let mut rows = statement.query(params![kind, name, codec::key_hash(kind, name, value), value])?;
            while let Some(row) = rows.next()? {
                found.push(names.record(connection, row.get(0)?, row.get(1)?)?);
            }
            found.sort();
            Ok(found)
        })
        .collect()
}
