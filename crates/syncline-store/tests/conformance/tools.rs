//! Short ways to build what cases store.

use jiff::Timestamp;
use syncline_model::{
    EntityId, Evidence, FieldName, JournalSeq, Kind, Link, LinkState, Observed, RecordRef, RecordState,
    RunId, Snapshot, Value, Version,
    journal::{CallId, Event},
    plan::{Held, HeldReason},
    review::{Question, Review, ReviewState},
};
use syncline_store::{Batch, Committed, HeldWrite, MatchKey, OpenCall, Store, StoreError};
use uuid::Uuid;

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

pub fn record(address: &str) -> RecordRef {
    address.parse().unwrap()
}

pub fn entity(number: u128) -> EntityId {
    EntityId(Uuid::from_u128(number))
}

pub fn run(number: u128) -> RunId {
    RunId(Uuid::from_u128(number))
}

pub fn call(number: u128) -> CallId {
    CallId(Uuid::from_u128(number))
}

pub fn snapshot(address: &str, modified: i64, fields: &[(&str, &str)]) -> Snapshot {
    Snapshot {
        record: record(address),
        version: Some(Version(format!("v{modified}").into())),
        modified: Some(at(modified)),
        state: RecordState::Live,
        fields: fields
            .iter()
            .map(|(name, value)| (FieldName::from(*name), Observed::from(Value::text(value))))
            .collect(),
    }
}

pub fn link(address: &str, facet: Kind, of: u128) -> Link {
    Link {
        record: record(address),
        facet,
        entity: entity(of),
        state: LinkState::Active,
        evidence: Evidence::First,
        since: JournalSeq(0),
        base: None,
    }
}

pub fn key(name: &str, value: &str) -> MatchKey {
    MatchKey { name: name.into(), value: value.into() }
}

pub fn held(of: u128, until: Option<i64>) -> Held {
    Held {
        entity: entity(of),
        kind: Kind::Deal,
        record: record("hubspot/deals/1"),
        attribute: None,
        connection: "salesforce".into(),
        reason: HeldReason::Ambiguous { review: u64::MAX },
        until: until.map(at),
    }
}

pub fn hold(of: u128, items: &[(Option<i64>, &[&str])]) -> HeldWrite {
    HeldWrite {
        entity: entity(of),
        kind: Kind::Deal,
        held: items
            .iter()
            .map(|(until, keys)| (held(of, *until), keys.iter().map(|&key| key.to_owned()).collect()))
            .collect(),
        findings: Vec::new(),
    }
}

pub fn review(of: u128, state: ReviewState) -> Review {
    let question = Question::Conflict { entity: entity(of), attribute: "name".into() };
    Review { id: 0, question, opened_at: at(1), state }
}

pub fn open_call(number: u128, at_second: i64) -> OpenCall {
    OpenCall {
        call: call(number),
        run: None,
        connection: "hubspot".into(),
        at: at(at_second),
        payload: vec![0, 255, number as u8],
    }
}

pub fn event(text: &str) -> Event {
    Event::RunEnded { summary: text.into() }
}

/// A batch at second 100, filled by `fill`.
pub fn batch(fill: impl FnOnce(&mut Batch)) -> Batch {
    let mut batch = Batch::at(at(100));
    fill(&mut batch);
    batch
}

pub async fn commit(store: &dyn Store, fill: impl FnOnce(&mut Batch)) -> Committed {
    store.commit(batch(fill)).await.unwrap()
}

pub fn is_engine<T: std::fmt::Debug>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Engine(_)))
}
