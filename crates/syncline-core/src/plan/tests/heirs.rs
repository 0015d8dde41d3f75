//! To whom a record goes that several were merged into.

use super::world::*;
use crate::{
    mapping::{Mapping, MatchRule},
    plan::{Estate, heirs_first},
};
use syncline_model::{Kind, LinkState, Observed, RecordState};

const SURVIVOR: &str = "hubspot/contacts/3";

/// A person in Salesforce, and its HubSpot contact, which was merged into another one.
fn pair(number: u128, name: &'static str) -> Case {
    let own = format!("hubspot/contacts/{number}");
    let mut case = Case::of(Kind::Person)
        .agreed(&format!("salesforce/Contact/{number}"), &[("LastName", text(name))])
        .agreed(&own, &[("lastname", text(name))]);
    for link in &mut case.hood.links {
        link.entity = entity(number);
    }
    let own = case.hood.snapshots.iter_mut().flatten().find(|it| it.record == record(&own)).unwrap();
    own.state = RecordState::MergedInto("3".into());
    case
}

fn planting(mapping: &Mapping) -> Mapping {
    let mut mapping = mapping.clone();
    mapping.kinds.get_mut(&Kind::Person).unwrap().match_keys = vec![MatchRule::Planted];
    let hubspot = mapping.connections.get_mut(HS).unwrap();
    hubspot.key_fields.insert("contacts".into(), "syncline_id".into());
    mapping
}

fn order(cases: &[Case], survivor: &[(&str, Observed)]) -> Vec<usize> {
    let shown = Case::of(Kind::Person).fresh(SURVIVOR, survivor);
    let shown = shown.hood.snapshots[0].as_ref().unwrap();
    let estates: Vec<Estate<'_>> = cases
        .iter()
        .map(|it| Estate { kind: Kind::Person, links: &it.hood.links, snapshots: &it.hood.snapshots })
        .collect();
    heirs_first(&planting(&cases[0].mapping), &estates, |it| (*it == shown.record).then_some(shown))
}

#[test]
fn a_survivor_goes_to_whom_it_looks_like_whatever_the_ids() {
    let cases = [pair(1, "Lovelace"), pair(2, "Hopper")];
    assert_eq!(order(&cases, &[("lastname", text("Hopper"))]), [1, 0]);
    assert_eq!(order(&cases, &[("lastname", text("Lovelace"))]), [0, 1]);
}

#[test]
fn a_survivor_that_looks_like_neither_goes_to_whom_it_was_planted_for() {
    let cases = [pair(1, "Lovelace"), pair(2, "Hopper")];
    let key = || ("syncline_id", text(&entity(2).to_string()));
    assert_eq!(order(&cases, &[("lastname", text("Turing")), key()]), [1, 0]);
    // A key is taken over like any value that the one which goes on lacks.
    assert_eq!(order(&cases, &[("lastname", text("Lovelace")), key()]), [0, 1]);
}

#[test]
fn a_survivor_goes_to_whom_somebody_waits_for_it() {
    let mut cases = [pair(1, "Lovelace"), pair(2, "Hopper")];
    for link in cases[0].hood.links.iter_mut().filter(|link| link.record.connection.as_str() == SF) {
        link.state = LinkState::Deleted;
    }
    assert_eq!(order(&cases, &[("lastname", text("Lovelace"))]), [1, 0]);
}
