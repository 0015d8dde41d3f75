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
    order_at(SURVIVOR, cases, survivor)
}

fn order_at(address: &str, cases: &[Case], survivor: &[(&str, Observed)]) -> Vec<usize> {
    let shown = Case::of(Kind::Person).fresh(address, survivor);
    let shown = shown.hood.snapshots[0].as_ref().unwrap();
    let estates: Vec<Estate<'_>> = cases
        .iter()
        .map(|it| Estate { kind: it.hood.kind, links: &it.hood.links, snapshots: &it.hood.snapshots })
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

/// An entity of one record.
fn alone(number: u128, kind: Kind, address: &str, fields: &[(&str, Observed)], state: RecordState) -> Case {
    let mut case = Case::of(kind).agreed(address, fields);
    case.hood.links[0].entity = entity(number);
    case.hood.snapshots[0].as_mut().unwrap().state = state;
    case
}

#[test]
fn whose_lead_became_a_contact_has_no_claim_to_what_others_were_merged_into() {
    let name = |name: &'static str| [("LastName", text(name))];
    let converted = RecordState::Converted { contact: Some("3".into()), account: None, opportunity: None };
    let merged = RecordState::MergedInto("3".into());
    let cases = [
        alone(1, Kind::Person, "salesforce/Contact/1", &name("Lovelace"), merged),
        alone(2, Kind::Person, "salesforce/Lead/2", &name("Hopper"), converted),
    ];
    assert_eq!(order_at("salesforce/Contact/3", &cases, &name("Hopper")), [0, 1]);
}

#[test]
fn whose_leads_became_one_have_no_claim_to_it_as_companies() {
    let lead = |number: u128, name: &'static str| {
        let address = format!("salesforce/Lead/{number}");
        let merged = RecordState::MergedInto("3".into());
        alone(number, Kind::Organisation, &address, &[("Company", text(name))], merged)
    };
    let cases = [lead(1, "Acme"), lead(2, "Bell")];
    assert_eq!(order_at("salesforce/Lead/3", &cases, &[("Company", text("Bell"))]), [0, 1]);
}
