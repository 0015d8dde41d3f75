//! The scenarios that a sync tool is judged by, each on the real engine over both vendors' sandboxes: what both sides hold
//! afterwards, how many rows were written, that a further run writes none, and what explain says.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod scenario;

#[path = "scenarios/account.rs"]
mod account;
#[path = "scenarios/capture.rs"]
mod capture;
#[path = "scenarios/companies.rs"]
mod companies;
#[path = "scenarios/crash.rs"]
mod crash;
#[path = "scenarios/deals.rs"]
mod deals;
#[path = "scenarios/deletes.rs"]
mod deletes;
#[path = "scenarios/guards.rs"]
mod guards;
#[path = "scenarios/journal.rs"]
mod journal;
#[path = "scenarios/leads.rs"]
mod leads;
#[path = "scenarios/lost_answers.rs"]
mod lost_answers;
#[path = "scenarios/oscillation.rs"]
mod oscillation;
#[path = "scenarios/owners.rs"]
mod owners;
#[path = "scenarios/partly_answered.rs"]
mod partly_answered;
#[path = "scenarios/people.rs"]
mod people;
#[path = "scenarios/plan.rs"]
mod plan;
#[path = "scenarios/refusals.rs"]
mod refusals;
#[path = "scenarios/survivors.rs"]
mod survivors;
#[path = "scenarios/undo.rs"]
mod undo;
#[path = "scenarios/undo_relations.rs"]
mod undo_relations;
#[path = "scenarios/undo_since.rs"]
mod undo_since;
#[path = "scenarios/values.rs"]
mod values;
