//! Pacing: sliding windows over calls, so that no vendor limit is met in steady state (HUB-8).

use jiff::Timestamp;
use std::{collections::VecDeque, time::Duration};

/// At most `limit` calls in any `window`.
#[derive(Debug, Clone)]
pub struct Window {
    limit: usize,
    window: Duration,
    sent: VecDeque<Timestamp>,
}

impl Window {
    /// A window in which nothing was sent yet.
    pub fn new(limit: usize, window: Duration) -> Self {
        Self { limit: limit.max(1), window, sent: VecDeque::new() }
    }

    /// Takes a place at `now` and says how long to wait before sending.
    pub fn reserve(&mut self, now: Timestamp) -> Duration {
        let at = match self.sent.front() {
            Some(oldest) if self.sent.len() >= self.limit => {
                let free = oldest.checked_add(self.window).unwrap_or(now);
                self.sent.pop_front();
                free.max(now)
            }
            _ => now,
        };
        self.sent.push_back(at);
        Duration::try_from(at.duration_since(now)).unwrap_or_default()
    }

    /// The call that took the latest place was answered at `now`. It counts from then: the vendor saw it no later, however
    /// long it was on the way.
    pub fn answered(&mut self, now: Timestamp) {
        if let Some(latest) = self.sent.back_mut() {
            *latest = (*latest).max(now);
        }
    }

    /// The places taken that still count at `now`, oldest first: what a following process has to know.
    pub fn state(&self, now: Timestamp) -> Vec<Timestamp> {
        let counts = |at: &&Timestamp| at.checked_add(self.window).is_ok_and(|free| free > now);
        self.sent.iter().filter(counts).copied().collect()
    }

    /// Takes over the places of an earlier process. Those that no longer count at `now` are left out, and those that lie
    /// further ahead than one window: this machine's clock was set back since.
    pub fn resume(&mut self, earlier: &[Timestamp], now: Timestamp) {
        let far = now.checked_add(self.window).unwrap_or(now);
        let mut taken = self.state(now);
        taken.extend(
            earlier
                .iter()
                .filter(|at| **at <= far && at.checked_add(self.window).is_ok_and(|free| free > now)),
        );
        taken.sort_unstable();
        let beyond = taken.len().saturating_sub(self.limit);
        self.sent = taken.into_iter().skip(beyond).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_window_ever_holds_more_than_the_limit() {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let mut window = Window::new(3, Duration::from_secs(10));
        let mut sent = Vec::new();
        for call in 0..20_i64 {
            let now = start.checked_add(Duration::from_secs(call as u64)).unwrap();
            sent.push(now.checked_add(window.reserve(now)).unwrap());
        }
        for (position, at) in sent.iter().enumerate() {
            let until = at.checked_add(Duration::from_secs(10)).unwrap();
            let within = sent[position..].iter().filter(|later| **later < until).count();
            assert!(within <= 3, "{within} calls within ten seconds of {at}");
        }
        assert_eq!(sent[0], start, "the first call does not wait");
    }

    #[test]
    fn a_call_that_was_long_on_the_way_counts_from_its_answer() {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let at = |ms: u64| start.checked_add(Duration::from_millis(ms)).unwrap();
        let mut window = Window::new(1, Duration::from_secs(1));
        assert_eq!(window.reserve(at(0)).as_millis(), 0);
        window.answered(at(400));
        assert_eq!(
            window.reserve(at(400)).as_millis(),
            1_000,
            "the vendor may have seen it just before it answered"
        );
    }

    #[test]
    fn a_following_process_waits_for_what_the_one_before_it_sent() {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let at = |ms: u64| start.checked_add(Duration::from_millis(ms)).unwrap();
        let mut first = Window::new(2, Duration::from_secs(1));
        let waits = [0, 100, 200].map(|ms| first.reserve(at(ms)));
        assert_eq!(waits.map(|wait| wait.as_millis()), [0, 0, 800]);
        let state = first.state(at(1_000));
        assert_eq!(state, [at(100), at(1_000)], "the first place is free again");

        let mut second = Window::new(2, Duration::from_secs(1));
        second.resume(&state, at(1_050));
        assert_eq!(second.reserve(at(1_050)).as_millis(), 50);
        let mut later = Window::new(2, Duration::from_secs(1));
        later.resume(&state, at(2_000));
        assert!(later.reserve(at(2_000)).is_zero() && later.state(at(2_000)).len() == 1);
    }

    #[test]
    fn a_clock_that_was_set_back_makes_nobody_wait_for_hours() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let ahead = now.checked_add(Duration::from_secs(3_600)).unwrap();
        let mut window = Window::new(1, Duration::from_secs(1));
        window.resume(&[ahead], now);
        assert!(window.reserve(now).is_zero());
    }
}
