//! The cases that have a story; what has none is left to the random sequences.

mod work;

pub use crate::proof::{
    a_link_that_goes_and_comes_back_is_proved, every_checkpoint_is_built_again,
    what_is_erased_is_gone_and_the_rest_is_proved, what_is_let_go_shortens_the_proof,
};
pub use work::*;

use crate::{Handles, tools::*};
use std::sync::Arc;
use syncline_model::{
    JournalSeq, Kind, Observed, RecordRef, Value,
    journal::{Event, RowValues},
    review::ReviewState,
};
use syncline_store::{
    Batch, Dirty, DirtyKey, Fence, JournalFilter, JournalValue, LinkWrite, OpenOnly, ReviewWrite, Store,
    StoreError, StoredValues,
};

/// Calls a macro with the name of every case.
macro_rules! each_case {
    ($with:ident) => {
        $with! {
            lanes_are_held_by_one_and_fence_the_former,
            of_two_claimers_one_wins,
            commits_at_once_leave_no_gap,
            a_batch_that_fails_writes_nothing,
            a_commit_that_is_not_awaited_does_nothing,
            odd_and_long_texts_come_back_as_they_were,
            ids_are_in_byte_order,
            names_with_a_null_are_refused,
            links_learn_where_the_journal_stood,
            keys_of_records_that_are_gone_find_nothing,
            equal_questions_are_asked_once,
            work_that_was_added_again_is_not_done,
            a_cause_and_a_hold_in_one_batch_meet,
            holds_wake_by_key_and_by_time,
            the_journal_of_a_record_has_its_calls_whole,
            values_belong_to_an_entry_of_their_batch,
            every_checkpoint_is_built_again,
            a_link_that_goes_and_comes_back_is_proved,
            what_is_erased_is_gone_and_the_rest_is_proved,
            what_is_let_go_shortens_the_proof,
            numbers_beyond_the_columns_are_answered,
            an_empty_store_answers_everything,
        }
    };
}
pub(crate) use each_case;

pub async fn lanes_are_held_by_one_and_fence_the_former(handles: &Handles) {
    let (one, two) = (&handles.one, &handles.two);
    let first = one.claim_lane("apply", "a", at(0), at(10)).await.unwrap().unwrap();
    assert_eq!(first, Fence { lane: "apply".into(), epoch: 1 });
    assert_eq!(two.claim_lane("apply", "b", at(9), at(20)).await, Ok(None));
    assert_eq!(one.claim_lane("apply", "a", at(9), at(20)).await, Ok(Some(first.clone())), "renewing");
    assert_eq!(two.claim_lane("apply", "b", at(19), at(30)).await, Ok(None), "it was renewed");
    assert_eq!(
        one.claim_lane("apply", "a", at(25), at(30)).await,
        Ok(Some(first.clone())),
        "nobody came between"
    );
    let second = two.claim_lane("apply", "b", at(30), at(40)).await.unwrap().unwrap();
    assert_eq!(second.epoch, 2);
    assert_eq!(one.claim_lane("other", "a", at(30), at(40)).await.unwrap().unwrap().epoch, 1, "another lane");

    let write = |fence: &Fence| {
        let mut batch = full_batch();
        batch.fence = Some(fence.clone());
        batch
    };
    assert_eq!(one.commit(write(&first)).await, Err(StoreError::Fenced("apply".into())));
    assert_nothing_is_stored(one.as_ref()).await;
    one.release_lane(&first).await.unwrap();
    assert_eq!(one.claim_lane("apply", "a", at(31), at(50)).await, Ok(None), "an old fence releases nothing");
    two.commit(write(&second)).await.unwrap();
    two.release_lane(&second).await.unwrap();
    let again = batch(|batch| batch.fence = Some(second.clone()));
    assert_eq!(two.commit(again).await, Err(StoreError::Fenced("apply".into())), "it was given back");
    assert_eq!(two.claim_lane("apply", "b", at(31), at(50)).await.unwrap().unwrap().epoch, 3);
    let unknown = batch(|batch| batch.fence = Some(Fence { lane: "never".into(), epoch: 0 }));
    assert_eq!(two.commit(unknown).await, Err(StoreError::Fenced("never".into())));
}

pub async fn of_two_claimers_one_wins(handles: &Handles) {
    for round in 0..20_i64 {
        let (now, until) = (at(round * 10), at(round * 10 + 10));
        let (a, b) = tokio::join!(
            handles.one.claim_lane("apply", "a", now, until),
            handles.two.claim_lane("apply", "b", now, until)
        );
        let won = [a.unwrap(), b.unwrap()];
        assert_eq!(won.iter().flatten().count(), 1, "round {round}: {won:?}");
    }
}

pub async fn commits_at_once_leave_no_gap(handles: &Handles) {
    let write = async |store: &Arc<dyn Store>, who: &str| {
        let mut seqs = Vec::new();
        for number in 0..30_i64 {
            let address = format!("{who}/contacts/{number}");
            let done = commit(store.as_ref(), |batch| {
                batch.snapshots.push(snapshot(&address, number, &[("n", who), ("of", "shared")]));
                batch.snapshots.push(snapshot("both/contacts/1", number, &[("n", who)]));
                batch.dirty.push(DirtyKey::Entity(Kind::Person, entity(1)));
                batch.reviews.push(ReviewWrite::Open(review(number as u128, ReviewState::Open)));
                batch.journal = vec![event(who), event(who)];
            });
            seqs.push(done.await.seq.0);
        }
        seqs
    };
    let (a, b) = tokio::join!(write(&handles.one, "a"), write(&handles.two, "b"));
    let mut seqs = [a, b].concat();
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=60).map(|number| number * 2).collect::<Vec<u64>>());
    let journal = handles.one.journal(&JournalFilter::default(), JournalSeq(0), 1000).await.unwrap();
    assert_eq!(journal.len(), 120);
    assert!(journal.chunks(2).all(|pair| pair[0].event == pair[1].event), "batches do not mix");
    assert_eq!(handles.two.reviews(OpenOnly::Yes, 0, 100).await.unwrap().len(), 30);
    let work = handles.two.dirty(None, 10).await.unwrap();
    assert_eq!(work[0].generation, 60);
    for who in ["a", "b"] {
        let ids = handles.one.ids(&who.into(), &"contacts".into(), None, 100).await.unwrap();
        assert_eq!(ids.len(), 30);
    }
}

/// One of everything.
fn full_batch() -> Batch {
    batch(|batch| {
        batch.run = Some(run(1));
        batch.puts.push(("k".into(), Some(vec![1])));
        batch.snapshots.push(snapshot("hubspot/contacts/1", 1, &[("email", "a@b")]));
        batch.keys.push((record("hubspot/contacts/1"), Kind::Person, vec![key("email", "a@b")]));
        batch.links.push(LinkWrite::Put(link("hubspot/contacts/1", Kind::Person, 1)));
        batch.dirty.push(DirtyKey::Entity(Kind::Person, entity(1)));
        batch.held.push(hold(2, &[(Some(5), &["config"])]));
        batch.reviews.push(ReviewWrite::Open(review(1, ReviewState::Open)));
        batch.calls_opened.push(open_call(1, 1));
        batch.journal.push(event("x"));
    })
}

async fn assert_nothing_is_stored(store: &dyn Store) {
    assert_eq!(store.list("").await.unwrap(), []);
    let stored = store.records(&[record("hubspot/contacts/1")]).await.unwrap();
    assert_eq!((&stored[0].snapshot, stored[0].links.len()), (&None, 0));
    assert_eq!(store.by_keys(Kind::Person, &[key("email", "a@b")]).await.unwrap(), [vec![]]);
    assert_eq!(store.dirty_count().await.unwrap(), 0);
    assert_eq!(store.held_count().await.unwrap(), (0, 0));
    assert_eq!(store.next_due().await.unwrap(), None);
    assert_eq!(store.reviews(OpenOnly::No, 0, 9).await.unwrap(), []);
    assert_eq!(store.open_calls().await.unwrap(), []);
    assert_eq!(store.journal_head().await.unwrap(), JournalSeq(0));
    assert_eq!(store.journal(&JournalFilter::default(), JournalSeq(0), 9).await.unwrap(), []);
}

pub async fn a_batch_that_fails_writes_nothing(handles: &Handles) {
    let store = handles.one.as_ref();
    let broken: [fn(&mut Batch); 3] = [
        |batch| batch.calls_opened.push(open_call(1, 2)),
        |batch| {
            batch.reviews.push(ReviewWrite::Put(syncline_model::review::Review {
                id: 9,
                ..review(3, ReviewState::Open)
            }))
        },
        |batch| {
            batch.reviews.push(ReviewWrite::Open(review(2, ReviewState::Open)));
            batch.reviews.push(ReviewWrite::Put(syncline_model::review::Review {
                id: 1,
                ..review(2, ReviewState::Open)
            }));
        },
    ];
    for spoil in broken {
        let mut batch = full_batch();
        spoil(&mut batch);
        assert!(is_engine(&store.commit(batch).await));
        assert_nothing_is_stored(store).await;
        assert_nothing_is_stored(handles.two.as_ref()).await;
    }
    let committed = store.commit(full_batch()).await.unwrap();
    assert_eq!((committed.seq, committed.reviews), (JournalSeq(1), vec![1]), "no number was used up");
    assert_eq!(store.dirty(None, 1).await.unwrap()[0].generation, 1);
}

pub async fn a_commit_that_is_not_awaited_does_nothing(handles: &Handles) {
    drop(handles.one.commit(full_batch()));
    assert_nothing_is_stored(handles.two.as_ref()).await;
}

pub async fn odd_and_long_texts_come_back_as_they_were(handles: &Handles) {
    let long = "Zoë\0\u{ffff}𝄞".repeat(6_000);
    assert!(long.len() > 65_536);
    let address = format!("hubspot/contacts/\0{}", &long[..200]);
    let mut stored = snapshot(&address, 1, &[("description", &long), ("other", "\0")]);
    stored.version = Some(syncline_model::Version(long[..300].into()));
    let mut linked = link(&address, Kind::Person, 1);
    linked.evidence = syncline_model::Evidence::Key { key: "\0".into(), value: long.as_str().into() };
    let wake = format!("record:{address}");
    commit(handles.one.as_ref(), |batch| {
        batch.puts.push((address.clone(), Some(long.clone().into_bytes())));
        batch.snapshots.push(stored.clone());
        batch.keys.push((stored.record.clone(), Kind::Person, vec![key("email", &long), key("email", "\0")]));
        batch.links.push(LinkWrite::Put(linked.clone()));
        batch.dirty.push(DirtyKey::Record(Kind::Person, stored.record.clone()));
        batch.held.push(hold(7, &[(None, &[&wake])]));
        batch
            .journal
            .push(Event::Changed { record: stored.record.clone(), fields: vec![long.as_str().into()] });
    })
    .await;
    linked.since = JournalSeq(1);
    let store = handles.two.as_ref();
    let found = store.records(std::slice::from_ref(&stored.record)).await.unwrap();
    assert_eq!((&found[0].snapshot, &found[0].links[0]), (&Some(stored.clone()), &linked));
    assert_eq!(store.list("hubspot/").await.unwrap(), [(address, long.clone().into_bytes())]);
    let keys = [key("email", &long), key("email", "\0"), key("email", &long[1..])];
    let found = store.by_keys(Kind::Person, &keys).await.unwrap();
    assert_eq!(found, [vec![stored.record.clone()], vec![stored.record.clone()], vec![]]);
    commit(store, |batch| batch.wake.push(wake)).await;
    let work = store.dirty(None, 9).await.unwrap();
    assert_eq!(work[0].key, DirtyKey::Record(Kind::Person, stored.record.clone()));
    assert_eq!(work[1].key, DirtyKey::Entity(Kind::Deal, entity(7)));
    let filter = JournalFilter { run: None, record: Some(stored.record) };
    assert_eq!(store.journal(&filter, JournalSeq(0), 9).await.unwrap().len(), 1);
}

pub async fn values_belong_to_an_entry_of_their_batch(handles: &Handles) {
    let store = handles.one.as_ref();
    let (named, other) = (record("hubspot/contacts/1"), record("hubspot/contacts/2"));
    let write = |entry: usize, of: &RecordRef| {
        batch(|batch| {
            batch.journal = vec![event("x"), Event::Changed { record: named.clone(), fields: Vec::new() }];
            let values = RowValues::Changed(Vec::new());
            batch.values.push(JournalValue { entry, row: 0, record: of.clone(), values });
        })
    };
    for (entry, of) in [(0, &named), (2, &named), (1, &other)] {
        assert!(is_engine(&store.commit(write(entry, of)).await), "{entry} {of}");
        assert_nothing_is_stored(store).await;
    }
    store.commit(write(1, &named)).await.unwrap();
    let entries = store.journal(&JournalFilter::default(), JournalSeq(0), 9).await.unwrap();
    let values = handles.two.journal_values(&entries).await.unwrap();
    let expected = StoredValues { row: 0, record: named, values: Some(RowValues::Changed(Vec::new())) };
    assert_eq!(values, [vec![], vec![expected]]);
    assert_eq!(store.journal_values(&[]).await, Ok(vec![]));
}

pub async fn ids_are_in_byte_order(handles: &Handles) {
    let mut ids =
        ["a", "B", "_", "é", "e", "Z", "ä", "10", "9", "\u{ffff}", "𝄞", "ß", "ss", "-", "a-b", "aB"];
    commit(handles.one.as_ref(), |batch| {
        for id in ids {
            batch.snapshots.push(snapshot(&format!("c/o/{id}"), 1, &[]));
            batch.dirty.push(DirtyKey::Record(Kind::Person, record(&format!("{id}/o/1"))));
            batch.dirty.push(DirtyKey::Record(Kind::Person, record(&format!("a/{id}/1"))));
            batch.puts.push((id.to_owned(), Some(Vec::new())));
        }
        for kind in Kind::ALL.into_iter().rev() {
            batch.dirty.push(DirtyKey::Entity(kind, entity(1 << 127)));
            batch.dirty.push(DirtyKey::Entity(kind, entity(1)));
            batch.dirty.push(DirtyKey::Record(kind, record("a/a/a")));
        }
    })
    .await;
    ids.sort_unstable();
    let store = handles.two.as_ref();
    let mut paged = Vec::new();
    while let page @ [.., last] =
        store.ids(&"c".into(), &"o".into(), paged.last(), 3).await.unwrap().as_slice()
    {
        assert!(page.len() <= 3 && Some(last) != paged.last());
        paged.extend_from_slice(page);
    }
    assert_eq!(paged.iter().map(|id| id.as_str()).collect::<Vec<_>>(), ids);
    assert_eq!(store.list("").await.unwrap().iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ids);
    let work = store.dirty(None, 1000).await.unwrap();
    assert!(work.is_sorted_by(|a, b| a.key < b.key));
    let mut paged: Vec<Dirty> = Vec::new();
    while let page @ [_, ..] = store.dirty(paged.last().map(|one| &one.key), 5).await.unwrap().as_slice() {
        paged.extend_from_slice(page);
    }
    assert_eq!(paged, work);
}

pub async fn names_with_a_null_are_refused(handles: &Handles) {
    let store = handles.one.as_ref();
    let broken: [fn(&mut Batch); 5] = [
        |batch| batch.snapshots.push(snapshot("a\0/b/c", 1, &[])),
        |batch| batch.snapshots.push(snapshot("a/b\0/c", 1, &[])),
        |batch| batch.keys.push((record("a/b/c"), Kind::Person, vec![key("e\0", "x")])),
        |batch| batch.dirty.push(DirtyKey::Record(Kind::Person, record("a/b\0/c"))),
        |batch| {
            batch.calls_opened.push(syncline_store::OpenCall { connection: "\0".into(), ..open_call(2, 2) })
        },
    ];
    for spoil in broken {
        let mut batch = full_batch();
        spoil(&mut batch);
        assert!(is_engine(&store.commit(batch).await));
        assert_nothing_is_stored(store).await;
    }
    assert!(is_engine(&store.claim_lane("\0", "a", at(0), at(1)).await));
    assert!(is_engine(&store.claim_lane("a", "\0", at(0), at(1)).await));
    let odd = record("a\0/b\0/c");
    assert_eq!(store.records(std::slice::from_ref(&odd)).await.unwrap()[0].snapshot, None);
    assert_eq!(store.ids(&odd.connection, &odd.object, None, 9).await.unwrap(), []);
    assert_eq!(store.by_keys(Kind::Person, &[key("e\0", "x")]).await.unwrap(), [vec![]]);
    assert!(is_engine(&store.dirty(Some(&DirtyKey::Record(Kind::Person, odd.clone())), 9).await));
    let filter = JournalFilter { run: None, record: Some(odd) };
    assert_eq!(store.journal(&filter, JournalSeq(0), 9).await, Ok(vec![]));
    store.release_lane(&Fence { lane: "\0".into(), epoch: 1 }).await.unwrap();
}

pub async fn numbers_beyond_the_columns_are_answered(handles: &Handles) {
    let store = handles.one.as_ref();
    commit(store, |batch| batch.journal.push(event("x"))).await;
    assert_eq!(store.journal(&JournalFilter::default(), JournalSeq(u64::MAX), 9).await, Ok(vec![]));
    assert_eq!(store.review(u64::MAX).await, Ok(None));
    assert_eq!(store.reviews(OpenOnly::No, u64::MAX, usize::MAX).await, Ok(vec![]));
    assert_eq!(store.journal(&JournalFilter::default(), JournalSeq(0), usize::MAX).await.unwrap().len(), 1);
    assert_eq!(store.dirty(None, 0).await, Ok(vec![]));
    assert_eq!(store.dirty(None, usize::MAX).await, Ok(vec![]));
    let fenced = batch(|batch| batch.fence = Some(Fence { lane: "l".into(), epoch: u64::MAX }));
    assert_eq!(store.commit(fenced).await, Err(StoreError::Fenced("l".into())));
    store.release_lane(&Fence { lane: "l".into(), epoch: u64::MAX }).await.unwrap();
    let mut early = snapshot("a/b/c", 1, &[]);
    early.modified = Some(jiff::Timestamp::MIN);
    early.fields = vec![("n".into(), Observed::Value(Value::Instant(jiff::Timestamp::MAX)))];
    commit(store, |batch| batch.snapshots.push(early.clone())).await;
    assert_eq!(store.records(std::slice::from_ref(&early.record)).await.unwrap()[0].snapshot, Some(early));
    assert_eq!(store.count_since(&"a".into(), &"b".into(), jiff::Timestamp::MIN).await, Ok(1));
}

pub async fn an_empty_store_answers_everything(handles: &Handles) {
    let store = handles.one.as_ref();
    assert_nothing_is_stored(store).await;
    assert_eq!(store.get("k").await, Ok(None));
    assert_eq!(store.entities(&[entity(1)]).await.unwrap()[0].links, []);
    assert_eq!(store.versions(&"a".into(), &"b".into(), &["1".into()]).await, Ok(vec![None]));
    assert_eq!(store.count_since(&"a".into(), &"b".into(), at(0)).await, Ok(0));
    assert_eq!(store.ids(&"a".into(), &"b".into(), None, 9).await, Ok(vec![]));
    assert_eq!(store.held(None, None, 9).await, Ok(vec![]));
    assert_eq!(store.review(1).await, Ok(None));
    assert_eq!(store.records(&[]).await, Ok(vec![]));
    assert_eq!(commit(store, |_| {}).await.seq, JournalSeq(0));
}
