//! Lost answers and lost processes: nothing lost, nothing doubled (HUB-11).

use crate::scenario::{Cut, HubSpot, Salesforce, Setting, Side, World, acme};
use expect_test::expect;
use serde_json::json;

/// A person that only HubSpot knows, after the first contact.
async fn newcomer(mut world: World) -> (World, String) {
    world.create(Salesforce, "Account", json!({"Name": "Acme", "Website": "acme.com"}));
    world.first_contact().await;
    let contact = world.create(
        HubSpot,
        "contacts",
        json!({"email": "bo@else.org", "firstname": "Bo", "lastname": "Ek"}),
    );
    world.advance(3_600);
    (world, contact)
}

/// Syncs until the power goes, then starts a new process once the claim of the old one is over.
pub(crate) async fn power_cut(world: &mut World, side: Side, text: &'static str, cut: Cut) {
    world.wire.cut_at(side, text, cut);
    let wire = world.wire.clone();
    tokio::select! {
        biased;
        outcome = world.sync_now() => panic!("it went through: {outcome:?}"),
        () = wire.died.notified() => {}
    }
    world.advance(600);
    world.restart().await;
}

#[tokio::test]
async fn commit_then_timeout_of_a_create_is_found_by_its_key() {
    let (mut world, contact) = newcomer(World::new().await).await;
    world.faults(Salesforce, json!([{"match": "write", "nth": 1, "times": 1, "do": "commit_then_timeout"}]));
    let outcome = world.sync_now().await.unwrap();
    assert_eq!((outcome.tally.created, outcome.tally.unknown), (1, 0), "settled by reading");
    world.still().await;
    expect![[r#"
        salesforce
          Account Acme Website=acme.com
          Lead Bo Ek Email=bo@else.org Company=[not provided]
        hubspot
          companies Acme domain=acme.com website=acme.com
          contacts Bo Ek email=bo@else.org
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "contacts", &contact).await, "in_step SYN-3001");
}

#[tokio::test]
async fn commit_then_timeout_of_a_hubspot_create_is_found_by_its_key() {
    let mut world = World::new().await;
    world.create(Salesforce, "Account", json!({"Name": "Acme", "Website": "acme.com"}));
    world.first_contact().await;
    let account = world.create(Salesforce, "Account", json!({"Name": "Beta", "Website": "beta.io"}));
    for kind in ["commit_then_timeout", "commit_then_reset", "truncated_body"] {
        world.create(
            Salesforce,
            "Account",
            json!({"Name": kind, "Website": format!("{}.io", kind.replace('_', ""))}),
        );
        world.faults(HubSpot, json!([{"match": "write", "nth": 1, "times": 1, "do": kind}]));
        let outcome = world.sync().await;
        assert_eq!(outcome.tally.unknown, 0, "{kind}");
        world.still().await;
    }
    expect![[r#"
        salesforce
          Account Acme Website=acme.com
          Account Beta Website=beta.io
          Account commit_then_reset Website=committhenreset.io
          Account commit_then_timeout Website=committhentimeout.io
          Account truncated_body Website=truncatedbody.io
        hubspot
          companies Acme domain=acme.com website=acme.com
          companies Beta domain=beta.io website=beta.io
          companies commit_then_reset domain=committhenreset.io website=committhenreset.io
          companies commit_then_timeout domain=committhentimeout.io website=committhentimeout.io
          companies truncated_body domain=truncatedbody.io website=truncatedbody.io
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(Salesforce, "Account", &account).await, "in_step");
}

#[tokio::test]
async fn commit_then_timeout_without_a_key_is_parked_and_never_repeated() {
    let (mut world, contact) = newcomer(World::keyless().await).await;
    world.faults(Salesforce, json!([{"match": "write", "nth": 1, "times": 1, "do": "commit_then_timeout"}]));
    let outcome = world.sync_now().await.unwrap();
    assert_eq!((outcome.tally.created, outcome.tally.unknown), (0, 1));
    let says = world.says(HubSpot, "contacts", &contact).await;
    assert_eq!(says, "parked SYN-2015 *@salesforce");
    assert_eq!(world.reviews().await.len(), 1);
    world.sync().await;
    world.still().await;
    expect![[r#"
        salesforce
          Account Acme Website=acme.com
          Lead Bo Ek Email=bo@else.org Company=[not provided]
        hubspot
          companies Acme domain=acme.com website=acme.com
          contacts Bo Ek email=bo@else.org
    "#]]
    .assert_eq(world.picture().text());
    // The next reading found the lead by its address.
    assert_eq!(world.says(HubSpot, "contacts", &contact).await, "in_step SYN-3001");
    assert_eq!(world.reviews().await.len(), 0);
}

#[tokio::test]
async fn crash_between_intent_and_answer_of_a_keyed_create_doubles_nothing() {
    for cut in [Cut::Before, Cut::After] {
        let (mut world, contact) = newcomer(World::new().await).await;
        power_cut(&mut world, Salesforce, "sobjects/Lead/Syncline_Id__c", cut).await;
        world.sync().await;
        world.still().await;
        assert_eq!(world.find_all(Salesforce, "Lead", "Email", "bo@else.org").len(), 1, "{cut:?}");
        assert_eq!(world.says(HubSpot, "contacts", &contact).await, "in_step SYN-3001", "{cut:?}");
        expect![[r#"
            salesforce
              Account Acme Website=acme.com
              Lead Bo Ek Email=bo@else.org Company=[not provided]
            hubspot
              companies Acme domain=acme.com website=acme.com
              contacts Bo Ek email=bo@else.org
        "#]]
        .assert_eq(world.picture().text());
    }
}

#[tokio::test]
async fn crash_between_intent_and_answer_of_a_keyless_create_is_parked() {
    for cut in [Cut::Before, Cut::After] {
        let (mut world, contact) = newcomer(World::keyless().await).await;
        power_cut(&mut world, Salesforce, "bo@else.org", cut).await;
        world.sync().await;
        let written = world.find_all(Salesforce, "Lead", "Email", "bo@else.org").len();
        assert_eq!(written, usize::from(cut == Cut::After), "{cut:?}");
        world.still().await;
        let says = world.says(HubSpot, "contacts", &contact).await;
        match cut {
            Cut::Before => assert_eq!(says, "parked SYN-2015 *@salesforce"),
            Cut::After => expect!["in_step SYN-3001"].assert_eq(&says),
        }
    }
}

#[tokio::test]
async fn crash_after_an_update_was_carried_out_repeats_nothing() {
    let (mut world, account, company) = acme(Setting::default()).await;
    world.edit(HubSpot, "companies", &company, json!({"city": "Berlin"}));
    world.edit(Salesforce, "Account", &account, json!({"Description": "big"}));
    world.advance(3_600);
    power_cut(&mut world, Salesforce, "\"BillingCity\":\"Berlin\"", Cut::After).await;
    let rows = world.rows_written();
    world.sync().await;
    assert_eq!(world.rows_written(), rows + u64::from(rows == 2), "one row in all for each side");
    world.still().await;
    expect![[r#"
        salesforce
          Account Acme Website=https://acme.com Phone=+1 555 0100 BillingCity=Berlin Description=big
        hubspot
          companies Acme domain=acme.com website=https://acme.com phone=+1 555 0100 city=Berlin description=big
    "#]].assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "companies", &company).await, "in_step");
}

#[tokio::test]
async fn server_errors_before_the_commit_are_repeated_and_nothing_is_doubled() {
    let (mut world, contact) = newcomer(World::new().await).await;
    world.faults(Salesforce, json!([{"match": "write", "nth": 1, "times": 1, "do": "server_error"}]));
    let _ = world.sync_now().await;
    world.sync().await;
    world.still().await;
    expect![[r#"
        salesforce
          Account Acme Website=acme.com
          Lead Bo Ek Email=bo@else.org Company=[not provided]
        hubspot
          companies Acme domain=acme.com website=acme.com
          contacts Bo Ek email=bo@else.org
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "contacts", &contact).await, "in_step SYN-3001");
}

#[tokio::test]
async fn row_locks_are_waited_out() {
    let (mut world, account, company) = acme(Setting::default()).await;
    world.admin(Salesforce, json!({"do": "lock", "id": account, "times": 2}));
    world.edit(HubSpot, "companies", &company, json!({"city": "Berlin"}));
    world.writes(1).await;
    assert_eq!(world.field(Salesforce, "Account", &account, "BillingCity"), "Berlin");
    assert_eq!(world.says(HubSpot, "companies", &company).await, "in_step");
}

/// Something of everything that waits to be written: an account, its person and their deal; a newcomer; an edit.
async fn all_sorts() -> World {
    let mut world = World::new().await;
    let account = world.create(Salesforce, "Account", json!({"Name": "Acme", "Website": "acme.com"}));
    let other = world.create(Salesforce, "Account", json!({"Name": "Beta", "Website": "beta.io"}));
    let mover = json!({"LastName": "Orr", "Email": "orr@acme.com", "AccountId": account});
    let mover = world.create(Salesforce, "Contact", mover);
    world.first_contact().await;
    world.edit(Salesforce, "Contact", &mover, json!({"AccountId": other}));
    let person = json!({"LastName": "Lee", "Email": "lee@acme.com", "AccountId": account});
    let person = world.create(Salesforce, "Contact", person);
    let deal =
        json!({"Name": "Roof", "AccountId": account, "StageName": "Prospecting", "CloseDate": "2026-06-30"});
    let deal = world.create(Salesforce, "Opportunity", deal);
    let role = json!({"OpportunityId": deal, "ContactId": person});
    world.create(Salesforce, "OpportunityContactRole", role);
    let newcomer = json!({"email": "bo@else.org", "firstname": "Bo", "lastname": "Ek"});
    world.create(HubSpot, "contacts", newcomer);
    let company = world.find(HubSpot, "companies", "name", "Acme");
    world.edit(HubSpot, "companies", &company, json!({"city": "Berlin"}));
    world.advance(3_600);
    world
}

/// Cuts the power at each write of a run in turn; whatever is left is to be finished, once.
async fn cut_everywhere(cut: Cut) {
    let mut undisturbed = all_sorts().await;
    undisturbed.quiet().await;
    let (wanted, rows) = (undisturbed.picture(), undisturbed.rows_written());
    for before in 0.. {
        let mut world = all_sorts().await;
        world.wire.cut_after(before, cut);
        let wire = world.wire.clone();
        let died = tokio::select! {
            biased;
            outcome = world.sync_now() => { outcome.unwrap(); false }
            () = wire.died.notified() => true,
        };
        if !died {
            assert!(before >= 7, "{before} writes");
            return;
        }
        world.advance(600);
        world.restart().await;
        world.quiet().await;
        assert_eq!(world.picture(), wanted, "{cut:?} write {before}");
        assert_eq!(world.rows_written(), rows, "{cut:?} write {before}");
        assert_eq!(world.reviews().await.len(), 0, "{cut:?} write {before}");
    }
}

#[tokio::test]
async fn killed_before_any_write_it_finishes_once() {
    cut_everywhere(Cut::Before).await;
}

#[tokio::test]
async fn killed_after_any_write_it_finishes_once() {
    cut_everywhere(Cut::After).await;
}

#[tokio::test]
async fn a_relation_that_cannot_end_yet_is_not_followed_by_the_next_one() {
    let (mut world, account, _) = acme(Setting::default()).await;
    let other = world.create(Salesforce, "Account", json!({"Name": "Beta", "Website": "beta.io"}));
    let lee = json!({"LastName": "Lee", "Email": "lee@acme.com", "AccountId": account});
    let lee = world.create(Salesforce, "Contact", lee);
    world.quiet().await;
    world.edit(Salesforce, "Contact", &lee, json!({"AccountId": other}));
    let archive = "POST /crm/v4/associations/contacts/companies/batch/archive";
    for kind in ["server_error", "row_lock"] {
        world.faults(HubSpot, json!([{"match": archive, "every": 1, "do": kind}]));
        world.advance(3_600);
        let _ = world.sync_now().await;
        let held_on = "contacts Lee email=lee@acme.com -> Acme (primary)\n";
        assert!(world.picture().text().contains(held_on), "{kind}: {:?}", world.picture());
    }
    world.faults(HubSpot, json!([]));
    world.quiet().await;
    let moved = "contacts Lee email=lee@acme.com -> Beta (primary)\n";
    assert!(world.picture().text().contains(moved), "{:?}", world.picture());
}

#[tokio::test]
async fn a_relation_whose_end_is_refused_is_not_followed_by_the_next_one() {
    let (mut world, account, company) = acme(Setting::default()).await;
    let other = world.create(Salesforce, "Account", json!({"Name": "Beta", "Website": "beta.io"}));
    let lee = json!({"LastName": "Lee", "Email": "lee@acme.com", "AccountId": account});
    let lee = world.create(Salesforce, "Contact", lee);
    world.quiet().await;
    let labels = "/crm/v4/associations/contacts/companies/labels";
    let made = world.wire.foreign(HubSpot, "POST", labels, &json!({"name": "buyer", "label": "Buyer"}));
    let label = &made["results"][0]["typeId"];
    let contact = world.find(HubSpot, "contacts", "email", "lee@acme.com");
    let pair = format!("/crm/v4/objects/contacts/{contact}/associations/companies/{company}");
    let labelled = json!([{"associationCategory": "USER_DEFINED", "associationTypeId": label}]);
    world.wire.foreign(HubSpot, "PUT", &pair, &labelled);
    world.advance(86_400);
    world.quiet().await;
    // The name under which it was read is no label any more.
    world.wire.foreign(HubSpot, "PUT", labels, &json!({"associationTypeId": label, "label": "Payer"}));
    world.edit(Salesforce, "Contact", &lee, json!({"AccountId": other}));
    let refused = world.sync().await;
    assert_eq!((refused.tally.rejected, refused.tally.associated), (1, 0));
    let on = |name: &str| format!("contacts Lee email=lee@acme.com -> {name}\n");
    assert!(world.picture().text().contains(&on("Acme")), "{:?}", world.picture());
    world.advance(86_400);
    world.sync().await;
    world.quiet().await;
    assert!(world.picture().text().contains(&on("Beta (primary)")), "{:?}", world.picture());
}

#[tokio::test]
async fn an_edit_of_what_a_lost_answer_created_is_not_taken_for_the_answer() {
    let mut world = World::new().await;
    world.create(Salesforce, "Account", json!({"Name": "Acme", "Website": "acme.com"}));
    world.first_contact().await;
    let fields = json!({"Name": "Beta", "Website": "beta.io", "BillingCity": "Oslo"});
    let account = world.create(Salesforce, "Account", fields);
    world.advance(3_600);
    power_cut(&mut world, HubSpot, "/companies/batch/upsert", Cut::After).await;
    let company = world.find(HubSpot, "companies", "name", "Beta");
    world.edit(HubSpot, "companies", &company, json!({"city": "Bergen"}));
    world.quiet().await;
    assert_eq!(world.field(Salesforce, "Account", &account, "BillingCity"), "Bergen");
    assert_eq!(world.field(HubSpot, "companies", &company, "city"), "Bergen");
    assert_eq!(world.says(Salesforce, "Account", &account).await, "in_step");
}

#[tokio::test]
async fn killed_while_it_applies_a_plan_the_same_plan_goes_on() {
    let mut world = World::new().await;
    let account = world.create(Salesforce, "Account", json!({"Name": "Acme", "Website": "acme.com"}));
    let person = json!({"LastName": "Lee", "Email": "lee@acme.com", "AccountId": account});
    world.create(Salesforce, "Contact", person);
    world.advance(60);
    world.plan().await;
    world.wire.cut_at(HubSpot, "/contacts/batch/upsert", Cut::After);
    let wire = world.wire.clone();
    tokio::select! {
        biased;
        outcome = world.apply() => panic!("it went through: {outcome:?}"),
        () = wire.died.notified() => {}
    }
    world.advance(600);
    world.restart().await;
    let applied = world.apply().await.unwrap();
    assert_eq!(applied.tally.created, 0, "both are there");
    world.quiet().await;
    expect![[r#"
        salesforce
          Account Acme Website=acme.com
          Contact Lee Email=lee@acme.com AccountId=Acme
        hubspot
          companies Acme domain=acme.com website=acme.com
          contacts Lee email=lee@acme.com -> Acme (primary)
    "#]]
    .assert_eq(world.picture().text());
    let contact = world.find(HubSpot, "contacts", "email", "lee@acme.com");
    assert_eq!(world.says(HubSpot, "contacts", &contact).await, "in_step");
}

#[tokio::test]
async fn a_parked_create_goes_once_a_person_has_looked() {
    let (mut world, contact) = newcomer(World::keyless().await).await;
    power_cut(&mut world, Salesforce, "bo@else.org", Cut::Before).await;
    world.sync().await;
    let review = world.reviews().await[0].id;
    assert_eq!(world.says(HubSpot, "contacts", &contact).await, "parked SYN-2015 *@salesforce");
    world.reject(review).await;
    world.sync().await;
    world.still().await;
    expect![[r#"
        salesforce
          Account Acme Website=acme.com
          Lead Bo Ek Email=bo@else.org Company=[not provided]
        hubspot
          companies Acme domain=acme.com website=acme.com
          contacts Bo Ek email=bo@else.org
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(HubSpot, "contacts", &contact).await, "in_step SYN-3001");
    assert_eq!(world.reviews().await.len(), 0);
}

#[tokio::test]
async fn commit_then_timeout_of_a_keyless_hubspot_create_doubles_nothing() {
    let mut world = World::keyless().await;
    world.create(Salesforce, "Account", json!({"Name": "Acme", "Website": "acme.com"}));
    world.first_contact().await;
    let account = world.create(Salesforce, "Account", json!({"Name": "Beta", "Website": "beta.io"}));
    world.faults(HubSpot, json!([{"match": "write", "nth": 1, "times": 1, "do": "commit_then_timeout"}]));
    world.sync().await;
    world.sync().await;
    world.still().await;
    expect![[r#"
        salesforce
          Account Acme Website=acme.com
          Account Beta Website=beta.io
        hubspot
          companies Acme domain=acme.com website=acme.com
          companies Beta domain=beta.io website=beta.io
    "#]]
    .assert_eq(world.picture().text());
    assert_eq!(world.says(Salesforce, "Account", &account).await, "in_step");
    assert_eq!(world.reviews().await.len(), 0);
}

// A cycle of capture that was cut off goes on where it was; what it had passed by then is read again before anything is planned.

#[tokio::test]
async fn what_salesforce_showed_before_the_power_went_is_not_planned_from() {
    let mut world = World::new().await;
    world.knob(Salesforce, "page_size", json!(3));
    let account = |n| json!({"Name": format!("A{n}"), "Website": format!("a{n}.com")});
    let accounts: Vec<String> = (0..5).map(|n| world.create(Salesforce, "Account", account(n))).collect();
    world.first_contact().await;
    for account in &accounts {
        world.edit(Salesforce, "Account", account, json!({"BillingCity": "Bern"}));
    }
    world.advance(60);
    power_cut(&mut world, Salesforce, "AND+Id", Cut::Before).await;
    let person = json!({"LastName": "Ek", "Company": "Else", "Email": "bo@else.org"});
    let lead = world.create(Salesforce, "Lead", person);
    let person = json!({"email": "bo@else.org", "lastname": "Ek"});
    world.create(HubSpot, "contacts", person);
    world.sync().await;
    assert_eq!(world.find(Salesforce, "Lead", "Email", "bo@else.org"), lead);
    world.quiet().await;
}

#[tokio::test]
async fn what_hubspot_showed_before_the_power_went_is_not_planned_from() {
    let (mut world, _, company) = acme(Setting::default()).await;
    // A day later relations are swept, for which what was read so far is stored first.
    world.advance(86_400);
    world.edit(HubSpot, "companies", &company, json!({"description": "changed"}));
    world.advance(60);
    power_cut(&mut world, HubSpot, "/contacts/search", Cut::Before).await;
    let made = world.create(HubSpot, "companies", json!({"name": "Else", "domain": "else.org"}));
    world.create(Salesforce, "Account", json!({"Name": "Else", "Website": "else.org"}));
    world.sync().await;
    assert_eq!(world.find(HubSpot, "companies", "name", "Else"), made);
    world.quiet().await;
}

#[tokio::test]
async fn a_key_that_a_merge_took_along_writes_over_nobody() {
    let mut world = World::new().await;
    let ann =
        world.create(HubSpot, "contacts", json!({"email": "ann@acme.com", "lastname": "Lee", "phone": "1"}));
    world.first_contact().await;
    let lead = world.find(Salesforce, "Lead", "LastName", "Lee");
    let bo = json!({"LastName": "Ek", "Company": "Else", "Email": "bo@else.org", "Phone": "2"});
    let bo = world.create(Salesforce, "Lead", bo);
    world.advance(3_600);
    power_cut(&mut world, HubSpot, "/contacts/batch/upsert", Cut::After).await;
    let made = world.find(HubSpot, "contacts", "email", "bo@else.org");
    // Ann's contact has no key of ours: the survivor, which is Ann, takes over Bo's.
    let merge = json!({"do": "merge", "object": "contacts", "id": ann, "merge": made});
    let survivor = world.admin(HubSpot, merge)["id"].as_str().unwrap().to_owned();
    world.advance(600);
    world.quiet().await;
    let same = [format!("salesforce/Lead/{lead}"), format!("hubspot/contacts/{survivor}")];
    world.answer(1, &same.map(|it| it.parse().unwrap())).await;
    world.quiet().await;
    // Bo's lead, which the survivor was taken for, is one with it by the merge: a duplicate of Ann's, and not written.
    assert_eq!(world.reviews().await, []);
    world.edit(Salesforce, "Lead", &bo, json!({"Phone": "3"}));
    world.advance(2 * 86_400);
    world.writes(0).await;
    assert_eq!(world.field(HubSpot, "contacts", &survivor, "phone"), "1");
}
