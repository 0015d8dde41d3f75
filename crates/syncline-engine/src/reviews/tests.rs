//! Answers over a real store.

use super::*;
use crate::entropy::Entropy;
use syncline_model::{Base, Evidence, JournalSeq, RecordState, Snapshot, Watch};
use syncline_store::{JournalFilter, OpenOnly, sqlite::SqliteStore};
use uuid::Uuid;

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn record(text: &str) -> RecordRef {
    text.parse().unwrap()
}

fn entity(number: u128) -> EntityId {
    EntityId(Uuid::from_u128(number))
}

fn linked(text: &str, number: u128, base: Option<Base>) -> Link {
    Link {
        record: record(text),
        facet: Kind::Person,
        entity: entity(number),
        state: LinkState::Active,
        evidence: Evidence::First,
        since: JournalSeq(0),
        base,
    }
}

async fn store_with(links: Vec<Link>, question: Question) -> SqliteStore {
    let store = SqliteStore::in_memory().unwrap();
    let mut batch = Batch::at(now());
    batch.links.extend(links.into_iter().map(LinkWrite::Put));
    batch.reviews.push(ReviewWrite::Open(Review {
        id: 0,
        question,
        opened_at: now(),
        state: ReviewState::Open,
    }));
    assert_eq!(store.commit(batch).await.unwrap().reviews, [1]);
    store
}

fn same(records: &[&str]) -> Question {
    let records = records.iter().map(|text| record(text)).collect();
    Question::SameThing { kind: Kind::Person, key: "email=a@example.com".into(), records }
}

fn answer() -> Answer {
    Answer { id: 1, who: "ada".into() }
}

async fn say_same(store: &SqliteStore, named: &[&str]) -> Result<EntityId, Error> {
    let named: Vec<_> = named.iter().map(|text| record(text)).collect();
    link(store, &Ids::new(Entropy::seeded(1).into()), &answer(), &named, now()).await
}

async fn link_now(store: &SqliteStore, text: &str) -> Option<Link> {
    store.records(&[record(text)]).await.unwrap().remove(0).links.pop()
}

async fn dirty(store: &SqliteStore) -> Vec<DirtyKey> {
    store.dirty(None, 100).await.unwrap().into_iter().map(|dirty| dirty.key).collect()
}

#[tokio::test]
async fn what_a_person_calls_the_same_is_one_entity_and_the_review_is_closed() {
    let store = store_with(vec![], same(&["hs/contacts/1", "sf/Contact/2"])).await;
    let entity = say_same(&store, &[]).await.unwrap();
    for text in ["hs/contacts/1", "sf/Contact/2"] {
        let link = link_now(&store, text).await.unwrap();
        assert_eq!((link.entity, link.state), (entity, LinkState::Active));
        assert_eq!(link.evidence, Evidence::Person { who: "ada".into() });
    }
    assert_eq!(dirty(&store).await, [DirtyKey::Entity(Kind::Person, entity)]);
    assert_eq!(store.reviews(OpenOnly::Yes, 0, 10).await.unwrap(), []);
    let journal = store.journal(&JournalFilter::default(), JournalSeq(0), 10).await.unwrap();
    assert!(journal.iter().any(|entry| matches!(entry.event, Event::Review { review: 1, .. })));
    assert!(matches!(say_same(&store, &[]).await, Err(Error::Review { id: 1, .. })), "answered already");
}

#[tokio::test]
async fn the_entity_that_agreed_on_values_survives_and_the_left_one_is_planned_again() {
    let links = vec![linked("hs/contacts/1", 10, None), linked("sf/Contact/2", 20, Some(Base::default()))];
    let store = store_with(links, same(&["hs/contacts/1", "sf/Contact/2"])).await;
    assert_eq!(say_same(&store, &[]).await.unwrap(), entity(20));
    let (moved, stayed) = (link_now(&store, "hs/contacts/1").await, link_now(&store, "sf/Contact/2").await);
    assert_eq!(moved.unwrap().base, None);
    assert!(stayed.unwrap().base.is_some());
    assert_eq!(dirty(&store).await, [10, 20].map(|number| DirtyKey::Entity(Kind::Person, entity(number))));
}

#[tokio::test]
async fn leads_go_with_their_company() {
    let company = |text: &str, number| Link {
        facet: Kind::Organisation,
        ..linked(text, number, Some(Base::default()))
    };
    let lead = Link {
        state: LinkState::Pending,
        evidence: Evidence::CompanyNamed { name: "Acme".into() },
        ..company("sf/Lead/3", 10)
    };
    let gone = Link { state: LinkState::Deleted, ..company("sf/Account/4", 10) };
    let other = company("sf/Account/5", 10);
    let moved = ["sf/Account/2", "hs/companies/1"];
    let links = vec![company(moved[1], 10), company(moved[0], 20), lead.clone(), gone, other];
    let records = moved.iter().map(|text| record(text)).collect();
    let question = Question::SameThing { kind: Kind::Organisation, key: "domain=acme.com".into(), records };
    let store = store_with(links, question).await;
    assert_eq!(say_same(&store, &moved).await.unwrap(), entity(20), "the first that was named");
    let now = link_now(&store, "sf/Lead/3").await.unwrap();
    assert_eq!((now.entity, now.state, now.evidence), (entity(20), lead.state, lead.evidence));
    let along = link_now(&store, "sf/Account/5").await.unwrap();
    assert_eq!((along.entity, along.state), (entity(20), LinkState::DuplicateOf("2".into())));
}

#[tokio::test]
async fn several_of_one_system_have_to_be_named_and_only_the_first_is_active() {
    let store = store_with(vec![], same(&["hs/contacts/1", "sf/Contact/2", "sf/Lead/3"])).await;
    let refused = say_same(&store, &[]).await.unwrap_err();
    assert!(refused.to_string().contains("more than one record of sf"), "{refused}");
    assert!(say_same(&store, &["sf/Lead/9", "hs/contacts/1"]).await.is_err());
    assert!(say_same(&store, &["sf/Lead/3"]).await.is_err());
    say_same(&store, &["sf/Lead/3", "hs/contacts/1", "sf/Contact/2"]).await.unwrap();
    assert_eq!(link_now(&store, "sf/Lead/3").await.unwrap().state, LinkState::Active);
    assert_eq!(link_now(&store, "sf/Contact/2").await.unwrap().state, LinkState::DuplicateOf("3".into()));
}

#[tokio::test]
async fn a_record_that_is_linked_already_is_not_pushed_out() {
    let links = vec![
        linked("hs/contacts/9", 10, Some(Base::default())),
        linked("sf/Contact/2", 10, Some(Base::default())),
    ];
    let store = store_with(links, same(&["hs/contacts/1", "sf/Contact/2"])).await;
    say_same(&store, &[]).await.unwrap();
    assert_eq!(link_now(&store, "hs/contacts/9").await.unwrap().state, LinkState::Active);
    assert_eq!(link_now(&store, "hs/contacts/1").await.unwrap().state, LinkState::DuplicateOf("9".into()));
}

#[tokio::test]
async fn a_survivor_of_a_merge_stays_in_step_and_whoever_was_the_other_ones_is_a_duplicate() {
    let base = || Some(Base::default());
    let merged = Link { state: LinkState::MergedInto("2".into()), ..linked("sf/Contact/1", 10, base()) };
    let links = vec![
        linked("hs/contacts/1", 10, base()),
        merged,
        linked("sf/Contact/2", 20, base()),
        linked("hs/contacts/2", 20, base()),
    ];
    let store = store_with(links, same(&["hs/contacts/1", "sf/Contact/2"])).await;
    assert_eq!(say_same(&store, &[]).await.unwrap(), entity(20));
    assert_eq!(link_now(&store, "hs/contacts/1").await.unwrap().state, LinkState::DuplicateOf("2".into()));
    for text in ["sf/Contact/2", "hs/contacts/2"] {
        let link = link_now(&store, text).await.unwrap();
        assert_eq!((link.state.is_active(), link.base.is_some()), (true, true), "{text}");
    }
}

#[tokio::test]
async fn whoever_is_linked_to_one_of_them_comes_along() {
    let pair = |number: u128| {
        ["hs/contacts", "sf/Contact"]
            .map(|object| linked(&format!("{object}/{number}"), number, Some(Base::default())))
    };
    let store = store_with([pair(1), pair(2)].concat(), same(&["hs/contacts/1", "sf/Contact/2"])).await;
    assert_eq!(say_same(&store, &[]).await.unwrap(), entity(1));
    for text in ["hs/contacts/2", "sf/Contact/2"] {
        let link = link_now(&store, text).await.unwrap();
        assert_eq!((link.entity, link.state), (entity(1), LinkState::DuplicateOf("1".into())), "{text}");
    }
}

#[tokio::test]
async fn who_is_not_named_waits_no_longer() {
    let pending = |text: &str, number| Link { state: LinkState::Pending, ..linked(text, number, None) };
    let asked = ["hs/contacts/1", "sf/Lead/2", "sf/Lead/3"];
    let links = || vec![pending(asked[0], 1), pending(asked[1], 2), pending(asked[2], 3)];
    // Beside one of its system that was named it is a duplicate.
    let store = store_with(links(), same(&asked)).await;
    let entity = say_same(&store, &["sf/Lead/2", "hs/contacts/1"]).await.unwrap();
    let left = link_now(&store, "sf/Lead/3").await.unwrap();
    assert_eq!((left.entity, left.state), (entity, LinkState::DuplicateOf("2".into())));
    assert_eq!(store.list("apart/").await.unwrap(), []);
    // Where none of its system was, it is another thing.
    let store = store_with(links(), same(&asked)).await;
    say_same(&store, &["sf/Lead/2", "sf/Lead/3"]).await.unwrap();
    assert_eq!(link_now(&store, "hs/contacts/1").await, None);
    let apart = store.list("apart/").await.unwrap();
    let apart: Vec<_> = apart.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(apart, ["apart/hs/contacts/1|sf/Lead/2", "apart/hs/contacts/1|sf/Lead/3"]);
    assert!(dirty(&store).await.contains(&DirtyKey::Record(Kind::Person, record("hs/contacts/1"))));
}

#[tokio::test]
async fn what_was_deleted_before_the_answer_is_not_linked_unless_that_is_known() {
    for (state, answered) in [(LinkState::Pending, false), (LinkState::Deleted, true)] {
        let gone = Link { state: state.clone(), ..linked("sf/Lead/2", 2, None) };
        let store = store_with(vec![gone], same(&["hs/contacts/1", "sf/Lead/2"])).await;
        let mut batch = Batch::at(now());
        batch.snapshots.push(Snapshot {
            record: record("sf/Lead/2"),
            version: None,
            modified: None,
            state: RecordState::Deleted,
            fields: Vec::new(),
        });
        store.commit(batch).await.unwrap();
        let said = say_same(&store, &[]).await;
        assert_eq!(said.is_ok(), answered, "{said:?}");
        assert_eq!(link_now(&store, "sf/Lead/2").await.unwrap().state, state);
        if let Err(refused) = said {
            assert!(refused.to_string().contains("deleted meanwhile"), "{refused}");
        }
    }
}

#[tokio::test]
async fn a_no_is_for_good_for_each_pair_that_is_not_linked() {
    let links = vec![linked("hs/contacts/1", 10, None), linked("sf/Contact/2", 10, None)];
    let store = store_with(links, same(&["hs/contacts/1", "sf/Contact/2", "sf/Lead/3"])).await;
    reject(&store, &answer(), now()).await.unwrap();
    let apart = store.list("apart/").await.unwrap();
    let apart: Vec<_> = apart.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(apart, ["apart/hs/contacts/1|sf/Lead/3", "apart/sf/Contact/2|sf/Lead/3"]);
    assert_eq!(apart_key(&record("sf/Lead/3"), &record("hs/contacts/1")), apart[0]);
    let work = dirty(&store).await;
    assert!(work.contains(&DirtyKey::Record(Kind::Person, record("sf/Lead/3"))), "{work:?}");
    assert!(matches!(store.review(1).await.unwrap().unwrap().state, ReviewState::Rejected { .. }));
}

#[tokio::test]
async fn what_went_on_before_the_answer_is_answered_as_what_it_is_by_now() {
    let asked = ["hs/contacts/1", "sf/Lead/2", "sf/Lead/3"];
    let links = || {
        let known = |text| linked(text, 10, Some(Base::default()));
        let went_on = Link { state: LinkState::ConvertedTo("9".into()), ..linked(asked[2], 3, None) };
        let heir = Link { state: LinkState::Pending, ..linked("sf/Contact/9", 3, None) };
        vec![known(asked[0]), known(asked[1]), went_on, heir]
    };
    let store = store_with(links(), same(&asked)).await;
    reject(&store, &answer(), now()).await.unwrap();
    assert_eq!(link_now(&store, "sf/Contact/9").await, None, "it is met as a record of its own");
    assert!(dirty(&store).await.contains(&DirtyKey::Record(Kind::Person, record("sf/Contact/9"))));
    let apart = store.list("apart/").await.unwrap();
    let apart: Vec<_> = apart.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(apart, ["apart/hs/contacts/1|sf/Contact/9", "apart/sf/Contact/9|sf/Lead/2"]);
    // Left out, or named by either name, beside another one of its system: a duplicate.
    for named in [&asked[..2], &asked, &[asked[0], asked[1], "sf/Contact/9"]] {
        let store = store_with(links(), same(&asked)).await;
        let entity = say_same(&store, named).await.unwrap();
        let heir = link_now(&store, "sf/Contact/9").await.unwrap();
        assert_eq!((heir.entity, heir.state), (entity, LinkState::DuplicateOf("2".into())), "{named:?}");
    }
}

#[tokio::test]
async fn a_blocked_create_is_linked_with_the_record_that_blocked_it() {
    let question = Question::Duplicate {
        entity: entity(10),
        candidates: vec![record("sf/Contact/2"), record("sf/Lead/3")],
    };
    let store = store_with(vec![linked("hs/contacts/1", 10, None)], question).await;
    assert!(say_same(&store, &[]).await.is_err(), "two candidates: one has to be named");
    assert_eq!(say_same(&store, &["sf/Contact/2"]).await.unwrap(), entity(10));
    assert_eq!(link_now(&store, "sf/Contact/2").await.unwrap().state, LinkState::Active);
}

#[tokio::test]
async fn a_question_about_something_else_cannot_be_answered_with_a_link() {
    let question = Question::Parked { entity: entity(10), what: "a create".into() };
    let store = store_with(vec![linked("hs/contacts/1", 10, None)], question).await;
    assert!(say_same(&store, &[]).await.is_err());
    reject(&store, &answer(), now()).await.unwrap();
    assert_eq!(dirty(&store).await, [DirtyKey::Entity(Kind::Person, entity(10))]);
}

#[tokio::test]
async fn a_release_forgets_what_was_parked_and_plans_it_again() {
    let oscillates = |attribute: &str| Watch {
        rest: Some(Rest::Oscillates { attribute: attribute.into(), since: now() }),
        ..Watch::default()
    };
    let watches = [("phone".into(), oscillates("phone")), ("city".into(), oscillates("city"))].into();
    let base = Base { watches, ..Base::default() };
    let question = Question::Oscillates { entity: entity(10), attribute: "phone".into(), since: now() };
    let store = store_with(vec![linked("hs/contacts/1", 10, Some(base))], question).await;
    release(&store, &answer(), now()).await.unwrap();
    let left = link_now(&store, "hs/contacts/1").await.unwrap().base.unwrap().watches;
    assert_eq!(left.into_keys().collect::<Vec<_>>(), ["city".into()]);
    assert_eq!(dirty(&store).await, [DirtyKey::Entity(Kind::Person, entity(10))]);
    assert!(matches!(release(&store, &answer(), now()).await, Err(Error::Review { .. })), "released already");

    let question = Question::Parked { entity: entity(10), what: "a create".into() };
    let store = store_with(vec![linked("hs/contacts/1", 10, None)], question).await;
    let mut batch = Batch::at(now());
    batch.puts.push((format!("parked/{}/sf", entity(10)), Some(b"a create".to_vec())));
    store.commit(batch).await.unwrap();
    release(&store, &answer(), now()).await.unwrap();
    assert_eq!(store.list("parked/").await.unwrap(), []);

    let store = store_with(vec![], same(&["hs/contacts/1", "sf/Contact/2"])).await;
    assert!(release(&store, &answer(), now()).await.is_err(), "nothing is parked by this question");
}
