//! Runs taken back (HUB-6, invariant 15): both dumps are as before, modulo what the undo's plan listed; nothing that
//! somebody changed since is touched; the next sync does not simply do it again.

use crate::scenario::{Cut, HubSpot, Picture, Salesforce, Setting, World, acme};
use expect_test::expect;
use serde_json::{Value, json};
use syncline_engine::{Error, apply_plan::AppliedPlan, retention, undo};
use syncline_model::{
    RunId,
    plan::{FindingKind, PlanLine},
};

/// Plans the inverse of a run and applies it; what its plan listed, and what applying it came to.
pub(crate) async fn take_back(world: &mut World, run: RunId) -> (Vec<String>, AppliedPlan) {
    let listed = plan_undo(world, run).await;
    let applied = world.apply().await.unwrap();
    assert_eq!((applied.moved, applied.tally.rejected), (0, 0), "{listed:#?}");
    (listed, applied)
}

/// What stays and what does not come back as it was; the plan is in the usual place.
pub(crate) async fn plan_undo(world: &mut World, run: RunId) -> Vec<String> {
    world.advance(3_600);
    let ctx = world.ctx();
    ctx.freshen().await.unwrap();
    undo::look(ctx, run).await.unwrap();
    let path = world.plan_path();
    let (_, lines) = undo::write(world.ctx(), run, &path).await.unwrap();
    let listed = lines.iter().filter_map(|line| {
        let PlanLine::Finding(finding) = line else { return None };
        let place = format!("{}/{}", finding.record.connection, finding.record.object);
        let first = |why: &str| why.split(';').next().unwrap().to_owned();
        match &finding.what {
            FindingKind::NotUndone { attribute, why } => {
                let name = attribute.as_ref().map(|name| format!(".{name}")).unwrap_or_default();
                Some(format!("{place}{name} stays: {}", first(why)))
            }
            FindingKind::Residue { why } if why.starts_with("stamps") => None,
            FindingKind::Residue { why } => Some(format!("{place}: {}", first(why))),
            other @ (FindingKind::NoParent { .. }
            | FindingKind::ContactBeatsLead { .. }
            | FindingKind::NoIdentity) => panic!("{other:?}"),
        }
    });
    listed.collect()
}

/// A run of one round that writes so many rows.
async fn run(world: &mut World, rows: u64) -> RunId {
    let outcome = world.sync().await;
    assert_eq!(outcome.tally.writes(), rows, "{:?}", outcome.tally);
    outcome.run
}

fn live(picture: &Picture) -> String {
    picture.text().lines().filter(|line| !line.ends_with("d)")).map(|line| format!("{line}\n")).collect()
}

#[tokio::test]
async fn updates_and_clears_are_taken_back_and_not_made_again() {
    let (mut world, account, company) = acme(Setting::default()).await;
    world.edit(Salesforce, "Account", &account, json!({"Phone": null, "BillingCity": "Berlin"}));
    world.edit(HubSpot, "companies", &company, json!({"description": "big"}));
    world.advance(60);
    let before = world.picture();
    let done = run(&mut world, 2).await;
    assert_ne!(world.picture(), before);
    let (listed, applied) = take_back(&mut world, done).await;
    assert_eq!((listed, applied.tally.writes()), (Vec::new(), 2));
    assert_eq!(world.picture(), before);
    // It stays taken back, and says so.
    world.still().await;
    assert_eq!(world.picture(), before);
    expect!["undone SYN-2020 phone@hubspot SYN-2020 city@hubspot SYN-2020 description@salesforce"]
        .assert_eq(&world.says(Salesforce, "Account", &account).await);
    // Until the source changes again.
    world.edit(Salesforce, "Account", &account, json!({"BillingCity": "Bonn"}));
    world.writes(1).await;
    assert_eq!(world.field(HubSpot, "companies", &company, "city"), "Bonn");
    expect!["undone SYN-2020 phone@hubspot SYN-2020 description@salesforce"]
        .assert_eq(&world.says(Salesforce, "Account", &account).await);
}

#[tokio::test]
async fn undo_of_the_undo_brings_the_writes_back() {
    let (mut world, account, _) = acme(Setting::default()).await;
    world.edit(Salesforce, "Account", &account, json!({"Phone": null, "BillingCity": "Berlin"}));
    let done = run(&mut world, 1).await;
    let after = world.picture();
    let (_, undone) = take_back(&mut world, done).await;
    assert_ne!(world.picture(), after);
    let (listed, redone) = take_back(&mut world, undone.run).await;
    assert_eq!((listed, redone.tally.writes()), (Vec::new(), 1));
    assert_eq!(world.picture(), after);
    assert_eq!(world.says(Salesforce, "Account", &account).await, "in_step");
    world.still().await;
    // What is as it was before the run needs no write.
    take_back(&mut world, done).await;
    let (listed, again) = take_back(&mut world, done).await;
    assert_eq!((listed, again.tally.writes()), (Vec::new(), 0));
}

#[tokio::test]
async fn a_field_that_was_edited_after_the_run_is_left_alone() {
    let (mut world, account, company) = acme(Setting::default()).await;
    world.edit(Salesforce, "Account", &account, json!({"Phone": "2", "BillingCity": "Berlin"}));
    let done = run(&mut world, 1).await;
    world.edit(HubSpot, "companies", &company, json!({"city": "Bonn"}));
    // Spelled otherwise is what the run wrote all the same.
    world.edit(HubSpot, "companies", &company, json!({"phone": " 2 "}));
    let (listed, applied) = take_back(&mut world, done).await;
    assert_eq!(
        (listed, applied.tally.updated),
        (vec!["hubspot/companies.city stays: it was changed since".into()], 1)
    );
    assert_eq!(world.field(HubSpot, "companies", &company, "city"), "Bonn");
    assert_eq!(world.field(HubSpot, "companies", &company, "phone"), "+1 555 0100");
    // The person's edit travels as any edit does.
    world.writes(1).await;
    assert_eq!(world.field(Salesforce, "Account", &account, "BillingCity"), "Bonn");
}

#[tokio::test]
async fn creates_are_archived_children_first_and_not_made_again() {
    let mut world = World::new().await;
    let account = world.create(Salesforce, "Account", json!({"Name": "Acme", "Website": "acme.com"}));
    let child = world.create(Salesforce, "Account", json!({"Name": "Acme UK", "ParentId": account}));
    world.create(
        Salesforce,
        "Contact",
        json!({"LastName": "Lee", "Email": "lee@acme.com", "AccountId": account}),
    );
    world.create(
        Salesforce,
        "Opportunity",
        json!({"Name": "Wall", "StageName": "Prospecting", "CloseDate": "2026-06-30", "AccountId": account}),
    );
    world.advance(60);
    let before = world.picture();
    let made = world.first_contact().await;
    assert_eq!(made.tally.created, 4);
    world.wire.requests(HubSpot);
    let (listed, applied) = take_back(&mut world, made.run).await;
    assert_eq!((listed.len(), applied.tally.archived), (4, 4), "{listed:#?}");
    let archives: Vec<String> =
        world.wire.requests(HubSpot).into_iter().filter(|request| request.contains("archive")).collect();
    let objects: Vec<&str> = archives.iter().map(|it| it.split('/').nth(4).unwrap_or(it)).collect();
    expect!["deals contacts companies"].assert_eq(&objects.join(" "));
    assert_eq!(live(&world.picture()), live(&before));
    world.still().await;
    world.edit(Salesforce, "Account", &account, json!({"Phone": "1"}));
    world.writes(0).await;
    assert_eq!(world.says(Salesforce, "Account", &child).await, "undone SYN-2020 *@hubspot");
    assert_eq!(live(&world.picture()).matches("companies").count(), 0);

    // Undoing the undo makes them again: other ids, the same values and relations, and what changed meanwhile follows.
    let (listed, again) = take_back(&mut world, applied.run).await;
    assert_eq!((listed.len(), again.tally.created), (4, 4), "{listed:#?}");
    world.sync().await;
    world.still().await;
    expect![[r#"
        salesforce
          Account Acme UK ParentId=Acme
          Account Acme Website=acme.com Phone=1
          Contact Lee Email=lee@acme.com AccountId=Acme
          Opportunity Wall StageName=Prospecting CloseDate=2026-06-30 AccountId=Acme
        hubspot
          companies Acme UK -> Acme
          companies Acme domain=acme.com website=acme.com phone=1
          contacts Lee email=lee@acme.com -> Acme (primary)
          deals Wall dealstage=prospecting closedate=2026-06-30T00:00:00Z -> Acme (primary)
    "#]]
    .assert_eq(&live(&world.picture()));
    assert_eq!(world.says(Salesforce, "Account", &account).await, "in_step");
}

#[tokio::test]
async fn a_created_record_that_people_worked_on_stays_and_so_does_its_parent() {
    let mut world = World::new().await;
    let account = world.create(Salesforce, "Account", json!({"Name": "Acme", "Website": "acme.com"}));
    world.create(
        Salesforce,
        "Contact",
        json!({"LastName": "Lee", "Email": "lee@acme.com", "AccountId": account}),
    );
    world.create(Salesforce, "Account", json!({"Name": "Beta", "Website": "beta.com"}));
    let made = world.first_contact().await;
    let contact = world.find(HubSpot, "contacts", "lastname", "Lee");
    world.edit(HubSpot, "contacts", &contact, json!({"jobtitle": "CTO"}));
    let (listed, applied) = take_back(&mut world, made.run).await;
    expect![[r#"
        hubspot/companies stays: hubspot/contacts/1001, which stays, refers to it
        hubspot/companies: it is archived, not erased
        hubspot/contacts stays: it was changed since"#]]
    .assert_eq(&listed.join("\n"));
    assert_eq!(applied.tally.archived, 1);
    assert_eq!(world.field(HubSpot, "contacts", &contact, "jobtitle"), "CTO");
    assert_eq!(live(&world.picture()).matches("companies Acme").count(), 1);
    assert_eq!(live(&world.picture()).matches("companies Beta").count(), 0);
}

#[tokio::test]
async fn relations_go_back_to_where_they_led() {
    let mut world = World::new().await;
    let acme = world.create(Salesforce, "Account", json!({"Name": "Acme", "Website": "acme.com"}));
    let beta = world.create(Salesforce, "Account", json!({"Name": "Beta", "Website": "beta.com"}));
    let fields =
        json!({"Name": "Wall", "StageName": "Prospecting", "CloseDate": "2026-06-30", "AccountId": acme});
    let deal = world.create(Salesforce, "Opportunity", fields);
    world.first_contact().await;
    world.edit(Salesforce, "Opportunity", &deal, json!({"AccountId": beta, "StageName": "Closed Won"}));
    world.advance(60);
    let before = world.picture();
    let moved = world.sync().await;
    assert!(world.picture().text().contains("-> Beta (primary)"));
    let (listed, _) = take_back(&mut world, moved.run).await;
    assert_eq!(listed, Vec::<String>::new());
    assert_eq!(world.picture(), before);
    world.still().await;
    assert_eq!(world.picture(), before);
    let says = world.says(Salesforce, "Opportunity", &deal).await;
    expect!["undone SYN-2020 stage@hubspot SYN-2020 account@hubspot"].assert_eq(&says);
}

#[tokio::test]
async fn a_record_that_was_merged_or_converted_since_is_left_alone() {
    let mut world = World::new().await;
    let fields = json!({"LastName": "Lee", "Company": "Acme", "Email": "lee@acme.com"});
    let lead = world.create(Salesforce, "Lead", fields);
    world.first_contact().await;
    let contact = world.find(HubSpot, "contacts", "lastname", "Lee");
    world.edit(HubSpot, "contacts", &contact, json!({"jobtitle": "CTO"}));
    let done = run(&mut world, 1).await;
    world.admin(Salesforce, json!({"do": "convert_lead", "lead": lead, "no_opportunity": true}));
    world.sync().await;
    world.still().await;
    let before = world.picture();
    let (listed, applied) = take_back(&mut world, done).await;
    assert_eq!(applied.tally.writes(), 0);
    expect!["salesforce/Lead stays: the record is gone, merged, converted or not linked any more"]
        .assert_eq(&listed.join("\n"));
    assert_eq!(world.picture(), before);
    world.still().await;
}

#[tokio::test]
async fn what_moved_after_the_undo_was_planned_is_held() {
    let (mut world, account, company) = acme(Setting::default()).await;
    world.edit(Salesforce, "Account", &account, json!({"Phone": "2"}));
    let done = run(&mut world, 1).await;
    plan_undo(&mut world, done).await;
    world.edit(HubSpot, "companies", &company, json!({"phone": "3"}));
    world.advance(60);
    let applied = world.apply().await.unwrap();
    assert_eq!((applied.moved, applied.tally.writes()), (1, 0));
    assert_eq!(world.field(HubSpot, "companies", &company, "phone"), "3");
}

#[tokio::test]
async fn runs_that_cannot_be_found_are_refused() {
    let (mut world, account, _) = acme(Setting::default()).await;
    world.edit(Salesforce, "Account", &account, json!({"Phone": "2"}));
    let done = run(&mut world, 1).await;
    let store = world.ctx().store.clone();
    assert_eq!(undo::named(&*store, "last").await.unwrap(), done);
    assert_eq!(undo::named(&*store, &done.to_string()).await.unwrap(), done);
    let missing = RunId("00000000-0000-7000-8000-000000000000".parse().unwrap());
    for error in [
        undo::named(&*store, "no-such").await.unwrap_err(),
        undo::named(&*store, "").await.unwrap_err(),
        undo::lines(world.ctx(), missing).await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::Undo { .. }), "{error}");
        assert_eq!((error.code().0, error.exit()), (1141, 2));
    }
    assert_ne!(world.field(Salesforce, "Account", &account, "Phone"), Value::Null);
}

/// What HubSpot alone knows, created in Salesforce: an account with a contact and an opportunity.
async fn created_in_salesforce() -> (World, Picture, AppliedPlan) {
    let mut world = World::contacts_only().await;
    let company = world.create(HubSpot, "companies", json!({"name": "Beta", "domain": "beta.io"}));
    let contact = world.create(HubSpot, "contacts", json!({"lastname": "Poe", "email": "poe@beta.io"}));
    let fields = json!({"dealname": "Wall", "dealstage": "prospecting", "closedate": "2026-06-30T00:00:00Z"});
    let deal = world.create(HubSpot, "deals", fields);
    world.associate(&format!("contacts/{contact}"), &format!("companies/{company}"));
    world.associate(&format!("deals/{deal}"), &format!("companies/{company}"));
    world.associate(&format!("deals/{deal}"), &format!("contacts/{contact}"));
    world.advance(60);
    let before = world.picture();
    let made = world.first_contact().await;
    assert_eq!(made.tally.created, 3);
    (world, before, made)
}

#[tokio::test]
async fn creates_in_salesforce_are_taken_back_with_their_roles_and_come_again() {
    let (mut world, before, made) = created_in_salesforce().await;
    let after = live(&world.picture());
    let (listed, undone) = take_back(&mut world, made.run).await;
    expect![[r#"
        salesforce/Account: it is archived, not erased
        salesforce/Contact: it is archived, not erased
        salesforce/Opportunity: it is archived, not erased"#]]
    .assert_eq(&listed.join("\n"));
    assert_eq!(live(&world.picture()), live(&before));
    world.still().await;
    let (_, again) = take_back(&mut world, undone.run).await;
    assert_eq!(again.tally.created, 3);
    world.sync().await;
    world.still().await;
    assert_eq!(live(&world.picture()), after);
    // And away once more.
    take_back(&mut world, again.run).await;
    assert_eq!(live(&world.picture()), live(&before));
    world.still().await;
}

#[tokio::test]
async fn an_account_on_which_somebody_hung_a_contact_is_not_deleted_with_it() {
    let (mut world, _, made) = created_in_salesforce().await;
    let account = world.find(Salesforce, "Account", "Name", "Beta");
    world.create(
        Salesforce,
        "Contact",
        json!({"LastName": "Own", "Email": "own@beta.io", "AccountId": account}),
    );
    let (listed, applied) = take_back(&mut world, made.run).await;
    expect![[r#"
        salesforce/Account stays: salesforce/Contact/003BA0000000002YAA, which stays, refers to it
        salesforce/Contact: it is archived, not erased
        salesforce/Opportunity: it is archived, not erased"#]]
    .assert_eq(&listed.join("\n"));
    assert_eq!(applied.tally.archived, 2);
    let left = live(&world.picture());
    assert!(left.contains("Account Beta") && left.contains("Contact Own"), "{left}");
    assert!(!left.contains("Contact Poe") && !left.contains("Opportunity Wall"), "{left}");
    world.sync().await;
    world.still().await;
}

#[tokio::test]
async fn an_undone_create_does_not_take_its_source_along_where_deletes_travel() {
    let setting = Setting {
        changes: vec![("on_delete = \"review\"", "on_delete = \"archive\"")],
        ..Setting::default()
    };
    let mut world = World::with(setting).await;
    let account = world.create(Salesforce, "Account", json!({"Name": "Acme", "Website": "acme.com"}));
    let made = world.first_contact().await;
    let company = world.find(HubSpot, "companies", "name", "Acme");
    take_back(&mut world, made.run).await;
    world.advance(86_400);
    world.still().await;
    assert!(live(&world.picture()).contains("Account Acme"));
    assert_eq!(world.reviews().await, []);
    // Restored by hand it is in force again.
    world.admin(HubSpot, json!({"do": "restore", "object": "companies", "id": company}));
    world.edit(HubSpot, "companies", &company, json!({"city": "Berlin"}));
    world.advance(2 * 86_400);
    world.sync().await;
    world.still().await;
    assert_eq!(world.field(Salesforce, "Account", &account, "BillingCity"), "Berlin");
    assert_eq!(world.says(Salesforce, "Account", &account).await, "in_step");
}

#[tokio::test]
async fn a_first_contact_is_taken_back_to_what_both_sides_held() {
    let mut world = World::new().await;
    let fields = json!({"Name": "Acme", "Website": "acme.com", "Phone": "1", "BillingCity": "Berlin"});
    let account = world.create(Salesforce, "Account", fields);
    let fields = json!({"name": "Acme", "domain": "acme.com", "phone": "2", "description": "big"});
    world.create(HubSpot, "companies", fields);
    world.advance(60);
    let before = world.picture();
    world.plan().await;
    let done = world.apply().await.unwrap();
    assert_eq!(done.tally.updated, 2);
    let (listed, _) = take_back(&mut world, done.run).await;
    assert_eq!((listed, world.picture()), (Vec::new(), before));
    world.still().await;
    expect!["undone SYN-2020 website@hubspot SYN-2020 phone@hubspot SYN-2020 city@hubspot SYN-2020 description@salesforce SYN-2020 owner@hubspot"].assert_eq(&world.says(Salesforce, "Account", &account).await);
}

#[tokio::test]
async fn roles_that_a_run_added_and_took_away_go_back() {
    let mut world = World::new().await;
    let account = world.create(Salesforce, "Account", json!({"Name": "Acme", "Website": "acme.com"}));
    let [lee, poe] = ["Lee", "Poe"].map(|name| {
        let fields = json!({"LastName": name, "Email": format!("{name}@acme.com"), "AccountId": account});
        world.create(Salesforce, "Contact", fields)
    });
    let fields =
        json!({"Name": "Roof", "StageName": "Prospecting", "CloseDate": "2026-06-30", "AccountId": account});
    let deal = world.create(Salesforce, "Opportunity", fields);
    let role = |contact: &str| json!({"OpportunityId": deal, "ContactId": contact, "Role": "Evaluator"});
    let first = world.create(Salesforce, "OpportunityContactRole", role(&lee));
    world.first_contact().await;
    world.create(Salesforce, "OpportunityContactRole", role(&poe));
    world.admin(Salesforce, json!({"do": "delete", "id": first}));
    world.advance(60);
    let before = world.picture();
    assert!(before.text().contains("-> Acme (primary) -> Lee\n"), "{before:?}");
    let moved = world.sync().await;
    assert!(world.picture().text().contains("-> Acme (primary) -> Poe\n"));
    let (listed, _) = take_back(&mut world, moved.run).await;
    assert_eq!((listed, world.picture()), (Vec::new(), before));
    world.still().await;

    // The other way: HubSpot's tie is a row in Salesforce.
    let deal_there = world.find(HubSpot, "deals", "dealname", "Roof");
    let third = world.create(HubSpot, "contacts", json!({"lastname": "Ray", "email": "ray@acme.com"}));
    world.sync().await;
    world.associate(&format!("deals/{deal_there}"), &format!("contacts/{third}"));
    world.edit(HubSpot, "deals", &deal_there, json!({"hs_priority": "low"}));
    world.advance(60);
    let before = live(&world.picture());
    let moved = world.sync().await;
    assert!(world.picture().text().contains("OpportunityId=Roof ContactId=Ray"), "{:?}", world.picture());
    let (listed, _) = take_back(&mut world, moved.run).await;
    assert_eq!((listed, live(&world.picture())), (Vec::new(), before));
    world.still().await;
}

#[tokio::test]
async fn an_undo_that_the_power_cuts_short_is_finished_by_another() {
    for cut in [Cut::Before, Cut::After] {
        let mut world = World::new().await;
        let account = world.create(Salesforce, "Account", json!({"Name": "Acme", "Website": "acme.com"}));
        world.create(
            Salesforce,
            "Contact",
            json!({"LastName": "Lee", "Email": "lee@acme.com", "AccountId": account}),
        );
        world.advance(60);
        let before = world.picture();
        let made = world.first_contact().await;
        plan_undo(&mut world, made.run).await;
        world.wire.cut_at(HubSpot, "companies/batch/archive", cut);
        let wire = world.wire.clone();
        tokio::select! {
            biased;
            outcome = world.apply() => panic!("it went through: {outcome:?}"),
            () = wire.died.notified() => {}
        }
        world.advance(600);
        world.restart().await;
        let (_, rest) = take_back(&mut world, made.run).await;
        assert_eq!(rest.tally.archived, u64::from(cut == Cut::Before), "{cut:?}");
        assert_eq!(live(&world.picture()), live(&before), "{cut:?}");
        world.still().await;
        assert_eq!(world.says(Salesforce, "Account", &account).await, "undone SYN-2020 *@hubspot");
    }
}

#[tokio::test]
async fn a_merge_in_hubspot_after_the_run_is_not_unmade() {
    let mut world = World::new().await;
    let fields = json!({"LastName": "Lee", "Company": "Acme", "Email": "lee@acme.com", "Phone": "1"});
    let lead = world.create(Salesforce, "Lead", fields);
    world.first_contact().await;
    let contact = world.find(HubSpot, "contacts", "lastname", "Lee");
    world.edit(Salesforce, "Lead", &lead, json!({"Phone": "2"}));
    let done = run(&mut world, 1).await;
    let other = world.create(HubSpot, "contacts", json!({"lastname": "Li", "email": "li@else.org"}));
    world.admin(HubSpot, json!({"do": "merge", "object": "contacts", "id": other, "merge": contact}));
    world.sync().await;
    world.still().await;
    let before = world.picture();
    let (listed, applied) = take_back(&mut world, done).await;
    assert_eq!((applied.tally.writes(), world.picture()), (0, before));
    expect!["hubspot/contacts stays: the record is gone, merged, converted or not linked any more"]
        .assert_eq(&listed.join("\n"));
    world.still().await;
}

#[tokio::test]
async fn what_was_erased_of_a_record_is_not_brought_back_and_the_rest_is() {
    let (mut world, account, company) = acme(Setting::default()).await;
    let other = world.create(Salesforce, "Account", json!({"Name": "Beta", "Website": "beta.com"}));
    world.quiet().await;
    for account in [&account, &other] {
        world.edit(Salesforce, "Account", account, json!({"Phone": "2"}));
    }
    let done = run(&mut world, 2).await;
    let (store, now) = (world.ctx().store.clone(), world.ctx().now());
    let erased = format!("hubspot/companies/{company}").parse().unwrap();
    retention::erase(&*store, now, &erased, "tester".into()).await.unwrap();
    let (listed, applied) = take_back(&mut world, done).await;
    expect!["hubspot/companies stays: what was written to it was erased"].assert_eq(&listed.join("\n"));
    assert_eq!(applied.tally.updated, 1);
    assert_eq!(world.find_all(HubSpot, "companies", "phone", "2"), [company]);
}
