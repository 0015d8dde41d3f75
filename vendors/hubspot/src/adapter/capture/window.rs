//! The initial load and windows of changes: keysets that neither the cap of 10,000 rows nor rows that move while we page
//! can make lose anything.

use super::{
    COMPLETE_LAG, LIVE_LAG, PAGE, Scene,
    cursor::{ObjectState, Pass, Task, Window},
    sift::Mode,
};
use crate::adapter::records::{Row, SEARCH_DEPTH, SEARCH_PAGE, Search, modified_property};
use syncline_kit::vendor::VendorError;
use syncline_model::Observation;

const ID: &str = "hs_object_id";

impl Scene<'_> {
    /// One page of the initial load: several searches by ascending id, so that one association read covers them.
    pub(super) async fn load(
        &self,
        after: u64,
        started: i64,
        state: &mut ObjectState,
    ) -> Result<(Vec<Observation>, Option<Task>), VendorError> {
        let (mut after, mut started) = (after, started);
        let mut rows: Vec<Row> = Vec::new();
        let mut is_last = false;
        while rows.len() < PAGE && !is_last {
            let search = Search { filters: vec![(ID, "GT", after.to_string())], sort: (ID, false), skip: 0 };
            let found = self.hub.search(&self.want.object, &search, &self.properties).await?;
            if started == 0 {
                started = self.now();
            }
            let last = found.results.iter().filter_map(number).max();
            is_last = found.is_all() || last.is_none_or(|last| last <= after);
            after = last.unwrap_or(after).max(after);
            rows.extend(found.results);
        }
        let seen = self.sift(rows, Mode::All).await?;
        if !is_last {
            return Ok((seen, Some(Task::Load { after, started })));
        }
        // What changed during the load, or was not in the index yet, is seen by the passes from here on.
        state.live = started - LIVE_LAG;
        state.complete = started - COMPLETE_LAG;
        state.complete_at = started;
        if state.bin_at == 0 {
            state.bin_at = started;
        }
        state.swept = self.want.edges.iter().map(|edge| (edge.clone(), started)).collect();
        Ok((seen, None))
    }

    /// One search page of a window.
    pub(super) async fn window(
        &self,
        mut window: Window,
        state: &mut ObjectState,
    ) -> Result<(Vec<Observation>, Option<Task>), VendorError> {
        let rows = if window.from > window.to {
            None
        } else if let Some(after) = window.drain {
            Some(self.drain(&mut window, after).await?)
        } else {
            Some(self.advance(&mut window).await?)
        };
        let seen = match rows {
            Some(rows) => self.sift(rows, Mode::Changed).await?,
            None => Vec::new(),
        };
        if window.from <= window.to {
            return Ok((seen, Some(Task::Window(window))));
        }
        match window.pass {
            Pass::Live => state.live = state.live.max(window.then),
            Pass::Complete => {
                state.complete = state.complete.max(window.to);
                state.complete_at = window.then;
            }
        }
        Ok((seen, None))
    }

    /// Reads on by offset, one row of overlap: if that row is not the one that was last, rows have moved, and the search
    /// starts anew at the last stamp.
    async fn advance(&self, window: &mut Window) -> Result<Vec<Row>, VendorError> {
        let stamp = modified_property(&self.want.object);
        let skip = if window.last.is_some() { window.read.saturating_sub(1) } else { 0 };
        let search = Search {
            filters: vec![(stamp, "GTE", window.from.to_string()), (stamp, "LTE", window.to.to_string())],
            sort: (stamp, false),
            skip,
        };
        let found = self.hub.search(&self.want.object, &search, &self.properties).await?;
        let read = skip + found.results.len();
        let is_all = found.total <= read as u64;
        let mut rows = found.results;
        if let Some((millisecond, id)) = window.last {
            if rows.first().and_then(number) != Some(id) {
                self.go_on_at(window, millisecond);
                return Ok(Vec::new());
            }
            rows.remove(0);
        }
        let last = rows.last().and_then(|row| Some((row.stamp(&self.want.object)?, number(row)?)));
        match last.or(window.last) {
            // A page that brought nothing new has no next one by offset.
            Some(last) if !is_all && (rows.is_empty() || read - 1 + SEARCH_PAGE > SEARCH_DEPTH) => {
                self.go_on_at(window, last.0);
            }
            Some(last) if !is_all => {
                window.read = read;
                window.last = Some(last);
            }
            Some(_) | None => window.restart(window.to + 1),
        }
        Ok(rows)
    }

    /// Starts a new search at this stamp, or drains it where the last search got no further.
    fn go_on_at(&self, window: &mut Window, millisecond: i64) {
        let is_stuck = millisecond <= window.from;
        window.restart(millisecond.max(window.from));
        if is_stuck {
            window.drain = Some(0);
        }
    }

    /// Reads the rows of one millisecond by ascending id: a bulk edit can stamp more than 10,000 alike
    /// [gh airbyte#43317].
    async fn drain(&self, window: &mut Window, after: u64) -> Result<Vec<Row>, VendorError> {
        let search = Search {
            filters: vec![
                (modified_property(&self.want.object), "EQ", window.from.to_string()),
                (ID, "GT", after.to_string()),
            ],
            sort: (ID, false),
            skip: 0,
        };
        let found = self.hub.search(&self.want.object, &search, &self.properties).await?;
        let last = found.results.iter().filter_map(number).max();
        match last {
            Some(last) if !found.is_all() && last > after => window.drain = Some(last),
            Some(_) | None => {
                window.drain = None;
                window.restart(window.from + 1);
            }
        }
        Ok(found.results)
    }
}

fn number(row: &Row) -> Option<u64> {
    row.id.parse().ok()
}
