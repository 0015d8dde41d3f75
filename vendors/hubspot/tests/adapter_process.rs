//! What a process that starts anew costs, and what it goes on with.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "tests and their helpers"
)]
#![cfg(all(feature = "adapter", feature = "sandbox"))]

mod adapter_support;

use adapter_support::{World, create, run, text, update};
use serde_json::json;
use syncline_kit::{
    sandbox::Limits,
    vendor::{RowOutcome, Vendor as _, VendorError},
};
use syncline_model::{Currency, Money, ObjectSchema, Observed, RecordRef, Value};

/// A small account, loaded, at rest; and its schemas as the engine keeps them.
fn at_rest(limits: Limits) -> (World, Vec<ObjectSchema>, String) {
    let mut world = World::new(limits);
    world.make("companies", json!({"name": "Acme"}));
    world.make("contacts", json!({"email": "ada@example.com"}));
    let deal = json!({"dealname": "One", "dealstage": "qualifiedtobuy", "amount": "99.50"});
    let deal = world.make("deals", deal);
    world.pass(10);
    world.capture();
    world.pass(600);
    world.capture();
    world.pass(60);
    let objects: Vec<_> = world.want.objects.iter().map(|one| one.object.clone()).collect();
    let schemas = run(world.hub.describe(&objects)).unwrap();
    let kept = serde_json::to_vec(&schemas).unwrap();
    (world, serde_json::from_slice(&kept).unwrap(), deal)
}

#[test]
fn a_new_process_with_stored_schemas_costs_one_call_an_object_when_idle() {
    let (mut world, schemas, _) = at_rest(Limits::Real);
    world.pass(60);
    world.restart();
    world.hub.remember(&schemas);
    let before = world.calls();
    assert_eq!(world.capture(), []);
    assert_eq!(world.calls() - before, 3);
}

#[test]
fn stored_schemas_and_described_ones_lead_to_the_same_cursor_values_and_writes() {
    let (mut world, schemas, deal) = at_rest(Limits::Off);
    world.edit("deals", &deal, json!({"amount": "7", "closedate": "2026-02-01"}));
    world.pass(5);
    let mut results = Vec::new();
    for is_told in [false, true] {
        world.restart();
        if is_told {
            world.hub.remember(&schemas);
        }
        let page = run(world.hub.capture(&world.want, &world.cursor, &world.stored)).unwrap();
        let read = run(world.hub.read(&world.want, &[RecordRef::new("hs", "deals", &*deal)])).unwrap();
        let money = Money { amount: "5".parse().unwrap(), currency: Currency::USD };
        let name = if is_told { "Told" } else { "Described" };
        let fields = [
            ("dealname", Value::text(name)),
            ("amount", Some(Value::Money(money))),
            ("dealstage", Some(Value::option("qualifiedtobuy"))),
        ];
        let outcomes = world.write(vec![create(1, "deals", None, &fields)]);
        let RowOutcome::Confirmed { observation: Some(mut made), .. } = outcomes[0].clone() else {
            panic!("{outcomes:?}")
        };
        assert_eq!(made.fields.iter().find(|(field, _)| field.as_str() == "dealname").unwrap().1, text(name));
        made.fields.retain(|(field, _)| field.as_str() != "dealname");
        results.push((page.observations, page.cursor, page.more, read, made.fields));
    }
    assert_eq!(results[0], results[1]);
    assert_eq!(results[0].0.len(), 1);
    assert_eq!(
        world.calls_to("/crm/v3/pipelines/deals"),
        3,
        "first load, describe, the process without schemas"
    );
}

#[test]
fn a_stored_schema_that_turns_out_old_is_read_anew_handed_out_and_not_taken_back() {
    let (mut world, schemas, _) = at_rest(Limits::Off);
    world.restart();
    world.hub.remember(&schemas);
    world.admin(json!({"do": "hide_property", "object": "contacts", "property": "phone"}));
    let contact = world.make("contacts", json!({"email": "new@example.com"}));
    world.pass(5);
    let page = run(world.hub.capture(&world.want, &world.cursor, &world.stored)).unwrap();
    assert_eq!(page.schemas.iter().map(|one| one.object.as_str()).collect::<Vec<_>>(), ["contacts"]);
    assert!(!page.schemas[0].fields.contains_key("phone"));
    world.stored.take(&page.observations);
    world.cursor = page.cursor;
    world.hub.remember(&schemas);
    world.capture();
    assert_eq!(world.field("contacts", &contact, "phone"), Observed::NotPermitted);
    let page = run(world.hub.capture(&world.want, &world.cursor, &world.stored)).unwrap();
    assert_eq!(page.schemas, [], "told once");
}

#[test]
fn processes_right_after_each_other_meet_no_limit() {
    let (mut world, schemas, _) = at_rest(Limits::Real);
    for _ in 0..4 {
        let pace = world.hub.pace();
        world.restart();
        world.hub.remember(&schemas);
        world.hub.resume_pace(&serde_json::from_str(&pace.unwrap().to_string()).unwrap());
        assert_eq!(world.capture(), []);
    }
    assert_eq!(world.violations(), json!([]));
    world.pass(3_600);
    let kept = world.hub.pace().unwrap();
    let kept: Vec<_> = kept.as_object().unwrap().keys().collect();
    assert_eq!(kept, ["day", "zone"], "an hour later nothing but the day's calls counts any more");
}

#[test]
fn the_clock_offset_follows_the_vendors_clock_at_once() {
    let (mut world, ..) = at_rest(Limits::Off);
    world.restart();
    assert_eq!(world.hub.clock_offset(), None);
    world.capture();
    let offset = world.hub.clock_offset().unwrap();
    assert!(offset.ahead.abs() <= offset.uncertainty, "{offset:?}");
    world.control("clock", Some(&json!({"advance_s": 7_200})));
    world.capture();
    let offset = world.hub.clock_offset().unwrap();
    let off = offset.ahead - jiff::SignedDuration::from_hours(2);
    assert!(off.abs() <= offset.uncertainty, "{offset:?}");
    assert!(offset.uncertainty.as_secs() <= 1);
}

#[test]
fn an_update_right_after_the_start_needs_no_description() {
    let (mut world, schemas, deal) = at_rest(Limits::Off);
    world.restart();
    world.hub.remember(&schemas);
    let before = world.calls();
    world.write(vec![update(1, "deals", &deal, &[("dealname", Value::text("Renamed"))])]);
    assert_eq!(world.calls() - before, 1);
}

#[test]
fn the_share_of_the_daily_calls_is_kept_over_processes_until_midnight() {
    let mut world = World::new(Limits::Real);
    world.control("admin", Some(&json!({"do": "set_limit", "name": "daily", "value": 100})));
    let before = world.calls();
    let error = loop {
        let page = run(world.hub.capture(&world.want, &world.cursor, &world.stored));
        if let Err(error) = page {
            break error;
        }
        assert!(world.calls() - before < 100, "never stops");
        let pace = world.hub.pace().unwrap();
        world.restart();
        world.hub.resume_pace(&pace);
    };
    assert!(matches!(error, VendorError::Limit { .. }), "{error}");
    assert!((48..=50).contains(&(world.calls() - before)), "{}", world.calls() - before);
    assert!(run(world.hub.account()).is_err(), "everything counts");
    world.pass(24 * 3_600);
    assert!(run(world.hub.capture(&world.want, &world.cursor, &world.stored)).is_ok(), "measured anew");
}
