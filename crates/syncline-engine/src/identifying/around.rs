//! The records around those that are identified: who shares a key with them, and whose they are.

use super::Page;
use crate::{error::Error, settling};
use std::collections::{BTreeMap, BTreeSet};
use syncline_core::identify::{Candidate, RecordKey, hidden_keys, keys, remembered};
use syncline_model::{EntityId, Kind, Link, LinkState, RecordRef};
use syncline_store::MatchKey;

impl Page<'_> {
    /// The records, those that share a key with them, those that share a key with these, and whose they are; again where
    /// what vendors did to one of them moved a link. Says whether one was moved.
    pub(super) async fn load(&mut self) -> Result<bool, Error> {
        let mut moved = false;
        while self.load_once().await? {
            moved = true;
            self.records.clear();
            self.carriers.clear();
            self.members.clear();
            self.former.clear();
        }
        Ok(moved)
    }

    async fn load_once(&mut self) -> Result<bool, Error> {
        let mut by_kind: BTreeMap<Kind, Vec<RecordRef>> = BTreeMap::new();
        for (kind, record) in &self.wanted {
            by_kind.entry(*kind).or_default().push(record.clone());
        }
        for (kind, records) in by_kind {
            let mut frontier = records;
            for _hop in 0..2 {
                self.load_records(&frontier).await?;
                frontier = self.load_carriers(kind, &frontier).await?;
            }
            self.load_records(&frontier).await?;
        }
        let entities: BTreeSet<EntityId> =
            self.records.values().flat_map(|record| record.links.iter().map(|link| link.entity)).collect();
        let entities: Vec<EntityId> = entities.into_iter().collect();
        let stored = self.ctx.store.entities(&entities).await?;
        if settling::stored(self.ctx, &stored).await? {
            return Ok(true);
        }
        for entity in stored {
            let of = |counts: fn(&LinkState) -> bool| {
                let links = entity.links.iter().filter(|link| counts(&link.state));
                links.map(|link| link.record.clone()).collect::<Vec<_>>()
            };
            let is_deleted = |state: &LinkState| matches!(state, LinkState::Deleted | LinkState::Undone(_));
            self.former.insert(entity.entity, of(is_deleted));
            self.members.insert(entity.entity, of(LinkState::is_active));
        }
        Ok(false)
    }

    async fn load_records(&mut self, records: &[RecordRef]) -> Result<(), Error> {
        let missing: Vec<RecordRef> =
            records.iter().filter(|record| !self.records.contains_key(*record)).cloned().collect();
        let stored = self.ctx.store.records(&missing).await?;
        self.records.extend(missing.into_iter().zip(stored));
        Ok(())
    }

    async fn load_carriers(&mut self, kind: Kind, records: &[RecordRef]) -> Result<Vec<RecordRef>, Error> {
        let mut missing: BTreeSet<RecordKey> = BTreeSet::new();
        for record in records {
            missing.extend(
                self.keys_of(kind, record)
                    .into_iter()
                    .filter(|key| !self.carriers.contains_key(&(kind, key.clone()))),
            );
        }
        let missing: Vec<RecordKey> = missing.into_iter().collect();
        let asked: Vec<MatchKey> =
            missing.iter().map(|key| MatchKey { name: key.name.clone(), value: key.value.clone() }).collect();
        let found = self.ctx.store.by_keys(kind, &asked).await?;
        let next = found.iter().flatten().cloned().collect::<BTreeSet<_>>().into_iter().collect();
        for (key, carriers) in missing.into_iter().zip(found) {
            self.carriers.insert((kind, key), carriers);
        }
        Ok(next)
    }

    fn keys_of(&self, kind: Kind, record: &RecordRef) -> Vec<RecordKey> {
        let stored = self.records.get(record).and_then(|stored| stored.snapshot.as_ref());
        let Some(snapshot) = stored else { return Vec::new() };
        match self.link_of(kind, record).map(|link| link.state) {
            Some(LinkState::ConvertedTo(_)) => remembered(self.ctx.mapping(), kind, snapshot),
            _ => keys(self.ctx.mapping(), kind, snapshot),
        }
    }

    pub(super) fn link_of(&self, kind: Kind, record: &RecordRef) -> Option<Link> {
        self.made
            .get(&(record.clone(), kind))
            .cloned()
            .or_else(|| self.records.get(record)?.links.iter().find(|link| link.facet == kind).cloned())
    }

    pub(super) fn candidate(&self, kind: Kind, record: &RecordRef) -> Candidate {
        let link = self.link_of(kind, record);
        let others = |of: &BTreeMap<EntityId, Vec<RecordRef>>| {
            let members = link.as_ref().and_then(|link| of.get(&link.entity)).into_iter().flatten();
            members.filter(|member| *member != record).cloned().collect()
        };
        let (partners, former) = (others(&self.members), others(&self.former));
        let stored = self.records.get(record).and_then(|stored| stored.snapshot.as_ref());
        let hidden = stored.map(|seen| hidden_keys(self.ctx.mapping(), kind, seen)).unwrap_or_default();
        Candidate { record: record.clone(), keys: self.keys_of(kind, record), hidden, link, partners, former }
    }

    /// Everyone with one of its keys, and everyone with one of theirs.
    pub(super) fn carriers_around(&self, kind: Kind, me: &Candidate) -> Vec<Candidate> {
        let carrying = |candidate: &Candidate| -> BTreeSet<RecordRef> {
            candidate
                .keys
                .iter()
                .filter_map(|key| self.carriers.get(&(kind, key.clone())))
                .flatten()
                .filter(|record| **record != me.record)
                .cloned()
                .collect()
        };
        let near = carrying(me);
        let mut all = near.clone();
        for record in &near {
            all.extend(carrying(&self.candidate(kind, record)));
        }
        all.iter().map(|record| self.candidate(kind, record)).collect()
    }
}
