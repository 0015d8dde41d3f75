//! Records that may have come of a create of ours whose answer was lost.

use super::Page;
use crate::{
    applying::{Found, found},
    error::Error,
    hoods::Surroundings,
    parked::{Place, Waiting, waiting_key},
};
use syncline_core::identify::Identity;
use syncline_model::{Evidence, JournalSeq, Kind, Link, LinkState, RecordRef, review::Question};
use syncline_store::Dirty;

/// Stands as the key of a question whether a record came of a parked create.
const OUTCOME: &str = "the outcome of a create whose answer was lost";

/// A record that a parked create made.
pub(super) struct Came {
    pub(super) of: Place,
    pub(super) record: RecordRef,
    pub(super) work: Dirty,
    pub(super) edited: Edited,
}

/// Whether a record is not as it was made any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edited {
    No,
    Yes,
}

impl Page<'_> {
    /// What the records that are nobody's yet may have come of.
    pub(super) async fn claim(&mut self) -> Result<(), Error> {
        if self.lost.is_empty() {
            return Ok(());
        }
        let unlinked = self.wanted.iter().filter_map(|(kind, record)| {
            let stored = self.records.get(record)?;
            let free = stored.links.iter().all(|link| link.facet != *kind);
            stored.snapshot.as_ref().filter(|seen| free && seen.is_live()).map(|seen| (*kind, seen))
        });
        let unlinked: Vec<_> = unlinked.collect();
        self.claims = self.lost.claims(self.ctx, &unlinked, self.apart).await?;
        Ok(())
    }

    /// The parked create that certainly made this record: it carries what was sent; or we made it at that time, and one of
    /// its keys leads to the entity that it was made for.
    pub(super) fn came_of(&self, kind: Kind, record: &RecordRef) -> Option<(Place, Edited)> {
        let claim = self.claims.get(&(kind, record.clone()))?;
        let waits = |place: &Place| {
            self.lost.sent(place).is_some() && !self.came.iter().any(|came| came.of == *place)
        };
        if let Some(place) = claim.sure.as_ref().filter(|place| waits(place)) {
            return Some((place.clone(), Edited::No));
        }
        let model = self.ctx.mapping().kinds.get(&kind)?;
        let Identity::Joins { entity, .. } = self.identity(model, record) else { return None };
        let place = (entity, record.connection.clone());
        (claim.ours.contains(&place) && waits(&place)).then_some((place, Edited::Yes))
    }

    /// For the rest of the page it is linked.
    pub(super) fn came(&mut self, kind: Kind, came: Came) {
        let link = Link {
            record: came.record.clone(),
            facet: kind,
            entity: came.of.0,
            state: LinkState::Active,
            evidence: Evidence::Created,
            since: JournalSeq::default(),
            base: None,
        };
        self.members.entry(link.entity).or_default().push(link.record.clone());
        self.made.insert((link.record.clone(), kind), link);
        self.came.push(came);
    }

    /// Learns what came of creates, each in a transaction of its own: until then the record stays work.
    pub(super) async fn learn(&mut self) -> Result<(), Error> {
        let came = std::mem::take(&mut self.came);
        if came.is_empty() {
            return Ok(());
        }
        let mut surroundings = Surroundings::load(self.ctx).await?;
        for Came { of, record, work, edited } in came {
            let Some(sent) = self.lost.sent(&of) else { continue };
            let seen = self.records.get(&record).and_then(|stored| stored.snapshot.as_ref());
            let unedited = seen.filter(|_| edited == Edited::No);
            let what = Found { sent, record: &record, unedited, work };
            found(self.ctx, &mut surroundings, &what).await?;
            self.lost.end(&of);
            self.done.linked += 1;
        }
        Ok(())
    }

    /// A record that is new to us, unless a create of ours made it whose answer was lost: a person says (invariant 7).
    pub(super) fn hold(&mut self, kind: Kind, record: &RecordRef) -> Result<(), Error> {
        let Some(claim) = self.claims.get(&(kind, record.clone())) else { return Ok(()) };
        let of: Vec<Place> = claim.of.clone();
        let mut records: Vec<RecordRef> = self.lost.records(&of).chain([record.clone()]).collect();
        records.sort();
        records.dedup();
        let waiting = Waiting { record: record.clone(), kind, of };
        let bytes = serde_json::to_vec(&waiting).map_err(|error| Error::Internal(error.to_string()))?;
        self.batch.puts.push((waiting_key(kind, record), Some(bytes)));
        let entity = self.ctx.ids.entity(self.batch.at);
        self.ask(kind, record, entity, Question::SameThing { kind, key: OUTCOME.into(), records });
        Ok(())
    }
}
