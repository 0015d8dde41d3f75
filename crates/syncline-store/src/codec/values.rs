//! The values of journal rows: what was written, what changed. The record stands in the row's key and is not repeated.

use super::{
    kind_code, kind_of,
    value::{read_flag, read_observed, write_observed},
    wire::{Reader, Writer},
};
use crate::StoreError;
use std::sync::Arc;
use syncline_model::{
    Action, After, Association, BundleId, Case, Endpoint, EntityId, FieldChange, Observed, Operation,
    OperationId, Reason, RecordRef, Tied, Value,
    journal::{Moved, RowValues, Written},
};
use uuid::Uuid;

const FORMAT: u8 = 1;

const WRITTEN: u8 = 1;
const CHANGED: u8 = 2;

const CREATED: u8 = 1;
const BUNDLE: u8 = 2;

const PRIMARY: u8 = 1;
const BESIDE: u8 = 2;
const DISPLACES: u8 = 4;

/// Cases by their number; the list only ever grows at its end.
const CASES: [Case; 11] = [
    Case::NewRecord,
    Case::OneChanged,
    Case::Newest,
    Case::Tie,
    Case::FillBlank,
    Case::WrittenBack,
    Case::Union,
    Case::MostRestrictive,
    Case::Declared,
    Case::Person,
    Case::Undone,
];

/// The values of a row about `record`.
pub(crate) fn encode_values(record: &RecordRef, values: &RowValues) -> Vec<u8> {
    let mut to = Writer::new(FORMAT);
    match values {
        RowValues::Written(written) => {
            to.byte(WRITTEN);
            write_written(&mut to, record, written);
        }
        RowValues::Changed(fields) => {
            to.byte(CHANGED);
            to.uint(fields.len() as u128);
            for moved in fields {
                to.text(moved.field.as_str());
                write_observed(&mut to, &moved.before);
                write_observed(&mut to, &moved.after);
            }
        }
    }
    to.finish()
}

/// Whether a stored row tells what was observed, not what was written.
pub(crate) fn is_observed(bytes: &[u8]) -> bool {
    bytes.get(1) == Some(&CHANGED)
}

/// The values of a stored row about `record`.
pub(crate) fn decode_values(record: &RecordRef, bytes: &[u8]) -> Result<RowValues, StoreError> {
    let mut from = Reader::new(bytes, "journal value");
    from.format(FORMAT)?;
    let values = match from.byte()? {
        WRITTEN => RowValues::Written(Box::new(read_written(&mut from, record)?)),
        CHANGED => {
            let fields = (0..from.count()?).map(|_| {
                Ok(Moved {
                    field: from.text()?.into(),
                    before: read_observed(&mut from)?,
                    after: read_observed(&mut from)?,
                })
            });
            RowValues::Changed(fields.collect::<Result<_, StoreError>>()?)
        }
        tag => return Err(from.broken(&format!("no values have the tag {tag}"))),
    };
    from.end()?;
    Ok(values)
}

fn write_written(to: &mut Writer, record: &RecordRef, written: &Written) {
    let Written { operation, created, .. } = written;
    to.byte(if *created { CREATED } else { 0 } | if operation.bundle.is_some() { BUNDLE } else { 0 });
    if let Some(bundle) = operation.bundle {
        to.uint(u128::from(bundle.0));
    }
    to.uint(u128::from(operation.id.0));
    to.raw(operation.entity.0.as_bytes());
    to.byte(kind_code(operation.kind) as u8);
    write_unless(to, operation.connection.as_str(), record.connection.as_str());
    match &operation.action {
        Action::Create { object, fields } => {
            to.byte(0);
            write_unless(to, object.as_str(), record.object.as_str());
            write_fields(to, fields);
        }
        Action::Update { record: target, fields } => {
            to.byte(1);
            write_record(to, target, record);
            write_fields(to, fields);
        }
        Action::Associate(association) => {
            to.byte(2);
            write_association(to, association, record);
        }
        Action::Dissociate(association) => {
            to.byte(3);
            write_association(to, association, record);
        }
        Action::Archive { record: target, reason } => {
            to.byte(4);
            write_record(to, target, record);
            write_reason(to, reason);
        }
    }
}

fn read_written(from: &mut Reader<'_>, record: &RecordRef) -> Result<Written, StoreError> {
    let flags = from.byte()?;
    if flags & !(CREATED | BUNDLE) != 0 {
        return Err(from.broken("a write has unknown flags"));
    }
    let bundle = if flags & BUNDLE != 0 { Some(BundleId(from.number()?)) } else { None };
    let id = OperationId(from.number()?);
    let entity = read_entity(from)?;
    let kind = kind_of(i64::from(from.byte()?))?;
    let connection = read_unless(from, &record.connection)?;
    let action = match from.byte()? {
        0 => Action::Create { object: read_unless(from, &record.object)?, fields: read_fields(from)? },
        1 => Action::Update { record: read_record(from, record)?, fields: read_fields(from)? },
        2 => Action::Associate(read_association(from, record)?),
        3 => Action::Dissociate(read_association(from, record)?),
        4 => Action::Archive { record: read_record(from, record)?, reason: read_reason(from)? },
        tag => return Err(from.broken(&format!("no action has the tag {tag}"))),
    };
    let operation = Operation { id, entity, kind, connection, action, preconditions: Vec::new(), bundle };
    Ok(Written { operation, record: record.clone(), created: flags & CREATED != 0 })
}

fn write_fields(to: &mut Writer, fields: &[FieldChange]) {
    to.uint(fields.len() as u128);
    for change in fields {
        to.text(change.field.as_str());
        to.text(change.attribute.as_str());
        write_observed(to, &change.before);
        match &change.after {
            After::Value(value) => {
                to.byte(0);
                write_observed(to, &Observed::Value(value.clone()));
            }
            After::Clear => to.byte(1),
            After::Reference(entity) => {
                to.byte(2);
                to.raw(entity.0.as_bytes());
            }
        }
        write_reason(to, &change.reason);
    }
}

fn read_fields(from: &mut Reader<'_>) -> Result<Vec<FieldChange>, StoreError> {
    (0..from.count()?)
        .map(|_| {
            Ok(FieldChange {
                field: from.text()?.into(),
                attribute: from.text()?.into(),
                before: read_observed(from)?,
                after: match from.byte()? {
                    0 => After::Value(read_value(from)?),
                    1 => After::Clear,
                    2 => After::Reference(read_entity(from)?),
                    tag => return Err(from.broken(&format!("no new value has the tag {tag}"))),
                },
                reason: read_reason(from)?,
            })
        })
        .collect()
}

fn read_value(from: &mut Reader<'_>) -> Result<Value, StoreError> {
    match read_observed(from)? {
        Observed::Value(value) => Ok(value),
        Observed::Empty | Observed::Absent | Observed::NotPermitted | Observed::NotFetched => {
            Err(from.broken("a written value is none"))
        }
    }
}

fn write_association(to: &mut Writer, association: &Association, record: &RecordRef) {
    to.text(association.edge.as_str());
    to.text(association.field.as_str());
    for end in [&association.from, &association.to] {
        match end {
            Endpoint::Record(end) => {
                to.byte(0);
                write_record(to, end, record);
            }
            Endpoint::Entity(entity) => {
                to.byte(1);
                to.raw(entity.0.as_bytes());
            }
        }
    }
    write_optional(to, association.role.as_deref());
    let beside = if association.before == Tied::Beside { BESIDE } else { 0 };
    let displaces = if association.displaces.is_some() { DISPLACES } else { 0 };
    to.byte(u8::from(association.primary) | beside | displaces);
    if let Some(displaced) = &association.displaces {
        write_record(to, displaced, record);
    }
    write_optional(to, association.row.as_ref().map(|row| row.as_str()));
    write_reason(to, &association.reason);
}

fn read_association(from: &mut Reader<'_>, record: &RecordRef) -> Result<Association, StoreError> {
    let (edge, field) = (from.text()?.into(), from.text()?.into());
    let (child, parent) = (read_end(from, record)?, read_end(from, record)?);
    let role = read_optional(from)?.map(Arc::from);
    let flags = from.byte()?;
    if flags > PRIMARY | BESIDE | DISPLACES {
        return Err(from.broken("a relation has unknown flags"));
    }
    Ok(Association {
        edge,
        field,
        from: child,
        to: parent,
        role,
        primary: flags & PRIMARY != 0,
        before: if flags & BESIDE != 0 { Tied::Beside } else { Tied::Not },
        displaces: if flags & DISPLACES != 0 { Some(read_record(from, record)?) } else { None },
        row: read_optional(from)?.map(Into::into),
        reason: read_reason(from)?,
    })
}

fn read_end(from: &mut Reader<'_>, record: &RecordRef) -> Result<Endpoint, StoreError> {
    if read_flag(from)? {
        Ok(Endpoint::Entity(read_entity(from)?))
    } else {
        Ok(Endpoint::Record(read_record(from, record)?))
    }
}

fn write_reason(to: &mut Writer, reason: &Reason) {
    to.text(&reason.rule);
    to.byte(CASES.iter().position(|case| *case == reason.case).unwrap_or(CASES.len()) as u8);
    write_optional(to, reason.from.as_ref().map(|from| from.as_str()));
}

fn read_reason(from: &mut Reader<'_>) -> Result<Reason, StoreError> {
    let rule = from.text()?.into();
    let case = from.byte()?;
    let case = CASES.get(usize::from(case)).copied();
    let case = case.ok_or_else(|| from.broken("a reason's case is unknown"))?;
    Ok(Reason { rule, case, from: read_optional(from)?.map(Into::into) })
}

/// A record's address, short where it shares connection or object with the row's own.
fn write_record(to: &mut Writer, target: &RecordRef, record: &RecordRef) {
    write_unless(to, target.connection.as_str(), record.connection.as_str());
    write_unless(to, target.object.as_str(), record.object.as_str());
    write_unless(to, target.id.as_str(), record.id.as_str());
}

fn read_record(from: &mut Reader<'_>, record: &RecordRef) -> Result<RecordRef, StoreError> {
    Ok(RecordRef {
        connection: read_unless(from, &record.connection)?,
        object: read_unless(from, &record.object)?,
        id: read_unless(from, &record.id)?,
    })
}

/// A text that is nearly always `usual`.
fn write_unless(to: &mut Writer, text: &str, usual: &str) {
    write_optional(to, (text != usual).then_some(text));
}

fn read_unless<T: for<'a> From<&'a str> + Clone>(from: &mut Reader<'_>, usual: &T) -> Result<T, StoreError> {
    Ok(read_optional(from)?.map_or_else(|| usual.clone(), T::from))
}

fn write_optional(to: &mut Writer, text: Option<&str>) {
    to.byte(u8::from(text.is_some()));
    if let Some(text) = text {
        to.text(text);
    }
}

fn read_optional<'a>(from: &mut Reader<'a>) -> Result<Option<&'a str>, StoreError> {
    Ok(if read_flag(from)? { Some(from.text()?) } else { None })
}

fn read_entity(from: &mut Reader<'_>) -> Result<EntityId, StoreError> {
    Ok(EntityId(Uuid::from_bytes(from.raw(16)?.try_into().map_err(|_| from.broken("an id is short"))?)))
}
