//! Conversions, merges, deletes and restores: links move, fields do not.

mod companies;
mod conversions;
mod merges;
mod seconds;

use super::world::*;
use crate::{
    mapping::{AttributeType, Codec, Direction, FieldState},
    plan::{
        Beside, Earlier, LinkChange, Settled, Successor, is_of_lead, looked_at, settle, side_digest,
        side_fields,
    },
};
use syncline_model::{
    BaseEntry, Evidence, Kind, Link, LinkState, Observed, RecordRef, RecordState, Watch, review::Question,
};

const LEAD: &str = "salesforce/Lead/00Q";
const CONTACT: &str = "salesforce/Contact/003";
const H: &str = "hubspot/contacts/1";
const FIRST: &str = "salesforce/Contact/003";
const SECOND: &str = "salesforce/Contact/004";

fn pair() -> Case {
    Case::of(Kind::Person)
        .agreed(
            LEAD,
            &[("LastName", text("Lovelace")), ("Email", text("ada@acme.com")), ("Title", text("Dr"))],
        )
        .agreed(
            H,
            &[("lastname", text("Lovelace")), ("email", text("ada@acme.com")), ("jobtitle", text("Dr"))],
        )
}

/// A person with two contacts in Salesforce, which stand so, and one in HubSpot.
fn twice(first: LinkState, second: LinkState) -> Case {
    let email = [("Email", text("a@b.de"))];
    let mut case = Case::of(Kind::Person).agreed(FIRST, &email).agreed(SECOND, &email);
    case = case.agreed(H, &[("email", text("a@b.de"))]);
    case.link_mut(FIRST).state = first;
    case.link_mut(SECOND).state = second;
    case
}

/// Another person, whose contact takes others in.
fn there() -> [Link; 2] {
    ["salesforce/Contact/009", "hubspot/contacts/9"].map(|it| link(it, Kind::Person, 9, LinkState::Active))
}

fn becomes(mut case: Case, address: &str, state: RecordState) -> Case {
    let position = case.hood.links.iter().position(|link| link.record == record(address)).unwrap();
    case.hood.snapshots[position].as_mut().unwrap().state = state;
    case
}

fn converted() -> RecordState {
    RecordState::Converted { contact: Some("003".into()), account: Some("A2".into()), opportunity: None }
}

fn settled(case: &Case, known: &[Link]) -> Settled {
    settled_after(case, &Earlier::new(), known)
}

fn settled_after(case: &Case, earlier: &Earlier, known: &[Link]) -> Settled {
    let link_of = |record: &RecordRef, facet: Kind| {
        let link = known.iter().find(|link| link.record == *record && link.facet == facet)?.clone();
        let is_beside =
            |other: &&Link| other.entity == link.entity && other.record.connection != link.record.connection;
        let beside = match known.iter().filter(is_beside).map(|other| other.state.is_active()).max() {
            None => Beside::Nobody,
            Some(false) => Beside::Former,
            Some(true) => Beside::Counterparts,
        };
        let leads =
            known.iter().filter(|other| other.entity == link.entity && is_of_lead(&case.mapping, other));
        Some(Successor { beside, leads: leads.cloned().collect(), link })
    };
    settle(&case.mapping, earlier, case.hood.kind, &case.hood.links, &case.hood.snapshots, link_of)
}

/// Puts the settled links in force, with the snapshot of a record that came in.
fn follow(mut case: Case, settled: Settled) -> Case {
    for change in settled.links {
        let LinkChange::Put(link) = change else { continue };
        match case
            .hood
            .links
            .iter()
            .position(|known| known.record == link.record && known.facet == link.facet)
        {
            Some(position) => case.hood.links[position] = link,
            None if link.facet == case.hood.kind => {
                case = case.fresh(&link.record.to_string(), &[]);
                *case.hood.links.last_mut().unwrap() = link;
            }
            None => {}
        }
    }
    case
}

fn links(settled: &Settled) -> Vec<String> {
    settled
        .links
        .iter()
        .map(|change| match change {
            LinkChange::Put(link) => format!("{} {} {:?}", link.record, link.facet, link.state),
            LinkChange::Remove(record, facet) => format!("{record} {facet} removed"),
        })
        .collect()
}

fn link(address: &str, facet: Kind, number: u128, state: LinkState) -> Link {
    let mut case = Case::of(facet).link(address, state);
    case.link_mut(address).entity = entity(number);
    case.hood.links.remove(0)
}

fn put(settled: &Settled, number: usize) -> &Link {
    let LinkChange::Put(link) = &settled.links[number] else { panic!("{settled:?}") };
    link
}

/// The one link to what both were merged into.
fn survivor(both: &Settled) -> Link {
    let put = both.links.iter().filter_map(|change| match change {
        LinkChange::Put(link) => Some(link).filter(|link| link.record == record("salesforce/Contact/005")),
        LinkChange::Remove(..) => None,
    });
    let [survivor] = put.collect::<Vec<_>>()[..] else { panic!("{both:?}") };
    survivor.clone()
}

/// What becomes of `contact`, which the pair's lead became, beside what else is known.
fn became(lead: Case, contact: &Link, others: &[Link]) -> Settled {
    let case = becomes(lead, LEAD, converted());
    let mut known = others.to_vec();
    known.push(contact.clone());
    settled(&case, &known)
}
