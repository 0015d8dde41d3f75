//! What a simulation has exercised: no kind of fault and no kind of operation may stay at zero.

use crate::fault::Fault;
use std::collections::BTreeMap;

/// Operations of the planner and events of identity, by the names that reports use.
pub const OPERATIONS: [&str; 14] = [
    "create",
    "update",
    "associate",
    "dissociate",
    "archive",
    "merge_followed",
    "conversion_followed",
    "review_answered",
    "plan_applied",
    "undo",
    "undo_of_undo",
    "archive_by_undo",
    "create_by_undo",
    "order_shuffled",
];

/// Counters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// How often each fault happened.
    pub faults: BTreeMap<Fault, u64>,
    /// How often each operation was confirmed.
    pub operations: BTreeMap<String, u64>,
    /// Runs of the engine.
    pub rounds: u64,
    /// Steps of scripts.
    pub steps: u64,
}

impl Coverage {
    /// One more.
    pub(crate) fn fault(&mut self, fault: Fault) {
        *self.faults.entry(fault).or_default() += 1;
    }

    /// So many more.
    pub(crate) fn operation(&mut self, name: &str, times: u64) {
        *self.operations.entry(name.to_owned()).or_default() += times;
    }

    /// Adds another's.
    pub fn add(&mut self, other: &Self) {
        for (fault, times) in &other.faults {
            *self.faults.entry(*fault).or_default() += times;
        }
        for (operation, times) in &other.operations {
            self.operation(operation, *times);
        }
        self.rounds += other.rounds;
        self.steps += other.steps;
    }

    /// All kinds of faults by the names of reports, those that never happened too.
    pub fn fault_names(&self) -> BTreeMap<String, u64> {
        Fault::ALL
            .iter()
            .map(|fault| (fault.name(), self.faults.get(fault).copied().unwrap_or_default()))
            .collect()
    }

    /// All kinds of operations, those that never happened too.
    pub fn operation_names(&self) -> BTreeMap<String, u64> {
        OPERATIONS
            .iter()
            .map(|name| ((*name).to_owned(), self.operations.get(*name).copied().unwrap_or_default()))
            .collect()
    }

    /// Names that nothing exercised.
    pub fn missing(&self) -> Vec<String> {
        let faults = Fault::ALL.iter().filter(|fault| !self.faults.contains_key(fault));
        let operations = OPERATIONS.iter().filter(|name| !self.operations.contains_key(**name));
        faults.map(|fault| fault.name()).chain(operations.map(|name| (*name).to_owned())).collect()
    }
}
