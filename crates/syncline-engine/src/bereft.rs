//! Relations that a side has lost, looked at once more before anybody believes it. What a delete takes along shows before the
//! delete where a recycle bin is read more seldom than searches (HubSpot), and what a restore brings back shows after it: a
//! relation moves no stamp. So both ends are read by id.

use crate::{capture, ctx::Ctx, error::Error, settling};
use std::collections::BTreeSet;
use syncline_core::{
    mapping::{Cardinality, Carrier, Edge, OnDelete, Pick},
    plan::{Neighbourhood, TargetState},
};
use syncline_kit::vendor::Listing;
use syncline_model::{Base, Kind, Observed, RecordRef, Ref, Snapshot, Value};

/// Reads those that were not looked at; says whether what is stored of them changed. A record that is read may show that it lost
/// others too.
///
/// # Errors
/// [`Error::Store`]; [`Error::Vendor`] where one could not be read.
pub(crate) async fn look(
    ctx: &Ctx,
    kind: Kind,
    hoods: &[Neighbourhood],
    looked: &mut BTreeSet<RecordRef>,
) -> Result<bool, Error> {
    let ends: BTreeSet<RecordRef> = hoods.iter().flat_map(|hood| ends(ctx, kind, hood)).collect();
    let unseen: Vec<RecordRef> = ends.into_iter().filter(|end| looked.insert(end.clone())).collect();
    if unseen.is_empty() {
        return Ok(false);
    }
    let read = capture::records(ctx, &unseen).await?;
    settling::succeeded(ctx).await?;
    Ok(read.changed > 0)
}

/// Both ends of the relations that records of an entity have lost, where a person is asked about deletes.
fn ends(ctx: &Ctx, kind: Kind, hood: &Neighbourhood) -> Vec<RecordRef> {
    let mapping = ctx.mapping();
    let mut ends = Vec::new();
    for (link, snapshot) in hood.links.iter().zip(&hood.snapshots) {
        let late = ctx.connections.get(&link.record.connection).map(|it| it.vendor.listing());
        let (Some(base), Some(snapshot), Some(Listing::Late)) = (&link.base, snapshot, late) else {
            continue;
        };
        if link.facet != kind || !link.state.is_active() || !snapshot.is_live() {
            continue;
        }
        let edges = mapping.kinds.get(&kind).into_iter().flat_map(|model| &model.edges);
        let asking = edges.filter(|edge| edge.on_delete == OnDelete::Review);
        let lost = asking.flat_map(|edge| lost(edge, base, snapshot));
        // Of one that is known to be deleted the planner says what follows.
        let known = |end: &RecordRef| {
            hood.targets.get(end).is_some_and(|target| target.state == TargetState::Deleted)
        };
        let lost: Vec<RecordRef> = lost.filter(|end| !known(end)).collect();
        if !lost.is_empty() {
            ends.push(link.record.clone());
            ends.extend(lost);
        }
    }
    ends
}

/// Whom a record was related to when it agreed last, and is not any more; where there is one at a time, unless another one
/// took its place.
fn lost(edge: &Edge, base: &Base, snapshot: &Snapshot) -> Vec<RecordRef> {
    let Some(binding) = edge.binding(&snapshot.record.connection, &snapshot.record.object) else {
        return Vec::new();
    };
    if binding.carrier != Carrier::Association {
        return Vec::new();
    }
    let agreed = base.entries.get(&binding.field).and_then(|entry| entry.agreed.as_ref());
    let shown = snapshot.field(binding.field.as_str());
    let (Some(agreed), true) = (agreed, shown.is_known()) else { return Vec::new() };
    let is_in =
        |refs: &[Ref], one: &Ref| refs.iter().any(|it| (&it.object, &it.id) == (&one.object, &one.id));
    let (agreed, shown) = (refs(agreed), refs(shown));
    let is_left = |one: &Ref| binding.pick == Pick::Primary && !one.primary && is_in(agreed, one);
    if edge.cardinality == Cardinality::One && !shown.iter().all(is_left) {
        return Vec::new();
    }
    let lost = agreed.iter().filter(|one| !is_in(shown, one));
    lost.map(|one| RecordRef {
        connection: snapshot.record.connection.clone(),
        object: one.object.clone(),
        id: one.id.clone(),
    })
    .collect()
}

fn refs(seen: &Observed) -> &[Ref] {
    match seen {
        Observed::Value(Value::Refs(refs)) => refs,
        Observed::Value(_)
        | Observed::Empty
        | Observed::Absent
        | Observed::NotPermitted
        | Observed::NotFetched => &[],
    }
}
