//! Another mapping means that everything linked may have something to do: a new field to fill, a rule that decides
//! otherwise, an option that has a counterpart now.

use super::Ctx;
use crate::error::Error;
use sha2::{Digest, Sha256};
use syncline_core::mapping::Mapping;
use syncline_model::{ConnectionName, ObjectName, RecordRef, journal::Event};

/// Digest of the mapping under which work was last marked.
const SLOT: &str = "mapping/sha256";
/// What waits for another configuration or schema.
const WAKE: &str = "config";
/// Records marked in one transaction.
const PAGE: usize = 1_000;

/// Marks everything as work where the mapping differs from the one before. The new digest is stored last, so a crash
/// only repeats the marking.
pub(super) async fn where_changed(ctx: &Ctx) -> Result<(), Error> {
    let digest = &ctx.force.digest;
    let before = ctx.store.get(SLOT).await?;
    if before.as_ref() == Some(digest) {
        return Ok(());
    }
    if before.is_some() {
        for kind in ctx.mapping().kinds.values() {
            for (connection, objects) in &kind.objects {
                for object in objects {
                    mark(ctx, connection, object).await?;
                }
            }
        }
    }
    let mut batch = ctx.batch();
    batch.puts.push((SLOT.to_owned(), Some(digest.clone())));
    batch.wake.push(WAKE.to_owned());
    batch.journal.push(Event::Config { sha256: ctx.workspace.config_sha256.clone() });
    ctx.store.commit(batch).await?;
    Ok(())
}

async fn mark(ctx: &Ctx, connection: &ConnectionName, object: &ObjectName) -> Result<(), Error> {
    let mut after = None;
    loop {
        ctx.lease.keep().await?;
        let ids = ctx.store.ids(connection, object, after.as_ref(), PAGE).await?;
        let Some(last) = ids.last().cloned() else { return Ok(()) };
        let address = |id| RecordRef { connection: connection.clone(), object: object.clone(), id };
        let records: Vec<_> = ids.into_iter().map(address).collect();
        let mut batch = ctx.batch();
        for stored in ctx.store.records(&records).await? {
            let Some(snapshot) = stored.snapshot else { continue };
            // Other rules may match by other keys.
            batch.keys.extend(crate::capture::matching_keys(ctx.mapping(), &snapshot));
            batch.dirty.extend(crate::capture::work(ctx.mapping(), &snapshot, &stored.links, false));
        }
        ctx.store.commit(batch).await?;
        after = Some(last);
    }
}

/// Every part of a mapping is ordered, so equal mappings print alike.
pub(super) fn digest(mapping: &Mapping) -> Vec<u8> {
    Sha256::digest(format!("{mapping:?}")).to_vec()
}
