//! The sender's queue: events that wait, deliveries under way, and what is sent again.

use super::{Hooks, signature::signed};
use serde_json::{Value, json};
use syncline_kit::sandbox::{Delivery, DeliveryId};

/// Events in one delivery, and deliveries under way at once [d25 webhooks].
const EVENTS: usize = 100;
pub(super) const IN_FLIGHT: usize = 10;
/// Waits before each repetition, in seconds: ten within 24 hours. The real spread is random; a tenth is added here.
const RETRY_S: [i64; 10] = [60, 300, 900, 1_800, 3_600, 7_200, 10_800, 14_400, 18_000, 21_600];

#[derive(Debug)]
pub(super) struct Waiting {
    attempt: usize,
    event: Value,
}

impl Hooks {
    pub(super) fn enqueue(&mut self, event: Value, ready_at: i64) {
        if self.mischief.lose > 0 {
            self.mischief.lose -= 1;
            return;
        }
        let copies = if self.mischief.double > 0 { 2 } else { 1 };
        self.mischief.double = self.mischief.double.saturating_sub(1);
        for _ in 0..copies {
            self.push(ready_at, Waiting { attempt: 0, event: event.clone() });
        }
    }

    fn push(&mut self, ready_at: i64, waiting: Waiting) {
        self.order += 1;
        self.queue.insert((ready_at, self.order), waiting);
    }

    /// Events that a receiver has not answered for yet.
    pub(in crate::sandbox) fn waiting(&self) -> usize {
        self.queue.len() + self.under_way.values().map(|(_, events)| events.len()).sum::<usize>()
    }

    /// Deliveries that may leave now.
    pub(in crate::sandbox) fn due(&mut self, now: i64, secret: &str) -> Vec<Delivery> {
        let Some(settings) = self.settings.clone() else {
            self.queue.clear();
            return Vec::new();
        };
        let mut deliveries = Vec::new();
        if self.mischief.pause {
            return deliveries;
        }
        let most = settings.concurrent.min(IN_FLIGHT);
        while self.under_way.len() < most {
            let Some((_, attempt)) = self.next_ready(now) else { break };
            let mut events = Vec::new();
            while events.len() < EVENTS
                && let Some((key, its)) = self.next_ready(now)
                && its == attempt
            {
                events.extend(self.queue.remove(&key).map(|one| one.event));
            }
            // Only this machine is ever called.
            if !is_loopback(&settings.target) {
                continue;
            }
            for event in events.iter_mut().filter_map(Value::as_object_mut) {
                event.insert("attemptNumber".to_owned(), json!(attempt));
            }
            let body = serde_json::to_vec(&events).unwrap_or_default();
            let Some(request) = signed(&settings.target, body, secret, now) else { continue };
            let id = self.next_delivery;
            self.next_delivery += 1;
            self.under_way.insert(id, (attempt, events));
            deliveries.push(Delivery { id: DeliveryId(id), request });
        }
        deliveries
    }

    /// The next event to leave: the longest waiting one, or the latest under the reordering mischief.
    fn next_ready(&self, now: i64) -> Option<((i64, u64), usize)> {
        let mut ready = self.queue.range(..=(now, u64::MAX));
        let next = if self.mischief.reorder { ready.next_back() } else { ready.next() };
        next.map(|(key, one)| (*key, one.attempt))
    }

    /// How a delivery ended; anything but 2xx is repeated.
    pub(in crate::sandbox) fn delivered(&mut self, id: DeliveryId, status: Option<u16>, now: i64) {
        let Some((attempt, events)) = self.under_way.remove(&id.0) else { return };
        if status.is_some_and(|status| (200..300).contains(&status)) {
            return;
        }
        let Some(wait) = RETRY_S.get(attempt).map(|seconds| seconds * 1000) else { return };
        for event in events {
            let spread = i64::try_from(self.random.next() % 1000).unwrap_or(0) * wait / 10_000;
            self.push(now + wait + spread, Waiting { attempt: attempt + 1, event });
        }
    }
}

fn is_loopback(target: &str) -> bool {
    let Ok(uri) = target.parse::<http::Uri>() else { return false };
    let host = uri.host().unwrap_or("").trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_counts_as_loopback() {
        assert!(is_loopback("http://127.0.0.1:9/hook"));
        assert!(is_loopback("http://[::1]:9/hook"));
        assert!(is_loopback("http://localhost/hook"));
        assert!(!is_loopback("https://hooks.example.com/x"));
        assert!(!is_loopback("http://127.0.0.1.example.com/x"));
    }
}
