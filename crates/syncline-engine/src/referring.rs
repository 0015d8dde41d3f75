//! Who refers to a record, asked of the vendor from the record's side: where a relation moves no stamp on the one that has
//! it (HubSpot), no capture tells of a new one, and what is referred to must not be taken away unseen.

use crate::{capture, ctx::Ctx, error::Error};
use std::collections::BTreeMap;
use syncline_core::mapping::{Carrier, OnDelete};
use syncline_kit::vendor::Referrer;
use syncline_model::{
    ConnectionName, FieldName, Kind, Link, LinkState, Observed, RecordRef, Snapshot, Value,
};

/// Live records that refer to these now. What the store does not know of that is captured, by id.
///
/// # Errors
/// [`Error::Vendor`]; [`Error::Store`].
pub(crate) async fn look(ctx: &Ctx, records: &[RecordRef]) -> Result<Vec<Referrer>, Error> {
    let mut by_connection: BTreeMap<&ConnectionName, Vec<RecordRef>> = BTreeMap::new();
    for record in records {
        by_connection.entry(&record.connection).or_default().push(record.clone());
    }
    let mut found = Vec::new();
    for (connection, records) in by_connection {
        let live = ctx.connection(connection)?;
        let want = ctx.want(connection)?;
        let referrers = live.vendor.referrers(want, &records).await;
        found.extend(referrers.map_err(|error| Error::vendor(connection, error))?);
    }
    found.sort();
    found.dedup();
    let children: Vec<RecordRef> = found.iter().map(|it| it.child.clone()).collect();
    let stored = ctx.store.records(&children).await?;
    let unknown = found.iter().zip(stored).filter(|(it, stored)| {
        !stored.snapshot.as_ref().is_some_and(|snapshot| refers(snapshot, &it.field, &it.parent))
    });
    let unknown: Vec<RecordRef> = unknown.map(|(referrer, _)| referrer.child.clone()).collect();
    capture::records(ctx, &unknown).await?;
    Ok(found)
}

/// Whether a record is known to refer so.
fn refers(child: &Snapshot, field: &FieldName, parent: &RecordRef) -> bool {
    let Observed::Value(Value::Refs(refs)) = child.field(field.as_str()) else { return false };
    child.is_live() && refs.iter().any(|it| it.object == parent.object && it.id == parent.id)
}

fn key(record: &RecordRef) -> String {
    format!("referred/{record}")
}

/// The small state to keep of a record that was to be archived: who keeps it, if anybody does.
pub(crate) fn noted(
    record: &RecordRef,
    keeper: Option<&Referrer>,
) -> Result<(String, Option<Vec<u8>>), Error> {
    let bytes = keeper.map(|it| serde_json::to_vec(&(&it.child, &it.field))).transpose();
    Ok((key(record), bytes.map_err(|error| Error::Internal(error.to_string()))?))
}

/// Which of an entity's records were not archived because somebody referred to them who, for all that is known, still does.
pub(crate) async fn known(
    ctx: &Ctx,
    kind: Kind,
    links: &[Link],
) -> Result<BTreeMap<RecordRef, RecordRef>, Error> {
    let mut referred = BTreeMap::new();
    let archives = ctx.mapping().kinds.get(&kind).is_some_and(|model| model.on_delete == OnDelete::Archive);
    let own: Vec<&Link> = links.iter().filter(|link| link.facet == kind).collect();
    if !archives || own.iter().all(|link| link.state != LinkState::Deleted) {
        return Ok(referred);
    }
    for link in own.into_iter().filter(|link| link.state.is_active()) {
        let Some(bytes) = ctx.store.get(&key(&link.record)).await? else { continue };
        let Ok((child, field)) = serde_json::from_slice::<(RecordRef, FieldName)>(&bytes) else { continue };
        let stored = ctx.store.records(std::slice::from_ref(&child)).await?.pop();
        let snapshot = stored.and_then(|stored| stored.snapshot);
        if snapshot.is_some_and(|snapshot| refers(&snapshot, &field, &link.record)) {
            referred.insert(link.record.clone(), child);
        }
    }
    Ok(referred)
}

/// Whether a field stands for relations that are made by calls of their own.
pub(crate) fn is_association(ctx: &Ctx, record: &RecordRef, field: &FieldName) -> bool {
    let mut bindings = ctx
        .mapping()
        .kinds
        .values()
        .flat_map(|model| &model.edges)
        .filter_map(|edge| edge.binding(&record.connection, &record.object));
    bindings.any(|binding| binding.field == *field && binding.carrier == Carrier::Association)
}
