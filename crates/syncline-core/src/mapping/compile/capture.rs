//! What is captured: mapped fields, companions, keys, matching ids and relations. Fields that are not in the schema are
//! left out, since asking for one makes the whole read fail.

use super::Compiler;
use crate::mapping::{Carrier, FieldState, Mapping, MatchRule};
use std::collections::{BTreeMap, BTreeSet};
use syncline_model::{ConnectionName, FieldName, ObjectName};

/// What is captured of one object; both lists are sorted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CapturedObject {
    /// Fields, reference fields among them.
    pub fields: Vec<FieldName>,
    /// Pseudo-fields that carry relations.
    pub edges: Vec<FieldName>,
}

type Wanted = BTreeMap<ConnectionName, BTreeMap<ObjectName, (BTreeSet<FieldName>, BTreeSet<FieldName>)>>;

pub(super) fn captured(
    mapping: &Mapping,
    compiler: &Compiler<'_>,
) -> BTreeMap<ConnectionName, BTreeMap<ObjectName, CapturedObject>> {
    let mut wanted = Wanted::new();
    for kind in mapping.kinds.values() {
        for (connection, objects) in &kind.objects {
            for object in objects.iter().filter(|object| compiler.object(connection, object).is_some()) {
                wanted.entry(connection.clone()).or_default().entry(object.clone()).or_default();
            }
        }
        for binding in kind.attributes.iter().flat_map(|attribute| &attribute.bindings) {
            if binding.field_state != FieldState::Missing {
                let companion = binding.companion.iter().map(|companion| &companion.field);
                for field in companion.chain([&binding.field]) {
                    add(&mut wanted, &binding.connection, &binding.object, field, Carrier::Field);
                }
            }
        }
        for binding in kind.edges.iter().flat_map(|edge| &edge.bindings) {
            if binding.field_state != FieldState::Missing {
                add(&mut wanted, &binding.connection, &binding.object, &binding.field, binding.carrier);
            }
        }
        for rule in &kind.match_keys {
            if let MatchRule::NativeConnector { connection, object, field, .. } = rule {
                add(&mut wanted, connection, object, field, Carrier::Field);
            }
        }
    }
    for (connection, model) in &mapping.connections {
        for (object, field) in &model.key_fields {
            add(&mut wanted, connection, object, field, Carrier::Field);
        }
    }
    let objects = |objects: BTreeMap<ObjectName, (BTreeSet<FieldName>, BTreeSet<FieldName>)>| {
        let lists = |(fields, edges): (BTreeSet<FieldName>, BTreeSet<FieldName>)| CapturedObject {
            fields: fields.into_iter().collect(),
            edges: edges.into_iter().collect(),
        };
        objects.into_iter().map(|(object, wanted)| (object, lists(wanted))).collect()
    };
    wanted.into_iter().map(|(connection, wanted)| (connection, objects(wanted))).collect()
}

fn add(
    wanted: &mut Wanted,
    connection: &ConnectionName,
    object: &ObjectName,
    field: &FieldName,
    carrier: Carrier,
) {
    let (fields, edges) = wanted.entry(connection.clone()).or_default().entry(object.clone()).or_default();
    match carrier {
        Carrier::Field => fields.insert(field.clone()),
        Carrier::Association => edges.insert(field.clone()),
    };
}
