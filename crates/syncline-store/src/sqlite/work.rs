//! Work to do, held items, reviews, open calls, lanes.

use super::{Failure, statements as sql};
use crate::{Dirty, DirtyKey, Fence, OpenCall, OpenOnly, StoredHeld, codec, rows};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use syncline_model::{EntityId, RecordRef, RunId, journal::CallId, review::Review};
use uuid::Uuid;

pub(super) fn dirty(
    connection: &Connection,
    after: Option<&DirtyKey>,
    limit: usize,
) -> Result<Vec<Dirty>, Failure> {
    let mut found = match after {
        None => dirty_records(connection, -1, None, limit)?,
        Some(DirtyKey::Record(kind, record)) => {
            dirty_records(connection, codec::kind_code(*kind), Some(record), limit)?
        }
        Some(DirtyKey::Entity(..)) => Vec::new(),
    };
    let (kind, entity) = match after {
        Some(DirtyKey::Entity(kind, entity)) => (codec::kind_code(*kind), entity.0.as_bytes().as_slice()),
        Some(DirtyKey::Record(..)) | None => (-1, &[][..]),
    };
    let rest = limit.saturating_sub(found.len());
    let mut statement = connection.prepare_cached(sql::DIRTY_ENTITIES)?;
    let mut rows = statement.query(params![kind, entity, rows::limit(rest)])?;
    while let Some(row) = rows.next()? {
        let key = DirtyKey::Entity(codec::kind_of(row.get(0)?)?, EntityId(Uuid::from_bytes(row.get(1)?)));
        found.push(Dirty { key, generation: codec::unsigned(row.get(2)?)? });
    }
    Ok(found)
}

fn dirty_records(
    connection: &Connection,
    kind: i16,
    after: Option<&RecordRef>,
    limit: usize,
) -> Result<Vec<Dirty>, Failure> {
    if let Some(after) = after {
        codec::check_name(after.connection.as_str())?;
        codec::check_name(after.object.as_str())?;
    }
    let (name, object, id) = after
        .map_or(("", "", ""), |after| (after.connection.as_str(), after.object.as_str(), after.id.as_str()));
    let mut statement = connection.prepare_cached(sql::DIRTY_RECORDS)?;
    let mut rows = statement.query(params![kind, name, object, id.as_bytes(), rows::limit(limit)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (name, object): (String, String) = (row.get(1)?, row.get(2)?);
        let record = RecordRef::new(name, object, codec::utf8(row.get(3)?)?);
        found.push(Dirty {
            key: DirtyKey::Record(codec::kind_of(row.get(0)?)?, record),
            generation: codec::unsigned(row.get(4)?)?,
        });
    }
    Ok(found)
}

pub(super) fn dirty_count(connection: &Connection) -> Result<u64, Failure> {
    Ok(codec::unsigned(connection.prepare_cached(sql::DIRTY_COUNT)?.query_row([], |row| row.get(0))?)?)
}

pub(super) fn next_due(connection: &Connection) -> Result<Option<Timestamp>, Failure> {
    let next: Option<i64> = connection.prepare_cached(sql::NEXT_DUE)?.query_row([], |row| row.get(0))?;
    Ok(next.map(codec::time_of).transpose()?)
}

pub(super) fn held(
    connection: &Connection,
    of: Option<EntityId>,
    after: Option<EntityId>,
    limit: usize,
) -> Result<Vec<StoredHeld>, Failure> {
    let mut found = Vec::new();
    let mut add = |row: &Row<'_>| -> Result<(), Failure> {
        let (held, findings) = rows::held_of(row.get_ref(1)?.as_blob().map_err(super::read::odd)?)?;
        found.push(StoredHeld { entity: EntityId(Uuid::from_bytes(row.get(0)?)), held, findings });
        Ok(())
    };
    if let Some(entity) = of {
        if limit > 0 && after.is_none_or(|after| after < entity) {
            let mut statement = connection.prepare_cached(sql::HELD_OF)?;
            let mut rows = statement.query([entity.0.as_bytes()])?;
            while let Some(row) = rows.next()? {
                add(row)?;
            }
        }
    } else {
        let mut statement = connection.prepare_cached(sql::HELD)?;
        let after = after.map_or(Vec::new(), |after| after.0.as_bytes().to_vec());
        let mut rows = statement.query(params![after, rows::limit(limit)])?;
        while let Some(row) = rows.next()? {
            add(row)?;
        }
    }
    Ok(found)
}

pub(super) fn held_count(connection: &Connection) -> Result<(u64, u64), Failure> {
    let (items, findings) =
        connection.prepare_cached(sql::HELD_COUNT)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok((codec::unsigned(items)?, codec::unsigned(findings)?))
}

pub(super) fn reviews(
    connection: &Connection,
    open_only: OpenOnly,
    after: u64,
    limit: usize,
) -> Result<Vec<Review>, Failure> {
    let text = match open_only {
        OpenOnly::Yes => sql::OPEN_REVIEWS,
        OpenOnly::No => sql::REVIEWS,
    };
    let mut statement = connection.prepare_cached(text)?;
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![after, rows::limit(limit)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(review_of(row)?);
    }
    Ok(found)
}

pub(super) fn review(connection: &Connection, id: u64) -> Result<Option<Review>, Failure> {
    let Ok(id) = i64::try_from(id) else { return Ok(None) };
    let mut statement = connection.prepare_cached(sql::REVIEW)?;
    let mut rows = statement.query([id])?;
    rows.next()?.map(review_of).transpose()
}

/// The number is the row's; what is packed was packed before it was known.
fn review_of(row: &Row<'_>) -> Result<Review, Failure> {
    let mut review: Review =
        codec::decode_json(row.get_ref(1)?.as_blob().map_err(super::read::odd)?, "review")?;
    review.id = codec::unsigned(row.get(0)?)?;
    Ok(review)
}

pub(super) fn open_calls(connection: &Connection) -> Result<Vec<OpenCall>, Failure> {
    let mut statement = connection.prepare_cached(sql::OPEN_CALLS)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(OpenCall {
            call: CallId(Uuid::from_bytes(row.get(0)?)),
            run: row.get::<_, Option<[u8; 16]>>(1)?.map(|run| RunId(Uuid::from_bytes(run))),
            connection: row.get::<_, String>(2)?.into(),
            at: codec::time_of(row.get(3)?)?,
            payload: row.get(4)?,
        });
    }
    Ok(found)
}

pub(super) fn claim(
    transaction: &Connection,
    lane: &str,
    owner: &str,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<Fence>, Failure> {
    codec::check_name(lane)?;
    codec::check_name(owner)?;
    let epoch: Option<i64> = transaction
        .prepare_cached(sql::CLAIM)?
        .query_row(params![lane, owner, codec::micros(now), codec::micros(until)], |row| row.get(0))
        .optional()?;
    let Some(epoch) = epoch else { return Ok(None) };
    Ok(Some(Fence { lane: lane.to_owned(), epoch: codec::unsigned(epoch)? }))
}

pub(super) fn release(transaction: &Connection, fence: &Fence) -> Result<(), Failure> {
    if let Ok(epoch) = codec::signed(fence.epoch) {
        transaction.prepare_cached(sql::RELEASE)?.execute(params![fence.lane, epoch])?;
    }
    Ok(())
}
