//! Capture over a real store.

use super::*;
use crate::testing::{Bench, contact};
use syncline_kit::vendor::Listing;
use syncline_model::{
    Base, EntityId, Evidence, JournalSeq, Kind, Link, LinkState, RecordState, Snapshot,
    journal::Event,
    plan::{Held, HeldReason},
};
use syncline_store::{DirtyKey, HeldWrite, JournalFilter, LinkWrite, MatchKey};
use uuid::Uuid;

const LEFT: &str = "left";

async fn ctx_with(bench: &Bench, pages: Vec<Vec<syncline_model::Observation>>) -> Ctx {
    bench.left.pages.lock().unwrap().extend(pages);
    bench.open().await.unwrap()
}

fn show(bench: &Bench, page: Vec<syncline_model::Observation>) {
    bench.left.pages.lock().unwrap().push_back(page);
}

async fn cycle_left(ctx: &Ctx) -> Captured {
    cycle(ctx, &LEFT.into()).await.unwrap()
}

async fn events(ctx: &Ctx) -> Vec<Event> {
    let entries = ctx.store.journal(&JournalFilter::default(), JournalSeq(0), 100).await.unwrap();
    entries
        .into_iter()
        .map(|entry| entry.event)
        .filter(|event| !matches!(event, Event::Config { .. }))
        .collect()
}

async fn work_to_do(ctx: &Ctx) -> Vec<DirtyKey> {
    ctx.store.dirty(None, 100).await.unwrap().into_iter().map(|dirty| dirty.key).collect()
}

async fn snapshot(ctx: &Ctx, id: &str) -> Option<Snapshot> {
    ctx.store.records(&[RecordRef::new(LEFT, "contacts", id)]).await.unwrap().remove(0).snapshot
}

/// Clears the work list, as planning does.
async fn plan_all(ctx: &Ctx) {
    let mut batch = ctx.batch();
    batch.done = ctx.store.dirty(None, 100).await.unwrap();
    ctx.store.commit(batch).await.unwrap();
}

async fn link(ctx: &Ctx, id: &str, entity: u128) {
    let mut batch = ctx.batch();
    batch.links.push(LinkWrite::Put(Link {
        record: RecordRef::new(LEFT, "contacts", id),
        facet: Kind::Person,
        entity: EntityId(Uuid::from_u128(entity)),
        state: LinkState::Active,
        evidence: Evidence::First,
        since: JournalSeq(0),
        base: Some(Base::default()),
    }));
    ctx.store.commit(batch).await.unwrap();
}

#[tokio::test]
async fn a_first_read_stores_snapshots_keys_work_and_one_baseline_a_page() {
    let bench = Bench::new().await;
    let pages = vec![
        vec![contact("2", 1, "Ada@Example.com", "Lovelace"), contact("1", 1, "b@example.com", "B")],
        vec![contact("3", 1, "c@example.com", "C")],
    ];
    let ctx = ctx_with(&bench, pages).await;
    assert_eq!(cycle_left(&ctx).await, Captured { pages: 2, rows: 3, changed: 3, schemas_changed: false });
    assert!(snapshot(&ctx, "2").await.is_some());
    let key = MatchKey { name: "email".into(), value: "ada@example.com".into() };
    let found = ctx.store.by_keys(Kind::Person, &[key]).await.unwrap().remove(0);
    assert_eq!(found, [RecordRef::new(LEFT, "contacts", "2")]);
    assert_eq!(work_to_do(&ctx).await.len(), 3);
    let baseline = |rows, first: &str, last: &str| Event::Baseline {
        connection: LEFT.into(),
        object: "contacts".into(),
        rows,
        range: (first.into(), last.into()),
    };
    assert_eq!(events(&ctx).await, [baseline(2, "1", "2"), baseline(1, "3", "3")]);
}

#[tokio::test]
async fn a_cycle_that_was_cut_off_is_ended_and_a_whole_one_follows() {
    let bench = Bench::new().await;
    let page = |id: &str| vec![contact(id, 1, &format!("{id}@example.com"), id)];
    let ctx = ctx_with(&bench, ["1", "2", "3", "4"].map(page).into()).await;
    *bench.left.rest.lock().unwrap() = 2;
    assert_eq!(cycle_left(&ctx).await.pages, 4);
    assert!(snapshot(&ctx, "4").await.is_some());
    assert_eq!(cycle_left(&ctx).await.pages, 1, "nothing is left over from it");
}

#[tokio::test]
async fn reading_the_same_again_writes_nothing_but_the_cursor() {
    let bench = Bench::new().await;
    let ctx = ctx_with(&bench, vec![vec![contact("1", 1, "a@example.com", "A")]]).await;
    cycle_left(&ctx).await;
    plan_all(&ctx).await;
    show(&bench, vec![contact("1", 1, "a@example.com", "A")]);
    assert_eq!(cycle_left(&ctx).await.changed, 0);
    assert_eq!(work_to_do(&ctx).await, []);
    assert_eq!(events(&ctx).await.len(), 1);
    assert_eq!(load_cursor(&*ctx.store, &LEFT.into()).await.unwrap(), Cursor(2.into()));

    // Only the version moved (a field that is not captured changed): kept, but nothing to do.
    show(&bench, vec![contact("1", 9, "a@example.com", "A")]);
    assert_eq!(cycle_left(&ctx).await.changed, 0);
    assert_eq!(&*snapshot(&ctx, "1").await.unwrap().version.unwrap().0, "9");
    assert_eq!((work_to_do(&ctx).await, events(&ctx).await.len()), (vec![], 1));
}

#[tokio::test]
async fn a_change_of_a_linked_record_keeps_its_base_and_marks_the_entity() {
    let bench = Bench::new().await;
    let ctx = ctx_with(&bench, vec![vec![contact("1", 1, "a@example.com", "A")]]).await;
    cycle_left(&ctx).await;
    link(&ctx, "1", 42).await;
    plan_all(&ctx).await;
    // Shown twice in one page: the later one counts, the base is that of before the page.
    show(&bench, vec![contact("1", 2, "a@example.com", "B"), contact("1", 3, "new@example.com", "C")]);
    assert_eq!(cycle_left(&ctx).await.changed, 1);
    assert_eq!(work_to_do(&ctx).await, [DirtyKey::Entity(Kind::Person, EntityId(Uuid::from_u128(42)))]);
    let record = RecordRef::new(LEFT, "contacts", "1");
    let changed = Event::Changed { record: record.clone(), fields: vec!["email".into(), "lastname".into()] };
    assert_eq!(events(&ctx).await.last(), Some(&changed));
    let base = ctx.store.records(&[record]).await.unwrap().remove(0).links.remove(0).base.unwrap();
    assert_eq!(base.entries["lastname"].agreed, Some(syncline_model::Value::text("A").into()));
    let old = MatchKey { name: "email".into(), value: "a@example.com".into() };
    assert_eq!(ctx.store.by_keys(Kind::Person, &[old]).await.unwrap(), [vec![]]);
}

#[tokio::test]
async fn a_delete_takes_the_keys_and_marks_the_record_but_an_unknown_tombstone_is_nothing_to_do() {
    let bench = Bench::new().await;
    let ctx = ctx_with(&bench, vec![vec![contact("1", 1, "a@example.com", "A")]]).await;
    cycle_left(&ctx).await;
    plan_all(&ctx).await;
    let tombstone = |id| {
        let mut seen = contact(id, 2, "", "");
        (seen.state, seen.fields) = (RecordState::Deleted, Vec::new());
        seen
    };
    show(&bench, vec![tombstone("1"), tombstone("9")]);
    cycle_left(&ctx).await;
    let key = MatchKey { name: "email".into(), value: "a@example.com".into() };
    assert_eq!(ctx.store.by_keys(Kind::Person, &[key]).await.unwrap(), [vec![]]);
    assert_eq!(
        work_to_do(&ctx).await,
        [DirtyKey::Record(Kind::Person, RecordRef::new(LEFT, "contacts", "1"))]
    );
    assert_eq!(snapshot(&ctx, "9").await.unwrap().state, RecordState::Deleted);
    let state =
        Event::Changed { record: RecordRef::new(LEFT, "contacts", "1"), fields: vec!["@state".into()] };
    assert!(events(&ctx).await.contains(&state));
}

#[tokio::test]
async fn a_deleted_record_that_was_never_read_is_looked_at_daily_where_lists_do_not_show_a_restore() {
    let bench = Bench::new().await;
    let ctx = ctx_with(&bench, Vec::new()).await;
    let mut seen = contact("9", 2, "", "");
    (seen.state, seen.fields) = (RecordState::Deleted, Vec::new());
    let seen = [seen, contact("1", 1, "a@example.com", "A")];
    for (listing, expected) in
        [(Listing::Current, vec![]), (Listing::Late, vec!["deleted/left/contacts/9".to_owned()])]
    {
        let mut batch = ctx.batch();
        page::take(&*ctx.store, ctx.mapping(), listing, &seen, &mut batch).await.unwrap();
        let looked_at: Vec<String> = batch.puts.into_iter().map(|(key, _)| key).collect();
        assert_eq!(looked_at, expected, "{listing:?}");
    }
}

#[tokio::test]
async fn records_named_by_a_webhook_are_read_without_moving_the_cursor() {
    let bench = Bench::new().await;
    let ctx = ctx_with(&bench, vec![vec![contact("1", 1, "a@example.com", "A")]]).await;
    let hinted = [RecordRef::new(LEFT, "contacts", "1"), RecordRef::new(LEFT, "tickets", "5")];
    assert_eq!(records(&ctx, &hinted).await.unwrap().changed, 1);
    assert!(snapshot(&ctx, "1").await.is_some());
    assert_eq!(load_cursor(&*ctx.store, &LEFT.into()).await.unwrap(), Cursor::default());
    let unknown = records(&ctx, &[RecordRef::new("nowhere", "contacts", "1")]).await;
    assert!(matches!(unknown, Err(Error::UnknownConnection { .. })));
}

#[tokio::test]
async fn what_is_held_because_of_a_record_becomes_work_when_the_record_changes() {
    let bench = Bench::new().await;
    let ctx = ctx_with(&bench, vec![vec![contact("1", 1, "a@example.com", "A")]]).await;
    cycle_left(&ctx).await;
    let (entity, record) = (EntityId(Uuid::from_u128(42)), RecordRef::new(LEFT, "contacts", "1"));
    let held = Held {
        entity,
        kind: Kind::Person,
        record: RecordRef::new("right", "Contact", "9"),
        attribute: None,
        connection: LEFT.into(),
        reason: HeldReason::ManualConflict,
        until: None,
    };
    let held = vec![(held, vec![format!("record:{record}")])];
    let mut batch = ctx.batch();
    batch.held.push(HeldWrite { entity, kind: Kind::Person, held, findings: Vec::new() });
    ctx.store.commit(batch).await.unwrap();
    plan_all(&ctx).await;
    show(&bench, vec![contact("1", 2, "a@example.com", "B")]);
    cycle_left(&ctx).await;
    assert!(work_to_do(&ctx).await.contains(&DirtyKey::Entity(Kind::Person, entity)));
}

#[tokio::test]
async fn a_killed_process_leaves_its_pace_with_the_last_page() {
    let bench = Bench::new().await;
    let ctx = ctx_with(&bench, vec![vec![contact("1", 1, "a@x.example", "A")]]).await;
    let pace = serde_json::json!({"search": [7]});
    *bench.left.pace.lock().unwrap() = Some(pace.clone());
    cycle_left(&ctx).await;
    drop(ctx);
    bench.open().await.unwrap();
    assert_eq!(*bench.left.resumed.lock().unwrap(), [pace]);
}
