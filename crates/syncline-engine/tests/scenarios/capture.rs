//! What is seen when, and what it costs.

use crate::scenario::{HubSpot, Salesforce, Setting, World, acme};
use expect_test::expect;
use serde_json::json;
use syncline_engine::Error;
use syncline_kit::vendor::VendorError;

#[tokio::test]
async fn equal_stamps_lose_nothing() {
    let mut world = World::new().await;
    world.knob(Salesforce, "page_size", json!(7));
    // One instant, more rows than a page.
    let accounts: Vec<String> = (0..30)
        .map(|n| {
            world.create(
                Salesforce,
                "Account",
                json!({"Name": format!("A{n:02}"), "Website": format!("a{n}.com")}),
            )
        })
        .collect();
    world.first_contact().await;
    assert_eq!(world.dump(HubSpot)["objects"]["companies"].as_array().unwrap().len(), 30);
    // Changed in the very second that was read already.
    world.edit(Salesforce, "Account", &accounts[3], json!({"BillingCity": "Berlin"}));
    world.advance(30);
    world.edit(Salesforce, "Account", &accounts[4], json!({"BillingCity": "Bonn"}));
    let seen = world.sync_now().await.unwrap();
    world.edit(Salesforce, "Account", &accounts[5], json!({"BillingCity": "Bern"}));
    world.edit(Salesforce, "Account", &accounts[4], json!({"BillingCity": "Basel"}));
    let later = world.sync().await;
    assert_eq!((seen.tally.updated, later.tally.updated), (2, 2));
    world.still().await;
    for (name, city) in [("A03", "Berlin"), ("A04", "Basel"), ("A05", "Bern")] {
        let company = world.find(HubSpot, "companies", "name", name);
        assert_eq!(world.field(HubSpot, "companies", &company, "city"), city);
        assert_eq!(world.says(HubSpot, "companies", &company).await, "in_step");
    }
}

#[tokio::test]
async fn late_commit_is_seen_in_the_overlap() {
    let (mut world, account, company) = acme(Setting::default()).await;
    world.knob(Salesforce, "late_commit_ms", json!(600_000));
    world.faults(Salesforce, json!([{"match": "write", "nth": 1, "do": "late_commit"}]));
    world.foreign_edit(Salesforce, "Account", &account, json!({"BillingCity": "Berlin"}));
    world.faults(HubSpot, json!([{"match": "write", "nth": 1, "do": "late_commit"}]));
    world.foreign_edit(HubSpot, "companies", &company, json!({"description": "late"}));
    // Stamped now, seen by nobody yet.
    assert_eq!(world.sync_now().await.unwrap().tally.writes(), 0);
    world.advance(60);
    assert_eq!(world.sync_now().await.unwrap().tally.writes(), 0);
    world.advance(601);
    assert_eq!(world.sync_now().await.unwrap().tally.writes(), 2);
    world.still().await;
    expect![[r#"
        salesforce
          Account Acme Website=https://acme.com Phone=+1 555 0100 BillingCity=Berlin Description=late
        hubspot
          companies Acme domain=acme.com website=https://acme.com phone=+1 555 0100 city=Berlin description=late
    "#]].assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "companies", &company).await, "in_step");
}

#[tokio::test]
async fn index_lag_neither_hides_a_change_for_good_nor_undoes_one() {
    let (mut world, account, company) = acme(Setting::default()).await;
    world.knob(HubSpot, "search_lag_ms", json!(90_000));
    world.knob(HubSpot, "search_lag_spread_ms", json!(60_000));
    world.edit(HubSpot, "companies", &company, json!({"city": "Berlin"}));
    assert_eq!(world.sync_now().await.unwrap().tally.writes(), 0, "not in the index yet");
    // Our own write meets an index that still shows what was before.
    world.edit(Salesforce, "Account", &account, json!({"Description": "big"}));
    assert_eq!(world.sync_now().await.unwrap().tally.writes(), 1);
    world.advance(20);
    let soon = world.sync_now().await.unwrap();
    world.advance(20);
    assert_eq!(world.sync_now().await.unwrap().tally.writes(), 0);
    let later = world.sync().await;
    assert_eq!(soon.tally.writes() + later.tally.writes(), 1);
    world.still().await;
    expect![[r#"
        salesforce
          Account Acme Website=https://acme.com Phone=+1 555 0100 BillingCity=Berlin Description=big
        hubspot
          companies Acme domain=acme.com website=https://acme.com phone=+1 555 0100 city=Berlin description=big
    "#]].assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "companies", &company).await, "in_step");
}

#[tokio::test]
async fn a_search_that_answers_from_an_older_index_takes_nothing_back() {
    let (mut world, account, company) = acme(Setting::default()).await;
    world.edit(Salesforce, "Account", &account, json!({"BillingCity": "Berlin"}));
    world.writes(1).await;
    world.edit(Salesforce, "Account", &account, json!({"BillingCity": "Bonn"}));
    assert_eq!(world.sync_now().await.unwrap().tally.writes(), 1);
    world.faults(
        HubSpot,
        json!([{"match": "POST /crm/v3/objects/*", "every": 1, "times": 20, "do": "stale_index"}]),
    );
    for _ in 0..3 {
        world.advance(2);
        assert_eq!(world.sync_now().await.unwrap().tally.writes(), 0);
    }
    world.faults(HubSpot, json!([]));
    world.still().await;
    expect![[r#"
        salesforce
          Account Acme Website=https://acme.com Phone=+1 555 0100 BillingCity=Bonn
        hubspot
          companies Acme domain=acme.com website=https://acme.com phone=+1 555 0100 city=Bonn
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "companies", &company).await, "in_step");
}

#[tokio::test]
async fn reading_the_overlap_again_writes_nothing() {
    let (mut world, _, _) = acme(Setting::default()).await;
    let rows = world.rows_written();
    for seconds in [1, 5, 59, 61, 300, 899, 901] {
        world.advance(seconds);
        let outcome = world.sync_now().await.unwrap();
        assert_eq!((outcome.tally.writes(), outcome.rounds), (0, 1), "after {seconds} s");
    }
    assert_eq!(world.rows_written(), rows);
}

#[tokio::test]
async fn refused_429_is_waited_out_and_repeated() {
    let (mut world, account, company) = acme(Setting::default()).await;
    world.faults(
        HubSpot,
        json!([{"match": "write", "nth": 1, "do": "rate_limited"}, {"match": "read",
        "nth": 2, "do": "wrong_retry_after"}]),
    );
    world.edit(Salesforce, "Account", &account, json!({"BillingCity": "Berlin"}));
    world.edit(HubSpot, "companies", &company, json!({"description": "big"}));
    let before = world.rows_written();
    let outcome = world.sync().await;
    assert_eq!((outcome.tally.writes(), outcome.tally.rejected, world.rows_written() - before), (2, 0, 2));
    world.still().await;
    expect![[r#"
        salesforce
          Account Acme Website=https://acme.com Phone=+1 555 0100 BillingCity=Berlin Description=big
        hubspot
          companies Acme domain=acme.com website=https://acme.com phone=+1 555 0100 city=Berlin description=big
    "#]].assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "companies", &company).await, "in_step");
}

#[tokio::test]
async fn two_hundred_updates_cost_few_calls() {
    let mut world = World::new().await;
    let accounts: Vec<String> = (0..200)
        .map(|n| {
            world.create(
                Salesforce,
                "Account",
                json!({"Name": format!("A{n}"), "Website": format!("a{n}.com")}),
            )
        })
        .collect();
    world.first_contact().await;
    for account in &accounts {
        world.edit(Salesforce, "Account", account, json!({"BillingCity": "Berlin"}));
    }
    for side in [Salesforce, HubSpot] {
        world.wire.requests(side);
    }
    world.advance(60);
    let outcome = world.sync_now().await.unwrap();
    assert_eq!(outcome.tally.updated, 200);
    let requests = world.wire.requests(HubSpot);
    let writes = requests.iter().filter(|it| it.ends_with("/companies/batch/update")).count();
    assert_eq!(writes, 2, "{requests:#?}");
    assert!(requests.len() <= 9, "{requests:#?}");
    let requests = world.wire.requests(Salesforce);
    assert!(requests.len() <= 3, "{requests:#?}");
    assert_eq!(world.find_all(HubSpot, "companies", "city", "Berlin").len(), 200);
    // Back again: 200 rows are one call.
    for company in world.find_all(HubSpot, "companies", "city", "Berlin") {
        world.edit(HubSpot, "companies", &company, json!({"city": "Bonn"}));
    }
    world.advance(60);
    let outcome = world.sync_now().await.unwrap();
    assert_eq!(outcome.tally.updated, 200);
    let requests = [world.wire.requests(Salesforce), world.wire.requests(HubSpot)];
    assert!(requests[0].len() <= 4 && requests[1].len() <= 6, "{requests:#?}");
    assert_eq!(world.find_all(Salesforce, "Account", "BillingCity", "Bonn").len(), 200);
    world.still().await;
}

#[tokio::test]
async fn a_hint_brings_one_record_at_once_and_nothing_twice() {
    let (mut world, account, company) = acme(Setting::default()).await;
    world.edit(HubSpot, "companies", &company, json!({"city": "Berlin"}));
    world.edit(Salesforce, "Account", &account, json!({"Description": "big"}));
    world.wire.requests(HubSpot);
    let outcome = world.hinted(HubSpot, "companies", &company).await;
    // Read by id ahead of the index; the hinted side is read on as well: a hint speaks of one record only.
    assert_eq!(outcome.tally.updated, 2);
    assert_eq!(world.field(Salesforce, "Account", &account, "BillingCity"), "Berlin");
    assert_eq!(world.field(HubSpot, "companies", &company, "description"), "big");
    let requests = world.wire.requests(HubSpot);
    assert!(requests[0].ends_with("/companies/batch/read"), "{requests:#?}");
    assert!(requests.iter().any(|request| request.ends_with("/companies/search")), "{requests:#?}");
    // Delivered again.
    assert_eq!(world.hinted(HubSpot, "companies", &company).await.tally.writes(), 0);
    world.still().await;
    expect![[r#"
        salesforce
          Account Acme Website=https://acme.com Phone=+1 555 0100 BillingCity=Berlin Description=big
        hubspot
          companies Acme domain=acme.com website=https://acme.com phone=+1 555 0100 city=Berlin description=big
    "#]].assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "companies", &company).await, "in_step");
}

#[tokio::test]
async fn a_hint_does_not_make_what_its_own_side_has_by_now() {
    let (mut world, _, company) = acme(Setting::default()).await;
    let other = world.create(HubSpot, "companies", json!({"name": "Else", "domain": "else.org"}));
    world.create(Salesforce, "Account", json!({"Name": "Else", "Website": "https://else.org"}));
    world.advance(600);
    // The webhook for the new company is lost; one for another record arrives.
    assert_eq!(world.hinted(HubSpot, "companies", &company).await.tally.created, 0);
    assert_eq!(world.find_all(HubSpot, "companies", "domain", "else.org"), [other]);
}

#[tokio::test]
async fn a_hint_does_not_make_what_somebody_made_on_the_other_side_since_the_last_poll() {
    let mut world = World::new().await;
    world.first_contact().await;
    let person = json!({"email": "bo@else.org", "firstname": "Bo", "lastname": "Ek"});
    let contact = world.create(HubSpot, "contacts", person);
    let lead = json!({"LastName": "Ek", "Company": "Else", "Email": "bo@else.org"});
    world.create(Salesforce, "Lead", lead);
    world.advance(600);
    assert_eq!(world.hinted(HubSpot, "contacts", &contact).await.tally.created, 0);
    assert_eq!(world.find_all(Salesforce, "Lead", "Email", "bo@else.org").len(), 1);
}

#[tokio::test]
async fn the_configured_share_of_the_daily_calls_is_all_that_is_used() {
    for (side, limit) in [(HubSpot, "name"), (Salesforce, "limit")] {
        let changes = vec![("daily_share = 0.5", "daily_share = 0.1")];
        let mut world = World::with(Setting { changes, ..Setting::default() }).await;
        let daily = if side == HubSpot { "daily" } else { "DailyApiRequests" };
        let used = |world: &World| world.calls(side)["calls"].as_u64().unwrap();
        // Setting up used a few of the first account's, which are gone before anything is measured.
        let before = used(&world);
        world.admin(side, json!({"do": "set_limit", limit: daily, "value": 1_000}));
        let error = loop {
            match world.sync_now().await {
                Ok(_) => world.advance(60),
                Err(error) => break error,
            }
            assert!(used(&world) < 400, "never stops");
            world.restart().await;
        };
        assert!(matches!(&error, Error::Vendor { error: VendorError::Limit { .. }, .. }), "{error}");
        let used = used(&world) - before;
        assert!((85..=100).contains(&used), "{used}");
        world.advance(24 * 3_600);
        world.sync_now().await.unwrap();
    }
}
