//! What writing does, what it costs, and what is said of each row.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "tests and their helpers"
)]
#![cfg(all(feature = "adapter", feature = "sandbox"))]

mod adapter_support;

use adapter_support::{World, confirmed, create, edge, entity, refs, row, run, text, update};
use serde_json::json;
use syncline_kit::{
    sandbox::Limits,
    vendor::{Probe, RejectionClass, RowOutcome, Vendor as _, VendorError, Write},
};
use syncline_model::{Currency, Money, ObjectName, Observed, RecordState, Ref, Value};

/// An account with planted keys.
fn with_keys(limits: Limits) -> World {
    let world = World::new(limits);
    let objects: Vec<ObjectName> = ["companies", "contacts", "deals"].into_iter().map(Into::into).collect();
    let steps = run(world.hub.setup_plan(&objects)).unwrap();
    assert_eq!(steps.iter().filter(|step| step.done).count(), 0);
    let steps = run(world.hub.setup_apply(&steps)).unwrap();
    assert_eq!(steps.iter().filter(|step| step.done).count(), 3);
    world
}

fn named(name: &str) -> Vec<(&'static str, Option<Value>)> {
    vec![("name", Value::text(name))]
}

fn deal(number: u64, key: Option<&str>) -> syncline_kit::vendor::WriteRow {
    let amount = Money { amount: "10.50".parse().unwrap(), currency: Currency::USD };
    let fields = [
        ("dealname", Value::text(format!("Deal {number}"))),
        ("amount", Some(Value::Money(amount))),
        ("dealstage", Some(Value::option("qualifiedtobuy"))),
        ("pipeline", Some(Value::option("default"))),
    ];
    create(number, "deals", key, &fields)
}

#[test]
fn eight_thousand_eight_hundred_deals_are_eighty_eight_calls_and_no_limit_is_met() {
    let mut world = with_keys(Limits::Real);
    world.capture();
    let before = world.calls();
    let outcomes = world.write((0..8_800).map(|number| deal(number, Some("syncline_id"))).collect());
    assert_eq!(outcomes.iter().filter(|outcome| confirmed(outcome).1).count(), 8_800);
    assert_eq!(world.calls_to("deals/batch/upsert"), 88);
    assert_eq!(world.calls() - before, 89, "and the portal's currency, once");
    assert_eq!(world.violations(), json!([]));
    for outcome in outcomes {
        let RowOutcome::Confirmed { observation: Some(seen), .. } = outcome else { panic!() };
        world.stored.take(&[seen]);
    }
    world.pass(30);
    let before = world.calls();
    assert_eq!(world.capture(), [], "what was created here is known already");
    assert_eq!(world.calls() - before, 3);
}

#[test]
fn a_repeated_upsert_creates_nothing_twice() {
    let world = with_keys(Limits::Off);
    let rows: Vec<_> =
        (0..150).map(|number| create(number, "companies", Some("syncline_id"), &named("Acme"))).collect();
    let first = world.write(rows.clone());
    let second = world.write(rows);
    let ids = |outcomes: &[RowOutcome]| outcomes.iter().map(|one| confirmed(one).0).collect::<Vec<_>>();
    assert_eq!(ids(&first), ids(&second));
    assert!(second.iter().all(|one| !confirmed(one).1));
    let companies = world.dump("companies");
    assert_eq!(companies.len(), 150);
    let keys: Vec<&str> =
        companies.iter().map(|one| one["properties"]["syncline_id"].as_str().unwrap()).collect();
    assert!(keys.contains(&entity(149).to_string().as_str()));
}

#[test]
fn a_lost_answer_is_unknown_and_settled_by_the_planted_key() {
    let world = with_keys(Limits::Off);
    for kind in ["commit_then_timeout", "commit_then_reset", "truncated_body", "server_error", "html_error"] {
        let rows = vec![create(1, "companies", Some("syncline_id"), &named(kind))];
        world.fault("POST /crm/v3/objects/companies/batch/upsert", kind, 1);
        let outcomes = world.write(rows.clone());
        assert!(matches!(outcomes[..], [RowOutcome::Unknown { .. }]), "{kind}: {outcomes:?}");
        let probes = run(world.hub.probe(&rows)).unwrap();
        let was_done = !matches!(kind, "server_error" | "html_error");
        match &probes[..] {
            [Probe::Written(seen)] => {
                assert_eq!(seen.record.object.as_str(), "companies");
                assert_eq!(seen.version, None);
            }
            [Probe::NotWritten] => assert!(!was_done, "{kind}"),
            other => panic!("{kind}: {other:?}"),
        }
        if was_done {
            assert_eq!(world.dump("companies").len(), 1, "{kind}");
        }
    }
}

#[test]
fn a_lost_keyless_create_stays_undecided_but_a_contact_is_found_by_its_address() {
    let world = World::new(Limits::Off);
    world.fault("write", "commit_then_timeout", 2);
    let company = create(1, "companies", None, &named("Acme"));
    let contact = create(
        2,
        "contacts",
        None,
        &[("email", Value::text("Ada@Example.com")), ("firstname", Value::text("Ada"))],
    );
    let outcomes = world.write(vec![company.clone(), contact.clone()]);
    assert!(outcomes.iter().all(|one| matches!(one, RowOutcome::Unknown { .. })));
    let probes = run(world.hub.probe(&[contact, company])).unwrap();
    assert!(matches!(&probes[0], Probe::Written(_)), "{probes:?}");
    assert!(matches!(&probes[1], Probe::Undecided { .. }));
}

#[test]
fn one_bad_row_fails_alone_and_says_which_field() {
    let world = World::new(Limits::Off);
    let taken = world.make("contacts", json!({"email": "taken@example.com"}));
    let other = world.make("contacts", json!({"email": "other@example.com"}));
    world.knob("shuffle_batch_results", json!(true));
    let outcomes = world.write(vec![
        update(1, "contacts", &other, &[("firstname", Value::text("Olga"))]),
        update(2, "contacts", "999999", &[("firstname", Value::text("Nobody"))]),
        update(3, "contacts", &taken, &[("lifecyclestage", Some(Value::option("no such stage")))]),
    ]);
    assert_eq!(confirmed(&outcomes[0]), (other.clone(), false));
    let class = |outcome: &RowOutcome| match outcome {
        RowOutcome::Rejected(rejection) => rejection.class.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(class(&outcomes[1]), RejectionClass::Gone);
    assert_eq!(class(&outcomes[2]), RejectionClass::Fields(vec!["lifecyclestage".into()]));
    let outcomes =
        world.write(vec![update(4, "contacts", &other, &[("email", Value::text("taken@example.com"))])]);
    assert_eq!(
        class(&outcomes[0]),
        RejectionClass::Exists(vec![adapter_support::record("contacts", &taken)])
    );
}

#[test]
fn every_row_of_a_batch_gets_its_own_outcome_in_any_order() {
    let world = with_keys(Limits::Off);
    world.knob("shuffle_batch_results", json!(true));
    let rows: Vec<_> =
        (0..60).map(|number| create(number, "companies", Some("syncline_id"), &named("x"))).collect();
    let outcomes = world.write(rows);
    let companies = world.dump("companies");
    for (number, outcome) in (0..60).zip(&outcomes) {
        let id = confirmed(outcome).0;
        let company = companies.iter().find(|one| one["id"] == id.as_str()).unwrap();
        assert_eq!(company["properties"]["syncline_id"], entity(number).to_string().as_str());
    }
}

#[test]
fn too_many_is_waited_out_even_with_a_wrong_retry_after() {
    let world = World::new(Limits::Off);
    let id = world.make("companies", json!({"name": "Acme"}));
    for kind in ["rate_limited", "wrong_retry_after", "row_lock"] {
        let start = *world.clock.0.lock().unwrap();
        world.fault("write", kind, 2);
        let outcomes = world.write(vec![update(1, "companies", &id, &named(kind))]);
        confirmed(&outcomes[0]);
        let waited = world.clock.0.lock().unwrap().duration_since(start);
        assert!(waited >= jiff::SignedDuration::from_secs(2), "{kind}: {waited:?}");
    }
    world.fault("write", "rate_limited", 100);
    let call = world.pack_one(vec![update(1, "companies", &id, &named("never"))]);
    assert!(matches!(run(world.hub.write(&call)), Err(VendorError::Limit { .. })));
}

#[test]
fn values_are_written_as_hubspot_spells_them_and_nothing_clears() {
    let world = World::new(Limits::Off);
    let id =
        world.make("deals", json!({"dealname": "One", "dealstage": "qualifiedtobuy", "description": "old"}));
    let amount = Money { amount: "1234.50".parse().unwrap(), currency: Currency::USD };
    let outcomes = world.write(vec![update(
        1,
        "deals",
        &id,
        &[
            ("amount", Some(Value::Money(amount))),
            ("closedate", Some(Value::Instant("2026-03-31T10:00:00Z".parse().unwrap()))),
            ("description", None),
        ],
    )]);
    let RowOutcome::Confirmed { observation: Some(seen), .. } = &outcomes[0] else { panic!("{outcomes:?}") };
    let field = |name: &str| seen.fields.iter().find(|(field, _)| field.as_str() == name).unwrap().1.clone();
    assert_eq!(field("amount"), Observed::Value(Value::Money(amount)));
    assert_eq!(field("description"), Observed::Empty);
    let stored = &world.dump("deals")[0]["properties"];
    assert_eq!((&stored["amount"], &stored["closedate"]), (&json!("1234.5"), &json!("2026-03-31T10:00:00Z")));
}

#[test]
fn a_foreign_amount_says_its_currency() {
    let world = World::new(Limits::Off);
    world.admin(json!({"do": "currencies", "active": {"EUR": "1.1"}}));
    let amount = Money { amount: 7.into(), currency: Currency::new("EUR").unwrap() };
    let mut row = deal(1, None);
    if let Write::Create { fields, .. } = &mut row.write {
        fields[1].1 = Some(Value::Money(amount));
    }
    let outcomes = world.write(vec![row]);
    confirmed(&outcomes[0]);
    assert_eq!(world.dump("deals")[0]["properties"]["deal_currency_code"], "EUR");
}

fn dollars(amount: i64) -> Option<Value> {
    Some(Value::Money(Money { amount: amount.into(), currency: Currency::USD }))
}

/// An account that counts in dollars and knows euros, and a deal in euros with these properties besides.
fn euro_deal(world: &World, more: serde_json::Value) -> String {
    world.admin(json!({"do": "currencies", "home": "USD", "active": {"EUR": "1.1"}}));
    let budget = json!({"name": "budget", "label": "Budget", "type": "number", "fieldType": "number",
        "groupName": "dealinformation", "showCurrencySymbol": true});
    world.api("POST", "/crm/v3/properties/deals", &budget);
    let mut properties =
        json!({"dealname": "One", "dealstage": "qualifiedtobuy", "deal_currency_code": "EUR"});
    properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.make("deals", properties)
}

#[test]
fn an_amount_is_refused_where_somebody_put_the_deal_into_another_currency() {
    let world = World::new(Limits::Off);
    let deal = euro_deal(&world, json!({}));
    let outcomes = world.write(vec![update(1, "deals", &deal, &[("amount", dollars(100))])]);
    let RowOutcome::Rejected(refused) = &outcomes[0] else { panic!("{outcomes:?}") };
    assert_eq!(refused.class, RejectionClass::Fields(vec!["amount".into()]));
    let stored = &world.dump("deals")[0]["properties"];
    assert_eq!((&stored["amount"], &stored["deal_currency_code"]), (&json!(null), &json!("EUR")));
    // One that nobody put anywhere is told.
    let plain = world.make("deals", json!({"dealname": "Two", "dealstage": "qualifiedtobuy"}));
    let outcomes = world.write(vec![update(1, "deals", &plain, &[("amount", dollars(100))])]);
    let RowOutcome::Confirmed { observation: Some(seen), .. } = &outcomes[0] else { panic!("{outcomes:?}") };
    assert_eq!(seen.fields[0].1, Observed::Value(dollars(100).unwrap()));
    let deals = world.dump("deals");
    let stored = &deals.iter().find(|one| one["id"] == *plain).unwrap()["properties"];
    assert_eq!((&stored["amount"], &stored["deal_currency_code"]), (&json!("100"), &json!("USD")));
}

#[test]
fn an_amount_that_would_put_another_one_into_its_currency_is_refused_alone() {
    let world = World::new(Limits::Off);
    let deal = euro_deal(&world, json!({"budget": "5"}));
    let plain = world.make("deals", json!({"dealname": "Two", "dealstage": "qualifiedtobuy", "budget": "6"}));
    let rows = [&deal, &plain].into_iter().zip(1..).map(|(id, number)| {
        let name = Value::text("Other");
        update(number, "deals", id, &[("dealname", name), ("amount", dollars(100))])
    });
    let outcomes = world.write(rows.collect());
    let RowOutcome::Rejected(refused) = &outcomes[0] else { panic!("{outcomes:?}") };
    assert_eq!(refused.class, RejectionClass::Fields(vec!["amount".into()]));
    confirmed(&outcomes[1]);
    let deals = world.dump("deals");
    let stored = &deals.iter().find(|one| one["id"] == *deal).unwrap()["properties"];
    assert_eq!((&stored["amount"], &stored["deal_currency_code"]), (&json!(null), &json!("EUR")));
    assert_eq!(stored["dealname"], "One", "the row is refused as it is");
}

#[test]
fn an_amount_whose_currency_may_not_be_said_is_refused_where_the_deal_has_another() {
    let world = World::new(Limits::Off);
    let deal = euro_deal(&world, json!({}));
    world.admin(json!({"do": "readonly_property", "object": "deals", "property": "deal_currency_code"}));
    let outcomes = world.write(vec![update(1, "deals", &deal, &[("amount", dollars(100))])]);
    assert!(matches!(&outcomes[0], RowOutcome::Rejected(_)), "{outcomes:?}");
    assert_eq!(world.dump("deals")[0]["properties"]["amount"], json!(null));
}

#[test]
fn an_account_of_one_currency_is_asked_nothing_before_an_amount_is_written() {
    let world = World::new(Limits::Off);
    let deal = world.make("deals", json!({"dealname": "One", "dealstage": "qualifiedtobuy"}));
    confirmed(&world.write(vec![update(1, "deals", &deal, &[("amount", dollars(100))])])[0]);
    assert_eq!(world.calls_to("deals/batch/read"), 0);
}

#[test]
fn associations_are_written_from_the_child_read_back_and_taken_away() {
    let mut world = World::new(Limits::Off);
    let (first, second) =
        (world.make("companies", json!({"name": "A"})), world.make("companies", json!({"name": "B"})));
    let deal = world.make("deals", json!({"dealname": "One", "dealstage": "qualifiedtobuy"}));
    let contact = world.make("contacts", json!({"email": "ada@example.com"}));
    let child = ("deals", &*deal);
    let rows = vec![
        row(1, Write::Associate(edge("@deal_to_company", child, ("companies", &first), None, true))),
        row(2, Write::Associate(edge("@deal_to_company", child, ("companies", &second), None, false))),
        row(3, Write::Associate(edge("@deal_to_contact", child, ("contacts", &contact), None, false))),
        row(
            4,
            Write::Associate(edge(
                "@company_to_parent",
                ("companies", &second),
                ("companies", &first),
                None,
                false,
            )),
        ),
    ];
    let outcomes = world.write(rows.clone());
    assert!(outcomes.iter().all(|one| matches!(one, RowOutcome::Confirmed { .. })), "{outcomes:?}");
    assert!(run(world.hub.probe(&rows)).unwrap().iter().all(|one| matches!(one, Probe::Written(_))));
    world.pass(10);
    world.capture();
    let companies = [Ref::to("companies", &*first).primary(), Ref::to("companies", &*second)];
    assert_eq!(world.field("deals", &deal, "@deal_to_company"), refs(&companies));
    assert_eq!(
        world.field("companies", &second, "@company_to_parent"),
        refs(&[Ref::to("companies", &*first)])
    );
    assert_eq!(world.field("companies", &first, "@company_to_parent"), Observed::Empty);

    let moved = world.write(vec![row(
        5,
        Write::Associate(edge("@deal_to_company", child, ("companies", &second), None, true)),
    )]);
    confirmed(&moved[0]);
    let away = vec![
        row(6, Write::Dissociate(edge("@deal_to_company", child, ("companies", &first), None, false))),
        row(
            7,
            Write::Dissociate(edge(
                "@company_to_parent",
                ("companies", &second),
                ("companies", &first),
                None,
                false,
            )),
        ),
    ];
    let gone = world.write(away.clone());
    assert!(gone.iter().all(|one| matches!(one, RowOutcome::Confirmed { .. })), "{gone:?}");
    assert!(run(world.hub.probe(&away)).unwrap().iter().all(|one| matches!(one, Probe::Written(_))));
    let seen = run(world.hub.read(&world.want, &[adapter_support::record("deals", &deal)])).unwrap();
    let edge = seen[0].fields.iter().find(|(name, _)| name.as_str() == "@deal_to_company").unwrap();
    assert_eq!(edge.1, refs(&[Ref::to("companies", &*second).primary()]));
}

#[test]
fn a_bad_pair_of_many_is_refused_alone() {
    let world = World::new(Limits::Off);
    let company = world.make("companies", json!({"name": "A"}));
    let contact = world.make("contacts", json!({"email": "ada@example.com"}));
    let rows = [(&*contact, &*company), (&*contact, "424242"), ("434343", &*company)];
    let rows = rows.into_iter().zip(1..).map(|((from, to), number)| {
        row(
            number,
            Write::Associate(edge("@contact_to_company", ("contacts", from), ("companies", to), None, true)),
        )
    });
    let outcomes = world.write(rows.collect());
    confirmed(&outcomes[0]);
    for outcome in &outcomes[1..] {
        assert!(
            matches!(outcome, RowOutcome::Rejected(one) if one.class == RejectionClass::Gone),
            "{outcome:?}"
        );
    }
}

#[test]
fn a_relation_that_went_to_the_survivor_of_a_merge_is_told_under_its_id() {
    let world = World::new(Limits::Off);
    let [company, part, whole] = ["A", "B", "C"].map(|name| world.make("companies", json!({"name": name})));
    let [one, other, third] = ["one", "other", "third"]
        .map(|name| world.make("contacts", json!({"email": format!("{name}@example.com")})));
    let survivor_of = |object: &str, id: &str, merge: &str| {
        let merged = world.admin(json!({"do": "merge", "object": object, "id": id, "merge": merge}));
        merged["id"].as_str().unwrap().to_owned()
    };
    let survivor = survivor_of("contacts", &one, &other);
    survivor_of("companies", &whole, &part);
    let rows = [(&other, &company), (&third, &company), (&third, &part)];
    let rows = rows.into_iter().zip(1..).map(|((from, to), number)| {
        let write = edge("@contact_to_company", ("contacts", from), ("companies", to), None, false);
        row(number, Write::Associate(write))
    });
    let outcomes = world.write(rows.collect());
    let told: Vec<String> = outcomes.iter().map(|outcome| confirmed(outcome).0).collect();
    assert_eq!(told, [&*survivor, &*third, &*third]);
}

#[test]
fn an_unknown_label_is_refused_before_anything_is_sent() {
    let world = World::new(Limits::Off);
    let company = world.make("companies", json!({"name": "A"}));
    let contact = world.make("contacts", json!({"email": "ada@example.com"}));
    let write =
        edge("@contact_to_company", ("contacts", &contact), ("companies", &company), Some("Tenant"), false);
    let outcomes = world.write(vec![row(1, Write::Associate(write))]);
    let RowOutcome::Rejected(refused) = &outcomes[0] else { panic!("{outcomes:?}") };
    assert_eq!(refused.class, RejectionClass::Fields(vec!["@contact_to_company".into()]));
    assert_eq!(world.calls_to("contacts/companies/batch/create"), 0);
}

#[test]
fn archiving_is_confirmed_and_can_be_proved() {
    let world = World::new(Limits::Off);
    let ids = world.make_many("companies", 120, "Old");
    let rows: Vec<_> = ids
        .iter()
        .zip(1..)
        .map(|(id, number)| row(number, Write::Archive { record: adapter_support::record("companies", id) }))
        .collect();
    assert!(matches!(run(world.hub.probe(&rows[..1])).unwrap()[..], [Probe::NotWritten]));
    let outcomes = world.write(rows.clone());
    assert_eq!(outcomes.len(), 120);
    assert_eq!(world.calls_to("companies/batch/archive"), 2);
    for probe in run(world.hub.probe(&rows)).unwrap() {
        assert!(matches!(probe, Probe::Written(seen) if seen.state == RecordState::Deleted));
    }
}

#[test]
fn an_update_is_proved_by_its_values() {
    let world = World::new(Limits::Off);
    let id = world.make("companies", json!({"name": "Before"}));
    let rows = [update(1, "companies", &id, &named("After"))];
    assert!(matches!(run(world.hub.probe(&rows)).unwrap()[..], [Probe::NotWritten]));
    confirmed(&world.write(rows.to_vec())[0]);
    let probes = run(world.hub.probe(&rows)).unwrap();
    let [Probe::Written(seen)] = &probes[..] else { panic!("{probes:?}") };
    assert_eq!(seen.fields, [("name".into(), text("After"))]);
    // What somebody has changed since is not there any more; what is there is told.
    let two = [("name", Value::text("Other")), ("city", Value::text("Oslo"))];
    let rows = [update(2, "companies", &id, &two)];
    confirmed(&world.write(rows.to_vec())[0]);
    world.admin(json!({"do": "edit", "object": "companies", "id": id, "properties": {"name": "Theirs"}}));
    let probes = run(world.hub.probe(&rows)).unwrap();
    let [Probe::Partly(seen)] = &probes[..] else { panic!("{probes:?}") };
    assert_eq!(seen.fields, [("city".into(), text("Oslo"))]);
    assert_eq!((&seen.version, seen.modified), (&None, None));
}

#[test]
fn missing_scopes_are_a_permission_and_refused_credentials_an_error() {
    let world = World::new(Limits::Off);
    let id = world.make("companies", json!({"name": "A"}));
    run(world.hub.describe(&["companies".into()])).unwrap();
    world.admin(
        json!({"do": "set_scopes", "scopes": ["crm.objects.companies.read", "crm.schemas.companies.read"]}),
    );
    let outcomes = world
        .write(vec![update(1, "companies", &id, &named("B")), update(2, "companies", "77", &named("C"))]);
    assert!(
        outcomes
            .iter()
            .all(|one| matches!(one, RowOutcome::Rejected(one) if one.class == RejectionClass::Permission))
    );

    let world = World::with(Limits::Off, |mut credentials| {
        credentials["access_token"] = json!("pat-na1-wrong");
        credentials["refresh_token"] = json!(null);
        credentials
    });
    assert!(matches!(run(world.hub.account()), Err(VendorError::Credentials(_))));
}

#[test]
fn a_key_property_that_is_not_unique_is_left_to_a_person() {
    let world = World::new(Limits::Off);
    let body = json!({"name": "syncline_id", "label": "x", "type": "string", "fieldType": "text",
        "groupName": "companyinformation"});
    world.api("POST", "/crm/v3/properties/companies", &body);
    let steps = run(world.hub.setup_plan(&["companies".into()])).unwrap();
    assert!(!steps[0].done);
    assert!(steps[0].by_hand[0].1.contains("cannot be made unique afterwards"));
    assert_eq!(run(world.hub.setup_apply(&steps)).unwrap(), steps);
}

#[test]
fn roles_are_labels_of_the_account_and_taking_one_away_leaves_the_others() {
    let world = World::new(Limits::Off);
    for label in ["Decision maker", "Buyer"] {
        let body = json!({"name": label.to_lowercase().replace(' ', "_"), "label": label});
        world.api("POST", "/crm/v4/associations/deals/contacts/labels", &body);
    }
    let deal = world.make("deals", json!({"dealname": "One", "dealstage": "qualifiedtobuy"}));
    let contact = world.make("contacts", json!({"email": "ada@example.com"}));
    let role = |role: &'static str| {
        edge("@deal_to_contact", ("deals", &deal), ("contacts", &contact), Some(role), false)
    };
    let outcomes = world.write(vec![
        row(1, Write::Associate(role("Buyer"))),
        row(2, Write::Associate(role("Decision maker"))),
    ]);
    assert!(outcomes.iter().all(|one| matches!(one, RowOutcome::Confirmed { .. })), "{outcomes:?}");
    let seen = || {
        let seen = run(world.hub.read(&world.want, &[adapter_support::record("deals", &deal)])).unwrap();
        seen[0].fields.iter().find(|(name, _)| name.as_str() == "@deal_to_contact").unwrap().1.clone()
    };
    let with = |role: &str| Ref { role: Some(role.into()), ..Ref::to("contacts", &*contact) };
    assert_eq!(seen(), refs(&[with("Buyer"), with("Decision maker")]));
    confirmed(&world.write(vec![row(3, Write::Dissociate(role("Buyer")))])[0]);
    assert_eq!(seen(), refs(&[with("Decision maker")]));
    confirmed(&world.write(vec![row(4, Write::Dissociate(role("Decision maker")))])[0]);
    assert_eq!(seen(), Observed::Empty);
}

/// A deal and a contact that are joined by these labels of the account.
fn labelled(world: &World, labels: &[&'static str]) -> (String, String) {
    for label in labels {
        let body = json!({"name": label.to_lowercase(), "label": label});
        world.api("POST", "/crm/v4/associations/deals/contacts/labels", &body);
    }
    let deal = world.make("deals", json!({"dealname": "One", "dealstage": "qualifiedtobuy"}));
    let contact = world.make("contacts", json!({"email": "ada@example.com"}));
    let rows = labels.iter().zip(1..).map(|(label, number)| {
        let ends = (("deals", &*deal), ("contacts", &*contact));
        row(number, Write::Associate(edge("@deal_to_contact", ends.0, ends.1, Some(label), false)))
    });
    let outcomes = world.write(rows.collect());
    assert!(outcomes.iter().all(|one| matches!(one, RowOutcome::Confirmed { .. })), "{outcomes:?}");
    (deal, contact)
}

fn contacts_of(world: &World, deal: &str) -> Observed {
    let seen = run(world.hub.read(&world.want, &[adapter_support::record("deals", deal)])).unwrap();
    seen[0].fields.iter().find(|(name, _)| name.as_str() == "@deal_to_contact").unwrap().1.clone()
}

#[test]
fn labels_of_one_pair_taken_away_in_one_call_take_the_pair_along_unless_one_stays() {
    for stays in [None, Some("Sponsor")] {
        let world = World::new(Limits::Off);
        let labels: Vec<&'static str> = ["Buyer", "Judge"].into_iter().chain(stays).collect();
        let (deal, contact) = labelled(&world, &labels);
        let rows = ["Buyer", "judge"].into_iter().zip(11..).map(|(label, number)| {
            let ends = (("deals", &*deal), ("contacts", &*contact));
            row(number, Write::Dissociate(edge("@deal_to_contact", ends.0, ends.1, Some(label), false)))
        });
        let outcomes = run(world.hub.write(&world.pack_one(rows.collect()))).unwrap();
        assert!(outcomes.iter().all(|one| matches!(one, RowOutcome::Confirmed { .. })), "{outcomes:?}");
        let left = match stays {
            Some(role) => refs(&[Ref { role: Some(role.into()), ..Ref::to("contacts", &*contact) }]),
            None => Observed::Empty,
        };
        assert_eq!(contacts_of(&world, &deal), left);
    }
}

#[test]
fn a_label_that_was_made_since_is_written_and_one_that_is_gone_is_refused_not_confirmed() {
    let world = World::new(Limits::Off);
    let (deal, contact) = labelled(&world, &["Buyer", "Judge"]);
    let role = |role| edge("@deal_to_contact", ("deals", &deal), ("contacts", &contact), Some(role), false);
    let body = json!({"name": "sponsor", "label": "Sponsor"});
    world.api("POST", "/crm/v4/associations/deals/contacts/labels", &body);
    confirmed(&world.write(vec![row(11, Write::Associate(role("Sponsor")))])[0]);
    let reads = world.calls_to("deals/contacts/labels");
    let gone = |number| row(number, Write::Dissociate(role("Tenant")));
    for outcome in world.write(vec![gone(12), gone(13)]) {
        let RowOutcome::Rejected(refused) = &outcome else { panic!("{outcome:?}") };
        assert_eq!(refused.class, RejectionClass::Fields(vec!["@deal_to_contact".into()]));
    }
    assert_eq!(world.calls_to("deals/contacts/labels") - reads, 1, "they are read anew once a call");
    let with = |role: &str| Ref { role: Some(role.into()), ..Ref::to("contacts", &*contact) };
    assert_eq!(contacts_of(&world, &deal), refs(&[with("Buyer"), with("Judge"), with("Sponsor")]));
}

#[test]
fn the_schema_tells_types_options_and_what_may_be_written() {
    let world = World::new(Limits::Off);
    let schemas = run(world.hub.describe(&["deals".into(), "butterflies".into(), "owners".into()])).unwrap();
    assert_eq!(schemas.iter().map(|one| one.object.as_str()).collect::<Vec<_>>(), ["deals", "owners"]);
    let field = |name: &str| &schemas[0].fields[name];
    let won = field("dealstage").options.iter().find(|option| &*option.value == "closedwon").unwrap();
    assert_eq!(won.within.as_deref(), Some("default"));
    assert!(!field("hs_is_closed").updateable && field("amount").updateable);
    assert_eq!(field("amount").field_type, syncline_model::FieldType::Money);
    assert_eq!(field("hubspot_owner_id").field_type, syncline_model::FieldType::Reference);
}
