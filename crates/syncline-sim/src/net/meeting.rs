//! What a request meets on its way: the fault that waits for it, and whether that is what befell it.

use super::{Net, lock};
use crate::{
    fault::{Fault, Meets},
    side::Side,
    world::{Broken, Calls},
};
use jiff::SignedDuration;
use serde::de::IgnoredAny;
use serde_json::{Value as Json, json};
use syncline_kit::{Clock, HttpRequest, sandbox::faults::FaultKind};

/// How old the index is that a search answers from when it is to be stale: as the sandbox has it from the start.
const STALE: SignedDuration = SignedDuration::from_secs(30);

impl Net {
    /// One fault rule for requests of this method and path, or none.
    pub(super) fn rule(&self, side: Side, method: &str, path: &str, fault: Option<FaultKind>) {
        let rules: Vec<Json> = fault
            .map(|fault| json!({"match": format!("{method} {path}"), "times": 1, "do": fault}))
            .into_iter()
            .collect();
        self.rules(side, &json!({ "rules": rules }));
    }

    fn rules(&self, side: Side, rules: &Json) {
        let taken = self.control::<IgnoredAny>(side, "POST", "faults", rules);
        if let Err(why) = taken {
            self.is_broken(format!("{} refuses a fault: {why}", side.name()));
        }
    }

    pub(super) fn rows(&self, side: Side) -> Rows {
        match self.control::<Calls>(side, "GET", "calls", &Json::Null) {
            Ok(calls) => Rows { written: calls.rows_written, noop: calls.rows_noop },
            Err(why) => {
                self.is_broken(format!("{} does not count: {why}", side.name()));
                Rows::default()
            }
        }
    }

    fn is_broken(&self, why: String) {
        lock(&self.wire).refused.get_or_insert(why);
    }

    /// Whether a sandbox has done all that was asked of it behind the engine's back.
    ///
    /// # Errors
    /// What it refused: a mistake in the simulation, by which a fault did not happen that was to.
    pub(crate) fn is_sound(&self) -> Result<(), Broken> {
        lock(&self.wire).refused.clone().map_or(Ok(()), |why| Err(Broken(why)))
    }

    /// Whether records of the object of this path changed so lately that an index of some age does not show it.
    pub(super) fn is_unindexed(&self, path: &str) -> bool {
        let wire = lock(&self.wire);
        let changed = object_of(path).and_then(|object| wire.changed.get(object));
        changed.is_some_and(|at| self.clock.now().duration_since(*at) <= STALE)
    }

    /// The fault that this request is to meet.
    pub(super) fn fault_for(&self, side: Side, kinds: &[Meets]) -> Option<Fault> {
        let mut wire = lock(&self.wire);
        let mut chosen = None;
        for (at, armed) in wire.armed.iter_mut().enumerate() {
            if armed.side != side || !kinds.contains(&armed.meets) {
                continue;
            }
            if armed.after > 0 {
                armed.after -= 1;
            } else if chosen.is_none() {
                chosen = Some(at);
            }
        }
        Some(wire.armed.remove(chosen?).fault)
    }
}

/// What a vendor has written, and what it was asked to write in vain.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rows {
    pub(super) written: u64,
    noop: u64,
}

impl Rows {
    pub(super) fn since(self, before: Self) -> u64 {
        (self.written + self.noop).saturating_sub(before.written + before.noop)
    }
}

/// The object of HubSpot that a path of its API is about.
pub(super) fn object_of(path: &str) -> Option<&str> {
    path.strip_prefix("/crm/v3/objects/")?.split('/').next()
}

/// What kind of request this is. Judged by what leaves, not by what the client means.
pub(super) fn meets(side: Side, request: &HttpRequest) -> Vec<Meets> {
    let path = request.uri().path();
    if path.starts_with("/services/oauth2") || path.starts_with("/oauth") || path.starts_with("/webhooks") {
        return Vec::new();
    }
    let get = request.method() == http::Method::GET;
    match side {
        Side::HubSpot if path.ends_with("/search") => vec![Meets::Read, Meets::Search],
        Side::HubSpot if get || path.ends_with("/read") => vec![Meets::Read],
        Side::HubSpot => vec![Meets::Write],
        Side::Salesforce if get => vec![Meets::Read],
        Side::Salesforce => {
            let body = String::from_utf8_lossy(request.body());
            let writes = [r#""method":"PATCH""#, r#""method":"POST""#, r#""method":"DELETE""#];
            let reads = path.ends_with("/composite") && !writes.iter().any(|write| body.contains(write));
            if reads { vec![Meets::Read] } else { vec![Meets::Write] }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::VirtualClock, power::Power};
    use std::sync::Arc;

    #[test]
    fn a_fault_that_a_sandbox_does_not_take_breaks_the_simulation() {
        for side in Side::BOTH {
            let clock = Arc::new(VirtualClock::at(jiff::Timestamp::UNIX_EPOCH));
            let net = Net::new(clock, Arc::new(Power::default()), 1);
            net.rule(side, "GET", "/", Some(FaultKind::ServerError));
            assert!(net.is_sound().is_ok());
            net.rules(side, &json!({"rules": [{"match": "read", "do": "dance"}]}));
            assert!(net.is_sound().unwrap_err().to_string().contains("refuses a fault"));
        }
    }
}
