//! `syncline demo --once --json`: the contract's document, and every promise kept.

#![allow(clippy::unwrap_used, reason = "a test may end where it fails")]

use serde_json::Value;
use std::process::Command;

#[test]
fn the_demo_ends_with_every_promise_kept() {
    let demo =
        Command::new(env!("CARGO_BIN_EXE_syncline")).args(["demo", "--once", "--json"]).output().unwrap();
    let told = String::from_utf8(demo.stdout).unwrap();
    assert_eq!(demo.status.code(), Some(0), "{told} {}", String::from_utf8_lossy(&demo.stderr));
    let report: Value = serde_json::from_str(&told).unwrap();
    let members: Vec<&String> = report.as_object().unwrap().keys().collect();
    assert_eq!(members, ["invariants", "runs", "second_run_writes"]);
    assert_eq!(report["second_run_writes"], 0);
    let invariants = report["invariants"].as_object().unwrap();
    assert!(invariants.len() >= 8 && invariants.values().all(|held| held == true), "{report}");
    let runs = report["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 3);
    for run in runs {
        let members: Vec<&String> = run.as_object().unwrap().keys().collect();
        assert_eq!(members, ["calls", "held", "planned", "writes"]);
        assert!(run["calls"]["hubspot"].as_u64() > Some(0) && run["calls"]["salesforce"].as_u64() > Some(0));
        assert_eq!(run["planned"], run["writes"], "what was planned was written: {report}");
    }
    assert!(runs[0]["writes"].as_u64() > Some(100) && runs[1]["writes"] != 0, "{report}");
}

#[test]
fn json_is_for_the_demo_that_ends() {
    let refused = Command::new(env!("CARGO_BIN_EXE_syncline")).args(["demo", "--json"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
}
