//! Circuit breakers (HUB-7): each stops a run before the first write of a round, and a person who looked at the plan passes it.

use crate::scenario::{HubSpot, Salesforce, Setting, World};
use serde_json::{Value, json};
use syncline_engine::cycle::{self, Backfill, Needs};
use syncline_store::Batch;

/// Every breaker trips at more than two records.
fn narrow() -> Setting {
    Setting {
        changes: vec![
            ("create = { count = 500, share = 0.2 }", "create = { count = 2, share = 0.1 }"),
            ("blank = { count = 100, share = 0.02 }", "blank = { count = 2, share = 0.1 }"),
            ("archive = { count = 50, share = 0.01 }", "archive = { count = 2, share = 0.1 }"),
            ("on_delete = \"review\"", "on_delete = \"archive\""),
        ],
        ..Setting::default()
    }
}

/// Six accounts that both sides know.
async fn six() -> (World, Vec<String>) {
    let mut world = World::with(narrow()).await;
    let account = |n| json!({"Name": format!("A{n}"), "Website": format!("a{n}.com"), "Phone": "1"});
    let accounts = (0..6).map(|n| world.create(Salesforce, "Account", account(n))).collect();
    world.first_contact().await;
    (world, accounts)
}

/// A run stops at this guard, with nothing written anywhere; the plan, once applied, writes just what was stopped.
async fn stops_and_is_passed(world: &mut World, guard: &str, count: u64) {
    let before = (world.picture(), world.rows_written());
    for _ in 0..2 {
        let outcome = world.sync().await;
        let Some(Needs::Guard(tripped)) = &outcome.needs else { panic!("{:?}", outcome.needs) };
        let told: Vec<_> = tripped.iter().map(|it| (it.guard, it.count, it.allowed)).collect();
        assert_eq!(told, [(guard, count, 2)]);
        assert_eq!(
            (outcome.tally.writes(), (world.picture(), world.rows_written())),
            (0, (world.picture(), before.1))
        );
        assert_eq!(world.picture(), before.0);
    }
    world.plan().await;
    assert_eq!(world.apply().await.unwrap().tally.writes(), count);
    world.still().await;
}

#[tokio::test]
async fn guard_of_creates() {
    let (mut world, _) = six().await;
    for n in 6..9 {
        world.create(Salesforce, "Account", json!({"Name": format!("A{n}"), "Website": format!("a{n}.com")}));
    }
    stops_and_is_passed(&mut world, "create", 3).await;
    assert_eq!(world.dump(HubSpot)["objects"]["companies"].as_array().unwrap().len(), 9);
}

#[tokio::test]
async fn guard_of_blanks() {
    let (mut world, accounts) = six().await;
    for account in &accounts {
        world.edit(Salesforce, "Account", account, json!({"Phone": null}));
    }
    stops_and_is_passed(&mut world, "blank", 6).await;
    assert_eq!(world.find_all(HubSpot, "companies", "phone", "1"), Vec::<String>::new());
}

#[tokio::test]
async fn guard_of_archives() {
    let (mut world, accounts) = six().await;
    for account in &accounts[..3] {
        world.admin(Salesforce, json!({"do": "delete", "id": account}));
    }
    world.advance(86_400);
    stops_and_is_passed(&mut world, "archive", 3).await;
    let dump = world.dump(HubSpot);
    let archived =
        dump["objects"]["companies"].as_array().unwrap().iter().filter(|it| it["archived"] == true);
    assert_eq!(archived.count(), 3);
}

#[tokio::test]
async fn a_required_field_that_gets_its_placeholder_counts_as_blanked() {
    let mut world = World::with(narrow()).await;
    let person = |n| json!({"email": format!("p{n}@x{n}.org"), "lastname": format!("P{n}")});
    let people: Vec<String> = (0..3).map(|n| world.create(HubSpot, "contacts", person(n))).collect();
    world.first_contact().await;
    for contact in &people {
        world.edit(HubSpot, "contacts", contact, json!({"lastname": ""}));
    }
    stops_and_is_passed(&mut world, "blank", 3).await;
    assert_eq!(world.find_all(Salesforce, "Lead", "LastName", "[not provided]").len(), 3);
    // The first real names are no blanks.
    for contact in &people {
        world.edit(HubSpot, "contacts", contact, json!({"lastname": "Lee"}));
    }
    world.writes(3).await;
    assert_ne!(world.field(HubSpot, "contacts", &people[0], "lastname"), Value::Null);
}

#[tokio::test]
async fn as_many_as_are_allowed_pass() {
    let (mut world, accounts) = six().await;
    for account in &accounts[..2] {
        world.edit(Salesforce, "Account", account, json!({"Phone": null}));
    }
    world.writes(2).await;
}

/// A person empties the phone of an account.
fn emptied(account: &String) -> Value {
    json!({"do": "edit", "object": "Account", "id": account, "fields": {"Phone": null}})
}

#[tokio::test]
async fn what_automation_makes_of_a_round_is_guarded_like_anything_else() {
    let (mut world, accounts) = six().await;
    let company = world.find(HubSpot, "companies", "name", "A0");
    world.edit(HubSpot, "companies", &company, json!({"city": "Bern"}));
    world.wire.answers(Salesforce, accounts.iter().map(emptied).collect());
    let outcome = world.sync().await;
    let Some(Needs::Guard(tripped)) = &outcome.needs else { panic!("{outcome:?}") };
    assert_eq!(tripped.iter().map(|it| (it.guard, it.count)).collect::<Vec<_>>(), [("blank", 6)]);
    assert_eq!((outcome.rounds, outcome.tally.writes()), (2, 1));
    assert_eq!(world.find_all(HubSpot, "companies", "phone", "1").len(), 6);
}

#[tokio::test]
async fn what_a_round_did_counts_in_the_next_one() {
    let (mut world, accounts) = six().await;
    for account in &accounts[..2] {
        world.edit(Salesforce, "Account", account, json!({"Phone": null}));
    }
    world.wire.answers(Salesforce, accounts[2..3].iter().map(emptied).collect());
    let city = json!({"city": "Bern"});
    let company = world.find(HubSpot, "companies", "name", "A5");
    world.edit(HubSpot, "companies", &company, city);
    let outcome = world.sync().await;
    let Some(Needs::Guard(tripped)) = &outcome.needs else { panic!("{outcome:?}") };
    assert_eq!(tripped.iter().map(|it| (it.guard, it.count)).collect::<Vec<_>>(), [("blank", 3)]);
    assert_eq!((outcome.rounds, world.find_all(HubSpot, "companies", "phone", "1").len()), (2, 4));
    // The next run counts for itself.
    world.writes(1).await;
}

#[tokio::test]
async fn who_confirms_a_first_contact_confirms_its_creates_and_nothing_else() {
    let (mut world, accounts) = six().await;
    let mut batch = Batch::at(world.wire.now());
    batch.puts.push(("confirmed".to_owned(), None));
    world.workspace.store.commit(batch).await.unwrap();
    for n in 6..9 {
        world.create(Salesforce, "Account", json!({"Name": format!("A{n}"), "Website": format!("a{n}.com")}));
    }
    accounts.iter().for_each(|account| drop(world.admin(Salesforce, emptied(account))));
    let confirmed = Backfill::Confirmed("tester".into());
    for _ in 0..2 {
        world.advance(3_600);
        let outcome = cycle::sync(world.ctx(), &confirmed, "tester").await.unwrap();
        let Some(Needs::Guard(tripped)) = &outcome.needs else { panic!("{outcome:?}") };
        assert_eq!(tripped.iter().map(|it| (it.guard, it.count)).collect::<Vec<_>>(), [("blank", 6)]);
        assert_eq!(outcome.tally.writes(), 0);
    }
    for account in &accounts {
        world.edit(Salesforce, "Account", account, json!({"Phone": "1"}));
    }
    world.advance(3_600);
    let outcome = cycle::sync(world.ctx(), &confirmed, "tester").await.unwrap();
    assert_eq!((outcome.needs, outcome.tally.created), (None, 3));
    world.still().await;
}

#[tokio::test]
async fn the_first_contact_of_one_kind_confirms_no_creates_of_another() {
    let (mut world, _) = six().await;
    let known = world.workspace.store.get("confirmed").await.unwrap().unwrap();
    let mut known: Value = serde_json::from_slice(&known).unwrap();
    known["kinds"].as_object_mut().unwrap().remove("person").unwrap();
    let mut batch = Batch::at(world.wire.now());
    batch.puts.push(("confirmed".to_owned(), Some(serde_json::to_vec(&known).unwrap())));
    world.workspace.store.commit(batch).await.unwrap();
    for n in 6..9 {
        world.create(HubSpot, "contacts", json!({"email": format!("p{n}@x{n}.org"), "lastname": "Lee"}));
        world.create(Salesforce, "Account", json!({"Name": format!("A{n}"), "Website": format!("a{n}.com")}));
    }
    world.advance(3_600);
    let confirmed = Backfill::Confirmed("tester".into());
    let outcome = cycle::sync(world.ctx(), &confirmed, "tester").await.unwrap();
    let Some(Needs::Guard(tripped)) = &outcome.needs else { panic!("{outcome:?}") };
    let told: Vec<_> = tripped.iter().map(|it| (it.guard, it.object.as_str(), it.count)).collect();
    assert_eq!((told, outcome.tally.writes()), (vec![("create", "companies", 3)], 0));
}
