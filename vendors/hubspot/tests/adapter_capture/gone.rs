//! Records that were deleted or merged, and records that only seem to be gone.

use crate::{
    adapter_support::{record, refs, run, text},
    at_rest,
};
use serde_json::json;
use syncline_kit::vendor::Vendor as _;
use syncline_model::{RecordState, Ref};

#[test]
fn the_recycle_bin_is_read_once_a_day_and_an_absent_row_is_no_deletion() {
    let (mut world, company, contact, _) = at_rest();
    world.want.objects[0].edges.clear();
    world.pass(10);
    world.capture();
    world.admin(json!({"do": "archive", "object": "contacts", "id": contact}));
    world.admin(json!({"do": "hide_record", "object": "companies", "id": company}));
    world.pass(600);
    assert_eq!(world.capture(), []);
    assert_eq!(world.state("contacts", &contact), RecordState::Live, "only the bin says so");
    world.pass(86_400);
    world.capture();
    assert_eq!(world.state("contacts", &contact), RecordState::Deleted);
    assert_eq!(
        world.state("companies", &company),
        RecordState::Live,
        "searches and the bin say nothing of it"
    );
}

#[test]
fn a_merge_is_seen_by_its_survivor() {
    let (mut world, company, ..) = at_rest();
    let other = world.make("companies", json!({"name": "Acme Ltd"}));
    world.pass(10);
    world.capture();
    let merged = world.admin(json!({"do": "merge", "object": "companies", "id": company, "merge": other}));
    let survivor = merged["id"].as_str().unwrap().to_owned();
    world.pass(10);
    let seen = world.capture();
    let states: Vec<_> = seen.iter().map(|one| (one.record.id.to_string(), one.state.clone())).collect();
    let into = RecordState::MergedInto(survivor.as_str().into());
    assert_eq!(states, [(company, into.clone()), (other, into), (survivor, RecordState::Live)]);
}

#[test]
fn a_new_record_is_read_by_id_so_that_no_old_index_shows_one_that_is_gone() {
    let (mut world, ..) = at_rest();
    let [one, other, third, stays] =
        ["One", "Other", "Third", "Stays"].map(|name| world.make("companies", json!({"name": name})));
    world.pass(10);
    world.knob("search_lag_ms", json!(60_000));
    let merged = world.admin(json!({"do": "merge", "object": "companies", "id": one, "merge": other}));
    let survivor = merged["id"].as_str().unwrap();
    world.admin(json!({"do": "archive", "object": "companies", "id": third}));
    world.edit("companies", &stays, json!({"name": "Stays here"}));
    world.pass(2);
    let before = world.calls();
    let seen = world.capture();
    let seen: Vec<&str> = seen.iter().map(|seen| seen.record.id.as_str()).collect();
    assert_eq!(seen, [&*stays, survivor, &*third], "the survivor, which no search shows yet, too");
    assert_eq!(world.state("companies", &third), RecordState::Deleted, "it may be restored");
    assert_eq!(world.field("companies", &stays, "name"), text("Stays here"));
    assert_eq!(world.field("companies", survivor, "name"), text("One"));
    let calls = "three looks, one read by id, one of what is not there, and one of relations";
    assert_eq!(world.calls() - before, 6, "{calls}");
    world.pass(120);
    assert_eq!(world.capture(), []);
}

#[test]
fn a_merge_is_seen_also_by_a_survivor_that_was_read_by_id_before() {
    let (mut world, company, ..) = at_rest();
    let other = world.make("companies", json!({"name": "Acme Ltd"}));
    world.pass(10);
    world.capture();
    let merged = world.admin(json!({"do": "merge", "object": "companies", "id": company, "merge": other}));
    let survivor = merged["id"].as_str().unwrap().to_owned();
    let asked = [record("companies", &survivor)];
    let mut read = run(world.hub.read(&world.want, &asked)).unwrap();
    read.retain(|one| one.state == RecordState::Live);
    world.stored.take(&read);
    world.pass(10);
    let seen = world.capture();
    let states: Vec<_> = seen.iter().map(|one| (one.record.id.to_string(), one.state.clone())).collect();
    let into = RecordState::MergedInto(survivor.as_str().into());
    assert_eq!(states, [(company, into.clone()), (other, into)]);
}

#[test]
fn what_is_known_to_be_deleted_does_not_come_back_because_a_search_still_shows_it() {
    let (mut world, ..) = at_rest();
    let alone = world.make("contacts", json!({"email": "bob@example.com", "firstname": "Bob"}));
    world.pass(600);
    world.capture();
    world.edit("contacts", &alone, json!({"firstname": "Robert"}));
    world.pass(40);
    world.knob("search_lag_ms", json!(60_000));
    world.admin(json!({"do": "archive", "object": "contacts", "id": alone}));
    world.pass(1);
    // A webhook tells of it before any search has shown the edit.
    world.stored.take(&run(world.hub.read(&world.want, &[record("contacts", &alone)])).unwrap());
    assert_eq!(world.state("contacts", &alone), RecordState::Deleted);
    world.pass(20);
    let before = world.calls();
    assert_eq!(world.capture(), [], "the index shows the edit, and not yet the delete");
    assert_eq!(world.calls() - before, 4, "three looks and one read by id");
    // One that is back is believed, with what it shows by its id.
    world.admin(json!({"do": "restore", "object": "contacts", "id": alone}));
    world.edit("contacts", &alone, json!({"lastname": "Roe"}));
    world.pass(61);
    world.capture();
    assert_eq!(world.state("contacts", &alone), RecordState::Live);
    assert_eq!(world.field("contacts", &alone, "firstname"), text("Robert"));
}

#[test]
fn a_privacy_deletion_without_webhook_is_found_by_the_nightly_sweep() {
    let (mut world, _, contact, _) = at_rest();
    world.admin(json!({"do": "gdpr_delete", "object": "contacts", "id": contact}));
    world.pass(600);
    assert_eq!(world.capture(), []);
    world.pass(86_400);
    world.capture();
    assert_eq!(world.state("contacts", &contact), RecordState::Deleted);
    assert_eq!(world.stored.live("deals"), 1);
}

#[test]
fn strong_reads_tell_what_became_of_a_record() {
    let (world, company, contact, deal) = at_rest();
    let other = world.make("companies", json!({"name": "Acme Ltd"}));
    let merged = world.admin(json!({"do": "merge", "object": "companies", "id": company, "merge": other}));
    let survivor = merged["id"].as_str().unwrap().to_owned();
    world.admin(json!({"do": "archive", "object": "contacts", "id": contact}));
    let asked = [("companies", &company), ("contacts", &contact), ("deals", &deal)];
    let asked: Vec<_> = asked.iter().map(|(object, id)| record(object, id)).collect();
    let seen = run(world.hub.read(&world.want, &asked)).unwrap();
    let states: Vec<_> = seen.iter().map(|one| (one.record.id.to_string(), one.state.clone())).collect();
    assert_eq!(
        states,
        [
            (company, RecordState::MergedInto(survivor.as_str().into())),
            (other, RecordState::MergedInto(survivor.as_str().into())),
            (survivor.clone(), RecordState::Live),
            (contact, RecordState::Deleted),
            (deal, RecordState::Live),
        ]
    );
    let edge = seen[4].fields.iter().find(|(name, _)| name.as_str() == "@deal_to_company").unwrap();
    assert_eq!(edge.1, refs(&[Ref::to("companies", &*survivor).primary()]));
}
