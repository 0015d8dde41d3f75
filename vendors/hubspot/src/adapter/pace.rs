//! Pacing: three buckets as HubSpot counts them [d25 usage-details], so that steady work never meets a 429.

use super::Options;
use jiff::Timestamp;
use std::time::Duration;
use syncline_kit::budget::Window;

const TEN_SECONDS: Duration = Duration::from_secs(10);
/// A second and a little: the vendor's window need not start with ours.
const A_SECOND: Duration = Duration::from_millis(1_050);

/// The bucket that a call falls into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// Everything else.
    General,
    /// `…/search`: per second and per account; its answers carry no headers to steer by.
    Search,
    /// Associations by v4 batches and labels.
    Associations,
}

/// The state of the buckets.
pub(super) struct Pace {
    general: Window,
    general_limit: usize,
    search: Window,
    associations: Window,
    /// Nothing is sent before these, after the vendor said "too many": general, search, associations.
    paused: [Option<Timestamp>; 3],
}

impl Pace {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            general: Window::new(options.calls_per_ten_seconds, TEN_SECONDS),
            general_limit: options.calls_per_ten_seconds,
            search: Window::new(options.searches_per_second, A_SECOND),
            associations: Window::new(options.association_calls_per_ten_seconds, TEN_SECONDS),
            paused: [None; 3],
        }
    }

    /// Takes a place and says how long to wait for it.
    pub(super) fn reserve(&mut self, lane: Lane, now: Timestamp) -> Duration {
        let from = self.paused[lane as usize].map_or(now, |until| until.max(now));
        let wait = match lane {
            Lane::General => self.general.reserve(from),
            Lane::Search => self.search.reserve(from),
            Lane::Associations => self.associations.reserve(from),
        };
        wait + Duration::try_from(from.duration_since(now)).unwrap_or_default()
    }

    /// The vendor said "too many": nothing more in this lane until `until`.
    pub(super) fn pause(&mut self, lane: Lane, until: Timestamp) {
        let slot = &mut self.paused[lane as usize];
        *slot = Some(slot.map_or(until, |old| old.max(until)));
    }

    /// The account's own limit, from the headers of a general call: smaller accounts have 100 in ten seconds.
    pub(super) fn learn(&mut self, max: usize, remaining: usize, now: Timestamp) {
        let limit = (max * 19 / 20).max(1);
        if limit >= self.general_limit {
            return;
        }
        self.general_limit = limit;
        self.general = Window::new(limit, TEN_SECONDS);
        for _ in remaining..max {
            self.general.reserve(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    #[test]
    fn a_pause_holds_back_its_own_lane_only() {
        let mut pace = Pace::new(&Options::default());
        pace.pause(Lane::Search, at(10));
        assert_eq!(pace.reserve(Lane::Search, at(0)), Duration::from_secs(10));
        assert_eq!(pace.reserve(Lane::General, at(0)), Duration::ZERO);
    }

    #[test]
    fn a_smaller_account_is_paced_by_its_own_limit() {
        let mut pace = Pace::new(&Options::default());
        pace.learn(100, 99, at(0));
        let immediate = (0..150).filter(|_| pace.reserve(Lane::General, at(0)).is_zero()).count();
        assert_eq!(immediate, 94, "95 in ten seconds, one of them is spent");
    }
}
