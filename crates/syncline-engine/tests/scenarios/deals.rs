//! Deals and opportunities.

use crate::scenario::{HubSpot, Salesforce, World};
use expect_test::expect;
use serde_json::{Value, json};

/// An opportunity of a known account with one person in it.
async fn roof() -> (World, String, String) {
    let mut world = World::new().await;
    let account = world.create(Salesforce, "Account", json!({"Name": "Acme", "Website": "acme.com"}));
    let person = world.create(
        Salesforce,
        "Contact",
        json!({"LastName": "Lee", "Email": "lee@acme.com", "AccountId": account}),
    );
    let deal = world.create(
        Salesforce,
        "Opportunity",
        json!({"Name": "Roof", "AccountId": account, "StageName": "Prospecting", "Amount": 1200.50,
            "CloseDate": "2026-06-30"}),
    );
    world.create(Salesforce, "OpportunityContactRole", json!({"OpportunityId": deal, "ContactId": person}));
    world.first_contact().await;
    let other = world.find(HubSpot, "deals", "dealname", "Roof");
    (world, deal, other)
}

#[tokio::test]
async fn a_relation_is_not_missed_where_a_hidden_property_makes_all_be_read_anew() {
    let (mut world, opportunity, deal) = roof().await;
    let person = json!({"LastName": "Ek", "Email": "ek@acme.com"});
    let ek = world.create(Salesforce, "Contact", person);
    world.advance(600);
    world.sync().await;
    // The deal's last stamp is of our own write; a relation moves none.
    let contact = world.find(HubSpot, "contacts", "email", "ek@acme.com");
    world.associate(&format!("deals/{deal}"), &format!("contacts/{contact}"));
    world.admin(HubSpot, json!({"do": "hide_property", "object": "deals", "property": "amount"}));
    world.advance(25 * 3600);
    world.sync().await;
    let roles = world.find_all(Salesforce, "OpportunityContactRole", "ContactId", &ek);
    assert_eq!(roles.len(), 1, "{opportunity}");
}

#[tokio::test]
async fn deal_stage_amount_and_close_date_travel_both_ways() {
    let (mut world, opportunity, deal) = roof().await;
    expect![[r#"
        salesforce
          Account Acme Website=acme.com
          Contact Lee Email=lee@acme.com AccountId=Acme
          Opportunity Roof StageName=Prospecting Amount=1200.5 CloseDate=2026-06-30 AccountId=Acme
          OpportunityContactRole - OpportunityId=Roof ContactId=Lee
        hubspot
          companies Acme domain=acme.com website=acme.com
          contacts Lee email=lee@acme.com -> Acme (primary)
          deals Roof dealstage=prospecting amount=1200.5 closedate=2026-06-30T00:00:00Z -> Acme (primary) -> Lee
    "#]].assert_eq(world.picture().text());
    world.edit(
        Salesforce,
        "Opportunity",
        &opportunity,
        json!({"StageName": "Qualification", "Amount": 1300, "CloseDate": "2026-07-31"}),
    );
    world.writes(1).await;
    expect![[r#"
        salesforce
          Account Acme Website=acme.com
          Contact Lee Email=lee@acme.com AccountId=Acme
          Opportunity Roof StageName=Qualification Amount=1300.0 CloseDate=2026-07-31 AccountId=Acme
          OpportunityContactRole - OpportunityId=Roof ContactId=Lee
        hubspot
          companies Acme domain=acme.com website=acme.com
          contacts Lee email=lee@acme.com -> Acme (primary)
          deals Roof dealstage=qualification amount=1300 closedate=2026-07-31T00:00:00Z -> Acme (primary) -> Lee
    "#]].assert_eq(world.picture().text());
    world.edit(
        HubSpot,
        "deals",
        &deal,
        json!({"dealstage": "negotiation", "amount": "999.99", "closedate": "2026-08-15T00:00:00Z"}),
    );
    world.writes(1).await;
    expect![[r#"
        salesforce
          Account Acme Website=acme.com
          Contact Lee Email=lee@acme.com AccountId=Acme
          Opportunity Roof StageName=Negotiation/Review Amount=999.99 CloseDate=2026-08-15 AccountId=Acme
          OpportunityContactRole - OpportunityId=Roof ContactId=Lee
        hubspot
          companies Acme domain=acme.com website=acme.com
          contacts Lee email=lee@acme.com -> Acme (primary)
          deals Roof dealstage=negotiation amount=999.99 closedate=2026-08-15T00:00:00Z -> Acme (primary) -> Lee
    "#]].assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "deals", &deal).await, "in_step");
}

#[tokio::test]
async fn amount_cleared_travels_and_a_blank_one_stays_blank() {
    let (mut world, opportunity, deal) = roof().await;
    let account = world.find(Salesforce, "Account", "Name", "Acme");
    world.create(
        Salesforce,
        "Opportunity",
        json!({"Name": "Wall", "AccountId": account, "StageName": "Prospecting", "CloseDate": "2026-06-30"}),
    );
    world.sync().await;
    world.still().await;
    let wall = world.find(HubSpot, "deals", "dealname", "Wall");
    assert_eq!(world.field(HubSpot, "deals", &wall, "amount"), Value::Null);
    world.edit(HubSpot, "deals", &deal, json!({"amount": ""}));
    world.writes(1).await;
    assert_eq!(world.field(Salesforce, "Opportunity", &opportunity, "Amount"), Value::Null);
    world.edit(Salesforce, "Opportunity", &opportunity, json!({"Amount": 0}));
    world.writes(1).await;
    assert_eq!(world.field(HubSpot, "deals", &deal, "amount"), "0");
    expect![[r#"
        salesforce
          Account Acme Website=acme.com
          Contact Lee Email=lee@acme.com AccountId=Acme
          Opportunity Roof StageName=Prospecting Amount=0.0 CloseDate=2026-06-30 AccountId=Acme
          Opportunity Wall StageName=Prospecting CloseDate=2026-06-30 AccountId=Acme
          OpportunityContactRole - OpportunityId=Roof ContactId=Lee
        hubspot
          companies Acme domain=acme.com website=acme.com
          contacts Lee email=lee@acme.com -> Acme (primary)
          deals Roof dealstage=prospecting amount=0 closedate=2026-06-30T00:00:00Z -> Acme (primary) -> Lee
          deals Wall dealstage=prospecting closedate=2026-06-30T00:00:00Z -> Acme (primary)
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "deals", &deal).await, "in_step");
}

#[tokio::test]
async fn a_deal_that_is_closed_and_reopened_follows() {
    let (mut world, opportunity, deal) = roof().await;
    world.edit(HubSpot, "deals", &deal, json!({"dealstage": "closedwon"}));
    world.sync().await;
    world.still().await;
    assert_eq!(world.field(Salesforce, "Opportunity", &opportunity, "StageName"), "Closed Won");
    world.edit(Salesforce, "Opportunity", &opportunity, json!({"StageName": "Prospecting"}));
    world.sync().await;
    world.still().await;
    expect![[r#"
        salesforce
          Account Acme Website=acme.com
          Contact Lee Email=lee@acme.com AccountId=Acme
          Opportunity Roof StageName=Prospecting Amount=1200.5 CloseDate=2026-06-30 AccountId=Acme
          OpportunityContactRole - OpportunityId=Roof ContactId=Lee
        hubspot
          companies Acme domain=acme.com website=acme.com
          contacts Lee email=lee@acme.com -> Acme (primary)
          deals Roof dealstage=prospecting amount=1200.5 closedate=2026-06-30T00:00:00Z -> Acme (primary) -> Lee
    "#]].assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "deals", &deal).await, "in_step");
}

#[tokio::test]
async fn a_stage_without_counterpart_is_held_and_the_rest_of_the_deal_syncs() {
    let (mut world, opportunity, deal) = roof().await;
    world.admin(
        Salesforce,
        json!({"do": "add_option", "object": "Opportunity", "field": "StageName",
        "value": "Legal", "probability": 50}),
    );
    world.edit(Salesforce, "Opportunity", &opportunity, json!({"StageName": "Legal", "Amount": 77}));
    world.writes(1).await;
    expect![[r#"
        salesforce
          Account Acme Website=acme.com
          Contact Lee Email=lee@acme.com AccountId=Acme
          Opportunity Roof StageName=Legal Amount=77.0 CloseDate=2026-06-30 AccountId=Acme
          OpportunityContactRole - OpportunityId=Roof ContactId=Lee
        hubspot
          companies Acme domain=acme.com website=acme.com
          contacts Lee email=lee@acme.com -> Acme (primary)
          deals Roof dealstage=prospecting amount=77 closedate=2026-06-30T00:00:00Z -> Acme (primary) -> Lee
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "deals", &deal).await, "unmapped SYN-2007 stage@hubspot");
    world.edit(Salesforce, "Opportunity", &opportunity, json!({"StageName": "Negotiation/Review"}));
    world.writes(1).await;
    expect![[r#"
        salesforce
          Account Acme Website=acme.com
          Contact Lee Email=lee@acme.com AccountId=Acme
          Opportunity Roof StageName=Negotiation/Review Amount=77.0 CloseDate=2026-06-30 AccountId=Acme
          OpportunityContactRole - OpportunityId=Roof ContactId=Lee
        hubspot
          companies Acme domain=acme.com website=acme.com
          contacts Lee email=lee@acme.com -> Acme (primary)
          deals Roof dealstage=negotiation amount=77 closedate=2026-06-30T00:00:00Z -> Acme (primary) -> Lee
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "deals", &deal).await, "in_step");
}

#[tokio::test]
async fn deal_without_a_linked_account_is_held_until_its_company_is_known_and_goes_in_contacts_only() {
    let mut world = World::new().await;
    let company = world.create(HubSpot, "companies", json!({"name": "Beta", "domain": "beta.io"}));
    let fields = json!({"dealname": "Wall", "dealstage": "prospecting", "closedate": "2026-06-30T00:00:00Z"});
    let deal = world.create(HubSpot, "deals", fields.clone());
    world.associate(&format!("deals/{deal}"), &format!("companies/{company}"));
    world.first_contact().await;
    expect![[r#"
        salesforce
        hubspot
          companies Beta domain=beta.io
          deals Wall dealstage=prospecting closedate=2026-06-30T00:00:00Z -> Beta (primary)
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "deals", &deal).await, "waits_for_account SYN-2002 *@salesforce");
    // Released by itself once the account is there.
    world.create(Salesforce, "Account", json!({"Name": "Beta", "Website": "beta.io"}));
    world.sync().await;
    world.still().await;
    expect![[r#"
        salesforce
          Account Beta Website=beta.io
          Opportunity Wall StageName=Prospecting CloseDate=2026-06-30 AccountId=Beta
        hubspot
          companies Beta domain=beta.io website=beta.io
          deals Wall dealstage=prospecting closedate=2026-06-30T00:00:00Z -> Beta (primary)
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "deals", &deal).await, "in_step");

    let mut world = World::contacts_only().await;
    let company = world.create(HubSpot, "companies", json!({"name": "Beta", "domain": "beta.io"}));
    let deal = world.create(HubSpot, "deals", fields);
    world.associate(&format!("deals/{deal}"), &format!("companies/{company}"));
    world.first_contact().await;
    expect![[r#"
        salesforce
          Account Beta
          Opportunity Wall StageName=Prospecting CloseDate=2026-06-30 AccountId=Beta
        hubspot
          companies Beta domain=beta.io
          deals Wall dealstage=prospecting closedate=2026-06-30T00:00:00Z -> Beta (primary)
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "deals", &deal).await, "in_step");
}

#[tokio::test]
async fn contacts_of_a_deal_come_and_go_on_both_sides() {
    let (mut world, opportunity, deal) = roof().await;
    let account = world.find(Salesforce, "Account", "Name", "Acme");
    let second = world.create(
        Salesforce,
        "Contact",
        json!({"LastName": "Poe", "Email": "poe@acme.com", "AccountId": account}),
    );
    let role = world.create(
        Salesforce,
        "OpportunityContactRole",
        json!({"OpportunityId": opportunity, "ContactId": second}),
    );
    world.sync().await;
    world.still().await;
    expect![[r#"
        salesforce
          Account Acme Website=acme.com
          Contact Lee Email=lee@acme.com AccountId=Acme
          Contact Poe Email=poe@acme.com AccountId=Acme
          Opportunity Roof StageName=Prospecting Amount=1200.5 CloseDate=2026-06-30 AccountId=Acme
          OpportunityContactRole - OpportunityId=Roof ContactId=Lee
          OpportunityContactRole - OpportunityId=Roof ContactId=Poe
        hubspot
          companies Acme domain=acme.com website=acme.com
          contacts Lee email=lee@acme.com -> Acme (primary)
          contacts Poe email=poe@acme.com -> Acme (primary)
          deals Roof dealstage=prospecting amount=1200.5 closedate=2026-06-30T00:00:00Z -> Acme (primary) -> Lee -> Poe
    "#]].assert_eq(world.picture().text());
    world.admin(Salesforce, json!({"do": "delete", "id": role}));
    world.sync().await;
    world.still().await;
    expect![[r#"
        salesforce
          Account Acme Website=acme.com
          Contact Lee Email=lee@acme.com AccountId=Acme
          Contact Poe Email=poe@acme.com AccountId=Acme
          Opportunity Roof StageName=Prospecting Amount=1200.5 CloseDate=2026-06-30 AccountId=Acme
          OpportunityContactRole - OpportunityId=Roof ContactId=Lee
          OpportunityContactRole - OpportunityId=Roof ContactId=Poe (deleted)
        hubspot
          companies Acme domain=acme.com website=acme.com
          contacts Lee email=lee@acme.com -> Acme (primary)
          contacts Poe email=poe@acme.com -> Acme (primary)
          deals Roof dealstage=prospecting amount=1200.5 closedate=2026-06-30T00:00:00Z -> Acme (primary) -> Lee
    "#]].assert_eq(world.picture().text());
    // HubSpot's ties move no stamp: the deal itself is touched, so they are read with it.
    let poe = world.find(HubSpot, "contacts", "email", "poe@acme.com");
    world.associate(&format!("deals/{deal}"), &format!("contacts/{poe}"));
    world.edit(HubSpot, "deals", &deal, json!({"description": "two"}));
    world.sync().await;
    world.still().await;
    expect![[r#"
        salesforce
          Account Acme Website=acme.com
          Contact Lee Email=lee@acme.com AccountId=Acme
          Contact Poe Email=poe@acme.com AccountId=Acme
          Opportunity Roof StageName=Prospecting Amount=1200.5 CloseDate=2026-06-30 Description=two AccountId=Acme
          OpportunityContactRole - OpportunityId=Roof ContactId=Lee
          OpportunityContactRole - OpportunityId=Roof ContactId=Poe
          OpportunityContactRole - OpportunityId=Roof ContactId=Poe (deleted)
        hubspot
          companies Acme domain=acme.com website=acme.com
          contacts Lee email=lee@acme.com -> Acme (primary)
          contacts Poe email=poe@acme.com -> Acme (primary)
          deals Roof dealstage=prospecting amount=1200.5 closedate=2026-06-30T00:00:00Z description=two -> Acme (primary) -> Lee -> Poe
    "#]].assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "deals", &deal).await, "in_step");
}

#[tokio::test]
async fn amounts_in_another_currency_are_held_with_the_reason() {
    let mut world = World::contacts_only().await;
    world.admin(HubSpot, json!({"do": "currencies", "home": "USD", "active": {"EUR": "1.08"}}));
    let company = world.create(HubSpot, "companies", json!({"name": "Beta", "domain": "beta.io"}));
    let fields = json!({"dealname": "Wall", "dealstage": "prospecting", "closedate": "2026-06-30T00:00:00Z",
        "amount": "100", "deal_currency_code": "EUR"});
    let deal = world.create(HubSpot, "deals", fields);
    world.associate(&format!("deals/{deal}"), &format!("companies/{company}"));
    world.first_contact().await;
    expect![[r#"
        salesforce
          Account Beta
          Opportunity Wall StageName=Prospecting CloseDate=2026-06-30 AccountId=Beta
        hubspot
          companies Beta domain=beta.io
          deals Wall dealstage=prospecting amount=100 closedate=2026-06-30T00:00:00Z -> Beta (primary)
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "deals", &deal).await, "currency_mismatch SYN-2012 amount@salesforce");
    // Dollars are not written over euros either.
    let opportunity = world.find(Salesforce, "Opportunity", "Name", "Wall");
    world.edit(Salesforce, "Opportunity", &opportunity, json!({"Amount": 7, "NextStep": "call"}));
    world.writes(1).await;
    expect![[r#"
        salesforce
          Account Beta
          Opportunity Wall StageName=Prospecting Amount=7.0 CloseDate=2026-06-30 NextStep=call AccountId=Beta
        hubspot
          companies Beta domain=beta.io
          deals Wall dealstage=prospecting amount=100 closedate=2026-06-30T00:00:00Z hs_next_step=call -> Beta (primary)
    "#]].assert_eq(world.picture().text());
    let says = world.says(HubSpot, "deals", &deal).await;
    assert_eq!(says, "currency_mismatch SYN-2012 amount@hubspot");
    world.edit(Salesforce, "Opportunity", &opportunity, json!({"Amount": null}));
    world.edit(HubSpot, "deals", &deal, json!({"deal_currency_code": "USD"}));
    world.writes(1).await;
    expect![[r#"
        salesforce
          Account Beta
          Opportunity Wall StageName=Prospecting Amount=100.0 CloseDate=2026-06-30 NextStep=call AccountId=Beta
        hubspot
          companies Beta domain=beta.io
          deals Wall dealstage=prospecting amount=100 closedate=2026-06-30T00:00:00Z hs_next_step=call -> Beta (primary)
    "#]].assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "deals", &deal).await, "in_step");
}

#[tokio::test]
async fn amounts_wait_while_an_org_does_not_tell_its_currency() {
    let mut world = World::contacts_only().await;
    world.knob(Salesforce, "connect_api", json!(false));
    world.advance(2 * 3_600);
    world.restart().await;
    let company = world.create(HubSpot, "companies", json!({"name": "Beta", "domain": "beta.io"}));
    let fields = json!({"dealname": "Wall", "dealstage": "prospecting", "closedate": "2026-06-30T00:00:00Z",
        "amount": "100"});
    let deal = world.create(HubSpot, "deals", fields);
    world.associate(&format!("deals/{deal}"), &format!("companies/{company}"));
    world.first_contact().await;
    let account = world.find(Salesforce, "Account", "Name", "Beta");
    let fields = json!({"Name": "Roof", "StageName": "Prospecting", "CloseDate": "2026-06-30", "Amount": 5,
        "AccountId": account});
    let opportunity = world.create(Salesforce, "Opportunity", fields);
    world.sync().await;
    let wall = world.find(Salesforce, "Opportunity", "Name", "Wall");
    let roof = world.find(HubSpot, "deals", "dealname", "Roof");
    assert_eq!(world.field(Salesforce, "Opportunity", &wall, "Amount"), json!(null));
    assert_eq!(world.field(HubSpot, "deals", &roof, "amount"), json!(null));
    assert_eq!(world.says(HubSpot, "deals", &deal).await, "currency_mismatch SYN-2012 amount@salesforce");
    let says = world.says(Salesforce, "Opportunity", &opportunity).await;
    assert_eq!(says, "currency_mismatch SYN-2012 amount@hubspot");

    world.knob(Salesforce, "connect_api", json!(true));
    world.advance(2 * 3_600);
    world.sync().await;
    assert_eq!(world.field(Salesforce, "Opportunity", &wall, "Amount"), json!(100.0));
    assert_eq!(world.field(HubSpot, "deals", &roof, "amount"), json!("5"));
    assert_eq!(world.says(HubSpot, "deals", &deal).await, "in_step");
    assert_eq!(world.says(Salesforce, "Opportunity", &opportunity).await, "in_step");
}

#[tokio::test]
async fn deal_without_any_company_waits_for_one() {
    let (mut world, _, _) = roof().await;
    let fields = json!({"dealname": "Wall", "dealstage": "prospecting", "closedate": "2026-06-30T00:00:00Z"});
    let deal = world.create(HubSpot, "deals", fields);
    world.writes(0).await;
    assert_eq!(world.says(HubSpot, "deals", &deal).await, "waits_for_account SYN-2002 *@salesforce");
    let company = world.find(HubSpot, "companies", "name", "Acme");
    world.associate(&format!("deals/{deal}"), &format!("companies/{company}"));
    world.edit(HubSpot, "deals", &deal, json!({"amount": "5"}));
    world.writes(2).await;
    expect![[r#"
        salesforce
          Account Acme Website=acme.com
          Contact Lee Email=lee@acme.com AccountId=Acme
          Opportunity Roof StageName=Prospecting Amount=1200.5 CloseDate=2026-06-30 AccountId=Acme
          Opportunity Wall StageName=Prospecting Amount=5.0 CloseDate=2026-06-30 AccountId=Acme
          OpportunityContactRole - OpportunityId=Roof ContactId=Lee
        hubspot
          companies Acme domain=acme.com website=acme.com
          contacts Lee email=lee@acme.com -> Acme (primary)
          deals Roof dealstage=prospecting amount=1200.5 closedate=2026-06-30T00:00:00Z -> Acme (primary) -> Lee
          deals Wall dealstage=prospecting amount=5 closedate=2026-06-30T00:00:00Z -> Acme (primary)
    "#]].assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "deals", &deal).await, "in_step");
}

#[tokio::test]
async fn who_is_a_lead_takes_part_in_a_deal_once_converted() {
    let mut world = World::new().await;
    let account = world.create(Salesforce, "Account", json!({"Name": "Acme", "Website": "acme.com"}));
    let fields =
        json!({"Name": "Roof", "StageName": "Prospecting", "CloseDate": "2026-06-30", "AccountId": account});
    world.create(Salesforce, "Opportunity", fields);
    let lead =
        world.create(Salesforce, "Lead", json!({"LastName": "Lee", "Company": "?", "Email": "lee@acme.com"}));
    world.first_contact().await;
    let deal = world.find(HubSpot, "deals", "dealname", "Roof");
    let contact = world.find(HubSpot, "contacts", "lastname", "Lee");
    world.associate(&format!("deals/{deal}"), &format!("contacts/{contact}"));
    world.edit(HubSpot, "deals", &deal, json!({"description": "two"}));
    // Salesforce takes contacts only: nothing is tried in vain, and explain says what it waits for.
    for _ in 0..2 {
        let outcome = world.sync().await;
        assert_eq!((outcome.tally.rejected, outcome.tally.associated), (0, 0));
    }
    assert_eq!(world.says(HubSpot, "deals", &deal).await, "waits_for_parent SYN-2001 contacts@salesforce");
    world.admin(
        Salesforce,
        json!({"do": "convert_lead", "lead": lead, "account": account, "no_opportunity": true}),
    );
    let outcome = world.sync().await;
    assert_eq!(outcome.tally.rejected, 0);
    assert!(
        world.picture().text().contains("OpportunityContactRole - OpportunityId=Roof ContactId=Lee\n"),
        "{:?}",
        world.picture()
    );
    world.still().await;
    assert_eq!(world.says(HubSpot, "deals", &deal).await, "in_step");
}
