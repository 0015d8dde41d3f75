//! A plan before the write: what may be applied, and what asks first (HUB-1, HUB-7).

use crate::scenario::{HubSpot, Salesforce, Setting, World, acme};
use expect_test::expect;
use serde_json::{Value, json};
use syncline_engine::{Error, cycle::Needs};

#[tokio::test]
async fn planning_writes_nothing_and_costs_what_it_says() {
    let mut world = World::new().await;
    let account = world.create(Salesforce, "Account", json!({"Name": "Acme", "Website": "acme.com"}));
    world.create(
        Salesforce,
        "Contact",
        json!({"LastName": "Lee", "Email": "lee@acme.com", "AccountId": account}),
    );
    let before = world.picture();
    world.advance(60);
    let summary = world.plan().await;
    assert_eq!((world.picture(), world.rows_written()), (before, 0));
    world.wire.requests(HubSpot);
    let applied = world.apply().await.unwrap();
    assert_eq!(applied.tally.writes(), summary.operation_count);
    let requests = world.wire.requests(HubSpot);
    let writes = requests.iter().filter(|it| it.contains("/batch/") && !it.contains("/read")).count() as u64;
    assert_eq!(
        Some(&writes),
        summary.cost.get(&syncline_model::ConnectionName::from("hubspot")),
        "{requests:#?}"
    );
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
}

#[tokio::test]
async fn first_contact_unconfirmed_writes_nothing() {
    let mut world = World::new().await;
    world.create(Salesforce, "Account", json!({"Name": "Acme", "Website": "acme.com"}));
    let before = world.picture();
    let outcome = world.sync().await;
    assert!(
        matches!(&outcome.needs, Some(Needs::Confirmation(what)) if !what.is_empty()),
        "{:?}",
        outcome.needs
    );
    assert_eq!((outcome.tally.writes(), world.rows_written(), world.picture()), (0, 0, before));
    // A confirmed plan opens the way.
    world.first_contact().await;
    expect![[r#"
        salesforce
          Account Acme Website=acme.com
        hubspot
          companies Acme domain=acme.com website=acme.com
    "#]]
    .assert_eq(world.picture().text());
}

#[tokio::test]
async fn edited_plan_file_is_refused() {
    let mut world = World::new().await;
    world.create(Salesforce, "Account", json!({"Name": "Acme", "Website": "acme.com"}));
    world.advance(60);
    world.plan().await;
    let text = std::fs::read_to_string(world.plan_path()).unwrap();
    for edited in [
        text.replace("Acme", "Evil"),
        text.lines().next().unwrap().to_owned(),
        text.replace("hubspot", "hubspat"),
    ] {
        assert_ne!(edited, text);
        std::fs::write(world.plan_path(), edited).unwrap();
        let error = world.apply().await.err().unwrap();
        assert!(matches!(error, Error::Plan { .. }), "{error}");
    }
    assert_eq!(world.rows_written(), 0);
    // Untouched but a day old.
    std::fs::write(world.plan_path(), &text).unwrap();
    world.advance(25 * 3_600);
    assert!(matches!(world.apply().await, Err(Error::Plan { .. })));
    assert_eq!(world.rows_written(), 0);
}

#[tokio::test]
async fn a_moved_record_is_held_and_offered_in_the_next_plan() {
    let mut world = World::new().await;
    let mut accounts = Vec::new();
    for name in ["Acme", "Beta"] {
        accounts.push(world.create(
            Salesforce,
            "Account",
            json!({"Name": name, "Website": format!("{name}.com")}),
        ));
    }
    world.first_contact().await;
    for account in &accounts {
        world.edit(Salesforce, "Account", account, json!({"Phone": "1"}));
    }
    world.advance(60);
    world.plan().await;
    // One record moves in the field that is planned, the other in an unrelated one.
    world.edit(Salesforce, "Account", &accounts[0], json!({"Phone": "2"}));
    world.edit(Salesforce, "Account", &accounts[1], json!({"BillingCity": "Berlin"}));
    world.advance(60);
    let applied = world.apply().await.unwrap();
    assert_eq!((applied.moved, applied.tally.updated), (1, 1));
    let (next, summary) = applied.next.unwrap();
    assert!(next.ends_with("plan.next"));
    // The phone of the moved one, and the city that nobody had planned yet.
    assert_eq!(summary.operation_count, 2);
    let phones = ["Acme", "Beta"].map(|name| {
        let company = world.find(HubSpot, "companies", "name", name);
        world.field(HubSpot, "companies", &company, "phone")
    });
    assert_eq!(phones, [Value::Null, json!("1")]);
    std::fs::rename(next, world.plan_path()).unwrap();
    let applied = world.apply().await.unwrap();
    assert_eq!((applied.moved, applied.tally.updated), (0, 2));
    world.still().await;
    expect![[r#"
        salesforce
          Account Acme Website=Acme.com Phone=2
          Account Beta Website=Beta.com Phone=1 BillingCity=Berlin
        hubspot
          companies Acme domain=acme.com website=Acme.com phone=2
          companies Beta domain=beta.com website=Beta.com phone=1 city=Berlin
    "#]]
    .assert_eq(world.picture().text());
}

#[tokio::test]
async fn who_gains_a_match_or_a_question_after_the_plan_is_not_made() {
    let mut world = World::new().await;
    let lead =
        world.create(Salesforce, "Lead", json!({"LastName": "Lie", "Company": "Beta", "Email": "b@b.de"}));
    world.first_contact().await;
    for email in ["ada@acme.com", "bo@acme.com", "cy@acme.com"] {
        world.create(HubSpot, "contacts", json!({"lastname": email, "email": email}));
    }
    world.advance(3_600);
    assert_eq!(world.plan().await.operation_count, 3);
    // Ada comes in twice, and the lead that is known already turns out to be Bo.
    for company in ["one", "two"] {
        world.create(
            Salesforce,
            "Lead",
            json!({"LastName": "L", "Company": company, "Email": "ada@acme.com"}),
        );
    }
    world.edit(Salesforce, "Lead", &lead, json!({"Email": "bo@acme.com"}));
    world.advance(60);
    let applied = world.apply().await.unwrap();
    assert_eq!((applied.moved, applied.tally.created), (2, 1));
    assert_eq!(world.count(Salesforce, "Lead"), 4, "the one of the beginning, the two, and Cy");
    assert_eq!(world.reviews().await.len(), 2);
}

#[tokio::test]
async fn what_belongs_to_something_that_is_not_made_waits_for_it() {
    let mut world = World::new().await;
    world.create(Salesforce, "Account", json!({"Name": "Beta", "Website": "beta.com"}));
    world.first_contact().await;
    let account = world.create(Salesforce, "Account", json!({"Name": "Acme", "Website": "acme.com"}));
    let roof =
        json!({"Name": "Roof", "AccountId": account, "StageName": "Prospecting", "CloseDate": "2026-06-30"});
    world.create(Salesforce, "Opportunity", roof);
    world.advance(3_600);
    assert_eq!(world.plan().await.operation_count, 3, "a company, a deal, and the deal under the company");
    // Which of the two Acme is, a person has to say.
    for name in ["Acme", "Acme again"] {
        world.create(HubSpot, "companies", json!({"name": name, "domain": "acme.com"}));
    }
    world.advance(60);
    let applied = world.apply().await.unwrap();
    assert_eq!((applied.moved, applied.tally.created), (3, 0));
    assert_eq!(world.count(HubSpot, "deals"), 0);
}

#[tokio::test]
async fn a_field_that_a_person_changes_after_the_plan_is_not_written_over() {
    let (mut world, account, company) = acme(Setting::default()).await;
    world.edit(Salesforce, "Account", &account, json!({"Phone": "1"}));
    world.advance(60);
    world.plan().await;
    world.edit(HubSpot, "companies", &company, json!({"phone": "2"}));
    world.advance(60);
    let applied = world.apply().await.unwrap();
    assert_eq!((applied.moved, applied.tally.writes()), (1, 0));
    assert_eq!(world.field(HubSpot, "companies", &company, "phone"), "2");
    world.quiet().await;
    expect![[r#"
        salesforce
          Account Acme Website=https://acme.com Phone=1
        hubspot
          companies Acme domain=acme.com website=https://acme.com phone=1
    "#]]
    .assert_eq(world.picture().text());
}

#[tokio::test]
async fn first_contact_lists_what_the_tie_decides_and_fills_blanks() {
    let mut world = World::new().await;
    let fields = json!({"Name": "Acme", "Website": "acme.com", "Phone": "1", "BillingCity": "Berlin"});
    let account = world.create(Salesforce, "Account", fields);
    let fields = json!({"name": "Acme", "domain": "acme.com", "phone": "2", "description": "big"});
    let company = world.create(HubSpot, "companies", fields);
    world.advance(60);
    let summary = world.plan().await;
    assert_eq!(summary.ties, [("organisation.phone".to_owned(), 1)].into());
    assert_eq!((summary.operation_count, summary.held_count), (2, 0));
    assert_eq!(world.apply().await.unwrap().tally.updated, 2);
    world.quiet().await;
    expect![[r#"
        salesforce
          Account Acme Website=acme.com Phone=1 BillingCity=Berlin Description=big
        hubspot
          companies Acme domain=acme.com website=acme.com phone=1 city=Berlin description=big
    "#]]
    .assert_eq(world.picture().text());
    let links = world.links(HubSpot, "companies", &company).await;
    assert_eq!(links[&format!("salesforce/Account/{account}")], "active");
    assert_eq!(world.says(HubSpot, "companies", &company).await, "in_step");
}

#[tokio::test]
async fn a_plan_that_is_applied_again_takes_nobody_back_to_the_company_that_it_gave() {
    let mut world = World::new().await;
    let account = |name: &str| json!({"Name": name, "Website": format!("{name}.com")});
    let acme = world.create(Salesforce, "Account", account("Acme"));
    world.create(Salesforce, "Account", account("Beta"));
    world.first_contact().await;
    let lee = json!({"LastName": "Lee", "Email": "lee@acme.com", "AccountId": acme});
    let lee = world.create(Salesforce, "Contact", lee);
    world.advance(60);
    world.plan().await;
    assert_eq!(world.apply().await.unwrap().tally.writes(), 2);
    // Somebody moves the contact that the plan has made.
    let contact = world.find(HubSpot, "contacts", "email", "lee@acme.com");
    let [acme, beta] = ["Acme", "Beta"].map(|name| world.find(HubSpot, "companies", "name", name));
    let from = format!("contacts/{contact}");
    world.admin(HubSpot, json!({"do": "dissociate", "from": from, "to": format!("companies/{acme}")}));
    world.associate(&from, &format!("companies/{beta}"));
    world.advance(60);
    let again = world.apply().await.unwrap();
    assert_eq!((again.tally.writes(), again.moved), (0, 2));
    // A relation moves no stamp at HubSpot: it is seen in the nightly sweep.
    world.advance(86_400);
    world.quiet().await;
    assert!(world.picture().text().contains("contacts Lee email=lee@acme.com -> Beta (primary)"));
    let account = world.find(Salesforce, "Account", "Name", "Beta");
    assert_eq!(world.field(Salesforce, "Contact", &lee, "AccountId"), account.as_str());
}
