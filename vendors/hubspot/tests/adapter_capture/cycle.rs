//! What a cycle brings and costs: of a new account, after a change, after none, and after it was cut off.

use crate::{
    adapter_support::{World, refs, run, text},
    at_rest,
};
use serde_json::json;
use syncline_kit::{
    sandbox::Limits,
    vendor::{Cycle, Vendor as _},
};
use syncline_model::{Observed, RecordState, Ref, Value};

#[test]
fn the_initial_load_brings_values_in_their_types_and_edges() {
    let (world, company, contact, deal) = at_rest();
    assert_eq!(world.field("companies", &company, "name"), text("Acme"));
    assert_eq!(
        world.field("companies", &company, "numberofemployees"),
        Observed::Value(Value::Decimal(12.into()))
    );
    assert_eq!(world.field("companies", &company, "@company_to_parent"), Observed::Empty);
    assert_eq!(world.field("contacts", &contact, "lastname"), Observed::Empty);
    assert_eq!(
        world.field("contacts", &contact, "@contact_to_company"),
        refs(&[Ref::to("companies", &*company).primary()])
    );
    let Observed::Value(Value::Money(money)) = world.field("deals", &deal, "amount") else {
        panic!("no amount")
    };
    assert_eq!((money.amount.to_string().as_str(), money.currency.as_str()), ("99.50", "USD"));
    let Observed::Value(Value::Instant(closes)) = world.field("deals", &deal, "closedate") else {
        panic!("no date")
    };
    assert_eq!(closes.to_string(), "2026-03-31T10:00:00Z");
    assert_eq!(world.field("deals", &deal, "dealstage"), Observed::Value(Value::option("qualifiedtobuy")));
    assert_eq!(
        world.field("deals", &deal, "@deal_to_company"),
        refs(&[Ref::to("companies", &*company).primary()])
    );
    assert_eq!(world.field("deals", &deal, "@deal_to_contact"), Observed::Empty);
}

#[test]
fn an_idle_cycle_costs_one_call_an_object_also_when_the_complete_pass_is_due() {
    let (mut world, ..) = at_rest();
    for seconds in [1, 301, 4_000] {
        world.pass(seconds);
        let before = world.calls();
        assert_eq!(world.capture(), []);
        assert_eq!(world.calls() - before, 3, "after {seconds} seconds");
    }
}

#[test]
fn a_change_is_read_once_with_its_edges() {
    let (mut world, company, contact, _) = at_rest();
    world.edit("contacts", &contact, json!({"firstname": "", "lastname": "Byron"}));
    world.pass(5);
    let before = world.calls();
    let seen = world.capture();
    assert_eq!(seen.len(), 1);
    assert_eq!(world.calls() - before, 4, "three looks and one association read");
    assert_eq!(world.field("contacts", &contact, "firstname"), Observed::Empty);
    assert_eq!(world.field("contacts", &contact, "lastname"), text("Byron"));
    assert_eq!(
        world.field("contacts", &contact, "@contact_to_company"),
        refs(&[Ref::to("companies", &*company).primary()])
    );
    world.pass(5);
    assert_eq!(world.capture(), []);
}

#[test]
fn a_cycle_that_was_cut_off_says_so_and_the_next_one_has_what_it_missed() {
    let (mut world, company, ..) = at_rest();
    world.pass(86_400);
    world.edit("companies", &company, json!({"name": "Changed"}));
    world.pass(60);
    let page = run(world.hub.capture(&world.want, &world.cursor, &world.stored)).unwrap();
    assert_eq!((page.cycle, page.more), (Cycle::Begun, true), "what was read is stored before the sweep");
    world.stored.take(&page.observations);
    world.cursor = page.cursor;
    world.restart();
    let made = world.make("companies", json!({"name": "Made meanwhile"}));
    world.pass(60);
    let page = run(world.hub.capture(&world.want, &world.cursor, &world.stored)).unwrap();
    assert_eq!((page.cycle, page.more), (Cycle::Resumed, true));
    world.stored.take(&page.observations);
    world.cursor = page.cursor;
    world.capture();
    let knows = |world: &World| world.stored.records.contains_key(&("companies".to_owned(), made.clone()));
    assert!(!knows(&world), "companies had been looked at");
    let page = run(world.hub.capture(&world.want, &world.cursor, &world.stored)).unwrap();
    assert_eq!(page.cycle, Cycle::Begun);
    world.stored.take(&page.observations);
    assert!(knows(&world));
}

#[test]
fn owners_are_captured_with_those_who_left() {
    let mut world = World::new(Limits::Real);
    world.want.objects.push(syncline_kit::vendor::ObjectWant {
        object: "owners".into(),
        fields: ["archived", "email", "firstName", "id", "lastName"].into_iter().map(Into::into).collect(),
        edges: Vec::new(),
    });
    let made = world
        .admin(json!({"do": "add_owner", "email": "o@example.com", "firstName": "Olga", "lastName": "O"}));
    let owner = made["id"].as_str().unwrap().to_owned();
    let company = world.make("companies", json!({"name": "Acme", "hubspot_owner_id": owner}));
    world.pass(10);
    world.capture();
    assert_eq!(world.field("owners", &owner, "email"), text("o@example.com"));
    assert_eq!(world.field("owners", &owner, "archived"), Observed::Value(Value::Bool(false)));
    assert_eq!(world.field("companies", &company, "hubspot_owner_id"), refs(&[Ref::to("owners", &*owner)]));
    world.admin(json!({"do": "deactivate_owner", "id": owner}));
    world.pass(60);
    assert_eq!(world.capture(), [], "owners are read at most hourly");
    world.pass(3_600);
    world.capture();
    assert_eq!(world.field("owners", &owner, "archived"), Observed::Value(Value::Bool(true)));
    assert_eq!(world.state("owners", &owner), RecordState::Live);
}

#[test]
fn a_gap_longer_than_the_recycle_bin_remembers_reads_everything_anew() {
    let (mut world, ..) = at_rest();
    world.pass(91 * 86_400);
    assert_eq!(world.capture().len(), 3);
}
