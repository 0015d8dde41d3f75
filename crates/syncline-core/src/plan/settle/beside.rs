//! Second records of one side of one entity: who is in force beside a link, and who comes into force in its stead.

use super::{LinkChange, Settled, is_own_object, succession::put_already};
use crate::mapping::Mapping;
use syncline_model::{Kind, Link, LinkState, Snapshot};

/// A second record of one side comes into force where the one before it was deleted or went to another entity: it stands
/// for the same thing, and would be out of sync without a word.
pub(super) fn stand_in(
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
        // What it took the place of may have handed it its own, with what was agreed.
        let is_put = put_already(settled, &link.record, link.facet).is_some();
        if !waits || is_put || put_beside(settled, link).is_some() {
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

/// The other link in force of the same entity on the same connection, if there is one whose record is not seen to be gone.
pub(super) fn in_force_beside<'l>(
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
pub(super) fn put_beside<'s>(settled: &'s Settled, link: &Link) -> Option<&'s Link> {
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
