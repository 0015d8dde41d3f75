//! Relations: those that change alone, those of what is deleted, and who refers to a record.

use crate::{
    adapter_support::{Meanwhile, World, record, refs, run, text, want},
    at_rest,
};
use serde_json::{Value as Json, json};
use syncline_kit::vendor::Vendor as _;
use syncline_model::{Observed, RecordRef, RecordState, Ref};

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
