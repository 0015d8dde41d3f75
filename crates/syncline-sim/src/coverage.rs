//! What a simulation has exercised: no kind of fault and no kind of operation may stay at zero.

use crate::{fault::Fault, judged::Judged};
use std::collections::BTreeMap;
use syncline_model::Action;

/// The planner's operations: each kind of [`Action`] with its word, as the journal and reports have it. A kind that is not
/// listed here does not compile.
macro_rules! operations {
    ($($kind:ident = $word:literal),+) => {
        const OPERATIONS: &[&str] = &[$($word),+];

        const _: fn(&Action) -> &'static str = |action| match action {
            $(Action::$kind { .. } => $word,)+
        };
    };
}

operations! {
    Create = "create",
    Update = "update",
    Associate = "associate",
    Dissociate = "dissociate",
    Archive = "archive"
}

/// What else happens to records, by the names that reports use.
const EVENTS: [&str; 10] = [
    "merge_followed",
    "conversion_followed",
    "review_answered",
    "plan_applied",
    "undo",
    "undo_of_undo",
    "rest_after_undo",
    "archive_by_undo",
    "create_by_undo",
    "order_shuffled",
];

/// What the process was at when the power went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cut {
    /// A run.
    Sync,
    /// A run that a webhook caused.
    Webhook,
    /// The making of a plan.
    Plan,
    /// The first plan that is applied.
    FirstContact,
    /// A later one.
    Apply,
    /// An undo.
    Undo,
}

impl Cut {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Sync, Self::Webhook, Self::Plan, Self::FirstContact, Self::Apply, Self::Undo];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Webhook => "webhook",
            Self::Plan => "plan",
            Self::FirstContact => "first_contact",
            Self::Apply => "apply",
            Self::Undo => "undo",
        }
    }
}

/// Counters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// How often each fault happened.
    pub faults: BTreeMap<Fault, u64>,
    /// How often the power went in each kind of job.
    pub cuts: BTreeMap<Cut, u64>,
    /// What was judged at rest, and what was left out.
    pub judged: BTreeMap<Judged, u64>,
    /// How often each operation was confirmed.
    pub operations: BTreeMap<String, u64>,
    /// Runs of the engine.
    pub rounds: u64,
    /// Steps of scripts.
    pub steps: u64,
    /// Companies, people and deals that somebody made.
    pub things: u64,
}

impl Coverage {
    /// One more.
    pub(crate) fn fault(&mut self, fault: Fault) {
        *self.faults.entry(fault).or_default() += 1;
    }

    /// The power went.
    pub(crate) fn cut(&mut self, of: Cut) {
        *self.cuts.entry(of).or_default() += 1;
    }

    /// Something was judged, or left out.
    pub(crate) fn judge(&mut self, judged: Judged) {
        *self.judged.entry(judged).or_default() += 1;
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
        for (cut, times) in &other.cuts {
            *self.cuts.entry(*cut).or_default() += times;
        }
        for (judged, times) in &other.judged {
            *self.judged.entry(*judged).or_default() += times;
        }
        self.rounds += other.rounds;
        self.steps += other.steps;
        self.things += other.things;
    }

    /// All kinds of faults by the names of reports, those that never happened too.
    pub fn fault_names(&self) -> BTreeMap<String, u64> {
        Fault::ALL
            .iter()
            .map(|fault| (fault.name(), self.faults.get(fault).copied().unwrap_or_default()))
            .collect()
    }

    /// All kinds of jobs that the power may go in, those in which it never did too.
    pub fn cut_names(&self) -> BTreeMap<String, u64> {
        Cut::ALL
            .iter()
            .map(|cut| (cut.name().to_owned(), self.cuts.get(cut).copied().unwrap_or_default()))
            .collect()
    }

    /// All kinds of operations, those that never happened too.
    pub fn operation_names(&self) -> BTreeMap<String, u64> {
        let known = OPERATIONS.iter().chain(&EVENTS).map(|name| ((*name).to_owned(), 0));
        let mut counts: BTreeMap<String, u64> = known.collect();
        counts.extend(self.operations.clone());
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_planners_operations_are_listed_by_the_words_that_plans_have() {
        let none = serde_json::from_str::<Action>(r#"{"do": "dance"}"#).unwrap_err().to_string();
        let words: Vec<String> = OPERATIONS.iter().map(|word| format!("`{word}`")).collect();
        assert!(none.contains(&format!("expected one of {}", words.join(", "))), "{none}");
    }

    #[test]
    fn cuts_are_counted_by_job_and_those_that_never_came_too() {
        let (mut one, mut all) = (Coverage::default(), Coverage::default());
        one.cut(Cut::FirstContact);
        all.cut(Cut::FirstContact);
        all.add(&one);
        let names = all.cut_names();
        assert_eq!((names.get("first_contact"), names.get("webhook")), (Some(&2), Some(&0)));
        assert_eq!(names.len(), Cut::ALL.len());
    }

    #[test]
    fn what_was_counted_stands_in_a_report_and_what_never_happened_too() {
        let mut coverage = Coverage::default();
        coverage.operation("create", 2);
        coverage.operation("something_new", 1);
        let names = coverage.operation_names();
        let counts = ["create", "archive", "undo", "something_new"].map(|name| names.get(name).copied());
        assert_eq!(counts, [Some(2), Some(0), Some(0), Some(1)]);
        assert_eq!(names.len(), OPERATIONS.len() + EVENTS.len() + 1);
    }
}
