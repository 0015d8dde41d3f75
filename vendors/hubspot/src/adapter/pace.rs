//! Pacing: three buckets and a daily count as HubSpot has them [d25 usage-details], so that steady work never meets a
//! 429.

use super::Options;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use syncline_kit::{
    budget::Window,
    daily::{Daily, Measured},
    vendor::VendorError,
};

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
    configured_limit: usize,
    learns: bool,
    search: Window,
    associations: Window,
    day: Daily,
    /// The account's, at whose midnight the daily count starts again; unknown until the account was asked for.
    zone: Option<TimeZone>,
    /// Nothing is sent before these, after the vendor said "too many": general, search, associations.
    paused: [Option<Timestamp>; 3],
}

/// The same for the next process: what of it still counts. Times are milliseconds by our clock.
#[derive(Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    /// The limit of general calls that the account's headers told, where it is lower than the configured one.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    general: Vec<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    search: Vec<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    associations: Vec<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    day: Option<Measured>,
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<String>,
    #[serde(skip_serializing_if = "is_free")]
    paused: [Option<i64>; 3],
}

fn is_free(paused: &[Option<i64>; 3]) -> bool {
    paused.iter().all(Option::is_none)
}

/// A pause that an earlier process was told is never longer than this (`Retry-After` is capped at a minute).
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(2);
/// A day, where the account's midnight is not known; the day that clocks are set back is an hour longer.
const A_DAY: SignedDuration = SignedDuration::from_hours(24);
const LONGEST_DAY: SignedDuration = SignedDuration::from_hours(25);

impl Pace {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            general: Window::new(options.calls_per_ten_seconds, TEN_SECONDS),
            general_limit: options.calls_per_ten_seconds,
            configured_limit: options.calls_per_ten_seconds,
            learns: options.learns_limits,
            search: Window::new(options.searches_per_second, A_SECOND),
            associations: Window::new(options.association_calls_per_ten_seconds, TEN_SECONDS),
            day: Daily::new(options.daily_share),
            zone: None,
            paused: [None; 3],
        }
    }

    /// What a following process has to keep to; `None`: nothing.
    pub(super) fn state(&self, now: Timestamp) -> Option<serde_json::Value> {
        let stamps = |window: &Window| window.state(now).into_iter().map(Timestamp::as_millisecond).collect();
        let kept = Kept {
            limit: (self.general_limit < self.configured_limit).then_some(self.general_limit),
            general: stamps(&self.general),
            search: stamps(&self.search),
            associations: stamps(&self.associations),
            day: self.day.state(now),
            zone: self.zone.as_ref().and_then(|zone| Some(zone.iana_name()?.to_owned())),
            paused: self.paused.map(|until| Some(until.filter(|until| *until > now)?.as_millisecond())),
        };
        if kept == Kept::default() { None } else { serde_json::to_value(kept).ok() }
    }

    /// Goes on where an earlier process stopped. A state that cannot be read counts as none.
    pub(super) fn resume(&mut self, state: &serde_json::Value, now: Timestamp) {
        let Ok(kept) = Kept::deserialize(state) else { return };
        if let Some(limit) = kept.limit.filter(|limit| (1..self.general_limit).contains(limit)) {
            self.general_limit = limit;
            self.general = Window::new(limit, TEN_SECONDS);
        }
        let stamps = |list: Vec<i64>| -> Vec<Timestamp> {
            list.into_iter().filter_map(|ms| Timestamp::from_millisecond(ms).ok()).collect()
        };
        self.general.resume(&stamps(kept.general), now);
        self.search.resume(&stamps(kept.search), now);
        self.associations.resume(&stamps(kept.associations), now);
        if let Some(zone) = kept.zone {
            self.in_zone(&zone);
        }
        if let Some(day) = kept.day {
            self.day.resume(day, now, now.checked_add(LONGEST_DAY).unwrap_or(now));
        }
        for (slot, until) in self.paused.iter_mut().zip(kept.paused) {
            let until = until.and_then(|ms| Timestamp::from_millisecond(ms).ok());
            let sane = until.filter(|until| until.duration_since(now) <= LONGEST_PAUSE);
            *slot = (*slot).max(sane);
        }
    }

    /// The account's time zone; one that is not known is none.
    pub(super) fn in_zone(&mut self, name: &str) {
        if let Ok(zone) = TimeZone::get(name) {
            self.zone = Some(zone);
        }
    }

    /// What the headers of a general call say of the account's day.
    pub(super) fn count_day(&mut self, used: u64, max: u64, now: Timestamp) {
        let midnight = |zone: &TimeZone| {
            let day = now.to_zoned(zone.clone()).tomorrow().ok()?.start_of_day().ok()?;
            Some(day.timestamp())
        };
        let midnight = self.zone.as_ref().and_then(midnight);
        let until = midnight.or_else(|| now.checked_add(A_DAY).ok()).unwrap_or(now);
        self.day.note(used, max, now, until);
    }

    /// A call was sent: most answers tell how many there were, searches do not.
    pub(super) fn count_call(&mut self) {
        self.day.sent();
    }

    /// Refuses a call beyond the connection's share of the day's calls.
    pub(super) fn within_share(&self, now: Timestamp) -> Result<(), VendorError> {
        self.day.allows(now)
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

    /// The latest call of a lane was answered.
    pub(super) fn answered(&mut self, lane: Lane, now: Timestamp) {
        match lane {
            Lane::General => self.general.answered(now),
            Lane::Search => self.search.answered(now),
            Lane::Associations => self.associations.answered(now),
        }
    }

    /// The vendor said "too many": nothing more in this lane until `until`.
    pub(super) fn pause(&mut self, lane: Lane, until: Timestamp) {
        let slot = &mut self.paused[lane as usize];
        *slot = Some(slot.map_or(until, |old| old.max(until)));
    }

    /// The account's own limit, from the headers of a general call: smaller accounts have 100 in ten seconds.
    pub(super) fn learn(&mut self, max: usize, remaining: usize, now: Timestamp) {
        let limit = (max * 19 / 20).max(1);
        if !self.learns || limit >= self.general_limit {
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

    #[test]
    fn limits_that_the_credentials_tell_are_not_lowered_by_headers() {
        let told = Options::default().told(&serde_json::json!({"limits": {"calls_per_ten_seconds": 250}}));
        let mut pace = Pace::new(&told);
        pace.learn(100, 100, at(0));
        assert!((0..250).all(|_| pace.reserve(Lane::General, at(0)).is_zero()));
        assert!(!pace.reserve(Lane::General, at(0)).is_zero());
    }

    #[test]
    fn the_days_share_starts_again_at_the_accounts_midnight() {
        let now: Timestamp = "2026-03-02T21:30:00Z".parse().unwrap();
        let later = |minutes| now.checked_add(SignedDuration::from_mins(minutes)).unwrap();
        for (zone, minutes) in [(None, 24 * 60), (Some("Europe/Rome"), 90), (Some("No/Where"), 24 * 60)] {
            let mut pace = Pace::new(&Options::default());
            if let Some(zone) = zone {
                pace.in_zone(zone);
            }
            pace.count_day(1_000, 2_000, now);
            (0..500).for_each(|_| pace.count_call());
            assert!(pace.within_share(later(minutes - 1)).is_err(), "{zone:?}");
            let mut next = Pace::new(&Options::default());
            next.resume(&pace.state(now).unwrap(), now);
            assert!(next.within_share(later(minutes - 1)).is_err(), "{zone:?}: the next process");
            assert!(next.within_share(later(minutes)).is_ok(), "{zone:?}");
            next.count_day(1, 2_000, later(minutes));
            (0..1_000).for_each(|_| next.count_call());
            let midnight = if zone == Some("Europe/Rome") { minutes + 24 * 60 } else { minutes * 2 };
            assert!(next.within_share(later(midnight - 1)).is_err(), "{zone:?}: the day after");
        }
    }

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

    #[test]
    fn a_following_process_keeps_to_what_was_sent_told_and_learnt() {
        let mut first = Pace::new(&Options::default());
        assert_eq!(first.state(at(0)), None, "nothing was sent");
        first.learn(100, 100, at(0));
        for _ in 0..5 {
            first.reserve(Lane::Search, at(0));
        }
        first.pause(Lane::Associations, at(7));
        let state = first.state(at(0)).unwrap();

        let mut next = Pace::new(&Options::default());
        next.resume(&state, at(0));
        assert_eq!(next.reserve(Lane::Search, at(0)), A_SECOND);
        assert_eq!(next.reserve(Lane::Associations, at(0)), Duration::from_secs(7));
        assert_eq!((0..150).filter(|_| next.reserve(Lane::General, at(0)).is_zero()).count(), 95);

        let mut later = Pace::new(&Options::default());
        later.resume(&state, at(8));
        assert_eq!(later.reserve(Lane::Search, at(8)), Duration::ZERO);
        assert_eq!(later.reserve(Lane::Associations, at(8)), Duration::ZERO);
    }

    #[test]
    fn a_state_of_another_shape_is_no_obstacle() {
        let mut pace = Pace::new(&Options::default());
        pace.resume(&serde_json::json!({"general": "x"}), at(0));
        pace.resume(&serde_json::json!({"paused": [null, 4_000_000_000_000_i64, null]}), at(0));
        assert_eq!(pace.reserve(Lane::Search, at(0)), Duration::ZERO);
    }
}
