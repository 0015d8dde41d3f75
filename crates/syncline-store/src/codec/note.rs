//! What is stored as JSON inside a blob (journal events, held items, reviews), and what a journal event names.

use super::wire::Reader;
use crate::StoreError;
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use syncline_model::{
    EntityId, RecordRef,
    journal::{CallId, Event, RowResult},
    review::{Question, ReviewState},
};

const JSON: u8 = 1;

/// A format byte and JSON.
pub(crate) fn encode_json<T: Serialize>(value: &T) -> Result<Vec<u8>, StoreError> {
    let mut bytes = vec![JSON];
    serde_json::to_writer(&mut bytes, value)
        .map_err(|error| StoreError::Engine(format!("packing: {error}")))?;
    Ok(bytes)
}

/// The value of such a blob; `what` names it in errors.
pub(crate) fn decode_json<T: DeserializeOwned>(bytes: &[u8], what: &'static str) -> Result<T, StoreError> {
    let mut from = Reader::new(bytes, what);
    from.format(JSON)?;
    // The parser's own message may quote what it read; where it stands is enough to look.
    serde_json::from_slice(&bytes[1..]).map_err(|error| {
        from.broken(&format!("line {}, column {} is not what it should be", error.line(), error.column()))
    })
}

/// The digest that makes questions unique.
pub(crate) fn question_digest(question: &Question) -> Result<Vec<u8>, StoreError> {
    Ok(Sha256::digest(encode_json(question)?).to_vec())
}

/// The state's number in its column: 0 open, 1 answered, 2 settled.
pub(crate) fn review_state_code(state: &ReviewState) -> i16 {
    match state {
        ReviewState::Open => 0,
        ReviewState::Linked { .. } | ReviewState::Rejected { .. } => 1,
        ReviewState::Settled { .. } => 2,
    }
}

/// What an event names: the index by which `explain` finds it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Named<'a> {
    /// Records.
    pub(crate) records: BTreeSet<&'a RecordRef>,
    /// Entities.
    pub(crate) entities: BTreeSet<EntityId>,
    /// The call that it begins or ends; both are found with either.
    pub(crate) call: Option<CallId>,
}

/// What `event` names.
pub(crate) fn named(event: &Event) -> Named<'_> {
    let mut named = Named::default();
    match event {
        Event::Changed { record, .. } => {
            named.records.insert(record);
        }
        Event::Linked { record, entity, .. } => {
            named.records.insert(record);
            named.entities.insert(*entity);
        }
        Event::CallIntended { call, rows, .. } => {
            named.call = Some(*call);
            for row in rows {
                named.entities.insert(row.entity);
                named.records.extend(&row.record);
            }
        }
        Event::CallEnded { call, rows } => {
            named.call = Some(*call);
            named.records.extend(rows.iter().filter_map(record_of));
        }
        Event::RunStarted { .. }
        | Event::RunEnded { .. }
        | Event::Baseline { .. }
        | Event::Confirmed { .. }
        | Event::Review { .. }
        | Event::Config { .. } => {}
    }
    named
}

fn record_of(result: &RowResult) -> Option<&RecordRef> {
    match result {
        RowResult::Confirmed { record, .. } => Some(record),
        RowResult::Resolved { record } => record.as_ref(),
        RowResult::Rejected { .. }
        | RowResult::Unknown { .. }
        | RowResult::NotSent { .. }
        | RowResult::Parked { .. } => None,
    }
}
