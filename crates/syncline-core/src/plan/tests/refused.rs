//! What a vendor minds waits, whether it says which value that is or not, and nothing else waits with it (HUB-4).

use super::world::*;
use crate::plan::{EntityPlan, Refusal, RefusedPart};
use std::collections::BTreeSet;
use syncline_model::{Action, After, FieldChange, Kind, Observed, Value};

const C: &str = "salesforce/Contact/003";
const H: &str = "hubspot/contacts/1";
/// What is edited in Salesforce, as HubSpot calls it.
const EDITED: [&str; 5] = ["lastname", "email", "phone", "jobtitle", "opted_out"];

/// A contact on both sides, of which much was edited on one.
fn edited() -> Case {
    Case::of(Kind::Person)
        .agreed(C, &[("LastName", text("Lovelace")), ("Email", text("ada@acme.com"))])
        .agreed(H, &[("lastname", text("Lovelace")), ("email", text("ada@acme.com"))])
        .seen(
            C,
            10,
            &[
                ("LastName", text("King")),
                ("Email", text("ada@king.com")),
                ("Phone", text("+49 30 1")),
                ("Title", text("Countess")),
                ("OptedOut", Observed::Value(Value::Bool(true))),
            ],
        )
}

fn update(plan: &EntityPlan) -> Vec<FieldChange> {
    let [draft] = plan.operations.as_slice() else { panic!("{:?}", operations(plan)) };
    assert!(matches!(draft.action, Action::Update { .. }));
    draft.action.fields().to_vec()
}

fn refused(part: RefusedPart, fields: &[FieldChange]) -> Refusal {
    Refusal {
        connection: HS.into(),
        part,
        after: fields.iter().map(|change| (change.field.clone(), change.after.clone())).collect(),
        code: "FIELD_CUSTOM_VALIDATION_EXCEPTION".into(),
        message: "a rule that names no field".into(),
        wake: "schema:hubspot/contacts".into(),
    }
}

/// Writes what is planned until nothing is, to a vendor that minds these fields and says no more. Returns how many calls it
/// takes, and what is held at the end.
fn written_out(minded: &BTreeSet<&str>) -> (usize, Vec<String>) {
    let mut case = edited();
    for call in 0.. {
        let plan = case.plan();
        if plan.operations.is_empty() {
            return (call, held(&plan));
        }
        assert!(call <= 4 * minded.len() + 1, "it comes to an end: {minded:?} {:?}", operations(&plan));
        let fields = update(&plan);
        let open: BTreeSet<&str> = fields.iter().map(|change| change.field.as_str()).collect();
        let listed: BTreeSet<String> =
            plan.held.iter().filter_map(|(held, _)| Some(held.attribute.as_ref()?.to_string())).collect();
        let agreed = EDITED.iter().filter(|field| !open.contains(*field) && !listed.contains(name(field)));
        for field in agreed {
            assert!(!minded.contains(field), "{field} is written or listed, never left out");
        }
        if open.iter().any(|field| minded.contains(field)) {
            let part = match fields.as_slice() {
                [one] => RefusedPart::Field(one.field.clone()),
                _ => RefusedPart::Together,
            };
            // As the engine keeps them: one of each part.
            case.hood.refusals.retain(|known| known.part != part);
            case.hood.refusals.push(refused(part, &fields));
        } else {
            let shown: Vec<(&str, Observed)> =
                fields.iter().map(|change| (change.field.as_str(), shows(&change.after))).collect();
            case = case.seen(H, 20, &shown);
        }
    }
    unreachable!()
}

fn shows(after: &After) -> Observed {
    match after {
        After::Value(value) => Observed::Value(value.clone()),
        After::Clear => Observed::Empty,
        After::Reference(_) => panic!("no field of a contact here refers to anything"),
    }
}

/// The attribute of a HubSpot field.
fn name(field: &str) -> &str {
    match field {
        "lastname" => "last_name",
        "jobtitle" => "title",
        same => same,
    }
}

#[test]
fn whatever_a_vendor_minds_without_a_word_on_which_is_found_and_all_else_is_written() {
    for mask in 0..1_usize << EDITED.len() {
        let minded: BTreeSet<&str> =
            (0..EDITED.len()).filter(|bit| mask >> bit & 1 == 1).map(|bit| EDITED[bit]).collect();
        let (calls, held) = written_out(&minded);
        let mut expected: Vec<String> = minded
            .iter()
            .map(|field| format!("hubspot {} refused [schema:hubspot/contacts]", name(field)))
            .collect();
        let mut held = held;
        held.sort();
        expected.sort();
        assert_eq!(held, expected, "{minded:?}");
        assert!(!minded.is_empty() || calls == 1, "what nobody minds goes in one call");
    }
}

#[test]
fn what_waits_for_the_first_half_is_listed() {
    let mut case = edited();
    let fields = update(&case.plan());
    case.hood.refusals.push(refused(RefusedPart::Together, &fields));
    let plan = case.plan();
    let first = update(&plan);
    assert_eq!((fields.len(), first.len()), (5, 3));
    assert_eq!(first, fields[..3]);
    let mut waits: Vec<String> = fields[3..]
        .iter()
        .map(|change| format!("hubspot {} refused [schema:hubspot/contacts]", change.attribute))
        .collect();
    waits.sort();
    assert_eq!(held(&plan), waits);
}

#[test]
fn what_is_left_goes_in_one_call_once_the_one_is_found() {
    let mut case = edited();
    let fields = update(&case.plan());
    case.hood.refusals.push(refused(RefusedPart::Together, &fields));
    let one =
        |field: &FieldChange| refused(RefusedPart::Field(field.field.clone()), std::slice::from_ref(field));
    let elsewhere = Refusal { connection: SF.into(), ..one(&fields[0]) };
    case.hood.refusals.push(elsewhere);
    assert_eq!(update(&case.plan()), fields[..3], "what another system minds says nothing of this one");
    case.hood.refusals.push(one(&fields[0]));
    assert_eq!(update(&case.plan()), fields[1..]);
}

#[test]
fn what_was_refused_together_goes_as_it_is_once_one_of_it_is_another_value() {
    let mut case = edited();
    let fields = update(&case.plan());
    case.hood.refusals.push(refused(RefusedPart::Together, &fields));
    assert_eq!(update(&case.plan()).len(), 3);
    let again = case.seen(C, 30, &[("Title", text("Lady"))]);
    assert_eq!(update(&again.plan()).len(), 5);
    // A create with these values, or the same on another connection, is another write.
    let mut case = edited();
    case.hood.refusals.push(refused(RefusedPart::Create, &fields));
    let elsewhere = Refusal { connection: SF.into(), ..refused(RefusedPart::Together, &fields) };
    case.hood.refusals.push(elsewhere);
    assert_eq!(update(&case.plan()).len(), 5);
}

#[test]
fn a_relation_that_was_refused_waits_and_so_does_what_would_stand_beside_it() {
    let pair = || {
        Case::of(Kind::Deal)
            .other(2, &["salesforce/Account/A2", "hubspot/companies/C2"])
            .other(3, &["salesforce/Account/A3", "hubspot/companies/C3"])
            .agreed(
                "salesforce/Opportunity/006",
                &[("Name", text("Big")), ("StageName", option("New")), ("AccountId", refs(&["Account/A2"]))],
            )
            .agreed(
                "hubspot/deals/9",
                &[
                    ("dealname", text("Big")),
                    ("dealstage", option("s1")),
                    ("pipeline", option("default")),
                    ("@deal_to_company", refs(&["companies/C2!"])),
                ],
            )
            .seen("salesforce/Opportunity/006", 10, &[("AccountId", refs(&["Account/A3"]))])
    };
    let moved = pair().plan().operations;
    assert_eq!(moved.len(), 2, "one ends, one begins");
    let with = |of: usize| {
        let mut case = pair();
        let part = RefusedPart::of_relation(&moved[of].action).unwrap();
        case.hood.refusals.push(refused(part, &[]));
        let plan = case.plan();
        (operations(&plan).len(), held(&plan))
    };
    let listed = vec!["hubspot account refused [schema:hubspot/contacts]".to_owned()];
    assert_eq!(with(0), (0, listed.clone()), "the new one would be a second one");
    assert_eq!(with(1), (0, listed), "it would be left without any");
}
