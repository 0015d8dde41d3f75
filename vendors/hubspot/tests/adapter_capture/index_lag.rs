//! A search index that shows changes late, or never.

use crate::{
    adapter_support::{confirmed, run, text, update},
    at_rest,
};
use serde_json::json;
use syncline_kit::vendor::Vendor as _;
use syncline_model::Value;

#[test]
fn what_the_index_shows_late_is_found_by_the_complete_pass() {
    let (mut world, company, ..) = at_rest();
    world.knob("search_lag_ms", json!(1_200_000));
    world.edit("companies", &company, json!({"name": "Acme & Sons"}));
    world.pass(30);
    assert_eq!(world.capture(), []);
    world.pass(600);
    assert_eq!(world.capture(), [], "the live pass has moved on");
    for _ in 0..4 {
        world.pass(1_800);
        world.capture();
    }
    assert_eq!(world.field("companies", &company, "name"), text("Acme & Sons"));
}

#[test]
fn an_index_that_lags_behind_our_own_write_is_not_believed() {
    let (mut world, company, ..) = at_rest();
    world.knob("search_lag_ms", json!(5_000));
    world.edit("companies", &company, json!({"name": "Second"}));
    world.pass(4);
    let outcomes = world.write(vec![update(1, "companies", &company, &[("name", Value::text("Third"))])]);
    confirmed(&outcomes[0]);
    world.pass(2);
    assert_eq!(world.capture(), [], "the index shows the second name, which is gone by now");
    world.pass(10);
    world.capture();
    assert_eq!(world.field("companies", &company, "name"), text("Third"));
}

#[test]
fn a_change_by_somebody_else_just_before_our_write_is_still_seen() {
    let (mut world, company, ..) = at_rest();
    world.edit("companies", &company, json!({"domain": "acme.example"}));
    let call = world.pack_one(vec![update(1, "companies", &company, &[("name", Value::text("Ours"))])]);
    for outcome in run(world.hub.write(&call)).unwrap() {
        let syncline_kit::vendor::RowOutcome::Confirmed { observation: Some(seen), .. } = outcome else {
            panic!()
        };
        world.stored.take(&[seen]);
    }
    world.pass(10);
    world.capture();
    assert_eq!(world.field("companies", &company, "domain"), text("acme.example"));
}

#[test]
fn an_edit_that_was_archived_before_anybody_searched_is_seen_when_the_record_is_back() {
    let (mut world, ..) = at_rest();
    let deal = world.make("deals", json!({"dealname": "Two", "dealstage": "qualifiedtobuy"}));
    world.pass(600);
    world.capture();
    world.edit("deals", &deal, json!({"dealname": "Three"}));
    world.admin(json!({"do": "archive", "object": "deals", "id": deal}));
    world.pass(3 * 3_600);
    world.capture();
    assert_eq!(world.field("deals", &deal, "dealname"), text("Two"));
    // Restoring moves no stamp, and the search has long passed that of the edit.
    world.admin(json!({"do": "restore", "object": "deals", "id": deal}));
    world.pass(2 * 86_400);
    world.capture();
    assert_eq!(world.field("deals", &deal, "dealname"), text("Three"));
}

#[test]
fn an_edit_that_no_search_ever_showed_is_seen_within_a_day_whatever_the_record_is_related_to() {
    let (mut world, company, contact, _) = at_rest();
    world.edit("contacts", &contact, json!({"firstname": "Augusta"}));
    world.admin(json!({"do": "archive", "object": "contacts", "id": contact}));
    world.pass(3 * 3_600);
    world.capture();
    world.admin(json!({"do": "restore", "object": "contacts", "id": contact}));
    let relation = format!("contacts/{contact}");
    world.admin(json!({"do": "associate", "from": relation, "to": format!("companies/{company}")}));
    world.pass(600);
    world.capture();
    assert_eq!(
        world.field("contacts", &contact, "firstname"),
        text("Ada"),
        "the search has passed its stamp"
    );
    world.pass(86_400);
    world.capture();
    assert_eq!(world.field("contacts", &contact, "firstname"), text("Augusta"));
}
