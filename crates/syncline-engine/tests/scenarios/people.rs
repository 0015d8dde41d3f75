//! People: who is met, matched and merged.

use crate::scenario::{HubSpot, Salesforce, Setting, World, acme};
use expect_test::expect;
use serde_json::json;

/// A lead that both sides know.
pub(crate) async fn ann() -> (World, String, String) {
    let mut world = World::new().await;
    let lead = world.create(
        Salesforce,
        "Lead",
        json!({"FirstName": "Ann", "LastName": "Lee", "Company": "Acme", "Email": "ann@acme.com",
            "Phone": "1"}),
    );
    world.first_contact().await;
    let contact = world.find(HubSpot, "contacts", "email", "ann@acme.com");
    (world, lead, contact)
}

#[tokio::test]
async fn new_hubspot_contact_becomes_a_lead_where_its_company_is_unknown() {
    let (mut world, _, _) = acme(Setting::default()).await;
    let contact = world.create(
        HubSpot,
        "contacts",
        json!({"email": "bo@else.org", "firstname": "Bo", "lastname": "Ek"}),
    );
    // The lead, and then the owner that Salesforce gave it.
    world.writes(2).await;
    expect![[r#"
        salesforce
          Account Acme Website=https://acme.com Phone=+1 555 0100
          Lead Bo Ek Email=bo@else.org Company=[not provided]
        hubspot
          companies Acme domain=acme.com website=https://acme.com phone=+1 555 0100
          contacts Bo Ek email=bo@else.org
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "contacts", &contact).await, "in_step SYN-3001");
}

#[tokio::test]
async fn merged_record_in_salesforce_moves_the_link_to_the_survivor() {
    let mut world = World::new().await;
    let first = world.create(Salesforce, "Account", json!({"Name": "Acme", "Website": "acme.com"}));
    let second = world.create(Salesforce, "Account", json!({"Name": "Acme GmbH", "Website": "acme.de"}));
    world.first_contact().await;
    let company = world.find(HubSpot, "companies", "name", "Acme");
    world.admin(Salesforce, json!({"do": "merge", "master": second, "losers": [first], "fields": {}}));
    world.sync().await;
    world.still().await;
    expect![[r#"
        salesforce
          Account Acme GmbH Website=acme.de
          Account Acme Website=acme.com (deleted)
        hubspot
          companies Acme GmbH domain=acme.de website=acme.de
          companies Acme domain=acme.com website=acme.com
    "#]]
    .assert_eq(world.picture().text());
    expect!["merged_elsewhere SYN-2022 *@salesforce"]
        .assert_eq(&world.says(HubSpot, "companies", &company).await);
    assert_eq!(world.reviews().await.len(), 1);
    world.edit(Salesforce, "Account", &second, json!({"Phone": "7"}));
    world.sync().await;
    world.still().await;
    expect![[r#"
        salesforce
          Account Acme GmbH Website=acme.de Phone=7
          Account Acme Website=acme.com (deleted)
        hubspot
          companies Acme GmbH domain=acme.de website=acme.de phone=7
          companies Acme domain=acme.com website=acme.com
    "#]]
    .assert_eq(world.picture().text());
}

#[tokio::test]
async fn a_webhook_that_tells_of_one_part_of_a_merge_makes_no_second_person() {
    let mut world = World::new().await;
    let lead = json!({"LastName": "Lee", "Company": "Acme", "Email": "lee@acme.com"});
    world.create(Salesforce, "Lead", lead);
    // Nobody in particular: without an address there is no lead of it.
    let other = world.create(HubSpot, "contacts", json!({"lastname": "Ek"}));
    world.first_contact().await;
    let lee = world.find(HubSpot, "contacts", "lastname", "Lee");
    world.admin(HubSpot, json!({"do": "merge", "object": "contacts", "id": lee, "merge": other}));
    // Neither the survivor nor that the other part is gone stands in the index yet.
    let outcome = world.hinted(HubSpot, "contacts", &other).await;
    assert_eq!(outcome.tally.created, 0);
    assert_eq!(world.find_all(Salesforce, "Lead", "Email", "lee@acme.com").len(), 1);
    world.advance(2 * 86_400);
    world.sync().await;
    world.still().await;
    assert_eq!(world.find_all(Salesforce, "Lead", "Email", "lee@acme.com").len(), 1);
    assert_eq!(world.reviews().await.len(), 0);
}

#[tokio::test]
async fn merged_record_in_hubspot_keeps_one_person_and_writes_the_survivor() {
    let (mut world, lead, contact) = ann().await;
    let other = world.create(
        HubSpot,
        "contacts",
        json!({"email": "ann@home.org", "firstname": "Ann", "lastname": "Lee", "city": "Berlin"}),
    );
    let merged =
        world.admin(HubSpot, json!({"do": "merge", "object": "contacts", "id": contact, "merge": other}));
    let survivor = merged["id"].as_str().unwrap();
    world.sync().await;
    world.still().await;
    expect![[r#"
        salesforce
          Lead Ann Lee Email=ann@acme.com Phone=1 Company=Acme City=Berlin
        hubspot
          contacts Ann Lee email=ann@acme.com phone=1 company=Acme city=Berlin
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "contacts", survivor).await, "in_step SYN-3001");
    world.edit(Salesforce, "Lead", &lead, json!({"Title": "CTO"}));
    world.writes(1).await;
    assert_eq!(world.field(HubSpot, "contacts", survivor, "jobtitle"), "CTO");
}

/// A webhook tells of the one that was swallowed; that the other one is gone too, only the survivor says.
#[tokio::test]
async fn survivor_read_for_one_of_its_parts_takes_the_place_of_the_others_too() {
    let (mut world, _, contact) = ann().await;
    let other = world.create(HubSpot, "contacts", json!({"firstname": "Ann", "jobtitle": "CTO"}));
    world.advance(60);
    world.sync().await;
    world.admin(HubSpot, json!({"do": "merge", "object": "contacts", "id": contact, "merge": other}));
    world.hinted(HubSpot, "contacts", &other).await;
    world.still().await;
    expect![[r#"
        salesforce
          Lead Ann Lee Email=ann@acme.com Phone=1 Title=CTO Company=Acme
        hubspot
          contacts Ann Lee email=ann@acme.com phone=1 jobtitle=CTO company=Acme
    "#]]
    .assert_eq(world.picture().text());
}

#[tokio::test]
async fn two_matches_for_one_person_are_a_question() {
    let mut world = World::new().await;
    for name in ["Lee", "Lea"] {
        world.create(
            Salesforce,
            "Lead",
            json!({"FirstName": "Ann", "LastName": name, "Company": "Acme", "Email": "ann@acme.com"}),
        );
    }
    let contact = world.create(
        HubSpot,
        "contacts",
        json!({"email": "ann@acme.com", "firstname": "Ann", "lastname": "Li"}),
    );
    let before = world.picture();
    world.first_contact().await;
    assert_eq!(world.picture(), before, "nothing is written, nobody is made twice");
    let reviews = world.reviews().await;
    assert_eq!(reviews.len(), 1, "{reviews:#?}");
    expect!["ambiguous SYN-2004 *@hubspot"].assert_eq(&world.says(HubSpot, "contacts", &contact).await);
    // A change does not jump between them either.
    world.edit(HubSpot, "contacts", &contact, json!({"jobtitle": "CTO"}));
    world.writes(0).await;
    // A person says which.
    let lead = world.find(Salesforce, "Lead", "LastName", "Lee");
    let records = [("hubspot", "contacts", &contact), ("salesforce", "Lead", &lead)]
        .map(|(side, object, id)| syncline_model::RecordRef::new(side, object, id.as_str()));
    world.answer(reviews[0].id, &records).await;
    world.sync().await;
    world.still().await;
    expect![[r#"
        salesforce
          Lead Ann Lea Email=ann@acme.com Company=Acme
          Lead Ann Lee Email=ann@acme.com Title=CTO Company=Acme
        hubspot
          contacts Ann Lee email=ann@acme.com jobtitle=CTO company=Acme
    "#]]
    .assert_eq(world.picture().text());
    expect!["in_step SYN-3001"].assert_eq(&world.says(HubSpot, "contacts", &contact).await);
}

#[tokio::test]
async fn a_contact_beats_a_lead_of_the_same_address() {
    let mut world = World::new().await;
    let account = world.create(Salesforce, "Account", json!({"Name": "Acme", "Website": "acme.com"}));
    world.create(
        Salesforce,
        "Lead",
        json!({"FirstName": "Ann", "LastName": "Lee", "Company": "Acme", "Email": "ann@acme.com"}),
    );
    world.create(
        Salesforce,
        "Contact",
        json!({"FirstName": "Ann", "LastName": "Lee", "AccountId": account, "Email": "ann@acme.com"}),
    );
    let contact = world.create(HubSpot, "contacts", json!({"email": "ann@acme.com", "jobtitle": "CTO"}));
    world.first_contact().await;
    expect![[r#"
        salesforce
          Account Acme Website=acme.com
          Contact Ann Lee Email=ann@acme.com Title=CTO AccountId=Acme
          Lead Ann Lee Email=ann@acme.com Company=Acme
        hubspot
          companies Acme domain=acme.com website=acme.com
          contacts Ann Lee email=ann@acme.com jobtitle=CTO -> Acme (primary)
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "contacts", &contact).await, "in_step SYN-3002");
}

#[tokio::test]
async fn an_address_that_changes_moves_no_link() {
    let (mut world, lead, contact) = ann().await;
    world.edit(HubSpot, "contacts", &contact, json!({"email": "ann.lee@acme.org"}));
    world.writes(1).await;
    world.edit(Salesforce, "Lead", &lead, json!({"Email": "lee@acme.net"}));
    world.writes(1).await;
    expect![[r#"
        salesforce
          Lead Ann Lee Email=lee@acme.net Phone=1 Company=Acme
        hubspot
          contacts Ann Lee email=lee@acme.net phone=1 company=Acme
    "#]]
    .assert_eq(world.picture().text());
    // Somebody else gets the first address.
    let other = world.create(
        HubSpot,
        "contacts",
        json!({"email": "ann@acme.com", "firstname": "Ann", "lastname": "Other"}),
    );
    world.sync().await;
    world.still().await;
    expect![[r#"
        salesforce
          Lead Ann Lee Email=lee@acme.net Phone=1 Company=Acme
          Lead Ann Other Email=ann@acme.com Company=[not provided]
        hubspot
          contacts Ann Lee email=lee@acme.net phone=1 company=Acme
          contacts Ann Other email=ann@acme.com
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "contacts", &other).await, "in_step SYN-3001");
}

#[tokio::test]
async fn a_person_without_an_address_stays_where_it_is() {
    let (mut world, _, _) = acme(Setting::default()).await;
    let contact = world.create(HubSpot, "contacts", json!({"firstname": "Bo", "lastname": "Ek"}));
    world.writes(0).await;
    assert_eq!(world.says(HubSpot, "contacts", &contact).await, "alone SYN-3003");
    world.edit(HubSpot, "contacts", &contact, json!({"email": "bo@else.org"}));
    world.writes(2).await;
    expect![[r#"
        salesforce
          Account Acme Website=https://acme.com Phone=+1 555 0100
          Lead Bo Ek Email=bo@else.org Company=[not provided]
        hubspot
          companies Acme domain=acme.com website=https://acme.com phone=+1 555 0100
          contacts Bo Ek email=bo@else.org
    "#]]
    .assert_eq(world.picture().text());
}

#[tokio::test]
async fn a_person_that_leaves_the_scope_is_frozen_and_goes_on_when_it_is_back() {
    let (mut world, lead, contact) = ann().await;
    world.edit(HubSpot, "contacts", &contact, json!({"email": "", "jobtitle": "CTO"}));
    world.writes(0).await;
    expect![[r#"
        salesforce
          Lead Ann Lee Email=ann@acme.com Phone=1 Company=Acme
        hubspot
          contacts Ann Lee phone=1 jobtitle=CTO company=Acme
    "#]]
    .assert_eq(world.picture().text());
    world.edit(Salesforce, "Lead", &lead, json!({"City": "Berlin"}));
    world.edit(HubSpot, "contacts", &contact, json!({"email": "ann@acme.org"}));
    world.writes(2).await;
    expect![[r#"
        salesforce
          Lead Ann Lee Email=ann@acme.org Phone=1 Title=CTO Company=Acme City=Berlin
        hubspot
          contacts Ann Lee email=ann@acme.org phone=1 jobtitle=CTO company=Acme city=Berlin
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "contacts", &contact).await, "in_step SYN-3001");
}
