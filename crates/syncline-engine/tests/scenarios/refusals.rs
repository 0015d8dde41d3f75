//! What a vendor refuses: the field waits, the record and the others go on (HUB-4).

use crate::{
    scenario::{HubSpot, Salesforce, Setting, World, acme},
    undo::take_back,
};
use expect_test::expect;
use serde_json::json;

#[tokio::test]
async fn rejected_field_is_quarantined_and_released_when_the_value_changes() {
    let (mut world, account, company) = refused_phone().await;
    // Another field goes on; the refused one is not tried again.
    world.edit(HubSpot, "companies", &company, json!({"description": "big"}));
    world.writes(1).await;
    world.edit(HubSpot, "companies", &company, json!({"phone": "+49 30 1234"}));
    world.writes(1).await;
    expect![[r#"
        salesforce
          Account Acme Website=https://acme.com Phone=+49 30 1234 BillingCity=Berlin Description=big
        hubspot
          companies Acme domain=acme.com website=https://acme.com phone=+49 30 1234 city=Berlin description=big
    "#]].assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "companies", &company).await, "in_step");
    assert_eq!(world.field(Salesforce, "Account", &account, "Phone"), "+49 30 1234");
}

#[tokio::test]
async fn rejected_field_is_released_by_itself_when_the_rule_goes() {
    let (mut world, _, company) = refused_phone().await;
    // A rule shows in no schema: once a day it is tried again.
    world.advance(86_400);
    assert_eq!(world.sync().await.tally.rejected, 1);
    world.still().await;
    world.admin(Salesforce, json!({"do": "validation_rules_off", "object": "Account"}));
    world.writes(0).await;
    world.advance(86_400);
    world.writes(1).await;
    expect![[r#"
        salesforce
          Account Acme Website=https://acme.com Phone=030 1234 BillingCity=Berlin
        hubspot
          companies Acme domain=acme.com website=https://acme.com phone=030 1234 city=Berlin
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "companies", &company).await, "in_step");
}

#[tokio::test]
async fn rule_that_names_no_field_keeps_back_the_value_that_breaks_it_and_no_other() {
    let (mut world, account, company) = acme(Setting::default()).await;
    // At the top of the page, where most rules say what they have to say.
    let rule = json!({"do": "validation_rule", "object": "Account", "field": "Phone",
        "operator": "starts_with", "value": "0", "message": "no leading zero"});
    world.admin(Salesforce, rule);
    let edits = json!({"phone": "030 1234", "city": "Berlin", "description": "big"});
    world.edit(HubSpot, "companies", &company, edits);
    let mut runs = 0;
    while world.says(HubSpot, "companies", &company).await != "refused SYN-2009 phone@salesforce" {
        runs += 1;
        assert!(runs < 4, "three rounds a run: {}", world.says(HubSpot, "companies", &company).await);
        world.sync().await;
    }
    let shown = |world: &World, field: &str| world.field(Salesforce, "Account", &account, field);
    assert_eq!(
        ["BillingCity", "Description", "Phone"].map(|field| shown(&world, field)),
        ["Berlin", "big", "+1 555 0100"]
    );
    // Found once, it is not looked for again.
    world.edit(HubSpot, "companies", &company, json!({"city": "Bonn", "description": "small"}));
    assert_eq!(world.writes(1).await.tally.rejected, 0);
    world.edit(HubSpot, "companies", &company, json!({"phone": "+49 30 1234"}));
    world.writes(1).await;
    assert_eq!(world.says(HubSpot, "companies", &company).await, "in_step");
}

#[tokio::test]
async fn address_that_another_contact_has_keeps_the_phone_from_nobody() {
    let mut world = World::new().await;
    let lead = |world: &World, name: &str| {
        let fields = json!({"LastName": name, "Company": "Acme", "Email": format!("{name}@acme.com")});
        world.create(Salesforce, "Lead", fields)
    };
    let ann = lead(&world, "ann");
    world.first_contact().await;
    world.create(HubSpot, "contacts", json!({"lastname": "Other", "email": "taken@acme.com"}));
    world.sync().await;
    world.edit(Salesforce, "Lead", &ann, json!({"Email": "taken@acme.com", "Phone": "+49 30 1"}));
    world.sync().await;
    world.sync().await;
    let contact = world.find(HubSpot, "contacts", "lastname", "ann");
    assert_eq!(world.field(HubSpot, "contacts", &contact, "phone"), "+49 30 1");
    assert_eq!(world.says(HubSpot, "contacts", &contact).await, "refused SYN-2009 email@hubspot SYN-3001");
}

#[tokio::test]
async fn account_that_is_hidden_from_us_keeps_the_phone_of_its_new_contact_from_nobody() {
    let mut world = World::contacts_only().await;
    let account = world.create(Salesforce, "Account", json!({"Name": "Acme"}));
    let contact = world.create(Salesforce, "Contact", json!({"LastName": "Lee", "Email": "lee@acme.com"}));
    world.first_contact().await;
    let lee = world.find(HubSpot, "contacts", "lastname", "Lee");
    let company = world.find(HubSpot, "companies", "name", "Acme");
    world.admin(Salesforce, json!({"do": "hide_record", "id": account}));
    world.associate(&format!("contacts/{lee}"), &format!("companies/{company}"));
    world.edit(HubSpot, "contacts", &lee, json!({"phone": "+49 30 1", "jobtitle": "Dr"}));
    world.sync().await;
    world.sync().await;
    let shown = |world: &World, field: &str| world.field(Salesforce, "Contact", &contact, field);
    assert_eq!(["Phone", "Title"].map(|field| shown(&world, field)), ["+49 30 1", "Dr"]);
    assert_eq!(shown(&world, "AccountId"), serde_json::Value::Null);
    assert_eq!(world.says(HubSpot, "contacts", &lee).await, "refused SYN-2009 company@salesforce");
}

#[tokio::test]
async fn address_passes_from_hand_to_hand_in_one_run_and_back_in_its_undo() {
    let mut world = World::new().await;
    let lead = |world: &World, name: &str| {
        let fields = json!({"LastName": name, "Company": "Acme", "Email": format!("{name}@acme.com")});
        world.create(Salesforce, "Lead", fields)
    };
    let leads: Vec<String> = ["ann", "bo", "cy", "di"].iter().map(|name| lead(&world, name)).collect();
    world.first_contact().await;
    let contact = |world: &World, name: &str| world.find(HubSpot, "contacts", "lastname", name);
    let contacts: Vec<String> = ["ann", "bo", "cy", "di"].iter().map(|name| contact(&world, name)).collect();
    // Each takes the address of the one before; whichever row HubSpot sees first, most find their address taken still.
    for (lead, email) in leads.iter().zip(["new", "ann", "bo", "cy"]) {
        world.edit(Salesforce, "Lead", lead, json!({"Email": format!("{email}@acme.com")}));
    }
    let outcome = world.sync().await;
    assert_eq!((outcome.tally.updated, outcome.tally.rejected), (4, 0));
    let emails = |world: &World| -> Vec<String> {
        contacts.iter().map(|id| world.field(HubSpot, "contacts", id, "email").to_string()).collect()
    };
    assert_eq!(emails(&world), ["new", "ann", "bo", "cy"].map(|name| format!("\"{name}@acme.com\"")));
    world.still().await;
    let (listed, _) = take_back(&mut world, outcome.run).await;
    assert_eq!(listed, Vec::<String>::new());
    assert_eq!(emails(&world), ["ann", "bo", "cy", "di"].map(|name| format!("\"{name}@acme.com\"")));
}

#[tokio::test]
async fn address_that_a_new_contact_took_goes_back_once_that_contact_is_archived() {
    let mut world = World::new().await;
    let lead = |world: &World, name: &str| {
        let fields = json!({"LastName": name, "Company": "Acme", "Email": "ann@acme.com"});
        world.create(Salesforce, "Lead", fields)
    };
    let ann = lead(&world, "Ann");
    world.first_contact().await;
    // Waits: it might be Ann once more.
    lead(&world, "Bo");
    world.writes(0).await;
    world.edit(Salesforce, "Lead", &ann, json!({"Email": "new@acme.com"}));
    let review = world.reviews().await[0].id;
    world.reject(review).await;
    let outcome = world.sync().await;
    assert_eq!((outcome.tally.created, outcome.tally.rejected), (1, 0));
    take_back(&mut world, outcome.run).await;
    let contact = world.find(HubSpot, "contacts", "lastname", "Ann");
    assert_eq!(world.field(HubSpot, "contacts", &contact, "email"), "ann@acme.com");
}

/// A company whose phone Salesforce refuses while its city went through.
async fn refused_phone() -> (World, String, String) {
    let (mut world, account, company) = acme(Setting::default()).await;
    let rule = json!({"do": "validation_rule", "object": "Account", "field": "Phone",
        "operator": "starts_with",
        "value": "0", "message": "no leading zero", "at": "Phone"});
    world.admin(Salesforce, rule);
    world.edit(HubSpot, "companies", &company, json!({"phone": "030 1234", "city": "Berlin"}));
    let outcome = world.sync().await;
    assert_eq!((outcome.tally.updated, outcome.tally.rejected), (1, 1));
    world.still().await;
    expect![[r#"
        salesforce
          Account Acme Website=https://acme.com Phone=+1 555 0100 BillingCity=Berlin
        hubspot
          companies Acme domain=acme.com website=https://acme.com phone=030 1234 city=Berlin
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "companies", &company).await, "refused SYN-2009 phone@salesforce");
    (world, account, company)
}

#[tokio::test]
async fn restricted_picklist_refuses_one_value_until_it_is_an_option() {
    let (mut world, _, company) = acme(Setting::default()).await;
    world.admin(Salesforce, json!({"do": "restrict_picklist", "object": "Account", "field": "Industry"}));
    world.admin(
        HubSpot,
        json!({"do": "add_option", "object": "companies", "property": "industry",
        "value": "BEEKEEPING", "label": "Beekeeping"}),
    );
    world.advance(1_000);
    world.edit(HubSpot, "companies", &company, json!({"industry": "BEEKEEPING", "city": "Berlin"}));
    world.sync().await;
    world.still().await;
    expect![[r#"
        salesforce
          Account Acme Website=https://acme.com Phone=+1 555 0100 BillingCity=Berlin
        hubspot
          companies Acme domain=acme.com website=https://acme.com phone=+1 555 0100 industry=BEEKEEPING city=Berlin
    "#]].assert_eq(world.picture().text());
    expect!["unmapped SYN-2007 industry@salesforce"]
        .assert_eq(&world.says(HubSpot, "companies", &company).await);
    world.admin(
        Salesforce,
        json!({"do": "add_option", "object": "Account", "field": "Industry", "value": "Beekeeping"}),
    );
    world.advance(1_000);
    world.sync().await;
    world.still().await;
    expect![[r#"
        salesforce
          Account Acme Website=https://acme.com Phone=+1 555 0100 Industry=Beekeeping BillingCity=Berlin
        hubspot
          companies Acme domain=acme.com website=https://acme.com phone=+1 555 0100 industry=BEEKEEPING city=Berlin
    "#]].assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "companies", &company).await, "in_step");
}

#[tokio::test]
async fn read_only_field_waits_for_the_permission() {
    let (mut world, _, company) = acme(Setting::default()).await;
    world.admin(Salesforce, json!({"do": "readonly_field", "object": "Account", "field": "Phone"}));
    world.edit(HubSpot, "companies", &company, json!({"phone": "7", "city": "Berlin"}));
    world.sync().await;
    world.still().await;
    expect![[r#"
        salesforce
          Account Acme Website=https://acme.com Phone=+1 555 0100 BillingCity=Berlin
        hubspot
          companies Acme domain=acme.com website=https://acme.com phone=7 city=Berlin
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "companies", &company).await, "not_writable SYN-2010 phone@salesforce");
    world.admin(Salesforce, json!({"do": "writable_field", "object": "Account", "field": "Phone"}));
    world.writes(1).await;
    expect![[r#"
        salesforce
          Account Acme Website=https://acme.com Phone=7 BillingCity=Berlin
        hubspot
          companies Acme domain=acme.com website=https://acme.com phone=7 city=Berlin
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "companies", &company).await, "in_step");
}

#[tokio::test]
async fn value_too_long_for_the_other_side_is_not_cut() {
    let (mut world, _, company) = acme(Setting::default()).await;
    world.edit(HubSpot, "companies", &company, json!({"phone": "1".repeat(60), "city": "Berlin"}));
    world.sync().await;
    world.still().await;
    assert_eq!(world.says(HubSpot, "companies", &company).await, "does_not_fit SYN-2008 phone@salesforce");
    world.edit(HubSpot, "companies", &company, json!({"phone": "1".repeat(40)}));
    world.writes(1).await;
    assert_eq!(world.says(HubSpot, "companies", &company).await, "in_step");
    expect![[r#"
        salesforce
          Account Acme Website=https://acme.com Phone=1111111111111111111111111111111111111111 BillingCity=Berlin
        hubspot
          companies Acme domain=acme.com website=https://acme.com phone=1111111111111111111111111111111111111111 city=Berlin
    "#]].assert_eq(world.picture().text());
}

#[tokio::test]
async fn partial_batch_writes_what_is_good_and_holds_what_is_not() {
    let mut world = World::new().await;
    for n in 0..5 {
        world.create(Salesforce, "Account", json!({"Name": format!("A{n}"), "Website": format!("a{n}.com")}));
    }
    world.first_contact().await;
    world.admin(
        Salesforce,
        json!({"do": "validation_rule", "object": "Account", "field": "BillingCity", "operator": "=",
            "value": "C2", "message": "no C2", "at": "BillingCity"}),
    );
    for n in 0..5 {
        let company = world.find(HubSpot, "companies", "name", &format!("A{n}"));
        world.edit(HubSpot, "companies", &company, json!({"city": format!("C{n}")}));
    }
    let outcome = world.sync().await;
    assert_eq!((outcome.tally.updated, outcome.tally.rejected), (4, 1));
    world.still().await;
    expect![[r#"
        salesforce
          Account A0 Website=a0.com BillingCity=C0
          Account A1 Website=a1.com BillingCity=C1
          Account A2 Website=a2.com
          Account A3 Website=a3.com BillingCity=C3
          Account A4 Website=a4.com BillingCity=C4
        hubspot
          companies A0 domain=a0.com website=a0.com city=C0
          companies A1 domain=a1.com website=a1.com city=C1
          companies A2 domain=a2.com website=a2.com city=C2
          companies A3 domain=a3.com website=a3.com city=C3
          companies A4 domain=a4.com website=a4.com city=C4
    "#]]
    .assert_eq(world.picture().text());
    let good = world.find(HubSpot, "companies", "name", "A1");
    let bad = world.find(HubSpot, "companies", "name", "A2");
    assert_eq!(world.says(HubSpot, "companies", &good).await, "in_step");
    assert_eq!(world.says(HubSpot, "companies", &bad).await, "refused SYN-2009 city@salesforce");
}

#[tokio::test]
async fn duplicate_rule_leads_to_a_link_with_the_record_it_names() {
    let mut world = World::contacts_only().await;
    world.admin(
        Salesforce,
        json!({"do": "duplicate_rule", "object": "Account", "fields": ["Name"], "action": "block"}),
    );
    let account = world.create(Salesforce, "Account", json!({"Name": "Beta"}));
    let company = world.create(HubSpot, "companies", json!({"name": "Beta", "domain": "beta.io"}));
    world.first_contact().await;
    expect![[r#"
        salesforce
          Account Beta
        hubspot
          companies Beta domain=beta.io
    "#]]
    .assert_eq(world.picture().text());
    let links = world.links(HubSpot, "companies", &company).await;
    assert_eq!(
        links.get(&format!("salesforce/Account/{account}")).map(String::as_str),
        Some("active"),
        "{links:?}"
    );
    assert_eq!(world.says(HubSpot, "companies", &company).await, "in_step");
}

#[tokio::test]
async fn duplicate_rule_with_several_candidates_is_a_question() {
    let mut world = World::contacts_only().await;
    for city in ["Berlin", "Bonn"] {
        world.create(
            Salesforce,
            "Account",
            json!({"Name": "Beta", "BillingCity": city, "BillingCountry": city}),
        );
    }
    world.admin(
        Salesforce,
        json!({"do": "duplicate_rule", "object": "Account", "fields": ["Name"], "action": "block"}),
    );
    let company = world.create(HubSpot, "companies", json!({"name": "Beta", "domain": "beta.io"}));
    world.first_contact().await;
    expect![[r#"
        salesforce
          Account Beta BillingCity=Berlin
          Account Beta BillingCity=Bonn
        hubspot
          companies Beta city=Berlin
          companies Beta city=Bonn
          companies Beta domain=beta.io
    "#]]
    .assert_eq(world.picture().text());
    expect!["refused SYN-2009 *@salesforce"].assert_eq(&world.says(HubSpot, "companies", &company).await);
    let reviews = world.reviews().await;
    assert_eq!(reviews.len(), 1, "{reviews:#?}");
}

#[tokio::test]
async fn a_relation_that_the_vendor_minds_is_listed_and_tried_again_once_a_day_or_when_the_other_record_changes()
 {
    let mut world = World::new().await;
    let account = world.create(Salesforce, "Account", json!({"Name": "Acme", "Website": "acme.com"}));
    let lee = json!({"LastName": "Lee", "Email": "lee@acme.com", "AccountId": account});
    let lee = world.create(Salesforce, "Contact", lee);
    let roof =
        json!({"Name": "Roof", "AccountId": account, "StageName": "Prospecting", "CloseDate": "2026-06-30"});
    world.create(Salesforce, "Opportunity", roof);
    world.first_contact().await;
    let rule = json!({"do": "validation_rule", "object": "OpportunityContactRole", "field": "ContactId",
        "operator": "starts_with", "value": "003", "message": "one decides alone"});
    world.admin(Salesforce, rule);
    let deal = world.find(HubSpot, "deals", "dealname", "Roof");
    let contact = world.find(HubSpot, "contacts", "email", "lee@acme.com");
    world.associate(&format!("deals/{deal}"), &format!("contacts/{contact}"));
    // A relation moves no stamp of the deal's.
    world.edit(HubSpot, "deals", &deal, json!({"amount": "5"}));
    assert_eq!(world.sync().await.tally.rejected, 1, "once, not in every round");
    assert_eq!(world.says(HubSpot, "deals", &deal).await, "refused SYN-2009 contacts@salesforce");
    world.still().await;
    world.advance(86_400);
    assert_eq!(world.sync().await.tally.rejected, 1, "a rule shows in no schema");
    world.still().await;
    world.admin(Salesforce, json!({"do": "validation_rules_off", "object": "OpportunityContactRole"}));
    world.edit(Salesforce, "Contact", &lee, json!({"Title": "Dr"}));
    world.sync().await;
    world.quiet().await;
    assert_eq!(world.find_all(Salesforce, "OpportunityContactRole", "ContactId", &lee).len(), 1);
    assert_eq!(world.says(HubSpot, "deals", &deal).await, "in_step");
}
