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
        Self { limit: limit.max(1), window, sent: VecDeque::with_capacity(limit.max(1)) }
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
}
