use crate::world::{World, everything, field, last, now_or_never, of, text, want};
use serde_json::json;
use std::collections::BTreeSet;
use syncline_kit::vendor::{Cursor, Cycle, Vendor, VendorError};
use syncline_model::{Observed, RecordRef, RecordState, Ref, Value};

const NAMES: (&str, &[&str]) = ("Account", &["Name"]);

#[test]
fn the_first_load_sees_every_record_with_typed_values_and_relations() {
    let mut world = World::new();
    let account = world.create("Account", json!({"Name": "Acme"}));
    let contact = world.create("Contact", json!({"LastName": "Doe", "AccountId": account}));
    let deal = world.create(
        "Opportunity",
        json!({"Name": "Renewal", "StageName": "Prospecting", "CloseDate": "2026-05-01", "Amount": 1234.56,
            "AccountId": account}),
    );
    let role = world.create(
        "OpportunityContactRole",
        json!({"OpportunityId": deal, "ContactId": contact, "Role": "Decision Maker", "IsPrimary": true}),
    );
    let seen = world.cycle(&everything());
    let deal = last(&seen, &deal);
    assert_eq!(field(deal, "Amount").to_string(), "1234.56 USD");
    assert_eq!(*field(deal, "CloseDate"), Observed::Value(Value::Date("2026-05-01".parse().unwrap())));
    assert_eq!(*field(deal, "StageName"), Observed::Value(Value::option("Prospecting")));
    assert_eq!(
        *field(deal, "AccountId"),
        Observed::Value(Value::Refs(vec![Ref::to("Account", account.as_str())]))
    );
    let expected = Ref {
        role: Some("Decision Maker".into()),
        row: Some(role.as_str().into()),
        ..Ref::to("Contact", contact.as_str()).primary()
    };
    assert_eq!(*field(deal, "@OpportunityContactRole"), Observed::Value(Value::Refs(vec![expected])));
    assert_eq!(*field(last(&seen, &account), "ParentId"), Observed::Empty);
    let Observed::Value(Value::Refs(owner)) = field(last(&seen, &account), "OwnerId") else { panic!() };
    assert_eq!(owner[0].object.as_str(), "User");
    assert!(seen.iter().any(|user| user.record.object.as_str() == "User"));
    assert_eq!(world.violations(), json!([]));
}

#[test]
fn an_idle_cycle_costs_two_calls_in_a_new_process_and_one_in_the_same() {
    let mut world = World::new();
    for n in 0..10 {
        world.create("Account", json!({"Name": format!("A{n}")}));
    }
    world.cycle(&everything());
    world.restart();
    let before = world.meter("units");
    world.cycle(&everything());
    assert_eq!(world.meter("units") - before, 2);
    world.cycle(&everything());
    assert_eq!(world.meter("units") - before, 3);
    world.clock.advance(61);
    world.cycle(&everything());
    assert_eq!(world.meter("units") - before, 5, "people and schemas are looked at each minute");
}

#[test]
fn a_later_cycle_sees_the_change_and_not_everything_again() {
    let mut world = World::new();
    let first = world.create("Account", json!({"Name": "First"}));
    let second = world.create("Account", json!({"Name": "Second"}));
    world.cycle(&want(&[NAMES]));
    world.clock.advance(3600);
    world.edit(&second, json!({"Name": "Changed"}));
    world.clock.advance(5);
    world.cycle(&want(&[NAMES]));
    world.clock.advance(3600);
    world.edit(&second, json!({"Name": "Changed again"}));
    world.clock.advance(5);
    let seen = world.cycle(&want(&[NAMES]));
    assert_eq!(of(&seen, &first), Vec::<&_>::new());
    assert_eq!(*field(last(&seen, &second), "Name"), Observed::Value(text("Changed again").unwrap()));
}

#[test]
fn thousands_of_rows_with_one_stamp_are_all_seen_whatever_the_page_size() {
    let mut world = World::new();
    let made: BTreeSet<String> =
        (0..450).map(|n| world.create("Account", json!({"Name": format!("A{n}")}))).collect();
    world.admin(json!({"do": "set_knob", "knob": "page_size", "value": 200}));
    let seen = world.cycle(&want(&[NAMES]));
    let found: BTreeSet<String> = seen.iter().map(|row| row.record.id.to_string()).collect();
    assert!(made.is_subset(&found), "{} of {}", found.len(), made.len());
    assert_eq!(seen.len(), found.len(), "no row twice");
}

#[test]
fn a_row_that_becomes_visible_late_is_still_seen() {
    let mut world = World::new();
    world.cycle(&want(&[NAMES]));
    world.clock.advance(1000);
    world.cycle(&want(&[NAMES]));
    world.admin(json!({"do": "set_knob", "knob": "late_commit_ms", "value": 300_000}));
    world.fault(json!([{"match": "write", "times": 1, "do": "late_commit"}]));
    world.write(vec![crate::world::new_account(7, "Late")]);
    world.clock.advance(60);
    let early = world.cycle(&want(&[NAMES]));
    assert!(!early.iter().any(|row| field(row, "Name").to_string() == "Late"), "it is not visible yet");
    world.clock.advance(400);
    let seen = world.cycle(&want(&[NAMES]));
    assert!(seen.iter().any(|row| field(row, "Name").to_string() == "Late"));
}

#[test]
fn deleted_merged_and_converted_records_tell_what_became_of_them() {
    let mut world = World::new();
    let deleted = world.create("Account", json!({"Name": "Deleted"}));
    let master = world.create("Account", json!({"Name": "Master"}));
    let loser = world.create("Account", json!({"Name": "Loser"}));
    let lead = world.create("Lead", json!({"LastName": "Doe", "Company": "Acme"}));
    world.cycle(&everything());
    world.clock.advance(60);
    world.admin(json!({"do": "delete", "id": deleted}));
    world.admin(json!({"do": "merge", "master": master, "losers": [loser]}));
    let made = world.admin(json!({"do": "convert_lead", "lead": lead, "status": "Closed - Converted"}));
    world.clock.advance(5);
    let seen = world.cycle(&everything());
    assert_eq!(last(&seen, &deleted).state, RecordState::Deleted);
    assert_eq!(last(&seen, &loser).state, RecordState::MergedInto(master.as_str().into()));
    let id = |name: &str| made[name].as_str().map(Into::into);
    assert_eq!(
        last(&seen, &lead).state,
        RecordState::Converted {
            contact: id("contact"),
            account: id("account"),
            opportunity: id("opportunity")
        }
    );
}

#[test]
fn a_hidden_field_is_not_permitted_and_never_empty() {
    let mut world = World::new();
    let account = world.create("Account", json!({"Name": "Acme", "Website": "acme.example"}));
    let wanted = want(&[("Account", &["Name", "Website"])]);
    world.cycle(&wanted);
    world.clock.advance(10);
    world.admin(json!({"do": "hide_field", "object": "Account", "field": "Website"}));
    let seen = world.cycle(&wanted);
    assert_eq!(*field(last(&seen, &account), "Website"), Observed::NotPermitted);
    world.clock.advance(70);
    world.admin(json!({"do": "show_field", "object": "Account", "field": "Website"}));
    world.clock.advance(70);
    let seen = world.cycle(&wanted);
    assert_eq!(*field(last(&seen, &account), "Website"), Observed::Value(text("acme.example").unwrap()));
}

#[test]
fn a_newly_wanted_field_is_read_of_records_that_did_not_change() {
    let mut world = World::new();
    let account = world.create("Account", json!({"Name": "Acme", "Phone": "1"}));
    world.cycle(&want(&[NAMES]));
    world.clock.advance(7200);
    world.cycle(&want(&[NAMES]));
    let seen = world.cycle(&want(&[("Account", &["Name", "Phone"])]));
    assert_eq!(*field(last(&seen, &account), "Phone"), Observed::Value(text("1").unwrap()));
    world.clock.advance(7200);
    assert!(of(&world.cycle(&want(&[("Account", &["Name", "Phone"])])), &account).is_empty());
}

#[test]
fn a_changed_contact_role_shows_the_whole_set_of_its_opportunity() {
    let mut world = World::new();
    let contact = world.create("Contact", json!({"LastName": "Doe"}));
    let other = world.create("Contact", json!({"LastName": "Roe"}));
    let deal = world.create(
        "Opportunity",
        json!({"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-05-01"}),
    );
    world.create("OpportunityContactRole", json!({"OpportunityId": deal, "ContactId": contact}));
    let seen = world.cycle(&everything());
    assert_eq!(refs(field(last(&seen, &deal), "@OpportunityContactRole")), 1);
    world.clock.advance(3600);
    world.cycle(&everything());
    let role = world.create("OpportunityContactRole", json!({"OpportunityId": deal, "ContactId": other}));
    world.clock.advance(10);
    let seen = world.cycle(&everything());
    assert_eq!(refs(field(last(&seen, &deal), "@OpportunityContactRole")), 2);
    let before = world.meter("units");
    world.clock.advance(10);
    world.cycle(&everything());
    assert_eq!(world.meter("units") - before, 1, "what was read is not read again");
    world.admin(json!({"do": "delete", "id": role}));
    world.clock.advance(10);
    let seen = world.cycle(&everything());
    assert_eq!(refs(field(last(&seen, &deal), "@OpportunityContactRole")), 1);
}

fn refs(observed: &Observed) -> usize {
    match observed {
        Observed::Value(Value::Refs(refs)) => refs.len(),
        Observed::Empty => 0,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_record_purged_between_cycles_is_found_in_the_log_of_deletions() {
    let mut world = World::new();
    let account = world.create("Account", json!({"Name": "Acme"}));
    world.cycle(&want(&[NAMES]));
    world.admin(json!({"do": "delete", "id": account}));
    world.admin(json!({"do": "purge", "id": account}));
    world.clock.advance(10);
    assert!(of(&world.cycle(&want(&[NAMES])), &account).is_empty(), "no row is left to be seen");
    world.clock.advance(24 * 3600);
    let seen = world.cycle(&want(&[NAMES]));
    assert_eq!(last(&seen, &account).state, RecordState::Deleted);
}

#[test]
fn after_a_gap_beyond_the_recycle_bin_what_is_stored_is_compared() {
    let mut world = World::new();
    let gone = world.create("Account", json!({"Name": "Gone"}));
    let kept = world.create("Account", json!({"Name": "Kept"}));
    world.cycle(&want(&[NAMES]));
    world.clock.advance(3600);
    world.admin(json!({"do": "delete", "id": gone}));
    world.clock.advance(40 * 24 * 3600);
    let seen = world.cycle(&want(&[NAMES]));
    assert_eq!(last(&seen, &gone).state, RecordState::Deleted);
    assert_eq!(last(&seen, &kept).state, RecordState::Live);
}

#[test]
fn a_strong_read_follows_merges_and_says_nothing_of_hidden_records() {
    let mut world = World::new();
    let master = world.create("Account", json!({"Name": "Master"}));
    let loser = world.create("Account", json!({"Name": "Loser"}));
    let hidden = world.create("Account", json!({"Name": "Hidden"}));
    let purged = world.create("Account", json!({"Name": "Purged"}));
    world.cycle(&want(&[NAMES]));
    world.admin(json!({"do": "merge", "master": master, "losers": [loser]}));
    world.admin(json!({"do": "hide_record", "id": hidden}));
    world.admin(json!({"do": "delete", "id": purged}));
    world.admin(json!({"do": "purge", "id": purged}));
    world.clock.advance(120);
    world.cycle(&want(&[NAMES]));
    let records: Vec<RecordRef> = [&loser, &hidden, &purged]
        .into_iter()
        .map(|id| RecordRef::new("sf", "Account", id.as_str()))
        .collect();
    let seen = now_or_never(world.vendor.read(&want(&[NAMES]), &records)).unwrap();
    assert_eq!(last(&seen, &loser).state, RecordState::MergedInto(master.as_str().into()));
    assert_eq!(last(&seen, &master).state, RecordState::Live);
    assert!(of(&seen, &hidden).is_empty());
    assert_eq!(last(&seen, &purged).state, RecordState::Deleted);
}

#[test]
fn reads_survive_errors_pages_of_html_resets_and_cut_answers() {
    for kind in ["server_error", "html_error", "commit_then_reset", "truncated_body", "wrong_retry_after"] {
        let mut world = World::new();
        let account = world.create("Account", json!({"Name": "Acme"}));
        world.fault(json!([{"match": "read", "times": 2, "do": kind}]));
        let outcome = world.try_cycle(&want(&[NAMES]));
        match (kind, outcome) {
            ("wrong_retry_after", Err(VendorError::Limit { .. })) => {}
            (_, Ok(seen)) => assert_eq!(of(&seen, &account).len(), 1, "{kind}"),
            (kind, Err(error)) => panic!("{kind}: {error}"),
        }
    }
}

#[test]
fn a_vendor_that_stays_down_is_unavailable_and_the_cursor_stays() {
    let mut world = World::new();
    world.cycle(&want(&[NAMES]));
    let cursor = world.cursor.clone();
    world.fault(json!([{"match": "read", "do": "html_error"}]));
    assert!(matches!(world.try_cycle(&want(&[NAMES])), Err(VendorError::Unavailable(_))));
    assert_eq!(world.cursor, cursor);
}

#[test]
fn a_cursor_of_something_else_is_refused_and_not_taken_for_a_new_start() {
    let mut world = World::new();
    world.cursor = Cursor(json!({"page": 7}));
    assert!(matches!(world.try_cycle(&want(&[NAMES])), Err(VendorError::Protocol(_))));
}

#[test]
fn another_org_behind_the_same_credentials_stops_capture() {
    let mut world = World::new();
    world.cycle(&want(&[NAMES]));
    world.admin(json!({"do": "refresh_org"}));
    world.restart();
    assert!(matches!(world.try_cycle(&want(&[NAMES])), Err(VendorError::OtherAccount { .. })));
}

#[test]
fn a_hidden_field_of_people_does_not_make_them_be_read_in_full_each_minute() {
    let mut world = World::new();
    let wanted = want(&[("User", &["Email", "IsActive", "Name", "Title"])]);
    world.admin(json!({"do": "hide_field", "object": "User", "field": "Title"}));
    let seen = world.cycle(&wanted);
    assert!(!seen.is_empty() && seen.iter().all(|user| *field(user, "Title") == Observed::NotPermitted));
    for _ in 0..3 {
        world.clock.advance(3600);
        let seen = world.cycle(&wanted);
        assert!(seen.is_empty(), "{seen:?}");
    }
}

#[test]
fn an_object_that_can_no_longer_be_seen_does_not_keep_the_cycle_from_ending() {
    let mut world = World::new();
    world.cursor = Cursor(json!({"streams": {"Nothing__c": {"sweep": {}}}}));
    let wanted = want(&[NAMES, ("Nothing__c", &["Name"])]);
    world.cycle(&wanted);
    let account = world.create("Account", json!({"Name": "Acme"}));
    world.clock.advance(5);
    assert_eq!(of(&world.cycle(&wanted), &account).len(), 1);
}

#[test]
fn an_object_that_does_not_exist_is_missing_from_the_schemas() {
    let world = World::new();
    let objects = ["Nothing__c".into(), "Account".into()];
    let schemas = now_or_never(world.vendor.describe(&objects)).unwrap();
    assert_eq!(schemas.len(), 1);
    assert!(schemas[0].fields["Name"].required);
}

#[test]
fn an_object_too_wide_for_one_address_is_read_in_parts_and_put_together() {
    let mut world = World::new();
    let names: Vec<String> = (0..60).map(|n| format!("{}{n:04}__c", "Long_name_".repeat(30))).collect();
    for name in &names {
        world.admin(json!({"do": "add_field", "object": "Account", "name": name}));
    }
    let (first, last_name) = (&names[0], &names[59]);
    let made: Vec<String> = (0..30)
        .map(|n| {
            let text = n.to_string();
            world.create("Account", json!({"Name": "Wide", first.as_str(): text, last_name.as_str(): text}))
        })
        .collect();
    world.admin(json!({"do": "set_knob", "knob": "page_size", "value": 7}));
    let wanted: Vec<&str> = names.iter().map(String::as_str).collect();
    let seen = world.cycle(&want(&[("Account", &wanted)]));
    for (n, id) in made.iter().enumerate() {
        for name in [first, last_name] {
            assert_eq!(field(last(&seen, id), name).to_string(), n.to_string());
        }
    }
    assert!(world.sent("/composite").iter().all(|body| {
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        body["compositeRequest"]
            .as_array()
            .unwrap()
            .iter()
            .all(|part| part["url"].as_str().unwrap().len() < 16_384)
    }));
    assert_eq!(world.violations(), json!([]));
}

#[test]
fn who_refers_to_a_record_is_asked_from_its_side() {
    let mut world = World::new();
    let account = world.create("Account", json!({"Name": "Acme"}));
    let below = world.create("Account", json!({"Name": "Below", "ParentId": account}));
    let contact = world.create("Contact", json!({"LastName": "Doe", "AccountId": account}));
    let gone = world.create("Contact", json!({"LastName": "Roe", "AccountId": account}));
    let deal = json!({"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-05-01"});
    let deal = world.create("Opportunity", deal);
    world.create("OpportunityContactRole", json!({"OpportunityId": deal, "ContactId": contact}));
    world.admin(json!({"do": "delete", "id": gone}));
    // A new process knows schemas only as they were kept.
    world.cycle(&everything());
    world.restart();
    let ask = |records: &[(&str, &str)]| {
        let records: Vec<RecordRef> =
            records.iter().map(|(object, id)| RecordRef::new("sf", *object, *id)).collect();
        let found = now_or_never(world.vendor.referrers(&everything(), &records)).unwrap();
        let told = found.iter().map(|it| format!("{} {} {}", it.child.id, it.field, it.parent.id));
        told.collect::<BTreeSet<_>>()
    };
    let expected = [
        format!("{below} ParentId {account}"),
        format!("{contact} AccountId {account}"),
        format!("{deal} @OpportunityContactRole {contact}"),
    ];
    assert_eq!(ask(&[("Account", &account), ("Contact", &contact)]), expected.into());
    assert_eq!(ask(&[("Opportunity", &deal)]), [].into());
}

#[test]
fn a_cycle_that_was_cut_off_says_so_and_the_next_one_has_what_it_missed() {
    let mut world = World::new();
    let wanted = want(&[NAMES, ("Contact", &["LastName"])]);
    for n in 0..5 {
        world.create("Account", json!({"Name": format!("A{n}")}));
    }
    world.admin(json!({"do": "set_knob", "knob": "page_size", "value": 3}));
    world.clock.advance(5);
    let page = now_or_never(world.vendor.capture(&wanted, &world.cursor, &world.stored)).unwrap();
    assert_eq!((page.cycle, page.more), (Cycle::Begun, true));
    world.cursor = page.cursor;
    world.restart();
    let contact = world.create("Contact", json!({"LastName": "Doe"}));
    world.clock.advance(5);
    let page = now_or_never(world.vendor.capture(&wanted, &world.cursor, &world.stored)).unwrap();
    assert_eq!((page.cycle, page.more), (Cycle::Resumed, false));
    assert_eq!(page.observations.len(), 2, "the accounts that were left, and no contact");
    let page = now_or_never(world.vendor.capture(&wanted, &page.cursor, &world.stored)).unwrap();
    assert_eq!(page.cycle, Cycle::Begun);
    last(&page.observations, &contact);
}

#[test]
fn a_cycle_that_shows_what_a_lead_became_shows_its_conversion() {
    // All leads are read in the first call, or a page of them: either way its conversion, of the same second, was passed by.
    for leads in [1, 5] {
        let mut world = World::new();
        let made: Vec<String> = (0..leads)
            .map(|n| world.create("Lead", json!({"LastName": format!("L{n}"), "Company": "Acme"})))
            .collect();
        for n in 0..5 {
            world.create("Account", json!({"Name": format!("A{n}")}));
        }
        world.admin(json!({"do": "set_knob", "knob": "page_size", "value": 3}));
        assert!(world.page(&everything()).more);
        let lead = &made[0];
        let became = world.admin(json!({"do": "convert_lead", "lead": lead, "status": "Closed - Converted"}));
        let seen = world.cycle(&everything());
        let account = last(&seen, became["account"].as_str().unwrap());
        assert_eq!(account.state, RecordState::Live);
        assert!(matches!(last(&seen, lead).state, RecordState::Converted { .. }), "of {leads}");
    }
}

#[test]
fn leads_are_read_once_more_only_where_other_objects_took_further_calls() {
    let mut world = World::new();
    world.cycle(&everything());
    world.admin(json!({"do": "set_knob", "knob": "page_size", "value": 3}));
    for n in 0..8 {
        world.create("Lead", json!({"LastName": format!("L{n}"), "Company": "Acme"}));
    }
    let before = world.meter("units");
    world.cycle(&everything());
    assert_eq!(world.meter("units") - before, 3, "three pages of leads");
    world.clock.advance(3600);
    for n in 0..8 {
        world.create("Account", json!({"Name": format!("A{n}")}));
    }
    world.clock.advance(5);
    world.cycle(&everything());
    world.clock.advance(5);
    let before = world.meter("units");
    world.cycle(&everything());
    assert_eq!(world.meter("units") - before, 4, "three pages of accounts, and the leads of meanwhile");
}

#[test]
fn leads_are_the_last_that_a_call_asks_for() {
    let mut world = World::new();
    world.cycle(&everything());
    let asked: serde_json::Value = serde_json::from_str(&world.sent("/composite").pop().unwrap()).unwrap();
    let of = |part: &serde_json::Value| part["url"].as_str().unwrap().contains("+FROM+Lead+");
    let parts = asked["compositeRequest"].as_array().unwrap();
    assert_eq!(parts.iter().position(of), Some(parts.len() - 1), "{parts:?}");
}
