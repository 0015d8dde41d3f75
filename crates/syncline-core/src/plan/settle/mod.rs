//! Identity events that vendors made: conversions, merges, deletes, and records that came back. They move links, never
//! fields, and they are settled before anything is planned (CRM-4, CRM-12, CRM-17).

mod beside;
mod succession;

use crate::{mapping::Mapping, plan::Earlier};
use beside::{in_force_beside, put_beside, stand_in};
pub use succession::at_odds;
use succession::{Taken, converted, merged, put_already};
use syncline_model::{
    EntityId, Kind, Link, LinkState, RecordId, RecordRef, RecordState, Snapshot,
    defect::{Defect, planted},
    review::Question,
};

/// A change of links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkChange {
    /// Puts it.
    Put(Link),
    /// Removes it.
    Remove(RecordRef, Kind),
}

/// What follows from identity events of one entity.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settled {
    /// Links to change, all at once.
    pub links: Vec<LinkChange>,
    /// Questions for a person.
    pub questions: Vec<Question>,
    /// Entities to plan again because their links or their neighbours' moved, each with its own kind: a lead's event also
    /// moves its organisation.
    pub replan: Vec<(Kind, EntityId)>,
    /// Records to identify anew: their link is taken away here.
    pub again: Vec<(Kind, RecordRef)>,
}

/// A record that an event leads to, as it is linked already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Successor {
    /// Its link.
    pub link: Link,
    /// Who else that entity has.
    pub beside: Beside,
    /// The links of leads whose company that entity is.
    pub leads: Vec<Link>,
}

/// Whether an entity has records on other connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// It never had any.
    Nobody,
    /// None in force any more.
    Former,
    /// In force.
    Counterparts,
}

/// Settles the events of one entity. `link_of` gives the link that a record of [`looked_at`] has for a facet, if any; the
/// record itself need not have been captured yet.
pub fn settle(
    mapping: &Mapping,
    earlier: &Earlier,
    kind: Kind,
    links: &[Link],
    snapshots: &[Option<Snapshot>],
    link_of: impl Fn(&RecordRef, Kind) -> Option<Successor>,
) -> Settled {
    let mut settled = Settled::default();
    // The company of a lead is handed over with the person by a conversion. A delete takes nothing from it: who restores the
    // lead may convert it before anything was planned for it.
    let mut events: Vec<(Turn, &Link, &Snapshot)> = links
        .iter()
        .zip(snapshots)
        .filter(|(link, _)| link.facet == kind && is_own_object(mapping, link))
        .filter_map(|(link, snapshot)| Some((turn(link, snapshot.as_ref()?)?, link, snapshot.as_ref()?)))
        .collect();
    events.sort_by_key(|(turn, ..)| *turn);
    for (turn, stored, snapshot) in events {
        // It may have taken another one's place in this very step, and goes on as that one.
        let put = put_already(&settled, &stored.record, kind).and_then(|at| match &settled.links[at] {
            LinkChange::Put(link) => Some(link.clone()),
            LinkChange::Remove(..) => None,
        });
        let link = put.as_ref().unwrap_or(stored);
        let taken = |before| Taken { mapping, earlier, before, snapshot, links, snapshots };
        let stood = match turn {
            Turn::InForce | Turn::Beside => Some(link.state.clone()),
            Turn::WentOn | Turn::Back if put.is_some() => Some(link.state.clone()),
            Turn::WentOn | Turn::Back => back(mapping, link, links, snapshots, &settled),
        };
        match &snapshot.state {
            RecordState::Converted { contact: Some(contact), account, .. } => {
                converted(&taken(link), stood, contact, account.as_ref(), &link_of, &mut settled);
            }
            RecordState::Converted { contact: None, .. } => {}
            // It was settled when it was seen first.
            RecordState::MergedInto(_) if matches!(stored.state, LinkState::MergedInto(_)) => {}
            RecordState::MergedInto(survivor) => {
                merged(&taken(link), stood, survivor, &link_of, &mut settled);
            }
            RecordState::Deleted
                if matches!(link.state, LinkState::DuplicateOf(_))
                    || (turn == Turn::WentOn && put.is_none()) => {}
            RecordState::Deleted if planted(Defect::Recreated) => {
                settled.links.push(LinkChange::Remove(link.record.clone(), link.facet));
                settled.replan.push((link.facet, link.entity));
            }
            RecordState::Deleted => {
                settled.links.push(LinkChange::Put(Link { state: LinkState::Deleted, ..link.clone() }));
                settled.replan.push((link.facet, link.entity));
            }
            // From the recycle bin, where Salesforce puts merged records too.
            RecordState::Live if turn == Turn::Back && !planted(Defect::NeverAgain) => {
                came_back(link, stood, &mut settled);
            }
            RecordState::Live => {}
        }
    }
    stand_in(mapping, kind, links, snapshots, &mut settled);
    settled
}

/// When the event of a record is settled: what is in force hands its place on first, so that what stood beside it, and what was
/// away, find who has it, in whatever order the links come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    InForce,
    Beside,
    /// It was away, and was merged or converted before it was seen back.
    WentOn,
    /// It was away and is there again.
    Back,
}

fn turn(link: &Link, snapshot: &Snapshot) -> Option<Turn> {
    match &link.state {
        LinkState::Active => Some(Turn::InForce),
        LinkState::Pending | LinkState::DuplicateOf(_) => Some(Turn::Beside),
        LinkState::Deleted | LinkState::Undone(_) | LinkState::MergedInto(_) if snapshot.is_live() => {
            Some(Turn::Back)
        }
        LinkState::Deleted | LinkState::Undone(_) | LinkState::MergedInto(_) => Some(Turn::WentOn),
        LinkState::ConvertedTo(_) | LinkState::Excluded => None,
    }
}

/// How a record that was away stands when it is back: in force, or beside the one of its side that took its place; `None`: who
/// takes a merge back while the survivor stands for the thing says that the two are not one, and it is met as a record of its own.
fn back(
    mapping: &Mapping,
    link: &Link,
    links: &[Link],
    snapshots: &[Option<Snapshot>],
    settled: &Settled,
) -> Option<LinkState> {
    let beside = in_force_beside(mapping, links, snapshots, link).or_else(|| put_beside(settled, link));
    match (beside, &link.state) {
        (Some(_), LinkState::MergedInto(_)) => None,
        (Some(other), _) => Some(LinkState::DuplicateOf(other.record.id.clone())),
        (None, _) => Some(LinkState::Active),
    }
}

/// A record that was away is there again, and stands as [`back`] says.
fn came_back(link: &Link, stands: Option<LinkState>, settled: &mut Settled) {
    settled.replan.push((link.facet, link.entity));
    // Another one of its entity was merged into it in the same step, and handed on what it had agreed on since.
    if put_already(settled, &link.record, link.facet).is_some() {
        return;
    }
    let Some(state) = stands else {
        settled.links.push(LinkChange::Remove(link.record.clone(), link.facet));
        settled.again.push((link.facet, link.record.clone()));
        return;
    };
    let base = if state.is_active() { link.base.clone() } else { None };
    settled.links.push(LinkChange::Put(Link { state, base, ..link.clone() }));
}

/// The records whose links decide what follows from a record's state: itself, its survivor, what it was converted into.
pub fn looked_at(mapping: &Mapping, snapshot: &Snapshot) -> Vec<RecordRef> {
    let beside = &snapshot.record;
    let other = |object: Option<syncline_model::ObjectName>, id: &RecordId| {
        object.map(|object| RecordRef { connection: beside.connection.clone(), object, id: id.clone() })
    };
    match &snapshot.state {
        RecordState::Live | RecordState::Deleted => Vec::new(),
        RecordState::MergedInto(survivor) => {
            other(Some(beside.object.clone()), survivor).into_iter().collect()
        }
        RecordState::Converted { contact, account, .. } => {
            let contact = contact.as_ref().and_then(|id| other(contact_object(mapping, beside), id));
            let account =
                account.as_ref().and_then(|id| other(first_object(mapping, Kind::Organisation, beside), id));
            [contact, account, Some(beside.clone())].into_iter().flatten().collect()
        }
    }
}

/// Whether the link's record is of an object that the kind consists of.
pub(super) fn is_own_object(mapping: &Mapping, link: &Link) -> bool {
    mapping
        .kinds
        .get(&link.facet)
        .and_then(|model| model.objects.get(&link.record.connection))
        .is_some_and(|objects| objects.contains(&link.record.object))
}

/// Whether the link says whose company a lead's is, until the lead is converted.
pub fn is_of_lead(mapping: &Mapping, link: &Link) -> bool {
    link.facet == Kind::Organisation && link.state == LinkState::Pending && !is_own_object(mapping, link)
}

/// What a link's record was merged or converted into.
pub(super) fn went_on(mapping: &Mapping, link: &Link) -> Option<RecordRef> {
    let (object, id) = match &link.state {
        LinkState::MergedInto(survivor) => (link.record.object.clone(), survivor),
        LinkState::ConvertedTo(contact) => (contact_object(mapping, &link.record)?, contact),
        LinkState::Pending
        | LinkState::Active
        | LinkState::Deleted
        | LinkState::Excluded
        | LinkState::DuplicateOf(_)
        | LinkState::Undone(_) => return None,
    };
    Some(RecordRef { connection: link.record.connection.clone(), object, id: id.clone() })
}

fn contact_object(mapping: &Mapping, lead: &RecordRef) -> Option<syncline_model::ObjectName> {
    let objects = mapping.kinds.get(&Kind::Person)?.objects.get(&lead.connection)?;
    objects.iter().find(|object| **object != lead.object).cloned()
}

fn first_object(mapping: &Mapping, kind: Kind, beside: &RecordRef) -> Option<syncline_model::ObjectName> {
    mapping.kinds.get(&kind)?.objects.get(&beside.connection)?.first().cloned()
}
