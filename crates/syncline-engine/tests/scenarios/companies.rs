//! People and the companies they belong to.

use crate::scenario::{HubSpot, Salesforce, Setting, World, acme};
use expect_test::expect;
use serde_json::json;

#[tokio::test]
async fn new_hubspot_contact_becomes_a_contact_under_the_known_account_of_its_domain() {
    let (mut world, _, _) = acme(Setting::default()).await;
    let contact = world.create(
        HubSpot,
        "contacts",
        json!({"email": "cy@acme.com", "firstname": "Cy", "lastname": "Orr"}),
    );
    world.sync().await;
    world.still().await;
    expect![[r#"
        salesforce
          Account Acme Website=https://acme.com Phone=+1 555 0100
          Contact Cy Orr Email=cy@acme.com AccountId=Acme
        hubspot
          companies Acme domain=acme.com website=https://acme.com phone=+1 555 0100
          contacts Cy Orr email=cy@acme.com -> Acme (primary)
    "#]]
    .assert_eq(world.picture().text());
    expect!["in_step"].assert_eq(&world.says(HubSpot, "contacts", &contact).await);
    // A company that is related wins over the domain.
    let mail = world.create(
        HubSpot,
        "contacts",
        json!({"email": "di@gmail.com", "firstname": "Di", "lastname": "Poe"}),
    );
    let company = world.find(HubSpot, "companies", "name", "Acme");
    world.associate(&format!("contacts/{mail}"), &format!("companies/{company}"));
    world.writes(2).await;
    expect![[r#"
        salesforce
          Account Acme Website=https://acme.com Phone=+1 555 0100
          Contact Cy Orr Email=cy@acme.com AccountId=Acme
          Contact Di Poe Email=di@gmail.com AccountId=Acme
        hubspot
          companies Acme domain=acme.com website=https://acme.com phone=+1 555 0100
          contacts Cy Orr email=cy@acme.com -> Acme (primary)
          contacts Di Poe email=di@gmail.com -> Acme (primary)
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "contacts", &mail).await, "in_step");
}

#[tokio::test]
async fn hubspot_company_makes_no_account_in_the_leads_model_and_one_in_contacts_only() {
    let mut world = World::new().await;
    let company = world.create(HubSpot, "companies", json!({"name": "Beta", "domain": "beta.io"}));
    world.first_contact().await;
    expect![[r#"
        salesforce
        hubspot
          companies Beta domain=beta.io
    "#]]
    .assert_eq(world.picture().text());
    let says = world.says(HubSpot, "companies", &company).await;
    assert_eq!(says, "model_forbids_create SYN-2003 *@salesforce");

    let mut world = World::contacts_only().await;
    let company = world.create(HubSpot, "companies", json!({"name": "Beta", "domain": "beta.io"}));
    let contact = world.create(
        HubSpot,
        "contacts",
        json!({"email": "bo@beta.io", "firstname": "Bo", "lastname": "Ek"}),
    );
    world.associate(&format!("contacts/{contact}"), &format!("companies/{company}"));
    world.first_contact().await;
    expect![[r#"
        salesforce
          Account Beta
          Contact Bo Ek Email=bo@beta.io AccountId=Beta
        hubspot
          companies Beta domain=beta.io
          contacts Bo Ek email=bo@beta.io -> Beta (primary)
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "companies", &company).await, "in_step");
    assert_eq!(world.says(HubSpot, "contacts", &contact).await, "in_step");
}

#[tokio::test]
async fn missing_parent_is_waited_for() {
    let mut world = World::contacts_only().await;
    // The account cannot be written: its person waits rather than becoming an orphan.
    world.admin(
        Salesforce,
        json!({"do": "validation_rule", "object": "Account", "field": "Name",
        "operator": "=", "value": "Beta", "message": "no Beta here"}),
    );
    let company = world.create(HubSpot, "companies", json!({"name": "Beta", "domain": "beta.io"}));
    let contact = world.create(
        HubSpot,
        "contacts",
        json!({"email": "bo@beta.io", "firstname": "Bo", "lastname": "Ek"}),
    );
    world.associate(&format!("contacts/{contact}"), &format!("companies/{company}"));
    world.first_contact().await;
    expect![[r#"
        salesforce
        hubspot
          companies Beta domain=beta.io
          contacts Bo Ek email=bo@beta.io -> Beta (primary)
    "#]]
    .assert_eq(world.picture().text());
    expect!["refused SYN-2009 *@salesforce"].assert_eq(&world.says(HubSpot, "companies", &company).await);
    assert_eq!(
        world.says(HubSpot, "contacts", &contact).await,
        "waits_for_parent SYN-2001 company@salesforce"
    );
    world.edit(HubSpot, "companies", &company, json!({"name": "Beta Ltd"}));
    world.sync().await;
    world.still().await;
    expect![[r#"
        salesforce
          Account Beta Ltd
          Contact Bo Ek Email=bo@beta.io AccountId=Beta Ltd
        hubspot
          companies Beta Ltd domain=beta.io
          contacts Bo Ek email=bo@beta.io -> Beta Ltd (primary)
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "contacts", &contact).await, "in_step");
}

#[tokio::test]
async fn missing_parent_that_does_not_come_in_time_is_gone_ahead_of_and_caught_up_with() {
    let mut world = World::contacts_only().await;
    world.admin(
        Salesforce,
        json!({"do": "validation_rule", "object": "Account", "field": "Name",
        "operator": "=", "value": "Beta", "message": "no Beta here"}),
    );
    let company = world.create(HubSpot, "companies", json!({"name": "Beta", "domain": "beta.io"}));
    let contact = world.create(
        HubSpot,
        "contacts",
        json!({"email": "bo@beta.io", "firstname": "Bo", "lastname": "Ek"}),
    );
    world.associate(&format!("contacts/{contact}"), &format!("companies/{company}"));
    world.first_contact().await;
    assert!(world.find_all(Salesforce, "Contact", "LastName", "Ek").is_empty());
    world.advance(24 * 3_600);
    world.sync().await;
    world.still().await;
    expect![[r#"
        salesforce
        hubspot
          companies Beta domain=beta.io
          contacts Bo Ek email=bo@beta.io -> Beta (primary)
    "#]]
    .assert_eq(world.picture().text());
    expect!["waits_for_parent SYN-2001 company@salesforce"]
        .assert_eq(&world.says(HubSpot, "contacts", &contact).await);
    world.edit(HubSpot, "companies", &company, json!({"name": "Beta Ltd"}));
    world.sync().await;
    world.still().await;
    expect![[r#"
        salesforce
          Account Beta Ltd
          Contact Bo Ek Email=bo@beta.io AccountId=Beta Ltd
        hubspot
          companies Beta Ltd domain=beta.io
          contacts Bo Ek email=bo@beta.io -> Beta Ltd (primary)
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "contacts", &contact).await, "in_step");
}

#[tokio::test]
async fn company_of_a_lead_is_kept_and_handed_over_at_conversion() {
    let mut world = World::new().await;
    let company = world.create(HubSpot, "companies", json!({"name": "Beta", "domain": "beta.io"}));
    let person = json!({"email": "bo@beta.io", "firstname": "Bo", "lastname": "Ek"});
    let contact = world.create(HubSpot, "contacts", person);
    world.associate(&format!("contacts/{contact}"), &format!("companies/{company}"));
    world.first_contact().await;
    expect![[r#"
        salesforce
          Lead Bo Ek Email=bo@beta.io Company=Beta
        hubspot
          companies Beta domain=beta.io
          contacts Bo Ek email=bo@beta.io company=Beta -> Beta (primary)
    "#]]
    .assert_eq(world.picture().text());
    let lead = world.find(Salesforce, "Lead", "LastName", "Ek");
    let links = world.links(HubSpot, "companies", &company).await;
    assert_eq!(links[&format!("salesforce/Lead/{lead}")], "pending");
    let made = world.admin(Salesforce, json!({"do": "convert_lead", "lead": lead, "no_opportunity": true}));
    world.sync().await;
    world.still().await;
    expect![[r#"
        salesforce
          Account Beta
          Contact Bo Ek Email=bo@beta.io AccountId=Beta
          Lead Bo Ek Email=bo@beta.io Company=Beta (converted)
        hubspot
          companies Beta domain=beta.io
          contacts Bo Ek email=bo@beta.io company=Beta -> Beta (primary)
    "#]]
    .assert_eq(world.picture().text());
    let links = world.links(HubSpot, "companies", &company).await;
    assert_eq!(links[&format!("salesforce/Account/{}", made["account"].as_str().unwrap())], "active");
    assert_eq!(world.says(HubSpot, "companies", &company).await, "in_step");
    assert_eq!(world.says(HubSpot, "contacts", &contact).await, "in_step");
}

#[tokio::test]
async fn free_mail_and_a_domain_of_two_accounts_say_nothing_about_the_company() {
    let mut world = World::new().await;
    for (name, site) in [("Mailer", "gmail.com"), ("Acme North", "acme.com"), ("Acme South", "acme.com")] {
        world.create(Salesforce, "Account", json!({"Name": name, "Website": site}));
    }
    world.first_contact().await;
    for (email, name) in [("bo@gmail.com", "Ek"), ("cy@acme.com", "Orr")] {
        world.create(HubSpot, "contacts", json!({"email": email, "lastname": name}));
    }
    world.sync().await;
    world.still().await;
    expect![[r#"
        salesforce
          Account Acme North Website=acme.com
          Account Acme South Website=acme.com
          Account Mailer Website=gmail.com
          Lead Ek Email=bo@gmail.com Company=[not provided]
          Lead Orr Email=cy@acme.com Company=[not provided]
        hubspot
          companies Mailer domain=gmail.com website=gmail.com
          contacts Ek email=bo@gmail.com
          contacts Orr email=cy@acme.com
    "#]]
    .assert_eq(world.picture().text());
    for name in ["Ek", "Orr"] {
        let contact = world.find(HubSpot, "contacts", "lastname", name);
        assert_eq!(world.says(HubSpot, "contacts", &contact).await, "in_step SYN-3001");
    }
}

/// Accounts Acme and Beta, and a contact of the first, on both sides.
async fn lee_of_acme() -> (World, [String; 2], String) {
    let mut world = World::new().await;
    let accounts = ["Acme", "Beta"].map(|name| {
        world.create(
            Salesforce,
            "Account",
            json!({"Name": name, "Website": format!("{}.com", name.to_lowercase())}),
        )
    });
    let person = json!({"LastName": "Lee", "Email": "lee@acme.com", "AccountId": accounts[0]});
    let person = world.create(Salesforce, "Contact", person);
    world.first_contact().await;
    (world, accounts, person)
}

#[tokio::test]
async fn a_person_that_moves_to_another_company_is_moved_there_too() {
    let (mut world, accounts, person) = lee_of_acme().await;
    let contact = world.find(HubSpot, "contacts", "email", "lee@acme.com");
    world.edit(Salesforce, "Contact", &person, json!({"AccountId": accounts[1]}));
    world.sync().await;
    world.still().await;
    expect![[r#"
        salesforce
          Account Acme Website=acme.com
          Account Beta Website=beta.com
          Contact Lee Email=lee@acme.com AccountId=Beta
        hubspot
          companies Acme domain=acme.com website=acme.com
          companies Beta domain=beta.com website=beta.com
          contacts Lee email=lee@acme.com -> Beta (primary)
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "contacts", &contact).await, "in_step");
}

#[tokio::test]
async fn a_person_that_comes_back_from_a_company_that_is_gone_in_hubspot_belongs_to_the_former_one_again() {
    let (mut world, accounts, person) = lee_of_acme().await;
    // No search tells of it yet: the former relation is taken away, and the new one refused.
    let company = world.find(HubSpot, "companies", "name", "Beta");
    world.admin(HubSpot, json!({"do": "archive", "object": "companies", "id": company}));
    world.edit(Salesforce, "Contact", &person, json!({"AccountId": accounts[1]}));
    world.sync().await;
    expect![[r#"
        salesforce
          Account Acme Website=acme.com
          Account Beta Website=beta.com
          Contact Lee Email=lee@acme.com AccountId=Beta
        hubspot
          companies Acme domain=acme.com website=acme.com
          companies Beta domain=beta.com website=beta.com (archived)
          contacts Lee email=lee@acme.com
    "#]]
    .assert_eq(world.picture().text());
    world.edit(Salesforce, "Contact", &person, json!({"AccountId": accounts[0]}));
    world.sync().await;
    world.still().await;
    expect![[r#"
        salesforce
          Account Acme Website=acme.com
          Account Beta Website=beta.com
          Contact Lee Email=lee@acme.com AccountId=Acme
        hubspot
          companies Acme domain=acme.com website=acme.com
          companies Beta domain=beta.com website=beta.com (archived)
          contacts Lee email=lee@acme.com -> Acme (primary)
    "#]]
    .assert_eq(world.picture().text());
}

#[tokio::test]
async fn a_placeholder_never_becomes_a_company_on_the_other_side() {
    let mut world = World::new().await;
    let person = json!({"email": "bo@gmail.com", "firstname": "Bo", "lastname": "Ek"});
    let contact = world.create(HubSpot, "contacts", person);
    world.first_contact().await;
    let lead = world.find(Salesforce, "Lead", "LastName", "Ek");
    world.admin(Salesforce, json!({"do": "convert_lead", "lead": lead, "no_opportunity": true}));
    world.sync().await;
    world.still().await;
    expect![[r#"
        salesforce
          Account [not provided]
          Contact Bo Ek Email=bo@gmail.com AccountId=[not provided]
          Lead Bo Ek Email=bo@gmail.com Company=[not provided] (converted)
        hubspot
          contacts Bo Ek email=bo@gmail.com
    "#]]
    .assert_eq(world.picture().text());
    let account = world.find(Salesforce, "Account", "Name", "[not provided]");
    world.edit(Salesforce, "Account", &account, json!({"Name": "Ek and Sons"}));
    world.sync().await;
    world.still().await;
    expect![[r#"
        salesforce
          Account Ek and Sons
          Contact Bo Ek Email=bo@gmail.com AccountId=Ek and Sons
          Lead Bo Ek Email=bo@gmail.com Company=[not provided] (converted)
        hubspot
          companies Ek and Sons
          contacts Bo Ek email=bo@gmail.com -> Ek and Sons (primary)
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "contacts", &contact).await, "in_step");
}

#[tokio::test]
async fn a_company_changed_in_hubspot_is_seen_by_the_daily_sweep() {
    let mut world = World::new().await;
    let [first, second] = ["Acme", "Beta"].map(|name| {
        let site = format!("{}.com", name.to_lowercase());
        world.create(Salesforce, "Account", json!({"Name": name, "Website": site}))
    });
    let person = json!({"LastName": "Lee", "Email": "lee@acme.com", "AccountId": first});
    let person = world.create(Salesforce, "Contact", person);
    world.first_contact().await;
    let contact = world.find(HubSpot, "contacts", "email", "lee@acme.com");
    let [acme, beta] = ["Acme", "Beta"].map(|name| world.find(HubSpot, "companies", "name", name));
    world.admin(
        HubSpot,
        json!({"do": "dissociate", "from": format!("contacts/{contact}"), "to": format!("companies/{acme}")}),
    );
    world.associate(&format!("contacts/{contact}"), &format!("companies/{beta}"));
    world.advance(86_400);
    world.writes(1).await;
    assert_eq!(world.field(Salesforce, "Contact", &person, "AccountId"), second.as_str());
    expect![[r#"
        salesforce
          Account Acme Website=acme.com
          Account Beta Website=beta.com
          Contact Lee Email=lee@acme.com AccountId=Beta
        hubspot
          companies Acme domain=acme.com website=acme.com
          companies Beta domain=beta.com website=beta.com
          contacts Lee email=lee@acme.com -> Beta (primary)
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "contacts", &contact).await, "in_step");
}

#[tokio::test]
async fn two_companies_of_one_domain_are_a_question() {
    let mut world = World::new().await;
    for name in ["Acme North", "Acme South"] {
        world.create(HubSpot, "companies", json!({"name": name, "domain": "acme.com"}));
    }
    let account = world.create(Salesforce, "Account", json!({"Name": "Acme", "Website": "acme.com"}));
    let before = world.picture();
    world.first_contact().await;
    assert_eq!(world.picture(), before);
    assert_eq!(world.reviews().await.len(), 1);
    let says = world.says(Salesforce, "Account", &account).await;
    assert!(says.starts_with("ambiguous SYN-2004"), "{says}");
}

/// The survivor has the values of the one and the key of the other; an account that nobody has read yet has its domain.
#[tokio::test]
async fn survivor_of_a_merge_is_whose_it_was_before_a_new_account_is_matched_to_it() {
    let mut world = World::new().await;
    let first = world.create(HubSpot, "companies", json!({"name": "Acme", "domain": "acme.com"}));
    let account = world.create(Salesforce, "Account", json!({"Name": "Beta", "Phone": "1"}));
    world.first_contact().await;
    let second = world.find(HubSpot, "companies", "name", "Beta");
    let twin = world.create(Salesforce, "Account", json!({"Name": "Acme Inc", "Website": "acme.com"}));
    let merged =
        world.admin(HubSpot, json!({"do": "merge", "object": "companies", "id": first, "merge": second}));
    let survivor = merged["id"].as_str().unwrap().to_owned();
    world.sync().await;
    world.still().await;
    expect![[r#"
        salesforce
          Account Acme Inc Website=acme.com
          Account Acme Phone=1
        hubspot
          companies Acme domain=acme.com phone=1
    "#]]
    .assert_eq(world.picture().text());
    expect!["ambiguous SYN-2004 *@salesforce"].assert_eq(&world.says(Salesforce, "Account", &twin).await);
    expect!["in_step"].assert_eq(&world.says(HubSpot, "companies", &survivor).await);
    expect!["in_step"].assert_eq(&world.says(Salesforce, "Account", &account).await);
    assert_eq!(world.reviews().await.len(), 1);
}

/// What is one in HubSpot is two accounts in Salesforce: whichever came first, a person says what to do.
#[tokio::test]
async fn two_linked_companies_that_are_merged_in_hubspot_are_a_question() {
    for (primary, other) in [("Acme", "Beta"), ("Beta", "Acme")] {
        let mut world = World::new().await;
        world.create(Salesforce, "Account", json!({"Name": "Acme", "Phone": "1"}));
        world.create(Salesforce, "Account", json!({"Name": "Beta", "Phone": "2"}));
        world.first_contact().await;
        let [first, second] = [primary, other].map(|name| world.find(HubSpot, "companies", "name", name));
        world.admin(HubSpot, json!({"do": "merge", "object": "companies", "id": first, "merge": second}));
        world.sync().await;
        world.still().await;
        assert_eq!(world.reviews().await.len(), 1, "{primary} merged with {other}");
        let companies = world.dump(HubSpot)["objects"]["companies"].as_array().unwrap().len();
        assert_eq!(companies, 1, "{primary} merged with {other}");
    }
}
