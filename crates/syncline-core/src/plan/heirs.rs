//! Whose place a record takes that came of several at once: HubSpot gives what two records were merged into an id of its
//! own, and to whom that one belongs is nobody's id to say. It shows the values, and carries the planted key, of one of them.

use super::settle::{is_own_object, looked_at};
use crate::{
    identify::{keys, planted_key},
    mapping::Mapping,
};
use std::collections::BTreeMap;
use syncline_model::{Kind, Link, Observed, RecordRef, RecordState, Snapshot};

/// An entity of which a record may have gone on, as it is stored.
#[derive(Debug, Clone, Copy)]
pub struct Estate<'a> {
    /// As what.
    pub kind: Kind,
    /// All its links.
    pub links: &'a [Link],
    /// What their records last showed.
    pub snapshots: &'a [Option<Snapshot>],
}

/// How far an entity is from being the one that a survivor belongs to; the least is nearest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Distance {
    /// Nobody waits for it on another side.
    lonely: bool,
    /// Values that it does not show any more.
    lost: usize,
    /// It does not carry the key that was planted for the entity; one that it does carry it may have taken over with a value
    /// that it lacked.
    unplanted: bool,
}

/// The order in which estates are settled, so that a record that is linked to nothing yet goes to the nearest of those
/// that it came of. `seen` is what a record last showed.
pub fn heirs_first<'s>(
    mapping: &Mapping,
    estates: &[Estate<'_>],
    seen: impl Fn(&RecordRef) -> Option<&'s Snapshot>,
) -> Vec<usize> {
    let mut claims: BTreeMap<(RecordRef, Kind), Vec<(Distance, usize)>> = BTreeMap::new();
    for (position, estate) in estates.iter().enumerate() {
        for (link, last) in estate.links.iter().zip(estate.snapshots) {
            let Some(last) = last.as_ref().filter(|_| link.facet == estate.kind) else { continue };
            if !is_own_object(mapping, link) || !is_merged(last) {
                continue;
            }
            for survivor in looked_at(mapping, last) {
                let distance = distance(mapping, estate, link, last, seen(&survivor));
                claims.entry((survivor, estate.kind)).or_default().push((distance, position));
            }
        }
    }
    let mut yields = vec![0_usize; estates.len()];
    for mut claimants in claims.into_values() {
        claimants.sort();
        for (_, position) in claimants.into_iter().skip(1) {
            yields[position] += 1;
        }
    }
    let mut order: Vec<usize> = (0..estates.len()).collect();
    order.sort_by_key(|position| yields[*position]);
    order
}

fn is_merged(last: &Snapshot) -> bool {
    matches!(last.state, RecordState::MergedInto(_))
}

fn distance(
    mapping: &Mapping,
    estate: &Estate<'_>,
    link: &Link,
    last: &Snapshot,
    survivor: Option<&Snapshot>,
) -> Distance {
    let lonely = !estate.links.iter().zip(estate.snapshots).any(|(other, seen)| {
        other.facet == link.facet
            && other.record.connection != link.record.connection
            && other.state.is_active()
            && seen.as_ref().is_none_or(Snapshot::is_live)
    });
    let planted = planted_key(link.entity);
    let carries = |seen: &Snapshot| keys(mapping, link.facet, seen).contains(&planted);
    let lost = survivor.map_or(0, |survivor| {
        let shown = last.fields.iter().filter(|(_, value)| matches!(value, Observed::Value(_)));
        shown.filter(|(name, value)| survivor.field(name.as_str()) != value).count()
    });
    Distance { lonely, lost, unplanted: !survivor.is_some_and(carries) }
}
