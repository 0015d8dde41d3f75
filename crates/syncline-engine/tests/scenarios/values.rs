//! Single values: conflicts, clears, what may not be seen, what vendors respell.

use crate::scenario::{HubSpot, Salesforce, Setting, World, acme};
use expect_test::expect;
use serde_json::{Value, json};

#[tokio::test]
async fn account_name_travels_both_ways() {
    let (mut world, account, company) = acme(Setting::default()).await;
    expect![[r#"
        salesforce
          Account Acme Website=https://acme.com Phone=+1 555 0100
        hubspot
          companies Acme domain=acme.com website=https://acme.com phone=+1 555 0100
    "#]]
    .assert_eq(world.picture().text());
    world.edit(Salesforce, "Account", &account, json!({"Name": "Acme Corp"}));
    world.writes(1).await;
    assert_eq!(world.field(HubSpot, "companies", &company, "name"), "Acme Corp");
    world.edit(HubSpot, "companies", &company, json!({"name": "Acme Corporation"}));
    world.writes(1).await;
    expect![[r#"
        salesforce
          Account Acme Corporation Website=https://acme.com Phone=+1 555 0100
        hubspot
          companies Acme Corporation domain=acme.com website=https://acme.com phone=+1 555 0100
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(Salesforce, "Account", &account).await, "in_step");
}

#[tokio::test]
async fn conflict_goes_to_the_tie_side_where_nobody_can_tell_who_was_later() {
    let (mut world, account, company) = acme(Setting::default()).await;
    world.edit(HubSpot, "companies", &company, json!({"phone": "+1 555 0200", "city": "Berlin"}));
    world.edit(Salesforce, "Account", &account, json!({"Phone": "+1 555 0300", "Description": "big"}));
    world.advance(3_600);
    world.plan().await;
    let explained = world.explain(Salesforce, "Account", &account).await;
    let phone = explained.entities[0].derivations.iter().find(|it| it.attribute.as_str() == "phone").unwrap();
    assert_eq!(
        (phone.result.as_deref(), phone.case.map(|it| format!("{it:?}"))),
        (Some("+1 555 0300"), Some("Tie".to_owned()))
    );
    world.writes(2).await;
    expect![[r#"
        salesforce
          Account Acme Website=https://acme.com Phone=+1 555 0300 BillingCity=Berlin Description=big
        hubspot
          companies Acme domain=acme.com website=https://acme.com phone=+1 555 0300 city=Berlin description=big
    "#]].assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "companies", &company).await, "in_step");
}

#[tokio::test]
async fn conflict_of_a_manual_field_waits_for_a_person_and_the_rest_syncs() {
    let setting = Setting {
        changes: vec![(
            "[kind.organisation.field.phone]\n",
            "[kind.organisation.field.phone]\nrule = \"manual\"\n",
        )],
        ..Setting::default()
    };
    let (mut world, account, company) = acme(setting).await;
    world.edit(HubSpot, "companies", &company, json!({"phone": "+1 555 0200", "city": "Berlin"}));
    world.edit(Salesforce, "Account", &account, json!({"Phone": "+1 555 0300"}));
    world.writes(1).await;
    expect![[r#"
        salesforce
          Account Acme Website=https://acme.com Phone=+1 555 0300 BillingCity=Berlin
        hubspot
          companies Acme domain=acme.com website=https://acme.com phone=+1 555 0200 city=Berlin
    "#]]
    .assert_eq(world.picture().text());
    let says = world.says(HubSpot, "companies", &company).await;
    assert_eq!(says, "manual_conflict SYN-2006 phone@hubspot SYN-2006 phone@salesforce");
    assert_eq!(world.reviews().await.len(), 1);
    // Settled by making both sides alike.
    world.edit(HubSpot, "companies", &company, json!({"phone": "+1 555 0300"}));
    world.writes(0).await;
    assert_eq!(world.says(HubSpot, "companies", &company).await, "in_step");
    assert_eq!(world.reviews().await.len(), 0);
}

#[tokio::test]
async fn clear_vs_never_set_a_cleared_value_travels_and_a_blank_one_is_filled() {
    let mut world = World::new().await;
    let account =
        world.create(Salesforce, "Account", json!({"Name": "Acme", "Website": "acme.com", "Phone": "1"}));
    let company = world.create(
        HubSpot,
        "companies",
        json!({"name": "Acme", "domain": "acme.com", "city": "Berlin", "phone": "1"}),
    );
    world.first_contact().await;
    // Never set on one side: filled, not cleared.
    assert_eq!(world.field(Salesforce, "Account", &account, "BillingCity"), "Berlin");
    assert_eq!(world.field(HubSpot, "companies", &company, "city"), "Berlin");
    expect![[r#"
        salesforce
          Account Acme Website=acme.com Phone=1 BillingCity=Berlin
        hubspot
          companies Acme domain=acme.com website=acme.com phone=1 city=Berlin
    "#]]
    .assert_eq(world.picture().text());
    world.edit(Salesforce, "Account", &account, json!({"Phone": null}));
    world.edit(HubSpot, "companies", &company, json!({"city": ""}));
    world.writes(2).await;
    expect![[r#"
        salesforce
          Account Acme Website=acme.com
        hubspot
          companies Acme domain=acme.com website=acme.com
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "companies", &company).await, "in_step");
}

#[tokio::test]
async fn hidden_field_is_not_a_cleared_one() {
    let (mut world, account, company) = acme(Setting::default()).await;
    for (side, hide) in [
        (Salesforce, json!({"do": "hide_field", "object": "Account", "field": "Phone"})),
        (HubSpot, json!({"do": "hide_property", "object": "companies", "property": "description"})),
    ] {
        world.admin(side, hide);
    }
    world.writes(0).await;
    assert_eq!(world.says(Salesforce, "Account", &account).await, "in_step");
    // A change towards what is hidden waits; other fields go on.
    world.edit(HubSpot, "companies", &company, json!({"phone": "+1 555 0200", "city": "Berlin"}));
    world.writes(1).await;
    expect![[r#"
        salesforce
          Account Acme Website=https://acme.com Phone=+1 555 0100 BillingCity=Berlin
        hubspot
          companies Acme domain=acme.com website=https://acme.com phone=+1 555 0200 city=Berlin
    "#]]
    .assert_eq(world.picture().text());
    let says = world.says(HubSpot, "companies", &company).await;
    assert_eq!(says, "no_such_field SYN-2011 phone@salesforce");
    world.admin(Salesforce, json!({"do": "show_field", "object": "Account", "field": "Phone"}));
    world.writes(1).await;
    expect![[r#"
        salesforce
          Account Acme Website=https://acme.com Phone=+1 555 0200 BillingCity=Berlin
        hubspot
          companies Acme domain=acme.com website=https://acme.com phone=+1 555 0200 city=Berlin
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "companies", &company).await, "in_step");
}

#[tokio::test]
async fn hidden_record_is_neither_deleted_nor_made_again() {
    let (mut world, account, company) = acme(Setting::default()).await;
    let before = world.picture();
    world.admin(Salesforce, json!({"do": "hide_record", "id": account}));
    world.advance(86_400);
    world.writes(0).await;
    assert_eq!(world.picture(), before);
    world.edit(HubSpot, "companies", &company, json!({"city": "Berlin"}));
    world.writes(0).await;
    expect![[r#"
        salesforce
          Account Acme Website=https://acme.com Phone=+1 555 0100
        hubspot
          companies Acme domain=acme.com website=https://acme.com phone=+1 555 0100 city=Berlin
    "#]]
    .assert_eq(world.picture().text());
    let says = world.says(HubSpot, "companies", &company).await;
    assert_eq!(says, "refused SYN-2009 city@salesforce");
    world.admin(Salesforce, json!({"do": "show_record", "id": account}));
    world.edit(Salesforce, "Account", &account, json!({"Description": "seen again"}));
    world.writes(2).await;
    expect![[r#"
        salesforce
          Account Acme Website=https://acme.com Phone=+1 555 0100 BillingCity=Berlin Description=seen again
        hubspot
          companies Acme domain=acme.com website=https://acme.com phone=+1 555 0100 city=Berlin description=seen again
    "#]].assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "companies", &company).await, "in_step");
}

#[tokio::test]
async fn what_a_vendor_respells_causes_no_write_back() {
    let mut world = World::new().await;
    world.knob(HubSpot, "trim_text", json!(true));
    let lead = world.create(
        Salesforce,
        "Lead",
        json!({"LastName": "Lee", "FirstName": "Ann", "Company": "Acme", "Email": "Ann.Lee@ACME.com",
            "Title": "CTO"}),
    );
    world.first_contact().await;
    expect![[r#"
        salesforce
          Lead Ann Lee Email=Ann.Lee@ACME.com Title=CTO Company=Acme
        hubspot
          contacts Ann Lee email=ann.lee@acme.com jobtitle=CTO company=Acme
    "#]]
    .assert_eq(world.picture().text());
    let contact = world.find(HubSpot, "contacts", "lastname", "Lee");
    world.foreign_edit(HubSpot, "contacts", &contact, json!({"jobtitle": "  Chief  "}));
    world.writes(1).await;
    world.edit(Salesforce, "Lead", &lead, json!({"Email": "ANN.LEE@acme.com"}));
    world.writes(0).await;
    expect![[r#"
        salesforce
          Lead Ann Lee Email=ANN.LEE@acme.com Title=Chief Company=Acme
        hubspot
          contacts Ann Lee email=ann.lee@acme.com jobtitle=Chief company=Acme
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "contacts", &contact).await, "in_step SYN-3001");
}

#[tokio::test]
async fn money_and_numbers_keep_their_exact_value() {
    let (mut world, account, company) = acme(Setting::default()).await;
    world.edit(
        Salesforce,
        "Account",
        &account,
        json!({"AnnualRevenue": 1234567.89, "NumberOfEmployees": 12}),
    );
    world.writes(1).await;
    assert_eq!(world.field(HubSpot, "companies", &company, "annualrevenue"), "1234567.89");
    world.edit(HubSpot, "companies", &company, json!({"annualrevenue": "1234567.890"}));
    world.writes(0).await;
    world.edit(HubSpot, "companies", &company, json!({"annualrevenue": "0"}));
    world.writes(1).await;
    assert_eq!(world.field(Salesforce, "Account", &account, "AnnualRevenue").to_string(), "0.0");
    world.edit(HubSpot, "companies", &company, json!({"annualrevenue": ""}));
    world.writes(1).await;
    assert_eq!(world.field(Salesforce, "Account", &account, "AnnualRevenue"), Value::Null);
    assert_eq!(world.says(HubSpot, "companies", &company).await, "in_step");
}

#[tokio::test]
async fn the_same_change_on_both_sides_writes_nothing() {
    let (mut world, account, company) = acme(Setting::default()).await;
    world.edit(Salesforce, "Account", &account, json!({"Phone": "+1 (555) 0200", "BillingCity": "Berlin"}));
    world.edit(HubSpot, "companies", &company, json!({"phone": "+15550200", "city": "Berlin"}));
    world.writes(0).await;
    assert_eq!(world.says(HubSpot, "companies", &company).await, "in_step");
    // The base moved: the next change is one of one side.
    world.edit(HubSpot, "companies", &company, json!({"city": "Bonn"}));
    world.writes(1).await;
    expect![[r#"
        salesforce
          Account Acme Website=https://acme.com Phone=+1 (555) 0200 BillingCity=Bonn
        hubspot
          companies Acme domain=acme.com website=https://acme.com phone=+15550200 city=Bonn
    "#]]
    .assert_eq(world.picture().text());
}

#[tokio::test]
async fn always_one_side_writes_a_change_of_the_other_back() {
    let rule = "[kind.organisation.field.phone]\nrule = \"always salesforce\"\n";
    let setting =
        Setting { changes: vec![("[kind.organisation.field.phone]\n", rule)], ..Setting::default() };
    let (mut world, account, company) = acme(setting).await;
    world.edit(HubSpot, "companies", &company, json!({"phone": "7"}));
    world.writes(1).await;
    assert_eq!(world.field(HubSpot, "companies", &company, "phone"), "+1 555 0100");
    world.edit(Salesforce, "Account", &account, json!({"Phone": null}));
    world.writes(1).await;
    expect![[r#"
        salesforce
          Account Acme Website=https://acme.com
        hubspot
          companies Acme domain=acme.com website=https://acme.com
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "companies", &company).await, "in_step");
}
