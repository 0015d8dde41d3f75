//! A record that we made agrees with its source on what it was made with, although the source has agreed on nothing yet.

use super::world::*;
use crate::mapping::KindModel;
use syncline_model::{Evidence, JournalSeq, Kind, Observed};

const C: &str = "salesforce/Contact/003";
const H: &str = "hubspot/contacts/1";
const O: &str = "salesforce/Opportunity/006";
const D: &str = "hubspot/deals/9";

fn hubspot_wins(model: &mut KindModel) {
    model.attributes.iter_mut().for_each(|attribute| attribute.tie = Some(HS.into()));
    model.edges.iter_mut().for_each(|edge| edge.tie = Some(HS.into()));
}

/// A HubSpot record that was made of a Salesforce record, at this entry of the journal.
fn made_of(mut case: Case, made: &str, since: u64) -> Case {
    let link = case.link_mut(made);
    link.evidence = Evidence::Created;
    link.since = JournalSeq(since);
    case
}

/// A contact made of a contact with this title; the source has shown `title` since.
fn person(title: &str, since: u64) -> Case {
    let case = Case::of(Kind::Person)
        .fresh(C, &[("LastName", text("Lee")), ("Email", text("l@x.org")), ("Title", text(title))])
        .agreed(H, &[("lastname", text("Lee")), ("email", text("l@x.org")), ("jobtitle", text("Dr"))]);
    made_of(case, H, since)
}

#[test]
fn what_changes_on_what_was_made_travels_back_and_what_changes_at_the_source_travels_on() {
    for since in [0, 1, 9] {
        let there = person("Dr", since).seen(H, 10, &[("jobtitle", text("Prof"))]);
        assert_eq!(operations(&there.plan()), [format!("update {C} Title=Prof")], "since {since}");
        let source = person("Prof", since).model(hubspot_wins);
        assert_eq!(operations(&source.plan()), [format!("update {H} jobtitle=Prof")], "since {since}");
        assert_eq!(operations(&person("Dr", since).plan()), Vec::<String>::new());
    }
}

#[test]
fn a_link_older_than_the_source_was_made_of_something_else() {
    let mut case = person("Dr", 1).seen(H, 10, &[("jobtitle", text("Prof"))]);
    case.link_mut(C).since = JournalSeq(5);
    assert_eq!(operations(&case.plan()), [format!("update {H} jobtitle=Dr")], "first contact: the tie");
    let mut other = person("Dr", 1).seen(H, 10, &[("jobtitle", text("Prof"))]);
    other.link_mut(H).evidence = Evidence::Planted;
    assert_eq!(operations(&other.plan()), [format!("update {H} jobtitle=Dr")]);
}

/// A deal made of an opportunity with account 2; the source has shown `account` since.
fn deal(account: &str) -> Case {
    let case = Case::of(Kind::Deal)
        .other(2, &["salesforce/Account/A2", "hubspot/companies/C2"])
        .other(3, &["salesforce/Account/A3", "hubspot/companies/C3"])
        .fresh(O, &[("Name", text("Big")), ("StageName", option("New")), ("AccountId", refs(&[account]))])
        .agreed(
            D,
            &[
                ("dealname", text("Big")),
                ("dealstage", option("s1")),
                ("pipeline", option("default")),
                ("@deal_to_company", refs(&["companies/C2!"])),
            ],
        );
    made_of(case, D, 1)
}

#[test]
fn relations_travel_back_and_on_in_the_same_way() {
    let there = deal("Account/A2").seen(D, 10, &[("@deal_to_company", refs(&["companies/C3!"]))]);
    assert_eq!(operations(&there.plan()), [format!("update {O} AccountId=#3")]);
    let source = deal("Account/A3").model(hubspot_wins);
    assert_eq!(
        operations(&source.plan()),
        [
            format!("dissociate {D} @deal_to_company hubspot/companies/C2 primary"),
            format!("associate {D} @deal_to_company hubspot/companies/C3 primary")
        ]
    );
    // Both unchanged: agreed, and the source's base is set.
    let plan = deal("Account/A2").plan();
    assert!(plan.operations.is_empty() && plan.held.is_empty());
    assert_eq!(bases(&plan), [format!("{O} []")]);
    // Both moved: a conflict, which the tie settles.
    let both = deal("Account/A3").seen(D, 10, &[("@deal_to_company", Observed::Empty)]);
    assert_eq!(
        operations(&both.plan()),
        [format!("associate {D} @deal_to_company hubspot/companies/C3 primary")]
    );
}
