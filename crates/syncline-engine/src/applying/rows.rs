//! Operations as rows: every reference resolved to a record that is there.

use super::Applier;
use crate::{error::Error, hoods::in_force};
use std::collections::{BTreeMap, BTreeSet};
use syncline_core::mapping::KindModel;
use syncline_kit::vendor::{EdgeWrite, Write, WriteRow};
use syncline_model::{
    Action, After, Association, AttributeName, ConnectionName, Endpoint, EntityId, FieldChange, FieldName,
    ObjectName, Operation, RecordRef, Ref, Value,
    defect::{Defect, planted},
};

impl Applier<'_> {
    /// Rows of one connection's operations, in order. An operation whose parent did not come into being is left out: its
    /// entity stays work and waits at the next planning.
    pub(super) async fn rows(&self, operations: &[Operation]) -> Result<Vec<WriteRow>, Error> {
        let known = self.look_up(operations).await?;
        Ok(operations
            .iter()
            .filter_map(|operation| {
                let write = self.write(operation, &known)?;
                Some(WriteRow { operation: operation.id, entity: operation.entity, write })
            })
            .collect())
    }

    async fn look_up(
        &self,
        operations: &[Operation],
    ) -> Result<BTreeMap<EntityId, BTreeMap<ConnectionName, RecordRef>>, Error> {
        let mut wanted: BTreeSet<EntityId> = BTreeSet::new();
        for operation in operations {
            match &operation.action {
                Action::Create { fields, .. } | Action::Update { fields, .. } => {
                    wanted.extend(fields.iter().filter_map(|change| match change.after {
                        After::Reference(entity) => Some(entity),
                        After::Value(_) | After::Clear => None,
                    }));
                }
                Action::Associate(association) | Action::Dissociate(association) => {
                    for end in [&association.from, &association.to] {
                        if let Endpoint::Entity(entity) = end {
                            wanted.insert(*entity);
                        }
                    }
                }
                Action::Archive { .. } => {}
            }
        }
        let wanted: Vec<EntityId> = wanted.into_iter().collect();
        let mut known = BTreeMap::new();
        for chunk in wanted.chunks(1_000) {
            for entity in self.ctx.store.entities(chunk).await? {
                known.insert(entity.entity, in_force(&entity.links, &entity.snapshots));
            }
        }
        Ok(known)
    }

    fn write(
        &self,
        operation: &Operation,
        known: &BTreeMap<EntityId, BTreeMap<ConnectionName, RecordRef>>,
    ) -> Option<Write> {
        let on = |entity: &EntityId| {
            self.created
                .get(&(*entity, operation.connection.clone()))
                .or_else(|| known.get(entity).and_then(|records| records.get(&operation.connection)))
                .cloned()
        };
        let values = |fields: &[FieldChange]| -> Option<Vec<(FieldName, Option<Value>)>> {
            fields.iter().map(|change| Some((change.field.clone(), spelled(&change.after, on)?))).collect()
        };
        Some(match &operation.action {
            Action::Create { object, fields } => Write::Create {
                object: object.clone(),
                key_field: self.key_field(&operation.connection, object),
                fields: values(fields)?,
            },
            Action::Update { record, fields } => Write::Update {
                record: record.clone(),
                version: operation
                    .preconditions
                    .iter()
                    .find(|precondition| precondition.record == *record)
                    .and_then(|precondition| precondition.version.clone()),
                fields: values(fields)?,
            },
            Action::Archive { record, .. } => Write::Archive { record: record.clone() },
            Action::Associate(association) => Write::Associate(edge_write(association, on)?),
            Action::Dissociate(association) => Write::Dissociate(edge_write(association, on)?),
        })
    }

    /// The field that a new record's key is planted in.
    pub(super) fn key_field(&self, connection: &ConnectionName, object: &ObjectName) -> Option<FieldName> {
        if planted(Defect::BlindRetry) || planted(Defect::SecondCopy) || planted(Defect::SecondContact) {
            return None;
        }
        self.ctx.mapping().connections.get(connection)?.key_fields.get(object).cloned()
    }
}

/// The value to send: `Some(None)` clears; `None`: the referenced record is not there.
fn spelled(after: &After, on: impl Fn(&EntityId) -> Option<RecordRef>) -> Option<Option<Value>> {
    match after {
        After::Value(value) => Some(Some(value.clone())),
        After::Clear => Some(None),
        After::Reference(entity) => {
            on(entity).map(|record| Some(Value::Refs(vec![Ref::to(record.object, record.id)])))
        }
    }
}

fn edge_write(association: &Association, on: impl Fn(&EntityId) -> Option<RecordRef>) -> Option<EdgeWrite> {
    let end = |end: &Endpoint| match end {
        Endpoint::Record(record) => Some(record.clone()),
        Endpoint::Entity(entity) => on(entity),
    };
    Some(EdgeWrite {
        field: association.field.clone(),
        from: end(&association.from)?,
        to: end(&association.to)?,
        role: association.role.clone(),
        primary: association.primary,
        row: association.row.clone(),
    })
}

/// Fields of a side that the configuration binds, of a kind: what a new record is known to hold nothing in.
pub(super) fn bound_fields(model: &KindModel, record: &RecordRef) -> Vec<(FieldName, AttributeName)> {
    let attributes = model.attributes.iter().filter_map(|attribute| {
        let binding = attribute.binding(&record.connection, &record.object)?;
        Some((binding.field.clone(), attribute.name.clone()))
    });
    let edges = model.edges.iter().filter_map(|edge| {
        let binding = edge.binding(&record.connection, &record.object)?;
        Some((binding.field.clone(), AttributeName::new(edge.name.as_str())))
    });
    attributes.chain(edges).collect()
}
