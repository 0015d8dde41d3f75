//! What a run came to: the first state and the last of everything that it wrote, however many rounds it took.

use super::Present;
use std::collections::BTreeMap;
use syncline_model::{
    Action, After, Association, AttributeName, Endpoint, EntityId, FieldName, Kind, Observed, RecordRef,
    journal::Written,
    operation::{Case, Tied},
};

/// A run's effect.
#[derive(Debug, Default)]
pub(super) struct Net {
    /// Records that it made.
    pub(super) created: BTreeMap<RecordRef, Owner>,
    /// Creates that found a record.
    pub(super) found: Vec<RecordRef>,
    /// Records that it archived, and whether that was an undo.
    pub(super) archived: BTreeMap<RecordRef, (Owner, Case)>,
    /// Fields of other records.
    pub(super) fields: BTreeMap<(Kind, RecordRef), (EntityId, BTreeMap<FieldName, Moved>)>,
    /// Relations, by child, field and target.
    pub(super) relations: BTreeMap<(RecordRef, FieldName, RecordRef), Relation>,
}

/// Whose record it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner {
    pub(super) entity: EntityId,
    pub(super) kind: Kind,
}

/// A field from before the run to after it.
#[derive(Debug)]
pub(super) struct Moved {
    pub(super) attribute: AttributeName,
    pub(super) before: Observed,
    pub(super) after: After,
}

/// A relation that the run made or took away in the end.
#[derive(Debug)]
pub(super) struct Relation {
    pub(super) owner: Owner,
    pub(super) first: Tie,
    pub(super) last: Tie,
    /// As it was named: the first time it was taken away, else the last time it was made.
    pub(super) association: Association,
}

impl Relation {
    /// Whether it was there before the run and not after it.
    pub(super) fn was_taken_away(&self) -> bool {
        self.first == Tie::TakenAway && self.last == Tie::TakenAway
    }
}

/// What a row did to a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tie {
    Made,
    TakenAway,
}

impl Net {
    pub(super) fn of(present: &Present<'_>, written: &[Written]) -> Self {
        let mut net = Self::default();
        for row in written {
            net.add(present, row);
        }
        // What happened to records that the run itself made goes with them.
        let created = &net.created;
        net.fields.retain(|(_, record), _| !created.contains_key(record));
        net
    }

    /// What the run did to a record's relations of one sort.
    pub(super) fn relations_of(
        &self,
        from: &RecordRef,
        field: &FieldName,
    ) -> impl Iterator<Item = (&RecordRef, &Relation)> {
        let first = (from.clone(), field.clone(), RecordRef::new("", "", ""));
        let own = self.relations.range(first..).take_while(move |((it, of, _), _)| it == from && of == field);
        own.map(|((_, _, to), relation)| (to, relation))
    }

    fn add(&mut self, present: &Present<'_>, row: &Written) {
        let operation = &row.operation;
        let owner = Owner { entity: operation.entity, kind: operation.kind };
        match &operation.action {
            Action::Create { .. } if row.created => {
                self.created.insert(row.record.clone(), owner);
            }
            Action::Create { .. } => self.found.push(row.record.clone()),
            Action::Update { record, fields } => {
                let (_, moved) = self
                    .fields
                    .entry((operation.kind, record.clone()))
                    .or_insert_with(|| (operation.entity, BTreeMap::new()));
                for change in fields {
                    moved
                        .entry(change.field.clone())
                        .and_modify(|known| known.after = change.after.clone())
                        .or_insert_with(|| Moved {
                            attribute: change.attribute.clone(),
                            before: change.before.clone(),
                            after: change.after.clone(),
                        });
                }
            }
            Action::Archive { record, reason } => {
                if self.created.remove(record).is_none() {
                    self.archived.insert(record.clone(), (owner, reason.case));
                }
            }
            Action::Associate(association) => self.relate(present, row, owner, association, Tie::Made),
            Action::Dissociate(association) => self.relate(present, row, owner, association, Tie::TakenAway),
        }
    }

    fn relate(
        &mut self,
        present: &Present<'_>,
        row: &Written,
        owner: Owner,
        association: &Association,
        tie: Tie,
    ) {
        let from = row.asked();
        let to = match &association.to {
            Endpoint::Record(to) => Some(to.clone()),
            Endpoint::Entity(entity) => {
                let made = self
                    .created
                    .iter()
                    .find(|(record, made)| made.entity == *entity && record.connection == from.connection);
                made.map(|(record, _)| record.clone()).or_else(|| present.record_of(*entity, from).cloned())
            }
        };
        let Some(to) = to else { return };
        let named = Association {
            from: Endpoint::Record(from.clone()),
            to: Endpoint::Record(to.clone()),
            ..association.clone()
        };
        // Whoever it took the mark from was the primary one before.
        if let (Tie::Made, Some(displaced)) = (tie, &association.displaces) {
            let before = Association {
                to: Endpoint::Record(displaced.clone()),
                role: None,
                primary: true,
                before: Tied::Not,
                displaces: None,
                ..named.clone()
            };
            let demoted =
                Relation { owner, first: Tie::TakenAway, last: Tie::TakenAway, association: before };
            self.relations
                .entry((from.clone(), association.field.clone(), displaced.clone()))
                .and_modify(|known| known.last = Tie::TakenAway)
                .or_insert(demoted);
        }
        self.relations
            .entry((from.clone(), association.field.clone(), to))
            .and_modify(|known| known.last = tie)
            .or_insert(Relation { owner, first: tie, last: tie, association: named });
    }
}
