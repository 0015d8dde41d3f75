//! Capture: what is new since the cursor, in pages.
//!
//! A *cycle* goes through the wanted objects in turn. For each it first [`look`]s: one search over the latest changes,
//! which is all that an idle cycle costs. What the look leaves open becomes tasks of the object, kept in the cursor, and
//! each task is a keyset that can be resumed anywhere: the initial load, a window of changes, the recycle bin, an edge
//! sweep. Absence is never concluded from a search; only the recycle bin and reads by id speak of it.

mod cursor;
mod look;
mod owners;
mod sift;
mod sweep;
mod window;

use super::{HubSpot, codec::OWNERS, lock};
use cursor::{ObjectState, Position, Task, Turn};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use syncline_kit::vendor::{CapturePage, CaptureWant, Cursor, Known, ObjectWant, VendorError};
use syncline_model::{ObjectSchema, Observation};

/// A page is closed once it holds so many observations: as many as one association read covers.
const PAGE: usize = 1_000;
/// A page is also closed after so many steps, so that reading what is known already gets recorded, too.
const STEPS: usize = 50;
/// The recycle bin forgets after this: a longer gap needs everything anew [KB].
const RETENTION: i64 = 90 * DAY;
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// The live pass trusts the index up to this long ago.
const LIVE_LAG: i64 = MINUTE;
/// The complete pass trusts it only up to this long ago [est shared.py].
const COMPLETE_LAG: i64 = HOUR;
const COMPLETE_EVERY: i64 = 5 * MINUTE;

/// What a step needs to know of its object.
struct Scene<'a> {
    hub: &'a HubSpot,
    want: &'a ObjectWant,
    known: &'a dyn Known,
    schema: Arc<ObjectSchema>,
    properties: Vec<String>,
}

/// One page of a cycle.
pub(super) async fn page(
    hub: &HubSpot,
    want: &CaptureWant,
    cursor: &Cursor,
    known: &dyn Known,
) -> Result<CapturePage, VendorError> {
    let mut position = Position::read(cursor);
    let cycle = position.begin(want);
    let mut observations = Vec::new();
    let mut steps = 0;
    while observations.len() < PAGE && steps < STEPS {
        let Some(turn) = position.turns.first().cloned() else { break };
        steps += 1;
        let Some(wanted) = want.objects.iter().find(|one| one.object == turn.object) else {
            position.turns.remove(0);
            continue;
        };
        let state = position.objects.entry(turn.object.clone()).or_default();
        // A sweep asks the store which records are there: what was read so far has to be in it.
        if matches!(state.tasks.first(), Some(Task::Edges { .. })) && !observations.is_empty() {
            break;
        }
        let (seen, done) = step(hub, wanted, known, &turn, state).await?;
        observations.extend(seen);
        if done {
            position.turns.remove(0);
        } else if let Some(current) = position.turns.first_mut() {
            current.looked = true;
        }
    }
    let more = !position.turns.is_empty();
    let schemas = hub.renewed_schemas().await?;
    Ok(CapturePage { observations, cursor: position.write(), cycle, more, schemas })
}

/// The look, or one page of the object's first task; and whether the object is through with this cycle.
async fn step(
    hub: &HubSpot,
    want: &ObjectWant,
    known: &dyn Known,
    turn: &Turn,
    state: &mut ObjectState,
) -> Result<(Vec<Observation>, bool), VendorError> {
    if want.object.as_str() == OWNERS {
        return Ok((owners::step(hub, want, known, state).await?, true));
    }
    let schema = hub.schema(&want.object).await?;
    let properties = hub.properties(want, &schema);
    let scene = Scene { hub, want, known, schema, properties };
    let digest = scene.digest();
    if state.want != digest || state.is_forgotten(hub.client.vendor_now().as_millisecond()) {
        // Reading all again says nothing of what went meanwhile: the bin stays due when it was, unless it has forgotten.
        let forgotten = state.is_forgotten(hub.client.vendor_now().as_millisecond());
        let bin_at = if forgotten { 0 } else { state.bin_at };
        *state = ObjectState { want: digest, bin_at, tasks: vec![Task::load()], ..ObjectState::default() };
    }
    let seen = match state.tasks.first().cloned() {
        Some(task) => {
            let (seen, next) = scene.work(task, state).await?;
            match next {
                Some(task) => state.tasks[0] = task,
                None => drop(state.tasks.remove(0)),
            }
            seen
        }
        None if turn.looked => Vec::new(),
        None => scene.look(state).await?,
    };
    if hub.is_forgotten(&want.object) {
        // A property went while this was read, and may be back before the next cycle: all is read again in either case.
        state.want.clear();
    }
    Ok((seen, state.tasks.is_empty()))
}

impl Scene<'_> {
    /// One page of a task; `None` in the second place: it is finished.
    async fn work(
        &self,
        task: Task,
        state: &mut ObjectState,
    ) -> Result<(Vec<Observation>, Option<Task>), VendorError> {
        match task {
            Task::Load { after, started } => self.load(after, started, state).await,
            Task::Window(window) => self.window(window, state).await,
            Task::Bin { after, since, started } => self.bin(after, since, started, state).await,
            Task::Edges { field, after, started } => self.sweep(field, after, started, state).await,
        }
    }

    /// What is read of this object. A property that appears or vanishes changes it as much as the configuration does.
    fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for name in
            self.properties.iter().map(String::as_str).chain(self.want.edges.iter().map(|edge| edge.as_str()))
        {
            hash.update(name);
            hash.update([0]);
        }
        for field in self.want.fields.iter().filter(|field| !self.schema.fields.contains_key(*field)) {
            hash.update([1]);
            hash.update(field.as_str());
        }
        hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// The definitions turned out to be old: the next step reads them anew.
    fn forget_schema(&self) {
        lock(&self.hub.schemas).forget(&self.want.object);
    }
}
