//! What a plan comes to in calls.

use crate::{ctx::Ctx, error::Error};
use std::collections::BTreeMap;
use syncline_kit::vendor::{EdgeWrite, Write, WriteRow};
use syncline_model::{Action, After, ConnectionName, Endpoint, Operation, RecordRef, Ref, Value};

/// Rows packed at a time to say what a plan costs: more than any vendor's largest call.
const PACK: usize = 2_000;

/// What operations cost, by packing them as they will be packed.
#[derive(Default)]
pub(super) struct Cost {
    fields: BTreeMap<ConnectionName, Vec<WriteRow>>,
    relations: BTreeMap<ConnectionName, Vec<WriteRow>>,
    pub(super) calls: BTreeMap<ConnectionName, u64>,
}

impl Cost {
    pub(super) fn add(&mut self, ctx: &Ctx, operation: &Operation) -> Result<(), Error> {
        let Some(row) = pretend(ctx, operation) else { return Ok(()) };
        let rows = match operation.action {
            Action::Create { .. } | Action::Update { .. } | Action::Archive { .. } => &mut self.fields,
            Action::Associate(_) | Action::Dissociate(_) => &mut self.relations,
        };
        let rows = rows.entry(operation.connection.clone()).or_default();
        rows.push(row);
        if rows.len() >= PACK * 2 && !matches!(operation.action, Action::Associate(_) | Action::Dissociate(_))
        {
            let rows = std::mem::take(rows);
            self.count(ctx, &operation.connection, rows)?;
        }
        Ok(())
    }

    pub(super) fn pack(&mut self, ctx: &Ctx) -> Result<(), Error> {
        for rows in [std::mem::take(&mut self.fields), std::mem::take(&mut self.relations)] {
            for (connection, rows) in rows {
                self.count(ctx, &connection, rows)?;
            }
        }
        Ok(())
    }

    fn count(&mut self, ctx: &Ctx, connection: &ConnectionName, rows: Vec<WriteRow>) -> Result<(), Error> {
        if rows.is_empty() {
            return Ok(());
        }
        let calls = ctx.connection(connection)?.vendor.pack(rows).len() as u64;
        *self.calls.entry(connection.clone()).or_default() += calls;
        Ok(())
    }
}

/// A row of the same shape as the one that will be sent; references that are not known yet get a stand-in.
fn pretend(ctx: &Ctx, operation: &Operation) -> Option<WriteRow> {
    let stand_in = || Ref::to("?", operation.entity.to_string());
    let fields = || {
        operation
            .action
            .fields()
            .iter()
            .map(|change| {
                let value = match &change.after {
                    After::Value(value) => Some(value.clone()),
                    After::Clear => None,
                    After::Reference(_) => Some(Value::Refs(vec![stand_in()])),
                };
                (change.field.clone(), value)
            })
            .collect()
    };
    let end = |end: &Endpoint, object: &str| match end {
        Endpoint::Record(record) => record.clone(),
        Endpoint::Entity(entity) => RecordRef::new(operation.connection.clone(), object, entity.to_string()),
    };
    let write = match &operation.action {
        Action::Create { object, .. } => Write::Create {
            object: object.clone(),
            key_field: ctx.mapping().connections.get(&operation.connection)?.key_fields.get(object).cloned(),
            fields: fields(),
        },
        Action::Update { record, .. } => {
            Write::Update { record: record.clone(), version: None, fields: fields() }
        }
        Action::Archive { record, .. } => Write::Archive { record: record.clone() },
        Action::Associate(association) | Action::Dissociate(association) => {
            let objects = |kind| {
                let model = ctx.mapping().kinds.get(&kind)?;
                model.objects.get(&operation.connection)?.first().map(ToString::to_string)
            };
            let model = ctx.mapping().kinds.get(&operation.kind)?;
            let to = model.edges.iter().find(|edge| edge.name == association.edge)?.to;
            let edge = EdgeWrite {
                field: association.field.clone(),
                from: end(&association.from, &objects(operation.kind)?),
                to: end(&association.to, &objects(to)?),
                role: association.role.clone(),
                primary: association.primary,
                row: association.row.clone(),
            };
            match operation.action {
                Action::Dissociate(_) => Write::Dissociate(edge),
                Action::Associate(_)
                | Action::Create { .. }
                | Action::Update { .. }
                | Action::Archive { .. } => Write::Associate(edge),
            }
        }
    };
    Some(WriteRow { operation: operation.id, entity: operation.entity, write })
}
