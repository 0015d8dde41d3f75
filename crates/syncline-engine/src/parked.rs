//! Creates whose outcome nobody knows, as they are kept until somebody does: what was sent and when, so that the record
//! that came of one can be told when it is read. Until then it looks like a record that a person made.

mod claims;
mod waiting;

pub(crate) use claims::{Claim, Lost};
pub(crate) use waiting::{Waiting, forget, waiting_key};

use crate::{ctx::Ctx, error::Error};
use jiff::{SignedDuration, Timestamp};
use std::{collections::BTreeMap, sync::Arc};
use syncline_kit::vendor::{Maker, Origin, WriteRow};
use syncline_model::{
    Base, BaseEntry, ConnectionName, EntityId, Interval, Link, Operation, RecordRef, RunId, Sight, Snapshot,
    journal::CallId,
};

const PREFIX: &str = "parked/";
/// A record may be stamped so long after its call was given up: longer than any vendor works on a request, or lets its
/// transaction wait.
const LATE: SignedDuration = SignedDuration::from_mins(15);
/// Where a process ended without a word, its call was given up no later than this after its intent.
const LONGEST_CALL: SignedDuration = SignedDuration::from_hours(1);
/// A record that we made and whose stamp is further off than this is another one, whatever happened to the clocks.
const FAR: SignedDuration = SignedDuration::from_hours(24);
/// How far a clock may be off that was never measured, as for the planner.
const UNMEASURED: SignedDuration = SignedDuration::from_mins(5);

/// For which entity, and where.
pub(crate) type Place = (EntityId, ConnectionName);

/// One of them.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Parked {
    /// In words.
    pub(crate) what: Arc<str>,
    /// What was sent; `None`: an earlier release did not keep it.
    pub(crate) sent: Option<Box<Sent>>,
}

/// A create that was sent, or may have been.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Sent {
    /// The call.
    pub(crate) call: CallId,
    /// Its row in it, from 0.
    pub(crate) place: usize,
    /// How many rows it had.
    pub(crate) rows: usize,
    /// The run that it belongs to.
    pub(crate) run: Option<RunId>,
    /// By the vendor's clock, no record of it is older.
    pub(crate) from: Timestamp,
    /// By the vendor's clock, no record of it is younger.
    pub(crate) to: Timestamp,
    /// As sent.
    pub(crate) row: WriteRow,
    /// As planned.
    pub(crate) operation: Operation,
    /// The records that it was planned from, as they were then.
    pub(crate) sources: Vec<Snapshot>,
}

pub(crate) fn key((entity, connection): &Place) -> String {
    format!("{PREFIX}{entity}/{connection}")
}

/// All that are parked now.
///
/// # Errors
/// [`Error::Store`].
pub(crate) async fn load(ctx: &Ctx) -> Result<BTreeMap<Place, Parked>, Error> {
    let mut all = BTreeMap::new();
    for (key, bytes) in ctx.store.list(PREFIX).await? {
        let parts = key.strip_prefix(PREFIX).and_then(|rest| rest.split_once('/'));
        if let Some((entity, connection)) = parts
            && let Ok(entity) = entity.parse()
        {
            all.insert((EntityId(entity), connection.into()), Parked::read(&bytes));
        }
    }
    Ok(all)
}

impl Parked {
    /// Earlier releases kept words only.
    fn read(bytes: &[u8]) -> Self {
        serde_json::from_slice(bytes)
            .unwrap_or_else(|_| Self { what: String::from_utf8_lossy(bytes).into(), sent: None })
    }

    pub(crate) fn bytes(&self) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(self).map_err(|error| Error::Internal(error.to_string()))
    }
}

/// When, by the vendor's clock, a record can have been made by a call whose intent was stored at `sent` and that was
/// given up at `given_up`, both by ours.
pub(crate) fn window(
    ctx: &Ctx,
    connection: &ConnectionName,
    sent: Timestamp,
    given_up: Timestamp,
) -> (Timestamp, Timestamp) {
    let offset = ctx.connection(connection).ok().and_then(|live| live.vendor.clock_offset());
    let (ahead, off) = offset.map_or((SignedDuration::ZERO, UNMEASURED), |offset| {
        (offset.ahead, offset.uncertainty.saturating_add(crate::hoods::RESOLUTION))
    });
    let last = given_up.min(after(sent, LONGEST_CALL));
    let from = after(sent, ahead.saturating_sub(off));
    (from, after(last, ahead.saturating_add(off).saturating_add(LATE)))
}

fn after(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(at)
}

/// Whether a record with this origin may have come of a create.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It cannot.
    No,
    /// It may.
    May,
    /// We made it, at that time.
    Ours,
}

impl Sent {
    fn judge(&self, origin: Option<Origin>) -> Verdict {
        let Some(origin) = origin else { return Verdict::May };
        let near = self.from <= origin.created && origin.created <= self.to;
        let far = origin.created < after(self.from, -FAR) || origin.created > after(self.to, FAR);
        match origin.maker {
            Maker::Other => Verdict::No,
            Maker::Us if near => Verdict::Ours,
            Maker::Us if !far => Verdict::May,
            Maker::Unknown if near => Verdict::May,
            Maker::Us | Maker::Unknown => Verdict::No,
        }
    }

    /// Gives a record that the create was planned from a base, where it moved since then: what was sent was agreed, and what
    /// it shows now is a change.
    pub(crate) fn base_source(&self, link: &mut Link, now: &Snapshot, unagreed: impl Fn(&RecordRef) -> Base) {
        let Some(then) = self.sources.iter().find(|then| then.record == link.record) else { return };
        let read = self.operation.preconditions.iter().filter(|it| it.record == link.record);
        for field in read.flat_map(|precondition| &precondition.fields) {
            let (agreed, shown) = (then.field(field.as_str()), now.field(field.as_str()));
            if agreed == shown || !agreed.is_known() {
                continue;
            }
            let until = now.modified.or(then.modified);
            let changed =
                until.map(|until| Interval { after: then.modified.filter(|stamp| *stamp < until), until });
            let base = link.base.get_or_insert_with(|| unagreed(&link.record));
            let entry = BaseEntry { agreed: Some(agreed.clone()), changed, sight: Sight::Seen };
            base.entries.insert(field.clone(), entry);
        }
    }
}
