//! Relations.

use super::{
    Compiler, digest,
    fields::{direction_name, state},
};
use crate::{
    config::{CarrierConfig, EdgeBindingConfig, EdgeConfig, KindConfig, Problem, Several, problem::codes},
    mapping::{Cardinality, Carrier, Edge, EdgeBinding, FieldState, OnDelete, Pick},
};
use syncline_model::{FieldName, FieldType, Kind, ObjectName};

impl Compiler<'_> {
    pub(super) fn edges(&mut self, config: &KindConfig) -> Vec<Edge> {
        config.edges.iter().map(|edge| self.edge(edge)).collect()
    }

    fn edge(&mut self, edge: &EdgeConfig) -> Edge {
        let bindings: Vec<EdgeBinding> =
            edge.bindings.iter().map(|binding| self.edge_binding(edge, binding)).collect();
        // One target where any side can hold only one: what a side cannot show it must not be asked to agree on.
        let open = edge.bindings.iter().find(|binding| several(&binding.carrier) == Several::All);
        let single = edge.bindings.iter().any(|binding| several(&binding.carrier) != Several::All);
        if let (true, Some(binding)) = (single, open) {
            self.errors.push(Problem::error(
                codes::EDGE_SHAPE,
                &binding.at,
                format!(
                    "`{}` has one target on one side and any number on {}; which of them counts is not said",
                    edge.name, binding.connection
                ),
                "add `primary = true`, or `single = true` where the vendor allows only one",
            ));
        }
        Edge {
            name: edge.name.clone(),
            to: edge.to,
            cardinality: if single { Cardinality::One } else { Cardinality::Many },
            rule: edge.rule.clone(),
            tie: edge.tie.clone(),
            required: edge.required,
            wait: edge.wait,
            on_delete: self.config.kinds.get(&edge.to).map_or(OnDelete::Review, |to| to.on_delete),
            bindings,
        }
    }

    fn edge_binding(&mut self, edge: &EdgeConfig, binding: &EdgeBindingConfig) -> EdgeBinding {
        let EdgeBindingConfig { connection, object, .. } = binding;
        let (field, carrier) = match &binding.carrier {
            CarrierConfig::Field(field) => (field.clone(), Carrier::Field),
            CarrierConfig::Association(name, _) => {
                (FieldName::from(format!("@{name}")), Carrier::Association)
            }
            CarrierConfig::Junction(object, _) => {
                (FieldName::from(format!("@{object}")), Carrier::Association)
            }
        };
        let schema = self.field(connection, object, &field);
        let field_state = match carrier {
            Carrier::Field => state(schema),
            // A pseudo-field is there when its object is; the adapter lists none that it cannot read.
            Carrier::Association if schema.is_some() => state(schema),
            Carrier::Association if self.object(connection, object).is_some() => association(),
            Carrier::Association => FieldState::Missing,
        };
        self.check_edge(edge, binding, &field, &field_state);
        let pick = match several(&binding.carrier) {
            Several::Primary => Pick::Primary,
            Several::All | Several::Single => Pick::All,
        };
        let primary = if pick == Pick::Primary { "primary" } else { "all" };
        let parts = [
            "edge",
            object.as_str(),
            field.as_str(),
            edge.to.as_str(),
            primary,
            direction_name(binding.direction),
        ];
        EdgeBinding {
            connection: connection.clone(),
            object: object.clone(),
            carrier,
            pick,
            targets: self.targets(edge.to, binding),
            field_state,
            direction: binding.direction,
            digest: digest(parts),
            field,
        }
    }

    fn check_edge(
        &mut self,
        edge: &EdgeConfig,
        binding: &EdgeBindingConfig,
        field: &FieldName,
        field_state: &FieldState,
    ) {
        let EdgeBindingConfig { connection, object, at, .. } = binding;
        if self.object(connection, object).is_none() {
            return;
        }
        match field_state {
            FieldState::Missing => self.warnings.push(Problem::warning(
                codes::NO_FIELD,
                at,
                format!(
                    "{connection} shows no field `{field}` on {object}, so `{}` is not synced there",
                    edge.name
                ),
                "correct the name, or give the connection's user the right to see the field",
            )),
            FieldState::Present { field_type, createable, updateable, .. } => {
                if *field_type != FieldType::Reference {
                    self.errors.push(Problem::error(
                        codes::FIELD_TYPE,
                        at,
                        format!(
                            "`{}` is a relation and {connection}'s {object}.{field} is of type {field_type}",
                            edge.name
                        ),
                        "bind a reference field, or make it a `field` of this kind",
                    ));
                } else if binding.direction.writes() && !createable && !updateable {
                    self.warnings.push(Problem::warning(
                        codes::NOT_WRITABLE,
                        at,
                        format!(
                            "{connection}'s {object}.{field} cannot be written, so `{}` is only read there",
                            edge.name
                        ),
                        format!("say so, `{{ field = \"{field}\", direction = \"in\" }}`, or give the user the right"),
                    ));
                }
            }
        }
    }

    /// Objects that a write may point to. Where a person is a lead xor a contact, the lead is none of them: nothing can
    /// hang on a lead (CRM-15).
    fn targets(&mut self, to: Kind, binding: &EdgeBindingConfig) -> Vec<ObjectName> {
        let kind = self.config.kinds.get(&to);
        let records = kind.and_then(|kind| kind.records.get(&binding.connection));
        let one_of = kind.and_then(|kind| kind.one_of.get(&binding.connection));
        let targets: Vec<ObjectName> = match one_of {
            Some(objects) if objects.len() > 1 => objects[1..].to_vec(),
            Some(_) | None => records.cloned().unwrap_or_default(),
        };
        if targets.is_empty() {
            self.errors.push(Problem::error(
                codes::UNKNOWN_NAME,
                &binding.at,
                format!("this leads to the kind {to}, which has no records on {}", binding.connection),
                format!("add {} to `records` of `[kind.{to}]`, or take this side out", binding.connection),
            ));
        }
        targets
    }
}

/// What is meant of several targets; a field never has more than one.
fn several(carrier: &CarrierConfig) -> Several {
    match carrier {
        CarrierConfig::Field(_) => Several::Single,
        CarrierConfig::Association(_, several) | CarrierConfig::Junction(_, several) => *several,
    }
}

fn association() -> FieldState {
    FieldState::Present {
        field_type: FieldType::Reference,
        createable: true,
        updateable: true,
        required: false,
        max_length: None,
        scale: None,
        restricted_to: None,
    }
}
