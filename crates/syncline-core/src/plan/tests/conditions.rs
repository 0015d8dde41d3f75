//! What an operation hangs on, and what a held item is named by.

use super::world::*;
use crate::plan::{Refusal, RefusedPart, Sides, side_digest};
use syncline_model::{After, Kind, Observed, Value};

const C: &str = "salesforce/Contact/003";
const H: &str = "hubspot/contacts/1";

fn pair() -> Case {
    Case::of(Kind::Person)
        .agreed(C, &[("LastName", text("Lee")), ("Email", text("l@x.org"))])
        .agreed(H, &[("lastname", text("Lee")), ("email", text("l@x.org"))])
}

/// The conditions of each operation: record and fields.
fn conditions(case: &Case) -> Vec<Vec<String>> {
    let of = |condition: &syncline_model::Precondition| {
        let fields: Vec<&str> = condition.fields.iter().map(|field| field.as_str()).collect();
        format!("{} {}", condition.record, fields.join(" "))
    };
    let plan = case.plan();
    plan.operations.iter().map(|draft| draft.preconditions.iter().map(of).collect()).collect()
}

#[test]
fn an_update_hangs_on_the_fields_it_writes_and_those_it_was_read_from() {
    let case = pair().seen(C, 10, &[("Title", text("Dr")), ("Phone", text("1"))]);
    assert_eq!(conditions(&case), [[format!("{H} jobtitle phone"), format!("{C} Phone Title")]]);
    let made = Case::of(Kind::Person).fresh(C, &[("LastName", text("Lee")), ("Email", text("l@x.org"))]);
    assert_eq!(conditions(&made), [[format!("{C} Email LastName")]]);
    let owned = pair().other(5, &["salesforce/User/U5", "hubspot/owners/5"]).seen(
        C,
        10,
        &[("OwnerId", refs(&["User/U5"]))],
    );
    assert_eq!(conditions(&owned), [[format!("{H} hubspot_owner_id"), format!("{C} OwnerId")]]);
}

#[test]
fn a_relation_hangs_on_the_relation_on_both_sides() {
    let case = pair().other(2, &["salesforce/Account/A2", "hubspot/companies/C2"]).seen(
        C,
        10,
        &[("AccountId", refs(&["Account/A2"]))],
    );
    assert_eq!(conditions(&case), [[format!("{H} @contact_to_company"), format!("{C} AccountId")]]);
}

#[test]
fn a_held_item_is_named_by_the_record_that_its_value_is_of() {
    let case = pair().seen(C, 10, &[("Title", text("Dr"))]).bindings("title", HS, |binding| {
        binding.field_state = crate::mapping::FieldState::Missing;
    });
    let plan = case.plan();
    let named: Vec<String> = plan.held.iter().map(|(held, _)| held.record.to_string()).collect();
    assert_eq!(named, [C]);
    let missing = "hubspot title no_such_field [schema:hubspot/contacts]";
    assert_eq!(held(&plan), [missing], "a field that is not there is not an empty one");
}

#[test]
fn a_refused_create_is_another_one_as_soon_as_one_value_is() {
    let refused = |fields: &[(&str, &str)]| {
        let mut case =
            Case::of(Kind::Person).fresh(C, &[("LastName", text("Lee")), ("Email", text("l@x.org"))]);
        let after =
            |(field, value): &(&str, &str)| ((*field).into(), After::Value(Value::text(value).unwrap()));
        case.hood.refusals.push(Refusal {
            connection: HS.into(),
            part: RefusedPart::Create,
            after: fields.iter().map(after).collect(),
            code: "NO".into(),
            message: "no".into(),
            wake: "schema:hubspot/contacts".into(),
        });
        operations(&case.plan()).is_empty()
    };
    assert!(refused(&[("lastname", "Lee"), ("email", "l@x.org")]));
    assert!(!refused(&[("lastname", "Lie"), ("email", "l@x.org")]));
    assert!(!refused(&[("lastname", "l@x.org"), ("email", "Lee")]), "each value in its field");
    assert!(!refused(&[("lastname", "Lee"), ("email", "l@x.org"), ("phone", "1")]));
    assert!(!refused(&[("lastname", "Lee")]));
}

#[test]
fn a_later_change_is_told_by_the_measured_clocks() {
    let case = pair()
        .seen(C, 10, &[("Title", text("Dr"))])
        .seen(H, 20, &[("jobtitle", Observed::Empty)])
        .seen(H, 30, &[("jobtitle", text("Prof"))]);
    assert_eq!(operations(&case.plan()), [format!("update {C} Title=Prof")], "the clocks are a second off");
}

#[test]
fn the_digest_of_a_side_is_the_one_that_stores_hold() {
    let digest = |address: &str, kind| side_digest(&mapping(), kind, &record(address));
    assert_eq!(format!("{:08x}", digest(C, Kind::Person)), "0b41f5bb");
    let mapping = mapping();
    let sides = Sides::of(&mapping);
    let listed: Vec<u32> = sides.digests().map(|(digest, _)| digest).collect();
    let objects =
        mapping.kinds.values().flat_map(|model| model.objects.values()).map(|objects| objects.len());
    assert_eq!(listed.len(), objects.sum::<usize>(), "one of each object of each kind");
    assert!(listed.contains(&digest(C, Kind::Person)) && listed.contains(&digest(H, Kind::Person)));
}
