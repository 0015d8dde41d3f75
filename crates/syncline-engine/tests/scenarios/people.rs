//! Leads, contacts and their companies.

use crate::scenario::{HubSpot, Salesforce, Setting, World, acme};
use expect_test::expect;
use serde_json::json;

/// A lead that both sides know.
async fn ann() -> (World, String, String) {
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
    expect!["alone"].assert_eq(&world.says(HubSpot, "companies", &company).await);
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

#[tokio::test]
async fn a_person_that_moves_to_another_company_is_moved_there_too() {
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
