//! What a record that took another's place agrees on: what the other one agreed on, in its own fields. Without that a
//! conversion or a merge would be a first contact, and whatever people change around it would be decided as if nobody knew
//! what was there before (CRM-4).

use super::{Earlier, side_digest, side_fields, stand::base_of};
use crate::mapping::Mapping;
use std::collections::BTreeMap;
use syncline_model::{Base, BaseEntry, FieldName, Link, Observed, RecordRef, Sight, Snapshot};

/// The base that `record` takes over from `before`, whose record last showed `snapshot`; `None` where nothing was agreed. What was
/// agreed under another binding than the one in force is none for that field only (decisions §2).
///
/// What is remembered of our writes goes along: what a person took back is not made again, and what flips is still counted.
/// Every bound field gets an entry: what the successor shows is not known here, and an entry that equals what it shows
/// counts as unchanged. A blank that is seen first is no clear, however long the field was hidden before.
pub(super) fn inherited(
    mapping: &Mapping,
    earlier: &Earlier,
    before: &Link,
    snapshot: &Snapshot,
    record: &RecordRef,
) -> Option<Base> {
    let base = before.base.as_ref()?;
    let now = side_fields(mapping, before.facet, &before.record);
    let then = if base.mapping == side_digest(mapping, before.facet, &before.record) {
        &now
    } else {
        earlier.get(&base.mapping)?
    };
    let (mut entries, mut watches) = (BTreeMap::new(), BTreeMap::new());
    for (from, to) in pairs(mapping, before, record) {
        let from = from.filter(|from| then.get(from) == now.get(from));
        if let Some(watch) = from.as_ref().and_then(|from| base.watches.get(from)) {
            watches.insert(to.clone(), watch.clone());
        }
        let taken = from.map_or(BaseEntry::NEVER, |from| taken(base, &from, snapshot));
        // A field that two attributes read is the one's that agreed on it.
        if taken.agreed.is_some() || !entries.contains_key(&to) {
            entries.insert(to, taken);
        }
    }
    Some(Base { mapping: side_digest(mapping, before.facet, record), entries, watches })
}

/// What is taken over of a field: what was agreed, and a clear that waits, but no other change: what the successor holds is
/// told by itself.
fn taken(base: &Base, field: &FieldName, last: &Snapshot) -> BaseEntry {
    let shown = last.field(field.as_str());
    let entry = base_of(base, field, shown);
    if *shown == Observed::Empty && entry.agreed.as_ref().is_some_and(|agreed| agreed != shown) {
        entry
    } else {
        BaseEntry { changed: None, sight: Sight::Unseen, ..entry }
    }
}

/// The successor's bound fields, each with the predecessor's field for the same attribute or edge, if it has one.
fn pairs(mapping: &Mapping, before: &Link, record: &RecordRef) -> Vec<(Option<FieldName>, FieldName)> {
    let Some(model) = mapping.kinds.get(&before.facet) else { return Vec::new() };
    let (old, new) = (&before.record, record);
    let attributes = model.attributes.iter().filter_map(|attribute| {
        let to = attribute.binding(&new.connection, &new.object)?;
        let from = attribute.binding(&old.connection, &old.object).map(|binding| binding.field.clone());
        Some((from, to.field.clone()))
    });
    let edges = model.edges.iter().filter_map(|edge| {
        let to = edge.binding(&new.connection, &new.object)?;
        let from = edge.binding(&old.connection, &old.object).map(|binding| binding.field.clone());
        Some((from, to.field.clone()))
    });
    attributes.chain(edges).collect()
}
