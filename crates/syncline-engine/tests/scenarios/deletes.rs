//! Deletes: a question for a person, and nothing comes back by itself (CRM-12).

use crate::scenario::{HubSpot, Salesforce, Setting, World, acme};
use expect_test::expect;
use serde_json::json;

#[tokio::test]
async fn delete_in_salesforce_is_a_question_and_the_record_is_not_made_again() {
    let (mut world, account, company) = acme(Setting::default()).await;
    world.admin(Salesforce, json!({"do": "delete", "id": account}));
    world.advance(86_400);
    world.writes(0).await;
    expect![[r#"
        salesforce
          Account Acme Website=https://acme.com Phone=+1 555 0100 (deleted)
        hubspot
          companies Acme domain=acme.com website=https://acme.com phone=+1 555 0100
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "companies", &company).await, "deleted_elsewhere SYN-2005 *@salesforce");
    assert_eq!(world.reviews().await.len(), 1);
    world.edit(HubSpot, "companies", &company, json!({"city": "Berlin"}));
    world.writes(0).await;
    // Restored: the two go on where they stopped.
    world.admin(Salesforce, json!({"do": "undelete", "id": account}));
    world.sync().await;
    world.still().await;
    expect![[r#"
        salesforce
          Account Acme Website=https://acme.com Phone=+1 555 0100 BillingCity=Berlin
        hubspot
          companies Acme domain=acme.com website=https://acme.com phone=+1 555 0100 city=Berlin
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "companies", &company).await, "in_step");
    assert_eq!(world.reviews().await.len(), 0);
}

#[tokio::test]
async fn delete_in_hubspot_is_a_question_and_the_record_is_not_made_again() {
    let (mut world, account, company) = acme(Setting::default()).await;
    world.admin(HubSpot, json!({"do": "archive", "object": "companies", "id": company}));
    world.advance(2 * 86_400);
    world.writes(0).await;
    expect![[r#"
        salesforce
          Account Acme Website=https://acme.com Phone=+1 555 0100
        hubspot
          companies Acme domain=acme.com website=https://acme.com phone=+1 555 0100 (archived)
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(Salesforce, "Account", &account).await, "deleted_elsewhere SYN-2005 *@hubspot");
    world.edit(Salesforce, "Account", &account, json!({"Phone": "7"}));
    world.writes(0).await;
    world.admin(HubSpot, json!({"do": "restore", "object": "companies", "id": company}));
    // Restoring moves no stamp: what waits for an answer is looked at once a day.
    world.advance(2 * 86_400);
    world.sync().await;
    world.still().await;
    expect![[r#"
        salesforce
          Account Acme Website=https://acme.com Phone=7
        hubspot
          companies Acme domain=acme.com website=https://acme.com phone=7
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(Salesforce, "Account", &account).await, "in_step");
}

#[tokio::test]
async fn delete_on_both_sides_asks_nothing() {
    let (mut world, account, company) = acme(Setting::default()).await;
    world.admin(Salesforce, json!({"do": "delete", "id": account}));
    world.admin(HubSpot, json!({"do": "archive", "object": "companies", "id": company}));
    world.advance(2 * 86_400);
    world.writes(0).await;
    expect![[r#"
        salesforce
          Account Acme Website=https://acme.com Phone=+1 555 0100 (deleted)
        hubspot
          companies Acme domain=acme.com website=https://acme.com phone=+1 555 0100 (archived)
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.reviews().await.len(), 0);
    // Taken out of HubSpot's recycle bin, which moves no stamp: it is a question now.
    world.admin(HubSpot, json!({"do": "restore", "object": "companies", "id": company}));
    world.advance(86_400);
    world.writes(0).await;
    assert_eq!(world.says(HubSpot, "companies", &company).await, "deleted_elsewhere SYN-2005 *@salesforce");
    assert_eq!(world.reviews().await.len(), 1);
}

#[tokio::test]
async fn the_survivor_of_a_merge_is_not_archived_for_the_record_that_it_swallowed() {
    let setting = Setting {
        changes: vec![("on_delete = \"review\"", "on_delete = \"archive\"")],
        ..Setting::default()
    };
    let (mut world, account, company) = acme(setting).await;
    let other = world.create(HubSpot, "companies", json!({"name": "Else", "domain": "else.org"}));
    // The index shows the merge later than the delete is read.
    world.admin(HubSpot, json!({"do": "merge", "object": "companies", "id": other, "merge": company}));
    world.admin(Salesforce, json!({"do": "delete", "id": account}));
    assert_eq!(world.sync_now().await.unwrap().tally.archived, 0);
    world.advance(86_400);
    world.sync().await;
    let dump = world.dump(HubSpot);
    let live = dump["objects"]["companies"].as_array().unwrap().iter().filter(|row| row["archived"] != true);
    assert_eq!(live.count(), 1, "{}", world.picture().text());
    assert_eq!(world.reviews().await.len(), 1);
}

#[tokio::test]
async fn nothing_is_archived_for_a_survivor_that_went_with_all_that_it_had_swallowed() {
    let setting = Setting {
        changes: vec![("on_delete = \"review\"", "on_delete = \"archive\"")],
        ..Setting::default()
    };
    let (mut world, account, company) = acme(setting).await;
    let other = world.create(HubSpot, "companies", json!({"name": "Else", "domain": "else.org"}));
    let merge = json!({"do": "merge", "object": "companies", "id": company, "merge": other});
    let survivor = world.admin(HubSpot, merge)["id"].as_str().unwrap().to_owned();
    world.advance(600);
    world.sync().await;
    world.admin(HubSpot, json!({"do": "archive", "object": "companies", "id": survivor}));
    world.advance(86_400);
    world.writes(0).await;
    assert_eq!(world.says(Salesforce, "Account", &account).await, "deleted_elsewhere SYN-2005 *@hubspot");
}

#[tokio::test]
async fn a_merged_lead_that_is_taken_out_of_the_bin_is_the_person_it_was() {
    let mut world = World::new().await;
    let lead = |email: &str| json!({"LastName": "Ek", "Company": "Acme", "Email": email});
    let master = world.create(Salesforce, "Lead", lead("bo@acme.com"));
    let loser = world.create(Salesforce, "Lead", lead("ann@acme.com"));
    world.first_contact().await;
    world.admin(Salesforce, json!({"do": "merge", "master": master, "losers": [loser], "fields": {}}));
    world.advance(600);
    world.sync().await;
    world.admin(Salesforce, json!({"do": "undelete", "id": loser}));
    world.edit(Salesforce, "Lead", &loser, json!({"City": "Bonn"}));
    world.advance(600);
    world.sync().await;
    let contacts = world.find_all(HubSpot, "contacts", "email", "ann@acme.com");
    assert_eq!(contacts.len(), 1);
    assert_eq!(world.field(HubSpot, "contacts", &contacts[0], "city"), "Bonn");
}

#[tokio::test]
async fn delete_by_declaration_archives_the_other_side() {
    let setting = Setting {
        changes: vec![("on_delete = \"review\"", "on_delete = \"archive\"")],
        ..Setting::default()
    };
    let (mut world, account, _) = acme(setting).await;
    world.admin(Salesforce, json!({"do": "delete", "id": account}));
    world.advance(86_400);
    let outcome = world.sync().await;
    assert_eq!(outcome.tally.archived, 1);
    world.still().await;
    expect![[r#"
        salesforce
          Account Acme Website=https://acme.com Phone=+1 555 0100 (deleted)
        hubspot
          companies Acme domain=acme.com website=https://acme.com phone=+1 555 0100 (archived)
    "#]]
    .assert_eq(world.picture().text());
}

#[tokio::test]
async fn privacy_deletion_leaves_no_tombstone_and_is_found_all_the_same() {
    let (mut world, _, _) = acme(Setting::default()).await;
    let person = json!({"LastName": "Lee", "Email": "lee@else.org", "Company": "Else"});
    let lead = world.create(Salesforce, "Lead", person);
    world.sync().await;
    world.still().await;
    let contact = world.find(HubSpot, "contacts", "email", "lee@else.org");
    world.admin(HubSpot, json!({"do": "gdpr_delete", "object": "contacts", "id": contact}));
    world.advance(2 * 86_400);
    world.writes(0).await;
    expect![[r#"
        salesforce
          Account Acme Website=https://acme.com Phone=+1 555 0100
          Lead Lee Email=lee@else.org Company=Else
        hubspot
          companies Acme domain=acme.com website=https://acme.com phone=+1 555 0100
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(Salesforce, "Lead", &lead).await, "deleted_elsewhere SYN-2005 *@hubspot");
}

#[tokio::test]
async fn purged_record_is_not_made_again() {
    let (mut world, account, company) = acme(Setting::default()).await;
    world.admin(Salesforce, json!({"do": "delete", "id": account}));
    world.admin(Salesforce, json!({"do": "purge", "id": account}));
    world.advance(2 * 86_400);
    world.writes(0).await;
    expect![[r#"
        salesforce
        hubspot
          companies Acme domain=acme.com website=https://acme.com phone=+1 555 0100
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "companies", &company).await, "deleted_elsewhere SYN-2005 *@salesforce");
}

#[tokio::test]
async fn what_is_restored_after_its_counterpart_was_archived_is_not_archived_again() {
    let setting = Setting {
        changes: vec![("on_delete = \"review\"", "on_delete = \"archive\"")],
        ..Setting::default()
    };
    let (mut world, account, company) = acme(setting).await;
    world.admin(Salesforce, json!({"do": "delete", "id": account}));
    world.advance(86_400);
    assert_eq!(world.sync().await.tally.archived, 1);
    world.admin(Salesforce, json!({"do": "undelete", "id": account}));
    world.advance(86_400);
    world.writes(0).await;
    expect![[r#"
        salesforce
          Account Acme Website=https://acme.com Phone=+1 555 0100
        hubspot
          companies Acme domain=acme.com website=https://acme.com phone=+1 555 0100 (archived)
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(Salesforce, "Account", &account).await, "deleted_elsewhere SYN-2005 *@hubspot");
    assert_eq!(world.reviews().await.len(), 1);
    // Both restored, and changed meanwhile: they go on where they stopped.
    world.edit(Salesforce, "Account", &account, json!({"Phone": "7"}));
    world.admin(HubSpot, json!({"do": "restore", "object": "companies", "id": company}));
    world.advance(2 * 86_400);
    world.sync().await;
    world.still().await;
    assert_eq!(world.field(HubSpot, "companies", &company, "phone"), "7");
    assert_eq!(world.reviews().await.len(), 0);
    // The next delete travels again.
    world.admin(Salesforce, json!({"do": "delete", "id": account}));
    world.advance(86_400);
    assert_eq!(world.sync().await.tally.archived, 1);
}

fn archiving() -> Setting {
    let changes = vec![("on_delete = \"review\"", "on_delete = \"archive\"")];
    Setting { changes, ..Setting::default() }
}

#[tokio::test]
async fn who_belonged_to_a_company_that_was_deleted_in_hubspot_does_not_go_with_its_account() {
    let (mut world, account, company) = acme(archiving()).await;
    let person = json!({"LastName": "Lee", "Email": "lee@acme.com", "AccountId": account});
    world.create(Salesforce, "Contact", person);
    let deal =
        json!({"Name": "Wall", "StageName": "Prospecting", "CloseDate": "2026-06-30", "AccountId": account});
    world.create(Salesforce, "Opportunity", deal);
    world.sync().await;
    world.admin(HubSpot, json!({"do": "archive", "object": "companies", "id": company}));
    world.advance(2 * 86_400);
    let outcome = world.sync().await;
    assert_eq!(outcome.tally.archived, 1);
    expect![[r#"
        salesforce
          Account Acme Website=https://acme.com Phone=+1 555 0100 (deleted)
          Contact Lee Email=lee@acme.com
          Opportunity Wall StageName=Prospecting CloseDate=2026-06-30
        hubspot
          companies Acme domain=acme.com website=https://acme.com phone=+1 555 0100 (archived)
          contacts Lee email=lee@acme.com
          deals Wall dealstage=prospecting closedate=2026-06-30T00:00:00Z
    "#]]
    .assert_eq(world.picture().text());
    world.still().await;
}

#[tokio::test]
async fn an_account_that_somebody_refers_to_is_not_archived_for_its_company() {
    let (mut world, account, company) = acme(archiving()).await;
    world.admin(HubSpot, json!({"do": "archive", "object": "companies", "id": company}));
    let person = json!({"LastName": "Lee", "Email": "lee@acme.com", "AccountId": account});
    let lee = world.create(Salesforce, "Contact", person);
    world.advance(2 * 86_400);
    assert_eq!(world.sync().await.tally.archived, 0);
    world.still().await;
    assert_eq!(world.says(Salesforce, "Account", &account).await, "deleted_elsewhere SYN-2005 *@hubspot");
    assert_eq!(world.reviews().await.len(), 1);
    // When nobody does any more, it goes.
    world.edit(Salesforce, "Contact", &lee, json!({"AccountId": null}));
    world.advance(3_600);
    assert_eq!(world.sync().await.tally.archived, 1);
    assert_eq!(world.reviews().await.len(), 0);
    world.still().await;
    assert_eq!(world.find_all(Salesforce, "Contact", "LastName", "Lee").len(), 1);
}

#[tokio::test]
async fn an_account_goes_once_we_have_taken_away_who_referred_to_it() {
    let (mut world, account, company) = acme(archiving()).await;
    let person = json!({"LastName": "Lee", "Email": "lee@acme.com", "AccountId": account});
    world.create(Salesforce, "Contact", person);
    world.sync().await;
    world.admin(HubSpot, json!({"do": "archive", "object": "companies", "id": company}));
    // A webhook tells of the company; that the contact has none any more moves no stamp, and is read at night.
    assert_eq!(world.hinted(HubSpot, "companies", &company).await.tally.archived, 0);
    assert_eq!(world.says(Salesforce, "Account", &account).await, "deleted_elsewhere SYN-2005 *@hubspot");
    world.advance(2 * 86_400);
    assert_eq!(world.sync().await.tally.archived, 1);
    world.still().await;
    assert_eq!(world.find_all(Salesforce, "Contact", "LastName", "Lee").len(), 1);
    assert_eq!(world.reviews().await.len(), 0);
}

#[tokio::test]
async fn who_belongs_to_a_company_that_was_deleted_keeps_its_account_until_that_is_decided() {
    let (mut world, account, company) = acme(Setting::default()).await;
    let lee = json!({"LastName": "Lee", "Email": "lee@acme.com", "AccountId": account});
    let lee = world.create(Salesforce, "Contact", lee);
    world.sync().await;
    let contact = world.find(HubSpot, "contacts", "email", "lee@acme.com");
    world.admin(HubSpot, json!({"do": "archive", "object": "companies", "id": company}));
    // A search shows the contact at once; the bin, and with it the delete, is read once a day.
    world.edit(HubSpot, "contacts", &contact, json!({"phone": "+1 555 0199"}));
    world.advance(3_600);
    world.sync().await;
    assert_eq!(world.field(Salesforce, "Contact", &lee, "Phone"), "+1 555 0199");
    assert_eq!(world.field(Salesforce, "Contact", &lee, "AccountId"), account.as_str());
    assert_eq!(
        world.says(HubSpot, "contacts", &contact).await,
        "deleted_elsewhere SYN-2005 company@salesforce"
    );
    world.sync().await;
    assert_eq!(world.reviews().await.len(), 1);
    // Somebody restores it. That moves no stamp of the contact.
    world.admin(HubSpot, json!({"do": "restore", "object": "companies", "id": company}));
    world.hinted(HubSpot, "companies", &company).await;
    assert_eq!(world.field(Salesforce, "Contact", &lee, "AccountId"), account.as_str());
    world.advance(86_400);
    world.sync().await;
    world.quiet().await;
    assert_eq!(world.field(Salesforce, "Contact", &lee, "AccountId"), account.as_str());
    assert_eq!(world.says(HubSpot, "contacts", &contact).await, "in_step");
    assert_eq!(world.reviews().await.len(), 0);
}
