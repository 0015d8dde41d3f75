//! What a process that starts anew costs, and what it goes on with.

use crate::world::{World, everything, field, last, now_or_never, want};
use serde_json::json;
use syncline_kit::vendor::{CaptureWant, Vendor, VendorError};
use syncline_model::{ObjectName, ObjectSchema, RecordRef};

/// Schemas as the engine keeps them, of the objects wanted and of the contact roles.
fn kept(world: &World, want: &CaptureWant) -> Vec<ObjectSchema> {
    let mut objects: Vec<ObjectName> = want.objects.iter().map(|object| object.object.clone()).collect();
    objects.push("OpportunityContactRole".into());
    let schemas = now_or_never(world.vendor.describe(&objects)).unwrap();
    serde_json::from_slice(&serde_json::to_vec(&schemas).unwrap()).unwrap()
}

#[test]
fn a_new_process_with_stored_schemas_costs_two_calls_and_describes_nothing() {
    let mut world = World::new();
    world.create("Account", json!({"Name": "A"}));
    world.cycle(&everything());
    let schemas = kept(&world, &everything());
    world.restart();
    world.vendor.remember(&schemas);
    let (units, described) =
        (world.meter("units"), world.sent("/composite").concat().matches("/describe").count());
    world.cycle(&everything());
    assert_eq!(world.meter("units") - units, 2);
    assert_eq!(world.sent("/composite").concat().matches("/describe").count(), described);
    world.clock.advance(61);
    world.cycle(&everything());
    assert!(
        world.sent("/composite").concat().matches("/describe").count() > described,
        "looked at after a minute"
    );
}

#[test]
fn stored_schemas_and_described_ones_lead_to_the_same_cursor_and_values() {
    let mut world = World::new();
    let account = world.create("Account", json!({"Name": "Acme"}));
    let contact = world.create("Contact", json!({"LastName": "Doe", "AccountId": account}));
    let deal = world.create(
        "Opportunity",
        json!({"Name": "Renewal", "StageName": "Prospecting", "CloseDate": "2026-05-01", "Amount": 12.5,
            "AccountId": account}),
    );
    world.create(
        "OpportunityContactRole",
        json!({"OpportunityId": deal, "ContactId": contact, "IsPrimary": true}),
    );
    world.cycle(&everything());
    let schemas = kept(&world, &everything());
    world.clock.advance(5);
    let mut results = Vec::new();
    for is_told in [false, true] {
        world.restart();
        if is_told {
            world.vendor.remember(&schemas);
        }
        let page = now_or_never(world.vendor.capture(&everything(), &world.cursor, &world.stored)).unwrap();
        let read = now_or_never(
            world.vendor.read(&everything(), &[RecordRef::new("sf", "Opportunity", deal.as_str())]),
        );
        results.push((read.unwrap(), page.observations, page.cursor, page.more));
    }
    assert_eq!(results[0], results[1]);
    assert_eq!(
        field(&results[1].0[0], "@OpportunityContactRole"),
        field(last(&results[0].1, &deal), "@OpportunityContactRole")
    );
}

#[test]
fn a_new_process_with_stored_schemas_reads_people_who_were_never_read_and_those_read_long_ago() {
    let mut world = World::new();
    let schemas = kept(&world, &everything());
    let people = |world: &mut World| {
        world.restart();
        world.vendor.remember(&schemas);
        let seen = world.cycle(&everything());
        seen.iter().filter(|seen| seen.record.object.as_str() == "User").count()
    };
    assert!(people(&mut world) > 0);
    world.clock.advance(11 * 60);
    world.admin(json!({"do": "create", "object": "User", "fields": {"Username": "new@example.com",
        "LastName": "New", "Email": "new@example.com", "Alias": "new", "TimeZoneSidKey": "Etc/UTC",
        "LocaleSidKey": "en_US", "EmailEncodingKey": "UTF-8", "LanguageLocaleKey": "en_US"}}));
    world.clock.advance(11 * 60);
    assert!(people(&mut world) > 0);
}

#[test]
fn the_share_of_the_daily_calls_is_kept_over_processes() {
    let mut world = World::new();
    world.admin(json!({"do": "set_limit", "limit": "DailyApiRequests", "value": 40}));
    let mut cycles = 0;
    let error = loop {
        if let Err(error) = world.try_cycle(&want(&[("Account", &["Name"])])) {
            break error;
        }
        cycles += 1;
        assert!(cycles < 40, "never stops");
        let pace = world.vendor.pace().unwrap();
        world.restart();
        world.vendor.resume_pace(&pace);
    };
    assert!(matches!(error, VendorError::Limit { .. }), "{error}");
    assert!((18..=20).contains(&world.meter("units")), "{}", world.meter("units"));
    world.clock.advance(24 * 3600);
    assert!(world.try_cycle(&want(&[("Account", &["Name"])])).is_ok(), "measured anew");
}

#[test]
fn the_clock_offset_follows_the_vendors_clock_at_once() {
    let mut world = World::new();
    assert_eq!(world.vendor.clock_offset(), None);
    world.cycle(&want(&[("Account", &["Name"])]));
    let offset = world.vendor.clock_offset().unwrap();
    assert!(offset.ahead.abs() <= offset.uncertainty, "{offset:?}");
    world.control("POST", "clock", &json!({"advance_s": 7200}));
    world.cycle(&want(&[("Account", &["Name"])]));
    let offset = world.vendor.clock_offset().unwrap();
    assert!((offset.ahead - jiff::SignedDuration::from_hours(2)).abs() <= offset.uncertainty, "{offset:?}");
}
