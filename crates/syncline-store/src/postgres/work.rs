//! Work to do, held items, reviews, open calls, lanes.

use super::{Failure, statements as sql};
use crate::{Dirty, DirtyKey, Fence, OpenCall, OpenOnly, StoreError, StoredHeld, codec, rows};
use deadpool_postgres::Transaction;
use jiff::Timestamp;
use syncline_model::{EntityId, RecordRef, RunId, journal::CallId, review::Review};
use tokio_postgres::Row;
use uuid::Uuid;

/// An id of 16 bytes.
pub(super) fn uuid(bytes: &[u8]) -> Result<Uuid, Failure> {
    Uuid::from_slice(bytes).map_err(|_| StoreError::Corrupt("an id has not 16 bytes".to_owned()).into())
}

pub(super) async fn dirty(
    client: &Transaction<'_>,
    after: Option<&DirtyKey>,
    limit: usize,
) -> Result<Vec<Dirty>, Failure> {
    let mut found = match after {
        None => dirty_records(client, -1, None, limit).await?,
        Some(DirtyKey::Record(kind, record)) => {
            dirty_records(client, codec::kind_code(*kind), Some(record), limit).await?
        }
        Some(DirtyKey::Entity(..)) => Vec::new(),
    };
    let (kind, entity) = match after {
        Some(DirtyKey::Entity(kind, entity)) => (codec::kind_code(*kind), entity.0.as_bytes().as_slice()),
        Some(DirtyKey::Record(..)) | None => (-1, &[][..]),
    };
    let rest = limit.saturating_sub(found.len());
    let statement = client.prepare_cached(sql::DIRTY_ENTITIES).await?;
    for row in client.query(&statement, &[&kind, &entity, &rows::limit(rest)]).await? {
        let kind = codec::kind_of(i64::from(row.try_get::<_, i16>(0)?))?;
        let key = DirtyKey::Entity(kind, EntityId(uuid(row.try_get(1)?)?));
        found.push(Dirty { key, generation: codec::unsigned(row.try_get(2)?)? });
    }
    Ok(found)
}

async fn dirty_records(
    client: &Transaction<'_>,
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
    let statement = client.prepare_cached(sql::DIRTY_RECORDS).await?;
    let rows =
        client.query(&statement, &[&kind, &name, &object, &id.as_bytes(), &rows::limit(limit)]).await?;
    rows.iter()
        .map(|row| {
            let id = codec::utf8(row.try_get(3)?)?;
            let record = RecordRef::new(row.try_get::<_, &str>(1)?, row.try_get::<_, &str>(2)?, id);
            let kind = codec::kind_of(i64::from(row.try_get::<_, i16>(0)?))?;
            Ok(Dirty { key: DirtyKey::Record(kind, record), generation: codec::unsigned(row.try_get(4)?)? })
        })
        .collect()
}

pub(super) async fn dirty_count(client: &Transaction<'_>) -> Result<u64, Failure> {
    let statement = client.prepare_cached(sql::DIRTY_COUNT).await?;
    Ok(codec::unsigned(client.query_one(&statement, &[]).await?.try_get(0)?)?)
}

pub(super) async fn next_due(client: &Transaction<'_>) -> Result<Option<Timestamp>, Failure> {
    let statement = client.prepare_cached(sql::NEXT_DUE).await?;
    let next: Option<i64> = client.query_one(&statement, &[]).await?.try_get(0)?;
    Ok(next.map(codec::time_of).transpose()?)
}

pub(super) async fn held(
    client: &Transaction<'_>,
    of: Option<EntityId>,
    after: Option<EntityId>,
    limit: usize,
) -> Result<Vec<StoredHeld>, Failure> {
    let rows = match of {
        Some(entity) if limit == 0 || after.is_some_and(|after| after >= entity) => Vec::new(),
        Some(entity) => {
            let statement = client.prepare_cached(sql::HELD_OF).await?;
            client.query(&statement, &[&entity.0.as_bytes().as_slice()]).await?
        }
        None => {
            let statement = client.prepare_cached(sql::HELD).await?;
            let after = after.map_or(Vec::new(), |after| after.0.as_bytes().to_vec());
            client.query(&statement, &[&after, &rows::limit(limit)]).await?
        }
    };
    rows.iter()
        .map(|row| {
            let (held, findings) = rows::held_of(row.try_get(1)?)?;
            Ok(StoredHeld { entity: EntityId(uuid(row.try_get(0)?)?), held, findings })
        })
        .collect()
}

pub(super) async fn held_count(client: &Transaction<'_>) -> Result<(u64, u64), Failure> {
    let statement = client.prepare_cached(sql::HELD_COUNT).await?;
    let row = client.query_one(&statement, &[]).await?;
    Ok((codec::unsigned(row.try_get(0)?)?, codec::unsigned(row.try_get(1)?)?))
}

pub(super) async fn reviews(
    client: &Transaction<'_>,
    open_only: OpenOnly,
    after: u64,
    limit: usize,
) -> Result<Vec<Review>, Failure> {
    let text = match open_only {
        OpenOnly::Yes => sql::OPEN_REVIEWS,
        OpenOnly::No => sql::REVIEWS,
    };
    let statement = client.prepare_cached(text).await?;
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    client.query(&statement, &[&after, &rows::limit(limit)]).await?.iter().map(review_of).collect()
}

pub(super) async fn review(client: &Transaction<'_>, id: u64) -> Result<Option<Review>, Failure> {
    let Ok(id) = i64::try_from(id) else { return Ok(None) };
    let statement = client.prepare_cached(sql::REVIEW).await?;
    client.query_opt(&statement, &[&id]).await?.as_ref().map(review_of).transpose()
}

/// The number is the row's; what is packed was packed before it was known.
fn review_of(row: &Row) -> Result<Review, Failure> {
    let mut review: Review = codec::decode_json(row.try_get(1)?, "review")?;
    review.id = codec::unsigned(row.try_get(0)?)?;
    Ok(review)
}

pub(super) async fn open_calls(client: &Transaction<'_>) -> Result<Vec<OpenCall>, Failure> {
    let statement = client.prepare_cached(sql::OPEN_CALLS).await?;
    let rows = client.query(&statement, &[]).await?;
    rows.iter()
        .map(|row| {
            let run = row.try_get::<_, Option<&[u8]>>(1)?.map(uuid).transpose()?;
            Ok(OpenCall {
                call: CallId(uuid(row.try_get(0)?)?),
                run: run.map(RunId),
                connection: row.try_get::<_, &str>(2)?.into(),
                at: codec::time_of(row.try_get(3)?)?,
                payload: row.try_get(4)?,
            })
        })
        .collect()
}

pub(super) async fn claim(
    client: &Transaction<'_>,
    lane: &str,
    owner: &str,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<Fence>, Failure> {
    codec::check_name(lane)?;
    codec::check_name(owner)?;
    let statement = client.prepare_cached(sql::CLAIM).await?;
    let row =
        client.query_opt(&statement, &[&lane, &owner, &codec::micros(now), &codec::micros(until)]).await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Fence { lane: lane.to_owned(), epoch: codec::unsigned(row.try_get(0)?)? }))
}

pub(super) async fn release(client: &Transaction<'_>, fence: &Fence) -> Result<(), Failure> {
    if let (Ok(epoch), Ok(())) = (codec::signed(fence.epoch), codec::check_name(&fence.lane)) {
        let statement = client.prepare_cached(sql::RELEASE).await?;
        client.execute(&statement, &[&fence.lane, &epoch]).await?;
    }
    Ok(())
}
