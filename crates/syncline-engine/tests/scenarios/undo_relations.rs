//! Relations taken back: whoever was the primary one is again, what has gone since is said and loses nobody its parent, and
//! what an undo could not do yet another one does.

use crate::{
    scenario::{Cut, HubSpot, Salesforce, World},
    undo::{plan_undo, take_back},
};
use expect_test::expect;
use serde_json::json;
use syncline_engine::undo;
use syncline_model::RunId;

const LEE: &str = "contacts Lee email=lee@acme.com";

/// Lee of Acme, and Beta, on both sides; the ids of the contact, of Acme and of Beta in HubSpot.
async fn lee_of_acme() -> (World, String, String, String) {
    let mut world = World::new().await;
    let [acme, _] = ["Acme", "Beta"].map(|name| {
        let site = format!("{}.com", name.to_lowercase());
        world.create(Salesforce, "Account", json!({"Name": name, "Website": site}))
    });
    let fields = json!({"LastName": "Lee", "Email": "lee@acme.com", "AccountId": acme});
    world.create(Salesforce, "Contact", fields);
    world.first_contact().await;
    let lee = world.find(HubSpot, "contacts", "lastname", "Lee");
    let [acme, beta] = ["Acme", "Beta"].map(|name| world.find(HubSpot, "companies", "name", name));
    (world, lee, acme, beta)
}

/// Somebody moves Lee to Beta in Salesforce; the run that follows.
async fn moved_to_beta(world: &mut World) -> RunId {
    let [lee, beta] = [("Contact", "LastName", "Lee"), ("Account", "Name", "Beta")]
        .map(|(object, field, value)| world.find(Salesforce, object, field, value));
    world.edit(Salesforce, "Contact", &lee, json!({"AccountId": beta}));
    world.sync().await.run
}

fn relations(world: &World, of: &str) -> String {
    let picture = world.picture();
    let mut live = picture.text().lines().filter(|line| !line.ends_with("(archived)"));
    let line = live.find_map(|line| line.trim_start().strip_prefix(of));
    line.unwrap_or_else(|| panic!("{picture:?}")).trim_start().to_owned()
}

#[tokio::test]
async fn a_further_company_is_again_the_primary_one_or_not() {
    let (mut world, lee, _, beta) = lee_of_acme().await;
    // Beside Acme, which stays the primary one.
    world.associate(&format!("contacts/{lee}"), &format!("companies/{beta}"));
    world.advance(2 * 86_400);
    world.sync().await;
    let before = relations(&world, LEE);
    assert_eq!(before, "-> Acme (primary) -> Beta");
    let moved = moved_to_beta(&mut world).await;
    let after = relations(&world, LEE);
    assert_eq!(after, "-> Beta (primary)");
    let (listed, undone) = take_back(&mut world, moved).await;
    assert_eq!((listed, relations(&world, LEE)), (Vec::new(), before.clone()));
    // The mark that Acme took from Beta goes back to it, and so on.
    let (listed, again) = take_back(&mut world, undone.run).await;
    assert_eq!((listed, relations(&world, LEE)), (Vec::new(), after));
    let (listed, _) = take_back(&mut world, again.run).await;
    assert_eq!((listed, relations(&world, LEE)), (Vec::new(), before));
    world.still().await;
}

#[tokio::test]
async fn a_company_that_somebody_made_a_further_one_since_is_the_primary_one_again() {
    let (mut world, lee, acme, _) = lee_of_acme().await;
    let moved = moved_to_beta(&mut world).await;
    world.associate(&format!("contacts/{lee}"), &format!("companies/{acme}"));
    assert_eq!(relations(&world, LEE), "-> Acme -> Beta (primary)");
    let (listed, _) = take_back(&mut world, moved).await;
    assert_eq!((listed, relations(&world, LEE).as_str()), (Vec::new(), "-> Acme (primary)"));
}

#[tokio::test]
async fn a_further_company_that_an_undo_took_away_comes_back_as_a_further_one() {
    let (mut world, lee, acme, _) = lee_of_acme().await;
    let moved = moved_to_beta(&mut world).await;
    let primary = json!([{"category": "HUBSPOT_DEFINED", "typeId": 1}]);
    let (from, to) = (format!("contacts/{lee}"), format!("companies/{acme}"));
    world.admin(HubSpot, json!({"do": "associate", "from": from, "to": to, "types": primary}));
    let before = relations(&world, LEE);
    assert_eq!(before, "-> Acme (primary) -> Beta");
    let (listed, undone) = take_back(&mut world, moved).await;
    assert_eq!((listed, relations(&world, LEE).as_str()), (Vec::new(), "-> Acme (primary)"));
    let (listed, _) = take_back(&mut world, undone.run).await;
    assert_eq!((listed, relations(&world, LEE)), (Vec::new(), before));
}

#[tokio::test]
async fn a_relation_that_an_undo_could_not_end_keeps_the_former_one_waiting() {
    let (mut world, ..) = lee_of_acme().await;
    let [acme, beta] = ["Acme", "Beta"].map(|name| world.find(Salesforce, "Account", "Name", name));
    let wall =
        json!({"Name": "Wall", "StageName": "Prospecting", "CloseDate": "2026-06-30", "AccountId": acme});
    let wall = world.create(Salesforce, "Opportunity", wall);
    world.sync().await;
    world.edit(Salesforce, "Opportunity", &wall, json!({"AccountId": beta}));
    let moved = moved_to_beta(&mut world).await;
    let deal = "deals Wall dealstage=prospecting closedate=2026-06-30T00:00:00Z";
    assert_eq!(
        (relations(&world, LEE), relations(&world, deal)),
        ("-> Beta (primary)".into(), "-> Beta (primary)".into())
    );
    plan_undo(&mut world, moved).await;
    // What begins for contacts comes after what ends for deals.
    world.faults(HubSpot, json!([{"match": "write", "nth": 1, "times": 1, "do": "server_error"}]));
    let first = world.apply().await.unwrap();
    world.faults(HubSpot, json!([]));
    assert_eq!((first.tally.associated, first.tally.postponed), (2, 2), "{:?}", first.tally);
    assert_eq!(
        (relations(&world, LEE), relations(&world, deal)),
        ("-> Beta (primary)".into(), "-> Acme (primary)".into())
    );
    let (listed, second) = take_back(&mut world, moved).await;
    assert_eq!((listed, second.tally.associated), (Vec::new(), 2));
    assert_eq!(relations(&world, LEE), "-> Acme (primary)");
    // Each attempt is a run, and can be taken back.
    let (listed, _) = take_back(&mut world, second.run).await;
    assert_eq!(listed, Vec::<String>::new());
    let (listed, _) = take_back(&mut world, first.run).await;
    assert_eq!(listed, Vec::<String>::new());
    assert_eq!(
        (relations(&world, LEE), relations(&world, deal)),
        ("-> Beta (primary)".into(), "-> Beta (primary)".into())
    );
}

#[tokio::test]
async fn what_another_run_made_again_is_referred_to() {
    let (mut world, ..) = lee_of_acme().await;
    let gamma = world.create(Salesforce, "Account", json!({"Name": "Gamma", "Website": "gamma.com"}));
    let wall =
        json!({"Name": "Wall", "StageName": "Prospecting", "CloseDate": "2026-06-30", "AccountId": gamma});
    world.create(Salesforce, "Opportunity", wall);
    let lee = world.find(Salesforce, "Contact", "LastName", "Lee");
    world.edit(Salesforce, "Contact", &lee, json!({"AccountId": gamma}));
    let made = world.sync().await;
    let deal = "deals Wall dealstage=prospecting closedate=2026-06-30T00:00:00Z";
    let of_gamma = "-> Gamma (primary)";
    assert_eq!((relations(&world, LEE), relations(&world, deal)), (of_gamma.into(), of_gamma.into()));
    // Its undo takes two attempts: the first takes the deal away, the second the company.
    plan_undo(&mut world, made.run).await;
    world.wire.cut_at(HubSpot, "objects/companies/batch/archive", Cut::Before);
    let wire = world.wire.clone();
    tokio::select! {
        biased;
        outcome = world.apply() => panic!("it went through: {outcome:?}"),
        () = wire.died.notified() => {}
    }
    world.advance(600);
    world.restart().await;
    let store = world.ctx().store.clone();
    let first = undo::named(&*store, "last").await.unwrap();
    let (_, second) = take_back(&mut world, made.run).await;
    assert_eq!(relations(&world, LEE), "-> Acme (primary)");
    // The company comes back under another id, and what comes back then leads to that.
    take_back(&mut world, second.run).await;
    let (listed, _) = take_back(&mut world, first).await;
    assert_eq!(listed, ["hubspot/deals: it comes back as a new record under another id"]);
    assert_eq!((relations(&world, LEE), relations(&world, deal)), (of_gamma.into(), of_gamma.into()));
    world.still().await;
}

#[tokio::test]
async fn an_account_that_is_gone_is_not_referred_to_again() {
    let mut world = World::contacts_only().await;
    let [acme, beta] = ["Acme", "Beta"].map(|name| {
        let site = format!("{}.com", name.to_lowercase());
        world.create(HubSpot, "companies", json!({"name": name, "domain": site}))
    });
    let lee = world.create(HubSpot, "contacts", json!({"lastname": "Lee", "email": "lee@acme.com"}));
    let (contact, company) = (format!("contacts/{lee}"), format!("companies/{acme}"));
    world.associate(&contact, &company);
    world.first_contact().await;
    world.admin(HubSpot, json!({"do": "dissociate", "from": contact, "to": company}));
    world.associate(&contact, &format!("companies/{beta}"));
    world.advance(2 * 86_400);
    let moved = world.sync().await;
    let acme = world.find(Salesforce, "Account", "Name", "Acme");
    world.admin(Salesforce, json!({"do": "delete", "id": acme}));
    let (listed, applied) = take_back(&mut world, moved.run).await;
    assert_eq!(
        listed,
        [format!(
            "salesforce/Contact.company stays: salesforce/Account/{acme}, which it referred to, is gone"
        )]
    );
    assert_eq!(applied.tally.writes(), 0);
    assert_eq!(relations(&world, "Contact Lee Email=lee@acme.com"), "AccountId=Beta");
}

#[tokio::test]
async fn a_participant_who_is_gone_does_not_come_back_and_is_listed() {
    let (mut world, lee, ..) = lee_of_acme().await;
    let acme = world.find(Salesforce, "Account", "Name", "Acme");
    let contact = world.find(Salesforce, "Contact", "LastName", "Lee");
    let roof =
        json!({"Name": "Roof", "StageName": "Prospecting", "CloseDate": "2026-06-30", "AccountId": acme});
    let roof = world.create(Salesforce, "Opportunity", roof);
    let role = json!({"OpportunityId": roof, "ContactId": contact});
    let role = world.create(Salesforce, "OpportunityContactRole", role);
    world.sync().await;
    let deal = "deals Roof dealstage=prospecting closedate=2026-06-30T00:00:00Z";
    assert_eq!(relations(&world, deal), "-> Acme (primary) -> Lee");
    world.admin(Salesforce, json!({"do": "delete", "id": role}));
    let ended = world.sync().await;
    assert_eq!(relations(&world, deal), "-> Acme (primary)");
    world.admin(HubSpot, json!({"do": "archive", "object": "contacts", "id": lee}));
    let (listed, applied) = take_back(&mut world, ended.run).await;
    assert_eq!(
        listed,
        [format!("hubspot/deals.contacts stays: hubspot/contacts/{lee}, which it referred to, is gone")]
    );
    assert_eq!(applied.tally.writes(), 0);
}

/// Lee has a namesake, and the deal's people are whom a run put there, who was merged into another since.
#[tokio::test]
async fn a_participant_who_was_merged_since_stays_under_the_other_id_and_is_listed() {
    let (mut world, lee, ..) = lee_of_acme().await;
    let acme = world.find(Salesforce, "Account", "Name", "Acme");
    let contact = world.find(Salesforce, "Contact", "LastName", "Lee");
    let roof =
        json!({"Name": "Roof", "StageName": "Prospecting", "CloseDate": "2026-06-30", "AccountId": acme});
    world.create(Salesforce, "Opportunity", roof);
    let mut others = Vec::new();
    for email in ["lee@beta.com", "lee@gamma.com"] {
        let other = json!({"LastName": "Lee", "Email": email, "AccountId": acme});
        others.push(world.create(Salesforce, "Contact", other));
    }
    world.sync().await;
    let deal = world.find(HubSpot, "deals", "dealname", "Roof");
    world.associate(&format!("deals/{deal}"), &format!("contacts/{lee}"));
    world.advance(86_400);
    let put = world.sync().await;
    assert_eq!(put.tally.associated, 1);
    // Twice, and nobody has looked in between.
    let merges = [(&others[0], &contact), (&others[1], &others[0])];
    for (master, loser) in merges {
        world.admin(Salesforce, json!({"do": "merge", "master": master, "losers": [loser], "fields": {}}));
    }
    let (listed, applied) = take_back(&mut world, put.run).await;
    assert_eq!(listed, ["salesforce/Opportunity.contacts stays: it was changed since"]);
    assert_eq!(applied.tally.writes(), 0);
}

#[tokio::test]
async fn what_comes_back_does_without_the_company_that_is_gone() {
    let (mut world, _, acme, _) = lee_of_acme().await;
    let account = world.find(Salesforce, "Account", "Name", "Acme");
    let poe = json!({"LastName": "Poe", "Email": "poe@acme.com", "AccountId": account});
    world.create(Salesforce, "Contact", poe);
    let made = world.sync().await;
    let (_, undone) = take_back(&mut world, made.run).await;
    world.admin(HubSpot, json!({"do": "archive", "object": "companies", "id": acme}));
    let (listed, again) = take_back(&mut world, undone.run).await;
    expect![[r#"
        hubspot/contacts: it comes back as a new record under another id
        hubspot/contacts.company stays: hubspot/companies/1001, which it referred to, is gone"#]]
    .assert_eq(&listed.join("\n"));
    assert_eq!((again.tally.created, again.tally.associated, again.tally.postponed), (1, 0, 0));
}

#[tokio::test]
async fn a_company_that_goes_after_the_plan_of_an_undo_costs_nobody_its_parent() {
    let (mut world, _, acme, _) = lee_of_acme().await;
    let moved = moved_to_beta(&mut world).await;
    assert_eq!(plan_undo(&mut world, moved).await, Vec::<String>::new());
    world.admin(HubSpot, json!({"do": "archive", "object": "companies", "id": acme}));
    let applied = world.apply().await.unwrap();
    assert_eq!((applied.moved, applied.tally.writes(), applied.tally.rejected), (2, 0, 0));
    assert_eq!(relations(&world, LEE), "-> Beta (primary)");
}

#[tokio::test]
async fn a_relation_that_somebody_made_after_the_plan_of_an_undo_is_seen() {
    let (mut world, lee, ..) = lee_of_acme().await;
    let gamma = world.create(HubSpot, "companies", json!({"name": "Gamma", "domain": "gamma.com"}));
    let moved = moved_to_beta(&mut world).await;
    plan_undo(&mut world, moved).await;
    // It moves no stamp of the contact.
    let primary = json!([{"category": "HUBSPOT_DEFINED", "typeId": 1}]);
    let (from, to) = (format!("contacts/{lee}"), format!("companies/{gamma}"));
    world.admin(HubSpot, json!({"do": "associate", "from": from, "to": to, "types": primary}));
    let applied = world.apply().await.unwrap();
    assert_eq!((applied.moved, applied.tally.writes()), (2, 0));
    assert_eq!(relations(&world, LEE), "-> Beta -> Gamma (primary)");
}

#[tokio::test]
async fn what_somebody_restores_after_the_plan_is_not_made_a_second_time() {
    let (mut world, ..) = lee_of_acme().await;
    world.create(Salesforce, "Account", json!({"Name": "Gamma", "Website": "gamma.com"}));
    let made = world.sync().await;
    let gamma = world.find(HubSpot, "companies", "name", "Gamma");
    let (_, undone) = take_back(&mut world, made.run).await;
    plan_undo(&mut world, undone.run).await;
    // This moves no stamp either.
    world.admin(HubSpot, json!({"do": "restore", "object": "companies", "id": gamma}));
    let applied = world.apply().await.unwrap();
    assert_eq!((applied.moved, applied.tally.created), (1, 0));
    assert_eq!(world.find_all(HubSpot, "companies", "name", "Gamma"), [gamma]);
}

#[tokio::test]
async fn what_comes_back_does_without_an_option_that_is_not_offered_any_more() {
    let (mut world, ..) = lee_of_acme().await;
    let gamma = json!({"Name": "Gamma", "Website": "gamma.com", "Industry": "Banking"});
    world.create(Salesforce, "Account", gamma);
    let made = world.sync().await;
    let (_, undone) = take_back(&mut world, made.run).await;
    let option =
        json!({"do": "remove_option", "object": "companies", "property": "industry", "value": "BANKING"});
    world.admin(HubSpot, option);
    world.advance(2 * 86_400);
    let (listed, again) = take_back(&mut world, undone.run).await;
    expect![[r#"
        hubspot/companies: it comes back as a new record under another id
        hubspot/companies.industry stays: it may not be written so, or is not mapped any more"#]]
    .assert_eq(&listed.join("\n"));
    assert_eq!(again.tally.created, 1);
}

#[tokio::test]
async fn a_company_that_was_not_the_primary_one_comes_back_as_that() {
    let (mut world, lee, acme, beta) = lee_of_acme().await;
    // Beta is all that is left to Lee, and nobody made it the primary one.
    let [from, acme, beta] = [("contacts", &lee), ("companies", &acme), ("companies", &beta)]
        .map(|(object, id)| format!("{object}/{id}"));
    world.associate(&from, &beta);
    world.admin(HubSpot, json!({"do": "dissociate", "from": from, "to": acme}));
    world.advance(2 * 86_400);
    world.sync().await;
    let before = relations(&world, LEE);
    let account = world.find(Salesforce, "Account", "Name", "Acme");
    let contact = world.find(Salesforce, "Contact", "LastName", "Lee");
    world.edit(Salesforce, "Contact", &contact, json!({"AccountId": account}));
    let run = world.sync().await.run;
    let (listed, _) = take_back(&mut world, run).await;
    assert_eq!((listed, relations(&world, LEE)), (Vec::new(), before));
}
