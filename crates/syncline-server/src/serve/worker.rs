//! The one task that owns the engine: it polls, follows hints, waits after failures, and ends when told to.

use super::{
    Shared, register,
    status::{AtWork, Trigger},
};
use jiff::{SignedDuration, Timestamp};
use std::{sync::Arc, time::Duration};
use syncline_engine::{
    Ctx, Error,
    cycle::{self, Backfill, Needs, Outcome},
};
use syncline_kit::vendor::VendorError;
use syncline_model::ConnectionName;
use tokio::sync::watch;

/// Vendors send one event a field; what belongs together arrives together.
const DEBOUNCE: Duration = Duration::from_millis(200);
/// After the first failure; doubled by each further one.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_mins(5);
/// Another process is at work on the workspace.
const BUSY_WAIT: Duration = Duration::from_secs(1);
/// Who runs, for the journal.
const BY: &str = "serve";

/// The task's state.
pub(super) struct Worker {
    ctx: Ctx,
    shared: Arc<Shared>,
    poll: Duration,
    /// Vendors that could not be asked for webhooks yet.
    unregistered: Vec<ConnectionName>,
    /// Failures in a row.
    failures: u32,
    /// The last attempt failed: hints wait for the next poll too.
    waiting: bool,
    /// What was said to be needed last.
    said: Option<Needs>,
}

impl Worker {
    pub(super) fn new(
        ctx: Ctx,
        shared: Arc<Shared>,
        poll: Duration,
        unregistered: Vec<ConnectionName>,
    ) -> Self {
        Self { ctx, shared, poll, unregistered, failures: 0, waiting: false, said: None }
    }

    /// Works until `stop` turns true.
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let shared = self.shared.clone();
        let mut due = self.ctx.now();
        while !*stop.borrow() {
            let wait = until(due, self.ctx.now());
            let trigger = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                () = shared.clock.sleep(wait) => Trigger::Poll,
                () = shared.hints.some(), if !self.waiting => Trigger::Webhook,
            };
            let begun = self.ctx.now();
            shared.status().at_work = AtWork::Yes;
            let result = match trigger {
                Trigger::Poll => self.polled().await,
                Trigger::Webhook => {
                    shared.clock.sleep(DEBOUNCE).await;
                    self.followed().await
                }
            };
            due = match (result, trigger) {
                (Ok(()), Trigger::Poll) => {
                    (self.failures, self.waiting) = (0, false);
                    later(begun, self.poll)
                }
                (Ok(()), Trigger::Webhook) => due,
                (Err(error), _) if *stop.borrow() => {
                    tracing::debug!(%error, "stopped");
                    break;
                }
                (Err(error), _) => {
                    self.waiting = true;
                    later(self.ctx.now(), self.failed(trigger, &error))
                }
            };
            self.note_size().await;
            shared.status().at_work = AtWork::No;
        }
    }

    /// One poll; hints that wait come first.
    async fn polled(&mut self) -> Result<(), Error> {
        let fresh = self.ctx.freshen().await;
        self.ctx.keep_credentials().await?;
        fresh?;
        if !self.unregistered.is_empty() {
            let (_, again) = register(&self.shared, self.unregistered.iter()).await;
            self.unregistered = again;
        }
        self.followed().await?;
        let outcome = cycle::sync(&mut self.ctx, &Backfill::Ask, BY).await?;
        self.ran(Trigger::Poll, outcome);
        Ok(())
    }

    /// Reads what webhooks pointed at and does what follows from it.
    async fn followed(&mut self) -> Result<(), Error> {
        let records = self.shared.hints.take();
        if records.is_empty() {
            return Ok(());
        }
        match cycle::hinted(&mut self.ctx, &records, BY).await {
            Ok(outcome) => {
                self.ran(Trigger::Webhook, outcome);
                Ok(())
            }
            Err(error) => {
                self.shared.hints.put_back(records);
                Err(error)
            }
        }
    }

    fn ran(&mut self, trigger: Trigger, outcome: Outcome) {
        tracing::info!(
            trigger = trigger.word(), run = ?outcome.run, writes = outcome.tally.writes(), held = outcome.held,
            "run"
        );
        self.shared.status().ran(trigger, &outcome, self.ctx.now());
        if self.said != outcome.needs {
            match &outcome.needs {
                Some(needs) => tracing::warn!("nothing is written until a person decides: {}", words(needs)),
                None => tracing::warn!("what a person had to decide is decided; writing again"),
            }
            self.said = outcome.needs;
        }
    }

    /// Notes a failure; says how long to wait.
    fn failed(&mut self, trigger: Trigger, error: &Error) -> Duration {
        if matches!(error, Error::Busy) {
            tracing::debug!("another process is at work on this workspace");
            return BUSY_WAIT;
        }
        self.shared.status().failed(trigger, error.to_string());
        let wait = backoff(self.failures, error);
        self.failures = self.failures.saturating_add(1);
        tracing::warn!(%error, "a run failed; the next one begins in {} s", wait.as_secs());
        wait
    }

    async fn note_size(&self) {
        let dirty = self.ctx.store.dirty_count().await;
        let mut status = self.shared.status();
        status.calls = self.ctx.calls();
        if let Ok(dirty) = dirty {
            status.dirty = dirty;
        }
    }
}

fn words(needs: &Needs) -> String {
    let list: Vec<String> = match needs {
        Needs::Confirmation(confirms) => confirms.iter().map(ToString::to_string).collect(),
        Needs::Guard(tripped) => tripped.iter().map(ToString::to_string).collect(),
    };
    list.join("; ")
}

/// Doubling, and at least what the vendor asks for.
fn backoff(failures: u32, error: &Error) -> Duration {
    let doubled = FIRST_WAIT.saturating_mul(1 << failures.min(16)).min(LONGEST_WAIT);
    if let Error::Vendor { error: VendorError::Limit { retry_after: Some(asked), .. }, .. } = error {
        return doubled.max(*asked);
    }
    doubled
}

fn later(from: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| from.checked_add(by).ok()).unwrap_or(Timestamp::MAX)
}

fn until(due: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(due.duration_since(now)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_five_minutes_and_respect_what_the_vendor_asks() {
        let down = Error::vendor(&"hubspot".into(), VendorError::Unavailable("502".to_owned()));
        let waits: Vec<u64> = [0, 1, 2, 8, 9, 40].map(|count| backoff(count, &down).as_secs()).to_vec();
        assert_eq!(waits, [1, 2, 4, 256, 300, 300]);
        let limit =
            VendorError::Limit { limit: "daily".to_owned(), retry_after: Some(Duration::from_secs(900)) };
        assert_eq!(backoff(0, &Error::vendor(&"hubspot".into(), limit)).as_secs(), 900);
    }

    #[test]
    fn what_is_overdue_begins_at_once() {
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(until(at(10), at(12)), Duration::ZERO);
        assert_eq!(until(at(12), at(10)), Duration::from_secs(2));
        assert_eq!(later(at(10), Duration::from_secs(5)), at(15));
        assert_eq!(later(at(10), Duration::MAX), Timestamp::MAX);
    }
}
