//! Whether something was written, proved by strong reads.

use crate::{
    adapter_support::{World, confirmed, create, record, row, run, text, update},
    named, with_keys,
};
use serde_json::json;
use syncline_kit::{
    sandbox::Limits,
    vendor::{Probe, RowOutcome, Vendor as _, Write},
};
use syncline_model::{RecordState, Value};

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
fn archiving_is_confirmed_and_can_be_proved() {
    let world = World::new(Limits::Off);
    let ids = world.make_many("companies", 120, "Old");
    let rows: Vec<_> = ids
        .iter()
        .zip(1..)
        .map(|(id, number)| row(number, Write::Archive { record: record("companies", id) }))
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
fn what_may_not_be_seen_any_more_is_undecided_and_the_rest_is_told() {
    let world = with_keys(Limits::Off);
    let id = world.make("contacts", json!({"lastname": "Lee"}));
    let rows = vec![
        create(1, "companies", Some("syncline_id"), &named("Acme")),
        update(2, "contacts", &id, &[("lastname", Value::text("Lee"))]),
    ];
    world.admin(json!({"do": "hide_property", "object": "companies", "property": "syncline_id"}));
    let probes = run(world.hub.probe(&rows)).unwrap();
    assert!(matches!(&probes[..], [Probe::Undecided { .. }, Probe::Written(_)]), "{probes:?}");
    world.admin(json!({"do": "set_scopes", "scopes": ["crm.objects.companies.read"]}));
    let probes = run(world.hub.probe(&rows)).unwrap();
    assert!(probes.iter().all(|probe| matches!(probe, Probe::Undecided { .. })), "{probes:?}");
}
