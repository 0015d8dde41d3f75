//! What goes wrong at the vendors, and what of it killed runs have met: the sandboxes count it.

use crate::{dice::Dice, people::Side};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// One request that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    pub side: Side,
    /// Which requests are counted, as a sandbox's rule says it.
    matches: &'static str,
    /// Which one of them.
    nth: usize,
    kind: &'static str,
}

pub const ACCESS: [&str; 2] = ["read", "write"];
pub const SIDES: [Side; 2] = [Side::HubSpot, Side::Salesforce];
/// A refusal, or an answer that is lost, torn, or never comes.
pub const KINDS: [&str; 8] = [
    "server_error",
    "html_error",
    "token_expired",
    "row_lock",
    "rate_limited",
    "commit_then_reset",
    "truncated_body",
    "commit_then_timeout",
];
/// HubSpot lets searches in again after a second; with all else a "too many" lasts ten, or until the next day.
const SEARCH: &str = "POST /crm/v3/objects/contacts/search";

impl Fault {
    pub fn new(side: Side, access: &'static str, nth: usize, kind: &'static str) -> Self {
        match kind {
            "rate_limited" => Self { side: Side::HubSpot, matches: SEARCH, nth: 1, kind },
            // Nothing is locked for those who read.
            "row_lock" => Self { side, matches: "write", nth, kind },
            _ => Self { side, matches: access, nth, kind },
        }
    }

    /// Somewhere among the first `until` reads or writes of a side; of a write twice as often as of a read.
    pub fn any(kind: &'static str, dice: &mut Dice, until: usize) -> Self {
        let access = *dice.one(&["read", "write", "write"]);
        Self::new(*dice.one(&SIDES), access, dice.below(until) + 1, kind)
    }

    /// As its sandbox takes it.
    pub fn rule(&self) -> Value {
        json!({"match": self.matches, "nth": self.nth, "times": 1, "do": self.kind})
    }
}

/// How many requests went wrong, by what a sandbox tells of its rules.
pub fn fired(told: &Value) -> u64 {
    told["rules"].as_array().unwrap().iter().map(|rule| rule["fired"].as_u64().unwrap()).sum()
}

/// What went wrong in runs that were killed after it: how often what, by match and kind.
#[derive(Debug, Default)]
pub struct Met(BTreeMap<(String, String), u64>);

impl Met {
    /// A run was killed; that is what a sandbox tells of its rules.
    pub fn note(&mut self, told: &Value) {
        for rule in told["rules"].as_array().unwrap() {
            let text = |name: &str| rule[name].as_str().unwrap().to_owned();
            let count = rule["fired"].as_u64().unwrap();
            if count > 0 {
                *self.0.entry((text("match"), text("do"))).or_default() += count;
            }
        }
    }

    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }

    pub fn writes(&self) -> u64 {
        self.0.iter().filter(|((matches, _), _)| matches == "write").map(|(_, count)| count).sum()
    }

    pub fn kinds(&self) -> usize {
        self.0.keys().map(|(_, kind)| kind).collect::<BTreeSet<_>>().len()
    }
}
