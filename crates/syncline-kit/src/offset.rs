//! A vendor's clock against ours, measured by the `Date` headers of its answers.

use crate::vendor::ClockOffset;
use jiff::{SignedDuration, Timestamp};

/// `Date` counts whole seconds.
const RESOLUTION: SignedDuration = SignedDuration::from_secs(1);
/// How long a good measurement is preferred to a newer, coarser one; two clocks drift apart by milliseconds meanwhile.
const HOLDS_FOR: SignedDuration = SignedDuration::from_mins(5);

/// The best measurement of the last minutes.
#[derive(Debug, Clone, Copy, Default)]
pub struct OffsetEstimate {
    best: Option<(ClockOffset, Timestamp)>,
}

impl OffsetEstimate {
    /// Takes in that a request which left at `sent` and whose answer was here at `received`, both by our clock, was
    /// dated `date` by the vendor. A measurement that contradicts the one before replaces it at once: one of the clocks
    /// was set.
    pub fn note(&mut self, sent: Timestamp, received: Timestamp, date: Timestamp) {
        // A clock that was set back during the call says nothing of the round trip.
        let half = received.duration_since(sent).max(SignedDuration::ZERO) / 2;
        let new = ClockOffset {
            ahead: date.duration_since(received).saturating_add(half),
            uncertainty: half.saturating_add(RESOLUTION),
        };
        if self.best.is_none_or(|(best, at)| {
            let age = received.duration_since(at);
            new.uncertainty <= best.uncertainty
                || age > HOLDS_FOR
                || age < SignedDuration::ZERO
                || contradict(best, new)
        }) {
            self.best = Some((new, received));
        }
    }

    /// The offset; `None` before the first measurement.
    pub fn get(&self) -> Option<ClockOffset> {
        self.best.map(|(best, _)| best)
    }
}

/// Whether no offset fits both.
fn contradict(one: ClockOffset, other: ClockOffset) -> bool {
    let apart = one.ahead.saturating_sub(other.ahead).abs();
    apart > one.uncertainty.saturating_add(other.uncertainty)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_767_225_600_000 + ms).unwrap()
    }

    /// Ahead and uncertainty in milliseconds.
    fn after(estimate: &mut OffsetEstimate, (sent, received, date): (i64, i64, i64)) -> (i128, i128) {
        estimate.note(at(sent), at(received), at(date));
        let offset = estimate.get().unwrap();
        (offset.ahead.as_millis(), offset.uncertainty.as_millis())
    }

    #[test]
    fn the_offset_is_taken_at_the_middle_of_the_round_trip() {
        assert_eq!(OffsetEstimate::default().get(), None);
        assert_eq!(after(&mut OffsetEstimate::default(), (0, 600, 7_000)), (6_700, 1_300));
    }

    #[test]
    fn the_quickest_answer_of_the_last_minutes_counts() {
        let mut estimate = OffsetEstimate::default();
        after(&mut estimate, (0, 100, 0));
        assert_eq!(
            after(&mut estimate, (60_000, 61_000, 60_000)),
            (-50, 1_050),
            "a slow one changes nothing"
        );
        assert_eq!(after(&mut estimate, (90_000, 90_040, 90_000)), (-20, 1_020));
        assert_eq!(after(&mut estimate, (400_000, 401_000, 400_000)), (-500, 1_500), "the quick one is old");
    }

    #[test]
    fn a_clock_that_is_set_is_followed_at_once_in_both_directions() {
        let mut estimate = OffsetEstimate::default();
        after(&mut estimate, (0, 0, 0));
        assert_eq!(after(&mut estimate, (1_000, 3_000, 7_202_000)).0, 7_200_000, "also by a slow answer");
        assert_eq!(after(&mut estimate, (4_000, 6_000, 5_000)).0, 0);
        assert_eq!(after(&mut estimate, (-90_000, -88_000, -89_000)).0, 0, "ours was set back as well");
    }
}
