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

/// Plain JSON.
const JSON: u8 = 1;
/// JSON in which a control character stands for a phrase of [`PHRASES`]: JSON itself has none (it escapes them), and the
/// journal would be twice as large without.
const PHRASED: u8 = 2;

/// Frequent pieces of journal events, held items and findings, longest first where one begins another. The position is
/// the stored character: the list only ever grows at its end, up to 31.
const PHRASES: [&str; 26] = [
    "{\"event\":\"linked\",\"record\":{\"connection\":\"",
    "{\"result\":\"confirmed\",\"record\":{\"connection\":\"",
    "\",\"word\":\"create\",\"record\":null,\"object\":\"",
    "\",\"word\":\"update\",\"record\":{\"connection\":\"",
    "\",\"word\":\"associate\",\"record\":{\"connection\":\"",
    "\",\"state\":\"active\",\"evidence\":\"created\"}",
    "\",\"state\":\"active\",\"evidence\":\"first\"}",
    "\",\"state\":\"active\",\"evidence\":{\"key\":{\"key\":\"",
    "\"},\"object\":null,\"fields\":[",
    "\",\"record\":{\"connection\":\"",
    "{\"record\":{\"connection\":\"",
    "\"},\"facet\":\"person\",\"entity\":\"",
    "\"},\"facet\":\"deal\",\"entity\":\"",
    "\"},\"facet\":\"organisation\",\"entity\":\"",
    "\"},\"what\":{\"finding\":\"no_parent\",\"edge\":\"",
    "\"},\"created\":true}",
    "\"},\"created\":false}",
    ",\"entity\":\"",
    "\",\"connection\":\"",
    "\",\"reason\":{\"why\":\"",
    "\"},\"attribute\":\"",
    "\",\"object\":\"",
    "\",\"fields\":[\"",
    "{\"operation\":",
    "\",\"id\":\"",
    "\",\"value\":\"",
];

/// A format byte and JSON with its phrases short.
pub(crate) fn encode_json<T: Serialize>(value: &T) -> Result<Vec<u8>, StoreError> {
    let json = plain(value)?;
    let mut bytes = Vec::with_capacity(json.len());
    bytes.push(PHRASED);
    let mut rest = &json[1..];
    while let Some((first, after)) = rest.split_first() {
        let phrase = match first {
            b'{' | b'"' | b',' => PHRASES.iter().position(|phrase| {
                let phrase = phrase.as_bytes();
                // Nearly all differ in the second letter.
                phrase.get(1) == after.first() && rest.starts_with(phrase)
            }),
            _ => None,
        };
        match phrase.and_then(|position| Some((position, u8::try_from(position + 1).ok()?))) {
            Some((position, mark)) => {
                bytes.push(mark);
                rest = &rest[PHRASES[position].len()..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    Ok(bytes)
}

fn plain<T: Serialize>(value: &T) -> Result<Vec<u8>, StoreError> {
    let mut bytes = vec![JSON];
    serde_json::to_writer(&mut bytes, value)
        .map_err(|error| StoreError::Engine(format!("packing: {error}")))?;
    Ok(bytes)
}

/// The JSON of a blob whose phrases are short.
fn spelled_out(bytes: &[u8]) -> Vec<u8> {
    let mut json = Vec::with_capacity(bytes.len() * 2);
    for byte in bytes {
        match (*byte as usize).checked_sub(1).and_then(|position| PHRASES.get(position)) {
            Some(phrase) => json.extend_from_slice(phrase.as_bytes()),
            None => json.push(*byte),
        }
    }
    json
}

/// The value of such a blob; `what` names it in errors.
pub(crate) fn decode_json<T: DeserializeOwned>(bytes: &[u8], what: &'static str) -> Result<T, StoreError> {
    let mut from = Reader::new(bytes, what);
    let json = match bytes.first() {
        Some(&PHRASED) => spelled_out(&bytes[1..]),
        _ => {
            from.format(JSON)?;
            bytes[1..].to_vec()
        }
    };
    // The parser's own message may quote what it read; where it stands is enough to look.
    serde_json::from_slice(&json).map_err(|error| {
        from.broken(&format!("line {}, column {} is not what it should be", error.line(), error.column()))
    })
}

/// The digest that makes questions unique.
pub(crate) fn question_digest(question: &Question) -> Result<Vec<u8>, StoreError> {
    Ok(Sha256::digest(plain(question)?).to_vec())
}

/// The state's number in its column: 0 open, 1 answered, 2 settled.
pub(crate) fn review_state_code(state: &ReviewState) -> i16 {
    match state {
        ReviewState::Open => 0,
        ReviewState::Linked { .. } | ReviewState::Rejected { .. } | ReviewState::Released { .. } => 1,
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
        Event::Changed { record, .. } | Event::Erased { record, .. } => {
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
        | Event::LetGo { .. }
        | Event::Config { .. } => {}
    }
    named
}

/// The records that an event's rows may have values of.
pub(crate) fn valued(event: &Event) -> BTreeSet<&RecordRef> {
    match event {
        Event::Changed { record, .. } => BTreeSet::from([record]),
        Event::CallEnded { rows, .. } => rows.iter().filter_map(record_of).collect(),
        Event::RunStarted { .. }
        | Event::RunEnded { .. }
        | Event::Baseline { .. }
        | Event::Linked { .. }
        | Event::CallIntended { .. }
        | Event::Confirmed { .. }
        | Event::Review { .. }
        | Event::Erased { .. }
        | Event::LetGo { .. }
        | Event::Config { .. } => BTreeSet::new(),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use syncline_model::{Evidence, Kind, LinkState};

    #[test]
    fn phrases_are_short_and_come_back_whatever_the_text_holds() {
        for id in ["1", "\u{1}\u{1f}\u{0} \",\"id\":\" ü {\"record\":{\"connection\":\""] {
            let event = Event::Linked {
                record: RecordRef::new("hubspot", "contacts", id),
                facet: Kind::Person,
                entity: EntityId(uuid::Uuid::nil()),
                state: LinkState::Active,
                evidence: Evidence::Created,
            };
            let packed = encode_json(&event).unwrap();
            assert_eq!(packed[0], PHRASED);
            assert!(packed.len() + 100 < plain(&event).unwrap().len(), "{} bytes", packed.len());
            assert_eq!(decode_json::<Event>(&packed, "event").unwrap(), event);
            // What an earlier build stored is still read.
            assert_eq!(decode_json::<Event>(&plain(&event).unwrap(), "event").unwrap(), event);
        }
    }

    #[test]
    fn no_phrase_is_hidden_by_one_before_it_and_all_marks_are_control_characters() {
        assert!(PHRASES.len() < 0x20);
        for (position, phrase) in PHRASES.iter().enumerate() {
            assert!(!PHRASES[..position].iter().any(|earlier| phrase.starts_with(earlier)), "{phrase}");
            assert!(phrase.starts_with(['{', '"', ',']), "{phrase}");
        }
    }
}
