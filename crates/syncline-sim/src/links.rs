//! Links stay: from one rest to the next a record is the same entity, but for merges, conversions and what
//! people said. Which entity it is, is the engine's own word; whether that may have changed, the ledger's.

use crate::{
    picture::{At, Life},
    player::Player,
    side::Side,
    world::{Broken, finish},
};
use std::collections::BTreeMap;
use syncline_model::{EntityId, RecordRef};

/// A record that is another entity than before.
struct Moved {
    side: Side,
    token: String,
    was: EntityId,
    entity: EntityId,
    evidence: String,
}

impl Player<'_> {
    /// Compares the links of all live records with those of the last rest.
    pub(crate) fn links_stay(&mut self) -> Result<(), Broken> {
        let picture = &self.people.picture;
        let live: Vec<(&At, RecordRef)> = picture
            .records
            .iter()
            .filter(|(_, record)| record.life == Life::Live)
            .map(|(at, _)| (at, RecordRef::new(at.side.name(), at.object, at.id.as_str())))
            .collect();
        let addresses: Vec<RecordRef> = live.iter().map(|(_, address)| address.clone()).collect();
        let stored = finish("links", self.world.store().records(&addresses))?
            .map_err(|error| Broken::new("links", error))?;
        let mut links: BTreeMap<At, EntityId> = BTreeMap::new();
        let mut moved = Vec::new();
        for ((at, _), stored) in live.into_iter().zip(stored) {
            let Some(record) = picture.records.get(at) else { continue };
            let own = stored.links.iter().find(|link| link.facet == record.kind && link.state.is_active());
            let Some(link) = own else { continue };
            if let Some(was) = self.links.get(at)
                && *was != link.entity
            {
                let thing = record.token.as_deref().and_then(|token| self.people.ledger.get(token));
                if let Some(thing) = thing.filter(|thing| !thing.murky && thing.converted.is_none()) {
                    let evidence = format!(
                        "{at} ({}) was {was:?} and is {:?} ({:?}), though nobody merged, converted or said anything",
                        thing.token, link.entity, link.evidence
                    );
                    let (token, entity) = (thing.token.clone(), link.entity);
                    moved.push(Moved { side: at.side, token, was: *was, entity, evidence });
                }
            }
            links.insert(at.clone(), link.entity);
        }
        // What a hidden key had kept apart may find its counterpart.
        let (before, now) = (&self.links, &links);
        let found = |it: &Moved| {
            let mut there = picture.live(it.side.other(), &it.token);
            there.any(|(at, _)| now.get(at) == Some(&it.entity) && before.get(at) != Some(&it.was))
        };
        moved.retain(|it| !found(it));
        self.links = links;
        for Moved { evidence, .. } in moved {
            self.violated("link_stays", evidence);
        }
        Ok(())
    }
}
