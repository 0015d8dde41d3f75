//! Capture: what the vendors show goes into the store, one page and its cursor in one transaction (HUB-11).

mod known;
mod page;

use crate::{ctx::Ctx, error::Error, schemas};
use known::StoreKnows;
pub(crate) use page::{matching_keys, work};
use std::collections::{BTreeMap, BTreeSet};
use syncline_kit::vendor::{Cursor, Cycle};
use syncline_model::{ConnectionName, ObjectSchema, Observation, RecordRef, RecordState};
use syncline_store::{Batch, Store};

/// What a capture brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Captured {
    /// Pages read.
    pub pages: u64,
    /// Observations in them.
    pub rows: u64,
    /// Records that are new or differ from what was stored.
    pub changed: u64,
    /// Whether a schema came along that differs from the stored one: the mapping has to be compiled again.
    pub schemas_changed: bool,
}

/// Reads on from the connection's cursor until a whole cycle was read.
///
/// A run that was cut off leaves its cycle in the middle. What it had passed may have changed since and is not read again by
/// the rest of that cycle: another one follows, which has only that to read.
///
/// # Errors
/// [`Error::Vendor`]; [`Error::Store`]; [`Error::UnknownConnection`]. Pages before the failing one are kept.
pub async fn cycle(ctx: &Ctx, connection: &ConnectionName) -> Result<Captured, Error> {
    let live = ctx.connection(connection)?;
    let want = ctx.want(connection)?;
    let knows = StoreKnows::new(&*ctx.store, connection);
    let mut cursor = load_cursor(&*ctx.store, connection).await?;
    let mut captured = Captured::default();
    let mut cycles = 1;
    loop {
        let page = live
            .vendor
            .capture(want, &cursor, &knows)
            .await
            .map_err(|error| Error::vendor(connection, error))?;
        knows.check()?;
        let mut batch = ctx.batch();
        let listing = live.vendor.listing();
        let taken = page::take(&*ctx.store, ctx.mapping(), listing, &page.observations, &mut batch).await?;
        captured.schemas_changed |= keep_schemas(ctx, connection, &page.schemas, &mut batch).await?;
        if page.cursor != cursor {
            put_cursor(&mut batch, connection, &page.cursor)?;
            live.keep_pace(&mut batch);
        }
        ctx.keep_renewed(live, &mut batch)?;
        commit(ctx, batch).await?;
        live.kept();
        if captured.pages == 0 && page.cycle == Cycle::Resumed {
            cycles += 1;
        }
        captured.pages += 1;
        captured.rows += taken.rows;
        captured.changed += taken.changed;
        cursor = page.cursor;
        if !page.more {
            cycles -= 1;
        }
        if cycles == 0 {
            return Ok(captured);
        }
    }
}

/// Reads these records as they are now: where a webhook pointed, or before a plan is applied. Records of objects that
/// are not captured are passed over.
///
/// # Errors
/// As for [`cycle`].
pub async fn records(ctx: &Ctx, records: &[RecordRef]) -> Result<Captured, Error> {
    let mut by_connection: BTreeMap<&ConnectionName, Vec<RecordRef>> = BTreeMap::new();
    for record in records {
        by_connection.entry(&record.connection).or_default().push(record.clone());
    }
    let mut captured = Captured::default();
    for (connection, mut records) in by_connection {
        let live = ctx.connection(connection)?;
        let want = ctx.want(connection)?;
        records.retain(|record| want.objects.iter().any(|object| object.object == record.object));
        records.sort();
        records.dedup();
        if records.is_empty() {
            continue;
        }
        let seen =
            live.vendor.read(want, &records).await.map_err(|error| Error::vendor(connection, error))?;
        let seen = without_strangers(ctx, &records, seen).await?;
        let mut batch = ctx.batch();
        let listing = live.vendor.listing();
        let taken = page::take(&*ctx.store, ctx.mapping(), listing, &seen, &mut batch).await?;
        commit(ctx, batch).await?;
        captured.pages += 1;
        captured.rows += taken.rows;
        captured.changed += taken.changed;
    }
    Ok(captured)
}

/// Leaves out what survivors say of records that were never read: nobody's tombstones.
async fn without_strangers(
    ctx: &Ctx,
    asked: &[RecordRef],
    seen: Vec<Observation>,
) -> Result<Vec<Observation>, Error> {
    let unasked = |seen: &Observation| {
        matches!(seen.state, RecordState::MergedInto(_)) && !asked.contains(&seen.record)
    };
    let told: Vec<RecordRef> =
        seen.iter().filter(|seen| unasked(seen)).map(|seen| seen.record.clone()).collect();
    if told.is_empty() {
        return Ok(seen);
    }
    let stored = ctx.store.records(&told).await?;
    let known: BTreeSet<RecordRef> = told
        .into_iter()
        .zip(stored)
        .filter(|(_, stored)| stored.snapshot.is_some())
        .map(|(told, _)| told)
        .collect();
    Ok(seen.into_iter().filter(|seen| !unasked(seen) || known.contains(&seen.record)).collect())
}

async fn keep_schemas(
    ctx: &Ctx,
    connection: &ConnectionName,
    sent: &[ObjectSchema],
    batch: &mut Batch,
) -> Result<bool, Error> {
    if sent.is_empty() {
        return Ok(false);
    }
    let before = schemas::stored(&*ctx.store, connection).await?;
    let mut changed = false;
    for schema in sent {
        changed |= schemas::keep(connection, schemas::of(&before, connection, &schema.object), schema, batch);
    }
    Ok(changed)
}

/// Nothing to write is no transaction.
async fn commit(ctx: &Ctx, batch: Batch) -> Result<(), Error> {
    let Batch { puts, snapshots, .. } = &batch;
    if puts.is_empty() && snapshots.is_empty() {
        return Ok(());
    }
    ctx.store.commit(batch).await?;
    Ok(())
}

fn slot(connection: &ConnectionName) -> String {
    format!("cursor/{connection}")
}

async fn load_cursor(store: &dyn Store, connection: &ConnectionName) -> Result<Cursor, Error> {
    let Some(bytes) = store.get(&slot(connection)).await? else { return Ok(Cursor::default()) };
    serde_json::from_slice(&bytes).map_err(|error| {
        syncline_store::StoreError::Corrupt(format!("cursor of {connection}: {error}")).into()
    })
}

fn put_cursor(batch: &mut Batch, connection: &ConnectionName, cursor: &Cursor) -> Result<(), Error> {
    let bytes = serde_json::to_vec(cursor).map_err(|error| Error::Internal(error.to_string()))?;
    batch.puts.push((slot(connection), Some(bytes)));
    Ok(())
}

/// Forgets how far a connection was read: the next cycle reads everything.
pub(crate) fn forget_cursor(batch: &mut Batch, connection: &ConnectionName) {
    batch.puts.push((slot(connection), None));
}

#[cfg(test)]
mod tests;
