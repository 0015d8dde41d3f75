//! Taking a run back (HUB-6, invariant 15): the inverse of what its rows wrote, as ordinary operations. Pure: what the run
//! wrote and how things stand now come in; operations, what stays and why, and what does not come back as it was go out.
//!
//! Only what still holds what the run wrote is taken back, modulo normalisation: nothing that somebody changed since is
//! touched. Records that the run made are archived, children before parents; consent is never undone.

mod fields;
mod net;
mod records;
mod relations;

use crate::{
    mapping::{Attribute, Binding, Edge, EdgeBinding, KindModel, Mapping},
    plan::{Draft, precondition},
};
use net::Net;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use syncline_model::{
    Action, AttributeName, EntityId, FieldName, Kind, Link, LinkState, Precondition, Reason, RecordRef,
    RecordState, Snapshot, journal::Written, operation::Case,
};

/// A record as it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Its last observation.
    pub snapshot: Option<Snapshot>,
    /// Its links, by facet.
    pub links: Vec<Link>,
}

/// How things stand now.
#[derive(Debug, Clone)]
pub struct Present<'a> {
    /// The mapping in force.
    pub mapping: &'a Mapping,
    /// The records that the run wrote, and those that they refer to, were told to refer to, or referred to before; and what
    /// these were merged into.
    pub records: BTreeMap<RecordRef, Standing>,
    /// Every record that refers to one that the run created, with the field that does.
    pub referrers: BTreeMap<RecordRef, BTreeSet<(RecordRef, FieldName)>>,
    /// What others, or later runs, changed of the records after the run had written them last.
    pub changed: BTreeMap<RecordRef, BTreeSet<FieldName>>,
    /// Relations (whose, of which field, to whom) that an undo ended since, of fields that nobody has moved after that: where
    /// the former one is not back, the undo was cut short.
    pub ended: BTreeSet<(RecordRef, FieldName, RecordRef)>,
}

/// An operation of an undo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// For which entity.
    pub entity: EntityId,
    /// Its kind.
    pub kind: Kind,
    /// What, where, and while what holds.
    pub draft: Draft,
}

impl Step {
    /// The fields of records that it changes.
    fn changed(&self) -> impl Iterator<Item = (RecordRef, FieldName)> {
        let (record, fields) = match &self.draft.action {
            Action::Update { record, fields } => (Some(record), fields.as_slice()),
            Action::Create { .. } | Action::Associate(_) | Action::Dissociate(_) | Action::Archive { .. } => {
                (None, &[][..])
            }
        };
        fields.iter().filter_map(move |change| Some((record?.clone(), change.field.clone())))
    }
}

/// Something that an undo leaves as it is, or cannot bring back as it was.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// Which record.
    pub record: RecordRef,
    /// The attribute or edge; `None`: the record as such.
    pub attribute: Option<AttributeName>,
    /// Why.
    pub why: Why,
}

/// Why something stays, or comes back otherwise than it was.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// It no longer holds what the run wrote.
    ChangedSince,
    /// Consent is never undone.
    Consent,
    /// What it held before is not known: it was not read then.
    FormerUnknown,
    /// What it referred to before is gone.
    FormerGone(RecordRef),
    /// The field is not mapped any more, or may not be written.
    NotWritable,
    /// The record is gone, merged or converted, or is not linked any more.
    RecordGone,
    /// Records that stay refer to the record that the run made.
    OthersHang(RecordRef),
    /// The create found a record that was there already: what it held before is not known.
    WasThere,
    /// A relation that was there before was made the primary one: that can be moved, not ended.
    StaysPrimary,
    /// It was archived because its counterpart was deleted: only a person can restore it.
    ArchivedByRule,
    /// A record made by the run is archived, not erased.
    Archived,
    /// A record that had been archived is made again, under another id.
    MadeAgain,
}

impl Why {
    /// Whether an operation is made all the same.
    pub fn is_residue(&self) -> bool {
        match self {
            Self::Archived | Self::MadeAgain => true,
            Self::ChangedSince
            | Self::Consent
            | Self::FormerUnknown
            | Self::FormerGone(_)
            | Self::NotWritable
            | Self::RecordGone
            | Self::OthersHang(_)
            | Self::WasThere
            | Self::StaysPrimary
            | Self::ArchivedByRule => false,
        }
    }
}

/// A run taken back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inverse {
    /// In the order of applying.
    pub steps: Vec<Step>,
    /// What stays, and what does not come back as it was.
    pub notes: Vec<Note>,
}

/// The inverse of a run's confirmed rows, given oldest first. The same input gives the same inverse, byte for byte.
pub fn inverse(present: &Present<'_>, written: &[Written]) -> Inverse {
    let net = Net::of(present, written);
    let mut inverse = Inverse::default();
    let again = records::made_again(present, &net, &mut inverse);
    fields::former_values(present, &net, &again, &mut inverse);
    let archives = records::archives(present, &net, &again, &mut inverse);
    relations::former_relations(present, &net, &archives, &again, &mut inverse);
    inverse.steps.extend(archives.steps);
    inverse.notes.sort();
    inverse.notes.dedup();
    inverse
}

impl Inverse {
    fn note(&mut self, record: &RecordRef, attribute: Option<&AttributeName>, why: Why) {
        self.notes.push(Note { record: record.clone(), attribute: attribute.cloned(), why });
    }

    fn step(&mut self, entity: EntityId, kind: Kind, draft: Draft) {
        self.steps.push(Step { entity, kind, draft });
    }
}

impl Present<'_> {
    fn model(&self, kind: Kind) -> Option<&KindModel> {
        self.mapping.kinds.get(&kind)
    }

    /// The record, if it is there and in force for this entity.
    fn in_force(&self, record: &RecordRef, kind: Kind, entity: EntityId) -> Option<&Snapshot> {
        let standing = self.records.get(record)?;
        let linked = standing
            .links
            .iter()
            .any(|link| link.facet == kind && link.entity == entity && link.state.is_active());
        standing.snapshot.as_ref().filter(|snapshot| linked && snapshot.is_live())
    }

    fn is_live(&self, record: &RecordRef) -> bool {
        let snapshot = self.records.get(record).and_then(|standing| standing.snapshot.as_ref());
        snapshot.is_some_and(Snapshot::is_live)
    }

    /// The record that came in place of one that an undo had archived, if that was undone by another run.
    fn successor(&self, record: &RecordRef) -> Option<&RecordRef> {
        let mut undone =
            self.records.get(record)?.links.iter().filter(|it| matches!(it.state, LinkState::Undone(_)));
        undone
            .find_map(|link| self.record_of(link.entity, record))
            .filter(|successor| self.is_live(successor))
    }

    /// The record that a relation is to lead to again: itself, or what came in its place; `None`: it is gone.
    fn stands_for(&self, record: &RecordRef) -> Option<&RecordRef> {
        let known = self.records.get_key_value(record).map(|(known, _)| known);
        known.filter(|known| self.is_live(known)).or_else(|| self.successor(record))
    }

    /// What a record was merged into in the end; `None`: it was not merged.
    fn survivor(&self, record: &RecordRef) -> Option<RecordRef> {
        let mut merged = BTreeSet::from([record.clone()]);
        let mut last = None;
        while let Some(next) = merged_into(&self.records, last.as_ref().unwrap_or(record))
            && merged.insert(next.clone())
        {
            last = Some(next);
        }
        last
    }

    /// The condition that a record which is to be related to again is there still.
    fn there(&self, record: &RecordRef) -> Option<Precondition> {
        let snapshot = self.records.get(record)?.snapshot.as_ref()?;
        snapshot.is_live().then(|| precondition(snapshot, Vec::new()))
    }

    fn has_changed(&self, record: &RecordRef, field: &FieldName) -> bool {
        self.changed.get(record).is_some_and(|fields| fields.contains(field))
    }

    /// The record in force of an entity on a connection, among those known.
    fn record_of(&self, entity: EntityId, beside: &RecordRef) -> Option<&RecordRef> {
        let mut found = self.records.iter().filter(|(record, standing)| {
            record.connection == beside.connection
                && standing.links.iter().any(|link| link.entity == entity && link.state.is_active())
        });
        found.next().map(|(record, _)| record)
    }
}

/// What a record was merged into.
pub fn merged_into(records: &BTreeMap<RecordRef, Standing>, record: &RecordRef) -> Option<RecordRef> {
    match &records.get(record)?.snapshot.as_ref()?.state {
        RecordState::MergedInto(id) => Some(RecordRef { id: id.clone(), ..record.clone() }),
        RecordState::Live | RecordState::Deleted | RecordState::Converted { .. } => None,
    }
}

/// What binds a field on a record's side.
enum Bound<'m> {
    Attribute(&'m Attribute, &'m Binding),
    Edge(&'m Edge, &'m EdgeBinding),
}

fn bound<'m>(model: &'m KindModel, record: &RecordRef, field: &FieldName) -> Option<Bound<'m>> {
    let attribute = model.attributes.iter().find_map(|attribute| {
        let binding = attribute.binding(&record.connection, &record.object)?;
        (binding.field == *field).then_some(Bound::Attribute(attribute, binding))
    });
    attribute.or_else(|| {
        model.edges.iter().find_map(|edge| {
            let binding = edge.binding(&record.connection, &record.object)?;
            (binding.field == *field).then_some(Bound::Edge(edge, binding))
        })
    })
}

fn reason() -> Reason {
    Reason { rule: Arc::from("undo"), case: Case::Undone, from: None }
}

fn archive(record: &RecordRef) -> Action {
    Action::Archive { record: record.clone(), reason: reason() }
}
