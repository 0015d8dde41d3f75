//! Relations that the run made are taken away, and those that it took away are made again, where nobody touched them since.

use super::{
    Inverse, Present, Why,
    net::{Net, Relation, Tie},
    reason,
    records::Archives,
};
use crate::{
    mapping::Cardinality,
    plan::{Draft, picked, precondition},
};
use std::collections::BTreeMap;
use syncline_model::{
    Action, Association, AttributeName, EdgeName, Endpoint, EntityId, FieldName, Kind, Observed, RecordRef,
    Snapshot, Value, operation::Tied,
};

pub(super) fn former_relations(
    present: &Present<'_>,
    net: &Net,
    archives: &Archives,
    again: &BTreeMap<RecordRef, EntityId>,
    inverse: &mut Inverse,
) {
    // As when planned: first the one goes, then the other comes.
    for wanted in [Tie::Made, Tie::TakenAway] {
        for ((from, field, to), relation) in &net.relations {
            let Relation { owner, first, last, association } = relation;
            // What leads from an archived record goes with it. What leads to one is taken away first: else its going would
            // look like a change of the record that it leads from, and travel.
            if first != last || *last != wanted || archives.records.contains(from) {
                continue;
            }
            // A record that the run made and that stays is left as it is.
            if net.created.contains_key(from) {
                continue;
            }
            let name = AttributeName::new(association.edge.as_str());
            // It was there before, beside another: whoever is the primary one again takes that from it.
            if *last == Tie::Made && association.before == Tied::Beside {
                let other = |((it, of, _), other): (&(RecordRef, FieldName, RecordRef), &Relation)| {
                    it == from
                        && of == field
                        && other.first == Tie::TakenAway
                        && other.last == Tie::TakenAway
                        && other.association.primary
                };
                if !net.relations.iter().any(other) {
                    inverse.note(from, Some(&name), Why::StaysPrimary);
                }
                continue;
            }
            let Some(snapshot) = present.in_force(from, owner.kind, owner.entity) else {
                inverse.note(from, Some(&name), Why::RecordGone);
                continue;
            };
            if leads_elsewhere(present, net, snapshot, field, relation) {
                inverse.note(from, Some(&name), Why::ChangedSince);
                continue;
            }
            if *last == Tie::Made
                && let Some(former) = lost(present, net, again, (from, field), relation)
            {
                inverse.note(from, Some(&name), Why::FormerGone(former.clone()));
                continue;
            }
            let row = match target(snapshot.field(field.as_str()), to) {
                Shown::Unknown => {
                    inverse.note(from, Some(&name), Why::FormerUnknown);
                    continue;
                }
                Shown::There(row) if *last == Tie::Made => row,
                Shown::Not if *last == Tie::TakenAway => None,
                // It is as it was before the run: an undo that was cut short is finished by another.
                Shown::There(_) | Shown::Not => continue,
            };
            if *last == Tie::TakenAway && is_gone(present, again, to) {
                inverse.note(from, Some(&name), Why::FormerGone(to.clone()));
                continue;
            }
            // What comes back under another id is referred to by that.
            let end = match again.get(to) {
                Some(entity) if *last == Tie::TakenAway => Endpoint::Entity(*entity),
                Some(_) | None => Endpoint::Record(to.clone()),
            };
            let association = Association { row, to: end, reason: reason(), ..association.clone() };
            let action = match last {
                Tie::Made => Action::Dissociate(association),
                Tie::TakenAway => Action::Associate(association),
            };
            let draft = Draft {
                connection: from.connection.clone(),
                action,
                preconditions: vec![precondition(snapshot, vec![field.clone()])],
            };
            inverse.step(owner.entity, owner.kind, draft);
        }
    }
}

/// Where there is one relation at a time, and the former one cannot come back: whom it led to. Then the present one stays,
/// which is better than none.
pub(super) fn lost<'n>(
    present: &Present<'_>,
    net: &'n Net,
    again: &BTreeMap<RecordRef, EntityId>,
    (from, field): (&RecordRef, &FieldName),
    relation: &Relation,
) -> Option<&'n RecordRef> {
    if !is_single(present, relation.owner.kind, &relation.association.edge) {
        return None;
    }
    let mut former = net.relations.iter().filter(|((child, of, to), former)| {
        let taken_away = former.first == Tie::TakenAway && former.last == Tie::TakenAway;
        child == from && of == field && taken_away && is_gone(present, again, to)
    });
    former.next().map(|((_, _, to), _)| to)
}

fn is_gone(present: &Present<'_>, again: &BTreeMap<RecordRef, EntityId>, to: &RecordRef) -> bool {
    present.records.contains_key(to) && !present.is_live(to) && !again.contains_key(to)
}

/// Whether a record has one relation of this sort at a time, and it leads now where the run neither found it nor left it.
fn leads_elsewhere(
    present: &Present<'_>,
    net: &Net,
    snapshot: &Snapshot,
    field: &FieldName,
    relation: &Relation,
) -> bool {
    let (record, edge) = (&snapshot.record, &relation.association.edge);
    let binding = present
        .model(relation.owner.kind)
        .and_then(|model| model.edges.iter().find(|known| known.name == *edge))
        .and_then(|edge| edge.binding(&record.connection, &record.object));
    let (Some(binding), Observed::Value(Value::Refs(refs))) = (binding, snapshot.field(field.as_str()))
    else {
        return false;
    };
    is_single(present, relation.owner.kind, edge)
        && picked(refs, binding.pick).any(|reference| {
            let known = |(child, of, to): &(RecordRef, FieldName, RecordRef)| {
                child == record && of == field && to.object == reference.object && to.id == reference.id
            };
            !net.relations.keys().any(known)
        })
}

/// Whether a record has one relation of this sort at a time.
fn is_single(present: &Present<'_>, kind: Kind, edge: &EdgeName) -> bool {
    let edge = present.model(kind).and_then(|model| model.edges.iter().find(|known| known.name == *edge));
    edge.is_some_and(|edge| edge.cardinality == Cardinality::One)
}

/// Whether a relation is there now, with the row that carries it.
enum Shown {
    There(Option<syncline_model::RecordId>),
    Not,
    Unknown,
}

fn target(seen: &Observed, to: &RecordRef) -> Shown {
    match seen {
        Observed::Value(Value::Refs(refs)) => refs
            .iter()
            .find(|reference| reference.object == to.object && reference.id == to.id)
            .map_or(Shown::Not, |reference| Shown::There(reference.row.clone())),
        Observed::Empty => Shown::Not,
        Observed::Value(_) | Observed::Absent | Observed::NotPermitted | Observed::NotFetched => {
            Shown::Unknown
        }
    }
}
