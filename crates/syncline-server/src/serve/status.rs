//! How the server is doing, as `/healthz` and `/metrics` tell it.

use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use syncline_engine::{
    applying::Tally,
    cycle::{Needs, Outcome},
};
use syncline_model::ConnectionName;

/// What made a run begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trigger {
    Poll,
    Webhook,
}

impl Trigger {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Poll => "poll",
            Self::Webhook => "webhook",
        }
    }
}

/// Whether a run is under way, or begins within the time that webhooks are gathered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum AtWork {
    #[default]
    No,
    Yes,
}

/// Counts since the start, and what the last run left.
#[derive(Debug, Default)]
pub(super) struct Status {
    pub(super) at_work: AtWork,
    /// Runs by trigger and whether they ended well.
    pub(super) runs: BTreeMap<(Trigger, bool), u64>,
    /// Everything written.
    pub(super) tally: Tally,
    pub(super) held: u64,
    pub(super) findings: u64,
    pub(super) dirty: u64,
    pub(super) calls: BTreeMap<ConnectionName, u64>,
    /// Webhook calls by connection and whether they were accepted.
    pub(super) webhooks: BTreeMap<(ConnectionName, bool), u64>,
    /// When the last poll ended well.
    pub(super) polled_at: Option<Timestamp>,
    /// Why a person is needed.
    pub(super) needs: Option<Needs>,
    /// Why the last run did not end well, if so.
    pub(super) error: Option<String>,
}

impl Status {
    /// Notes a run that ended well.
    pub(super) fn ran(&mut self, trigger: Trigger, outcome: &Outcome, at: Timestamp) {
        *self.runs.entry((trigger, true)).or_default() += 1;
        self.tally.add(&outcome.tally);
        (self.held, self.findings) = (outcome.held, outcome.findings);
        self.needs = outcome.needs.clone();
        self.error = None;
        if trigger == Trigger::Poll {
            self.polled_at = Some(at);
        }
    }

    /// Notes a run that did not.
    pub(super) fn failed(&mut self, trigger: Trigger, error: String) {
        *self.runs.entry((trigger, false)).or_default() += 1;
        self.error = Some(error);
    }

    /// Notes a webhook call.
    pub(super) fn webhook(&mut self, connection: &ConnectionName, accepted: bool) {
        *self.webhooks.entry((connection.clone(), accepted)).or_default() += 1;
    }

    /// The body of `/healthz`.
    pub(super) fn health(&self) -> Value {
        let needs = self.needs.as_ref().map(|needs| match needs {
            Needs::Confirmation(confirms) => json!({ "confirmation": confirms }),
            Needs::Guard(tripped) => json!({ "guard": tripped }),
        });
        json!({
            "status": "ok",
            "needs": needs,
            "error": self.error,
            "last_poll": self.polled_at,
            "held": self.held,
            "findings": self.findings,
        })
    }
}
