//! Whose account it is, and whether we may still enter.

use crate::scenario::{Cut, HubSpot, Salesforce, Setting, acme};
use serde_json::json;
use std::time::Duration;
use syncline_engine::Error;

#[tokio::test]
async fn wrong_org_is_refused_before_anything_is_written() {
    for (side, act) in
        [(Salesforce, json!({"do": "refresh_org"})), (HubSpot, json!({"do": "refresh_portal"}))]
    {
        let (mut world, account, company) = acme(Setting::default()).await;
        world.edit(Salesforce, "Account", &account, json!({"Phone": "1"}));
        world.edit(HubSpot, "companies", &company, json!({"city": "Berlin"}));
        let (before, rows) = (world.picture(), world.rows_written());
        world.admin(side, act);
        world.advance(2 * 3_600);
        let error = world.sync_now().await.err().unwrap();
        assert_eq!((error.code().0, error.exit()), (1125, 5), "{error}");
        let error = world.try_restart().await.err().unwrap();
        assert_eq!((error.code().0, error.exit()), (1125, 5), "{error}");
        assert_eq!((world.picture(), world.rows_written()), (before, rows));
    }
}

#[tokio::test]
async fn revoked_token_ends_the_run_with_what_to_do() {
    let (mut world, account, _) = acme(Setting::default()).await;
    world.edit(Salesforce, "Account", &account, json!({"Phone": "1"}));
    let (before, rows) = (world.picture(), world.rows_written());
    world.admin(HubSpot, json!({"do": "revoke_token", "token": "private_app"}));
    world.admin(HubSpot, json!({"do": "revoke_token", "token": "oauth"}));
    world.advance(60);
    let error = world.sync_now().await.err().unwrap();
    assert!(matches!(error, Error::Vendor { .. }), "{error}");
    assert_eq!((error.exit(), world.picture(), world.rows_written()), (4, before, rows));
}

#[tokio::test]
async fn expired_session_is_renewed_and_the_run_goes_on() {
    let (mut world, account, company) = acme(Setting::default()).await;
    world.admin(Salesforce, json!({"do": "expire_sessions"}));
    world.faults(HubSpot, json!([{"match": "read", "nth": 1, "times": 1, "do": "token_expired"}]));
    world.edit(Salesforce, "Account", &account, json!({"Phone": "1"}));
    world.writes(1).await;
    assert_eq!(world.field(HubSpot, "companies", &company, "phone"), "1");
    world.restart().await;
    world.still().await;
    assert_eq!(world.says(HubSpot, "companies", &company).await, "in_step");
}

#[tokio::test]
async fn a_second_worker_is_kept_out() {
    let (mut world, _, _) = acme(Setting::default()).await;
    let mut other = world.open().await.unwrap();
    syncline_engine::cycle::claim(&mut other).await.unwrap();
    assert!(matches!(world.sync_now().await, Err(Error::Busy)));
    world.advance(301);
    assert!(matches!(world.sync_now().await, Err(Error::Busy)), "what it sent last may be under way");
    world.advance(30);
    world.still().await;
    // It slept meanwhile, and may not go on.
    let error = syncline_engine::cycle::claim(&mut other).await.err().unwrap();
    assert_eq!(error.code().0, 1113, "{error}");
}

#[tokio::test]
async fn a_long_run_renews_its_claim_while_it_writes() {
    let (mut world, account, company) = acme(Setting::default()).await;
    let contact = json!({"LastName": "Lee", "Email": "lee@acme.com", "AccountId": account});
    world.create(Salesforce, "Contact", contact);
    world.edit(HubSpot, "companies", &company, json!({"city": "Berlin"}));
    world.advance(3_600);
    let mut other = world.open().await.unwrap();
    let begun = world.wire.now();
    // A call with the waiting before it.
    world.wire.slow(Duration::from_secs(60));
    world.wire.cut_after(2, Cut::After);
    let wire = world.wire.clone();
    let run = world.sync_now();
    tokio::pin!(run);
    tokio::select! {
        biased;
        outcome = &mut run => panic!("it went through: {outcome:?}"),
        () = wire.died.notified() => {}
    }
    let took = wire.now().duration_since(begun);
    assert!(took > jiff::SignedDuration::from_mins(6), "longer than a claim: {took}");
    assert!(matches!(syncline_engine::cycle::claim(&mut other).await, Err(Error::Busy)));
}

#[tokio::test]
async fn a_day_without_calls_left_ends_the_run_and_loses_nothing() {
    let (mut world, account, company) = acme(Setting::default()).await;
    world.edit(HubSpot, "companies", &company, json!({"city": "Berlin"}));
    let used = world.calls(Salesforce)["units"].as_u64().unwrap();
    world.admin(Salesforce, json!({"do": "set_limit", "limit": "DailyApiRequests", "value": used + 1}));
    world.advance(60);
    let error = world.sync_now().await.err().unwrap();
    assert_eq!((error.code().0, error.exit()), (1132, 1), "{error}");
    assert_eq!(world.field(Salesforce, "Account", &account, "BillingCity"), serde_json::Value::Null);
    world.admin(Salesforce, json!({"do": "set_limit", "limit": "DailyApiRequests", "value": 100_000}));
    world.advance(86_400);
    assert_eq!(world.sync().await.tally.updated, 1);
    assert_eq!(world.field(Salesforce, "Account", &account, "BillingCity"), "Berlin");
    assert_eq!(world.says(HubSpot, "companies", &company).await, "in_step");
}

#[tokio::test]
async fn a_vendor_that_is_down_ends_the_run_and_loses_nothing() {
    for side in [Salesforce, HubSpot] {
        let (mut world, account, company) = acme(Setting::default()).await;
        world.edit(HubSpot, "companies", &company, json!({"city": "Berlin"}));
        world.edit(Salesforce, "Account", &account, json!({"Phone": "7"}));
        world.faults(side, json!([{"match": "read", "every": 1, "do": "server_error"}]));
        world.advance(60);
        let error = world.sync_now().await.err().unwrap();
        assert_eq!((error.code().0, error.exit()), (1133, 1), "{error}");
        world.faults(side, json!([]));
        world.writes(2).await;
        assert_eq!(world.says(HubSpot, "companies", &company).await, "in_step");
    }
}
