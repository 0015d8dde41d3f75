//! Who refers to a record, asked of the vendor from the record's side: where a relation moves no stamp on the one that has
//! it (HubSpot), no capture tells of a new one, and what is referred to must not be taken away unseen.

use crate::{capture, ctx::Ctx, error::Error};
use std::collections::BTreeMap;
use syncline_kit::vendor::Referrer;
use syncline_model::{ConnectionName, Observed, RecordRef, Snapshot, Value};

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
    let unknown = found.iter().zip(stored).filter(|(referrer, stored)| {
        !stored.snapshot.as_ref().is_some_and(|snapshot| refers(snapshot, referrer))
    });
    let unknown: Vec<RecordRef> = unknown.map(|(referrer, _)| referrer.child.clone()).collect();
    capture::records(ctx, &unknown).await?;
    Ok(found)
}

/// Whether a record is known to refer so.
fn refers(child: &Snapshot, referrer: &Referrer) -> bool {
    let Observed::Value(Value::Refs(refs)) = child.field(referrer.field.as_str()) else { return false };
    child.is_live()
        && refs.iter().any(|it| it.object == referrer.parent.object && it.id == referrer.parent.id)
}
