//! What the simulation found of undo: relations that moved no stamp, records that come back under another id, options that
//! are not offered any more.

use crate::{
    scenario::{Cut, HubSpot, Salesforce, Setting, World, acme},
    undo::{plan_undo, take_back},
};
use expect_test::expect;
use serde_json::json;
use std::time::Duration;

const OPEN: &str = "2026-06-30";

#[tokio::test]
async fn a_relation_that_somebody_made_since_keeps_a_record_that_the_run_made() {
    let mut world = World::new().await;
    let account = world.create(Salesforce, "Account", json!({"Name": "Acme", "Website": "acme.com"}));
    let fields = json!({"LastName": "Lee", "Email": "lee@acme.com", "AccountId": account});
    world.create(Salesforce, "Contact", fields);
    world.first_contact().await;
    let fields = json!({"Name": "Wall", "StageName": "Prospecting", "CloseDate": OPEN, "AccountId": account});
    world.create(Salesforce, "Opportunity", fields);
    let made = world.sync().await;
    assert_eq!(made.tally.created, 1);
    // At HubSpot this moves no stamp of the deal.
    let deal = world.find(HubSpot, "deals", "dealname", "Wall");
    let contact = world.find(HubSpot, "contacts", "lastname", "Lee");
    world.associate(&format!("deals/{deal}"), &format!("contacts/{contact}"));
    let (listed, applied) = take_back(&mut world, made.run).await;
    expect!["hubspot/deals stays: it was changed since"].assert_eq(&listed.join("\n"));
    assert_eq!(applied.tally.writes(), 0);
}

#[tokio::test]
async fn somebody_who_was_tied_to_a_company_since_keeps_the_company_that_the_run_made() {
    let (mut world, lee) = beside_a_new_company().await;
    let made = world.sync().await;
    let company = world.find(HubSpot, "companies", "name", "Beta");
    // At HubSpot this moves no stamp, and it is read from the contact's side.
    world.associate(&format!("contacts/{lee}"), &format!("companies/{company}"));
    let (listed, applied) = take_back(&mut world, made.run).await;
    assert_eq!(
        listed,
        [format!("hubspot/companies stays: hubspot/contacts/{lee}, which stays, refers to it")]
    );
    assert_eq!(applied.tally.writes(), 0);
}

#[tokio::test]
async fn a_company_that_somebody_was_tied_to_after_the_plan_of_an_undo_is_not_archived() {
    let (mut world, lee) = beside_a_new_company().await;
    let made = world.sync().await;
    let company = world.find(HubSpot, "companies", "name", "Beta");
    plan_undo(&mut world, made.run).await;
    world.associate(&format!("contacts/{lee}"), &format!("companies/{company}"));
    let applied = world.apply().await.unwrap();
    assert_eq!((applied.tally.archived, applied.tally.postponed), (0, 1));
    // A second attempt lists it.
    let (listed, applied) = take_back(&mut world, made.run).await;
    assert_eq!(
        listed,
        [format!("hubspot/companies stays: hubspot/contacts/{lee}, which stays, refers to it")]
    );
    assert_eq!(applied.tally.writes(), 0);
}

/// A contact in HubSpot, and an account that only Salesforce has.
async fn beside_a_new_company() -> (World, String) {
    let mut world = World::new().await;
    let account = world.create(Salesforce, "Account", json!({"Name": "Acme", "Website": "acme.com"}));
    let fields = json!({"LastName": "Lee", "Email": "lee@acme.com", "AccountId": account});
    world.create(Salesforce, "Contact", fields);
    world.first_contact().await;
    world.create(Salesforce, "Account", json!({"Name": "Beta", "Website": "beta.com"}));
    let lee = world.find(HubSpot, "contacts", "lastname", "Lee");
    (world, lee)
}

#[tokio::test]
async fn a_relation_that_a_later_run_made_keeps_a_record_that_the_run_made() {
    let mut world = World::new().await;
    let account = world.create(Salesforce, "Account", json!({"Name": "Acme", "Website": "acme.com"}));
    let lead =
        world.create(Salesforce, "Lead", json!({"LastName": "Lee", "Company": "?", "Email": "lee@acme.com"}));
    let made = world.first_contact().await;
    world.admin(
        Salesforce,
        json!({"do": "convert_lead", "lead": lead, "account": account, "no_opportunity": true}),
    );
    let later = world.sync().await;
    assert_eq!(later.tally.associated, 1);
    let (listed, applied) = take_back(&mut world, made.run).await;
    expect![[r#"
        hubspot/companies stays: hubspot/contacts/1001, which stays, refers to it
        hubspot/contacts stays: it was changed since"#]]
    .assert_eq(&listed.join("\n"));
    assert_eq!(applied.tally.writes(), 0);
}

#[tokio::test]
async fn an_option_that_is_not_offered_any_more_does_not_come_back_and_is_listed() {
    let (mut world, account, company) = acme(Setting::default()).await;
    world.edit(Salesforce, "Account", &account, json!({"Industry": "Banking"}));
    world.sync().await;
    world.edit(Salesforce, "Account", &account, json!({"Industry": "Insurance", "BillingCity": "Berlin"}));
    let done = world.sync().await;
    assert_eq!(world.field(HubSpot, "companies", &company, "industry"), "INSURANCE");
    world.admin(
        HubSpot,
        json!({"do": "remove_option", "object": "companies", "property": "industry", "value": "BANKING"}),
    );
    world.advance(2 * 86_400);
    let (listed, applied) = take_back(&mut world, done.run).await;
    expect!["hubspot/companies.industry stays: it may not be written so, or is not mapped any more"]
        .assert_eq(&listed.join("\n"));
    assert_eq!(applied.tally.updated, 1);
    assert_eq!(world.field(HubSpot, "companies", &company, "industry"), "INSURANCE");
}

/// Somebody moves a contact to an account that only Salesforce has, as `parent` of a new company in HubSpot.
async fn moved_to_a_new_company() -> (World, syncline_model::RunId) {
    let mut world = World::new().await;
    let acme = world.create(Salesforce, "Account", json!({"Name": "Acme", "Website": "acme.com"}));
    let fields = json!({"LastName": "Lee", "Email": "lee@acme.com", "AccountId": acme});
    let lee = world.create(Salesforce, "Contact", fields);
    world.first_contact().await;
    let beta = world.create(Salesforce, "Account", json!({"Name": "Beta", "Website": "beta.com"}));
    world.edit(Salesforce, "Contact", &lee, json!({"AccountId": beta}));
    let moved = world.sync().await;
    assert!(world.picture().text().contains("contacts Lee email=lee@acme.com -> Beta (primary)"));
    (world, moved.run)
}

#[tokio::test]
async fn undo_of_the_undo_relates_to_what_comes_back_under_another_id() {
    let (mut world, moved) = moved_to_a_new_company().await;
    let (_, undone) = take_back(&mut world, moved).await;
    assert!(world.picture().text().contains("contacts Lee email=lee@acme.com -> Acme (primary)"));
    let (listed, again) = take_back(&mut world, undone.run).await;
    expect!["hubspot/companies: it comes back as a new record under another id"]
        .assert_eq(&listed.join("\n"));
    assert_eq!((again.tally.created, again.tally.associated), (1, 2));
    assert!(world.picture().text().contains("contacts Lee email=lee@acme.com -> Beta (primary)"));
    world.still().await;
}

#[tokio::test]
async fn undo_of_the_undo_refers_to_what_comes_back_under_another_id() {
    let mut world = World::contacts_only().await;
    let acme = world.create(HubSpot, "companies", json!({"name": "Acme", "domain": "acme.com"}));
    let lee = world.create(HubSpot, "contacts", json!({"lastname": "Lee", "email": "lee@acme.com"}));
    let (contact, company) = (format!("contacts/{lee}"), format!("companies/{acme}"));
    world.associate(&contact, &company);
    world.first_contact().await;
    let beta = world.create(HubSpot, "companies", json!({"name": "Beta", "domain": "beta.com"}));
    world.admin(HubSpot, json!({"do": "dissociate", "from": contact, "to": company}));
    world.associate(&contact, &format!("companies/{beta}"));
    world.advance(2 * 86_400);
    let moved = world.sync().await;
    let lee = "Contact Lee Email=lee@acme.com AccountId=";
    assert!(world.picture().text().contains(&format!("{lee}Beta")), "{:?}", world.picture());
    let (_, undone) = take_back(&mut world, moved.run).await;
    assert!(world.picture().text().contains(&format!("{lee}Acme")), "{:?}", world.picture());
    let (listed, _) = take_back(&mut world, undone.run).await;
    expect!["salesforce/Account: it comes back as a new record under another id"]
        .assert_eq(&listed.join("\n"));
    assert!(world.picture().text().contains(&format!("{lee}Beta")), "{:?}", world.picture());
    world.still().await;
}

#[tokio::test]
async fn a_record_keeps_its_parent_where_the_former_one_is_gone() {
    // Before anything but the undo looks at what is deleted, and after.
    for since in [60, 2 * 86_400] {
        let (mut world, moved) = moved_to_a_new_company().await;
        let acme = world.find(HubSpot, "companies", "name", "Acme");
        world.admin(HubSpot, json!({"do": "archive", "object": "companies", "id": acme}));
        world.advance(since);
        let (listed, _) = take_back(&mut world, moved).await;
        expect![[r#"
            hubspot/companies stays: hubspot/contacts/1001, which stays, refers to it
            hubspot/contacts.company stays: hubspot/companies/1001, which it referred to, is gone"#]]
        .assert_eq(&listed.join("\n"));
        assert!(world.picture().text().contains("contacts Lee email=lee@acme.com -> Beta (primary)"));
    }
}

#[tokio::test]
async fn what_a_vendor_refuses_to_have_back_is_told() {
    let (mut world, account, _) = acme(Setting::default()).await;
    let fields = json!({"LastName": "Ray", "Email": "ray@acme.com", "AccountId": account});
    let ray = world.create(Salesforce, "Contact", fields);
    world.sync().await;
    let contact = world.find(HubSpot, "contacts", "lastname", "Ray");
    world.edit(Salesforce, "Contact", &ray, json!({"Email": "ray@beta.io", "Title": "Dr"}));
    let done = world.writes(1).await.run;
    // Somebody else has the former address by now.
    world.create(HubSpot, "contacts", json!({"lastname": "Other", "email": "ray@acme.com"}));
    let listed = plan_undo(&mut world, done).await;
    assert!(listed.is_empty(), "it was free when the run gave it up: {listed:?}");
    let applied = world.apply().await.unwrap();
    assert_eq!((applied.tally.writes(), applied.tally.rejected), (0, 1));
    let told = applied.not_undone.iter().map(|finding| format!("{} {}", finding.record, finding.what));
    let told: Vec<String> = told.map(|line| line.split(',').next().unwrap().to_owned()).collect();
    let stays = |name: &str| format!("hubspot/contacts/{contact} {name} stays: hubspot refused it");
    assert_eq!(told, [stays("email"), stays("title")], "{:?}", applied.not_undone);
    assert_eq!(world.field(HubSpot, "contacts", &contact, "email"), "ray@beta.io");
}

#[tokio::test]
async fn a_participant_that_was_taken_back_is_told_until_the_sides_agree() {
    let mut world = World::new().await;
    let account = world.create(Salesforce, "Account", json!({"Name": "Acme", "Website": "acme.com"}));
    let fields = json!({"LastName": "Lee", "Email": "lee@acme.com", "AccountId": account});
    let lee = world.create(Salesforce, "Contact", fields);
    let fields = json!({"Name": "Roof", "StageName": "Prospecting", "CloseDate": OPEN, "AccountId": account});
    let deal = world.create(Salesforce, "Opportunity", fields);
    world.first_contact().await;
    let role =
        world.create(Salesforce, "OpportunityContactRole", json!({"OpportunityId": deal, "ContactId": lee}));
    world.advance(60);
    let added = world.sync().await;
    assert_eq!(added.tally.associated, 1);
    let (_, undone) = take_back(&mut world, added.run).await;
    assert_eq!(undone.tally.associated, 1);
    world.still().await;
    assert_eq!(world.says(Salesforce, "Opportunity", &deal).await, "undone SYN-2020 contacts@hubspot");
    world.admin(Salesforce, json!({"do": "delete", "id": role}));
    world.advance(86_400);
    world.sync().await;
    assert_eq!(world.says(Salesforce, "Opportunity", &deal).await, "in_step");
}

#[tokio::test]
async fn a_record_that_somebody_moved_on_since_stays_where_it_is() {
    let (mut world, moved) = moved_to_a_new_company().await;
    let lee = world.find(HubSpot, "contacts", "lastname", "Lee");
    let [beta, gamma] = [
        world.find(HubSpot, "companies", "name", "Beta"),
        world.create(HubSpot, "companies", json!({"name": "Gamma", "domain": "gamma.com"})),
    ];
    let contact = format!("contacts/{lee}");
    world.admin(HubSpot, json!({"do": "dissociate", "from": contact, "to": format!("companies/{beta}")}));
    world.associate(&contact, &format!("companies/{gamma}"));
    let (listed, _) = take_back(&mut world, moved).await;
    expect![[r#"
        hubspot/companies: it is archived, not erased
        hubspot/contacts.company stays: it was changed since"#]]
    .assert_eq(&listed.join("\n"));
    let text = world.picture().text().to_owned();
    assert!(text.contains("contacts Lee email=lee@acme.com -> Gamma (primary)"), "{text}");
}

#[tokio::test]
async fn a_record_that_was_taken_out_of_its_new_parent_since_stays_without_one() {
    for by_a_later_run in [false, true] {
        let (mut world, moved) = moved_to_a_new_company().await;
        if by_a_later_run {
            let lee = world.find(Salesforce, "Contact", "LastName", "Lee");
            world.edit(Salesforce, "Contact", &lee, json!({"AccountId": null}));
            world.sync().await;
        } else {
            let lee = world.find(HubSpot, "contacts", "lastname", "Lee");
            let beta = world.find(HubSpot, "companies", "name", "Beta");
            let (from, to) = (format!("contacts/{lee}"), format!("companies/{beta}"));
            world.admin(HubSpot, json!({"do": "dissociate", "from": from, "to": to}));
        }
        let (listed, applied) = take_back(&mut world, moved).await;
        expect![[r#"
            hubspot/companies: it is archived, not erased
            hubspot/contacts.company stays: it was changed since"#]]
        .assert_eq(&listed.join("\n"));
        assert_eq!(applied.tally.associated, 0);
        let text = world.picture().text().to_owned();
        assert!(text.lines().any(|line| line.trim() == "contacts Lee email=lee@acme.com"), "{text}");
    }
}

#[tokio::test]
async fn an_undo_that_is_cut_between_two_parents_is_finished_by_another() {
    let (mut world, moved) = moved_to_a_new_company().await;
    cut_between_two_parents(&mut world, moved).await;
    let (listed, _) = take_back(&mut world, moved).await;
    expect!["hubspot/companies: it is archived, not erased"].assert_eq(&listed.join("\n"));
    let text = world.picture().text().to_owned();
    assert!(text.contains("contacts Lee email=lee@acme.com -> Acme (primary)"), "{text}");
    world.still().await;
}

#[tokio::test]
async fn an_undo_that_is_cut_between_two_parents_is_finished_although_a_further_one_counts_meanwhile() {
    let (mut world, moved) = moved_to_a_new_company().await;
    let lee = world.find(HubSpot, "contacts", "lastname", "Lee");
    let gamma = world.create(HubSpot, "companies", json!({"name": "Gamma", "domain": "gamma.com"}));
    world.associate(&format!("contacts/{lee}"), &format!("companies/{gamma}"));
    cut_between_two_parents(&mut world, moved).await;
    let (listed, _) = take_back(&mut world, moved).await;
    expect!["hubspot/companies: it is archived, not erased"].assert_eq(&listed.join("\n"));
    let text = world.picture().text().to_owned();
    assert!(text.contains("contacts Lee email=lee@acme.com -> Acme (primary) -> Gamma"), "{text}");
}

#[tokio::test]
async fn a_record_that_somebody_moved_on_after_an_undo_was_cut_stays_where_it_is() {
    let (mut world, moved) = moved_to_a_new_company().await;
    cut_between_two_parents(&mut world, moved).await;
    let lee = world.find(HubSpot, "contacts", "lastname", "Lee");
    let gamma = world.create(HubSpot, "companies", json!({"name": "Gamma", "domain": "gamma.com"}));
    world.associate(&format!("contacts/{lee}"), &format!("companies/{gamma}"));
    let (listed, _) = take_back(&mut world, moved).await;
    expect![[r#"
        hubspot/companies: it is archived, not erased
        hubspot/contacts.company stays: it was changed since"#]]
    .assert_eq(&listed.join("\n"));
    let text = world.picture().text().to_owned();
    assert!(text.contains("contacts Lee email=lee@acme.com -> Gamma"), "{text}");
    assert!(!text.contains("-> Acme"), "{text}");
}

/// An undo that has taken Lee out of the one company, and not yet put it into the other.
async fn cut_between_two_parents(world: &mut World, moved: syncline_model::RunId) {
    plan_undo(world, moved).await;
    world.wire.cut_at(HubSpot, "contacts/companies/batch/create", Cut::Before);
    let wire = world.wire.clone();
    tokio::select! {
        biased;
        outcome = world.apply() => panic!("it went through: {outcome:?}"),
        () = wire.died.notified() => {}
    }
    world.advance(600);
    world.restart().await;
}

#[tokio::test]
async fn what_somebody_changed_in_the_middle_of_the_run_stays() {
    let city = "[kind.organisation.field.city]\n";
    let ruled = format!("{city}rule = \"always salesforce\"\n").leak();
    let mut world = World::with(Setting { changes: vec![(city, ruled)], ..Setting::default() }).await;
    let fields = json!({"Name": "Acme", "Website": "acme.com", "Phone": "1", "BillingCity": "Bern"});
    let account = world.create(Salesforce, "Account", fields);
    world.first_contact().await;
    let company = world.find(HubSpot, "companies", "name", "Acme");
    world.edit(Salesforce, "Account", &account, json!({"Phone": "2"}));
    // Between two rounds of the run somebody changes both; the one is taken over, the other set back.
    let act = json!({"do": "edit", "object": "companies", "id": company, "properties": {"phone": "9", "city": "Basel"}});
    world.wire.answers(HubSpot, vec![act]);
    world.wire.slow(Duration::from_secs(20));
    let run = world.sync().await;
    world.wire.slow(Duration::ZERO);
    assert_eq!((run.tally.updated, run.needs), (3, None));
    let (listed, _) = take_back(&mut world, run.run).await;
    assert!(listed.iter().any(|line| line.contains("phone") && line.contains("changed since")), "{listed:?}");
    assert_eq!(world.field(HubSpot, "companies", &company, "phone"), "9");
}
