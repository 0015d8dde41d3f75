//! Fields get back what they held, where they still hold what the run wrote.

use super::{
    Bound, Inverse, Present, Why, bound,
    net::{Moved, Net},
    reason,
};
use crate::{
    mapping::{
        ConnectionModel, FieldState, KindModel, Rule,
        codec::{Meaning, decode, normalise},
    },
    plan::{Draft, precondition},
};
use std::{collections::BTreeMap, sync::Arc};
use syncline_model::{
    Action, After, AttributeName, EntityId, FieldChange, FieldName, Observed, RecordRef, Ref, Snapshot, Value,
};

pub(super) fn former_values(
    present: &Present<'_>,
    net: &Net,
    again: &BTreeMap<RecordRef, EntityId>,
    inverse: &mut Inverse,
) {
    for ((kind, record), (entity, fields)) in &net.fields {
        let Some(snapshot) = present.in_force(record, *kind, *entity) else {
            inverse.note(record, None, Why::RecordGone);
            continue;
        };
        let Some(model) = present.model(*kind) else { continue };
        // What is written together is taken back together: a stage with its pipeline.
        let mut by_attribute: BTreeMap<&AttributeName, Vec<(&FieldName, &Moved)>> = BTreeMap::new();
        for (field, moved) in fields {
            by_attribute.entry(&moved.attribute).or_default().push((field, moved));
        }
        let mut changes = Vec::new();
        for (attribute, moved) in by_attribute {
            let mut parts = Vec::with_capacity(moved.len());
            let mut stays = None;
            for (field, moved) in moved {
                match former(present, model, snapshot, again, field, moved) {
                    Ok(change) => parts.extend(change),
                    Err(why) => stays = Some(why),
                }
            }
            match stays {
                None => changes.extend(parts),
                Some(why) => inverse.note(record, Some(attribute), why),
            }
        }
        if changes.is_empty() {
            continue;
        }
        let fields = changes.iter().map(|change| change.field.clone()).collect();
        let mut preconditions = vec![precondition(snapshot, fields)];
        let refs = changes.iter().filter_map(|change| match &change.after {
            After::Value(Value::Refs(refs)) => Some(refs),
            After::Value(_) | After::Clear | After::Reference(_) => None,
        });
        preconditions.extend(refs.flatten().filter_map(|to| present.there(&target(record, to))));
        let draft = Draft {
            connection: record.connection.clone(),
            action: Action::Update { record: record.clone(), fields: changes },
            preconditions,
        };
        inverse.step(*entity, *kind, draft);
    }
}

/// The change that brings a field's former value back; `None`: it holds it already.
fn former(
    present: &Present<'_>,
    model: &KindModel,
    snapshot: &Snapshot,
    again: &BTreeMap<RecordRef, EntityId>,
    field: &FieldName,
    moved: &Moved,
) -> Result<Option<FieldChange>, Why> {
    let record = &snapshot.record;
    let now = snapshot.field(field.as_str());
    let Some(connection) = present.mapping.connections.get(&record.connection) else {
        return Err(Why::NotWritable);
    };
    let side = bound(model, record, field);
    let (rule, state) = match &side {
        Some(Bound::Attribute(attribute, binding)) => (Some(&attribute.rule), Some(&binding.field_state)),
        Some(Bound::Edge(_, binding)) => (None, Some(&binding.field_state)),
        None if is_companion(model, record, field, &moved.attribute) => (None, None),
        None => return Err(Why::NotWritable),
    };
    if rule == Some(&Rule::MostRestrictive) {
        return Err(Why::Consent);
    }
    if state.is_some_and(|state| !matches!(state, FieldState::Present { updateable: true, .. })) {
        return Err(Why::NotWritable);
    }
    if !moved.before.is_known() {
        return Err(Why::FormerUnknown);
    }
    let same =
        |left: &Observed, right: &Observed| means(&side, connection, left) == means(&side, connection, right);
    if *now == moved.before {
        return Ok(None);
    }
    // A vendor may have respelled what we wrote: then nothing has touched it since, although it is not what we sent.
    if !same(now, &wrote(present, record, &moved.after)) && present.has_changed(record, field) {
        return Err(Why::ChangedSince);
    }
    let required = state.is_some_and(|state| matches!(state, FieldState::Present { required: true, .. }));
    let after = match &moved.before {
        Observed::Value(Value::Refs(refs)) => {
            // What comes back under another id is referred to by that.
            if let [one] = refs.as_slice()
                && let Some(entity) = again.get(&target(record, one))
            {
                return Ok(Some(change(snapshot, field, moved, After::Reference(*entity))));
            }
            let mut former = refs.clone();
            for reference in &mut former {
                let known = target(record, reference);
                match present.stands_for(&known) {
                    Some(now) => (reference.object, reference.id) = (now.object.clone(), now.id.clone()),
                    None if present.records.contains_key(&known) => return Err(Why::FormerGone(known)),
                    None => {}
                }
            }
            After::Value(Value::Refs(former))
        }
        Observed::Value(Value::Option(option)) if !is_offered(state, option) => {
            return Err(Why::NotWritable);
        }
        Observed::Value(value) => After::Value(value.clone()),
        Observed::Empty | Observed::Absent | Observed::NotPermitted | Observed::NotFetched if required => {
            return Err(Why::NotWritable);
        }
        Observed::Empty | Observed::Absent | Observed::NotPermitted | Observed::NotFetched => After::Clear,
    };
    Ok(Some(change(snapshot, field, moved, after)))
}

/// The record that a record's reference leads to.
pub(super) fn target(beside: &RecordRef, reference: &Ref) -> RecordRef {
    RecordRef {
        connection: beside.connection.clone(),
        object: reference.object.clone(),
        id: reference.id.clone(),
    }
}

fn change(snapshot: &Snapshot, field: &FieldName, moved: &Moved, after: After) -> FieldChange {
    FieldChange {
        field: field.clone(),
        attribute: moved.attribute.clone(),
        before: snapshot.field(field.as_str()).clone(),
        after,
        reason: reason(),
    }
}

/// Whether the vendor takes an option still: an administrator may have withdrawn it since.
pub(super) fn is_offered(state: Option<&FieldState>, option: &Arc<str>) -> bool {
    match state {
        Some(FieldState::Present { restricted_to: Some(offered), .. }) => offered.contains(option),
        Some(FieldState::Present { restricted_to: None, .. } | FieldState::Missing) | None => true,
    }
}

fn is_companion(model: &KindModel, record: &RecordRef, field: &FieldName, name: &AttributeName) -> bool {
    let attribute = model.attributes.iter().find(|attribute| attribute.name == *name);
    attribute
        .and_then(|attribute| attribute.binding(&record.connection, &record.object)?.companion.as_ref())
        .is_some_and(|companion| companion.field == *field)
}

/// What the run's last write of a field put there.
fn wrote(present: &Present<'_>, record: &RecordRef, after: &After) -> Observed {
    match after {
        After::Value(value) => Observed::Value(value.clone()),
        After::Clear => Observed::Empty,
        After::Reference(entity) => match present.record_of(*entity, record) {
            Some(target) => Observed::Value(Value::Refs(vec![syncline_model::Ref::to(
                target.object.clone(),
                target.id.clone(),
            )])),
            None => Observed::NotFetched,
        },
    }
}

/// What is compared: the normal form of a value, and whom references lead to.
#[derive(PartialEq)]
enum Means {
    Value(Value),
    Refs(Vec<(String, String)>),
    Nothing,
    Unmapped(String),
}

fn means(side: &Option<Bound<'_>>, connection: &ConnectionModel, seen: &Observed) -> Means {
    if let Observed::Value(Value::Refs(refs)) = seen {
        return Means::Refs(refs.iter().map(|it| (it.object.to_string(), it.id.to_string())).collect());
    }
    let Some(Bound::Attribute(attribute, binding)) = side else {
        return seen.value().map_or(Means::Nothing, |value| Means::Value(value.clone()));
    };
    match decode(attribute, binding, connection, seen) {
        Meaning::Known(Observed::Value(value)) => Means::Value(normalise(attribute.value_type, &value)),
        Meaning::Known(_) => Means::Nothing,
        Meaning::Unmapped(text) => Means::Unmapped(text.to_string()),
    }
}
