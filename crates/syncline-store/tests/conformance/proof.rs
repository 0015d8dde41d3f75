//! The proof of the journal: what was tampered with is noticed and named, what was erased or let go is honest.

use crate::{Handles, tools::*};
use syncline_model::{
    JournalSeq, Kind, Observed, RecordRef, Value,
    journal::{Event, Moved, RowResult, RowValues, Written},
};
use syncline_store::{
    Batch, JournalFilter, JournalValue, LetGo, LinkWrite, Store, StoreError,
    audit::{Audit, audit},
};

/// What is done to a store behind its back, in SQL that both databases understand, and what must be said about it; `None`:
/// the store refuses to go on at all.
pub const TAMPERED: &[(&str, Option<&str>)] = &[
    ("DELETE FROM journal WHERE seq = 12", None),
    ("DELETE FROM journal WHERE seq = 5", Some("entry 5 is missing")),
    ("DELETE FROM journal WHERE seq IN (5, 6)", Some("entries 5 to 6 are missing")),
    ("UPDATE journal SET at = at + 1 WHERE seq = 5", Some("entries 5 to 8 are not what was written")),
    (
        "UPDATE journal SET event = (SELECT event FROM journal WHERE seq = 2) WHERE seq = 6",
        Some("entries 5 to 8"),
    ),
    ("DELETE FROM journal_value WHERE seq = 6", Some("values or former rows")),
    ("UPDATE journal_value SET body = NULL WHERE seq = 6", Some("values or former rows")),
    ("UPDATE journal_value SET n = 7 WHERE seq = 6", Some("values or former rows")),
    (
        "DELETE FROM former WHERE step = 3",
        Some("hubspot/contacts/1: what is stored of it cannot be taken back"),
    ),
    ("DELETE FROM former WHERE step = 2", Some("after entry 4 are not what was noted then")),
    ("UPDATE former SET body = (SELECT body FROM former ORDER BY step LIMIT 1)", Some("hubspot/contacts/1")),
    (
        "UPDATE snapshot SET modified = modified + 1",
        Some("hubspot/contacts/1: what is stored of it is not what"),
    ),
    ("UPDATE link SET since = since + 1", Some("hubspot/contacts/1: its link is not what was written")),
    (
        "DELETE FROM snapshot WHERE state = 0",
        Some("hubspot/contacts/1: what is stored of it cannot be taken"),
    ),
    (
        "DELETE FROM snapshot WHERE modified = 1000000",
        Some("after the entries 4 to 12 are not what was noted then"),
    ),
    ("DELETE FROM link WHERE facet = 2", Some("hubspot/contacts/1: its link cannot be taken back")),
    ("UPDATE checkpoint SET books = (SELECT books FROM head) WHERE seq = 4", Some("after entry 4 are not")),
];

/// Three runs of four entries: a contact is read and linked, changes, changes again.
pub async fn three_runs(store: &dyn Store) {
    for turn in 1..=3_i64 {
        let done = commit(store, |batch| {
            batch.run = Some(run(turn as u128));
            let email = format!("{turn}@example.com");
            let contact = record("hubspot/contacts/1");
            batch.snapshots.push(snapshot("hubspot/contacts/1", turn, &[("email", &email), ("name", "Ann")]));
            batch.snapshots.push(snapshot("hubspot/contacts/2", 1, &[("email", "constant")]));
            let mut link = link("hubspot/contacts/1", Kind::Person, 1);
            link.since = JournalSeq(turn as u64);
            batch.links.push(LinkWrite::Put(link));
            batch.journal = vec![
                Event::Changed { record: contact.clone(), fields: vec!["email".into()] },
                Event::CallEnded {
                    call: call(turn as u128),
                    rows: vec![RowResult::Confirmed { record: contact.clone(), created: false }],
                },
                event("in between"),
                event("the end"),
            ];
            let text = |text: &str| Observed::from(Value::text(text));
            let moved = Moved { field: "email".into(), before: text("old"), after: text(&email) };
            batch.values.push(values(0, &contact, RowValues::Changed(vec![moved])));
            batch.values.push(values(1, &contact, RowValues::Written(Box::new(written(&contact)))));
        });
        assert_eq!(done.await.seq.0, turn as u64 * 4);
    }
}

fn values(entry: usize, record: &RecordRef, values: RowValues) -> JournalValue {
    JournalValue { entry, row: 0, record: record.clone(), values }
}

fn written(record: &RecordRef) -> Written {
    let reason =
        syncline_model::Reason { rule: "two_way".into(), case: syncline_model::Case::OneChanged, from: None };
    let operation = syncline_model::Operation {
        id: syncline_model::OperationId(0),
        entity: entity(1),
        kind: Kind::Person,
        connection: record.connection.clone(),
        action: syncline_model::Action::Archive { record: record.clone(), reason },
        preconditions: Vec::new(),
        bundle: None,
    };
    Written { operation, record: record.clone(), created: false }
}

/// Whether what is proved of `store` says what it must after it was tampered with.
pub async fn tampering_is_said(store: &dyn Store, sql: &str, said: Option<&str>) {
    let answer = audit(store, None).await;
    match said {
        None => {
            assert!(matches!(answer, Err(StoreError::Corrupt(_))), "{sql}: {answer:?}");
            let more = store.commit(batch(|batch| batch.journal.push(event("x")))).await;
            assert!(matches!(more, Err(StoreError::Corrupt(_))), "{sql}: {more:?}");
        }
        Some(said) => {
            let all = all_said(&answer.unwrap().unwrap());
            assert!(all.iter().any(|one| one.contains(said)), "{sql}: {all:?}");
        }
    }
}

fn all_said(audit: &Audit) -> Vec<String> {
    let one = |problem: &syncline_store::audit::Problem| match &problem.record {
        Some(record) => format!("{record}: {}", problem.what),
        None => problem.what.clone(),
    };
    audit.problems.iter().map(one).collect()
}

async fn proved(store: &dyn Store) -> Audit {
    let audit = audit(store, None).await.unwrap().unwrap();
    assert!(audit.is_clean(), "{audit:?}");
    audit
}

pub async fn every_checkpoint_is_built_again(handles: &Handles) {
    three_runs(handles.one.as_ref()).await;
    let all = proved(handles.two.as_ref()).await;
    assert_eq!((all.entries, all.checkpoints, all.rows, all.formers, all.values), (12, 4, 3, 4, 6));
    assert_eq!((all.journal_from, all.state_from, all.to), (JournalSeq(0), JournalSeq(0), JournalSeq(12)));
    for (from, start) in [(0, 0), (3, 0), (4, 4), (11, 8), (99, 12)] {
        let part = audit(handles.two.as_ref(), Some(JournalSeq(from))).await.unwrap().unwrap();
        assert!(part.is_clean(), "{part:?}");
        assert_eq!(
            (part.journal_from.0, part.state_from.0, part.entries),
            (start, start, 12 - start),
            "{from}"
        );
    }
    // What is written as it is already leaves no trace.
    let again = commit(handles.one.as_ref(), |batch| {
        batch.snapshots.push(snapshot("hubspot/contacts/2", 1, &[("email", "constant")]));
    });
    again.await;
    assert_eq!(proved(handles.two.as_ref()).await, all);
}

pub async fn a_link_that_goes_and_comes_back_is_proved(handles: &Handles) {
    let store = handles.one.as_ref();
    three_runs(store).await;
    let contact = record("hubspot/contacts/1");
    let ends = |fill: &dyn Fn(&mut Batch)| {
        batch(|batch| {
            fill(batch);
            batch.journal.push(event("end"));
        })
    };
    store
        .commit(ends(&|batch| batch.links.push(LinkWrite::Remove(contact.clone(), Kind::Person))))
        .await
        .unwrap();
    assert_eq!(proved(store).await.rows, 2);
    store.commit(ends(&|_| {})).await.unwrap();
    let back = link("hubspot/contacts/1", Kind::Person, 1);
    store.commit(ends(&|batch| batch.links.push(LinkWrite::Put(back.clone())))).await.unwrap();
    let all = proved(handles.two.as_ref()).await;
    assert_eq!((all.rows, all.checkpoints), (3, 7));
}

pub async fn what_is_erased_is_gone_and_the_rest_is_proved(handles: &Handles) {
    let store = handles.one.as_ref();
    three_runs(store).await;
    let contact = record("hubspot/contacts/1");
    commit(store, |batch| batch.erase = vec![contact.clone(), record("never/seen/1")]).await;
    let all = proved(handles.two.as_ref()).await;
    assert_eq!((all.values, all.erased, all.formers, all.rows), (0, 6, 0, 3));
    let entries = store.journal(&JournalFilter::default(), JournalSeq(0), 99).await.unwrap();
    assert_eq!(entries.len(), 12, "history stays");
    let values = handles.two.journal_values(&entries).await.unwrap();
    assert_eq!(values.concat().iter().filter(|one| one.values.is_none()).count(), 6);
    let stored = store.records(&[contact]).await.unwrap();
    assert_eq!(stored[0].snapshot.as_ref().unwrap().modified, Some(at(3)), "what it is now stays");
    three_runs_more(store).await;
    assert_eq!(proved(store).await.erased, 6);
}

async fn three_runs_more(store: &dyn Store) {
    let next = commit(store, |batch| {
        batch.snapshots.push(snapshot("hubspot/contacts/1", 9, &[("email", "new")]));
        batch.journal.push(event("end"));
    });
    next.await;
}

pub async fn what_is_let_go_shortens_the_proof(handles: &Handles) {
    let store = handles.one.as_ref();
    three_runs(store).await;
    let let_go = |observed, entries| {
        let until = LetGo { observed: JournalSeq(observed), entries: JournalSeq(entries) };
        store.commit(batch(|batch| batch.let_go = Some(until)))
    };
    let_go(3, 3).await.unwrap();
    assert_eq!(proved(store).await.state_from, JournalSeq(0), "no checkpoint is so old but the first");
    let_go(7, 0).await.unwrap();
    let all = proved(handles.two.as_ref()).await;
    assert_eq!((all.journal_from, all.state_from), (JournalSeq(0), JournalSeq(4)));
    assert_eq!((all.entries, all.values), (12, 5), "the first change's values went, what was written stays");
    let_go(99, 8).await.unwrap();
    let all = proved(handles.two.as_ref()).await;
    assert_eq!((all.journal_from, all.state_from), (JournalSeq(8), JournalSeq(12)));
    assert_eq!((all.entries, all.values, all.formers), (4, 1, 0));
    let entries = store.journal(&JournalFilter::default(), JournalSeq(0), 99).await.unwrap();
    assert_eq!((entries[0].seq, entries.len()), (JournalSeq(9), 4));
    let of_record = JournalFilter { run: None, record: Some(record("hubspot/contacts/1")) };
    assert_eq!(store.journal(&of_record, JournalSeq(0), 99).await.unwrap().len(), 2);
    assert_eq!(store.journal_head().await.unwrap(), JournalSeq(12));
    let_go(99, 99).await.unwrap();
    assert_eq!(store.journal_head().await.unwrap(), JournalSeq(12), "also where no entry is left");
    three_runs_more(store).await;
    let all = proved(handles.two.as_ref()).await;
    assert_eq!((all.journal_from, all.to, all.entries), (JournalSeq(12), JournalSeq(13), 1));
}
