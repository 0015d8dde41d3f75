//! Identifies records without a link: the keys and the decision are the core's; here the carriers of the keys are
//! fetched and the answer becomes links. Links are our own knowledge: nothing is written to a vendor.

pub(crate) mod again;

use crate::{
    applying::{Found, found},
    ctx::Ctx,
    error::Error,
    hoods::Surroundings,
    parked::{Claim, Lost, Place, Waiting, waiting_key},
    settling,
};
use std::collections::{BTreeMap, BTreeSet};
use syncline_core::{
    identify::{Candidate, Identity, RecordKey, identify, keys, remembered},
    mapping::KindModel,
};
use syncline_model::{
    EntityId, Evidence, JournalSeq, Kind, Link, LinkState, RecordRef,
    journal::Event,
    review::{Question, Review, ReviewState},
};
use syncline_store::{Batch, Dirty, DirtyKey, LinkWrite, MatchKey, ReviewWrite, StoredRecord};

/// Records identified in one transaction.
const PAGE: usize = 1_000;
/// Stands as the key of a question whether a record came of a parked create.
const OUTCOME: &str = "the outcome of a create whose answer was lost";

/// What identification brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Identified {
    /// Records that got a link.
    pub linked: u64,
    /// Questions opened or found open.
    pub questions: u64,
}

/// The state that names the review an entity waits for.
pub(crate) fn pending_key(entity: EntityId) -> String {
    format!("pending/{entity}")
}

/// Identifies every record that is waiting for it.
///
/// # Errors
/// [`Error::Store`].
pub async fn run(ctx: &Ctx) -> Result<Identified, Error> {
    let apart: BTreeSet<String> = ctx.store.list("apart/").await?.into_iter().map(|(key, _)| key).collect();
    let mut lost = Lost::load(ctx).await?;
    let mut total = Identified::default();
    loop {
        ctx.lease.keep().await?;
        // Always from the start: what is identified leaves the list.
        let work = ctx.store.dirty(None, PAGE).await?;
        let mut page = Page::new(ctx, &apart, &mut lost);
        for dirty in &work {
            if let DirtyKey::Record(kind, record) = &dirty.key {
                page.wanted.push((*kind, record.clone(), dirty.clone()));
            }
        }
        if page.wanted.is_empty() {
            return Ok(total);
        }
        let done = page.identify().await?;
        total.linked += done.linked;
        total.questions += done.questions;
    }
}

struct Page<'a> {
    ctx: &'a Ctx,
    apart: &'a BTreeSet<String>,
    lost: &'a mut Lost,
    /// What records may have come of.
    claims: BTreeMap<(Kind, RecordRef), Claim>,
    /// Records that certainly came of a create of ours.
    came: Vec<Came>,
    wanted: Vec<(Kind, RecordRef, Dirty)>,
    records: BTreeMap<RecordRef, StoredRecord>,
    carriers: BTreeMap<(Kind, RecordKey), Vec<RecordRef>>,
    /// Links made on this page.
    made: BTreeMap<(RecordRef, Kind), Link>,
    members: BTreeMap<EntityId, Vec<RecordRef>>,
    /// Deleted records of entities.
    former: BTreeMap<EntityId, Vec<RecordRef>>,
    batch: Batch,
    /// Entities that wait for a question that is not numbered yet.
    asking: Vec<(EntityId, Question)>,
    done: Identified,
}

/// A record that a parked create made.
struct Came {
    of: Place,
    record: RecordRef,
    work: Dirty,
    edited: Edited,
}

/// Whether a record is not as it was made any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edited {
    No,
    Yes,
}

impl<'a> Page<'a> {
    fn new(ctx: &'a Ctx, apart: &'a BTreeSet<String>, lost: &'a mut Lost) -> Self {
        Self {
            ctx,
            apart,
            lost,
            claims: BTreeMap::new(),
            came: Vec::new(),
            wanted: Vec::new(),
            records: BTreeMap::new(),
            carriers: BTreeMap::new(),
            made: BTreeMap::new(),
            members: BTreeMap::new(),
            former: BTreeMap::new(),
            batch: ctx.batch(),
            asking: Vec::new(),
            done: Identified::default(),
        }
    }

    async fn identify(mut self) -> Result<Identified, Error> {
        self.load().await?;
        self.claim().await?;
        for (kind, record, dirty) in std::mem::take(&mut self.wanted) {
            match self.came_of(kind, &record) {
                Some((of, edited)) => self.came(kind, Came { of, record, work: dirty, edited }),
                None => {
                    self.one(kind, &record)?;
                    self.batch.done.push(dirty);
                }
            }
        }
        self.commit().await?;
        self.learn().await?;
        Ok(self.done)
    }

    /// What the records that are nobody's yet may have come of.
    async fn claim(&mut self) -> Result<(), Error> {
        if self.lost.is_empty() {
            return Ok(());
        }
        let unlinked = self.wanted.iter().filter_map(|(kind, record, _)| {
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
    fn came_of(&self, kind: Kind, record: &RecordRef) -> Option<(Place, Edited)> {
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
    fn came(&mut self, kind: Kind, came: Came) {
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
    async fn learn(&mut self) -> Result<(), Error> {
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

    /// The records, those that share a key with them, those that share a key with these, and whose they are; again where
    /// what vendors did to one of them moved a link. Says whether one was moved.
    async fn load(&mut self) -> Result<bool, Error> {
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
        for (kind, record, _) in &self.wanted {
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

    fn link_of(&self, kind: Kind, record: &RecordRef) -> Option<Link> {
        self.made
            .get(&(record.clone(), kind))
            .cloned()
            .or_else(|| self.records.get(record)?.links.iter().find(|link| link.facet == kind).cloned())
    }

    fn candidate(&self, kind: Kind, record: &RecordRef) -> Candidate {
        let link = self.link_of(kind, record);
        let others = |of: &BTreeMap<EntityId, Vec<RecordRef>>| {
            let members = link.as_ref().and_then(|link| of.get(&link.entity)).into_iter().flatten();
            members.filter(|member| *member != record).cloned().collect()
        };
        let (partners, former) = (others(&self.members), others(&self.former));
        Candidate { record: record.clone(), keys: self.keys_of(kind, record), link, partners, former }
    }

    fn one(&mut self, kind: Kind, record: &RecordRef) -> Result<(), Error> {
        let Some(model) = self.ctx.mapping().kinds.get(&kind) else { return Ok(()) };
        if let Some(link) = self.link_of(kind, record) {
            self.batch.dirty.push(DirtyKey::Entity(kind, link.entity));
            return Ok(());
        }
        let live = self
            .records
            .get(record)
            .and_then(|stored| stored.snapshot.as_ref())
            .is_some_and(|it| it.is_live());
        if !live {
            return Ok(());
        }
        let identity = self.identity(model, record);
        if identity == Identity::New && self.claims.contains_key(&(kind, record.clone())) {
            return self.hold(kind, record);
        }
        self.accept(model, record, identity);
        Ok(())
    }

    fn identity(&self, model: &KindModel, record: &RecordRef) -> Identity {
        let me = self.candidate(model.kind, record);
        let carriers = self.carriers_around(model.kind, &me);
        let apart =
            |one: &RecordRef, other: &RecordRef| self.apart.contains(&crate::reviews::apart_key(one, other));
        identify(model, &me, &carriers, apart)
    }

    /// A record that is new to us, unless a create of ours made it whose answer was lost: a person says (invariant 7).
    fn hold(&mut self, kind: Kind, record: &RecordRef) -> Result<(), Error> {
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

    /// Everyone with one of its keys, and everyone with one of theirs.
    fn carriers_around(&self, kind: Kind, me: &Candidate) -> Vec<Candidate> {
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

    fn accept(&mut self, model: &KindModel, record: &RecordRef, identity: Identity) {
        let kind = model.kind;
        match identity {
            Identity::New => {
                let entity = self.ctx.ids.entity(self.batch.at);
                self.put(record, kind, entity, LinkState::Active, Evidence::First);
            }
            Identity::Joins { entity, evidence } => {
                self.put(record, kind, entity, LinkState::Active, evidence)
            }
            Identity::Pairs { with, evidence } => {
                let entity = self.ctx.ids.entity(self.batch.at);
                for other in with.iter().chain([record]) {
                    self.put(other, kind, entity, LinkState::Active, evidence.clone());
                }
            }
            Identity::Beaten { by } => match self.link_of(kind, &by) {
                Some(link) => {
                    let state = LinkState::DuplicateOf(by.id.clone());
                    self.put(record, kind, link.entity, state, Evidence::First);
                }
                // The winner's own turn comes; until then this record is asked again.
                None => {
                    let winner = self.identity(model, &by);
                    self.accept(model, &by, winner);
                    if let Some(link) = self.link_of(kind, &by) {
                        self.put(record, kind, link.entity, LinkState::DuplicateOf(by.id), Evidence::First);
                    }
                }
            },
            Identity::Ambiguous { key, records } => {
                let entity = self.ctx.ids.entity(self.batch.at);
                self.ask(kind, record, entity, Question::SameThing { kind, key, records });
            }
        }
    }

    /// The record waits, as this entity, for a person's word.
    fn ask(&mut self, kind: Kind, record: &RecordRef, entity: EntityId, question: Question) {
        self.put(record, kind, entity, LinkState::Pending, Evidence::First);
        self.asking.push((entity, question));
    }

    fn put(
        &mut self,
        record: &RecordRef,
        facet: Kind,
        entity: EntityId,
        state: LinkState,
        evidence: Evidence,
    ) {
        let link = Link {
            record: record.clone(),
            facet,
            entity,
            state: state.clone(),
            evidence: evidence.clone(),
            since: JournalSeq::default(),
            base: None,
        };
        if state.is_active() {
            self.members.entry(entity).or_default().push(record.clone());
        }
        self.made.insert((record.clone(), facet), link.clone());
        self.batch.links.push(LinkWrite::Put(link));
        self.batch.dirty.push(DirtyKey::Entity(facet, entity));
        self.batch.wake.push(format!("record:{record}"));
        self.batch.wake.push(format!("entity:{entity}"));
        self.batch.journal.push(Event::Linked { record: record.clone(), facet, entity, state, evidence });
        self.done.linked += 1;
    }

    /// Questions first, so that what waits for them can name them; asking again is harmless.
    async fn commit(&mut self) -> Result<(), Error> {
        let asking = std::mem::take(&mut self.asking);
        if !asking.is_empty() {
            let mut questions = self.ctx.batch();
            let opened_at = self.batch.at;
            for (_, question) in &asking {
                let review =
                    Review { id: 0, question: question.clone(), opened_at, state: ReviewState::Open };
                questions.reviews.push(ReviewWrite::Open(review));
            }
            let numbers = self.ctx.store.commit(questions).await?.reviews;
            for ((entity, _), review) in asking.into_iter().zip(numbers) {
                self.batch.puts.push((pending_key(entity), Some(review.to_string().into_bytes())));
                self.done.questions += 1;
            }
        }
        self.ctx.store.commit(std::mem::take(&mut self.batch)).await?;
        Ok(())
    }
}
