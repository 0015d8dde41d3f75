//! Relations made and taken away.

use crate::adapter_support::{World, confirmed, edge, record, refs, row, run};
use serde_json::json;
use syncline_kit::{
    sandbox::Limits,
    vendor::{Probe, RejectionClass, RowOutcome, Vendor as _, Write},
};
use syncline_model::{Observed, Ref};

#[test]
fn associations_are_written_from_the_child_read_back_and_taken_away() {
    let mut world = World::new(Limits::Off);
    let (first, second) =
        (world.make("companies", json!({"name": "A"})), world.make("companies", json!({"name": "B"})));
    let deal = world.make("deals", json!({"dealname": "One", "dealstage": "qualifiedtobuy"}));
    let contact = world.make("contacts", json!({"email": "ada@example.com"}));
    let child = ("deals", &*deal);
    let rows = vec![
        row(1, Write::Associate(edge("@deal_to_company", child, ("companies", &first), None, true))),
        row(2, Write::Associate(edge("@deal_to_company", child, ("companies", &second), None, false))),
        row(3, Write::Associate(edge("@deal_to_contact", child, ("contacts", &contact), None, false))),
        row(
            4,
            Write::Associate(edge(
                "@company_to_parent",
                ("companies", &second),
                ("companies", &first),
                None,
                false,
            )),
        ),
    ];
    let outcomes = world.write(rows.clone());
    assert!(outcomes.iter().all(|one| matches!(one, RowOutcome::Confirmed { .. })), "{outcomes:?}");
    assert!(run(world.hub.probe(&rows)).unwrap().iter().all(|one| matches!(one, Probe::Written(_))));
    world.pass(10);
    world.capture();
    let companies = [Ref::to("companies", &*first).primary(), Ref::to("companies", &*second)];
    assert_eq!(world.field("deals", &deal, "@deal_to_company"), refs(&companies));
    assert_eq!(
        world.field("companies", &second, "@company_to_parent"),
        refs(&[Ref::to("companies", &*first)])
    );
    assert_eq!(world.field("companies", &first, "@company_to_parent"), Observed::Empty);

    let moved = world.write(vec![row(
        5,
        Write::Associate(edge("@deal_to_company", child, ("companies", &second), None, true)),
    )]);
    confirmed(&moved[0]);
    let away = vec![
        row(6, Write::Dissociate(edge("@deal_to_company", child, ("companies", &first), None, false))),
        row(
            7,
            Write::Dissociate(edge(
                "@company_to_parent",
                ("companies", &second),
                ("companies", &first),
                None,
                false,
            )),
        ),
    ];
    let gone = world.write(away.clone());
    assert!(gone.iter().all(|one| matches!(one, RowOutcome::Confirmed { .. })), "{gone:?}");
    assert!(run(world.hub.probe(&away)).unwrap().iter().all(|one| matches!(one, Probe::Written(_))));
    let seen = run(world.hub.read(&world.want, &[record("deals", &deal)])).unwrap();
    let edge = seen[0].fields.iter().find(|(name, _)| name.as_str() == "@deal_to_company").unwrap();
    assert_eq!(edge.1, refs(&[Ref::to("companies", &*second).primary()]));
}

#[test]
fn a_bad_pair_of_many_is_refused_alone() {
    let world = World::new(Limits::Off);
    let company = world.make("companies", json!({"name": "A"}));
    let contact = world.make("contacts", json!({"email": "ada@example.com"}));
    let rows = [(&*contact, &*company), (&*contact, "424242"), ("434343", &*company)];
    let rows = rows.into_iter().zip(1..).map(|((from, to), number)| {
        row(
            number,
            Write::Associate(edge("@contact_to_company", ("contacts", from), ("companies", to), None, true)),
        )
    });
    let outcomes = world.write(rows.collect());
    confirmed(&outcomes[0]);
    for outcome in &outcomes[1..] {
        assert!(
            matches!(outcome, RowOutcome::Rejected(one) if one.class == RejectionClass::Gone),
            "{outcome:?}"
        );
    }
}

#[test]
fn a_relation_that_went_to_the_survivor_of_a_merge_is_told_under_its_id() {
    let world = World::new(Limits::Off);
    let [company, part, whole] = ["A", "B", "C"].map(|name| world.make("companies", json!({"name": name})));
    let [one, other, third] = ["one", "other", "third"]
        .map(|name| world.make("contacts", json!({"email": format!("{name}@example.com")})));
    let survivor_of = |object: &str, id: &str, merge: &str| {
        let merged = world.admin(json!({"do": "merge", "object": object, "id": id, "merge": merge}));
        merged["id"].as_str().unwrap().to_owned()
    };
    let survivor = survivor_of("contacts", &one, &other);
    survivor_of("companies", &whole, &part);
    let rows = [(&other, &company), (&third, &company), (&third, &part)];
    let rows = rows.into_iter().zip(1..).map(|((from, to), number)| {
        let write = edge("@contact_to_company", ("contacts", from), ("companies", to), None, false);
        row(number, Write::Associate(write))
    });
    let outcomes = world.write(rows.collect());
    let told: Vec<String> = outcomes.iter().map(|outcome| confirmed(outcome).0).collect();
    assert_eq!(told, [&*survivor, &*third, &*third]);
}
