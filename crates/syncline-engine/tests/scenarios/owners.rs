//! Who owns a record.

use crate::scenario::{HubSpot, Salesforce, Setting, acme};
use expect_test::expect;
use serde_json::json;

#[tokio::test]
async fn owner_travels_to_the_user_of_the_same_address_and_an_unknown_one_is_listed() {
    let (mut world, account, company) = acme(Setting::default()).await;
    let users = world.dump(Salesforce)["objects"]["User"].clone();
    let owner = world.field(Salesforce, "Account", &account, "OwnerId");
    let other = users.as_array().unwrap().iter().find(|user| user["Id"] != owner).unwrap();
    world.edit(Salesforce, "Account", &account, json!({"OwnerId": other["Id"]}));
    world.writes(1).await;
    let theirs = world.owner(other["Email"].as_str().unwrap());
    assert_eq!(world.field(HubSpot, "companies", &company, "hubspot_owner_id"), theirs.as_str());
    // And back.
    let first = users.as_array().unwrap().iter().find(|user| user["Id"] == owner).unwrap();
    let back = world.owner(first["Email"].as_str().unwrap());
    world.edit(HubSpot, "companies", &company, json!({"hubspot_owner_id": back}));
    world.writes(1).await;
    assert_eq!(world.field(Salesforce, "Account", &account, "OwnerId"), owner);
    // Nobody there has this address.
    let stranger = world.admin(
        HubSpot,
        json!({"do": "add_owner", "email": "zoe@only.hubspot", "firstName": "Zoe", "lastName": "Z"}),
    );
    world.edit(HubSpot, "companies", &company, json!({"hubspot_owner_id": stranger["id"], "city": "Berlin"}));
    world.writes(1).await;
    assert_eq!(world.field(Salesforce, "Account", &account, "OwnerId"), owner);
    assert_eq!(world.field(Salesforce, "Account", &account, "BillingCity"), "Berlin");
    assert_eq!(world.says(HubSpot, "companies", &company).await, "no_such_user SYN-2013 owner@salesforce");
}

#[tokio::test]
async fn assignment_rules_do_not_fight_over_the_owner() {
    let (mut world, _, _) = acme(Setting::default()).await;
    let users = world.dump(Salesforce)["objects"]["User"].clone();
    let [first, second] = [&users[0], &users[1]];
    world.admin(Salesforce, json!({"do": "assignment_rule", "object": "Lead", "owner": first["Id"]}));
    let owner = world.owner(second["Email"].as_str().unwrap());
    let person = json!({"email": "bo@else.org", "lastname": "Ek", "hubspot_owner_id": owner});
    let contact = world.create(HubSpot, "contacts", person);
    world.writes(1).await;
    let lead = world.find(Salesforce, "Lead", "LastName", "Ek");
    assert_eq!(world.field(Salesforce, "Lead", &lead, "OwnerId"), second["Id"]);
    world.edit(HubSpot, "contacts", &contact, json!({"jobtitle": "CTO"}));
    world.writes(1).await;
    assert_eq!(world.field(Salesforce, "Lead", &lead, "OwnerId"), second["Id"]);
    assert_eq!(world.field(HubSpot, "contacts", &contact, "hubspot_owner_id"), owner.as_str());
    assert_eq!(world.says(HubSpot, "contacts", &contact).await, "in_step SYN-3001");
}

#[tokio::test]
async fn an_inactive_owner_is_refused_and_the_rest_goes() {
    let (mut world, account, company) = acme(Setting::default()).await;
    let users = world.dump(Salesforce)["objects"]["User"].clone();
    let leaver = world.field(Salesforce, "Account", &account, "OwnerId");
    let of = |owner: bool| users.as_array().unwrap().iter().find(|it| (it["Id"] == leaver) == owner).unwrap();
    let (leaving, staying) = (of(true), of(false));
    world.edit(Salesforce, "Account", &account, json!({"OwnerId": staying["Id"]}));
    world.writes(1).await;
    world.admin(Salesforce, json!({"do": "deactivate_user", "user": leaving["Id"]}));
    let theirs = world.owner(leaving["Email"].as_str().unwrap());
    world.edit(HubSpot, "companies", &company, json!({"hubspot_owner_id": theirs, "city": "Berlin"}));
    world.sync().await;
    world.still().await;
    assert_eq!(world.field(Salesforce, "Account", &account, "OwnerId"), staying["Id"]);
    assert_eq!(world.field(Salesforce, "Account", &account, "BillingCity"), "Berlin");
    expect!["refused SYN-2009 owner@salesforce"].assert_eq(&world.says(HubSpot, "companies", &company).await);
    world.admin(Salesforce, json!({"do": "activate_user", "user": leaving["Id"]}));
    world.advance(86_400);
    world.sync().await;
    world.still().await;
    assert_eq!(world.field(Salesforce, "Account", &account, "OwnerId"), leaving["Id"]);
    assert_eq!(world.says(HubSpot, "companies", &company).await, "in_step");
}
