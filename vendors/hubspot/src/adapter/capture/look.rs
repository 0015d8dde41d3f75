//! The look: one search, newest first, that finds out whether there is anything to do.

use super::{
    COMPLETE_EVERY, COMPLETE_LAG, DAY, HOUR, LIVE_LAG, PAGE, Scene,
    cursor::{ObjectState, Pass, Task, Window},
    sift::Mode,
};
use crate::adapter::records::{Row, SEARCH_PAGE, Search, modified_property};
use jiff::Timestamp;
use syncline_kit::vendor::VendorError;
use syncline_model::{
    Observation, RecordState, Version,
    defect::{Defect, planted},
};

impl Scene<'_> {
    /// Looks at the newest changes. If they all fit on one page, that is all there is to read. If the page holds nothing
    /// new and the index knows no more rows than the store, there is nothing either. Otherwise the rest of the window
    /// becomes a task.
    ///
    /// The complete pass rides along when it is due and its window is small, so that an idle cycle stays at one call.
    pub(super) async fn look(&self, state: &mut ObjectState) -> Result<Vec<Observation>, VendorError> {
        let object = &self.want.object;
        let stamp = modified_property(object);
        let live_from = state.live - LIVE_LAG;
        let is_due = self.now() - state.complete_at >= COMPLETE_EVERY && !planted(Defect::OnePass);
        let rides = is_due && self.count_since(state.complete).await <= SEARCH_PAGE as u64;
        let from = if rides { live_from.min(state.complete) } else { live_from };
        let search = Search { filters: vec![(stamp, "GTE", from.to_string())], sort: (stamp, true), skip: 0 };
        let found = self.hub.search(object, &search, &self.properties).await?;
        let started = self.now();

        let is_all = found.is_all();
        let oldest = found.results.iter().filter_map(|row| row.stamp(object)).min();
        let absent = if planted(Defect::AbsentIsDeleted) {
            self.absent(&found.results, from).await
        } else {
            Vec::new()
        };
        let mut seen = self.sift(found.results, Mode::Changed).await?;
        seen.extend(absent);
        let checkpoint = started - LIVE_LAG;
        if is_all || (seen.is_empty() && found.total <= self.count_since(from).await) {
            state.live = checkpoint;
        } else {
            let to = oldest.unwrap_or(started);
            state.tasks.push(Task::Window(Window::new(Pass::Live, live_from, to, checkpoint)));
        }
        let settled = started - COMPLETE_LAG;
        if rides && is_all {
            state.complete = state.complete.max(settled);
            state.complete_at = started;
        } else if is_due {
            state.tasks.push(Task::Window(Window::new(Pass::Complete, state.complete, settled, started)));
        }
        self.plan_sweeps(state, started);
        Ok(seen)
    }

    /// Known records that changed since and that this read did not bring.
    async fn absent(&self, rows: &[Row], from: i64) -> Vec<Observation> {
        let object = &self.want.object;
        let known = self.known.ids(object, None, PAGE).await;
        let versions = self.known.versions(object, &known).await;
        let changed = |version: Option<Version>| {
            version
                .and_then(|at| at.0.parse::<Timestamp>().ok())
                .is_some_and(|at| at.as_millisecond() >= from)
        };
        let absent = known.into_iter().zip(versions).filter(|(_, version)| changed(version.clone()));
        absent
            .filter(|(id, _)| !rows.iter().any(|row| row.id == id.as_str()))
            .map(|(id, _)| self.hub.tombstone(object, id, None, RecordState::Deleted))
            .collect()
    }

    /// What is done once a day.
    fn plan_sweeps(&self, state: &mut ObjectState, started: i64) {
        if started - state.bin_at >= DAY && !planted(Defect::NoBin) {
            state.tasks.push(Task::Bin { after: None, since: state.bin_at - HOUR, started });
        }
        for field in &self.want.edges {
            let last = *state.swept.entry(field.clone()).or_insert(started);
            if started - last >= DAY && !planted(Defect::RelationsAlone) {
                state.tasks.push(Task::Edges { field: field.clone(), after: None, started });
            }
        }
    }

    /// The vendor's time in milliseconds.
    pub(super) fn now(&self) -> i64 {
        self.hub.client.vendor_now().as_millisecond()
    }

    async fn count_since(&self, from: i64) -> u64 {
        let from = Timestamp::from_millisecond(from).unwrap_or(Timestamp::UNIX_EPOCH);
        self.known.count_since(&self.want.object, from).await
    }
}
