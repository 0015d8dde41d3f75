//! Matching keys of a record, normalised.

use super::normal::{company_name, domain, email, fold};
use crate::mapping::{
    AttributeType, FieldState, KeySource, KindModel, Mapping, MatchRule,
    codec::{Meaning, decode, normalise},
};
use std::sync::Arc;
use syncline_model::{AttributeName, EntityId, Kind, Observed, RecordState, Snapshot, Value};

/// Name of the key that carries the planted entity id.
pub(super) const PLANTED: &str = "planted";
/// How names of keys begin that hold another connector's ids.
pub(super) const NATIVE: &str = "native ";

/// One key of a record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey {
    /// `planted`, `email`, `domain`, …
    pub name: Arc<str>,
    /// Its normalised value.
    pub value: Arc<str>,
}

/// The keys of a record for a kind, best first. A record that is not live has none.
pub fn keys(mapping: &Mapping, kind: Kind, snapshot: &Snapshot) -> Vec<RecordKey> {
    if snapshot.is_live() { shown(mapping, kind, snapshot) } else { Vec::new() }
}

/// The keys that a record is remembered by: its keys, and those of a converted lead, which is read on (CRM-15) and tells
/// whose counterpart stays without a record where its contact is not found.
pub fn remembered(mapping: &Mapping, kind: Kind, snapshot: &Snapshot) -> Vec<RecordKey> {
    match (&snapshot.state, kind) {
        (RecordState::Converted { .. }, Kind::Person) => shown(mapping, kind, snapshot),
        _ => keys(mapping, kind, snapshot),
    }
}

fn shown(mapping: &Mapping, kind: Kind, snapshot: &Snapshot) -> Vec<RecordKey> {
    let Some(model) = mapping.kinds.get(&kind) else { return Vec::new() };
    let mut found = Vec::new();
    for rule in &model.match_keys {
        if let Some((name, value)) = key(mapping, model, rule, snapshot) {
            let key = RecordKey { name: Arc::from(name), value: Arc::from(value) };
            if !found.contains(&key) {
                found.push(key);
            }
        }
    }
    found
}

/// The key that is planted in the records that are made for an entity.
pub fn planted_key(entity: EntityId) -> RecordKey {
    RecordKey { name: Arc::from(PLANTED), value: Arc::from(entity.to_string()) }
}

fn key(
    mapping: &Mapping,
    model: &KindModel,
    rule: &MatchRule,
    snapshot: &Snapshot,
) -> Option<(String, String)> {
    let record = &snapshot.record;
    match rule {
        MatchRule::Planted => {
            let field = mapping.connections.get(&record.connection)?.key_fields.get(&record.object)?;
            let value = snapshot.field(field.as_str()).value()?.as_str()?.trim().to_lowercase();
            Some((PLANTED.to_owned(), value))
        }
        MatchRule::NativeConnector { connection, object, field, to, to_object } => {
            let name = format!("{NATIVE}{to}/{to_object}");
            if record.connection == *connection && record.object == *object {
                let id = snapshot.field(field.as_str()).value()?.to_string();
                Some((name, short_id(id.trim()).to_owned()))
            } else if record.connection == *to && record.object == *to_object {
                Some((name, short_id(record.id.as_str()).to_owned()))
            } else {
                None
            }
        }
        MatchRule::Attribute { key, from } => {
            Some((key.to_string(), of_attributes(mapping, model, from, snapshot)?))
        }
    }
}

/// Whether a rule is what a key comes of.
pub(super) fn makes(rule: &MatchRule, key: &RecordKey) -> bool {
    match rule {
        MatchRule::Planted => *key.name == *PLANTED,
        MatchRule::NativeConnector { .. } => key.name.starts_with(NATIVE),
        MatchRule::Attribute { key: name, .. } => *name == key.name,
    }
}

pub(super) fn of_attributes(
    mapping: &Mapping,
    model: &KindModel,
    from: &KeySource,
    snapshot: &Snapshot,
) -> Option<String> {
    let read = |attribute| meaning(mapping, model, attribute, snapshot);
    match from {
        KeySource::Email(attribute) => email(&read(attribute)?),
        KeySource::Domain(attributes) => attributes.iter().find_map(|name| domain(&read(name)?)),
        KeySource::NameCountry(name, country) => {
            let name = company_name(&read(name)?)?;
            let country = country.as_ref().and_then(read).map(|country| fold(&country)).unwrap_or_default();
            Some(format!("{name}|{country}"))
        }
        KeySource::Exact(attribute) => read(attribute),
    }
}

/// Salesforce ids have 15 significant characters and a checksum of 3.
fn short_id(id: &str) -> &str {
    if id.len() == 18 && id.is_ascii() { &id[..15] } else { id }
}

/// An attribute's meaning on a record as text, in normal form.
pub(super) fn meaning(
    mapping: &Mapping,
    model: &KindModel,
    name: &AttributeName,
    snapshot: &Snapshot,
) -> Option<String> {
    let attribute = model.attribute(name)?;
    let binding = attribute.binding(&snapshot.record.connection, &snapshot.record.object)?;
    // What is known from before it was hidden may be another one by now.
    if binding.field_state == FieldState::Missing {
        return None;
    }
    let connection = mapping.connections.get(&snapshot.record.connection)?;
    match decode(attribute, binding, connection, snapshot.field(binding.field.as_str())) {
        Meaning::Known(Observed::Value(value)) => Some(normal_text(attribute.value_type, &value)),
        Meaning::Known(_) | Meaning::Unmapped(_) => None,
    }
}

fn normal_text(value_type: AttributeType, value: &Value) -> String {
    normalise(value_type, value).to_string()
}
