//! Relations that the run made are taken away, and those that it took away are made again, where nobody touched them since.

use super::{
    Inverse, Present, Why,
    net::{Net, Relation, Tie},
    reason,
    records::Archives,
};
use crate::plan::{Draft, precondition};
use syncline_model::{
    Action, Association, AttributeName, FieldName, Observed, RecordRef, Value, operation::Tied,
};

pub(super) fn former_relations(present: &Present<'_>, net: &Net, archives: &Archives, inverse: &mut Inverse) {
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
            let row = match target(snapshot.field(field.as_str()), to) {
                Shown::Unknown => {
                    inverse.note(from, Some(&name), Why::FormerUnknown);
                    continue;
                }
                Shown::There(row) if *last == Tie::Made => row,
                Shown::Not if *last == Tie::TakenAway => None,
                Shown::There(_) | Shown::Not => {
                    inverse.note(from, Some(&name), Why::ChangedSince);
                    continue;
                }
            };
            if *last == Tie::TakenAway && present.records.contains_key(to) && !present.is_live(to) {
                inverse.note(from, Some(&name), Why::FormerGone(to.clone()));
                continue;
            }
            let association = Association { row, reason: reason(), ..association.clone() };
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
