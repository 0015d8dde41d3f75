//! Edges with at most one target: the account of a deal, the owner of anything.

use super::{EdgeSide, Resolved, picked};
use crate::{
    decide::{Decision, Side, Stand, decide},
    mapping::{Carrier, Clear, Edge, FieldState, OnDelete, Pick, Rule},
    plan::{
        Derivation, Draftsman, Parent, SideSeen,
        align::Aligned,
        stand::{base_of, word},
        watch::{Agree, Moving},
    },
};
use std::sync::Arc;
use syncline_model::{
    After, AttributeName, BaseEntry, ConnectionName, EntityId, FieldChange, Kind, Observed, Reason,
    RecordRef, Ref, Sight, Value,
    defect::{Defect, planted},
    operation::Case,
    plan::HeldReason,
    review::Question,
};

/// A side of the edge, read.
struct Reading<'e> {
    side: EdgeSide<'e>,
    agreed: Option<Observed>,
    now: Option<Resolved>,
    /// What it agreed on last; `None`: nothing, or on a record that is nobody's.
    before: Option<Option<EntityId>>,
    stand: Stand<EntityId>,
    /// It moved to a record that is nobody's yet: that neither travels nor is it written over.
    astray: bool,
    /// What it led to was deleted.
    bereft: Option<Bereft>,
    /// The base is not spelled as the field is now, though it leads to the same.
    respelled: bool,
}

/// How a side stands whose target was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Bereft {
    /// A person is asked what the delete of this record means.
    Asked(RecordRef),
    /// The entity has another record there, to which nobody has related it.
    Replaced,
}

impl Reading<'_> {
    fn shows(&self) -> Option<EntityId> {
        self.now.as_ref().and_then(|now| now.entities.first().copied())
    }
}

impl<'a> Draftsman<'a> {
    pub(super) fn one(&mut self, edge: &'a Edge) {
        let name = AttributeName::new(edge.name.as_str());
        let bound = self.bound(edge);
        let readings: Vec<Reading<'_>> = bound.iter().map(|side| self.read_one(edge, *side)).collect();
        let sides: Vec<Side<EntityId>> = readings
            .iter()
            .map(|reading| Side {
                connection: self.sides[reading.side.position].record.connection.clone(),
                stand: self.edge_counts_as(reading, &readings),
            })
            .collect();
        let fields: Vec<_> = readings
            .iter()
            .map(|it| (it.side.position, it.side.binding.field.clone(), Moving::of(&it.stand)))
            .collect();
        let agree = Agree::of(readings.iter().filter_map(|reading| {
            let now = reading.now.as_ref()?;
            Some((now.entities.first(), now.unresolved.is_empty()))
        }));
        if let Some(resting) = self.resting(&name, &fields, agree) {
            let parent = self.parent(edge, &Decision::Nothing, &sides, &readings);
            self.derive_one(&name, edge, &readings, &sides, &Decision::Nothing, parent.entity);
            self.parents.insert(name, parent);
            self.hold_resting(resting);
            return;
        }
        let decision = match decide(&edge.rule, edge.tie.as_ref(), Clear::Travel, &sides, |_| false) {
            Decision::Agree { value: None, case: Case::FillBlank, .. } => Decision::Keep,
            Decision::Nothing if edge.rule != Rule::Off => fill_written(&sides, &readings),
            decision @ (Decision::Agree { .. } | Decision::Keep | Decision::Nothing | Decision::Ask) => {
                decision
            }
        };
        let decision = if planted(Defect::Orphan) && readings.len() > 1 { Decision::Keep } else { decision };
        let parent = self.parent(edge, &decision, &sides, &readings);
        self.derive_one(&name, edge, &readings, &sides, &decision, parent.entity);
        match &decision {
            Decision::Agree { value, from, case } => {
                let reason = Reason { rule: edge.rule.word(), case: *case, from: Some(from.clone()) };
                // A clear is of the relation that was there, not of whatever another side points to.
                let source = sides.iter().position(|side| side.connection == *from);
                let cleared = source.and_then(|source| readings[source].before.flatten());
                let mut settled = true;
                for reading in &readings {
                    let aligned = match (value, &reading.stand) {
                        (None, Stand::Same(Some(shown))) if cleared.is_some_and(|it| it != *shown) => {
                            Aligned::Settled
                        }
                        _ => self.align_one(edge, &name, reading, *value, &reason),
                    };
                    settled &= aligned == Aligned::Settled;
                }
                if settled {
                    self.settled_one(&readings);
                }
            }
            Decision::Keep => self.settled_one(&readings),
            Decision::Nothing => {
                for reading in readings.iter().filter(|reading| reading.respelled) {
                    self.adopt(reading.side.position, &reading.side.binding.field);
                }
            }
            Decision::Ask => {
                self.plan.questions.push(Question::Conflict {
                    entity: self.hood.entity,
                    attribute: Arc::from(name.as_str()),
                });
                for side in &sides {
                    self.hold(Some(&name), &side.connection, HeldReason::ManualConflict, Vec::new());
                }
            }
        }
        let astray: Vec<_> = parent.unresolved.iter().cloned().collect();
        self.wait_for_records(edge, &name, &bound, &astray);
        self.hold_bereft(&name, &readings);
        self.parents.insert(name, parent);
    }

    fn read_one<'e>(&self, edge: &Edge, side: EdgeSide<'e>) -> Reading<'e> {
        let seen = self.seen(side);
        let BaseEntry { agreed, changed: interval, sight } =
            base_of(&self.bases[side.position], &side.binding.field, seen);
        let now = self.resolve(side, seen);
        let base = agreed.as_ref().and_then(|agreed| self.resolve(side, agreed));
        let mut reading = Reading {
            side,
            before: base
                .as_ref()
                .filter(|base| base.unresolved.is_empty())
                .map(|base| base.entities.first().copied()),
            astray: false,
            bereft: self.bereft(edge, side, agreed.as_ref()),
            respelled: false,
            stand: Stand::Unknown,
            agreed,
            now,
        };
        match &reading.bereft {
            Some(Bereft::Asked(_)) => return reading,
            Some(Bereft::Replaced) => {
                reading.stand = Stand::NoBase(None);
                return reading;
            }
            None => {}
        }
        let Some(now) = &reading.now else { return reading };
        if !now.unresolved.is_empty() {
            reading.astray = reading.agreed.as_ref() != Some(seen);
            return reading;
        }
        let shown = now.entities.first().copied();
        reading.stand = match (base, reading.before) {
            (None, _) => Stand::NoBase(shown),
            (Some(_), Some(before)) if before == shown => {
                reading.respelled = reading.agreed.as_ref() != Some(seen);
                Stand::Same(shown)
            }
            // Inherited, and none from the first sight on.
            (Some(_), _) if sight == Sight::Unseen && shown.is_none() => Stand::NoBase(None),
            // Also where the base leads to a record that is nobody's: what is shown now is not that one.
            (Some(_), _) => {
                let connection = &self.sides[side.position].record.connection;
                Stand::Changed { now: shown, when: interval.map(|interval| self.span(connection, interval)) }
            }
        };
        reading
    }

    /// What became of a side whose target was deleted, where a person is asked about deletes and nothing took its place: what
    /// the delete took away with it is no word on this one (CRM-12). What is left was beside it before.
    fn bereft(&self, edge: &Edge, side: EdgeSide<'_>, agreed: Option<&Observed>) -> Option<Bereft> {
        if edge.on_delete != OnDelete::Review {
            return None;
        }
        let Some(Observed::Value(Value::Refs(agreed))) = agreed else { return None };
        let left = match self.seen(side) {
            Observed::Empty => &[][..],
            Observed::Value(Value::Refs(left)) => left,
            Observed::Value(_) | Observed::Absent | Observed::NotPermitted | Observed::NotFetched => {
                return None;
            }
        };
        let is_in =
            |refs: &[Ref], one: &Ref| refs.iter().any(|it| (&it.object, &it.id) == (&one.object, &one.id));
        let is_beside = |it: &Ref| side.binding.pick == Pick::Primary && !it.primary && is_in(agreed, it);
        if !left.iter().all(is_beside) {
            return None;
        }
        let gone =
            picked(agreed, side.binding.pick).find(|it| self.is_deleted(side, it) && !is_in(left, it))?;
        let record = self.target(side.position, gone);
        // Its entity may have another record there by now, which belongs in its place.
        let other = self.entity_of(&record).and_then(|entity| self.on(entity, &record.connection));
        Some(if other.is_some() { Bereft::Replaced } else { Bereft::Asked(record) })
    }

    /// Lists what stays as it is while a person is asked about the delete of what it belongs to.
    fn hold_bereft(&mut self, name: &AttributeName, readings: &[Reading<'_>]) {
        let asked = readings.iter().filter_map(|reading| match &reading.bereft {
            Some(Bereft::Asked(record)) => Some(record.clone()),
            Some(Bereft::Replaced) | None => None,
        });
        for record in asked {
            let others = readings.iter().filter(|reading| {
                let connection = &self.sides[reading.side.position].record.connection;
                let entity = self.entity_of(&record);
                *connection != record.connection && entity.is_some() && reading.shows() == entity
            });
            let others: Vec<ConnectionName> =
                others.map(|reading| self.sides[reading.side.position].record.connection.clone()).collect();
            for connection in others {
                self.hold_deleted(name, &connection, &record);
            }
        }
    }

    /// As for attributes: the source of a record that we made agreed with it then.
    fn edge_counts_as(&self, reading: &Reading<'_>, readings: &[Reading<'_>]) -> Stand<EntityId> {
        if !reading.side.binding.direction.reads() {
            return Stand::Unknown;
        }
        let Stand::NoBase(Some(shown)) = reading.stand else { return reading.stand.clone() };
        let made =
            readings.iter().find(|other| self.was_source_of(reading.side.position, other.side.position));
        match made.and_then(|made| made.before.map(|before| (made, before))) {
            Some((_, Some(before))) if before != shown => Stand::Changed { now: Some(shown), when: None },
            Some((made, Some(_))) if matches!(made.stand, Stand::Changed { .. }) => Stand::Same(Some(shown)),
            _ => reading.stand.clone(),
        }
    }

    fn parent(
        &self,
        edge: &Edge,
        decision: &Decision<EntityId>,
        sides: &[Side<EntityId>],
        readings: &[Reading<'_>],
    ) -> Parent {
        let agreed = match decision {
            Decision::Agree { value, from, .. } => value.map(|entity| (entity, from.clone())),
            Decision::Nothing | Decision::Keep | Decision::Ask => {
                let shown = |side: &Side<EntityId>| {
                    side.stand.shows().flatten().map(|entity| (*entity, side.connection.clone()))
                };
                let tied =
                    sides.iter().filter(|side| Some(&side.connection) == edge.tie.as_ref()).find_map(shown);
                tied.or_else(|| sides.iter().find_map(shown))
            }
        };
        let unresolved = readings
            .iter()
            .filter(|reading| reading.side.binding.direction.reads())
            .filter_map(|reading| reading.now.as_ref()?.unresolved.first().cloned())
            .next();
        // A relation to the like (a parent organisation) or to an owner is nothing that a record hangs on.
        let structural = edge.wait.is_some() && edge.to != self.hood.kind && edge.to != Kind::User;
        let shows_none = sides.iter().any(|side| matches!(side.stand.shows(), Some(None)));
        let writable = edge.bindings.iter().any(|binding| {
            binding.direction.writes()
                && readings.iter().all(|reading| {
                    let record = self.sides[reading.side.position].record;
                    sides.len() > 1 || binding.connection != record.connection
                })
        });
        let orphan = structural && writable && shows_none && agreed.is_none() && unresolved.is_none();
        let (entity, from) = agreed.unzip();
        Parent { entity, unresolved, from, orphan }
    }

    fn settled_one(&mut self, readings: &[Reading<'_>]) {
        for reading in readings {
            if reading.now.as_ref().is_some_and(|now| now.unresolved.is_empty()) {
                self.adopt(reading.side.position, &reading.side.binding.field);
            }
        }
        self.any_agreed |= readings.len() > 1;
    }

    /// Brings one side's relation to the agreed target.
    fn align_one(
        &mut self,
        edge: &Edge,
        name: &AttributeName,
        reading: &Reading<'_>,
        target: Option<EntityId>,
        reason: &Reason,
    ) -> Aligned {
        let EdgeSide { position, binding } = reading.side;
        let record = self.sides[position].record;
        let seen = self.seen(reading.side);
        if !binding.direction.writes() {
            return Aligned::Settled;
        }
        let schema = || vec![format!("schema:{}/{}", record.connection, record.object)];
        let Some(now) = &reading.now else {
            if target.is_some() && *seen != Observed::NotFetched {
                self.hold(Some(name), &record.connection, HeldReason::NoSuchField, schema());
            }
            return Aligned::Open;
        };
        if reading.astray {
            return Aligned::Open;
        }
        // A side that could hold several holds just this one: a run that was cut short between the two calls is finished.
        if now.unresolved.is_empty() && reading.shows() == target && now.entities.len() <= 1 {
            return Aligned::Settled;
        }
        // What was beside the one that is gone was never its company, and stays.
        if target.is_none() && reading.bereft.is_some() {
            return Aligned::Settled;
        }
        if !matches!(&binding.field_state, FieldState::Present { updateable: true, .. }) {
            self.hold(Some(name), &record.connection, HeldReason::NotWritable, schema());
            return Aligned::Open;
        }
        match target {
            Some(entity) if !self.is_reachable(entity, &record.connection) => {
                self.wait_for(edge, name, position, entity);
                return Aligned::Open;
            }
            None if edge.required => {
                let problem = format!("{name} is required there and may not be cleared").into();
                self.hold(Some(name), &record.connection, HeldReason::DoesNotFit { problem }, Vec::new());
                return Aligned::Open;
            }
            Some(_) | None => {}
        }
        if self.parks(position, name, &binding.field, seen, reason.case) {
            return Aligned::Open;
        }
        match binding.carrier {
            Carrier::Field => self.changes.entry(record.clone()).or_default().push(FieldChange {
                field: binding.field.clone(),
                attribute: name.clone(),
                before: seen.clone(),
                after: target.map_or(After::Clear, After::Reference),
                reason: reason.clone(),
            }),
            Carrier::Association => {
                // First the old one goes, then the new one comes: a run that is cut short in between leaves a side that shows
                // nothing and agreed to it, which the next one fills. The other way round the old one would stay, no
                // longer primary, as if somebody wanted it.
                let refs = if let Observed::Value(Value::Refs(refs)) = seen { refs.as_slice() } else { &[] };
                // What is left beside the one that we took away counts as the only one, and was never meant to go.
                let left = reading.bereft.is_some() || self.is_left_by_us(position, &binding.field, seen);
                for reference in picked(refs, binding.pick).filter(|it| it.primary || !left) {
                    let entity = self.entity_of(&self.target(position, reference));
                    if target.is_none() || entity != target {
                        self.unrelate(edge, reading.side, reference, reason);
                    }
                }
                if let Some(entity) = target.filter(|entity| !now.entities.contains(entity)) {
                    self.relate(edge, reading.side, entity, reason);
                }
            }
        }
        Aligned::Open
    }

    fn derive_one(
        &mut self,
        name: &AttributeName,
        edge: &Edge,
        readings: &[Reading<'_>],
        sides: &[Side<EntityId>],
        decision: &Decision<EntityId>,
        result: Option<EntityId>,
    ) {
        let case = match decision {
            Decision::Agree { case, .. } => Some(*case),
            Decision::Nothing | Decision::Keep | Decision::Ask => None,
        };
        let seen = readings.iter().zip(sides).map(|(reading, side)| SideSeen {
            record: self.sides[reading.side.position].record.clone(),
            field: reading.side.binding.field.clone(),
            base: reading.agreed.clone(),
            now: self.seen(reading.side).clone(),
            stand: word(&side.stand),
        });
        let seen = seen.collect();
        self.plan.derivations.push(Derivation {
            attribute: name.clone(),
            rule: edge.rule.word().to_string(),
            sides: seen,
            case,
            result: result.map(|entity| entity.to_string()),
            asks: *decision == Decision::Ask,
        });
    }
}

/// A side that is only written and has never agreed takes what the others hold.
fn fill_written(sides: &[Side<EntityId>], readings: &[Reading<'_>]) -> Decision<EntityId> {
    let unwritten = readings
        .iter()
        .any(|reading| !reading.side.binding.direction.reads() && matches!(reading.stand, Stand::NoBase(_)));
    let shown = sides.iter().find_map(|side| side.stand.shows().flatten().map(|entity| (side, *entity)));
    match shown {
        Some((side, entity)) if unwritten => {
            Decision::Agree { value: Some(entity), from: side.connection.clone(), case: Case::FillBlank }
        }
        _ => Decision::Nothing,
    }
}
