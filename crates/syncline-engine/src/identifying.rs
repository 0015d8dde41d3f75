//! Identifies records without a link: the keys and the decision are the core's; here the carriers of the keys are
//! fetched and the answer becomes links. Links are our own knowledge: nothing is written to a vendor.

pub(crate) mod again;
mod around;
mod lost;

use crate::{
    ctx::Ctx,
    error::Error,
    parked::{Claim, Lost},
};
use lost::Came;
use std::collections::{BTreeMap, BTreeSet};
use syncline_core::{
    identify::{Identity, RecordKey, identify},
    mapping::KindModel,
};
use syncline_model::{
    EntityId, Evidence, JournalSeq, Kind, Link, LinkState, RecordRef,
    review::{Question, Review, ReviewState},
};
use syncline_store::{Batch, Dirty, DirtyKey, ReviewWrite, StoredRecord};

/// Records identified in one transaction.
const PAGE: usize = 1_000;

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
        let of = |dirty: &Dirty| match &dirty.key {
            DirtyKey::Record(kind, record) => Some(((*kind, record.clone()), dirty.clone())),
            DirtyKey::Entity(..) => None,
        };
        let (wanted, work): (Vec<_>, Vec<Dirty>) = work.iter().filter_map(of).unzip();
        if wanted.is_empty() {
            return Ok(total);
        }
        let done = Page::new(ctx, &apart, &mut lost, wanted).identify(work).await?;
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
    wanted: Vec<(Kind, RecordRef)>,
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

impl<'a> Page<'a> {
    fn new(
        ctx: &'a Ctx,
        apart: &'a BTreeSet<String>,
        lost: &'a mut Lost,
        wanted: Vec<(Kind, RecordRef)>,
    ) -> Self {
        Self {
            ctx,
            apart,
            lost,
            claims: BTreeMap::new(),
            came: Vec::new(),
            wanted,
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

    /// Identifies what is wanted; `work` says, in the same order, what that does.
    async fn identify(mut self, work: Vec<Dirty>) -> Result<Identified, Error> {
        self.load().await?;
        self.claim().await?;
        for ((kind, record), dirty) in std::mem::take(&mut self.wanted).into_iter().zip(work) {
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
        // Who waits for the entity that it was until now is told where it went.
        let before = self.link_of(facet, record).map(|link| link.entity).filter(|before| *before != entity);
        self.batch.wake.extend(before.map(|before| format!("entity:{before}")));
        let link = Link {
            record: record.clone(),
            facet,
            entity,
            state,
            evidence,
            since: JournalSeq::default(),
            base: None,
        };
        if link.state.is_active() {
            self.members.entry(entity).or_default().push(record.clone());
        }
        self.made.insert((record.clone(), facet), link.clone());
        self.batch.link(link);
        self.batch.dirty.push(DirtyKey::Entity(facet, entity));
        self.batch.wake.push(format!("record:{record}"));
        self.batch.wake.push(format!("entity:{entity}"));
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
