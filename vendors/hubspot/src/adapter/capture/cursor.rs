//! Where capture stands. All times are milliseconds by the vendor's clock.

use super::RETENTION;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use syncline_kit::vendor::{CaptureWant, Cursor, Cycle};
use syncline_model::{FieldName, ObjectName, RecordId};

/// The cursor's content.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Position {
    /// Objects that this cycle has still to do; empty between cycles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) turns: Vec<Turn>,
    #[serde(default)]
    pub(super) objects: BTreeMap<ObjectName, ObjectState>,
}

/// An object's turn in a cycle.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Turn {
    pub(super) object: ObjectName,
    /// Whether the look of this cycle is done.
    #[serde(default)]
    pub(super) looked: bool,
}

/// Where one object stands.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct ObjectState {
    /// Digest of what is read of it.
    pub(super) want: String,
    /// The live pass has everything before this that the index showed in time. 0: not loaded yet.
    #[serde(default)]
    pub(super) live: i64,
    /// The complete pass has everything before this.
    #[serde(default)]
    pub(super) complete: i64,
    /// When the complete pass last ran (owners: when they were last read).
    #[serde(default)]
    pub(super) complete_at: i64,
    /// When the recycle bin was last read.
    #[serde(default)]
    pub(super) bin_at: i64,
    /// When each sort of edge was last swept.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) swept: BTreeMap<FieldName, i64>,
    /// Work in progress, first things first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) tasks: Vec<Task>,
}

/// Work of more than one page.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Task {
    /// Every live record, by ascending id.
    Load {
        /// The last id read.
        after: u64,
        /// When it began; 0: it has not.
        started: i64,
    },
    /// Records by their stamp of change.
    Window(Window),
    /// The recycle bin.
    Bin {
        /// The vendor's page token.
        after: Option<String>,
        /// Rows archived before this were seen the last time.
        since: i64,
        started: i64,
    },
    /// One sort of edge of all known records.
    Edges { field: FieldName, after: Option<RecordId>, started: i64 },
}

/// A window of changes, read in full and in ascending order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Window {
    /// Which checkpoint moves at the end.
    pub(super) pass: Pass,
    /// Where that checkpoint moves to.
    pub(super) then: i64,
    pub(super) from: i64,
    /// Inclusive.
    pub(super) to: i64,
    /// Rows of the current search that were read, and the stamp and id of the last one.
    #[serde(default)]
    pub(super) read: usize,
    #[serde(default)]
    pub(super) last: Option<(i64, u64)>,
    /// The instant `from` is being read by ascending id, after this one: too many rows share it.
    #[serde(default)]
    pub(super) drain: Option<u64>,
}

/// Two passes over the same changes: one is quick, the other certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Pass {
    Live,
    Complete,
}

impl Task {
    pub(super) fn load() -> Self {
        Self::Load { after: 0, started: 0 }
    }
}

impl Window {
    pub(super) fn new(pass: Pass, from: i64, to: i64, then: i64) -> Self {
        Self { pass, then, from, to, read: 0, last: None, drain: None }
    }

    /// Starts over at `from`.
    pub(super) fn restart(&mut self, from: i64) {
        self.from = from;
        self.read = 0;
        self.last = None;
    }
}

impl ObjectState {
    /// Whether the recycle bin may have forgotten deletions that happened since.
    pub(super) fn is_forgotten(&self, now: i64) -> bool {
        self.live > 0 && now - self.live > RETENTION
    }
}

impl Position {
    /// Reads a cursor; one that cannot be read starts anew, which costs calls and loses nothing.
    pub(super) fn read(cursor: &Cursor) -> Self {
        serde_json::from_value(cursor.0.clone()).unwrap_or_default()
    }

    pub(super) fn write(&self) -> Cursor {
        Cursor(serde_json::to_value(self).unwrap_or_default())
    }

    /// Begins a cycle where none is under way, and drops objects that are no longer wanted.
    pub(super) fn begin(&mut self, want: &CaptureWant) -> Cycle {
        let is_wanted = |object: &ObjectName| want.objects.iter().any(|one| one.object == *object);
        self.objects.retain(|object, _| is_wanted(object));
        if !self.turns.is_empty() {
            return Cycle::Resumed;
        }
        self.turns =
            want.objects.iter().map(|one| Turn { object: one.object.clone(), looked: false }).collect();
        Cycle::Begun
    }
}
