//! What the journal keeps of values (HUB-6).

use crate::scenario::{HubSpot, Salesforce, Setting, World, acme};
use serde_json::json;
use std::collections::BTreeSet;
use syncline_engine::{
    history::{self, EventKind, Filter, Page},
    retention::{self, Known},
};
use syncline_model::{
    Action, After, JournalSeq, Observed, Value,
    journal::{Event, JournalEntry, RowValues, Written},
};
use syncline_store::JournalFilter;

/// All entries with the values of their rows.
async fn journal(world: &mut World) -> Vec<(JournalEntry, Vec<RowValues>)> {
    let store = world.ctx().store.clone();
    let entries = store.journal(&JournalFilter::default(), JournalSeq(0), usize::MAX).await.unwrap();
    let values = store.journal_values(&entries).await.unwrap();
    let present =
        |kept: Vec<syncline_store::StoredValues>| kept.into_iter().filter_map(|one| one.values).collect();
    entries.into_iter().zip(values.into_iter().map(present)).collect()
}

async fn written(world: &mut World) -> Vec<Written> {
    let rows =
        journal(world).await.into_iter().filter(|(entry, _)| matches!(entry.event, Event::CallEnded { .. }));
    rows.flat_map(|(_, values)| values)
        .map(|values| match values {
            RowValues::Written(written) => *written,
            RowValues::Changed(_) => panic!("a call has no changes"),
        })
        .collect()
}

fn text(value: &str) -> Observed {
    Value::text(value).into()
}

#[tokio::test]
async fn every_confirmed_row_has_what_it_wrote_and_every_change_what_it_was() {
    let (mut world, account, company) = acme(Setting::default()).await;
    let created = written(&mut world).await.pop().unwrap();
    assert!(created.created);
    assert_eq!((created.record.object.as_str(), created.record.id.as_str()), ("companies", company.as_str()));
    assert_eq!(created.operation.action, Action::Create { object: "companies".into(), fields: Vec::new() });

    world.edit(Salesforce, "Account", &account, json!({"Name": "Acme Corp", "Phone": ""}));
    world.writes(1).await;
    let all = journal(&mut world).await;
    let (_, changes) = all.iter().rfind(|(entry, _)| matches!(entry.event, Event::Changed { .. })).unwrap();
    let [RowValues::Changed(moved)] = changes.as_slice() else { panic!("{changes:?}") };
    let moved: Vec<_> =
        moved.iter().map(|one| (one.field.as_str(), one.before.clone(), one.after.clone())).collect();
    assert!(moved.contains(&("Name", text("Acme"), text("Acme Corp"))), "{moved:?}");
    assert!(moved.contains(&("Phone", text("+1 555 0100"), Observed::Empty)), "{moved:?}");
    let update = written(&mut world).await.pop().unwrap();
    assert!(!update.created && update.operation.preconditions.is_empty());
    assert_eq!(update.record.id.as_str(), company);
    let fields: Vec<_> = update
        .operation
        .action
        .fields()
        .iter()
        .map(|change| (change.field.as_str(), change.before.clone(), change.after.clone()))
        .collect();
    let name = ("name", text("Acme"), After::Value(Value::text("Acme Corp").unwrap()));
    assert_eq!(fields, [name, ("phone", text("+1 555 0100"), After::Clear)]);

    world.admin(Salesforce, json!({"do": "delete", "id": account}));
    world.advance(86_400);
    world.writes(0).await;
    let (_, changes) = journal(&mut world).await.into_iter().rfind(|(_, values)| !values.is_empty()).unwrap();
    let [RowValues::Changed(moved)] = changes.as_slice() else { panic!("{changes:?}") };
    let state = moved.iter().find(|one| one.field.as_str() == "@state").unwrap();
    let state = [&state.before, &state.after].map(ToString::to_string);
    assert_eq!(state, ["live", "deleted"]);
}

const DAY: u64 = 86_400;

/// An hour of observations, a month of entries: what is older goes once a day.
fn short() -> Setting {
    Setting { more: "\n[journal]\nobserved = \"1h\"\nentries = \"30d\"\n", ..Setting::default() }
}

#[tokio::test]
async fn what_was_kept_long_enough_is_let_go_and_the_rest_is_proved() {
    let (mut world, account, _) = acme(short()).await;
    world.edit(Salesforce, "Account", &account, json!({"Name": "Acme Corp"}));
    world.writes(1).await;
    let first = world.replayed().await;
    assert_eq!(first.journal_from, JournalSeq(0));
    assert!(first.formers > 0 && first.state_from < first.to, "{first:?}");

    // The day after: observations are over, what was written is not.
    world.advance(DAY);
    world.writes(0).await;
    let next = world.replayed().await;
    assert_eq!(next.journal_from, JournalSeq(0));
    assert!(next.state_from > first.state_from, "{next:?}");
    assert!(next.formers < first.formers, "{next:?}");
    let all = journal(&mut world).await;
    assert!(matches!(all.last().unwrap().0.event, Event::LetGo { .. }));
    let kept = |kind: fn(&Event) -> bool| {
        all.iter().filter(|(entry, values)| kind(&entry.event) && !values.is_empty()).count()
    };
    assert_eq!(kept(|event| matches!(event, Event::Changed { .. })), 0);
    assert!(kept(|event| matches!(event, Event::CallEnded { .. })) > 1);

    // Another month: the entries are over too.
    world.advance(31 * DAY);
    world.writes(0).await;
    let last = world.replayed().await;
    assert!(last.journal_from > JournalSeq(0), "{last:?}");
    assert_eq!(journal(&mut world).await[0].0.seq.0, last.journal_from.0 + 1);
    world.edit(Salesforce, "Account", &account, json!({"Name": "Acme Inc"}));
    world.writes(1).await;
    world.still().await;
}

#[tokio::test]
async fn nothing_is_written_where_nothing_is_due() {
    let (mut world, ..) = acme(short()).await;
    world.advance(40 * DAY);
    world.writes(0).await;
    let head = world.ctx().store.journal_head().await.unwrap();
    world.advance(3 * DAY);
    world.writes(0).await;
    world.advance(DAY);
    world.writes(0).await;
    let after = world.ctx().store.journal_head().await.unwrap();
    assert!(after.0 - head.0 <= 1, "a further look finds nothing more: {head:?} {after:?}");
}

#[tokio::test]
async fn what_is_erased_of_a_record_is_shown_as_erased_and_the_rest_is_proved() {
    let (mut world, account, company) = acme(Setting::default()).await;
    world.edit(Salesforce, "Account", &account, json!({"Name": "Acme Corp"}));
    world.writes(1).await;
    let store = world.ctx().store.clone();
    let now = world.ctx().now();
    let erase = |address: String| {
        let store = store.clone();
        async move { retention::erase(&*store, now, &address.parse().unwrap(), "Ann".into()).await.unwrap() }
    };
    assert_eq!(erase("hubspot/companies/none".to_owned()).await, Known::No);
    assert_eq!(erase(format!("hubspot/companies/{company}")).await, Known::Yes);
    let told = world.replayed().await;
    assert_eq!(told.erased, 2, "the create and the update");
    let record = format!("hubspot/companies/{company}").parse().unwrap();
    let filter = history::Filter { record: Some(record), ..history::Filter::default() };
    let entries = history::history(&*store, &filter, Page::Before(None), 99).await.unwrap();
    assert!(matches!(entries.last().unwrap().event, Event::Erased { .. }));
    let told = history::with_values(&*store, entries).await.unwrap();
    let of_company = |one: &history::ToldValues| one.record.connection.as_str() == "hubspot";
    let values: Vec<_> = told.iter().flat_map(|one| &one.values).filter(|one| of_company(one)).collect();
    assert!(values.len() == 2 && values.iter().all(|one| one.values.is_none()), "{values:?}");
    // The sync goes on as if nothing had been.
    world.edit(Salesforce, "Account", &account, json!({"Name": "Acme Inc"}));
    world.writes(1).await;
    assert_eq!(world.field(HubSpot, "companies", &company, "name"), "Acme Inc");
    world.still().await;
}

#[tokio::test]
async fn the_history_is_filtered_and_paged() {
    let (mut world, account, company) = acme(Setting::default()).await;
    world.advance(DAY);
    let since = world.ctx().now();
    world.edit(Salesforce, "Account", &account, json!({"Name": "Acme Corp"}));
    world.writes(1).await;
    let store = world.ctx().store.clone();
    let everything = journal(&mut world).await;
    let all: Vec<u64> = everything.iter().map(|(entry, _)| entry.seq.0).collect();
    let of = |filter: Filter, page: Page, limit: usize| {
        let store = store.clone();
        async move {
            let entries = history::history(&*store, &filter, page, limit).await.unwrap();
            entries.iter().map(|entry| entry.seq.0).collect::<Vec<_>>()
        }
    };
    let newest = Page::Before(None);
    assert_eq!(of(Filter::default(), newest, 99).await, all);
    assert_eq!(of(Filter::default(), newest, 3).await, all[all.len() - 3..]);
    let before = Page::Before(Some(JournalSeq(4)));
    assert_eq!(of(Filter::default(), before, 2).await, [2, 3]);
    assert_eq!(of(Filter::default(), Page::After(JournalSeq(4)), 2).await, [5, 6]);
    let passing = |keep: &dyn Fn(&JournalEntry) -> bool| -> Vec<u64> {
        let some = everything.iter().filter(|(entry, _)| keep(entry));
        some.map(|(entry, _)| entry.seq.0).collect()
    };
    let later = passing(&|entry| entry.at >= since);
    assert!(!later.is_empty() && later.len() < all.len());
    assert_eq!(of(Filter { since: Some(since), ..Filter::default() }, newest, 99).await, later);
    let earlier = passing(&|entry| entry.at < since);
    assert_eq!(of(Filter { until: Some(since), ..Filter::default() }, newest, 99).await, earlier);
    let answered = passing(&|entry| matches!(entry.event, Event::CallEnded { .. }));
    let events = BTreeSet::from([EventKind::Answered]);
    assert_eq!(of(Filter { events, ..Filter::default() }, newest, 99).await, answered);
    let run = everything.last().unwrap().0.run;
    assert!(run.is_some());
    let of_run = passing(&|entry| entry.run == run);
    assert_eq!(of(Filter { run, ..Filter::default() }, newest, 99).await, of_run);

    let companies = Filter { object: Some("companies".into()), ..Filter::default() };
    let company_entries = of(companies, newest, 99).await;
    let records =
        Filter { record: Some(format!("hubspot/companies/{company}").parse().unwrap()), ..Filter::default() };
    let record_entries = of(records.clone(), newest, 99).await;
    assert!(company_entries.len() >= 2 && company_entries.iter().all(|seq| record_entries.contains(seq)));
    let entity = store.records(&[records.record.clone().unwrap()]).await.unwrap()[0].links[0].entity;
    let whole = of(Filter { entity: Some(entity), ..Filter::default() }, newest, 99).await;
    let account = format!("salesforce/Account/{account}").parse().unwrap();
    let other = of(Filter { record: Some(account), ..Filter::default() }, newest, 99).await;
    let both: BTreeSet<u64> = record_entries.iter().chain(&other).copied().collect();
    assert_eq!(whole, both.into_iter().collect::<Vec<_>>());
    let hubspot = Filter { connection: Some("hubspot".into()), ..records };
    let hubspot = of(hubspot, newest, 99).await;
    assert!(!hubspot.is_empty() && hubspot.len() < record_entries.len(), "{hubspot:?} {record_entries:?}");
}
