//! What an entity's relations lead to.

use crate::{ctx::Ctx, error::Error};
use std::collections::{BTreeMap, BTreeSet};
use syncline_core::{mapping::Mapping, plan::Target};
use syncline_model::{ConnectionName, FieldName, Kind, LinkState, Observed, RecordRef, Value};
use syncline_store::StoredEntity;

pub(super) fn edge_fields(mapping: &Mapping, kind: Kind) -> BTreeMap<(ConnectionName, FieldName), Kind> {
    let mut fields = BTreeMap::new();
    for edge in mapping.kinds.get(&kind).into_iter().flat_map(|model| &model.edges) {
        for binding in &edge.bindings {
            fields.insert((binding.connection.clone(), binding.field.clone()), edge.to);
        }
    }
    fields
}

/// Every record that the entity's edges point to, now or at their base.
pub(super) fn collect_refs(
    entity: &StoredEntity,
    kind: Kind,
    edges: &BTreeMap<(ConnectionName, FieldName), Kind>,
    refs: &mut BTreeSet<(Kind, RecordRef)>,
) {
    for (link, snapshot) in entity.links.iter().zip(&entity.snapshots) {
        let Some(snapshot) = snapshot else { continue };
        if link.facet != kind {
            continue;
        }
        let connection = &link.record.connection;
        let shown = snapshot.fields.iter().map(|(field, value)| (field, Some(value)));
        let agreed = link
            .base
            .iter()
            .flat_map(|base| &base.entries)
            .map(|(field, entry)| (field, entry.agreed.as_ref()));
        for (field, value) in shown.chain(agreed) {
            let Some(Observed::Value(Value::Refs(list))) = value else { continue };
            let Some(to) = edges.get(&(connection.clone(), field.clone())) else { continue };
            refs.extend(list.iter().map(|reference| {
                let record = RecordRef {
                    connection: connection.clone(),
                    object: reference.object.clone(),
                    id: reference.id.clone(),
                };
                (*to, record)
            }));
        }
    }
}

/// Whose the records are. A record that was merged or converted leads to the entity of what took its place.
pub(super) async fn resolve(
    ctx: &Ctx,
    refs: &BTreeSet<(Kind, RecordRef)>,
) -> Result<BTreeMap<RecordRef, Target>, Error> {
    let records: Vec<RecordRef> = refs.iter().map(|(_, record)| record.clone()).collect();
    let stored = ctx.store.records(&records).await?;
    let mut targets = BTreeMap::new();
    for ((kind, record), stored) in refs.iter().zip(stored) {
        let link = stored.links.iter().find(|link| link.facet == *kind && link.state != LinkState::Excluded);
        targets.insert(record.clone(), Target::of(link, stored.snapshot.as_ref()));
    }
    Ok(targets)
}
