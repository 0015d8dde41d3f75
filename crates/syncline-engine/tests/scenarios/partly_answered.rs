//! Calls that a vendor answered for some of their rows, while the others could not be read back either: what is known is
//! learnt, and the rest is settled by the next run before anything else (HUB-11).

use crate::scenario::{HubSpot, Salesforce, World};
use serde_json::json;

#[tokio::test]
async fn an_update_of_which_nothing_is_known_does_not_win_over_a_later_edit() {
    let mut world = World::new().await;
    let account = |name: &str| json!({"Name": name, "Website": format!("{name}.com"), "Phone": "1"});
    let [acme, beta] = ["acme", "beta"].map(|name| world.create(Salesforce, "Account", account(name)));
    world.first_contact().await;
    let [at_acme, at_beta] = ["acme", "beta"].map(|name| world.find(HubSpot, "companies", "name", name));
    for company in [&at_acme, &at_beta] {
        world.edit(HubSpot, "companies", company, json!({"phone": "2"}));
    }
    world.advance(60);
    // The first account is written; the second one is sent again, and that answer is lost.
    world.admin(Salesforce, json!({"do": "lock", "id": beta, "times": 1}));
    let lost = json!({"match": "write", "nth": 2, "times": 1, "do": "commit_then_timeout"});
    // Two reads are of the look.
    let unread = (3..20).map(|nth| json!({"match": "read", "nth": nth, "times": 1, "do": "server_error"}));
    world.faults(Salesforce, unread.chain([lost]).collect());
    let failed = world.sync_now().await;
    assert!(failed.is_err(), "{failed:?}");
    world.faults(Salesforce, json!([]));
    let phones = [&acme, &beta].map(|account| world.field(Salesforce, "Account", account, "Phone"));
    assert_eq!(phones, ["2", "2"]);
    world.edit(HubSpot, "companies", &at_beta, json!({"phone": "3"}));
    world.quiet().await;
    assert_eq!(world.field(HubSpot, "companies", &at_beta, "phone"), "3");
    assert_eq!(world.field(Salesforce, "Account", &beta, "Phone"), "3");
    assert_eq!(world.says(HubSpot, "companies", &at_beta).await, "in_step");
}
