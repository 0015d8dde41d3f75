//! What nobody can tell of a record's matching keys, because a field may not be seen: hidden is not empty, for matching as for
//! merging.

use super::{
    keys::{meaning, of_attributes},
    normal::domain,
};
use crate::mapping::{FieldState, KeySource, KindModel, Mapping, MatchRule};
use std::sync::Arc;
use syncline_model::{AttributeName, ConnectionName, FieldName, Kind, ObjectName, Observed, Snapshot};

/// What a record shows of a matching key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySight {
    /// A value to be known by.
    Shown,
    /// Nothing, and all of it was seen.
    Blank,
    /// Nobody can tell: this field was not seen. Hidden is not empty.
    Hidden(FieldName),
}

/// What a record shows of a key that is made of attributes.
pub fn key_sight(mapping: &Mapping, model: &KindModel, from: &KeySource, snapshot: &Snapshot) -> KeySight {
    let unseen = |name: &AttributeName| {
        let binding = model.binding(name, &snapshot.record.connection, &snapshot.record.object)?;
        let is_hidden = binding.field_state == FieldState::Missing
            || match snapshot.field(binding.field.as_str()) {
                Observed::Value(_) | Observed::Empty | Observed::Absent => false,
                // Not asked for: the field is shown since this run read the record.
                Observed::NotPermitted | Observed::NotFetched => true,
            };
        is_hidden.then(|| binding.field.clone())
    };
    let read = |name: &AttributeName| {
        if unseen(name).is_some() { None } else { meaning(mapping, model, name, snapshot) }
    };
    let hidden = match from {
        KeySource::Email(name) | KeySource::Exact(name) => unseen(name),
        KeySource::Domain(names)
            if names.iter().any(|name| read(name).is_some_and(|it| domain(&it).is_some())) =>
        {
            None
        }
        KeySource::Domain(names) => names.iter().find_map(unseen),
        KeySource::NameCountry(name, country) => match (unseen(name), read(name)) {
            (Some(field), _) => Some(field),
            (None, Some(_)) => country.as_ref().and_then(unseen),
            (None, None) => None,
        },
    };
    match hidden {
        Some(field) => KeySight::Hidden(field),
        None if of_attributes(mapping, model, from, snapshot).is_some() => KeySight::Shown,
        None => KeySight::Blank,
    }
}

/// The keys of which a live record does not show whether it has them.
pub fn hidden_keys(mapping: &Mapping, kind: Kind, snapshot: &Snapshot) -> Vec<Arc<str>> {
    let Some(model) = mapping.kinds.get(&kind).filter(|_| snapshot.is_live()) else { return Vec::new() };
    let hidden = model.match_keys.iter().filter_map(|rule| match rule {
        MatchRule::Planted | MatchRule::NativeConnector { .. } => None,
        MatchRule::Attribute { key, from } => {
            let sight = key_sight(mapping, model, from, snapshot);
            matches!(sight, KeySight::Hidden(_)).then(|| Arc::clone(key))
        }
    });
    hidden.collect()
}

/// The field without which no record of an object can be known by a key, if the connection's user may not see it. Of several web
/// addresses one is enough.
pub fn hidden_at(
    model: &KindModel,
    from: &KeySource,
    connection: &ConnectionName,
    object: &ObjectName,
) -> Option<FieldName> {
    let binding = |name: &AttributeName| model.binding(name, connection, object);
    let hidden = |name: &AttributeName| {
        binding(name).filter(|it| it.field_state == FieldState::Missing).map(|it| it.field.clone())
    };
    match from {
        KeySource::Email(name) | KeySource::Exact(name) => hidden(name),
        KeySource::Domain(names) => {
            let is_seen = |name: &AttributeName| binding(name).is_some() && hidden(name).is_none();
            if names.iter().any(is_seen) { None } else { names.iter().find_map(hidden) }
        }
        KeySource::NameCountry(name, country) => hidden(name).or_else(|| country.as_ref().and_then(hidden)),
    }
}

/// Whether records of an object can have a key.
pub fn is_bound(
    model: &KindModel,
    from: &KeySource,
    connection: &ConnectionName,
    object: &ObjectName,
) -> bool {
    let bound = |name: &AttributeName| model.binding(name, connection, object).is_some();
    match from {
        KeySource::Email(name) | KeySource::Exact(name) | KeySource::NameCountry(name, _) => bound(name),
        KeySource::Domain(names) => names.iter().any(bound),
    }
}
