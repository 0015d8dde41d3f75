//! The relations of a new record, and the parents it waits for (CRM-5).

use super::super::Draftsman;
use crate::mapping::{Cardinality, Carrier, Edge, FieldState, Pick, Rule};
use std::collections::BTreeMap;
use syncline_model::{
    After, AttributeName, ConnectionName, EntityId, FieldChange, Kind, ObjectName, Observed, Reason,
    RecordRef, Value,
    defect::{Defect, planted},
    operation::{Association, Case, Endpoint, Tied},
    plan::HeldReason,
};

impl Draftsman<'_> {
    /// The relations of a new record; `None` where it waits for a parent (CRM-5).
    pub(super) fn new_edges(
        &mut self,
        connection: &ConnectionName,
        object: &ObjectName,
    ) -> Option<(Vec<FieldChange>, Vec<Association>)> {
        let model = self.model;
        let mut references = Vec::new();
        let mut associations = Vec::new();
        for edge in &model.edges {
            let Some(binding) = edge.binding(connection, object) else { continue };
            let takes_part = edge.rule != Rule::Off && binding.direction.writes();
            if !takes_part || !matches!(binding.field_state, FieldState::Present { .. }) {
                continue;
            }
            let name = AttributeName::new(edge.name.as_str());
            let targets = match edge.cardinality {
                Cardinality::One => self.single_target(edge, &name, connection)?,
                Cardinality::Many => self.set_targets(edge, &name, connection),
            };
            for (entity, from) in targets {
                let reason = Reason { rule: edge.rule.word(), case: Case::NewRecord, from: Some(from) };
                match binding.carrier {
                    Carrier::Field => references.push(FieldChange {
                        field: binding.field.clone(),
                        attribute: name.clone(),
                        before: Observed::Absent,
                        after: After::Reference(entity),
                        reason,
                    }),
                    Carrier::Association => associations.push(Association {
                        edge: edge.name.clone(),
                        field: binding.field.clone(),
                        from: Endpoint::Entity(self.hood.entity),
                        to: self.endpoint(entity, connection),
                        role: None,
                        primary: binding.pick == Pick::Primary,
                        row: None,
                        before: Tied::Not,
                        displaces: None,
                        reason,
                    }),
                }
            }
        }
        Some((references, associations))
    }

    /// The target of a single-target edge on a new record. `None`: the record waits.
    fn single_target(
        &mut self,
        edge: &Edge,
        name: &AttributeName,
        connection: &ConnectionName,
    ) -> Option<Vec<(EntityId, ConnectionName)>> {
        let parent = self.parents.get(name).cloned().unwrap_or_default();
        let entity = parent.entity.or_else(|| {
            if self.hood.kind == Kind::Person && edge.to == Kind::Organisation {
                self.hood.organisation_by_domain
            } else {
                None
            }
        });
        let from =
            parent.from.clone().or_else(|| self.sides.first().map(|side| side.record.connection.clone()))?;
        match (entity, parent.unresolved) {
            (Some(entity), _) if self.is_reachable(entity, connection) => Some(vec![(entity, from)]),
            (None, None) => {
                if edge.required {
                    let reason = HeldReason::DoesNotFit {
                        problem: format!("it has no {name}, which is required").into(),
                    };
                    self.hold(Some(name), connection, reason, Vec::new());
                    return None;
                }
                Some(Vec::new())
            }
            (entity, unresolved) => {
                let parent = entity
                    .and_then(|entity| self.known_as(entity, connection))
                    .or(unresolved)
                    .or_else(|| self.sides.first().map(|side| side.record.clone()))?;
                let mut wake = vec![format!("record:{parent}")];
                wake.extend(entity.map(|entity| format!("entity:{entity}")));
                self.wait(edge, name, connection, parent, wake)
            }
        }
    }

    /// Waits for a parent as long as declared; users are never waited for: the record goes ahead without an owner.
    pub(super) fn wait(
        &mut self,
        edge: &Edge,
        name: &AttributeName,
        connection: &ConnectionName,
        parent: RecordRef,
        wake: Vec<String>,
    ) -> Option<Vec<(EntityId, ConnectionName)>> {
        if planted(Defect::Orphan) {
            return Some(Vec::new());
        }
        let reason = self.waiting(edge, name, parent);
        let since = self.hood.waiting_since.unwrap_or(self.context.now);
        let until = edge.wait.and_then(|wait| since.checked_add(wait).ok());
        // Parents of the same kind may form a circle, so a record goes ahead of them and is placed under them later.
        let orderly = edge.to != Kind::User && edge.to != self.hood.kind;
        let waits = edge.required || (orderly && until.is_some_and(|until| until > self.context.now));
        let attribute = Some(name);
        if waits && edge.to != Kind::User {
            self.hold_until(attribute, connection, reason, wake, until.filter(|_| !edge.required));
            return None;
        }
        self.hold(attribute, connection, reason, wake);
        Some(Vec::new())
    }

    fn set_targets(
        &mut self,
        edge: &Edge,
        name: &AttributeName,
        connection: &ConnectionName,
    ) -> Vec<(EntityId, ConnectionName)> {
        let mut targets = Vec::new();
        for (entity, from) in self.set_of(edge) {
            if self.is_reachable(entity, connection) {
                targets.push((entity, from));
            } else if let Some(source) = self.record_of(entity, connection) {
                let held = self.waiting(edge, name, source);
                self.hold(Some(name), connection, held, vec![format!("entity:{entity}")]);
            }
        }
        targets
    }

    /// Entities that some side relates this one to.
    fn set_of(&self, edge: &Edge) -> BTreeMap<EntityId, ConnectionName> {
        let mut found = BTreeMap::new();
        for side in &self.sides {
            let Some(binding) = edge.binding(&side.record.connection, &side.record.object) else { continue };
            if !binding.direction.reads() {
                continue;
            }
            let Observed::Value(Value::Refs(refs)) = side.snapshot.field(binding.field.as_str()) else {
                continue;
            };
            for reference in refs {
                let record = RecordRef {
                    connection: side.record.connection.clone(),
                    object: reference.object.clone(),
                    id: reference.id.clone(),
                };
                if let Some(entity) = self.entity_of(&record) {
                    found.entry(entity).or_insert_with(|| side.record.connection.clone());
                }
            }
        }
        found
    }
}
