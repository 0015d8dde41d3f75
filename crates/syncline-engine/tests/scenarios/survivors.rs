//! What a vendor answers under the id of what a record was merged into meanwhile.

use crate::scenario::{HubSpot, Salesforce, World};
use serde_json::json;

#[tokio::test]
async fn a_relation_that_is_answered_under_another_id_is_learnt_and_read() {
    let mut world = World::new().await;
    let account = |name: &str| json!({"Name": name, "Website": format!("{name}.com")});
    let [acme, beta] = ["Acme", "Beta"].map(|name| world.create(Salesforce, "Account", account(name)));
    let lee = json!({"LastName": "Lee", "Email": "lee@acme.com", "AccountId": acme});
    let lee = world.create(Salesforce, "Contact", lee);
    world.first_contact().await;
    let contact = world.find(HubSpot, "contacts", "email", "lee@acme.com");
    world.edit(Salesforce, "Contact", &lee, json!({"AccountId": beta}));
    world.edit(Salesforce, "Account", &acme, json!({"Phone": "1"}));
    let twin = world.create(HubSpot, "contacts", json!({"lastname": "Lee"}));
    // Companies are written before what belongs to them: by then the contact is another one's.
    let merged = json!({"do": "merge", "object": "contacts", "id": twin, "merge": contact});
    world.wire.answers(HubSpot, vec![merged]);
    world.advance(3_600);
    let run = world.sync_now().await;
    assert!(run.is_ok(), "{run:?}");
    world.quiet().await;
    let survivor = world.find(HubSpot, "contacts", "email", "lee@acme.com");
    assert_ne!(survivor, contact);
    assert!(world.picture().text().contains("contacts Lee email=lee@acme.com -> Beta (primary)"));
    assert_eq!(world.says(HubSpot, "contacts", &survivor).await, "in_step");
}
