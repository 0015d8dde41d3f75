//! Writes that are taken back: what counts as a flip, what parks, what ends it.

use super::world::*;
use crate::{
    mapping::{FieldState, Rule},
    plan::{TakenBack, Wrote, note_step, note_undone, note_write, shows_same},
};
use syncline_model::{FieldName, Kind, Observed, Rest, RunId, Watch, operation::Case as Reason};

const C: &str = "salesforce/Contact/003";
const H: &str = "hubspot/contacts/1";
const HOUR: i64 = 3_600;

fn ruled() -> Case {
    Case::of(Kind::Person)
        .agreed(C, &[("LastName", text("Lee")), ("Email", text("l@x.org")), ("Title", text("Dr"))])
        .agreed(H, &[("lastname", text("Lee")), ("email", text("l@x.org")), ("jobtitle", text("Dr"))])
        .attribute("title", |attribute| attribute.rule = Rule::Always(SF.into()))
}

/// A confirmed write of HubSpot's title at `second`: over what it shows, and what it shows then.
fn wrote(mut case: Case, second: i64, before: &Observed, shows: &Observed, why: Reason) -> Case {
    let (mapping, kind, field) = (case.mapping.clone(), case.hood.kind, FieldName::new("jobtitle"));
    let wrote = Wrote { field: &field, before, sent: shows, shows, case: why, at: at(second) };
    let base = case.link_mut(H).base.as_mut().unwrap();
    note_write(&mapping, kind, &record(H), base, wrote);
    case.seen(H, second, &[("jobtitle", shows.clone())])
}

/// Somebody sets the title back at `second`, and the ruling side's value is written over it again, `times` times.
fn fought(mut case: Case, times: i64) -> Case {
    for round in 0..times {
        case = case.seen(H, round * HOUR, &[("jobtitle", text("Mr"))]).at(round * HOUR);
        assert_eq!(operations(&case.plan()), [format!("update {H} jobtitle=Dr")], "round {round}");
        case = wrote(case, round * HOUR, &text("Mr"), &text("Dr"), Reason::WrittenBack);
    }
    case.seen(H, times * HOUR, &[("jobtitle", text("Mr"))]).at(times * HOUR)
}

#[test]
fn the_third_write_that_is_taken_back_parks_the_field_and_planning_again_says_the_same() {
    let mut case = fought(ruled(), 3);
    let plan = case.plan();
    assert_eq!(operations(&plan), Vec::<String>::new());
    assert_eq!(held(&plan), ["hubspot title oscillates []"]);
    assert_eq!(plan.questions.len(), 1);
    assert_eq!(case.plan(), plan);
    // As stored: long after the window it is parked since the same time, whatever the sides show apart.
    let (_, base) = plan.bases.iter().find(|(it, _)| *it == record(H)).unwrap();
    case.link_mut(H).base = Some(base.clone());
    let later = case.seen(C, 90 * HOUR, &[("Title", text("Prof"))]).at(100 * HOUR);
    assert_eq!((operations(&later.plan()), held(&later.plan())), (Vec::new(), held(&plan)));
    assert_eq!(later.plan().questions, plan.questions);
    // Both sides alike: it is over, and forgotten.
    let over = later.seen(H, 101 * HOUR, &[("jobtitle", text("Prof"))]).at(101 * HOUR).plan();
    assert_eq!((operations(&over), held(&over)), (Vec::new(), Vec::new()));
    assert!(over.bases.iter().all(|(_, base)| base.watches.is_empty()), "{:?}", over.bases);
}

#[test]
fn two_undos_do_not_park_and_old_ones_do_not_count() {
    assert_eq!(operations(&fought(ruled(), 2).plan()).len(), 1);
    let mut case = fought(ruled(), 3);
    case.now = at(25 * HOUR);
    let plan = case.plan();
    assert_eq!(operations(&plan).len(), 1, "two of the three are older than a day");
    case.now = at(100 * HOUR);
    let (_, base) = case.plan().bases.into_iter().find(|(it, _)| *it == record(H)).unwrap();
    assert!(base.watches.is_empty(), "what is too old to count is forgotten");
}

#[test]
fn what_we_replaced_ourselves_is_no_undo() {
    // To and fro on the other side: each write replaces what the write before it wrote.
    let mut case = ruled();
    for (second, before, shows) in [(1, "Dr", "Mr"), (2, "Mr", "Dr"), (3, "Dr", "Mr"), (4, "Mr", "Dr")] {
        case = wrote(case, second, &text(before), &text(shows), Reason::OneChanged);
    }
    let flips = |case: &mut Case| case.link_mut(H).base.clone().unwrap().watches["jobtitle"].flips.len();
    assert_eq!(flips(&mut case), 0);
    // Another value than any that we replaced is somebody's own, unless a ruling side's value is written back over it.
    case = wrote(case, 5, &text("Sir"), &text("Mr"), Reason::OneChanged);
    assert_eq!(flips(&mut case), 0);
    case = wrote(case, 6, &text("Lord"), &text("Mr"), Reason::WrittenBack);
    assert_eq!(flips(&mut case), 1);
    // Spelled otherwise is the same value.
    case = wrote(case, 7, &text(" Sir "), &text("Dr"), Reason::OneChanged);
    assert_eq!(flips(&mut case), 2);
}

#[test]
fn a_parked_field_does_not_hold_up_the_rest() {
    let mut case = ruled().seen(C, 1, &[("LastName", text("Lie")), ("Title", text("Prof"))]);
    let rest = Some(Rest::Oscillates { attribute: "title".into(), since: at(0) });
    let base = case.link_mut(H).base.as_mut().unwrap();
    base.watches.insert(FieldName::new("jobtitle"), Watch { rest, ..Watch::default() });
    let plan = case.plan();
    assert_eq!(operations(&plan), [format!("update {H} lastname=Lie")]);
    assert_eq!(held(&plan), ["hubspot title oscillates []"]);
}

/// Writes of one HubSpot field, as (before, shows); `step` as steps of one write.
fn watched(field: &str, step: bool, writes: &[(Observed, Observed)]) -> Watch {
    let mut case = ruled();
    let (mapping, kind, name) = (case.mapping.clone(), case.hood.kind, FieldName::new(field));
    let base = case.link_mut(H).base.as_mut().unwrap();
    for (before, shows) in writes {
        let wrote = Wrote { field: &name, before, sent: shows, shows, case: Reason::OneChanged, at: at(1) };
        let note = if step { note_step } else { note_write };
        note(&mapping, kind, &record(H), base, wrote);
    }
    base.watches[&name].clone()
}

#[test]
fn sixteen_writes_are_remembered() {
    let writes: Vec<_> = (0..20).map(|round| (text(&format!("v{round}")), text("x"))).collect();
    assert_eq!(watched("jobtitle", false, &writes).replaced.len(), 16);
}

#[test]
fn a_value_is_compared_in_the_normal_form_of_its_field() {
    let flips = |field, values: [Observed; 4]| {
        let [a, b, c, d] = values;
        watched(field, false, &[(a, b), (c, d)]).flips.len()
    };
    let phones = ["+1", "+2", "+(1)", "+2"].map(text);
    assert_eq!(flips("phone", phones.clone()), 1, "the number that was replaced is there again");
    assert_eq!(flips("jobtitle", phones), 0, "as titles they differ");
    // The primary company alone counts; of owners, all.
    let companies: [&[&str]; 4] =
        [&["companies/C2!"], &["companies/C3!"], &["companies/C2!", "companies/C3"], &[]];
    assert_eq!(flips("@contact_to_company", companies.map(refs)), 1);
    assert_eq!(flips("hubspot_owner_id", companies.map(refs)), 0);
    assert_eq!(
        watched("jobtitle", false, &[(text("Dr"), text("Mr"))]).wrote,
        0xc0c1_e23a_5144_4308,
        "as stores hold it"
    );
}

#[test]
fn a_field_shows_the_same_in_another_spelling_where_the_mapping_knows_its_type() {
    let same = |field: &str, one: &str, other: &str| {
        let (mapping, field) = (mapping(), FieldName::new(field));
        shows_same(&mapping, Kind::Person, &record(H), &field, &text(one), &text(other))
    };
    assert!(same("phone", "+1", "+(1)"));
    assert!(!same("phone", "+1", "+2"));
    assert!(!same("jobtitle", "+1", "+(1)"), "as titles they differ");
    assert!(same("not_bound", "+1", "+1"));
    assert!(!same("not_bound", "+1", "+(1)"), "letter by letter");
}

#[test]
fn steps_of_one_write_are_one_write() {
    let [a, b, c, d] = ["a", "b", "c", "d"].map(text);
    let one = watched("jobtitle", true, &[(a.clone(), b.clone()), (b.clone(), c.clone())]);
    let whole = watched("jobtitle", true, &[(a.clone(), c.clone())]);
    assert_eq!(one, whole);
    let two = watched("jobtitle", true, &[(a.clone(), b.clone()), (d, c)]);
    assert_eq!(two.replaced.len(), 2, "it goes on from something else");
    assert_eq!(watched("jobtitle", true, &[(a.clone(), b.clone())]), watched("jobtitle", false, &[(a, b)]));
}

#[test]
fn a_field_whose_write_was_undone_rests_until_a_side_moves() {
    let start = || {
        let mut case = ruled().attribute("title", |attribute| attribute.rule = Rule::TwoWay);
        let snapshot = case.hood.snapshots[1].as_mut().unwrap();
        snapshot.fields.iter_mut().find(|(field, _)| field.as_str() == "jobtitle").unwrap().1 = text("Mr");
        case
    };
    let prof = || start().seen(C, 10, &[("Title", text("Prof"))]);
    let undone = |mut case: Case, held: &str| {
        let taken = TakenBack {
            field: &"jobtitle".into(),
            attribute: &"title".into(),
            held: &text(held),
            by: RunId(uuid::Uuid::from_u128(7)),
        };
        let mapping = case.mapping.clone();
        note_undone(&mapping, Kind::Person, &record(H), case.link_mut(H).base.as_mut().unwrap(), taken);
        case
    };
    let rests = |case: &Case| {
        let plan = case.plan();
        assert_eq!((operations(&plan), held(&plan)), (vec![], vec!["hubspot title undone []".to_owned()]));
    };
    let moves = |case: &Case, value: &str| {
        let moved = case.plan();
        let update = format!("update {H} jobtitle={value}");
        assert_eq!((operations(&moved), held(&moved)), (vec![update], vec![]));
    };
    let case = undone(start(), "Dr");
    rests(&case);
    moves(&case.seen(C, 10, &[("Title", text("Prof"))]), "Prof");
    // What the run had written has not moved since, though it is not agreed on.
    let waited = undone(prof(), "Prof");
    rests(&waited);
    // Also where the vendor had made something else of it.
    let (mapping, field, sent) = (ruled().mapping, "jobtitle".into(), text("Prof"));
    let mut short = prof();
    let (before, shows) = (&text("Mr"), &text("P."));
    let wrote = Wrote { field: &field, before, sent: &sent, shows, case: Reason::OneChanged, at: at(10) };
    note_write(&mapping, Kind::Person, &record(H), short.link_mut(H).base.as_mut().unwrap(), wrote);
    rests(&undone(short, "P."));
    // Nor has it where it cannot be seen for a while on the side that rests.
    let hidden = waited.seen(H, 15, &[("jobtitle", Observed::NotPermitted)]);
    rests(&hidden.bindings("title", HS, |it| it.field_state = FieldState::Missing));
    moves(&undone(prof(), "Prof").seen(C, 20, &[("Title", text("Dame"))]), "Dame");
    // An edit that came after the run and before the undo has moved.
    moves(&undone(prof(), "Dr"), "Prof");
    // What is written together with it does not rest by itself.
    let beside = TakenBack {
        field: &"phone".into(),
        attribute: &"title".into(),
        held: &text("1"),
        by: RunId(uuid::Uuid::nil()),
    };
    let mut case = prof();
    note_undone(&mapping, Kind::Person, &record(H), case.link_mut(H).base.as_mut().unwrap(), beside);
    assert!(case.link_mut(H).base.as_ref().unwrap().watches.is_empty());
    let again = undone(start(), "Prof").seen(H, 20, &[("jobtitle", text("Prof"))]);
    assert_eq!(operations(&again.plan()), [format!("update {C} Title=Prof")], "a person gave it back");
    // And so has what a person gives the side that rests.
    let given = undone(prof(), "Prof").seen(H, 20, &[("jobtitle", text("Lord"))]);
    assert!(!held(&given.plan()).iter().any(|held| held.contains("undone")));
    // One that is parked rests whatever moves: see above.
}
