//! Edges: relations are decided between entities, and written as each side carries them (A3). A reference is never a
//! value: what travels is "whose", in each side's own id.

use super::{Derivation, Draftsman, Parent, SideSeen, attributes::is_user, attributes::rule_name, stand::base_of};
use crate::{
    decide::{Decision, SetSide, Side, Stand, decide, decide_set},
    mapping::{Cardinality, Carrier, Clear, Edge, EdgeBinding, FieldState, Pick},
};
use std::collections::BTreeSet;
use syncline_model::{
    Action, After, AttributeName, Base, ConnectionName, EntityId, FieldChange, Observed, Reason,
    RecordRef, Ref, Value,
    operation::{Association, Case, Endpoint},
    plan::{FindingKind, HeldReason},
};

/// Where a set of references leads.
#[derive(Debug, Default)]
struct Resolved {
    entities: BTreeSet<EntityId>,
    /// Records that are not linked (yet).
    unresolved: Vec<RecordRef>,
}

impl Draftsman<'_> {
    pub(super) fn edges(&mut self) {
        let model = self.model;
        let bases = self.bases();
        for edge in &model.edges {
            match edge.cardinality {
                Cardinality::One => self.one(edge, &bases),
                Cardinality::Many => self.many(edge, &bases),
            }
        }
    }

    fn bound<'e>(&self, edge: &'e Edge) -> Vec<(usize, &'e EdgeBinding)> {
        self.sides
            .iter()
            .enumerate()
            .filter_map(|(position, side)| {
                edge.binding(&side.record.connection, &side.record.object).map(|binding| (position, binding))
            })
            .collect()
    }

    fn seen(&self, position: usize, binding: &EdgeBinding) -> Observed {
        if binding.field_state == FieldState::Missing {
            return Observed::NotPermitted;
        }
        self.sides[position].snapshot.field(binding.field.as_str()).clone()
    }

    fn one(&mut self, edge: &Edge, bases: &[Base]) {
        let name = AttributeName::new(edge.name.as_str());
        let bound = self.bound(edge);
        let mut parent = Parent::default();
        let mut sides = Vec::new();
        let mut derivation = Vec::new();
        for (position, binding) in &bound {
            let now = self.seen(*position, binding);
            let (agreed, interval) = base_of(&bases[*position], &binding.field, &now);
            let resolved = self.resolve(*position, &now, binding.pick);
            let meaning = resolved.as_ref().and_then(|resolved| resolved.entities.first().copied());
            let connection = self.sides[*position].record.connection.clone();
            let (stand, word) = match &resolved {
                None => (Stand::Unknown, "unknown"),
                Some(resolved) if !resolved.unresolved.is_empty() => {
                    parent.unresolved = resolved.unresolved.first().cloned();
                    parent.from = Some(connection.clone());
                    (Stand::Unknown, "unknown")
                }
                Some(_) => {
                    let before = agreed.as_ref().and_then(|agreed| self.resolve(*position, agreed, binding.pick));
                    match before {
                        Some(before) if before.unresolved.is_empty() => {
                            if before.entities.first().copied() == meaning {
                                (Stand::Same(meaning), "same")
                            } else {
                                let when = interval.map(|interval| self.span(&connection, interval));
                                let word = if meaning.is_none() { "cleared" } else { "changed" };
                                (Stand::Changed { now: meaning, when }, word)
                            }
                        }
                        _ => (Stand::NoBase(meaning), "no_base"),
                    }
                }
            };
            derivation.push(SideSeen {
                record: self.sides[*position].record.clone(),
                field: binding.field.clone(),
                base: agreed,
                now,
                stand: word,
            });
            let stand = if binding.direction.reads() { stand } else { Stand::Unknown };
            sides.push(Side { connection, stand });
        }
        let decision = decide(&edge.rule, edge.tie.as_ref(), Clear::Travel, &sides, |_, _| false);
        let agreed = match &decision {
            Decision::Agree { value, from, .. } => value.map(|entity| (entity, from.clone())),
            Decision::Nothing | Decision::Keep | Decision::Ask => sides
                .iter()
                .find_map(|side| side.stand.shows().flatten().map(|entity| (*entity, side.connection.clone()))),
        };
        if let Some((entity, from)) = agreed {
            parent.entity = Some(entity);
            parent.from = Some(from);
        }
        self.derive_edge(&name, edge, derivation, &decision, parent.entity);
        self.note_orphan(edge, &name, &sides, &parent);
        if let Decision::Agree { value, from, case } = &decision {
            let reason = Reason { rule: rule_name(&edge.rule), case: *case, from: Some(from.clone()) };
            for (position, binding) in &bound {
                self.align_edge(edge, &name, *position, binding, *value, &reason);
            }
        }
        if let (Some(waiting), Some(from)) = (&parent.unresolved, &parent.from) {
            let wake = vec![format!("record:{waiting}")];
            for (position, binding) in &bound {
                let connection = self.sides[*position].record.connection.clone();
                if connection != *from && binding.direction.writes() {
                    let reason = self.waiting(edge, &name, waiting.clone());
                    self.hold(Some(&name), &connection, reason, wake.clone());
                }
            }
        }
        self.parents.insert(name, parent);
    }

    pub(super) fn waiting(&self, edge: &Edge, name: &AttributeName, record: RecordRef) -> HeldReason {
        if is_user(edge.to) {
            HeldReason::NoSuchUser { user: record }
        } else {
            HeldReason::WaitsForParent { edge: name.clone(), parent: record }
        }
    }

    /// Entities that references lead to; `None`: the references were not read.
    fn resolve(&self, position: usize, seen: &Observed, pick: Pick) -> Option<Resolved> {
        let refs: &[Ref] = match seen {
            Observed::Empty => &[],
            Observed::Value(Value::Refs(refs)) => refs,
            Observed::Value(_) | Observed::Absent | Observed::NotPermitted | Observed::NotFetched => return None,
        };
        let connection = &self.sides[position].record.connection;
        let mut resolved = Resolved::default();
        for reference in picked(refs, pick) {
            let record = RecordRef {
                connection: connection.clone(),
                object: reference.object.clone(),
                id: reference.id.clone(),
            };
            match self.hood.targets.get(&record).and_then(|target| target.entity) {
                Some(entity) => {
                    resolved.entities.insert(entity);
                }
                None => resolved.unresolved.push(record),
            }
        }
        Some(resolved)
    }

    /// Brings one side's relation to the agreed target.
    fn align_edge(
        &mut self,
        edge: &Edge,
        name: &AttributeName,
        position: usize,
        binding: &EdgeBinding,
        target: Option<EntityId>,
        reason: &Reason,
    ) {
        let record = self.sides[position].record.clone();
        let before = self.seen(position, binding);
        let Some(present) = self.resolve(position, &before, binding.pick) else { return };
        let settled = present.unresolved.is_empty() && present.entities.first().copied() == target;
        if settled || !binding.direction.writes() {
            self.adopt(&record, &binding.field);
            return;
        }
        if !matches!(&binding.field_state, FieldState::Present { updateable: true, .. }) {
            let wake = vec![format!("schema:{}/{}", record.connection, record.object)];
            self.hold(Some(name), &record.connection, HeldReason::NotWritable, wake);
            return;
        }
        if let Some(entity) = target
            && !self.is_reachable(entity, &record.connection)
        {
            let source = self.record_of(entity, &record.connection).unwrap_or_else(|| record.clone());
            let held = self.waiting(edge, name, source);
            self.hold(Some(name), &record.connection, held, vec![format!("entity:{entity}")]);
            return;
        }
        match binding.carrier {
            Carrier::Field => {
                let after = match target {
                    Some(entity) => After::Reference(entity),
                    None => After::Clear,
                };
                self.changes.entry(record).or_default().push(FieldChange {
                    field: binding.field.clone(),
                    attribute: name.clone(),
                    before,
                    after,
                    reason: reason.clone(),
                });
            }
            Carrier::Association => {
                if let Some(entity) = target {
                    let to = self.endpoint(entity, &record.connection);
                    self.relate(edge, binding, &record, to, Association::primary_of(binding.pick), reason);
                }
                let replaced: Vec<Ref> = match &before {
                    Observed::Value(Value::Refs(refs)) => picked(refs, binding.pick).cloned().collect(),
                    _ => Vec::new(),
                };
                for reference in replaced {
                    self.unrelate(edge, binding, &record, &reference, reason);
                }
            }
        }
    }

    fn many(&mut self, edge: &Edge, bases: &[Base]) {
        let name = AttributeName::new(edge.name.as_str());
        let bound = self.bound(edge);
        let mut sides = Vec::new();
        let mut derivation = Vec::new();
        let mut waiting: Vec<(ConnectionName, RecordRef)> = Vec::new();
        for (position, binding) in &bound {
            let now = self.seen(*position, binding);
            let (agreed, _) = base_of(&bases[*position], &binding.field, &now);
            let connection = self.sides[*position].record.connection.clone();
            let shown = self.resolve(*position, &now, binding.pick);
            if let Some(shown) = &shown {
                waiting.extend(shown.unresolved.iter().map(|record| (connection.clone(), record.clone())));
            }
            let base = agreed.as_ref().and_then(|agreed| self.resolve(*position, agreed, binding.pick));
            derivation.push(SideSeen {
                record: self.sides[*position].record.clone(),
                field: binding.field.clone(),
                base: agreed,
                now,
                stand: if shown.is_some() { "set" } else { "unknown" },
            });
            sides.push(SetSide {
                connection,
                now: shown.filter(|_| binding.direction.reads()).map(|shown| shown.entities),
                base: base.map(|base| base.entities),
            });
        }
        let reason = Reason { rule: rule_name(&edge.rule), case: Case::Union, from: None };
        if sides.len() > 1
            && let Some(agreed) = decide_set(&edge.rule, &sides)
        {
            for ((position, binding), side) in bound.iter().zip(&sides) {
                self.align_set(edge, &name, *position, binding, side.now.as_ref(), &agreed, &reason);
            }
        }
        for (from, record) in waiting {
            for side in sides.iter().filter(|side| side.connection != from) {
                let reason = self.waiting(edge, &name, record.clone());
                self.hold(Some(&name), &side.connection, reason, vec![format!("record:{record}")]);
            }
        }
        self.plan.derivations.push(Derivation {
            attribute: name,
            rule: rule_name(&edge.rule).to_string(),
            sides: derivation,
            case: None,
            result: None,
            asks: false,
        });
    }

    #[expect(clippy::too_many_arguments, reason = "one side of one edge is made of these")]
    fn align_set(
        &mut self,
        edge: &Edge,
        name: &AttributeName,
        position: usize,
        binding: &EdgeBinding,
        now: Option<&BTreeSet<EntityId>>,
        agreed: &BTreeSet<EntityId>,
        reason: &Reason,
    ) {
        let record = self.sides[position].record.clone();
        let Some(now) = now else { return };
        if now == agreed || !binding.direction.writes() {
            self.adopt(&record, &binding.field);
            return;
        }
        for entity in agreed.difference(now) {
            if self.is_reachable(*entity, &record.connection) {
                let to = self.endpoint(*entity, &record.connection);
                self.relate(edge, binding, &record, to, Primary::No, reason);
            } else {
                let source = self.record_of(*entity, &record.connection).unwrap_or_else(|| record.clone());
                let held = self.waiting(edge, name, source);
                self.hold(Some(name), &record.connection, held, vec![format!("entity:{entity}")]);
            }
        }
        let seen = self.seen(position, binding);
        let Observed::Value(Value::Refs(refs)) = &seen else { return };
        for reference in refs {
            let target = RecordRef {
                connection: record.connection.clone(),
                object: reference.object.clone(),
                id: reference.id.clone(),
            };
            let entity = self.hood.targets.get(&target).and_then(|target| target.entity);
            if entity.is_some_and(|entity| !agreed.contains(&entity)) {
                self.unrelate(edge, binding, &record, reference, reason);
            }
        }
    }

    pub(super) fn relate(
        &mut self,
        edge: &Edge,
        binding: &EdgeBinding,
        from: &RecordRef,
        to: Endpoint,
        primary: Primary,
        reason: &Reason,
    ) {
        let association = Association {
            edge: edge.name.clone(),
            field: binding.field.clone(),
            from: Endpoint::Record(from.clone()),
            to,
            role: None,
            primary: primary == Primary::Yes,
            row: None,
            reason: reason.clone(),
        };
        self.relations.push((from.connection.clone(), Action::Associate(association)));
    }

    fn unrelate(&mut self, edge: &Edge, binding: &EdgeBinding, from: &RecordRef, to: &Ref, reason: &Reason) {
        let target =
            RecordRef { connection: from.connection.clone(), object: to.object.clone(), id: to.id.clone() };
        let association = Association {
            edge: edge.name.clone(),
            field: binding.field.clone(),
            from: Endpoint::Record(from.clone()),
            to: Endpoint::Record(target),
            role: to.role.clone(),
            primary: to.primary,
            row: to.row.clone(),
            reason: reason.clone(),
        };
        self.relations.push((from.connection.clone(), Action::Dissociate(association)));
    }

    /// Written, although its source has no parent: listed (invariant 6, LIFE-3).
    fn note_orphan(&mut self, edge: &Edge, name: &AttributeName, sides: &[Side<EntityId>], parent: &Parent) {
        let blank = sides.iter().any(|side| matches!(side.stand.shows(), Some(None)));
        let any = sides.iter().any(|side| side.stand.shows().flatten().is_some());
        if edge.wait.is_some() && blank && !any && parent.unresolved.is_none() {
            let record = self.sides.first().map(|side| side.record.clone());
            if let Some(record) = record {
                self.find(&record, FindingKind::NoParent { edge: name.clone() });
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

    fn endpoint(&self, entity: EntityId, connection: &ConnectionName) -> Endpoint {
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

    fn derive_edge(
        &mut self,
        name: &AttributeName,
        edge: &Edge,
        sides: Vec<SideSeen>,
        decision: &Decision<EntityId>,
        result: Option<EntityId>,
    ) {
        let case = match decision {
            Decision::Agree { case, .. } => Some(*case),
            Decision::Nothing | Decision::Keep | Decision::Ask => None,
        };
        self.plan.derivations.push(Derivation {
            attribute: name.clone(),
            rule: rule_name(&edge.rule).to_string(),
            sides,
            case,
            result: result.map(|entity| entity.to_string()),
            asks: *decision == Decision::Ask,
        });
    }
}

/// Whether a relation is to be the primary one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Primary {
    Yes,
    No,
}

trait PrimaryOf {
    fn primary_of(pick: Pick) -> Primary;
}

impl PrimaryOf for Association {
    fn primary_of(pick: Pick) -> Primary {
        match pick {
            Pick::Primary => Primary::Yes,
            Pick::All => Primary::No,
        }
    }
}

/// The relations that count: all, or the primary one; a single relation is primary by itself.
fn picked(refs: &[Ref], pick: Pick) -> Box<dyn Iterator<Item = &Ref> + '_> {
    match pick {
        Pick::All => Box::new(refs.iter()),
        Pick::Primary => {
            let primary = refs.iter().find(|reference| reference.primary);
            Box::new(primary.or_else(|| if refs.len() == 1 { refs.first() } else { None }).into_iter())
        }
    }
}

