//! What the journal keeps of values (HUB-6).

use crate::scenario::{Salesforce, Setting, World, acme};
use serde_json::json;
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
