//! Edges: relations are decided between entities, and written as each side carries them (A3). A reference is never a
//! value: what travels is "whose", in each side's own id.

mod many;
mod one;

use super::{Draftsman, TargetState};
use crate::mapping::{Cardinality, Edge, EdgeBinding, FieldState, Pick};
use std::collections::BTreeSet;
use syncline_model::{
    Action, AttributeName, ConnectionName, EntityId, Kind, Observed, Reason, RecordRef, Ref, Value,
    operation::{Association, Endpoint, Tied},
    plan::HeldReason,
};

/// Where a set of references leads.
#[derive(Debug, Default)]
struct Resolved {
    entities: BTreeSet<EntityId>,
    /// Records that are not linked (yet).
    unresolved: Vec<RecordRef>,
}

/// One side of an edge, by position.
#[derive(Clone, Copy)]
struct EdgeSide<'e> {
    position: usize,
    binding: &'e EdgeBinding,
}

impl<'a> Draftsman<'a> {
    pub(super) fn edges(&mut self) {
        let model = self.model;
        for edge in &model.edges {
            match edge.cardinality {
                Cardinality::One => self.one(edge),
                Cardinality::Many => self.many(edge),
            }
        }
    }

    fn bound(&self, edge: &'a Edge) -> Vec<EdgeSide<'a>> {
        self.sides
            .iter()
            .enumerate()
            .filter_map(|(position, side)| {
                let binding = edge.binding(&side.record.connection, &side.record.object)?;
                Some(EdgeSide { position, binding })
            })
            .collect()
    }

    fn seen(&self, side: EdgeSide<'_>) -> &'a Observed {
        const HIDDEN: &Observed = &Observed::NotPermitted;
        if side.binding.field_state == FieldState::Missing {
            return HIDDEN;
        }
        self.sides[side.position].snapshot.field(side.binding.field.as_str())
    }

    /// Why something waits for this record.
    pub(super) fn waiting(&self, edge: &Edge, name: &AttributeName, record: RecordRef) -> HeldReason {
        if edge.to == Kind::User {
            HeldReason::NoSuchUser { user: record }
        } else {
            HeldReason::WaitsForParent { edge: name.clone(), parent: record }
        }
    }

    /// Entities that references lead to; `None`: the references were not read.
    fn resolve(&self, side: EdgeSide<'_>, seen: &Observed) -> Option<Resolved> {
        let refs: &[Ref] = match seen {
            Observed::Empty => &[],
            Observed::Value(Value::Refs(refs)) => refs,
            Observed::Value(_) | Observed::Absent | Observed::NotPermitted | Observed::NotFetched => {
                return None;
            }
        };
        let mut resolved = Resolved::default();
        for reference in picked(refs, side.binding.pick) {
            let record = self.target(side.position, reference);
            match self.entity_of(&record) {
                Some(entity) => {
                    resolved.entities.insert(entity);
                }
                None => resolved.unresolved.push(record),
            }
        }
        Some(resolved)
    }

    /// The record that a side's reference names.
    fn target(&self, position: usize, reference: &Ref) -> RecordRef {
        RecordRef {
            connection: self.sides[position].record.connection.clone(),
            object: reference.object.clone(),
            id: reference.id.clone(),
        }
    }

    pub(super) fn entity_of(&self, record: &RecordRef) -> Option<EntityId> {
        self.hood.targets.get(record).and_then(|target| target.entity)
    }

    fn relate(&mut self, edge: &Edge, side: EdgeSide<'_>, entity: EntityId, reason: &Reason) {
        let from = self.sides[side.position].record.clone();
        let connection = from.connection.clone();
        let to = self.endpoint(entity, &connection);
        let shown =
            if let Observed::Value(Value::Refs(refs)) = self.seen(side) { refs.as_slice() } else { &[] };
        let there = |reference: &&Ref| Endpoint::Record(self.target(side.position, reference)) == to;
        let before = if shown.iter().any(|it| there(&it)) { Tied::Beside } else { Tied::Not };
        let association = Association {
            edge: edge.name.clone(),
            field: side.binding.field.clone(),
            from: Endpoint::Record(from),
            to,
            before,
            displaces: None,
            role: None,
            primary: side.binding.pick == Pick::Primary,
            row: None,
            reason: reason.clone(),
        };
        self.relations.push((connection, Action::Associate(association)));
    }

    fn unrelate(&mut self, edge: &Edge, side: EdgeSide<'_>, to: &Ref, reason: &Reason) {
        let from = self.sides[side.position].record.clone();
        let connection = from.connection.clone();
        let association = Association {
            edge: edge.name.clone(),
            field: side.binding.field.clone(),
            from: Endpoint::Record(from),
            to: Endpoint::Record(self.target(side.position, to)),
            role: to.role.clone(),
            primary: to.primary,
            row: to.row.clone(),
            before: Tied::Not,
            displaces: None,
            reason: reason.clone(),
        };
        self.relations.push((connection, Action::Dissociate(association)));
    }

    fn is_deleted(&self, side: EdgeSide<'_>, reference: &Ref) -> bool {
        let target = self.hood.targets.get(&self.target(side.position, reference));
        target.is_some_and(|target| target.state == TargetState::Deleted)
    }

    /// Lists what stays on a side while a person is asked about the delete of what it leads to on another.
    fn hold_deleted(&mut self, name: &AttributeName, connection: &ConnectionName, record: &RecordRef) {
        let reason = HeldReason::DeletedElsewhere { record: record.clone(), referred_by: None };
        self.hold(Some(name), connection, reason, vec![format!("record:{record}")]);
    }

    /// A target that has no record on a side yet: listed, with what releases it.
    fn wait_for(&mut self, edge: &Edge, name: &AttributeName, position: usize, entity: EntityId) {
        let record = self.sides[position].record.clone();
        let source = self.known_as(entity, &record.connection).unwrap_or_else(|| record.clone());
        let reason = self.waiting(edge, name, source);
        self.hold(Some(name), &record.connection, reason, vec![format!("entity:{entity}")]);
    }

    /// How the other sides know an entity that is not on this one: by its record in force, else by one that a person is asked about.
    pub(super) fn known_as(&self, entity: EntityId, connection: &ConnectionName) -> Option<RecordRef> {
        let targets = || self.hood.targets.iter().filter(|(_, target)| target.entity == Some(entity));
        let other = || targets().find(|(record, _)| record.connection != *connection);
        self.record_of(entity, connection)
            .or_else(|| other().or_else(|| targets().next()).map(|(it, _)| it.clone()))
    }

    /// Records that are nobody's yet: what points to them travels once they are somebody's.
    fn wait_for_records(
        &mut self,
        edge: &Edge,
        name: &AttributeName,
        sides: &[EdgeSide<'_>],
        records: &[RecordRef],
    ) {
        for record in records {
            for side in sides.iter().filter(|side| side.binding.direction.writes()) {
                let connection = self.sides[side.position].record.connection.clone();
                if connection != record.connection {
                    let reason = self.waiting(edge, name, record.clone());
                    self.hold(Some(name), &connection, reason, vec![format!("record:{record}")]);
                }
            }
        }
    }

    /// Whether the entity has a record on a connection, or will have before this entity is written.
    pub(super) fn is_reachable(&self, entity: EntityId, connection: &ConnectionName) -> bool {
        self.on(entity, connection).is_some() || self.hood.planned.contains(&(entity, connection.clone()))
    }

    /// The entity's record on a connection.
    pub(super) fn on(&self, entity: EntityId, connection: &ConnectionName) -> Option<&RecordRef> {
        self.hood.records_of.get(&entity).and_then(|records| records.get(connection))
    }

    pub(super) fn endpoint(&self, entity: EntityId, connection: &ConnectionName) -> Endpoint {
        match self.on(entity, connection) {
            Some(record) => Endpoint::Record(record.clone()),
            None => Endpoint::Entity(entity),
        }
    }

    /// A record of the entity on another side than `connection`, to name it by.
    pub(super) fn record_of(&self, entity: EntityId, connection: &ConnectionName) -> Option<RecordRef> {
        let records = self.hood.records_of.get(&entity)?;
        records.iter().find(|(side, _)| *side != connection).map(|(_, record)| record.clone())
    }
}

/// The relations that count: all, or those to the primary target, of which there are several where it has several labels; a
/// single target is primary by itself.
pub(crate) fn picked(refs: &[Ref], pick: Pick) -> impl Iterator<Item = &Ref> {
    let leads_to =
        |target: &Ref, reference: &Ref| (&reference.object, &reference.id) == (&target.object, &target.id);
    let primary = refs.iter().find(|reference| reference.primary);
    let only = || refs.first().filter(|first| refs.iter().all(|reference| leads_to(first, reference)));
    let target = match pick {
        Pick::All => None,
        Pick::Primary => primary.or_else(only),
    };
    refs.iter().filter(move |reference| match (pick, target) {
        (Pick::All, _) => true,
        (Pick::Primary, target) => target.is_some_and(|target| leads_to(target, reference)),
    })
}
