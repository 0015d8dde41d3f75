//! Relations that the run made are taken away, and those that it took away are made again, where nobody touched them since.

use super::{
    Inverse, Present, Why,
    net::{Net, Relation, Tie},
    reason,
    records::Archives,
};
use crate::{
    mapping::{Cardinality, Pick},
    plan::{Draft, picked, precondition},
};
use std::collections::{BTreeMap, BTreeSet};
use syncline_model::{
    Action, Association, AttributeName, EdgeName, Endpoint, EntityId, FieldName, Kind, Observed, RecordRef,
    Ref, Snapshot, Value, operation::Tied,
};

pub(super) fn former_relations(
    present: &Present<'_>,
    net: &Net,
    archives: &Archives,
    again: &BTreeMap<RecordRef, EntityId>,
    inverse: &mut Inverse,
) {
    let mut ended = BTreeSet::new();
    for wanted in [Turn::Beside, Turn::Goes, Turn::Comes] {
        for ((from, field, to), relation) in &net.relations {
            let Relation { owner, first, last, association } = relation;
            // What leads from an archived record goes with it. What leads to one is taken away first: else its going would
            // look like a change of the record that it leads from, and travel.
            if first != last || turn(present, from, relation) != wanted || archives.records.contains(from) {
                continue;
            }
            // A record that the run made and that stays is left as it is.
            if net.created.contains_key(from) {
                continue;
            }
            let name = AttributeName::new(association.edge.as_str());
            // It was there before, beside another: whoever is the primary one again takes that from it.
            if *last == Tie::Made && association.before == Tied::Beside {
                let mut others = net.relations_of(from, field);
                if !others.any(|(_, other)| other.was_taken_away() && other.association.primary) {
                    inverse.note(from, Some(&name), Why::StaysPrimary);
                }
                continue;
            }
            let Some(snapshot) = present.in_force(from, owner.kind, owner.entity) else {
                inverse.note(from, Some(&name), Why::RecordGone);
                continue;
            };
            if was_moved(present, net, snapshot, field, relation) {
                inverse.note(from, Some(&name), Why::ChangedSince);
                continue;
            }
            if *last == Tie::Made
                && let Some(former) = lost(present, net, again, (from, field), relation)
            {
                inverse.note(from, Some(&name), Why::FormerGone(former.clone()));
                continue;
            }
            let action = match (last, target(snapshot.field(field.as_str()), to)) {
                (_, Shown::Unknown) => {
                    inverse.note(from, Some(&name), Why::FormerUnknown);
                    continue;
                }
                (Tie::Made, Shown::There(shown)) => {
                    ended.insert((from, field, to));
                    Action::Dissociate(ending(present, snapshot, field, relation, shown))
                }
                // It is as it was before the run: an undo that was cut short is finished by another.
                (Tie::Made, Shown::Not) => {
                    if goes_on(present, net, snapshot, field, to) {
                        inverse.note(from, Some(&name), Why::ChangedSince);
                    }
                    continue;
                }
                (Tie::TakenAway, Shown::There(shown)) if shown.primary || !association.primary => continue,
                (Tie::TakenAway, Shown::There(_) | Shown::Not) if is_gone(present, again, to) => {
                    inverse.note(from, Some(&name), Why::FormerGone(to.clone()));
                    continue;
                }
                (Tie::TakenAway, shown @ (Shown::There(_) | Shown::Not)) => {
                    let primary = primary(snapshot, field).filter(|primary| {
                        association.primary && primary != to && !ended.contains(&(from, field, primary))
                    });
                    // What comes back under another id, or came back so, is referred to by that.
                    let end = match again.get(to) {
                        Some(entity) => Endpoint::Entity(*entity),
                        None => Endpoint::Record(present.stands_for(to).unwrap_or(to).clone()),
                    };
                    Action::Associate(Association {
                        to: end,
                        row: None,
                        before: if matches!(shown, Shown::There(_)) { Tied::Beside } else { Tied::Not },
                        displaces: primary,
                        reason: reason(),
                        ..association.clone()
                    })
                }
            };
            // One does not end where the former one, which is to begin, has gone meanwhile.
            let mut comes: BTreeSet<&RecordRef> = formers(present, net, (from, field), relation).collect();
            if *last == Tie::TakenAway {
                comes.insert(to);
            }
            let mut preconditions = vec![precondition(snapshot, vec![field.clone()])];
            preconditions.extend(comes.into_iter().filter_map(|to| present.there(present.stands_for(to)?)));
            let draft = Draft { connection: from.connection.clone(), action, preconditions };
            inverse.step(owner.entity, owner.kind, draft);
        }
    }
}

/// When a relation's turn is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// It comes back beside the primary one before that goes: as the only one it would be made the primary one [HubSpot].
    Beside,
    /// As when planned: first the one goes,
    Goes,
    /// then the other comes.
    Comes,
}

fn turn(present: &Present<'_>, from: &RecordRef, relation: &Relation) -> Turn {
    let beside = || !relation.association.primary && pick(present, relation, from) == Some(Pick::Primary);
    match relation.last {
        Tie::Made => Turn::Goes,
        Tie::TakenAway if beside() => Turn::Beside,
        Tie::TakenAway => Turn::Comes,
    }
}

/// The end of a relation that is there, named as it is shown: taking this back makes it again as it is.
fn ending(
    present: &Present<'_>,
    snapshot: &Snapshot,
    field: &FieldName,
    relation: &Relation,
    shown: &Ref,
) -> Association {
    let counts = pick(present, relation, &snapshot.record).is_none_or(|pick| {
        picked(refs(snapshot.field(field.as_str())), pick).any(|counted| counted == shown)
    });
    Association {
        role: shown.role.clone(),
        primary: shown.primary,
        row: shown.row.clone(),
        before: if counts { Tied::Not } else { Tied::Beside },
        displaces: None,
        reason: reason(),
        ..relation.association.clone()
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
    formers(present, net, (from, field), relation).find(|to| is_gone(present, again, to))
}

/// Where there is one relation at a time: whom the ones led to that the run took away.
fn formers<'n>(
    present: &Present<'_>,
    net: &'n Net,
    (from, field): (&RecordRef, &FieldName),
    relation: &Relation,
) -> impl Iterator<Item = &'n RecordRef> {
    let single = is_single(present, relation.owner.kind, &relation.association.edge);
    let former = net.relations_of(from, field).filter(move |(_, former)| {
        single && former.was_taken_away() && former.association.before == Tied::Not
    });
    former.map(|(to, _)| to)
}

pub(super) fn is_gone(present: &Present<'_>, again: &BTreeMap<RecordRef, EntityId>, to: &RecordRef) -> bool {
    present.records.contains_key(to) && !again.contains_key(to) && present.stands_for(to).is_none()
}

/// Whether a relation that the run made goes on under another id: whom it led to was merged since, and the vendor had the
/// survivor take its place. That may have been there of itself, so it stays; unless it is whom the run had taken away.
fn goes_on(present: &Present<'_>, net: &Net, snapshot: &Snapshot, field: &FieldName, to: &RecordRef) -> bool {
    let Some(survivor) = present.survivor(to) else { return false };
    let mut formers = net.relations_of(&snapshot.record, field).filter(|(_, it)| it.was_taken_away());
    formers.all(|(former, _)| *former != survivor)
        && matches!(target(snapshot.field(field.as_str()), &survivor), Shown::There(_))
}

/// Whether a record has one relation of this sort at a time, and somebody has moved it since: it leads where the run neither
/// found it nor left it, or nowhere although the run left it somewhere.
fn was_moved(
    present: &Present<'_>,
    net: &Net,
    snapshot: &Snapshot,
    field: &FieldName,
    relation: &Relation,
) -> bool {
    let (record, seen) = (&snapshot.record, snapshot.field(field.as_str()));
    let Some(pick) = pick(present, relation, record) else { return false };
    if !is_single(present, relation.owner.kind, &relation.association.edge) || !seen.is_known() {
        return false;
    }
    let mut left = net.relations_of(record, field).filter(|(_, it)| it.last == Tie::Made).peekable();
    let leads_on = left.peek().is_some();
    // It was an undo of this run, and that was cut short: what counts meanwhile is nobody's word.
    let ours = |to: &RecordRef| present.ended.contains(&(record.clone(), field.clone(), to.clone()));
    if left.any(|(to, _)| ours(to)) {
        return false;
    }
    let mut counted = picked(refs(seen), pick).peekable();
    if counted.peek().is_none() {
        // What the run made and is not there any more needs no taking back.
        return leads_on && relation.was_taken_away();
    }
    // What was taken away beside the one that counts comes back beside whichever counts now.
    let further = relation.was_taken_away() && relation.association.before == Tied::Beside;
    let known = |reference: &Ref| {
        net.relations_of(record, field).any(|(to, _)| to.object == reference.object && to.id == reference.id)
    };
    !further && counted.any(|reference| !known(reference))
}

/// Whether a record has one relation of this sort at a time.
fn is_single(present: &Present<'_>, kind: Kind, edge: &EdgeName) -> bool {
    let edge = present.model(kind).and_then(|model| model.edges.iter().find(|known| known.name == *edge));
    edge.is_some_and(|edge| edge.cardinality == Cardinality::One)
}

/// Which of a record's relations of this sort count.
fn pick(present: &Present<'_>, relation: &Relation, record: &RecordRef) -> Option<Pick> {
    let model = present.model(relation.owner.kind)?;
    let edge = model.edges.iter().find(|known| known.name == relation.association.edge)?;
    Some(edge.binding(&record.connection, &record.object)?.pick)
}

/// The relation that is marked as the primary one.
fn primary(snapshot: &Snapshot, field: &FieldName) -> Option<RecordRef> {
    let marked = refs(snapshot.field(field.as_str())).iter().find(|reference| reference.primary)?;
    let connection = snapshot.record.connection.clone();
    Some(RecordRef { connection, object: marked.object.clone(), id: marked.id.clone() })
}

fn refs(seen: &Observed) -> &[Ref] {
    if let Observed::Value(Value::Refs(refs)) = seen { refs } else { &[] }
}

/// Whether a relation is there now, and as what.
#[derive(Clone, Copy)]
enum Shown<'s> {
    There(&'s Ref),
    Not,
    Unknown,
}

fn target<'s>(seen: &'s Observed, to: &RecordRef) -> Shown<'s> {
    match seen {
        Observed::Value(Value::Refs(refs)) => refs
            .iter()
            .find(|reference| reference.object == to.object && reference.id == to.id)
            .map_or(Shown::Not, Shown::There),
        Observed::Empty => Shown::Not,
        Observed::Value(_) | Observed::Absent | Observed::NotPermitted | Observed::NotFetched => {
            Shown::Unknown
        }
    }
}
