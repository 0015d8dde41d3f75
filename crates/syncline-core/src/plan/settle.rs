//! Identity events that vendors made: conversions, merges, deletes, and records that came back. They move links, never
//! fields, and they are settled before anything is planned (CRM-4, CRM-12, CRM-17).

use super::inherit::inherited;
use crate::mapping::Mapping;
use syncline_model::{
    EntityId, Evidence, JournalSeq, Kind, Link, LinkState, RecordId, RecordRef, RecordState, Snapshot,
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
    kind: Kind,
    links: &[Link],
    snapshots: &[Option<Snapshot>],
    link_of: impl Fn(&RecordRef, Kind) -> Option<Successor>,
) -> Settled {
    let mut settled = Settled::default();
    for (link, snapshot) in links.iter().zip(snapshots) {
        let Some(snapshot) = snapshot else { continue };
        if link.facet != kind {
            continue;
        }
        if !is_own_object(mapping, link) {
            // The company of a lead: kept while the lead is one; a conversion hands it over with the person.
            if snapshot.state == RecordState::Deleted {
                settled.links.push(LinkChange::Remove(link.record.clone(), link.facet));
            }
            continue;
        }
        match (&snapshot.state, &link.state) {
            (
                RecordState::Converted { contact: Some(contact), account, .. },
                LinkState::Active
                | LinkState::Pending
                | LinkState::DuplicateOf(_)
                | LinkState::MergedInto(_)
                | LinkState::Deleted
                | LinkState::Undone(_),
            ) => {
                // One that was merged away or deleted is back, and has gone on.
                let back = Link { state: LinkState::Active, ..link.clone() };
                let was_away = matches!(
                    link.state,
                    LinkState::MergedInto(_) | LinkState::Deleted | LinkState::Undone(_)
                );
                let before = if was_away { &back } else { link };
                let taken = Taken { mapping, before, snapshot, links, snapshots };
                converted(&taken, contact, account.as_ref(), &link_of, &mut settled);
            }
            (
                RecordState::MergedInto(survivor),
                LinkState::Active | LinkState::Pending | LinkState::DuplicateOf(_) | LinkState::Deleted,
            ) => {
                let taken = Taken { mapping, before: link, snapshot, links, snapshots };
                merged(&taken, survivor, &link_of, &mut settled);
            }
            (RecordState::Deleted, LinkState::Active | LinkState::Pending) if planted(Defect::Recreated) => {
                settled.links.push(LinkChange::Remove(link.record.clone(), link.facet));
                settled.replan.push((link.facet, link.entity));
            }
            (RecordState::Deleted, LinkState::Active | LinkState::Pending) => {
                settled.links.push(LinkChange::Put(Link { state: LinkState::Deleted, ..link.clone() }));
                settled.replan.push((link.facet, link.entity));
            }
            // It came back from the recycle bin (where Salesforce puts merged records too): its link is in force again,
            // unless another took its place meanwhile.
            (RecordState::Live, LinkState::Deleted | LinkState::Undone(_) | LinkState::MergedInto(_))
                if !planted(Defect::NeverAgain) =>
            {
                let beside = in_force_beside(mapping, links, snapshots, link);
                let beside =
                    beside.or_else(|| put_beside(&settled, link)).map(|other| other.record.id.clone());
                settled.replan.push((link.facet, link.entity));
                match (beside, &link.state) {
                    (None, _) => {
                        settled.links.push(LinkChange::Put(Link { state: LinkState::Active, ..link.clone() }))
                    }
                    // Who takes a merge back says that the two are not one: it is met as a record of its own.
                    (Some(_), LinkState::MergedInto(_)) => {
                        settled.links.push(LinkChange::Remove(link.record.clone(), link.facet));
                        settled.again.push((link.facet, link.record.clone()));
                    }
                    (Some(other), _) => settled.links.push(LinkChange::Put(Link {
                        state: LinkState::DuplicateOf(other),
                        base: None,
                        ..link.clone()
                    })),
                }
            }
            _ => {}
        }
    }
    stand_in(mapping, kind, links, snapshots, &mut settled);
    settled
}

/// A second record of one side comes into force where the one before it was deleted or went to another entity: it stands
/// for the same thing, and would be out of sync without a word.
fn stand_in(
    mapping: &Mapping,
    kind: Kind,
    links: &[Link],
    snapshots: &[Option<Snapshot>],
    settled: &mut Settled,
) {
    for (link, snapshot) in links.iter().zip(snapshots) {
        let waits = link.facet == kind
            && matches!(link.state, LinkState::DuplicateOf(_))
            && is_own_object(mapping, link)
            && snapshot.as_ref().is_some_and(Snapshot::is_live);
        if !waits || put_beside(settled, link).is_some() {
            continue;
        }
        let same_side = |other: &&Link| {
            other.record != link.record
                && other.facet == kind
                && other.record.connection == link.record.connection
                && is_own_object(mapping, other)
        };
        let mut beside = links.iter().zip(snapshots).filter(|(other, _)| same_side(other));
        let is_out = |(other, seen): (&Link, &Option<Snapshot>)| match &other.state {
            LinkState::Deleted
            | LinkState::MergedInto(_)
            | LinkState::ConvertedTo(_)
            | LinkState::DuplicateOf(_) => true,
            LinkState::Active => seen.as_ref().is_some_and(|seen| !seen.is_live()),
            LinkState::Pending | LinkState::Excluded | LinkState::Undone(_) => false,
        };
        if beside.all(is_out) {
            settled.links.push(LinkChange::Put(Link {
                state: LinkState::Active,
                base: None,
                ..link.clone()
            }));
            settled.replan.push((link.facet, link.entity));
        }
    }
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

/// Leads of a company that became part of another one are the other one's.
fn follow(leads: Vec<Link>, company: EntityId, settled: &mut Settled) {
    settled.links.extend(leads.into_iter().map(|lead| LinkChange::Put(Link { entity: company, ..lead })));
}

/// The other link in force of the same entity on the same connection, if there is one whose record is not seen to be gone.
fn in_force_beside<'l>(
    mapping: &Mapping,
    links: &'l [Link],
    snapshots: &[Option<Snapshot>],
    link: &Link,
) -> Option<&'l Link> {
    let found = links.iter().zip(snapshots).find(|(other, seen)| {
        is_beside(other, link)
            && other.state.is_active()
            && is_own_object(mapping, other)
            && seen.as_ref().is_none_or(Snapshot::is_live)
    });
    found.map(|(other, _)| other)
}

/// The same, of the links that this step puts in force.
fn put_beside<'s>(settled: &'s Settled, link: &Link) -> Option<&'s Link> {
    settled.links.iter().find_map(|change| match change {
        LinkChange::Put(other) => {
            (is_beside(other, link) && other.entity == link.entity && other.state.is_active())
                .then_some(other)
        }
        LinkChange::Remove(..) => None,
    })
}

fn is_beside(other: &Link, link: &Link) -> bool {
    other.record != link.record
        && other.facet == link.facet
        && other.record.connection == link.record.connection
}

/// A link whose record another one took the place of.
struct Taken<'a> {
    mapping: &'a Mapping,
    before: &'a Link,
    /// What its record last showed.
    snapshot: &'a Snapshot,
    /// All links of its entity.
    links: &'a [Link],
    /// What their records last showed.
    snapshots: &'a [Option<Snapshot>],
}

/// A lead became a contact: the person's link moves to it in the same step, and the account resolves what was pending.
fn converted(
    taken: &Taken<'_>,
    contact: &RecordId,
    account: Option<&RecordId>,
    successor: &impl Fn(&RecordRef, Kind) -> Option<Successor>,
    settled: &mut Settled,
) {
    let (mapping, lead) = (taken.mapping, taken.before);
    let Some(object) = contact_object(mapping, &lead.record) else { return };
    let record = RecordRef { connection: lead.record.connection.clone(), object, id: contact.clone() };
    settled.links.push(LinkChange::Put(Link {
        state: LinkState::ConvertedTo(contact.clone()),
        base: None,
        ..lead.clone()
    }));
    succeed(
        taken,
        lead.state.clone(),
        record,
        Evidence::Conversion(lead.record.id.clone()),
        successor,
        settled,
    );
    let pending = successor(&lead.record, Kind::Organisation).map(|known| known.link);
    let pending = pending.filter(|link| link.state == LinkState::Pending);
    let Some(pending) = pending else { return };
    settled.links.push(LinkChange::Remove(pending.record.clone(), pending.facet));
    if let Some(account) = account
        && let Some(object) = first_object(mapping, Kind::Organisation, &lead.record)
    {
        let record = RecordRef { connection: lead.record.connection.clone(), object, id: account.clone() };
        if successor(&record, Kind::Organisation).is_none() {
            settled.links.push(LinkChange::Put(Link {
                record,
                facet: Kind::Organisation,
                entity: pending.entity,
                state: LinkState::Active,
                evidence: Evidence::Conversion(lead.record.id.clone()),
                since: JournalSeq::default(),
                base: None,
            }));
            settled.replan.push((pending.facet, pending.entity));
        }
    }
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

fn merged(
    taken: &Taken<'_>,
    survivor: &RecordId,
    successor: &impl Fn(&RecordRef, Kind) -> Option<Successor>,
    settled: &mut Settled,
) {
    let loser = taken.before;
    let record = RecordRef {
        connection: loser.record.connection.clone(),
        object: loser.record.object.clone(),
        id: survivor.clone(),
    };
    // It keeps what it agreed on: a merge can be taken back.
    settled
        .links
        .push(LinkChange::Put(Link { state: LinkState::MergedInto(survivor.clone()), ..loser.clone() }));
    // Where the delete was seen first, and then that it was a merge, the link was in force until then.
    let state = if loser.state == LinkState::Deleted { LinkState::Active } else { loser.state.clone() };
    succeed(taken, state, record, Evidence::Merge(loser.record.id.clone()), successor, settled);
}

/// Hands a link that stood at `state` over to the record that took its place.
fn succeed(
    taken: &Taken<'_>,
    state: LinkState,
    record: RecordRef,
    evidence: Evidence,
    successor: &impl Fn(&RecordRef, Kind) -> Option<Successor>,
    settled: &mut Settled,
) {
    let Taken { mapping, before, snapshot, links, snapshots } = *taken;
    let base = |record: &RecordRef| inherited(mapping, before, snapshot, record);
    settled.replan.push((before.facet, before.entity));
    if let Some(position) = put_already(settled, &record, before.facet) {
        // Two of this entity became one in one step: it agrees on what the one in force did.
        if !before.state.is_active() || before.base.is_none() {
            return;
        }
        settled.links.remove(position);
    }
    let known = successor(&record, before.facet);
    let beside = known.as_ref().map_or(Beside::Nobody, |known| known.beside);
    let leads = known.as_ref().map(|known| known.leads.clone()).unwrap_or_default();
    match known.map(|known| known.link) {
        Some(known) if known.entity == before.entity => {
            if state.is_active() && !known.state.is_active() {
                let base = base(&known.record).or_else(|| known.base.clone());
                settled.links.push(LinkChange::Put(Link {
                    state: LinkState::Active,
                    evidence,
                    base,
                    ..known
                }));
            }
        }
        // It only waited for a person's word on what it is, and this says it.
        Some(known) if known.state == LinkState::Pending && state.is_active() => {
            settled.links.push(LinkChange::Put(Link {
                entity: before.entity,
                state: LinkState::Active,
                evidence,
                base: base(&known.record),
                ..known
            }));
            follow(leads, before.entity, settled);
        }
        Some(known) => {
            // Both were linked: the survivor keeps its own entity. If it never agreed with anything, and this one did or has
            // (or had, and a person is asked about that) records elsewhere, it moves here, unless a record was made of it
            // meanwhile; else the other sides hold two records for what is now one, which a person has to look at.
            let elsewhere = links.iter().filter(|link| {
                link.facet == before.facet && link.record.connection != before.record.connection
            });
            let mut records: Vec<RecordRef> = elsewhere
                .clone()
                .filter(|link| link.state.is_active())
                .map(|link| link.record.clone())
                .collect();
            let was_elsewhere =
                elsewhere.clone().any(|link| matches!(link.state, LinkState::Deleted | LinkState::Undone(_)));
            let is_met = before.base.is_some() || was_elsewhere || !records.is_empty();
            let moves = match beside {
                Beside::Nobody => is_met,
                Beside::Former => before.base.is_some(),
                Beside::Counterparts => false,
            };
            if known.state.is_active() && known.base.is_none() && moves && state.is_active() {
                settled.links.push(LinkChange::Put(Link {
                    entity: before.entity,
                    state: LinkState::Active,
                    evidence,
                    base: base(&known.record),
                    ..known.clone()
                }));
                settled.replan.push((known.facet, known.entity));
                follow(leads, before.entity, settled);
                return;
            }
            if records.is_empty() {
                settled.replan.push((known.facet, known.entity));
                if in_force_beside(mapping, links, snapshots, before).is_none() {
                    let leads = links.iter().filter(|link| is_of_lead(mapping, link)).cloned();
                    follow(leads.collect(), known.entity, settled);
                }
                return;
            }
            records.push(record);
            records.sort();
            settled.questions.push(Question::SameThing {
                kind: before.facet,
                key: format!("{} took the place of {}", known.record, before.record).into(),
                records,
            });
            settled.replan.push((known.facet, known.entity));
        }
        None => {
            let beside = in_force_beside(mapping, links, snapshots, before);
            let state = match (&state, beside) {
                (LinkState::Pending, _) => LinkState::Pending,
                // What a second record became is a second record still.
                (LinkState::DuplicateOf(_), Some(other)) => LinkState::DuplicateOf(other.record.id.clone()),
                _ => LinkState::Active,
            };
            settled.links.push(LinkChange::Put(Link {
                base: base(&record),
                record,
                facet: before.facet,
                entity: before.entity,
                state,
                evidence,
                since: JournalSeq::default(),
            }));
        }
    }
}

/// Where this step put a link of this record already.
fn put_already(settled: &Settled, record: &RecordRef, facet: Kind) -> Option<usize> {
    settled.links.iter().position(
        |change| matches!(change, LinkChange::Put(link) if link.record == *record && link.facet == facet),
    )
}
