//! Relations to many: what a side holds alone on purpose, what is only read, what `explain` says of them.

use super::world::*;
use crate::mapping::{Direction, EdgeBinding, Rule};
use crate::plan::{Derivation, TargetState};
use syncline_model::{Action, BaseEntry, Kind, Observed, Sight};

const O: &str = "salesforce/Opportunity/006";
const D: &str = "hubspot/deals/9";
const ROLES: &str = "@OpportunityContactRole";
const CONTACTS: &str = "@deal_to_contact";

fn sf(people: &[&str]) -> Vec<(&'static str, Observed)> {
    vec![("Name", text("Big")), ("StageName", option("New")), (ROLES, refs(people))]
}

fn hs(people: &[&str]) -> Vec<(&'static str, Observed)> {
    let deal = [("dealname", text("Big")), ("dealstage", option("s1")), ("pipeline", option("default"))];
    deal.into_iter().chain([(CONTACTS, refs(people))]).collect()
}

/// Three people, known on both sides.
fn deal() -> Case {
    Case::of(Kind::Deal)
        .other(11, &["salesforce/Contact/P1", "hubspot/contacts/1"])
        .other(12, &["salesforce/Contact/P2", "hubspot/contacts/2"])
        .other(13, &["salesforce/Contact/P3", "hubspot/contacts/3"])
}

/// A binding of the relation on one side.
fn on(case: Case, connection: &str, edit: impl Fn(&mut EdgeBinding)) -> Case {
    case.edge("contacts", |edge| {
        edge.bindings.iter_mut().filter(|it| it.connection.as_str() == connection).for_each(edit);
    })
}

fn derived(case: &Case) -> Derivation {
    case.plan().derivations.into_iter().find(|it| it.attribute.as_str() == "contacts").unwrap()
}

fn stands(derived: &Derivation) -> Vec<&'static str> {
    derived.sides.iter().map(|side| side.stand).collect()
}

#[test]
fn a_new_deal_brings_its_people() {
    let case = deal().other(2, &["salesforce/Account/A2", "hubspot/companies/C2"]);
    let made = case.fresh(O, &sf(&["Contact/P1", "Contact/P3"]));
    assert_eq!(
        operations(&made.plan()),
        [
            "create hubspot/deals dealname=Big, dealstage=s1, pipeline=default",
            "associate #1 @deal_to_contact hubspot/contacts/1",
            "associate #1 @deal_to_contact hubspot/contacts/3"
        ]
    );
    let unread = on(made, SF, |binding| binding.direction = Direction::Out);
    assert_eq!(operations(&unread.plan()).len(), 1, "what is only written is not taken over");
    let unwritten = on(deal().fresh(O, &sf(&["Contact/P1"])), HS, |it| it.direction = Direction::In);
    assert_eq!(operations(&unwritten.plan()).len(), 1);
}

#[test]
fn the_reason_names_the_side_that_moved() {
    let case = deal().agreed(O, &sf(&[])).agreed(D, &hs(&[])).seen(O, 10, &[(ROLES, refs(&["Contact/P3"]))]);
    let plan = case.plan();
    let Action::Associate(association) = &plan.operations[0].action else { panic!("{plan:?}") };
    assert_eq!(association.reason.from, Some(SF.into()));
}

#[test]
fn what_one_side_agreed_to_hold_alone_stays_there_when_something_else_moves() {
    let apart = || deal().agreed(O, &sf(&["Contact/P1"])).agreed(D, &hs(&["contacts/1", "contacts/2"]));
    let more = [(ROLES, refs(&["Contact/P1", "Contact/P3"]))];
    let added = [format!("associate {D} @deal_to_contact hubspot/contacts/3")];
    assert_eq!(operations(&apart().seen(O, 10, &more).plan()), added);
    let ruled = apart().edge("contacts", |edge| edge.rule = Rule::Always(SF.into()));
    assert_eq!(operations(&ruled.seen(O, 10, &more).plan()), added, "under a ruling side too");
    // What a side that never agreed shows is new.
    let fresh = deal().fresh(O, &sf(&["Contact/P1", "Contact/P3"])).agreed(D, &hs(&["contacts/1"]));
    assert_eq!(operations(&fresh.plan()), added);
}

#[test]
fn a_side_that_is_only_read_is_not_written_and_not_waited_for() {
    let case = deal().agreed(O, &sf(&[])).agreed(D, &hs(&[])).seen(O, 10, &[(ROLES, refs(&["Contact/P3"]))]);
    let plan = on(case, HS, |binding| binding.direction = Direction::In).plan();
    assert_eq!(operations(&plan), Vec::<String>::new());
    assert_eq!(bases(&plan), [format!("{O} []")], "nobody else is to hold it: agreed");
}

#[test]
fn relations_alone_are_an_agreement_where_two_sides_show_them() {
    let bare = |people: Observed| {
        let case = deal().model(|model| {
            model.attributes.clear();
            model.edges.retain(|edge| edge.name.as_str() == "contacts");
        });
        case.fresh(O, &[(ROLES, refs(&["Contact/P1"]))]).fresh(D, &[(CONTACTS, people)])
    };
    assert_eq!(bases(&bare(refs(&["contacts/1"])).plan()), [format!("{D} []"), format!("{O} []")]);
    assert_eq!(bases(&bare(Observed::NotPermitted).plan()), Vec::<String>::new());
}

#[test]
fn each_side_is_told_as_it_stands() {
    let pair = || deal().agreed(O, &sf(&["Contact/P1"])).agreed(D, &hs(&["contacts/1"]));
    let same = derived(&pair());
    assert_eq!((stands(&same), same.case, same.result), (vec!["same", "same"], None, None));
    let changed = derived(&pair().seen(O, 10, &[(ROLES, refs(&["Contact/P1", "Contact/P2"]))]));
    assert_eq!(stands(&changed), ["same", "changed"]);
    assert_eq!(changed.result, Some(format!("{}, {}", entity(11), entity(12))));
    let cleared = derived(&pair().seen(O, 10, &[(ROLES, Observed::Empty)]));
    assert_eq!((stands(&cleared), cleared.result), (vec!["same", "changed"], None));
    let hidden = derived(&pair().seen(O, 10, &[(ROLES, Observed::NotPermitted)]));
    assert_eq!(stands(&hidden), ["same", "unknown"]);
    let fresh = derived(&deal().fresh(O, &sf(&["Contact/P1"])));
    assert_eq!((stands(&fresh), fresh.case), (vec!["no_base"], None), "alone, there is nothing to decide");
}

#[test]
fn who_may_have_been_merged_into_somebody_unknown_was_not_taken_out() {
    let people = ["contacts/1", "contacts/2"];
    let pair = || deal().agreed(O, &sf(&["Contact/P1", "Contact/P2"])).agreed(D, &hs(&people));
    let taken_out = pair().seen(D, 10, &[(CONTACTS, refs(&["contacts/1"]))]);
    assert_eq!(operations(&taken_out.plan()).len(), 1);
    let astray = pair().seen(D, 10, &[(CONTACTS, refs(&["contacts/1", "contacts/99"]))]);
    assert_eq!(operations(&astray.plan()), Vec::<String>::new());
    // Who joins does not wait for that.
    let joined = pair().seen(D, 10, &[(CONTACTS, refs(&["contacts/1", "contacts/3", "contacts/99"]))]);
    assert_eq!(operations(&joined.plan()), [format!("associate {O} {ROLES} salesforce/Contact/P3")]);
}

#[test]
fn who_was_never_seen_in_a_set_was_not_taken_out_of_it() {
    let mut case = deal().agreed(O, &sf(&["Contact/P1", "Contact/P2"])).agreed(D, &hs(&["contacts/1"]));
    let agreed = BaseEntry { agreed: Some(refs(&["contacts/1", "contacts/2"])), ..BaseEntry::NEVER };
    for (sight, operation) in [
        (Sight::Unseen, format!("associate {D} {CONTACTS} hubspot/contacts/2")),
        (Sight::Seen, format!("dissociate {O} {ROLES} salesforce/Contact/P2")),
    ] {
        let entry = BaseEntry { sight, ..agreed.clone() };
        case.link_mut(D).base.as_mut().unwrap().entries = [(CONTACTS.into(), entry)].into();
        assert_eq!(operations(&case.plan()), [operation]);
    }
}

#[test]
fn a_blank_that_nobody_made_one_takes_nothing_away_where_it_is_only_written() {
    let written = |case: Case| on(case, HS, |binding| binding.direction = Direction::Out);
    let never = written(deal().fresh(O, &sf(&[])).fresh(D, &hs(&["contacts/1"])));
    assert_eq!(operations(&never.plan()), Vec::<String>::new());
    let pair = deal().agreed(O, &sf(&["Contact/P1"])).agreed(D, &hs(&["contacts/1"]));
    let emptied = written(pair.seen(O, 10, &[(ROLES, Observed::Empty)]));
    assert_eq!(operations(&emptied.plan()), [format!("dissociate {D} {CONTACTS} hubspot/contacts/1")]);
}

#[test]
fn whom_a_delete_took_out_stays_on_the_other_side_until_that_is_decided() {
    let gone = record("hubspot/contacts/1");
    let left = |state: TargetState, people: &[&str]| {
        let mut case = deal()
            .agreed(O, &sf(&["Contact/P1", "Contact/P2"]))
            .agreed(D, &hs(&["contacts/1", "contacts/2"]));
        case.hood.targets.get_mut(&gone).unwrap().state = state;
        case.hood.records_of.get_mut(&entity(11)).unwrap().remove(HS);
        case.seen(D, 10, &[(CONTACTS, refs(people))])
    };
    let listed = [format!("salesforce contacts deleted_elsewhere [record:{gone}]")];
    let plan = left(TargetState::Deleted, &["contacts/2"]).plan();
    assert!(plan.operations.is_empty(), "{:?}", operations(&plan));
    assert_eq!(held(&plan), listed);
    // Others come and go meanwhile.
    let plan = left(TargetState::Deleted, &["contacts/3"]).plan();
    let moved = [
        format!("associate {O} {ROLES} salesforce/Contact/P3"),
        format!("dissociate {O} {ROLES} salesforce/Contact/P2"),
    ];
    assert_eq!((operations(&plan), held(&plan)), (moved.to_vec(), listed.to_vec()));
    // Who is gone on both sides is out of it.
    let mut both = left(TargetState::Deleted, &["contacts/2"]);
    both.hood.targets.get_mut(&record("salesforce/Contact/P1")).unwrap().state = TargetState::Deleted;
    both.hood.records_of.get_mut(&entity(11)).unwrap().clear();
    let plan = both.seen(O, 20, &[(ROLES, refs(&["Contact/P2"]))]).plan();
    assert!(plan.operations.is_empty() && plan.held.is_empty(), "{plan:?}");
    assert_eq!(bases(&plan), [format!("{D} []"), format!("{O} []")]);
    let taken = left(TargetState::Known, &["contacts/2"]).plan();
    assert_eq!(operations(&taken), [format!("dissociate {O} {ROLES} salesforce/Contact/P1")]);
}
