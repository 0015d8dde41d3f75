//! Records: those that the run made are archived, children before parents, unless something hangs on them that stays;
//! those that an undo archived are made again.

use super::{
    Bound, Inverse, Present, Step, Why, archive, bound, fields,
    net::{Net, Owner, Tie},
    reason,
    relations::{is_gone, lost},
};
use crate::{
    mapping::{Carrier, FieldState, KindModel, Pick},
    plan::{Draft, precondition, side_fields},
};
use std::collections::{BTreeMap, BTreeSet};
use syncline_model::{
    Action, After, Association, AttributeName, Endpoint, EntityId, FieldChange, FieldName, Kind, LinkState,
    Observed, RecordRef, Value,
    operation::{Case, Tied},
};

/// What is archived, in order.
#[derive(Debug, Default)]
pub(super) struct Archives {
    pub(super) records: BTreeSet<RecordRef>,
    pub(super) steps: Vec<Step>,
}

pub(super) fn archives(
    present: &Present<'_>,
    net: &Net,
    again: &BTreeMap<RecordRef, EntityId>,
    inverse: &mut Inverse,
) -> Archives {
    for record in &net.found {
        inverse.note(record, None, Why::WasThere);
    }
    let mut going: BTreeMap<&RecordRef, Owner> = BTreeMap::new();
    for (record, owner) in &net.created {
        if present.in_force(record, owner.kind, owner.entity).is_none() {
            inverse.note(record, None, Why::RecordGone);
        } else if present.changed.get(record).is_some_and(|fields| !fields.is_empty()) {
            inverse.note(record, None, Why::ChangedSince);
        } else {
            going.insert(record, *owner);
        }
    }
    let freed: BTreeSet<(RecordRef, FieldName)> = inverse.steps.iter().flat_map(Step::changed).collect();
    let lets_go = |child: &RecordRef, field: &FieldName, parent: &RecordRef| {
        // What the run made, and stays, is left as it is.
        let made = net.created.contains_key(child);
        let tied = net.relations.get(&(child.clone(), field.clone(), parent.clone()));
        let untied = tied.is_some_and(|tied| {
            let made = tied.first == Tie::Made && tied.last == Tie::Made;
            made && lost(present, net, again, (child, field), tied).is_none()
        });
        !made && (untied || freed.contains(&(child.clone(), field.clone())))
    };
    // A child that stays keeps its parent, unless the undo itself takes away what ties it: until nothing more has to stay.
    loop {
        let kept = going.keys().find_map(|record| {
            let hangs = present.referrers.get(*record)?.iter().find(|(child, field)| {
                !going.contains_key(child) && present.is_live(child) && !lets_go(child, field, record)
            });
            hangs.map(|(child, _)| ((*record).clone(), child.clone()))
        });
        let Some((record, child)) = kept else { break };
        inverse.note(&record, None, Why::OthersHang(child));
        going.remove(&record);
    }
    let mut archives = Archives::default();
    for record in children_first(present, &going) {
        let owner = going[record];
        let Some(snapshot) = present.in_force(record, owner.kind, owner.entity) else { continue };
        let fields: Vec<FieldName> = side_fields(present.mapping, owner.kind, record).into_keys().collect();
        let draft = Draft {
            connection: record.connection.clone(),
            action: archive(record),
            preconditions: vec![precondition(snapshot, fields)],
        };
        inverse.note(record, None, Why::Archived);
        archives.records.insert(record.clone());
        archives.steps.push(Step { entity: owner.entity, kind: owner.kind, draft });
    }
    archives
}

/// Kinds downwards from deals, and within a kind whoever refers before what is referred to.
fn children_first<'r>(present: &Present<'_>, going: &BTreeMap<&'r RecordRef, Owner>) -> Vec<&'r RecordRef> {
    let parents = |record: &RecordRef| -> Vec<&'r RecordRef> {
        let refers = |parent: &&RecordRef| {
            let referrers = present.referrers.get(*parent);
            referrers.is_some_and(|all| all.iter().any(|(child, _)| child == record)) && *parent != record
        };
        going.keys().copied().filter(refers).collect()
    };
    let mut order: Vec<&RecordRef> = Vec::new();
    for kind in Kind::ALL.into_iter().rev() {
        let mut left: Vec<&RecordRef> =
            going.iter().filter(|(_, owner)| owner.kind == kind).map(|(record, _)| *record).collect();
        while !left.is_empty() {
            // Records that nothing left refers to; a circle is broken anywhere.
            let referred: BTreeSet<&RecordRef> = left.iter().flat_map(|record| parents(record)).collect();
            let (mut free, held): (Vec<_>, Vec<_>) =
                left.iter().partition(|record| !referred.contains(**record));
            left = held;
            if free.is_empty() {
                free.push(left.remove(0));
            }
            order.extend(free);
        }
    }
    order
}

/// What an undo archived comes back as a new record: neither vendor can restore by an API that we use. Returns whose
/// record each of these was: what referred to it refers to the new one.
pub(super) fn made_again(
    present: &Present<'_>,
    net: &Net,
    inverse: &mut Inverse,
) -> BTreeMap<RecordRef, EntityId> {
    let mut again: Vec<(&RecordRef, Owner)> = Vec::new();
    for (record, (owner, case)) in &net.archived {
        let standing = present.records.get(record);
        let undone = standing.is_some_and(|standing| {
            standing.links.iter().any(|link| {
                link.facet == owner.kind
                    && link.entity == owner.entity
                    && matches!(link.state, LinkState::Undone(_))
            })
        });
        if *case != Case::Undone {
            inverse.note(record, None, Why::ArchivedByRule);
        } else if !undone || present.record_of(owner.entity, record).is_some() {
            inverse.note(record, None, Why::RecordGone);
        } else {
            again.push((record, *owner));
        }
    }
    again.sort_by_key(|(record, owner)| (owner.kind, *record));
    again.retain(|(_, owner)| present.model(owner.kind).is_some());
    let entities = again.iter().map(|(record, owner)| ((*record).clone(), owner.entity)).collect();
    for (record, owner) in again {
        if let Some(model) = present.model(owner.kind) {
            make_again(present, model, record, owner, &entities, inverse);
        }
    }
    entities
}

fn make_again(
    present: &Present<'_>,
    model: &KindModel,
    record: &RecordRef,
    owner: Owner,
    again: &BTreeMap<RecordRef, EntityId>,
    inverse: &mut Inverse,
) {
    let Some(snapshot) = present.records.get(record).and_then(|standing| standing.snapshot.as_ref()) else {
        return;
    };
    let mut changes = Vec::new();
    let mut relations = Vec::new();
    for (field, value) in &snapshot.fields {
        let Observed::Value(value) = value else { continue };
        match (bound(model, record, field), value) {
            (Some(Bound::Attribute(attribute, binding)), value) => {
                let state = &binding.field_state;
                let writes = binding.direction.writes() && createable(state);
                if let Value::Option(option) = value
                    && writes
                    && !fields::is_offered(Some(state), option)
                {
                    inverse.note(record, Some(&attribute.name), Why::NotWritable);
                } else if writes {
                    changes.push(new_field(field, &attribute.name, After::Value(value.clone())));
                }
            }
            (Some(Bound::Edge(edge, binding)), Value::Refs(refs)) => {
                if !binding.direction.writes() {
                    continue;
                }
                let name = AttributeName::new(edge.name.as_str());
                for target in refs {
                    let former = fields::target(record, target);
                    if is_gone(present, again, &former) {
                        inverse.note(record, Some(&name), Why::FormerGone(former));
                        continue;
                    }
                    let Some(to) = entity_of(present, &former, edge.to) else { continue };
                    if binding.carrier == Carrier::Field {
                        if createable(&binding.field_state) {
                            changes.push(new_field(field, &name, After::Reference(to)));
                        }
                        continue;
                    }
                    relations.push(Action::Associate(Association {
                        edge: edge.name.clone(),
                        field: field.clone(),
                        from: Endpoint::Entity(owner.entity),
                        to: Endpoint::Entity(to),
                        role: target.role.clone(),
                        primary: target.primary || (binding.pick == Pick::Primary && refs.len() == 1),
                        row: None,
                        before: Tied::Not,
                        displaces: None,
                        reason: reason(),
                    }));
                }
            }
            (Some(Bound::Edge(..)), _) => {}
            // What is written together with another field (a pipeline with its stage).
            (None, value) => {
                let companion = model.attributes.iter().find(|attribute| {
                    let binding = attribute.binding(&record.connection, &record.object);
                    let companion = binding.and_then(|binding| binding.companion.as_ref());
                    companion.is_some_and(|companion| companion.field == *field)
                });
                if let Some(attribute) = companion {
                    changes.push(new_field(field, &attribute.name, After::Value(value.clone())));
                }
            }
        }
    }
    inverse.note(record, None, Why::MadeAgain);
    let gone = precondition(snapshot, Vec::new());
    let connection = &record.connection;
    let create = Action::Create { object: record.object.clone(), fields: changes };
    for action in std::iter::once(create).chain(relations) {
        let preconditions = vec![gone.clone()];
        let draft = Draft { connection: connection.clone(), action, preconditions };
        inverse.step(owner.entity, owner.kind, draft);
    }
}

fn new_field(field: &FieldName, attribute: &AttributeName, after: After) -> FieldChange {
    FieldChange {
        field: field.clone(),
        attribute: attribute.clone(),
        before: Observed::Absent,
        after,
        reason: reason(),
    }
}

fn createable(state: &FieldState) -> bool {
    matches!(state, FieldState::Present { createable: true, .. })
}

fn entity_of(present: &Present<'_>, record: &RecordRef, kind: Kind) -> Option<EntityId> {
    let links = &present.records.get(record)?.links;
    links.iter().find(|link| link.facet == kind).map(|link| link.entity)
}
