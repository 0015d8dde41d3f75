//! Where capture stands, as the cursor keeps it.

use super::super::{soql, time};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use syncline_kit::vendor::{Cursor, VendorError};
use syncline_model::defect::{Defect, planted};

/// How far behind its checkpoint a sweep begins: stamps are given before commit, so rows may become visible late
/// (decisions §1.3).
pub(super) const OVERLAP: SignedDuration = SignedDuration::from_mins(15);
/// How far beyond its start a sweep follows rows that change while it runs; the next sweep sees them anyway. Not at
/// once, because the vendor's time is known to the second only and a burst may lie within that second.
const CHASE: SignedDuration = SignedDuration::from_secs(60);
/// Rows asked for at once; the vendor may give fewer.
pub(super) const PAGE: usize = 2000;
/// The vendor keeps deleted rows and its log of them for 15 days [doc: research §5].
pub(super) const RETENTION: SignedDuration = SignedDuration::from_hours(15 * 24);
/// Role rows remembered as read; beyond that they are read again.
const MOST_SEEN: usize = 5000;

/// All streams of a connection.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Place {
    /// The org that the cursor belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) org: Option<String>,
    /// By object; contact roles have a stream of their own.
    #[serde(default)]
    pub(super) streams: BTreeMap<String, Stream>,
}

/// One object's stream.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stream {
    /// Everything that the vendor stamped before this was seen; `None`: the initial load has not ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) checkpoint: Option<Timestamp>,
    /// Fields that are read.
    #[serde(default)]
    visible: BTreeSet<String>,
    /// Fields that are wanted and may not be seen.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    hidden: BTreeSet<String>,
    /// The sweep under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sweep: Option<Sweep>,
    /// Up to where the log of deletions was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) deleted: Option<Timestamp>,
    /// Full comparison under way: ids up to this one are done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) compare: Option<String>,
    /// Role rows within the overlap whose opportunities were read after them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) seen: BTreeMap<String, String>,
}

/// One pass over the rows stamped at or after `from`.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sweep {
    /// `None`: from the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<Timestamp>,
    /// The vendor's time when the sweep began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<Timestamp>,
    /// Stamp and id of the last row read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<(Timestamp, String)>,
}

impl Place {
    pub(super) fn read(cursor: &Cursor) -> Result<Self, VendorError> {
        if cursor.0.is_null() {
            return Ok(Self::default());
        }
        serde_json::from_value(cursor.0.clone()).map_err(|error| {
            VendorError::Protocol(format!("the stored cursor is not one of this adapter: {error}"))
        })
    }

    pub(super) fn cursor(&self) -> Result<Cursor, VendorError> {
        serde_json::to_value(self).map(Cursor).map_err(|error| VendorError::Protocol(error.to_string()))
    }

    /// Whether no stream is in the middle of something.
    pub(super) fn is_idle(&self) -> bool {
        self.streams.values().all(|stream| stream.sweep.is_none() && stream.compare.is_none())
    }
}

impl Stream {
    /// Begins a sweep, or goes on with one. A field that was not read before makes the object be read in full again.
    pub(super) fn begin(
        &mut self,
        (visible, hidden): (BTreeSet<String>, BTreeSet<String>),
        server: Timestamp,
    ) {
        let more = !visible.is_subset(&self.visible) || !hidden.is_subset(&self.hidden);
        self.visible = visible;
        self.hidden = hidden;
        if self.sweep.is_none() {
            let gap = self.checkpoint.map(|checkpoint| server.duration_since(checkpoint));
            if gap.is_some_and(|gap| gap > RETENTION) {
                self.compare = Some(String::new());
            }
            let bare = planted(Defect::NoOverlap) || planted(Defect::SameSecond);
            let overlap = if bare { SignedDuration::ZERO } else { OVERLAP };
            let from = self.checkpoint.and_then(|checkpoint| checkpoint.checked_sub(overlap).ok());
            self.sweep = Some(Sweep { from, until: None, after: None });
        }
        if more && !(planted(Defect::NewField) && self.checkpoint.is_some()) {
            self.sweep = Some(Sweep::default());
        }
    }

    /// Reads once more what may have become visible behind the sweep since it began, be it under way or ended.
    pub(super) fn repeat(&mut self) {
        let began = self.sweep.as_ref().map_or(self.checkpoint, |sweep| sweep.until);
        let Some(from) = began.and_then(|began| began.checked_sub(OVERLAP).ok()) else { return };
        match &mut self.sweep {
            // It has not come that far: all of it is still to be read.
            Some(Sweep { after: Some((stamp, _)), until, .. }) if *stamp < from => *until = None,
            sweep => *sweep = Some(Sweep { from: Some(from), until: None, after: None }),
        }
    }

    /// Takes in that rows up to `last` were read at the vendor's time `at`. Returns whether the sweep ended there.
    pub(super) fn advance(
        &mut self,
        last: Option<(Timestamp, String)>,
        complete: bool,
        at: Timestamp,
    ) -> bool {
        let Some(sweep) = &mut self.sweep else { return true };
        let until = *sweep.until.get_or_insert(at);
        let far = until.checked_add(CHASE).unwrap_or(until);
        let beyond = last.as_ref().is_some_and(|(stamp, _)| *stamp > far);
        if let Some(last) = last {
            sweep.after = Some(last);
        }
        if !complete && !beyond && !planted(Defect::NextPage) {
            return false;
        }
        let last = sweep.after.take().map(|(stamp, _)| stamp);
        self.sweep = None;
        let newest = last.or(self.checkpoint).filter(|_| planted(Defect::SameSecond));
        self.checkpoint = Some(newest.unwrap_or(until));
        self.deleted.get_or_insert(until);
        let keep = until.checked_sub(OVERLAP).unwrap_or(until);
        self.seen.retain(|_, stamp| time::instant(stamp).is_some_and(|stamp| stamp >= keep));
        if self.seen.len() > MOST_SEEN {
            self.seen.clear();
        }
        true
    }
}

impl Sweep {
    /// The rest of a query for the next page: keyset, because page sizes are never promised, thousands of rows may
    /// share a stamp, and locators end with the session [doc: research §7].
    pub(super) fn page(&self) -> String {
        let bound = match (&self.after, self.from) {
            (Some((stamp, _)), _) if planted(Defect::EqualStamps) => {
                format!(" WHERE SystemModstamp > {}", time::literal(*stamp))
            }
            (Some((stamp, id)), _) => {
                let stamp = time::literal(*stamp);
                let id = soql::quote(id);
                format!(" WHERE (SystemModstamp > {stamp} OR (SystemModstamp = {stamp} AND Id > {id}))")
            }
            (None, Some(from)) if planted(Defect::SameSecond) => {
                format!(" WHERE SystemModstamp > {}", time::literal(from))
            }
            (None, Some(from)) => format!(" WHERE SystemModstamp >= {}", time::literal(from)),
            (None, None) => String::new(),
        };
        format!("{bound} ORDER BY SystemModstamp,Id LIMIT {PAGE}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn names(list: &[&str]) -> (BTreeSet<String>, BTreeSet<String>) {
        (list.iter().map(ToString::to_string).collect(), BTreeSet::new())
    }

    #[test]
    fn the_checkpoint_is_the_sweeps_start_and_never_a_rows_stamp() {
        let mut stream = Stream::default();
        stream.begin(names(&["Name"]), at("2026-01-01T00:00:00Z"));
        let same = Some((at("2026-01-01T00:00:05Z"), "x".to_owned()));
        assert!(!stream.advance(same, false, at("2026-01-01T00:00:05Z")));
        let late = Some((at("2026-01-01T00:02:09Z"), "x".to_owned()));
        assert!(
            stream.advance(late, false, at("2026-01-01T00:02:10Z")),
            "a row far beyond the start ends it"
        );
        assert_eq!(stream.checkpoint, Some(at("2026-01-01T00:00:05Z")));
        stream.begin(names(&["Name"]), at("2026-01-01T00:01:00Z"));
        assert_eq!(stream.sweep.as_ref().unwrap().from, Some(at("2025-12-31T23:45:05Z")));
    }

    #[test]
    fn a_repeated_sweep_goes_back_to_before_it_began_and_never_forward() {
        let row = |stamp: &str| Some((at(stamp), "x".to_owned()));
        let began = at("2026-01-01T12:00:00Z");
        let mut stream = Stream::default();
        stream.begin(names(&["A"]), began);
        stream.repeat();
        assert_eq!(stream.sweep.as_ref().unwrap().from, None, "nothing was read yet");
        stream.advance(row("2026-01-01T11:44:59Z"), false, began);
        stream.repeat();
        let sweep = stream.sweep.clone().unwrap();
        assert_eq!((sweep.from, sweep.after, sweep.until), (None, row("2026-01-01T11:44:59Z"), None));
        stream.advance(row("2026-01-01T11:59:00Z"), false, began);
        stream.repeat();
        let sweep = stream.sweep.clone().unwrap();
        assert_eq!((sweep.from, sweep.after, sweep.until), (Some(at("2026-01-01T11:45:00Z")), None, None));
        stream.advance(row("2026-01-01T12:00:07Z"), true, at("2026-01-01T12:00:09Z"));
        assert!(stream.sweep.is_none());
        assert_eq!(stream.checkpoint, Some(at("2026-01-01T12:00:09Z")));
        stream.repeat();
        assert_eq!(stream.sweep.unwrap().from, Some(at("2026-01-01T11:45:09Z")));
    }

    #[test]
    fn another_field_makes_the_object_be_read_in_full_and_a_lesser_want_does_not() {
        let mut stream = Stream::default();
        stream.begin(names(&["A", "B"]), at("2026-01-01T00:00:00Z"));
        stream.advance(None, true, at("2026-01-01T00:00:00Z"));
        stream.begin(names(&["A"]), at("2026-01-01T00:01:00Z"));
        assert!(stream.sweep.as_ref().unwrap().from.is_some());
        stream.advance(None, true, at("2026-01-01T00:01:00Z"));
        stream.begin(names(&["A", "C"]), at("2026-01-01T00:02:00Z"));
        assert_eq!(stream.sweep.as_ref().unwrap().from, None);
        assert_eq!(stream.checkpoint, Some(at("2026-01-01T00:01:00Z")));
    }

    #[test]
    fn a_gap_beyond_the_recycle_bin_asks_for_a_full_comparison() {
        let mut stream = Stream::default();
        stream.begin(names(&["A"]), at("2026-01-01T00:00:00Z"));
        stream.advance(None, true, at("2026-01-01T00:00:00Z"));
        stream.begin(names(&["A"]), at("2026-01-15T00:00:00Z"));
        assert_eq!(stream.compare, None);
        stream.advance(None, true, at("2026-01-15T00:00:00Z"));
        stream.begin(names(&["A"]), at("2026-02-15T00:00:00Z"));
        assert_eq!(stream.compare.as_deref(), Some(""));
    }
}
