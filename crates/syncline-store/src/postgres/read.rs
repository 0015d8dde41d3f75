//! Reading records, links, keys and small state: one round trip a table, whatever the number of rows.

use super::{Failure, intern, statements as sql, work::uuid};
use crate::{MatchKey, StoreError, StoredEntity, StoredRecord, codec, names::Names, rows};
use deadpool_postgres::Transaction;
use jiff::Timestamp;
use std::collections::BTreeSet;
use syncline_model::{
    ConnectionName, EntityId, JournalSeq, Kind, Link, ObjectName, RecordId, RecordRef, Snapshot, Version,
};
use tokio_postgres::Row;

pub(super) async fn get(client: &Transaction<'_>, key: &str) -> Result<Option<Vec<u8>>, Failure> {
    let statement = client.prepare_cached(sql::GET).await?;
    let row = client.query_opt(&statement, &[&key.as_bytes()]).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

pub(super) async fn list(client: &Transaction<'_>, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let statement = client.prepare_cached(sql::LIST).await?;
    let end = rows::after_prefix(prefix);
    let rows = client.query(&statement, &[&prefix.as_bytes(), &end]).await?;
    rows.iter().map(|row| Ok((codec::utf8(row.try_get(0)?)?, row.try_get(1)?))).collect()
}

/// A position counted from 1, as the database counts.
pub(super) fn position(row: &Row) -> Result<usize, Failure> {
    let n: i64 = row.try_get(0)?;
    usize::try_from(n - 1).map_err(|_| StoreError::Corrupt("a position is negative".to_owned()).into())
}

pub(super) async fn records(
    client: &Transaction<'_>,
    names: &Names,
    records: &[RecordRef],
) -> Result<Vec<StoredRecord>, Failure> {
    let streams = intern::streams(client, names, records).await?;
    let mut found: Vec<StoredRecord> =
        records.iter().map(|_| StoredRecord { snapshot: None, links: Vec::new() }).collect();
    for (stored, snapshot) in found.iter_mut().zip(snapshots(client, names, &streams, records).await?) {
        stored.snapshot = snapshot;
    }
    let statement = client.prepare_cached(sql::LINKS_OF_RECORDS).await?;
    let ids = ids_of(records);
    for row in client.query(&statement, &[&streams, &ids]).await? {
        let at = position(&row)?;
        if let (Some(stored), Some(record)) = (found.get_mut(at), records.get(at)) {
            stored.links.push(link(&row, record.clone())?);
        }
    }
    Ok(found)
}

fn ids_of<'a>(records: impl IntoIterator<Item = &'a RecordRef>) -> Vec<&'a [u8]> {
    records.into_iter().map(|record| record.id.as_str().as_bytes()).collect()
}

/// Snapshots of records, in their order.
async fn snapshots(
    client: &Transaction<'_>,
    names: &Names,
    streams: &[Option<i32>],
    records: &[RecordRef],
) -> Result<Vec<Option<Snapshot>>, Failure> {
    let statement = client.prepare_cached(sql::SNAPSHOTS).await?;
    let rows = client.query(&statement, &[&streams, &ids_of(records)]).await?;
    let shapes: Result<BTreeSet<i32>, _> = rows.iter().map(|row| row.try_get(4)).collect();
    let shapes = intern::fields(client, names, shapes?).await?;
    let mut found: Vec<Option<Snapshot>> = records.iter().map(|_| None).collect();
    for row in &rows {
        let at = position(row)?;
        let shape: i32 = row.try_get(4)?;
        let shape = shapes
            .get(&shape)
            .ok_or_else(|| StoreError::Corrupt(format!("the list of fields {shape} is missing")))?;
        let state = i64::from(row.try_get::<_, i16>(3)?);
        let (state, fields) = codec::decode_snapshot(state, shape, row.try_get(5)?)?;
        if let (Some(place), Some(record)) = (found.get_mut(at), records.get(at)) {
            *place = Some(Snapshot {
                record: record.clone(),
                version: version(row.try_get(1)?)?,
                modified: row.try_get::<_, Option<i64>>(2)?.map(codec::time_of).transpose()?,
                state,
                fields,
            });
        }
    }
    Ok(found)
}

fn version(bytes: Option<Vec<u8>>) -> Result<Option<Version>, Failure> {
    Ok(bytes.map(codec::utf8).transpose()?.map(|text| Version(text.into())))
}

/// The link of a row whose columns from 1 on are facet, entity, state, since, detail, base.
fn link(row: &Row, record: RecordRef) -> Result<Link, Failure> {
    let state = i64::from(row.try_get::<_, i16>(3)?);
    let (state, evidence) = codec::decode_link_detail(state, row.try_get(5)?)?;
    Ok(Link {
        record,
        facet: codec::kind_of(i64::from(row.try_get::<_, i16>(1)?))?,
        entity: EntityId(uuid(row.try_get(2)?)?),
        state,
        evidence,
        since: JournalSeq(codec::unsigned(row.try_get(4)?)?),
        base: row.try_get::<_, Option<&[u8]>>(6)?.map(codec::decode_base).transpose()?,
    })
}

pub(super) async fn entities(
    client: &Transaction<'_>,
    names: &Names,
    entities: &[EntityId],
) -> Result<Vec<StoredEntity>, Failure> {
    let statement = client.prepare_cached(sql::LINKS_OF_ENTITIES).await?;
    let asked: Vec<&[u8]> = entities.iter().map(|entity| entity.0.as_bytes().as_slice()).collect();
    let rows = client.query(&statement, &[&asked]).await?;
    let addresses: Result<Vec<(i32, Vec<u8>)>, tokio_postgres::Error> =
        rows.iter().map(|row| Ok((row.try_get(7)?, row.try_get(8)?))).collect();
    let addresses = addresses?;
    let streams: Vec<Option<i32>> = addresses.iter().map(|(stream, _)| Some(*stream)).collect();
    let records = intern::addresses(client, names, addresses).await?;
    let snapshots = snapshots(client, names, &streams, &records).await?;

    let mut found: Vec<Vec<(Link, Option<Snapshot>)>> = entities.iter().map(|_| Vec::new()).collect();
    for ((row, record), snapshot) in rows.iter().zip(records).zip(snapshots) {
        if let Some(links) = found.get_mut(position(row)?) {
            links.push((link(row, record)?, snapshot));
        }
    }
    let stored = |(&entity, mut found): (&EntityId, Vec<(Link, Option<Snapshot>)>)| {
        // Numbers of streams say nothing about the order of their names.
        found.sort_by(|(a, _), (b, _)| (&a.record, a.facet).cmp(&(&b.record, b.facet)));
        let (links, snapshots) = found.into_iter().unzip();
        StoredEntity { entity, links, snapshots }
    };
    Ok(entities.iter().zip(found).map(stored).collect())
}

pub(super) async fn versions(
    client: &Transaction<'_>,
    names: &Names,
    connection: &ConnectionName,
    object: &ObjectName,
    ids: &[RecordId],
) -> Result<Vec<Option<Version>>, Failure> {
    let mut found: Vec<Option<Version>> = ids.iter().map(|_| None).collect();
    let Some(stream) = intern::stream(client, names, connection, object).await? else { return Ok(found) };
    let statement = client.prepare_cached(sql::VERSIONS).await?;
    let ids: Vec<&[u8]> = ids.iter().map(|id| id.as_str().as_bytes()).collect();
    for row in client.query(&statement, &[&stream, &ids]).await? {
        if let Some(place) = found.get_mut(position(&row)?) {
            *place = version(row.try_get(1)?)?;
        }
    }
    Ok(found)
}

pub(super) async fn count_since(
    client: &Transaction<'_>,
    names: &Names,
    connection: &ConnectionName,
    object: &ObjectName,
    from: Timestamp,
) -> Result<u64, Failure> {
    let Some(stream) = intern::stream(client, names, connection, object).await? else { return Ok(0) };
    let statement = client.prepare_cached(sql::COUNT_SINCE).await?;
    let row = client.query_one(&statement, &[&stream, &codec::micros(from)]).await?;
    Ok(codec::unsigned(row.try_get(0)?)?)
}

pub(super) async fn ids(
    client: &Transaction<'_>,
    names: &Names,
    connection: &ConnectionName,
    object: &ObjectName,
    after: Option<&RecordId>,
    limit: usize,
) -> Result<Vec<RecordId>, Failure> {
    let Some(stream) = intern::stream(client, names, connection, object).await? else {
        return Ok(Vec::new());
    };
    let statement = client.prepare_cached(sql::IDS).await?;
    let after = after.map_or(&[][..], |id| id.as_str().as_bytes());
    let rows = client.query(&statement, &[&stream, &after, &rows::limit(limit)]).await?;
    rows.iter().map(|row| Ok(RecordId::from(codec::utf8(row.try_get(0)?)?))).collect()
}

pub(super) async fn by_keys(
    client: &Transaction<'_>,
    names: &Names,
    kind: Kind,
    keys: &[MatchKey],
) -> Result<Vec<Vec<RecordRef>>, Failure> {
    let mut numbers = Vec::with_capacity(keys.len());
    for key in keys {
        numbers.push(intern::key_name(client, names, &key.name).await?);
    }
    let values: Vec<&[u8]> = keys.iter().map(|key| key.value.as_bytes()).collect();
    let kind = codec::kind_code(kind);
    let kinds: Vec<i16> = keys.iter().map(|_| kind).collect();
    let hash = |(name, value): (&Option<i32>, &&[u8])| Some(codec::key_hash(kind, (*name)?, value));
    let hashes: Vec<Option<i64>> = numbers.iter().zip(&values).map(hash).collect();
    let statement = client.prepare_cached(sql::BY_KEYS).await?;
    let rows = client.query(&statement, &[&kinds, &numbers, &hashes, &values]).await?;
    let addresses: Result<Vec<(i32, Vec<u8>)>, tokio_postgres::Error> =
        rows.iter().map(|row| Ok((row.try_get(1)?, row.try_get(2)?))).collect();
    let records = intern::addresses(client, names, addresses?).await?;
    let mut found: Vec<Vec<RecordRef>> = keys.iter().map(|_| Vec::new()).collect();
    for (row, record) in rows.iter().zip(records) {
        let told = matches!(row.try_get::<_, i16>(3)?, codec::LIVE | codec::CONVERTED);
        if let Some(records) = found.get_mut(position(row)?).filter(|_| told) {
            records.push(record);
        }
    }
    found.iter_mut().for_each(|records| records.sort());
    Ok(found)
}
