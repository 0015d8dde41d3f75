//! Fields that something keeps setting back after we write them (decisions §1.4): parked, not fought over for ever.

use crate::scenario::{HubSpot, Salesforce, Setting, World, acme};
use serde_json::json;
use syncline_engine::reviews;
use syncline_model::review::{Question, ReviewState};

const PARKED: &str = "oscillates SYN-2016 phone@hubspot";

fn phone_ruled_by_salesforce() -> Setting {
    let rule = "[kind.organisation.field.phone]\nrule = \"always salesforce\"\n";
    Setting { changes: vec![("[kind.organisation.field.phone]\n", rule)], ..Setting::default() }
}

async fn released(world: &mut World, review: u64) {
    let ctx = world.ctx();
    let answer = reviews::Answer { id: review, who: "tester".into() };
    reviews::release(&*ctx.store, &answer, ctx.now()).await.unwrap();
}

/// HubSpot's automation takes every write of the phone back, until ours stops: how often we wrote it.
async fn fight(world: &mut World, company: &str) -> u64 {
    let mut writes = 0;
    for _ in 0..10 {
        world.edit(HubSpot, "companies", company, json!({"phone": "7"}));
        let written = world.sync().await.tally.writes();
        if written == 0 {
            return writes;
        }
        writes += written;
    }
    panic!("{writes} writes, and no end")
}

#[tokio::test]
async fn a_field_that_an_automation_sets_back_after_each_write_is_parked() {
    let (mut world, account, company) = acme(phone_ruled_by_salesforce()).await;
    // Written back once, and again after each of two undos; the third undo parks it.
    assert_eq!(fight(&mut world, &company).await, 3);
    assert_eq!(world.says(HubSpot, "companies", &company).await, PARKED);
    assert_eq!(world.says(Salesforce, "Account", &account).await, PARKED);
    assert_eq!(world.reviews().await.len(), 1);
    world.still().await;

    // The rest of the record goes on, and the field stays as it is on both sides, also after the window.
    world.advance(2 * 86_400);
    world.edit(Salesforce, "Account", &account, json!({"Phone": "8", "BillingCity": "Berlin"}));
    world.writes(1).await;
    assert_eq!(world.field(HubSpot, "companies", &company, "city"), "Berlin");
    assert_eq!(world.field(HubSpot, "companies", &company, "phone"), "7");
    assert_eq!(world.says(HubSpot, "companies", &company).await, PARKED);

    // A person turns the automation off and says so.
    let review = world.reviews().await[0].id;
    released(&mut world, review).await;
    world.writes(1).await;
    assert_eq!(world.field(HubSpot, "companies", &company, "phone"), "8");
    assert_eq!(world.says(HubSpot, "companies", &company).await, "in_step");
    assert_eq!(world.reviews().await, []);
    let review = world.workspace.store.review(review).await.unwrap().unwrap();
    assert!(matches!(review.state, ReviewState::Released { .. }), "{review:?}");
}

#[tokio::test]
async fn a_released_field_that_is_set_back_again_is_parked_and_asked_about_again() {
    let (mut world, _, company) = acme(phone_ruled_by_salesforce()).await;
    assert_eq!(fight(&mut world, &company).await, 3);
    let first = world.reviews().await[0].id;
    released(&mut world, first).await;
    world.writes(1).await;
    assert_eq!(fight(&mut world, &company).await, 3 - 1, "the write after the release counts");
    let open = world.reviews().await;
    assert_eq!(open.len(), 1);
    assert_ne!(open[0].id, first);
    // Rejected: it stays parked, and can still be released later.
    world.reject(open[0].id).await;
    world.still().await;
    assert_eq!(world.says(HubSpot, "companies", &company).await, PARKED);
    released(&mut world, open[0].id).await;
    world.writes(1).await;
}

#[tokio::test]
async fn an_automation_that_undoes_what_people_write_on_the_other_side_is_parked() {
    // two_way: the automation's value travels back each time, and each person tries again.
    let (mut world, account, company) = acme(Setting::default()).await;
    for (round, city) in ["Berlin", "Bonn", "Bremen", "Celle"].into_iter().enumerate() {
        world.edit(Salesforce, "Account", &account, json!({"BillingCity": city}));
        let written = world.sync().await.tally.writes();
        assert_eq!(written, u64::from(round < 3), "{city}");
        if written == 0 {
            break;
        }
        world.edit(HubSpot, "companies", &company, json!({"city": ""}));
        world.writes(1).await;
        assert_eq!(world.field(Salesforce, "Account", &account, "BillingCity"), json!(null));
    }
    assert_eq!(world.says(HubSpot, "companies", &company).await, "oscillates SYN-2016 city@hubspot");
    assert_eq!(world.field(Salesforce, "Account", &account, "BillingCity"), "Celle");
    world.still().await;
}

#[tokio::test]
async fn two_sides_that_each_respell_the_other_come_to_rest() {
    let (mut world, account, company) = acme(Setting::default()).await;
    let mut writes = 0;
    let mut rounds = 0;
    world.edit(Salesforce, "Account", &account, json!({"Description": "Big"}));
    loop {
        // Each vendor's automation spells the text its own way as soon as it is written.
        for (side, object, id, field, spelled) in [
            (Salesforce, "Account", &account, "Description", "BIG"),
            (HubSpot, "companies", &company, "description", "big"),
        ] {
            world.sync().await;
            if world.field(side, object, id, field) != json!(null) {
                world.edit(side, object, id, json!({field: spelled}));
            }
        }
        let written = world.rows_written() - writes;
        writes += written;
        rounds += 1;
        if written == 0 {
            break;
        }
        assert!(rounds < 10, "{writes} writes in {rounds} rounds, and no end");
    }
    assert!((4..=10).contains(&writes), "{writes}");
    let says = world.says(HubSpot, "companies", &company).await;
    assert!(says.starts_with("oscillates SYN-2016 description@"), "{says}");
    // Both sides agree: nobody needs to be asked any more, and the next change travels.
    world.edit(Salesforce, "Account", &account, json!({"Description": "big"}));
    world.edit(HubSpot, "companies", &company, json!({"description": "big"}));
    world.writes(0).await;
    assert_eq!(world.says(HubSpot, "companies", &company).await, "in_step");
    assert_eq!(world.reviews().await, []);
    world.edit(HubSpot, "companies", &company, json!({"description": "bigger"}));
    world.writes(1).await;
}

#[tokio::test]
async fn a_person_who_edits_often_is_no_oscillation() {
    let (mut world, account, company) = acme(Setting::default()).await;
    // To and fro on one side, ten times a day.
    for round in 0..10 {
        world.edit(
            HubSpot,
            "companies",
            &company,
            json!({"phone": if round % 2 == 0 { "1" } else { "2" }, "city": format!("{round}")}),
        );
        world.writes(1).await;
    }
    // On both sides in turn, to ever new values.
    for round in 0..5 {
        world.edit(Salesforce, "Account", &account, json!({"Phone": format!("3{round}")}));
        world.writes(1).await;
        world.edit(HubSpot, "companies", &company, json!({"phone": format!("4{round}")}));
        world.writes(1).await;
    }
    assert_eq!(world.says(HubSpot, "companies", &company).await, "in_step");
    assert_eq!(world.reviews().await, []);
}

#[tokio::test]
async fn slow_contradiction_beyond_the_window_is_not_parked() {
    let (mut world, _, company) = acme(phone_ruled_by_salesforce()).await;
    for _ in 0..6 {
        world.edit(HubSpot, "companies", &company, json!({"phone": "7"}));
        world.writes(1).await;
        world.advance(86_400);
    }
    assert_eq!(world.says(HubSpot, "companies", &company).await, "in_step");
}

#[tokio::test]
async fn limit_and_window_are_configured() {
    let mut setting = phone_ruled_by_salesforce();
    setting.changes.push((
        "oscillation = { flips = 3, window = \"24h\" }",
        "oscillation = { flips = 1, window = \"2h\" }",
    ));
    let (mut world, _, company) = acme(setting).await;
    assert_eq!(fight(&mut world, &company).await, 1);
    assert!(matches!(world.reviews().await[0].question, Question::Oscillates { .. }));
}

#[tokio::test]
async fn an_owner_and_an_account_that_are_set_back_are_parked() {
    let setting = Setting {
        changes: vec![
            ("[kind.deal.edge.account]\n", "[kind.deal.edge.account]\nrule = \"always salesforce\"\n"),
            (
                "[kind.organisation.edge.owner]\n",
                "[kind.organisation.edge.owner]\nrule = \"always salesforce\"\n",
            ),
        ],
        ..Setting::default()
    };
    let (mut world, account, company) = acme(setting).await;
    let other = world.create(HubSpot, "companies", json!({"name": "Beta", "domain": "beta.com"}));
    world.create(Salesforce, "Account", json!({"Name": "Beta", "Website": "beta.com"}));
    let deal =
        json!({"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-06-01", "AccountId": account});
    world.create(Salesforce, "Opportunity", deal);
    world.quiet().await;
    let deal = world.find(HubSpot, "deals", "dealname", "Deal");
    let users = world.dump(Salesforce)["objects"]["User"].clone();
    let mine = world.field(Salesforce, "Account", &account, "OwnerId");
    let stranger = users.as_array().unwrap().iter().find(|user| user["Id"] != mine).unwrap();
    let stranger = world.owner(stranger["Email"].as_str().unwrap());

    let mut writes = Vec::new();
    let (from, to) = (format!("deals/{deal}"), format!("companies/{company}"));
    for round in 0..8 {
        world.edit(HubSpot, "companies", &company, json!({"hubspot_owner_id": stranger}));
        world.admin(HubSpot, json!({"do": "dissociate", "from": from, "to": to}));
        world.associate(&from, &format!("companies/{other}"));
        // Relations move no stamp; an unmapped field does.
        world.edit(
            HubSpot,
            "deals",
            &deal,
            json!({"hs_priority": if round % 2 == 0 { "low" } else { "high" }}),
        );
        let tally = world.sync().await.tally;
        writes.push((tally.updated, tally.associated));
    }
    assert_eq!(writes.iter().map(|(updated, _)| updated).sum::<u64>(), 3, "{writes:?}");
    assert_eq!(writes.iter().rposition(|(_, associated)| *associated > 0), Some(2), "{writes:?}");
    assert_eq!(world.says(HubSpot, "companies", &company).await, "oscillates SYN-2016 owner@hubspot");
    let says = world.says(HubSpot, "deals", &deal).await;
    assert!(says.contains("SYN-2016 account@hubspot"), "{says}");
}
