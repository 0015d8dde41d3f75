//! Edges with any number of targets: the contacts of a deal. Elements are added and removed one by one, and each agrees
//! or does not by itself.

use super::EdgeSide;
use crate::{
    decide::{SetSide, decide_set, is_emptied},
    mapping::{Edge, OnDelete},
    plan::{
        Derivation, Draftsman, Moved, SideSeen,
        stand::base_of,
        watch::{Agree, Moving},
    },
};
use std::collections::BTreeSet;
use syncline_model::{
    AttributeName, BaseEntry, ConnectionName, EntityId, Observed, Reason, RecordRef, Ref, Sight, Value,
    operation::Case, plan::HeldReason,
};

/// A side of the edge, read.
struct SetReading<'e> {
    side: EdgeSide<'e>,
    agreed: Option<Observed>,
    /// Entities it points to; `None`: not read.
    now: Option<BTreeSet<EntityId>>,
    /// Entities it agreed on last.
    base: Option<BTreeSet<EntityId>>,
    unresolved: Vec<RecordRef>,
    /// Records that it led to and that were deleted: a person is asked what that means, and nobody was taken out.
    bereft: Vec<RecordRef>,
}

impl<'a> Draftsman<'a> {
    pub(super) fn many(&mut self, edge: &'a Edge) {
        let name = AttributeName::new(edge.name.as_str());
        let bound = self.bound(edge);
        let mut readings: Vec<SetReading<'_>> = bound.iter().map(|side| self.read_set(*side)).collect();
        self.keep_bereft(edge, &mut readings);
        let sides: Vec<SetSide<EntityId>> = readings
            .iter()
            .map(|reading| SetSide {
                connection: self.sides[reading.side.position].record.connection.clone(),
                now: reading.now.clone().filter(|_| reading.side.binding.direction.reads()),
                base: self.set_base(reading, &readings),
            })
            .collect();
        let agreed = if sides.len() > 1 { decide_set(&edge.rule, &sides) } else { None };
        // A blank that nobody made one blanks nothing.
        let agreed = agreed.filter(|agreed| !agreed.is_empty() || sides.iter().any(is_emptied));
        if let Some(agreed) = &agreed {
            let from = sides.iter().find(|side| side.now.is_some() && side.now != side.base);
            let reason = Reason {
                rule: edge.rule.word(),
                case: Case::Union,
                from: from.map(|side| side.connection.clone()),
            };
            for (reading, side) in readings.iter().zip(&sides) {
                // An element that no side has moved, and that this one agreed to be without (or with), is apart on purpose: a
                // person took our write of it back. Another element's change does not bring it along.
                let stays = |entity: &EntityId| stays_apart(&sides, side, entity);
                let now = reading.now.iter().flatten().copied();
                let agreed: BTreeSet<EntityId> = match &reading.now {
                    None => agreed.clone(),
                    Some(shown) => agreed
                        .iter()
                        .copied()
                        .filter(|entity| shown.contains(entity) || !stays(entity))
                        .chain(now.filter(|entity| !agreed.contains(entity) && stays(entity)))
                        .collect(),
                };
                self.align_set(edge, &name, reading, &agreed, &reason);
            }
        }
        if sides.len() > 1 {
            self.settle_elements(&readings);
        }
        // What a person took back is listed until the sides have the same; other elements go on travelling meanwhile.
        let fields: Vec<_> =
            readings.iter().map(|it| (it.side.position, it.side.binding.field.clone(), Moving::No)).collect();
        let agree =
            Agree::of(readings.iter().filter_map(|it| Some((it.now.as_ref()?, it.unresolved.is_empty()))));
        if let Some(resting) = self.resting(&name, &fields, agree) {
            self.hold_resting(resting);
        }
        for reading in readings.iter().filter(|reading| reading.side.binding.direction.reads()) {
            self.wait_for_records(edge, &name, &bound, &reading.unresolved);
        }
        self.hold_bereft_of(&name, &readings);
        self.derive_set(name, edge, &readings, agreed.as_ref());
    }

    fn read_set<'e>(&self, side: EdgeSide<'e>) -> SetReading<'e> {
        let seen = self.seen(side);
        let BaseEntry { agreed, sight, .. } = base_of(&self.bases[side.position], &side.binding.field, seen);
        // Who was in the set of the record whose place this one took, and is not in this one's, was not taken out.
        let agreed = agreed.filter(|_| sight == Sight::Seen);
        let base = agreed.as_ref().and_then(|agreed| self.resolve(side, agreed)).map(|base| base.entities);
        let (mut now, unresolved) = match self.resolve(side, seen) {
            Some(now) => (Some(now.entities), now.unresolved),
            None => (None, Vec::new()),
        };
        // One that is not known yet may be what somebody who took part was merged into: nobody was taken out, for all that
        // is known.
        if let (Some(now), Some(base), false) = (&mut now, &base, unresolved.is_empty()) {
            now.extend(base);
        }
        SetReading { side, agreed, now, base, unresolved, bereft: Vec::new() }
    }

    /// Whom a delete that a person is asked about took out of a set is in it still, where another side has it (or cannot be
    /// read) and its entity has no other record there.
    fn keep_bereft(&self, edge: &Edge, readings: &mut [SetReading<'_>]) {
        let shown: Vec<Option<BTreeSet<EntityId>>> = readings.iter().map(|it| it.now.clone()).collect();
        for (at, reading) in readings.iter_mut().enumerate() {
            let SetReading { side, agreed, now: Some(now), bereft, .. } = reading else { continue };
            let connection = &self.sides[side.position].record.connection;
            let agreed = agreed.as_ref().filter(|_| edge.on_delete == OnDelete::Review);
            for reference in agreed.map_or(&[][..], refs) {
                let record = self.target(side.position, reference);
                let Some(entity) = self.entity_of(&record) else { continue };
                let mut others = shown.iter().enumerate().filter(|(other, _)| *other != at);
                let is_elsewhere =
                    others.any(|(_, shown)| shown.as_ref().is_none_or(|shown| shown.contains(&entity)));
                if is_elsewhere
                    && self.is_deleted(*side, reference)
                    && self.on(entity, connection).is_none()
                    && now.insert(entity)
                {
                    bereft.push(record);
                }
            }
        }
    }

    /// Lists who stays in a set on the other sides while a person is asked about a delete.
    fn hold_bereft_of(&mut self, name: &AttributeName, readings: &[SetReading<'_>]) {
        for reading in readings {
            for record in &reading.bereft {
                let entity = self.entity_of(record);
                let holds = |other: &&SetReading<'_>| {
                    let now = other.now.as_ref().filter(|_| other.side.position != reading.side.position);
                    now.is_some_and(|now| entity.is_some_and(|entity| now.contains(&entity)))
                };
                let others: Vec<ConnectionName> = readings
                    .iter()
                    .filter(holds)
                    .map(|other| self.sides[other.side.position].record.connection.clone())
                    .collect();
                for connection in others {
                    self.hold_deleted(name, &connection, record);
                }
            }
        }
    }

    /// What a side agreed on; the source of a record that we made agreed on what that one was made with.
    fn set_base(&self, reading: &SetReading<'_>, readings: &[SetReading<'_>]) -> Option<BTreeSet<EntityId>> {
        reading.base.clone().or_else(|| {
            let made =
                readings.iter().find(|other| self.was_source_of(reading.side.position, other.side.position));
            made.and_then(|made| made.base.clone())
        })
    }

    fn align_set(
        &mut self,
        edge: &Edge,
        name: &AttributeName,
        reading: &SetReading<'_>,
        agreed: &BTreeSet<EntityId>,
        reason: &Reason,
    ) {
        let EdgeSide { position, binding } = reading.side;
        let Some(now) = &reading.now else { return };
        if now == agreed || !binding.direction.writes() {
            return;
        }
        let record = self.sides[position].record;
        if !matches!(&binding.field_state, crate::mapping::FieldState::Present { updateable: true, .. }) {
            let wake = vec![format!("schema:{}/{}", record.connection, record.object)];
            self.hold(Some(name), &record.connection, HeldReason::NotWritable, wake);
            return;
        }
        // Nobody takes part in anything as a lead: who is one waits for the conversion.
        let may_lead = |draft: &Self, entity: EntityId| {
            let there = draft.on(entity, &record.connection);
            binding.targets.is_empty() || there.is_none_or(|there| binding.targets.contains(&there.object))
        };
        for entity in agreed.difference(now) {
            if self.is_reachable(*entity, &record.connection) && may_lead(self, *entity) {
                self.relate(edge, reading.side, *entity, reason);
            } else {
                self.wait_for(edge, name, position, *entity);
            }
        }
        for reference in refs(self.seen(reading.side)) {
            let entity = self.entity_of(&self.target(position, reference));
            if entity.is_some_and(|entity| !agreed.contains(&entity)) {
                self.unrelate(edge, reading.side, reference, reason);
            }
        }
    }

    /// Moves the bases of elements that all sides have, or none has. The others stay changes against their base until
    /// their counterpart is written.
    fn settle_elements(&mut self, readings: &[SetReading<'_>]) {
        let others_hold = |position: usize, entity: EntityId, wanted: bool| {
            readings
                .iter()
                .filter(|other| other.side.position != position && other.side.binding.direction.writes())
                .all(|other| other.now.as_ref().is_some_and(|now| now.contains(&entity) == wanted))
        };
        for reading in readings {
            let position = reading.side.position;
            if reading.now.is_none() {
                continue;
            }
            let shown = refs(self.seen(reading.side));
            let before = reading.agreed.as_ref().map_or(&[][..], refs);
            let has = |refs: &[Ref], wanted: &Ref| {
                refs.iter().any(|reference| reference.object == wanted.object && reference.id == wanted.id)
            };
            let mut base: Vec<Ref> = shown
                .iter()
                .filter(|reference| {
                    has(before, reference)
                        || self
                            .entity_of(&self.target(position, reference))
                            .is_some_and(|entity| others_hold(position, entity, true))
                })
                .cloned()
                .collect();
            let kept = before.iter().filter(|reference| {
                !has(shown, reference)
                    && self
                        .entity_of(&self.target(position, reference))
                        .is_some_and(|entity| !others_hold(position, entity, false))
            });
            base.extend(kept.cloned());
            base.sort();
            let field = reading.side.binding.field.clone();
            let whole = base.len() == shown.len() && base.iter().all(|reference| has(shown, reference));
            let moved = if whole {
                Moved::ToShown
            } else {
                let refs = if base.is_empty() { Observed::Empty } else { Observed::Value(Value::Refs(base)) };
                if reading.agreed.as_ref() == Some(&refs) {
                    continue;
                }
                Moved::To(refs)
            };
            self.moved[position].push((field, moved));
        }
        self.any_agreed |= readings.iter().filter(|reading| reading.now.is_some()).count() > 1;
    }

    fn derive_set(
        &mut self,
        name: AttributeName,
        edge: &Edge,
        readings: &[SetReading<'_>],
        agreed: Option<&BTreeSet<EntityId>>,
    ) {
        let seen = readings
            .iter()
            .map(|reading| SideSeen {
                record: self.sides[reading.side.position].record.clone(),
                field: reading.side.binding.field.clone(),
                base: reading.agreed.clone(),
                now: self.seen(reading.side).clone(),
                stand: match (&reading.now, &reading.base) {
                    (None, _) => "unknown",
                    (Some(_), None) => "no_base",
                    (Some(now), Some(base)) if now == base => "same",
                    (Some(_), Some(_)) => "changed",
                },
            })
            .collect();
        let result = agreed.filter(|agreed| !agreed.is_empty()).map(|agreed| {
            let names: Vec<String> = agreed.iter().map(ToString::to_string).collect();
            names.join(", ")
        });
        self.plan.derivations.push(Derivation {
            attribute: name,
            rule: edge.rule.word().to_string(),
            sides: seen,
            case: agreed.map(|_| Case::Union),
            result,
            asks: false,
        });
    }
}

/// Whether nobody moved an element, on which `side` agreed as it shows it.
fn stays_apart(sides: &[SetSide<EntityId>], side: &SetSide<EntityId>, entity: &EntityId) -> bool {
    let unmoved = |side: &SetSide<EntityId>| match (&side.now, &side.base) {
        (Some(now), Some(base)) => now.contains(entity) == base.contains(entity),
        (Some(now), None) => !now.contains(entity),
        (None, _) => true,
    };
    side.base.is_some() && side.now.is_some() && sides.iter().all(unmoved)
}

fn refs(seen: &Observed) -> &[Ref] {
    match seen {
        Observed::Value(Value::Refs(refs)) => refs,
        Observed::Value(_)
        | Observed::Empty
        | Observed::Absent
        | Observed::NotPermitted
        | Observed::NotFetched => &[],
    }
}
