//! How long planning takes. Printed, not asserted: `cargo nextest run --release --no-capture speed`.

use super::world::*;
use crate::{
    mapping::{AttributeType, test_support},
    plan::{Context, Sides, plan_entity},
};
use std::{collections::BTreeMap, hint::black_box, time::Instant};
use syncline_model::{FieldType, Kind, Observed};

fn wide() -> Case {
    let mut case = Case::of(Kind::Person).model(|model| {
        for number in 0..10 {
            let mut attribute = test_support::attribute(&format!("extra_{number}"), AttributeType::Text);
            for (connection, object) in [(SF, "Lead"), (SF, "Contact"), (HS, "contacts")] {
                let field = format!("extra_{number}");
                attribute.bindings.push(test_support::binding(connection, object, &field, FieldType::Text));
            }
            model.attributes.push(attribute);
        }
    });
    let extra: Vec<(String, Observed)> =
        (0..10).map(|number| (format!("extra_{number}"), text("a value of usual length"))).collect();
    let with = |fields: &[(&'static str, Observed)]| -> Vec<(&str, Observed)> {
        let extra = extra.iter().map(|(name, value)| (name.as_str(), value.clone()));
        fields.iter().cloned().chain(extra).collect()
    };
    let sf =
        with(&[("LastName", text("Lovelace")), ("Email", text("ada@acme.com")), ("Phone", text("+49 30 1"))]);
    let hs =
        with(&[("lastname", text("Lovelace")), ("email", text("ada@acme.com")), ("phone", text("+49 30 1"))]);
    case = case.agreed("salesforce/Contact/003", &sf).agreed("hubspot/contacts/1", &hs);
    case
}

#[test]
fn prints_microseconds_per_plan() {
    let (none, few) = (BTreeMap::new(), BTreeMap::new());
    let changed = wide().seen("salesforce/Contact/003", 10, &[("Title", text("Dr"))]);
    for (what, case) in [("settled", wide()), ("one change", changed)] {
        let sides = Sides::of(&case.mapping);
        let context =
            Context { mapping: &case.mapping, sides: &sides, earlier: &none, clocks: &few, now: case.now };
        let rounds = if cfg!(debug_assertions) { 200 } else { 20_000 };
        #[expect(clippy::disallowed_methods, reason = "what this test is for")]
        let start = Instant::now();
        for _ in 0..rounds {
            black_box(plan_entity(&context, black_box(&case.hood)));
        }
        let each = start.elapsed().as_secs_f64() * 1e6 / f64::from(rounds);
        eprintln!("plan_entity, person of 15 attributes on two sides, {what}: {each:.1} µs");
        assert!(plan_entity(&context, &case.hood).operations.len() < 2);
    }
}
