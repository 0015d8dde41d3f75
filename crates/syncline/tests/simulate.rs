//! `syncline sim` as scripts use it: exit codes, the members of its report, what it says while it goes on.

#![allow(clippy::unwrap_used, reason = "a test may end where it fails")]

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::{
    fs,
    process::{Command, Output, Stdio},
};

fn sim(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_syncline"));
    command.arg("sim").args(arguments).stdin(Stdio::null());
    command
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn report(arguments: &[&str]) -> Value {
    let (code, out, err) = said(&sim(arguments).output().unwrap());
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    serde_json::from_str(&out).unwrap()
}

fn members(of: &Value) -> Vec<&str> {
    of.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn a_clean_campaign_ends_with_0_and_its_report_has_these_members() {
    let told = report(&["--seeds", "3", "--start", "4", "--json"]);
    let all = [
        "coverage",
        "cuts",
        "defect",
        "faults",
        "judged",
        "rounds",
        "seeds",
        "start",
        "steps",
        "trace",
        "violations",
    ];
    assert_eq!(members(&told), all);
    assert_eq!((&told["seeds"], &told["start"], &told["defect"]), (&3.into(), &4.into(), &Value::Null));
    assert_eq!(told["violations"], Value::Array(Vec::new()));
    assert_eq!(told["trace"].as_str().unwrap().len(), 64);
    assert!(told["steps"].as_u64() >= Some(300) && told["rounds"].as_u64() >= Some(30), "{told}");
    assert_eq!(members(&told["faults"]).len(), 22, "{told}");
    for (part, name) in [("coverage", "create"), ("faults", "edit_during_run"), ("judged", "values")] {
        assert!(told[part][name].as_u64() > Some(0), "{told}");
    }
}

#[test]
fn harder_seeds_say_so_and_equal_campaigns_have_equal_traces() {
    let hard = ["--seeds", "2", "--things", "5", "--json"];
    let (one, two) = (report(&hard), report(&[&hard[..], &["--threads", "1"]].concat()));
    assert_eq!(one, two);
    assert_eq!(one["things"], 5);
    assert_eq!(members(&one).len(), 12);
    assert_ne!(one["trace"], report(&["--seeds", "2", "--things", "6", "--json"])["trace"]);
}

#[test]
fn a_wrong_command_line_ends_with_2() {
    let script = tempfile::NamedTempFile::new().unwrap();
    fs::write(&script, "{\"profile\":\"leads\",\"seed\":1}\n{\"do\":\"dance\"}\n").unwrap();
    for arguments in [
        ["--seeds", "many"],
        ["--profile", "nobody"],
        ["--defect", "nobody-1-nothing"],
        ["--script", "no/such/file"],
        ["--script", script.path().to_str().unwrap()],
    ] {
        let (code, out, err) = said(&sim(&arguments).output().unwrap());
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}: {err}");
        assert!(!err.is_empty());
    }
}

#[test]
#[cfg(not(feature = "defects"))]
fn a_program_without_planted_defects_says_how_to_get_them() {
    let (code, out, err) = said(&sim(&["--defect", "list"]).output().unwrap());
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.contains("build with `--features defects`"), "{err}");
}

#[test]
#[cfg(feature = "defects")]
fn a_planted_defect_is_told_at_once_and_ends_with_1() {
    let (code, names, _) = said(&sim(&["--defect", "list"]).output().unwrap());
    assert_eq!(code, Some(0));
    let name = names.lines().find_map(|line| {
        line.split_once(' ').map(|(name, _)| name).filter(|name| name.contains("no-matching"))
    });
    let told = ["--defect", name.unwrap(), "--seeds", "1", "--json"];
    let (code, out, err) = said(&sim(&told).output().unwrap());
    assert_eq!(code, Some(1), "{err}");
    assert!(err.starts_with("seed 0 step "), "{err}");
    assert!(err.contains(&format!("`syncline sim --replay 0 --defect {} --shrink`", name.unwrap())), "{err}");
    assert!(!serde_json::from_str::<Value>(&out).unwrap()["violations"].as_array().unwrap().is_empty());
}

#[test]
fn a_seed_is_told_as_a_story() {
    let (code, story, err) = said(&sim(&["--replay", "3"]).output().unwrap());
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let has = |what: &str| story.lines().any(|line| line.contains(what));
    for what in
        ["--- 0: {", " people at hubspot: ", " hubspot POST /crm/v3/objects/", " Sync", " ended: Came("]
    {
        assert!(has(what), "{what} is missing");
    }
}

/// A request that the simulated world itself cannot carry out: no answer about any invariant.
#[test]
fn what_is_wrong_with_the_simulation_ends_with_3() {
    let script = tempfile::NamedTempFile::new().unwrap();
    let skew = r#"{"do":"skew","side":"salesforce","seconds":18446744073709551615}"#;
    fs::write(&script, format!("{{\"profile\":\"leads\",\"seed\":7}}\n{skew}\n")).unwrap();
    let (code, _, err) = said(&sim(&["--script", script.path().to_str().unwrap()]).output().unwrap());
    assert_eq!(code, Some(3), "{err}");
    assert!(err.contains("SYN-0120") && err.contains("seed 7: "), "{err}");
}

#[test]
fn a_closed_pipe_is_no_violation() {
    for arguments in [&["--seeds", "1", "--json"][..], &["--seeds", "1"], &["--replay", "0"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = sim(arguments).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        let (code, _, err) = said(&output);
        assert_eq!(code, Some(3), "{err}");
        assert!(err.contains("SYN-0001"), "{err}");
    }
}

/// Whether the process has its own answer to SIGINT.
fn listens(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    u64::from_str_radix(caught.trim(), 16).unwrap() & 1 << (Signal::INT.as_raw() - 1) != 0
}

#[test]
fn a_campaign_that_is_interrupted_says_where_it_would_go_on() {
    let arguments = ["--seeds", "100000", "--start", "5", "--threads", "1", "--json"];
    let process = sim(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while !listens(process.id()) {
        std::thread::yield_now();
    }
    kill_process(Pid::from_child(&process), Signal::INT).unwrap();
    let (code, out, err) = said(&process.wait_with_output().unwrap());
    assert_eq!(code, Some(3), "{err}");
    let told: Value = serde_json::from_str(&out).unwrap();
    let next = 5 + told["seeds"].as_u64().unwrap();
    assert!(err.contains(&format!(" next: --start {next}\n")), "{told} {err}");
    assert!(err.contains(&format!("`--start {next} --seeds {}`", 100_005 - next)), "{told} {err}");
}
