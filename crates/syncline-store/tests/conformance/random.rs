//! Random sequences of batches against the model, through both handles in turn.

use crate::{Handles, arbitrary as any, model::Model, tools};
use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::{Index, select},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use std::{
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
};
use syncline_model::{
    ConnectionName, JournalSeq, Kind, ObjectName, RecordRef,
    journal::{Event, IntendedRow, RowResult},
    plan::{Finding, FindingKind, Held, HeldReason},
    review::{Question, Review, ReviewState},
};
use syncline_store::{
    Batch, Dirty, DirtyKey, HeldWrite, JournalFilter, JournalValue, LetGo, LinkWrite, MatchKey, OpenOnly,
    ReviewWrite, Store, audit::audit,
};

/// A batch whose `done` is chosen when it is known what there is to do; `true`: with the generation of that time,
/// `false`: with an older one.
#[derive(Debug, Clone)]
struct Step {
    batch: Batch,
    done: Vec<(Index, bool)>,
}

fn match_key() -> impl Strategy<Value = MatchKey> {
    let value = select(vec!["", "a@b", "a\0b", "é", "É"]);
    (select(vec!["email", "domain"]), value).prop_map(|(name, value)| tools::key(name, value))
}

fn dirty_key() -> impl Strategy<Value = DirtyKey> {
    prop_oneof![
        (any::kind(), any::record()).prop_map(|(kind, record)| DirtyKey::Record(kind, record)),
        (any::kind(), any::entity()).prop_map(|(kind, entity)| DirtyKey::Entity(kind, entity)),
    ]
}

fn wake_key() -> impl Strategy<Value = String> {
    select(vec!["config", "record:a/y/\0", "record:a/y/1", "é"]).prop_map(str::to_owned)
}

fn held() -> impl Strategy<Value = Held> {
    let reason = prop_oneof![
        proptest::prelude::any::<u64>().prop_map(|review| HeldReason::Ambiguous { review }),
        any::text().prop_map(|value| HeldReason::Unmapped { value: value.into() }),
        (any::text(), any::record())
            .prop_map(|(edge, parent)| HeldReason::WaitsForParent { edge: edge.into(), parent }),
        Just(HeldReason::ManualConflict),
    ];
    (any::entity(), any::kind(), any::record(), reason, option::of(any::time())).prop_map(
        |(entity, kind, record, reason, until)| Held {
            entity,
            kind,
            record,
            attribute: None,
            connection: "a".into(),
            reason,
            until,
        },
    )
}

fn held_write() -> impl Strategy<Value = HeldWrite> {
    let finding = any::record().prop_map(|record| Finding { record, what: FindingKind::NoIdentity });
    let items = vec((held(), vec(wake_key(), 0..3)), 0..3);
    (any::entity(), any::kind(), items, vec(finding, 0..2))
        .prop_map(|(entity, kind, held, findings)| HeldWrite { entity, kind, held, findings })
}

fn review() -> impl Strategy<Value = ReviewWrite> {
    let question = prop_oneof![
        (any::entity(), any::record()).prop_map(|(entity, record)| Question::Deleted { entity, record }),
        (any::kind(), vec(any::record(), 0..2)).prop_map(|(kind, records)| Question::SameThing {
            kind,
            key: "k\0".into(),
            records
        }),
    ];
    let state = prop_oneof![
        Just(ReviewState::Open),
        any::time().prop_map(|at| ReviewState::Linked { who: "é".into(), at }),
        any::time().prop_map(|at| ReviewState::Settled { at }),
    ];
    (proptest::prelude::any::<bool>(), 1_u64..6, question, any::time(), state).prop_map(
        |(open, id, question, opened_at, state)| {
            if open {
                ReviewWrite::Open(Review { id: 0, question, opened_at, state: ReviewState::Open })
            } else {
                ReviewWrite::Put(Review { id, question, opened_at, state })
            }
        },
    )
}

fn event() -> impl Strategy<Value = Event> {
    let call = || (0_u128..4).prop_map(tools::call);
    let row = (any::entity(), option::of(any::record())).prop_map(|(entity, record)| IntendedRow {
        operation: syncline_model::OperationId(u64::MAX),
        entity,
        word: "update".into(),
        record,
        object: None,
        fields: vec!["Name".into()],
    });
    let result = prop_oneof![
        (any::record(), proptest::prelude::any::<bool>())
            .prop_map(|(record, created)| RowResult::Confirmed { record, created }),
        option::of(any::record()).prop_map(|record| RowResult::Resolved { record }),
        any::text().prop_map(|why| RowResult::Unknown { why: why.into() }),
    ];
    prop_oneof![
        any::text().prop_map(|text| Event::RunEnded { summary: text.into() }),
        (any::text(), proptest::prelude::any::<u64>()).prop_map(|(text, rows)| Event::Baseline {
            connection: "a".into(),
            object: "y".into(),
            rows,
            range: (text.as_str().into(), text.into()),
        }),
        any::record().prop_map(|record| Event::Changed { record, fields: vec![Arc::from("é")] }),
        any::link().prop_map(|link| Event::Linked {
            record: link.record,
            facet: link.facet,
            entity: link.entity,
            state: link.state,
            evidence: link.evidence,
        }),
        (call(), vec(row, 0..3)).prop_map(|(call, rows)| Event::CallIntended {
            call,
            connection: "a".into(),
            endpoint: "GET /".into(),
            rows
        }),
        (call(), vec(result, 0..3)).prop_map(|(call, rows)| Event::CallEnded { call, rows }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let key = select(vec!["a", "a/", "a/é", "b", "\0", "a\u{10ffff}"]).prop_map(str::to_owned);
    let put = (key, option::of(vec(proptest::prelude::any::<u8>(), 0..9)));
    let link = prop_oneof![
        4 => any::link().prop_map(LinkWrite::Put),
        1 => (any::record(), any::kind()).prop_map(|(record, kind)| LinkWrite::Remove(record, kind)),
    ];
    let first = (
        any::time(),
        option::of((0_u128..2).prop_map(tools::run)),
        vec(put, 0..3),
        vec(any::snapshot(), 0..5),
        vec((any::record(), any::kind(), vec(match_key(), 0..4)), 0..4),
        vec(link, 0..4),
        vec(dirty_key(), 0..4),
    );
    let second = (
        vec(wake_key(), 0..2),
        option::of(any::time()),
        vec(held_write(), 0..2),
        vec(review(), 0..2),
        vec(0_u128..6, 0..2),
        vec((0_u128..6).prop_map(tools::call), 0..2),
        vec(event(), 0..4),
        vec(proptest::prelude::any::<(Index, bool)>(), 0..4),
    );
    let let_go = (0_u64..20, 0_u64..20).prop_map(|(observed, entries)| LetGo {
        observed: JournalSeq(observed),
        entries: JournalSeq(entries),
    });
    let past = (vec(any::record(), 0..2), option::weighted(0.2, let_go));
    let second = second.prop_flat_map(|second| {
        let values = values(&second.6);
        (Just(second), values)
    });
    (first, second, past).prop_map(|(first, (second, values), (erase, let_go))| {
        let (at, run, puts, snapshots, keys, links, dirty) = first;
        let (wake, wake_due, held, reviews, opened, calls_ended, journal, done) = second;
        let calls_opened =
            opened.into_iter().map(|number| tools::open_call(number, number as i64 % 3)).collect();
        let batch = Batch {
            at,
            run,
            puts,
            snapshots,
            keys,
            links,
            dirty,
            wake,
            wake_due,
            held,
            reviews,
            calls_opened,
            calls_ended,
            journal,
            values,
            erase,
            let_go,
            ..Batch::default()
        };
        Step { batch, done }
    })
}

/// Runs `cases` sequences; `fresh` gives empty stores and `block_on` runs a future to its end.
pub fn sequences(
    cases: u32,
    fresh: impl Fn() -> Handles,
    block_on: impl Fn(Pin<&mut dyn Future<Output = ()>>),
) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let outcome = TestRunner::new_with_rng(config, rng).run(&vec(step(), 1..8), |steps| {
        let handles = fresh();
        block_on(pin!(sequence(&handles, steps)));
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

async fn sequence(handles: &Handles, steps: Vec<Step>) {
    let mut model = Model::default();
    for (number, step) in steps.into_iter().enumerate() {
        let (writer, reader) =
            if number % 2 == 0 { (&handles.one, &handles.two) } else { (&handles.two, &handles.one) };
        let mut batch = step.batch;
        let work = model.dirty();
        for (index, present) in step.done {
            if !work.is_empty() {
                let mut done: Dirty = index.get(&work).clone();
                done.generation -= u64::from(!present);
                batch.done.push(done);
            }
        }
        let answer = writer.commit(batch.clone()).await;
        match model.commit(&batch) {
            Some((next, committed)) => {
                assert_eq!(answer, Ok(committed));
                model = next;
            }
            None => assert!(tools::is_engine(&answer), "{answer:?}"),
        }
        compare(reader.as_ref(), &model).await;
        let audit = audit(reader.as_ref(), None).await.unwrap().unwrap();
        assert!(audit.is_clean(), "{audit:?}");
        let rows = (model.snapshots.len() + model.links.len()) as u64;
        // A shared schema has names of its own before; all rows here have been written since.
        let (kept, erased): (Vec<_>, Vec<_>) = model.values.values().partition(|values| values.is_some());
        assert_eq!((audit.rows, audit.unaccounted), (rows, 0));
        assert_eq!((audit.values, audit.erased), (kept.len() as u64, erased.len() as u64));
        assert_eq!(audit.journal_from.0, *model.checkpoints.first().unwrap());
    }
}

/// Values of some of the rows that the batch's events can have values of.
fn values(journal: &[Event]) -> BoxedStrategy<Vec<JournalValue>> {
    let mut some = Vec::new();
    for (entry, event) in journal.iter().enumerate() {
        let records: Vec<(u32, RecordRef)> = match event {
            Event::Changed { record, .. } => vec![(0, record.clone())],
            Event::CallEnded { rows, .. } => (0..)
                .zip(rows)
                .filter_map(|(row, result)| match result {
                    RowResult::Confirmed { record, .. } => Some((row, record.clone())),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        };
        for (row, record) in records {
            let value = any::row_values(record.clone()).prop_map(move |values| JournalValue {
                entry,
                row,
                record: record.clone(),
                values,
            });
            some.push(option::of(value).boxed());
        }
    }
    some.prop_map(|some| some.into_iter().flatten().collect()).boxed()
}

/// Asks `store` everything and compares it with the model.
async fn compare(store: &dyn Store, model: &Model) {
    for prefix in ["", "a", "a/", "b", "\0", "a\u{10ffff}"] {
        let expected: Vec<_> = model
            .state
            .iter()
            .filter(|(key, _)| key.starts_with(prefix))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        assert_eq!(store.list(prefix).await.unwrap(), expected, "{prefix:?}");
        assert_eq!(store.get(prefix).await.unwrap(), model.state.get(prefix).cloned());
    }
    compare_records(store, model).await;
    compare_work(store, model).await;
    let mut filters: Vec<JournalFilter> =
        every_record().map(|r| JournalFilter { run: None, record: Some(r) }).collect();
    filters.push(JournalFilter::default());
    filters.push(JournalFilter { run: Some(tools::run(1)), record: None });
    filters.push(JournalFilter { run: Some(tools::run(1)), record: every_record().next() });
    for filter in filters {
        let all = model.journal(&filter);
        assert_eq!(store.journal(&filter, Default::default(), 100).await.unwrap(), all, "{filter:?}");
        if let [first, second, ..] = all.as_slice() {
            assert_eq!(store.journal(&filter, first.seq, 1).await.unwrap(), std::slice::from_ref(second));
        }
    }
    let expected: Vec<_> = model.journal.iter().map(|entry| model.values(entry)).collect();
    assert_eq!(store.journal_values(&model.journal).await.unwrap(), expected);
    assert_eq!(store.journal_head().await.unwrap().0, model.seq);
}

/// Records that the strategies can make, not in the order of their names.
fn every_record() -> impl Iterator<Item = RecordRef> {
    let ids = ["\u{ffff}", "1", "10", "a", "é", "\0", "1\0", "𝄞", "never"];
    [("b", "z"), ("a", "y"), ("B", "y"), ("c", "y")]
        .into_iter()
        .flat_map(move |(connection, object)| ids.map(|id| RecordRef::new(connection, object, id)))
}

async fn compare_records(store: &dyn Store, model: &Model) {
    let records: Vec<RecordRef> = every_record().collect();
    let expected: Vec<_> = records.iter().map(|record| model.record(record)).collect();
    assert_eq!(store.records(&records).await.unwrap(), expected);
    let entities = [u128::MAX, 0, 1, 255, 256, 7].map(tools::entity);
    let expected = entities.map(|entity| model.entity(entity));
    assert_eq!(store.entities(&entities).await.unwrap(), expected);
    for (connection, object) in [("a", "y"), ("b", "z"), ("c", "y")] {
        let (connection, object) = (ConnectionName::from(connection), ObjectName::from(object));
        let ids = ["1", "é", "never", "\0"].map(Into::into);
        let expected = ids.clone().map(|id| {
            let record = RecordRef { connection: connection.clone(), object: object.clone(), id };
            model.snapshots.get(&record).and_then(|snapshot| snapshot.version.clone())
        });
        assert_eq!(store.versions(&connection, &object, &ids).await.unwrap(), expected);
        let live: Vec<_> = model
            .live()
            .filter(|snapshot| snapshot.record.connection == connection && snapshot.record.object == object)
            .collect();
        for second in [-1, 0, 2, 4] {
            let from = tools::at(second);
            let count = live.iter().filter(|s| s.modified.is_some_and(|modified| modified >= from)).count();
            assert_eq!(store.count_since(&connection, &object, from).await.unwrap(), count as u64);
        }
        let ids: Vec<_> = live.iter().map(|snapshot| snapshot.record.id.clone()).collect();
        assert_eq!(store.ids(&connection, &object, None, 100).await.unwrap(), ids);
        if let [first, second, ..] = ids.as_slice() {
            assert_eq!(
                store.ids(&connection, &object, Some(first), 1).await.unwrap(),
                std::slice::from_ref(second)
            );
        }
    }
    for kind in Kind::ALL {
        let keys: Vec<MatchKey> = ["é", "a\0b", "a@b", "É", "", "never"]
            .into_iter()
            .flat_map(|value| ["email", "domain", "other"].map(|name| tools::key(name, value)))
            .collect();
        let expected: Vec<_> = keys.iter().map(|key| model.by_key(kind, key)).collect();
        assert_eq!(store.by_keys(kind, &keys).await.unwrap(), expected);
    }
}

async fn compare_work(store: &dyn Store, model: &Model) {
    let dirty = model.dirty();
    assert_eq!(store.dirty(None, 100).await.unwrap(), dirty);
    assert_eq!(store.dirty_count().await.unwrap(), dirty.len() as u64);
    for (position, one) in dirty.iter().enumerate() {
        let rest: Vec<_> = dirty[position + 1..].iter().take(2).cloned().collect();
        assert_eq!(store.dirty(Some(&one.key), 2).await.unwrap(), rest);
    }
    let held = model.stored_held();
    assert_eq!(store.held(None, None, 100).await.unwrap(), held);
    for (position, one) in held.iter().enumerate() {
        assert_eq!(store.held(Some(one.entity), None, 9).await.unwrap(), std::slice::from_ref(one));
        assert_eq!(store.held(None, Some(one.entity), 9).await.unwrap(), held[position + 1..]);
    }
    let items = held.iter().map(|one| one.held.len() as u64).sum();
    let findings = held.iter().map(|one| one.findings.len() as u64).sum();
    assert_eq!(store.held_count().await.unwrap(), (items, findings));
    assert_eq!(store.next_due().await.unwrap(), model.next_due());
    let reviews: Vec<Review> = model.reviews.values().cloned().collect();
    assert_eq!(store.reviews(OpenOnly::No, 0, 100).await.unwrap(), reviews);
    let open: Vec<Review> =
        reviews.iter().filter(|one| one.state == ReviewState::Open && one.id > 1).cloned().collect();
    assert_eq!(store.reviews(OpenOnly::Yes, 1, 100).await.unwrap(), open);
    assert_eq!(store.review(2).await.unwrap(), model.reviews.get(&2).cloned());
    let mut calls: Vec<_> = model.calls.values().cloned().collect();
    calls.sort_by_key(|call| (call.at, call.call));
    assert_eq!(store.open_calls().await.unwrap(), calls);
}
