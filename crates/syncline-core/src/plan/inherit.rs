//! What a record that took another's place agrees on: what the other one agreed on, in its own fields. Without that a
//! conversion or a merge would be a first contact, and whatever people change around it would be decided as if nobody knew
//! what was there before (CRM-4).

use super::{Earlier, side_digest, side_fields, stand::base_of};
use crate::mapping::{FieldState, Mapping};
use std::collections::BTreeMap;
use syncline_model::{Base, BaseEntry, FieldName, Link, RecordRef, Snapshot};

/// The base that `record` takes over from `before`, whose record last showed `snapshot`; `None` where nothing was agreed. What was
/// agreed under another binding than the one in force is none for that field only (decisions §2).
///
/// What is remembered of our writes goes along: what a person took back is not made again, and what flips is still counted.
/// Every bound field gets an entry: what the successor shows is not known here, and an entry that equals what it shows
/// counts as unchanged. In a field that may not be seen it agrees on nothing: what was merged or converted carries what people
/// choose, so that a blank which is shown later need not be somebody's, and would pass for a clear.
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
    for Heirloom { from, to, shown } in heirlooms(mapping, before, record) {
        let from = from.filter(|from| then.get(from) == now.get(from));
        if let Some(watch) = from.as_ref().and_then(|from| base.watches.get(from)) {
            watches.insert(to.clone(), watch.clone());
        }
        let agreed =
            from.filter(|_| shown).and_then(|from| base_of(base, &from, snapshot.field(from.as_str())).0);
        entries.insert(to, BaseEntry { agreed, changed: None });
    }
    Some(Base { mapping: side_digest(mapping, before.facet, record), entries, watches })
}

/// A bound field of the successor.
struct Heirloom {
    /// The predecessor's field for the same attribute or edge, if it has one.
    from: Option<FieldName>,
    to: FieldName,
    /// Whether the connection's user may see it.
    shown: bool,
}

fn heirlooms(mapping: &Mapping, before: &Link, record: &RecordRef) -> Vec<Heirloom> {
    let Some(model) = mapping.kinds.get(&before.facet) else { return Vec::new() };
    let (old, new) = (&before.record, record);
    let heirloom = |from: Option<&FieldName>, to: &FieldName, state: &FieldState| Heirloom {
        from: from.cloned(),
        to: to.clone(),
        shown: *state != FieldState::Missing,
    };
    let attributes = model.attributes.iter().filter_map(|attribute| {
        let to = attribute.binding(&new.connection, &new.object)?;
        let from = attribute.binding(&old.connection, &old.object).map(|binding| &binding.field);
        Some(heirloom(from, &to.field, &to.field_state))
    });
    let edges = model.edges.iter().filter_map(|edge| {
        let to = edge.binding(&new.connection, &new.object)?;
        let from = edge.binding(&old.connection, &old.object).map(|binding| &binding.field);
        Some(heirloom(from, &to.field, &to.field_state))
    });
    attributes.chain(edges).collect()
}
