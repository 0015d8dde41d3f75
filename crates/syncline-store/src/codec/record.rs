//! Snapshots: the list of field names (the *shape*) is stored once per stream, the values by position.

use super::{
    value::{read_observed, write_observed},
    wire::{Reader, Writer},
};
use crate::StoreError;
use std::sync::Arc;
use syncline_model::{FieldName, RecordId, RecordState, Snapshot};

const FORMAT: u8 = 1;
const SHAPE_FORMAT: u8 = 1;

/// The number of the state of live records.
pub(crate) const LIVE: i16 = 0;
/// What [`RecordState::Converted`] is in a column: with live records, what is found by a key.
pub(crate) const CONVERTED: i16 = 3;

/// The state's number in its column.
pub(crate) fn record_state_code(state: &RecordState) -> i16 {
    match state {
        RecordState::Live => LIVE,
        RecordState::Deleted => 1,
        RecordState::MergedInto(_) => 2,
        RecordState::Converted { .. } => CONVERTED,
    }
}

/// The names of a snapshot's fields, in its order.
pub(crate) fn encode_shape(fields: &[(FieldName, syncline_model::Observed)]) -> Vec<u8> {
    let mut to = Writer::new(SHAPE_FORMAT);
    to.uint(fields.len() as u128);
    for (name, _) in fields {
        to.text(name.as_str());
    }
    to.finish()
}

/// The names of a shape.
pub(crate) fn decode_shape(bytes: &[u8]) -> Result<Arc<[FieldName]>, StoreError> {
    let mut from = Reader::new(bytes, "list of fields");
    from.format(SHAPE_FORMAT)?;
    let count = from.count()?;
    let names: Result<Vec<FieldName>, StoreError> = (0..count).map(|_| Ok(from.text()?.into())).collect();
    let names = names?;
    from.end()?;
    Ok(names.into())
}

/// State details and values of a snapshot.
pub(crate) fn encode_snapshot(snapshot: &Snapshot) -> Vec<u8> {
    let mut to = Writer::new(FORMAT);
    match &snapshot.state {
        RecordState::Live | RecordState::Deleted => {}
        RecordState::MergedInto(id) => to.text(id.as_str()),
        RecordState::Converted { contact, account, opportunity } => {
            for id in [contact, account, opportunity] {
                write_id(&mut to, id.as_ref());
            }
        }
    }
    for (_, observed) in &snapshot.fields {
        write_observed(&mut to, observed);
    }
    to.finish()
}

/// State and fields of a stored snapshot.
pub(crate) fn decode_snapshot(
    state: i64,
    shape: &[FieldName],
    bytes: &[u8],
) -> Result<(RecordState, Vec<(FieldName, syncline_model::Observed)>), StoreError> {
    let mut from = Reader::new(bytes, "record");
    from.format(FORMAT)?;
    let state = match state {
        0 => RecordState::Live,
        1 => RecordState::Deleted,
        2 => RecordState::MergedInto(from.text()?.into()),
        3 => RecordState::Converted {
            contact: read_id(&mut from)?,
            account: read_id(&mut from)?,
            opportunity: read_id(&mut from)?,
        },
        other => return Err(from.broken(&format!("no state has the number {other}"))),
    };
    let mut fields = Vec::with_capacity(shape.len());
    for name in shape {
        fields.push((name.clone(), read_observed(&mut from)?));
    }
    from.end()?;
    Ok((state, fields))
}

fn write_id(to: &mut Writer, id: Option<&RecordId>) {
    to.byte(u8::from(id.is_some()));
    if let Some(id) = id {
        to.text(id.as_str());
    }
}

fn read_id(from: &mut Reader<'_>) -> Result<Option<RecordId>, StoreError> {
    Ok(if super::value::read_flag(from)? { Some(from.text()?.into()) } else { None })
}
