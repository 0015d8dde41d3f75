//! Batches: how many calls they are, what each row came to, and limits that are waited out.

use crate::{
    adapter_support::{World, confirmed, create, entity, record, run, update},
    deal, named, with_keys,
};
use serde_json::json;
use syncline_kit::{
    sandbox::Limits,
    vendor::{RejectionClass, RowOutcome, Vendor as _, VendorError},
};
use syncline_model::Value;

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
    assert_eq!(class(&outcomes[0]), RejectionClass::Exists(vec![record("contacts", &taken)]));
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
