//! Rows that were refused, or whose outcome nobody knows.

use super::{super::Intent, Lesson};
use crate::{
    ctx::Ctx,
    error::Error,
    hoods::Surroundings,
    parked::{self, Parked, Sent},
    refusals::{self, Kept},
};
use syncline_core::plan::{Refusal, RefusedPart, before_hash};
use syncline_kit::vendor::{Rejection, RejectionClass, WriteRow};
use syncline_model::{
    Action, After, ConnectionName, Endpoint, Evidence, FieldChange, JournalSeq, Link, LinkState, Operation,
    RecordRef, RunId, Snapshot,
    operation::Association,
    review::{Question, Review, ReviewState},
};
use syncline_store::{DirtyKey, ReviewWrite};

/// A row whose answer is lost.
pub(super) struct LostRow<'a> {
    pub(super) intent: Intent,
    pub(super) run: Option<RunId>,
    /// Its place in the call, from 0.
    pub(super) place: usize,
    /// How many rows the call has.
    pub(super) rows: usize,
    pub(super) row: &'a WriteRow,
}

/// The records that an operation was planned from, where they are still as they were then.
fn planned_from<'a>(operation: &Operation, snapshots: impl Iterator<Item = &'a Snapshot>) -> Vec<Snapshot> {
    let unmoved = |snapshot: &&Snapshot| {
        operation
            .preconditions
            .iter()
            .any(|it| it.record == snapshot.record && before_hash(snapshot, &it.fields) == it.before)
    };
    snapshots.filter(unmoved).cloned().collect()
}

impl Lesson {
    pub(super) fn rejected(
        &mut self,
        ctx: &Ctx,
        surroundings: &mut Surroundings,
        connection: &ConnectionName,
        operation: &Operation,
        rejection: &Rejection,
    ) -> Result<(), Error> {
        let target = match &operation.action {
            Action::Update { record, .. } | Action::Archive { record, .. } => Some(record.clone()),
            Action::Associate(association) | Action::Dissociate(association) => match &association.from {
                Endpoint::Record(record) => Some(record.clone()),
                Endpoint::Entity(_) => None,
            },
            Action::Create { .. } => None,
        };
        match (&rejection.class, target) {
            (RejectionClass::Gone | RejectionClass::Converted, Some(record)) => {
                // Of a relation, either end may be the one.
                if let Some(Association { to: Endpoint::Record(to), .. }) = operation.action.association() {
                    self.read.push(to.clone());
                }
                self.read.push(record.clone());
                self.unseen.push((operation.clone(), rejection.clone(), record));
                return Ok(());
            }
            (RejectionClass::Moved, Some(record)) => {
                self.read.push(record);
                return Ok(());
            }
            (RejectionClass::Exists(candidates), None) => match candidates.as_slice() {
                [one] => {
                    self.existing.push((operation.clone(), rejection.clone(), one.clone()));
                    return Ok(());
                }
                [] => {}
                several => {
                    self.ask(Question::Duplicate { entity: operation.entity, candidates: several.to_vec() });
                }
            },
            _ => {}
        }
        let Some(association) = operation.action.association() else {
            return self.refuse(ctx, surroundings, connection, operation, rejection);
        };
        // What may have been minded of the other record is another matter once that is seen changed.
        if let Endpoint::Record(to) = &association.to {
            self.unseen.push((operation.clone(), rejection.clone(), to.clone()));
        }
        Ok(())
    }

    /// Notes what was refused, so that just this is not tried again until value or schema change (HUB-4).
    fn refuse(
        &mut self,
        ctx: &Ctx,
        surroundings: &mut Surroundings,
        connection: &ConnectionName,
        operation: &Operation,
        rejection: &Rejection,
    ) -> Result<(), Error> {
        for refusal in refusals_of(connection, operation, rejection) {
            let kept = Kept::new(ctx, operation.kind, refusal);
            let list = surroundings.refuse(operation.entity, kept);
            refusals::keep(&mut self.batch, operation.entity, list)?;
        }
        if let Some(hood) = self.hoods.get_mut(&operation.entity) {
            hood.refusals = surroundings.refusals_of(operation.entity);
        }
        Ok(())
    }

    /// An outcome that cannot be decided: nothing of the sort is sent again until a person has looked, or what came of it
    /// was found.
    pub(super) fn park(
        &mut self,
        ctx: &Ctx,
        surroundings: &mut Surroundings,
        operation: &Operation,
        lost: &LostRow<'_>,
        why: &str,
    ) -> Result<(), Error> {
        // Updates and relations are decided by the next reading; only a create could double.
        let Action::Create { object, .. } = &operation.action else {
            if let Action::Update { record, .. } | Action::Archive { record, .. } = &operation.action {
                // Of a connection that is gone nothing is read any more.
                self.read.extend(ctx.connections.contains_key(&record.connection).then(|| record.clone()));
            }
            return Ok(());
        };
        let connection = &operation.connection;
        let what = format!("the create of a {connection} {object} ({why})");
        surroundings.park(operation.entity, connection, &what);
        let mut sources = Vec::new();
        if let Some(hood) = self.hoods.get_mut(&operation.entity) {
            hood.parked.insert(connection.clone(), what.as_str().into());
            sources = planned_from(operation, hood.snapshots.iter().flatten());
        }
        let (from, to) = parked::window(ctx, connection, lost.intent.at, self.batch.at);
        let sent = Sent {
            call: lost.intent.id,
            place: lost.place,
            rows: lost.rows,
            run: lost.run,
            from,
            to,
            row: lost.row.clone(),
            operation: operation.clone(),
            sources,
        };
        let kept = Parked { what: what.as_str().into(), sent: Some(Box::new(sent)) };
        let key = parked::key(&(operation.entity, connection.clone()));
        self.batch.puts.push((key, Some(kept.bytes()?)));
        self.ask(Question::Parked { entity: operation.entity, what: what.into() });
        Ok(())
    }

    pub(super) fn ask(&mut self, question: Question) {
        let review = Review { id: 0, question, opened_at: self.batch.at, state: ReviewState::Open };
        self.batch.reviews.push(ReviewWrite::Open(review));
    }
}

/// What a rejection says about an operation: the fields that it names, else the operation as a whole.
fn refusals_of(connection: &ConnectionName, operation: &Operation, rejection: &Rejection) -> Vec<Refusal> {
    let fields = operation.action.fields();
    let object = match &operation.action {
        Action::Create { object, .. } => object.clone(),
        Action::Update { record, .. } | Action::Archive { record, .. } => record.object.clone(),
        Action::Associate(association) | Action::Dissociate(association) => match &association.from {
            Endpoint::Record(record) => record.object.clone(),
            // Made a moment ago: planned once more, it is the record's.
            Endpoint::Entity(_) => return Vec::new(),
        },
    };
    let refusal = |part, of: &[&FieldChange]| Refusal {
        connection: connection.clone(),
        part,
        after: of.iter().map(|change| (change.field.clone(), change.after.clone())).collect(),
        code: rejection.code.as_str().into(),
        message: rejection.message.as_str().into(),
        wake: format!("schema:{connection}/{object}"),
    };
    if let Some(part) = RefusedPart::of_relation(&operation.action) {
        return vec![refusal(part, &[])];
    }
    let each = |of: &[&FieldChange]| -> Vec<Refusal> {
        of.iter().map(|change| refusal(RefusedPart::Field(change.field.clone()), &[*change])).collect()
    };
    let all: Vec<&FieldChange> = fields.iter().collect();
    if let RejectionClass::Fields(names) = &rejection.class {
        let named: Vec<&FieldChange> = fields.iter().filter(|change| names.contains(&change.field)).collect();
        if !named.is_empty() {
            return each(&named);
        }
    }
    if matches!(operation.action, Action::Create { .. }) {
        return vec![refusal(RefusedPart::Create, &all)];
    }
    let several = fields.windows(2).any(|two| two[0].attribute != two[1].attribute);
    if several && may_be_of_one_value(&rejection.class, fields) {
        vec![refusal(RefusedPart::Together, &all)]
    } else {
        each(&all)
    }
}

/// Whether it may be one value of several that is refused, so that the others would be taken without it. What speaks of the
/// record would refuse each of them.
fn may_be_of_one_value(class: &RejectionClass, fields: &[FieldChange]) -> bool {
    match class {
        RejectionClass::Fields(_) | RejectionClass::Exists(_) | RejectionClass::Other => true,
        // The one that is not there may be one that the record is to refer to.
        RejectionClass::Gone => fields.iter().any(|change| matches!(change.after, After::Reference(_))),
        RejectionClass::Permission | RejectionClass::Converted | RejectionClass::Moved => false,
    }
}

/// A refusal that ends when a record is seen changed (HUB-4): one that the vendor says is not there, while no reading shows it
/// deleted, is hidden from us; one that a relation leads to may have what the vendor minds.
pub(super) async fn refuse_until_seen(
    ctx: &Ctx,
    surroundings: &mut Surroundings,
    connection: &ConnectionName,
    refused: Vec<(Operation, Rejection, RecordRef)>,
) -> Result<(), Error> {
    let mut batch = ctx.batch();
    for (operation, rejection, record) in refused {
        let stored = ctx.store.records(std::slice::from_ref(&record)).await?.pop();
        let Some(snapshot) = stored.and_then(|stored| stored.snapshot).filter(Snapshot::is_live) else {
            continue;
        };
        for refusal in refusals_of(connection, &operation, &rejection) {
            let kept =
                Kept::new(ctx, operation.kind, refusal).until_seen(record.clone(), snapshot.version.clone());
            let list = surroundings.refuse(operation.entity, kept);
            refusals::keep(&mut batch, operation.entity, list)?;
        }
    }
    if !batch.puts.is_empty() {
        ctx.store.commit(batch).await?;
    }
    Ok(())
}

/// What a create comes to whose planted key a record of another entity carries.
pub(in crate::applying) fn found_elsewhere(record: &RecordRef) -> Rejection {
    Rejection {
        class: RejectionClass::Exists(vec![record.clone()]),
        code: "KEY_TAKEN".to_owned(),
        message: format!(
            "{record} carries the key that it would be made with, and is linked to another entity"
        ),
    }
}

/// The vendor says that the record is there already: linked if it is nobody's yet, else a person looks (CRM-6), and the
/// create is not tried again until that record is seen changed.
pub(in crate::applying) async fn link_existing(
    ctx: &Ctx,
    surroundings: &mut Surroundings,
    operation: Operation,
    rejection: &Rejection,
    candidate: RecordRef,
) -> Result<(), Error> {
    crate::capture::records(ctx, std::slice::from_ref(&candidate)).await?;
    let stored = ctx.store.records(std::slice::from_ref(&candidate)).await?;
    let Some(stored) = stored.into_iter().next() else { return Ok(()) };
    let mut batch = ctx.batch();
    let link = stored.links.iter().find(|link| link.facet == operation.kind);
    let free = match link {
        None => stored.snapshot.is_some(),
        Some(link) if link.state == LinkState::Excluded => false,
        Some(link) if link.entity == operation.entity => true,
        Some(link) => link.state.is_active() && link.base.is_none() && is_alone(ctx, link).await?,
    };
    if !free {
        let version = stored.snapshot.and_then(|snapshot| snapshot.version);
        for refusal in refusals_of(&operation.connection, &operation, rejection) {
            let kept = Kept::new(ctx, operation.kind, refusal).until_seen(candidate.clone(), version.clone());
            let list = surroundings.refuse(operation.entity, kept);
            refusals::keep(&mut batch, operation.entity, list)?;
        }
        batch.dirty.push(DirtyKey::Entity(operation.kind, operation.entity));
        let question = Question::Duplicate { entity: operation.entity, candidates: vec![candidate] };
        batch.reviews.push(ReviewWrite::Open(Review {
            id: 0,
            question,
            opened_at: batch.at,
            state: ReviewState::Open,
        }));
        ctx.store.commit(batch).await?;
        return Ok(());
    }
    batch.link(Link {
        record: candidate.clone(),
        facet: operation.kind,
        entity: operation.entity,
        state: LinkState::Active,
        evidence: Evidence::Existing,
        since: JournalSeq::default(),
        base: None,
    });
    batch.dirty.push(DirtyKey::Entity(operation.kind, operation.entity));
    batch.wake.push(format!("entity:{}", operation.entity));
    batch.wake.push(format!("record:{candidate}"));
    ctx.store.commit(batch).await?;
    Ok(())
}

async fn is_alone(ctx: &Ctx, link: &Link) -> Result<bool, Error> {
    let entity = ctx.store.entities(&[link.entity]).await?;
    Ok(entity.iter().all(|entity| entity.links.iter().filter(|other| other.state.is_active()).count() <= 1))
}
