//! Who takes a record's place: what a lead was converted into, what a record was merged into.

use super::{
    Beside, LinkChange, Settled, Successor,
    beside::{in_force_beside, put_beside},
    contact_object, first_object, is_of_lead,
};
use crate::{
    mapping::Mapping,
    plan::{Earlier, inherit::inherited},
};
use syncline_model::{
    EntityId, Evidence, JournalSeq, Kind, Link, LinkState, Observed, RecordId, RecordRef, RecordState,
    Snapshot, Value, review::Question,
};

/// A link whose record another one took the place of.
pub(super) struct Taken<'a> {
    pub(super) mapping: &'a Mapping,
    pub(super) earlier: &'a Earlier,
    pub(super) before: &'a Link,
    /// What its record last showed.
    pub(super) snapshot: &'a Snapshot,
    /// All links of its entity.
    pub(super) links: &'a [Link],
    /// What their records last showed.
    pub(super) snapshots: &'a [Option<Snapshot>],
}

/// A lead became a contact: the person's link, that stood so, moves to it in the same step, and the account resolves what was
/// pending. One that stood for nobody any more leaves a contact to be met as it is.
pub(super) fn converted(
    taken: &Taken<'_>,
    stood: Option<LinkState>,
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
    match stood {
        Some(state) => {
            let evidence = Evidence::Conversion(lead.record.id.clone());
            succeed(taken, state, record, evidence, successor, settled);
        }
        None if successor(&record, lead.facet).is_none() => settled.again.push((lead.facet, record)),
        None => {}
    }
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

/// A converted lead and its contact that name different accounts: the contact's, and the contact. What a lead was converted into
/// is rewritten when that account is merged, so one of them may have been read before a merge and the lead after it; what the
/// contact names would pass for an account of its own. Or somebody moved the contact.
pub fn at_odds(mapping: &Mapping, lead: &Snapshot, contact: &Snapshot) -> Vec<RecordRef> {
    let RecordState::Converted { account: Some(account), .. } = &lead.state else { return Vec::new() };
    let RecordRef { connection, object, .. } = &contact.record;
    let edges = mapping.kinds.get(&Kind::Person).into_iter().flat_map(|model| &model.edges);
    let shown = edges
        .filter(|edge| edge.to == Kind::Organisation)
        .filter_map(|edge| edge.binding(connection, object))
        .flat_map(|binding| match contact.field(binding.field.as_str()) {
            Observed::Value(Value::Refs(refs)) => refs.as_slice(),
            Observed::Value(_)
            | Observed::Empty
            | Observed::Absent
            | Observed::NotFetched
            | Observed::NotPermitted => &[],
        });
    let others = shown.filter(|named| named.id != *account).map(|named| RecordRef {
        connection: connection.clone(),
        object: named.object.clone(),
        id: named.id.clone(),
    });
    let mut odds: Vec<RecordRef> = others.collect();
    if !odds.is_empty() {
        odds.push(contact.record.clone());
    }
    odds
}

/// A record became part of another one, which takes its place as it stood.
pub(super) fn merged(
    taken: &Taken<'_>,
    stood: Option<LinkState>,
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
    // Where the delete was seen first, and then that it was a merge, the link stood until then, unless another one came into
    // force meanwhile.
    let Some(state) = stood else { return };
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
    let Taken { mapping, earlier, before, snapshot, links, snapshots } = *taken;
    let base = |record: &RecordRef| inherited(mapping, earlier, before, snapshot, record);
    settled.replan.push((before.facet, before.entity));
    if let Some(position) = put_already(settled, &record, before.facet) {
        // Two of this entity became one in one step: it agrees on what the one in force did.
        if !before.state.is_active() || before.base.is_none() {
            return;
        }
        settled.links.remove(position);
    }
    match successor(&record, before.facet) {
        Some(Successor { link: known, .. }) if known.entity == before.entity => {
            if state.is_active() && !known.state.is_active() {
                let base = base(&known.record).or_else(|| known.base.clone());
                let link = Link { state: LinkState::Active, evidence, base, ..known };
                settled.links.push(LinkChange::Put(link));
            }
        }
        // It only waited for a person's word on what it is, and this says it.
        Some(known) if known.link.state == LinkState::Pending && state.is_active() => {
            move_here(taken, known, evidence, settled);
        }
        Some(known) => two_became_one(taken, &state, known, evidence, settled),
        None => {
            let beside =
                in_force_beside(mapping, links, snapshots, before).or_else(|| put_beside(settled, before));
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

/// Both were linked: the survivor keeps its own entity. If it never agreed with anything, and this one did or has (or had,
/// and a person is asked about that) records elsewhere, it moves here, unless a record was made of it meanwhile; else the
/// other sides hold two records for what is now one, which a person has to look at.
fn two_became_one(
    taken: &Taken<'_>,
    state: &LinkState,
    known: Successor,
    evidence: Evidence,
    settled: &mut Settled,
) {
    let Taken { mapping, before, links, snapshots, .. } = *taken;
    let survivor = &known.link;
    settled.replan.push((survivor.facet, survivor.entity));
    let elsewhere = || {
        links
            .iter()
            .filter(|link| link.facet == before.facet && link.record.connection != before.record.connection)
    };
    let mut records: Vec<RecordRef> =
        elsewhere().filter(|link| link.state.is_active()).map(|link| link.record.clone()).collect();
    let was_elsewhere =
        elsewhere().any(|link| matches!(link.state, LinkState::Deleted | LinkState::Undone(_)));
    let moves = match known.beside {
        Beside::Nobody => before.base.is_some() || was_elsewhere || !records.is_empty(),
        Beside::Former => before.base.is_some(),
        Beside::Counterparts => false,
    };
    if survivor.state.is_active() && survivor.base.is_none() && moves && state.is_active() {
        move_here(taken, known, evidence, settled);
    } else if !records.is_empty() {
        records.push(survivor.record.clone());
        records.sort();
        settled.questions.push(Question::SameThing {
            kind: before.facet,
            key: format!("{} took the place of {}", survivor.record, before.record).into(),
            records,
        });
    } else if in_force_beside(mapping, links, snapshots, before).is_none() {
        let leads = links.iter().filter(|link| is_of_lead(mapping, link)).cloned();
        follow(leads.collect(), survivor.entity, settled);
    }
}

/// What took the place of a record of this entity is this entity's from now on, and so are the leads of its company.
fn move_here(taken: &Taken<'_>, known: Successor, evidence: Evidence, settled: &mut Settled) {
    let Taken { mapping, earlier, before, snapshot, .. } = *taken;
    let base = inherited(mapping, earlier, before, snapshot, &known.link.record);
    let link = Link { entity: before.entity, state: LinkState::Active, evidence, base, ..known.link };
    settled.links.push(LinkChange::Put(link));
    follow(known.leads, before.entity, settled);
}

/// Where this step put a link of this record already.
pub(super) fn put_already(settled: &Settled, record: &RecordRef, facet: Kind) -> Option<usize> {
    settled.links.iter().position(
        |change| matches!(change, LinkChange::Put(link) if link.record == *record && link.facet == facet),
    )
}

/// Leads of a company that became part of another one are the other one's.
fn follow(leads: Vec<Link>, company: EntityId, settled: &mut Settled) {
    settled.links.extend(leads.into_iter().map(|lead| LinkChange::Put(Link { entity: company, ..lead })));
}
