//! Leads: what they are converted into, and the companies that they name.

use crate::{
    people::ann,
    scenario::{HubSpot, Salesforce, Setting, World},
};
use expect_test::expect;
use serde_json::json;

#[tokio::test]
async fn converted_lead_hands_its_link_to_the_contact() {
    let (mut world, lead, contact) = ann().await;
    let made = world.admin(Salesforce, json!({"do": "convert_lead", "lead": lead, "no_opportunity": true}));
    // A change that was on its way to the lead goes to the contact.
    world.edit(HubSpot, "contacts", &contact, json!({"jobtitle": "CTO"}));
    world.sync().await;
    world.still().await;
    expect![[r#"
        salesforce
          Account Acme Phone=1
          Contact Ann Lee Email=ann@acme.com Phone=1 Title=CTO AccountId=Acme
          Lead Ann Lee Email=ann@acme.com Phone=1 Company=Acme (converted)
        hubspot
          companies Acme phone=1
          contacts Ann Lee email=ann@acme.com phone=1 jobtitle=CTO company=Acme -> Acme (primary)
    "#]]
    .assert_eq(world.picture().text());
    let links = world.links(HubSpot, "contacts", &contact).await;
    let person = made["contact"].as_str().unwrap();
    assert_eq!(links[&format!("salesforce/Contact/{person}")], "active");
    assert_ne!(links[&format!("salesforce/Lead/{lead}")], "active");
    expect!["in_step"].assert_eq(&world.says(HubSpot, "contacts", &contact).await);
    // Both ways afterwards.
    world.edit(Salesforce, "Contact", person, json!({"Phone": "2"}));
    world.writes(1).await;
    assert_eq!(world.field(HubSpot, "contacts", &contact, "phone"), "2");
    assert_eq!(world.find_all(HubSpot, "contacts", "email", "ann@acme.com").len(), 1);
}

#[tokio::test]
async fn what_is_changed_right_after_a_conversion_is_a_change_and_no_first_contact() {
    let changes = vec![("\ntie = \"salesforce\"", "\ntie = \"hubspot\"")];
    let mut world = World::with(Setting { changes, ..Setting::default() }).await;
    let person = json!({"LastName": "Lee", "Company": "Acme", "Email": "ann@acme.com", "Phone": "1"});
    let lead = world.create(Salesforce, "Lead", person);
    world.first_contact().await;
    let contact = world.find(HubSpot, "contacts", "email", "ann@acme.com");
    let made = world.admin(Salesforce, json!({"do": "convert_lead", "lead": lead, "no_opportunity": true}));
    let person = made["contact"].as_str().unwrap();
    // Nobody has seen the contact before: what was agreed with the lead is agreed with it, so this is no tie.
    world.edit(Salesforce, "Contact", person, json!({"Phone": "2"}));
    world.sync().await;
    world.still().await;
    assert_eq!(world.field(Salesforce, "Contact", person, "Phone"), "2");
    assert_eq!(world.field(HubSpot, "contacts", &contact, "phone"), "2");
}

#[tokio::test]
async fn a_contact_that_is_deleted_before_anybody_saw_it_is_a_question_too() {
    let (mut world, lead, contact) = ann().await;
    let made = world.admin(Salesforce, json!({"do": "convert_lead", "lead": lead, "no_opportunity": true}));
    world.admin(Salesforce, json!({"do": "delete", "id": made["contact"]}));
    world.sync().await;
    world.still().await;
    let says = world.says(HubSpot, "contacts", &contact).await;
    assert_eq!(says, "deleted_elsewhere SYN-2005 *@salesforce");
    assert_eq!(world.reviews().await.len(), 1);
}

#[tokio::test]
async fn a_lead_that_was_merged_away_and_is_back_stays_its_person_when_it_is_converted() {
    let mut world = World::new().await;
    let bo = world.create(HubSpot, "contacts", json!({"email": "bo@else.org", "lastname": "Ek"}));
    world.create(HubSpot, "contacts", json!({"email": "cy@else.org", "lastname": "Orr"}));
    world.first_contact().await;
    let lead = world.find(Salesforce, "Lead", "Email", "bo@else.org");
    let other = world.find(Salesforce, "Lead", "Email", "cy@else.org");
    world.admin(Salesforce, json!({"do": "merge", "master": other, "losers": [lead], "fields": {}}));
    world.sync().await;
    world.admin(Salesforce, json!({"do": "undelete", "id": lead}));
    world.edit(Salesforce, "Lead", &lead, json!({"Email": "bo@new.org"}));
    world.admin(Salesforce, json!({"do": "convert_lead", "lead": lead, "no_opportunity": true}));
    world.quiet().await;
    let contact = world.find(Salesforce, "Contact", "LastName", "Ek");
    assert_eq!(world.find_all(HubSpot, "contacts", "lastname", "Ek"), [&*bo]);
    assert_eq!(world.field(HubSpot, "contacts", &bo, "email"), "bo@new.org");
    let links = world.links(Salesforce, "Contact", &contact).await;
    assert_eq!(links[&format!("hubspot/contacts/{bo}")], "active");
}

#[tokio::test]
async fn a_lead_that_was_deleted_and_is_back_stays_its_person_when_it_is_converted() {
    for on_delete in ["review", "archive"] {
        let setting = Setting {
            changes: if on_delete == "archive" { vec![(r#"= "review""#, r#"= "archive""#)] } else { vec![] },
            ..Setting::default()
        };
        let mut world = World::with(setting).await;
        let lead = world.create(
            Salesforce,
            "Lead",
            json!({"LastName": "Ek", "Company": "Beta", "Email": "bo@else.org"}),
        );
        world.first_contact().await;
        let bo = world.find(HubSpot, "contacts", "lastname", "Ek");
        world.admin(Salesforce, json!({"do": "delete", "id": lead}));
        world.quiet().await;
        world.admin(Salesforce, json!({"do": "undelete", "id": lead}));
        world.admin(Salesforce, json!({"do": "convert_lead", "lead": lead, "no_opportunity": true}));
        world.quiet().await;
        let contact = world.find(Salesforce, "Contact", "LastName", "Ek");
        assert_eq!(world.find_all(HubSpot, "contacts", "lastname", "Ek").len(), 1, "{on_delete}");
        let links = world.links(Salesforce, "Contact", &contact).await;
        let counterpart = if on_delete == "archive" { "deleted" } else { "active" };
        assert_eq!(links[&format!("hubspot/contacts/{bo}")], counterpart);
    }
}

#[tokio::test]
async fn a_lead_converted_into_an_account_of_another_domain_makes_two_organisations_no_one() {
    let mut world = World::new().await;
    let company =
        world.create(HubSpot, "companies", json!({"name": "Beta", "domain": "beta.io", "city": "Oslo"}));
    let bo = world.create(HubSpot, "contacts", json!({"email": "bo@else.org", "lastname": "Ek"}));
    world.associate(&format!("contacts/{bo}"), &format!("companies/{company}"));
    world.first_contact().await;
    let lead = world.find(Salesforce, "Lead", "LastName", "Ek");
    let account = world.create(Salesforce, "Account", json!({"Name": "Acme", "Website": "acme.com"}));
    world.admin(
        Salesforce,
        json!({"do": "convert_lead", "lead": lead, "account": account, "no_opportunity": true}),
    );
    world.quiet().await;
    assert_eq!(world.field(Salesforce, "Account", &account, "BillingCity"), serde_json::Value::Null);
    assert_eq!(world.field(HubSpot, "companies", &company, "name"), "Beta");
    let asked = world.reviews().await;
    assert_eq!(asked.len(), 1, "{asked:?}");
    world.reject(asked[0].id).await;
    world.quiet().await;
    assert_eq!(world.says(Salesforce, "Account", &account).await, "in_step");
    assert_eq!(world.reviews().await.len(), 0);
}

#[tokio::test]
async fn a_lead_whose_company_was_changed_before_it_was_converted_is_of_another_company() {
    for (company_now, is_asked) in [("Acme", true), ("Beta, Inc.", false)] {
        let mut world = World::new().await;
        let company = world.create(HubSpot, "companies", json!({"name": "Beta", "domain": "beta.io"}));
        let bo = world.create(HubSpot, "contacts", json!({"email": "bo@else.org", "lastname": "Ek"}));
        world.associate(&format!("contacts/{bo}"), &format!("companies/{company}"));
        world.first_contact().await;
        let lead = world.find(Salesforce, "Lead", "LastName", "Ek");
        world.edit(Salesforce, "Lead", &lead, json!({"Company": company_now}));
        world.quiet().await;
        world.admin(Salesforce, json!({"do": "convert_lead", "lead": lead, "no_opportunity": true}));
        world.quiet().await;
        let asked = world.reviews().await;
        assert_eq!(!asked.is_empty(), is_asked, "{company_now}: {asked:?}");
        let name = world.field(HubSpot, "companies", &company, "name");
        assert_eq!(name, if is_asked { "Beta" } else { "Beta, Inc." }, "nobody renamed it to Acme");
    }
}

/// A lead that people made, and the company that its contact got in HubSpot.
async fn lead_of(company: &str) -> (World, String, String) {
    let mut world = World::new().await;
    let bo = json!({"LastName": "Ek", "Company": "Beta", "Email": "bo@else.org"});
    let lead = world.create(Salesforce, "Lead", bo);
    world.first_contact().await;
    let company =
        world.create(HubSpot, "companies", json!({"name": company, "domain": "beta.io", "city": "Oslo"}));
    let contact = world.find(HubSpot, "contacts", "lastname", "Ek");
    world.associate(&format!("contacts/{contact}"), &format!("companies/{company}"));
    world.edit(HubSpot, "contacts", &contact, json!({"jobtitle": "CEO"}));
    world.quiet().await;
    let links = world.links(HubSpot, "companies", &company).await;
    assert_eq!(links[&format!("salesforce/Lead/{lead}")], "pending");
    (world, lead, company)
}

#[tokio::test]
async fn the_company_that_the_contact_of_a_lead_is_given_is_handed_over_at_conversion() {
    let (mut world, lead, company) = lead_of("Beta, Inc.").await;
    world.admin(Salesforce, json!({"do": "convert_lead", "lead": lead, "no_opportunity": true}));
    world.quiet().await;
    let account = world.find(Salesforce, "Account", "BillingCity", "Oslo");
    assert_eq!(world.find_all(HubSpot, "companies", "domain", "beta.io"), [&*company]);
    let links = world.links(HubSpot, "companies", &company).await;
    assert_eq!(links[&format!("salesforce/Account/{account}")], "active");
    assert_eq!(world.reviews().await.len(), 0);
    assert_eq!(world.says(HubSpot, "companies", &company).await, "in_step");
}

#[tokio::test]
async fn a_new_account_of_a_lead_that_calls_its_company_otherwise_is_no_second_company_but_a_question() {
    for same in [true, false] {
        let (mut world, lead, company) = lead_of("Acme").await;
        let contact = world.find(HubSpot, "contacts", "lastname", "Ek");
        let made =
            world.admin(Salesforce, json!({"do": "convert_lead", "lead": lead, "no_opportunity": true}));
        world.quiet().await;
        let account = made["account"].as_str().unwrap();
        assert_eq!(world.find_all(HubSpot, "companies", "name", "Beta"), [""; 0]);
        assert_eq!(world.field(HubSpot, "companies", &company, "name"), "Acme");
        let asked = world.reviews().await;
        assert_eq!(asked.len(), 1, "{asked:?}");
        let waits = world.says(Salesforce, "Account", account).await;
        assert!(waits.starts_with("ambiguous SYN-"), "{waits}");
        if same {
            world.answer(asked[0].id, &[]).await;
        } else {
            world.reject(asked[0].id).await;
        }
        world.quiet().await;
        assert_eq!(world.says(Salesforce, "Account", account).await, "in_step");
        assert_eq!(world.says(HubSpot, "contacts", &contact).await, "in_step");
        assert_eq!(world.find_all(HubSpot, "companies", "name", "Beta").len(), 1);
        assert_eq!(world.find_all(HubSpot, "companies", "name", "Acme").len(), usize::from(!same));
        assert_eq!(world.reviews().await.len(), 0);
    }
}

#[tokio::test]
async fn the_company_of_a_lead_follows_its_contact() {
    let (mut world, lead, company) = lead_of("Acme").await;
    let contact = world.find(HubSpot, "contacts", "lastname", "Ek");
    world.admin(
        HubSpot,
        json!({"do": "dissociate", "from": format!("contacts/{contact}"), "to": format!("companies/{company}")}),
    );
    let beta = world.create(HubSpot, "companies", json!({"name": "Beta", "domain": "beta.com"}));
    world.associate(&format!("contacts/{contact}"), &format!("companies/{beta}"));
    world.edit(HubSpot, "contacts", &contact, json!({"jobtitle": "CTO"}));
    world.quiet().await;
    let lead = format!("salesforce/Lead/{lead}");
    assert_eq!(world.links(HubSpot, "companies", &company).await.get(&lead), None);
    assert_eq!(world.links(HubSpot, "companies", &beta).await[&lead], "pending");
}

#[tokio::test]
async fn a_new_account_of_a_lead_whose_company_has_one_is_another_company() {
    let (mut world, lead, company) = lead_of("Beta").await;
    let cy = world.create(
        Salesforce,
        "Lead",
        json!({"LastName": "Orr", "Company": "Gamma", "Email": "cy@else.org"}),
    );
    world.quiet().await;
    let contact = world.find(HubSpot, "contacts", "lastname", "Orr");
    world.associate(&format!("contacts/{contact}"), &format!("companies/{company}"));
    world.edit(HubSpot, "contacts", &contact, json!({"jobtitle": "CTO"}));
    world.quiet().await;
    for lead in [lead, cy] {
        world.admin(Salesforce, json!({"do": "convert_lead", "lead": lead, "no_opportunity": true}));
        world.quiet().await;
    }
    // Whoever converted the second one was shown the account of the company, and took another.
    let account = world.find(Salesforce, "Account", "Name", "Gamma");
    assert_eq!(world.says(Salesforce, "Account", &account).await, "in_step");
    assert_eq!(world.field(HubSpot, "companies", &company, "name"), "Beta");
    assert_eq!(world.find_all(HubSpot, "companies", "name", "Gamma").len(), 1);
    assert_eq!(world.reviews().await.len(), 0);
}
