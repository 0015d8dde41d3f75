//! What capture sees, and what it costs.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "tests and their helpers"
)]
#![cfg(all(feature = "adapter", feature = "sandbox"))]

mod adapter_support;

use adapter_support::{Meanwhile, World, record, refs, run, text, update, want};
use serde_json::{Value as Json, json};
use syncline_kit::{
    sandbox::Limits,
    vendor::{Cycle, Vendor as _},
};
use syncline_model::{Observed, RecordRef, RecordState, Ref, Value};

/// A small account, loaded and at rest.
fn at_rest() -> (World, String, String, String) {
    let mut world = World::new(Limits::Real);
    let company = world.make("companies", json!({"name": "Acme", "numberofemployees": "12"}));
    let contact = world.make("contacts", json!({"email": "ada@example.com", "firstname": "Ada"}));
    let deal = world.make(
        "deals",
        json!({"dealname": "One", "dealstage": "qualifiedtobuy", "amount": "99.50", "closedate": "2026-03-31T10:00:00Z"}),
    );
    world.admin(json!({"do": "associate", "from": format!("contacts/{contact}"), "to": format!("companies/{company}")}));
    world.admin(
        json!({"do": "associate", "from": format!("deals/{deal}"), "to": format!("companies/{company}")}),
    );
    world.pass(10);
    world.capture();
    world.pass(600);
    world.capture();
    (world, company, contact, deal)
}

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
fn the_initial_load_takes_one_search_for_two_hundred_rows_and_one_edge_read_for_a_thousand() {
    let mut world = World::new(Limits::Real);
    world.make_many("companies", 2_300, "Company");
    world.pass(10);
    let seen = world.capture();
    assert_eq!(seen.len(), 2_300);
    assert_eq!(world.calls_to("companies/search"), 12);
    assert_eq!(world.calls_to("/companies/companies/batch/read"), 3);
    assert_eq!(world.violations(), json!([]));
}

#[test]
fn more_than_ten_thousand_rows_of_one_millisecond_are_all_read() {
    let mut world = World::new(Limits::Off);
    world.pass(10);
    world.capture();
    world.pass(3_600);
    world.want.objects.retain(|one| one.object.as_str() == "companies");
    world.make_many("companies", 10_500, "Bulk");
    world.pass(10);
    assert_eq!(world.capture().len(), 10_500);
    assert_eq!(world.stored.live("companies"), 10_500);
}

#[test]
fn a_page_that_is_cut_short_ends_nothing() {
    let mut world = World::new(Limits::Off);
    world.knob("search_page_most", json!(150));
    world.want.objects.retain(|one| one.object.as_str() == "companies");
    world.make_many("companies", 1_000, "Early");
    world.pass(10);
    world.capture();
    assert_eq!(world.stored.live("companies"), 1_000, "the initial load");
    world.pass(3_600);
    for moment in 0..40 {
        world.pass_ms(5);
        world.make_many("companies", 20, &format!("Moment {moment}"));
    }
    world.pass(10);
    world.capture();
    assert_eq!(world.stored.live("companies"), 1_800, "a window");
    world.pass(3_600);
    world.make_many("companies", 10_500, "Bulk");
    world.pass(10);
    world.capture();
    assert_eq!(world.stored.live("companies"), 12_300, "one millisecond");
}

#[test]
fn rows_that_leave_the_window_while_it_is_read_hide_no_others() {
    let mut world = World::new(Limits::Off);
    world.knob("search_lag_ms", json!(0));
    world.want.objects.retain(|one| one.object.as_str() == "companies");
    world.pass(10);
    world.capture();
    world.pass(600);
    let ids: Vec<String> = (0..1_700)
        .map(|number| {
            if number % 10 == 0 {
                world.pass_ms(7);
            }
            world.make("companies", json!({"name": format!("Company {number}")}))
        })
        .collect();
    let mut pages = 0;
    loop {
        let page =
            syncline_kit::vendor::Vendor::capture(&world.hub, &world.want, &world.cursor, &world.stored);
        let page = adapter_support::run(page).unwrap();
        world.stored.take(&page.observations);
        world.cursor = page.cursor;
        if !page.more {
            break;
        }
        pages += 1;
        // Some rows that were read already go away, so that all others move forward.
        for id in &ids[pages * 20..pages * 20 + 20] {
            world.admin(json!({"do": "archive", "object": "companies", "id": id}));
        }
    }
    assert!(pages > 0, "the window takes several pages");
    assert_eq!(world.stored.records.len(), 1_700);
}

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
    adapter_support::confirmed(&outcomes[0]);
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
    for outcome in adapter_support::run(world.hub.write(&call)).unwrap() {
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
    let asked = [adapter_support::record("companies", &survivor)];
    let mut read = adapter_support::run(world.hub.read(&world.want, &asked)).unwrap();
    read.retain(|one| one.state == RecordState::Live);
    world.stored.take(&read);
    world.pass(10);
    let seen = world.capture();
    let states: Vec<_> = seen.iter().map(|one| (one.record.id.to_string(), one.state.clone())).collect();
    let into = RecordState::MergedInto(survivor.as_str().into());
    assert_eq!(states, [(company, into.clone()), (other, into)]);
}

#[test]
fn what_is_deleted_while_a_search_still_shows_it_has_lost_no_relation() {
    let (mut world, company, contact, _) = at_rest();
    let company_of = |world: &World| world.field("contacts", &contact, "@contact_to_company");
    world.edit("contacts", &contact, json!({"firstname": "Augusta"}));
    world.pass(10);
    world.knob("search_lag_ms", json!(60_000));
    world.admin(json!({"do": "archive", "object": "contacts", "id": contact}));
    world.pass(1);
    let before = world.calls();
    assert_eq!(world.capture(), [], "nothing is associated with it, which nobody has said");
    assert_eq!(world.calls() - before, 5, "three looks, one association read, one by id");
    assert_eq!(company_of(&world), refs(&[Ref::to("companies", &*company).primary()]));
    // Of one that is there it is said in earnest.
    world.admin(json!({"do": "restore", "object": "contacts", "id": contact}));
    world.admin(json!({"do": "dissociate", "from": format!("contacts/{contact}"), "to": format!("companies/{company}")}));
    world.edit("contacts", &contact, json!({"firstname": "Ada"}));
    world.pass(61);
    world.capture();
    assert_eq!(company_of(&world), Observed::Empty);
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
fn an_edge_that_changes_alone_is_found_by_the_nightly_sweep() {
    let (mut world, company, contact, deal) = at_rest();
    world.admin(json!({"do": "dissociate", "from": format!("contacts/{contact}"), "to": format!("companies/{company}")}));
    world.admin(
        json!({"do": "associate", "from": format!("deals/{deal}"), "to": format!("contacts/{contact}")}),
    );
    world.pass(600);
    assert_eq!(world.capture(), []);
    world.pass(86_400);
    let seen = world.capture();
    assert!(seen.iter().all(|one| one.version.is_none() && one.fields.len() == 1));
    assert_eq!(world.field("contacts", &contact, "@contact_to_company"), Observed::Empty);
    assert_eq!(world.field("deals", &deal, "@deal_to_contact"), refs(&[Ref::to("contacts", &*contact)]));
    assert_eq!(world.field("contacts", &contact, "firstname"), text("Ada"), "what was not read stays");
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
fn a_hidden_property_is_not_permitted_and_never_empty() {
    let (mut world, _, contact, _) = at_rest();
    world.admin(json!({"do": "hide_property", "object": "contacts", "property": "firstname"}));
    adapter_support::run(world.hub.describe(&["contacts".into()])).unwrap();
    world.pass(10);
    world.capture();
    assert_eq!(world.field("contacts", &contact, "firstname"), Observed::NotPermitted);
    world.admin(json!({"do": "show_property", "object": "contacts", "property": "firstname"}));
    adapter_support::run(world.hub.describe(&["contacts".into()])).unwrap();
    world.pass(10);
    world.capture();
    assert_eq!(world.field("contacts", &contact, "firstname"), text("Ada"));
}

#[test]
fn a_property_hidden_since_the_last_describe_is_not_taken_for_empty() {
    let (mut world, _, contact, _) = at_rest();
    world.admin(json!({"do": "hide_property", "object": "contacts", "property": "firstname"}));
    world.edit("contacts", &contact, json!({"lastname": "King"}));
    world.pass(10);
    world.capture();
    assert_eq!(world.field("contacts", &contact, "firstname"), text("Ada"), "not read, so as before");
    world.pass(10);
    world.capture();
    assert_eq!(world.field("contacts", &contact, "firstname"), Observed::NotPermitted);
}

#[test]
fn what_was_edited_before_a_property_was_hidden_and_shown_again_is_read() {
    let (mut world, _, contact, _) = at_rest();
    world.edit("contacts", &contact, json!({"firstname": "Augusta"}));
    world.admin(json!({"do": "hide_property", "object": "contacts", "property": "firstname"}));
    world.pass(10);
    world.capture();
    world.admin(json!({"do": "show_property", "object": "contacts", "property": "firstname"}));
    adapter_support::run(world.hub.describe(&["contacts".into()])).unwrap();
    world.pass(10);
    world.capture();
    assert_eq!(world.field("contacts", &contact, "firstname"), text("Augusta"));
}

#[test]
fn a_new_field_is_read_of_all_records() {
    let (mut world, _, contact, _) = at_rest();
    world.want.objects[1].fields.push("jobtitle".into());
    world.pass(10);
    assert_eq!(world.capture().len(), 1);
    assert_eq!(world.field("contacts", &contact, "jobtitle"), Observed::Empty);
}

#[test]
fn many_properties_are_read_in_two_steps() {
    let mut world = World::new(Limits::Off);
    let property = |number: usize| {
        format!("a_property_with_a_rather_long_internal_name_of_number_{number:03}_in_many_letters")
    };
    for number in 0..40 {
        let body = json!({"name": property(number), "label": "x", "type": "string", "fieldType": "text",
            "groupName": "companyinformation"});
        world.api("POST", "/crm/v3/properties/companies", &body);
        world.want.objects[0].fields.push(property(number).into());
    }
    let id = world.make("companies", json!({"name": "Wide", property(7): "seven"}));
    world.pass(10);
    world.capture();
    assert_eq!(world.field("companies", &id, &property(7)), text("seven"));
    assert_eq!(world.field("companies", &id, &property(8)), Observed::Empty);
    assert_eq!(world.calls_to("objects/companies/batch/read"), 1);
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

#[test]
fn reads_get_through_stumbles_of_the_vendor() {
    for kind in [
        "server_error",
        "html_error",
        "truncated_body",
        "commit_then_reset",
        "rate_limited",
        "wrong_retry_after",
    ] {
        let mut world = World::new(Limits::Real);
        world.make("companies", json!({"name": "Acme"}));
        world.pass(10);
        world.fault("read", kind, 2);
        world.capture();
        assert_eq!(world.stored.live("companies"), 1, "{kind}");
    }
}

#[test]
fn an_expired_token_is_refreshed_once() {
    let mut world = World::new(Limits::Real);
    world.make("companies", json!({"name": "Acme"}));
    world.pass(10);
    world.fault("read", "token_expired", 1);
    world.capture();
    assert_eq!(world.stored.live("companies"), 1);
    let renewed = world.hub.changed_credentials().unwrap();
    assert!(
        renewed["access_token"].is_string() && renewed["portal_id"].is_number()
            || renewed["portal_id"].is_string()
    );
    assert_eq!(world.hub.changed_credentials(), None);
    let tokens = world.log.lock().unwrap().iter().filter(|line| line.ends_with("/oauth/v1/token")).count();
    assert_eq!(tokens, 1);
}

#[test]
fn strong_reads_tell_what_became_of_a_record() {
    let (world, company, contact, deal) = at_rest();
    let other = world.make("companies", json!({"name": "Acme Ltd"}));
    let merged = world.admin(json!({"do": "merge", "object": "companies", "id": company, "merge": other}));
    let survivor = merged["id"].as_str().unwrap().to_owned();
    world.admin(json!({"do": "archive", "object": "contacts", "id": contact}));
    let asked = [("companies", &company), ("contacts", &contact), ("deals", &deal)];
    let asked: Vec<_> = asked.iter().map(|(object, id)| adapter_support::record(object, id)).collect();
    let seen = adapter_support::run(world.hub.read(&world.want, &asked)).unwrap();
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

#[test]
fn what_is_deleted_between_two_reads_has_lost_no_relation() {
    let kinds = [
        ("/objects/contacts/batch/read", RecordState::Deleted),
        ("/contacts/companies/batch/read", RecordState::Live),
    ];
    for (after, state) in kinds {
        let (world, company, contact, _) = at_rest();
        let does = json!({"do": "archive", "object": "contacts", "id": contact});
        *world.meanwhile.lock().unwrap() = Some(Meanwhile { after, does });
        let seen = run(world.hub.read(&world.want, &[record("contacts", &contact)])).unwrap();
        assert!(world.meanwhile.lock().unwrap().is_none(), "{after} was asked for");
        assert_eq!(seen[0].state, state, "after {after}");
        let related = seen[0].fields.iter().find(|(name, _)| name.as_str() == "@contact_to_company");
        let kept = refs(&[Ref::to("companies", &*company).primary()]);
        let expected = (state == RecordState::Live).then_some(&kept);
        assert_eq!(related.map(|(_, seen)| seen), expected, "after {after}");
    }
}

#[test]
fn who_refers_to_a_record_is_asked_from_its_side() {
    let (world, company, contact, deal) = at_rest();
    let [above, below, beside] =
        ["Above", "Below", "Beside"].map(|name| world.make("companies", json!({"name": name})));
    let tie = |from: String, to: String, types: Json| {
        world.admin(json!({"do": "associate", "from": from, "to": to, "types": types}));
    };
    let parent = json!([{"category": "HUBSPOT_DEFINED", "typeId": 14}]);
    tie(format!("companies/{company}"), format!("companies/{above}"), parent.clone());
    tie(format!("companies/{below}"), format!("companies/{company}"), parent);
    tie(
        format!("companies/{beside}"),
        format!("companies/{company}"),
        json!([{"category": "HUBSPOT_DEFINED", "typeId": 450}]),
    );
    tie(format!("deals/{deal}"), format!("contacts/{contact}"), json!([]));
    let ask = |records: &[RecordRef]| {
        let found = run(world.hub.referrers(&want(), records)).unwrap();
        let told = found
            .iter()
            .map(|it| format!("{}/{} {} {}", it.child.object, it.child.id, it.field, it.parent.id));
        told.collect::<std::collections::BTreeSet<_>>()
    };
    let expected = [
        format!("companies/{below} @company_to_parent {company}"),
        format!("contacts/{contact} @contact_to_company {company}"),
        format!("deals/{deal} @deal_to_company {company}"),
        format!("deals/{deal} @deal_to_contact {contact}"),
    ];
    assert_eq!(ask(&[record("companies", &company), record("contacts", &contact)]), expected.into());
    assert_eq!(ask(&[record("companies", &below), record("deals", &deal)]), [].into());
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
