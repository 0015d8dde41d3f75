//! Links, keys, reviews, work and the journal.

use crate::{Handles, tools::*};
use syncline_model::{
    JournalSeq, Kind, LinkState, RecordState,
    journal::{Event, IntendedRow, RowResult},
    review::ReviewState,
};
use syncline_store::{Dirty, DirtyKey, JournalFilter, LinkWrite, OpenOnly, ReviewWrite};

pub async fn links_learn_where_the_journal_stood(handles: &Handles) {
    let store = handles.one.as_ref();
    commit(store, |batch| batch.journal = vec![event("1"), event("2")]).await;
    let mut known = link("salesforce/Contact/003", Kind::Person, 1);
    known.since = JournalSeq(1);
    known.state = LinkState::ConvertedTo("003".into());
    let new = link("hubspot/contacts/1", Kind::Person, 1);
    let committed = commit(store, |batch| {
        batch.journal.push(event("3"));
        batch.links = vec![LinkWrite::Put(known.clone()), LinkWrite::Put(new.clone())];
    })
    .await;
    assert_eq!(committed.seq, JournalSeq(3));
    let stored = &handles.two.entities(&[entity(1)]).await.unwrap()[0];
    assert_eq!(stored.links.iter().map(|link| link.since.0).collect::<Vec<_>>(), [3, 1]);
    assert_eq!(stored.links[1], known);
    assert_eq!(commit(store, |_| {}).await.seq, JournalSeq(3), "an empty batch moves nothing");
}

pub async fn keys_of_records_that_are_gone_find_nothing(handles: &Handles) {
    let store = handles.one.as_ref();
    let mut gone = snapshot("hubspot/contacts/1", 1, &[]);
    commit(store, |batch| {
        batch.snapshots = vec![gone.clone(), snapshot("salesforce/Lead/00Q", 1, &[])];
        for address in ["hubspot/contacts/1", "salesforce/Lead/00Q", "hubspot/contacts/unseen"] {
            batch.keys.push((record(address), Kind::Person, vec![key("email", "a@b"), key("email", "a@b")]));
        }
        batch.keys.push((record("salesforce/Lead/00Q"), Kind::Organisation, vec![key("email", "a@b")]));
    })
    .await;
    let both = [record("hubspot/contacts/1"), record("salesforce/Lead/00Q")];
    assert_eq!(store.by_keys(Kind::Person, &[key("email", "a@b")]).await.unwrap(), [both.to_vec()]);
    gone.state = RecordState::Deleted;
    commit(store, |batch| batch.snapshots.push(gone)).await;
    assert_eq!(store.by_keys(Kind::Person, &[key("email", "a@b")]).await.unwrap(), [both[1..].to_vec()]);
    commit(store, |batch| batch.keys.push((both[1].clone(), Kind::Person, vec![key("email", "c@d")]))).await;
    let found = store.by_keys(Kind::Person, &[key("email", "a@b"), key("email", "c@d")]).await.unwrap();
    assert_eq!(found, [vec![], vec![both[1].clone()]]);
    let other = store.by_keys(Kind::Organisation, &[key("email", "a@b")]).await.unwrap();
    assert_eq!(other, [both[1..].to_vec()], "another kind's keys stay");
    let mut lead = snapshot("salesforce/Lead/00Q", 2, &[]);
    lead.state = RecordState::Converted { contact: Some("003".into()), account: None, opportunity: None };
    commit(store, |batch| batch.snapshots.push(lead.clone())).await;
    let found = store.by_keys(Kind::Person, &[key("email", "c@d")]).await.unwrap();
    assert_eq!(found, [both[1..].to_vec()], "a converted lead is remembered");
    lead.state = RecordState::MergedInto("00R".into());
    commit(store, |batch| batch.snapshots.push(lead)).await;
    assert_eq!(store.by_keys(Kind::Person, &[key("email", "c@d")]).await.unwrap(), [vec![]]);
}

pub async fn equal_questions_are_asked_once(handles: &Handles) {
    let (one, two) = (handles.one.as_ref(), handles.two.as_ref());
    let open = |of| ReviewWrite::Open(review(of, ReviewState::Open));
    let put = |id, of, state| ReviewWrite::Put(syncline_model::review::Review { id, ..review(of, state) });
    assert_eq!(commit(one, |batch| batch.reviews = vec![open(5), open(6), open(5)]).await.reviews, [1, 2, 1]);
    let answer = ReviewState::Rejected { who: "ann".into(), at: at(2) };
    assert_eq!(commit(two, |batch| batch.reviews.push(put(1, 5, answer.clone()))).await.reviews, [1]);
    assert_eq!(commit(one, |batch| batch.reviews.push(open(5))).await.reviews, [1]);
    assert_eq!(one.review(1).await.unwrap().unwrap().state, answer, "an answer stands");
    commit(one, |batch| batch.reviews.push(put(2, 6, ReviewState::Settled { at: at(3) }))).await;
    assert_eq!(one.reviews(OpenOnly::Yes, 0, 9).await.unwrap(), []);
    assert_eq!(commit(two, |batch| batch.reviews = vec![open(6), open(7)]).await.reviews, [2, 3]);
    let again = one.reviews(OpenOnly::Yes, 0, 9).await.unwrap();
    assert_eq!(again.iter().map(|one| one.id).collect::<Vec<_>>(), [2, 3], "what settled can come up again");
}

pub async fn work_that_was_added_again_is_not_done(handles: &Handles) {
    let (one, two) = (handles.one.as_ref(), handles.two.as_ref());
    let keys =
        [DirtyKey::Record(Kind::Deal, record("hubspot/deals/1")), DirtyKey::Entity(Kind::User, entity(1))];
    commit(one, |batch| batch.dirty = keys.to_vec()).await;
    let before = two.dirty(None, 9).await.unwrap();
    assert_eq!(before.iter().map(|one| one.key.clone()).collect::<Vec<_>>(), keys);
    commit(one, |batch| batch.dirty = keys.to_vec()).await;
    commit(two, |batch| batch.done = before.clone()).await;
    let after = one.dirty(None, 9).await.unwrap();
    assert_eq!(after.len(), 2, "it was added again meanwhile");
    assert!(after[0].generation > before[0].generation && after[1].generation > before[1].generation);
    commit(two, |batch| batch.done = after.clone()).await;
    assert_eq!(one.dirty_count().await.unwrap(), 0);
    commit(one, |batch| batch.dirty = keys.to_vec()).await;
    commit(two, |batch| batch.done = [before, after].concat()).await;
    assert_eq!(one.dirty_count().await.unwrap(), 2, "generations never come again");
}

pub async fn a_cause_and_a_hold_in_one_batch_meet(handles: &Handles) {
    let store = handles.one.as_ref();
    let key = DirtyKey::Entity(Kind::Deal, entity(1));
    commit(store, |batch| batch.dirty.push(key.clone())).await;
    let work = store.dirty(None, 9).await.unwrap();
    commit(store, |batch| {
        batch.done = work.clone();
        batch.held.push(hold(1, &[(None, &["record:a/b/c"])]));
        batch.wake.push("record:a/b/c".into());
    })
    .await;
    assert_eq!(store.dirty(None, 9).await.unwrap(), [Dirty { key, generation: work[0].generation + 1 }]);
}

pub async fn holds_wake_by_key_and_by_time(handles: &Handles) {
    let store = handles.one.as_ref();
    commit(store, |batch| {
        batch.held = vec![
            hold(1, &[(Some(50), &["record:a/b/c", "config"]), (Some(40), &["config"])]),
            hold(2, &[(Some(60), &[]), (None, &["config"])]),
            hold(3, &[(None, &["schema:a/b"])]),
        ];
    })
    .await;
    let woken = async || {
        let work = store.dirty(None, 9).await.unwrap();
        commit(store, |batch| batch.done = work.clone()).await;
        let number = |one: &Dirty| match &one.key {
            DirtyKey::Entity(Kind::Deal, entity) => entity.0.as_u128(),
            other => panic!("{other:?}"),
        };
        work.iter().map(number).collect::<Vec<u128>>()
    };
    assert_eq!(store.next_due().await.unwrap(), Some(at(40)));
    for (wake, due, expected) in [
        (&["record:a/b/c"][..], None, &[1][..]),
        (&["config", "schema:a/b", "config"], None, &[1, 2, 3]),
        (&["record:a/b"], Some(39), &[]),
        (&[], Some(40), &[1]),
        (&["schema:a/b"], Some(60), &[1, 2, 3]),
    ] {
        commit(store, |batch| {
            batch.wake = wake.iter().map(|&key| key.to_owned()).collect();
            batch.wake_due = due.map(at);
        })
        .await;
        assert_eq!(woken().await, expected, "{wake:?} {due:?}");
    }
    assert_eq!(store.held_count().await.unwrap(), (5, 0), "what wakes stays until it is replaced");
    commit(store, |batch| batch.held = vec![hold(1, &[(Some(90), &[])]), hold(2, &[])]).await;
    assert_eq!(store.next_due().await.unwrap(), Some(at(90)));
    commit(store, |batch| batch.wake.push("config".into())).await;
    assert_eq!(woken().await, [] as [u128; 0], "the old keys are gone");
    assert_eq!(store.held(Some(entity(2)), None, 9).await.unwrap(), []);
}

pub async fn the_journal_of_a_record_has_its_calls_whole(handles: &Handles) {
    let store = handles.one.as_ref();
    let row = |of, address: Option<&str>| IntendedRow {
        operation: syncline_model::OperationId(0),
        entity: entity(of),
        word: "update".into(),
        record: address.map(record),
        object: None,
        fields: Vec::new(),
    };
    let intended = |number, rows| Event::CallIntended {
        call: call(number),
        connection: "hubspot".into(),
        endpoint: "PATCH".into(),
        rows,
    };
    let rejected = || RowResult::Rejected { code: "c".into(), message: "m".into() };
    commit(store, |batch| {
        batch.links = vec![
            LinkWrite::Put(link("hubspot/contacts/1", Kind::Person, 1)),
            LinkWrite::Put(link("hubspot/contacts/2", Kind::Person, 2)),
        ];
        batch.journal = vec![
            intended(1, vec![row(1, None), row(1, Some("hubspot/contacts/1"))]),
            intended(2, vec![row(2, None)]),
            Event::CallEnded { call: call(1), rows: vec![rejected(), rejected()] },
            Event::Changed { record: record("hubspot/contacts/2"), fields: vec!["a".into()] },
        ];
    })
    .await;
    commit(store, |batch| {
        batch.run = Some(run(3));
        batch.journal = vec![
            Event::CallEnded { call: call(2), rows: vec![rejected()] },
            event("end"),
            Event::CallEnded {
                call: call(9),
                rows: vec![RowResult::Confirmed { record: record("hubspot/contacts/1"), created: true }],
            },
        ];
    })
    .await;
    let of = async |address: &str, run_number: Option<u128>, after| {
        let filter = JournalFilter { run: run_number.map(run), record: Some(record(address)) };
        let found = handles.two.journal(&filter, JournalSeq(after), 9).await.unwrap();
        found.iter().map(|entry| entry.seq.0).collect::<Vec<_>>()
    };
    assert_eq!(of("hubspot/contacts/1", None, 0).await, [1, 3, 7]);
    assert_eq!(of("hubspot/contacts/1", None, 1).await, [3, 7], "its intent lies before the page");
    assert_eq!(of("hubspot/contacts/2", None, 0).await, [2, 4, 5]);
    assert_eq!(of("hubspot/contacts/2", Some(3), 0).await, [5]);
    assert_eq!(of("hubspot/contacts/3", None, 0).await, [] as [u64; 0]);
}
