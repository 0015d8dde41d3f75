//! How the records of a run stand now.

use super::{
    PAGE,
    past::{Past, referred, targets},
    since::Since,
};
use crate::{ctx::Ctx, error::Error};
use std::collections::{BTreeMap, BTreeSet};
use syncline_core::undo::{self, Present, Standing};
use syncline_model::{
    ConnectionName, EntityId, FieldName, LinkState, ObjectName, RecordRef, Snapshot, journal::Written,
};
use syncline_store::Store;

pub(super) async fn present<'a>(ctx: &'a Ctx, past: &Past) -> Result<Present<'a>, Error> {
    let (mut wanted, entities) = past.named();
    let entities: Vec<EntityId> = entities.into_iter().collect();
    for chunk in entities.chunks(PAGE) {
        for entity in ctx.store.entities(chunk).await? {
            wanted.extend(entity.links.into_iter().map(|link| link.record));
        }
    }
    let mut records = BTreeMap::new();
    load(&*ctx.store, &wanted, &mut records).await?;
    let snapshots = records.values().filter_map(|standing| standing.snapshot.as_ref());
    let further: BTreeSet<RecordRef> =
        snapshots.flat_map(referred).filter(|record| !wanted.contains(record)).collect();
    load(&*ctx.store, &further, &mut records).await?;
    loop {
        let merged = records.keys().filter_map(|record| undo::merged_into(&records, record));
        let survivors: BTreeSet<RecordRef> = merged.filter(|it| !records.contains_key(it)).collect();
        if survivors.is_empty() {
            break;
        }
        load(&*ctx.store, &survivors, &mut records).await?;
    }
    let successors = successors(ctx, &records).await?;
    load(&*ctx.store, &successors, &mut records).await?;
    let referrers = referrers(ctx, past, &mut records).await?;
    let Since { changed, ended, .. } = Since::read(ctx, past, &records).await?;
    Ok(Present { mapping: ctx.mapping(), records, referrers, changed, ended })
}

/// What may have come in place of records that an undo archived.
pub(super) async fn successors(
    ctx: &Ctx,
    records: &BTreeMap<RecordRef, Standing>,
) -> Result<BTreeSet<RecordRef>, Error> {
    let links = records.values().flat_map(|standing| &standing.links);
    let undone = links.filter(|link| matches!(link.state, LinkState::Undone(_)));
    let entities: Vec<EntityId> =
        undone.map(|link| link.entity).collect::<BTreeSet<_>>().into_iter().collect();
    let mut found = BTreeSet::new();
    for chunk in entities.chunks(PAGE) {
        for entity in ctx.store.entities(chunk).await? {
            found.extend(
                entity.links.into_iter().filter(|link| link.state.is_active()).map(|link| link.record),
            );
        }
    }
    found.retain(|record| !records.contains_key(record));
    Ok(found)
}

pub(super) async fn load(
    store: &dyn Store,
    wanted: &BTreeSet<RecordRef>,
    records: &mut BTreeMap<RecordRef, Standing>,
) -> Result<(), Error> {
    let wanted: Vec<RecordRef> = wanted.iter().cloned().collect();
    for chunk in wanted.chunks(PAGE) {
        for (record, stored) in chunk.iter().zip(store.records(chunk).await?) {
            records.insert(record.clone(), Standing { snapshot: stored.snapshot, links: stored.links });
        }
    }
    Ok(())
}

/// Who refers to the records that the run made: read from all records of the objects that can, since nothing is indexed by
/// what it refers to.
async fn referrers(
    ctx: &Ctx,
    past: &Past,
    records: &mut BTreeMap<RecordRef, Standing>,
) -> Result<BTreeMap<RecordRef, BTreeSet<(RecordRef, FieldName)>>, Error> {
    let mut found: BTreeMap<RecordRef, BTreeSet<(RecordRef, FieldName)>> = BTreeMap::new();
    let made: Vec<&Written> = past.written.iter().filter(|row| row.created).collect();
    let mut places: BTreeMap<(ConnectionName, ObjectName), BTreeSet<FieldName>> = BTreeMap::new();
    for edge in ctx.mapping().kinds.values().flat_map(|model| &model.edges) {
        for binding in &edge.bindings {
            let to_made = made
                .iter()
                .any(|row| row.operation.kind == edge.to && row.record.connection == binding.connection);
            if to_made {
                let place = (binding.connection.clone(), binding.object.clone());
                places.entry(place).or_default().insert(binding.field.clone());
            }
        }
    }
    let made: BTreeSet<RecordRef> = made.into_iter().map(|row| row.record.clone()).collect();
    for ((connection, object), fields) in places {
        let mut after = None;
        loop {
            let ids = ctx.store.ids(&connection, &object, after.as_ref(), PAGE).await?;
            let Some(last) = ids.last() else { break };
            after = Some(last.clone());
            let page: Vec<RecordRef> = ids
                .into_iter()
                .map(|id| RecordRef { connection: connection.clone(), object: object.clone(), id })
                .collect();
            for (child, stored) in page.iter().zip(ctx.store.records(&page).await?) {
                let Some(snapshot) = stored.snapshot.filter(Snapshot::is_live) else { continue };
                let mut refers = false;
                for field in &fields {
                    for target in targets(child, snapshot.field(field.as_str())) {
                        if made.contains(&target) {
                            refers = true;
                            found.entry(target).or_default().insert((child.clone(), field.clone()));
                        }
                    }
                }
                if refers {
                    let standing = Standing { snapshot: Some(snapshot), links: stored.links };
                    records.entry(child.clone()).or_insert(standing);
                }
            }
        }
    }
    Ok(found)
}
