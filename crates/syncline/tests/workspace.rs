//! The commands that make and look after a workspace, as a user calls them.

#![allow(clippy::unwrap_used, reason = "a test may end where it fails")]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output, Stdio},
};
use tempfile::TempDir;

fn syncline(arguments: &[&str], dir: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_syncline"))
        .args(arguments)
        .args(["--dir", dir.to_str().unwrap()])
        .env_remove("SYNCLINE_KEY")
        .env_remove("SYNCLINE_KEY_FILE")
        .env_remove("SYNCLINE_STORE")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn workspace() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let made = syncline(&["init", "--with", "salesforce,hubspot"], dir.path());
    assert!(made.status.success(), "{}", err(&made));
    dir
}

#[test]
fn init_makes_a_private_key_and_says_what_comes_next() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("new");
    let made = syncline(&["init", "--with", "salesforce,hubspot", "--model", "contacts_only"], &dir);
    assert!(made.status.success(), "{}", err(&made));
    assert!(out(&made).contains("syncline connect hubspot"), "{}", out(&made));
    for private in ["secret.key", "state.db"] {
        assert_eq!(fs::metadata(dir.join(private)).unwrap().permissions().mode() & 0o777, 0o600, "{private}");
    }
    assert!(fs::read_to_string(dir.join("syncline.toml")).unwrap().contains("model = \"contacts_only\""));
}

#[test]
fn init_replaces_nothing() {
    let dir = workspace();
    let before = fs::read(dir.path().join("secret.key")).unwrap();
    let again = syncline(&["init", "--with", "hubspot"], dir.path());
    assert_eq!(again.status.code(), Some(2));
    assert!(err(&again).contains("error[SYN-1102]"), "{}", err(&again));
    assert_eq!(fs::read(dir.path().join("secret.key")).unwrap(), before);
}

#[test]
fn what_is_wrong_with_a_workspace_is_said_with_a_code_and_a_fix() {
    let expect = |output: &Output, code: &str, exit: i32| {
        assert_eq!(output.status.code(), Some(exit), "{}", err(output));
        assert!(err(output).contains(&format!("error[{code}]")), "{}", err(output));
    };
    let empty = tempfile::tempdir().unwrap();
    expect(&syncline(&["history"], &empty.path().join("none")), "SYN-1100", 2);
    expect(&syncline(&["history"], empty.path()), "SYN-1101", 2);

    let dir = workspace();
    let config = dir.path().join("syncline.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replacen("format = 1", "format = 1\nfromat = 1", 1)).unwrap();
    let broken = syncline(&["history"], dir.path());
    expect(&broken, "SYN-1103", 2);
    assert!(err(&broken).contains("syncline.toml:4:1"), "{}", err(&broken));
    fs::write(&config, text).unwrap();

    fs::write(dir.path().join("state.db"), "no database at all, but long enough to be one").unwrap();
    expect(&syncline(&["history"], dir.path()), "SYN-1110", 1);
    fs::remove_file(dir.path().join("state.db")).unwrap();
    expect(&syncline(&["history"], dir.path()), "SYN-1104", 1);
}

#[test]
fn a_key_can_be_kept_elsewhere_and_a_lost_or_malformed_one_is_told() {
    let dir = workspace();
    let key = dir.path().join("secret.key");
    let line = r#"{"vendor":"hubspot","credentials":{"access_token":"t"}}"#;
    let connect = |variables: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_syncline"));
        command.args(["connect", "hubspot", "--dir", dir.path().to_str().unwrap()]);
        command.env_remove("SYNCLINE_KEY").env_remove("SYNCLINE_KEY_FILE").envs(variables.iter().copied());
        let input = dir.path().join("line.json");
        fs::write(&input, line).unwrap();
        command.stdin(fs::File::open(input).unwrap()).output().unwrap()
    };
    fs::rename(&key, dir.path().join("moved.key")).unwrap();
    let lost = connect(&[]);
    assert!(err(&lost).contains("error[SYN-1105]"), "{}", err(&lost));
    let malformed = connect(&[("SYNCLINE_KEY", "abc")]);
    assert!(err(&malformed).contains("error[SYN-1106]"), "{}", err(&malformed));
    // History needs no key.
    assert!(syncline(&["history"], dir.path()).status.success());
}

#[test]
fn doctor_tells_what_is_not_connected_and_what_rights_are_needed() {
    let dir = workspace();
    fs::set_permissions(dir.path().join("secret.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let examined = syncline(&["doctor", "--json"], dir.path());
    assert_eq!(examined.status.code(), Some(2), "{}", err(&examined));
    let report: serde_json::Value = serde_json::from_str(&out(&examined)).unwrap();
    let checks = report["checks"].as_array().unwrap();
    let found = |level: &str, text: &str| {
        checks.iter().any(|check| check["level"] == level && check["what"].as_str().unwrap().contains(text))
    };
    assert!(found("error", "`hubspot` is not connected yet"), "{report}");
    assert!(found("error", "`salesforce` is not connected yet"), "{report}");
    assert!(found("warning", "may read the key file"), "{report}");
    assert!(found("warning", "same disk"), "{report}");
    let rights = report["needs"].to_string();
    assert!(rights.contains("crm.objects.contacts.read") && rights.contains("API Enabled"), "{rights}");
}

#[test]
fn connect_refuses_what_is_no_connection_line_without_repeating_it() {
    let dir = workspace();
    let none = syncline(&["connect", "hubspot"], dir.path());
    assert_eq!(none.status.code(), Some(2));
    assert!(err(&none).contains("error[SYN-0112]"), "{}", err(&none));
}

#[test]
fn reviews_that_are_not_there_are_told() {
    let dir = workspace();
    assert!(syncline(&["review", "list"], dir.path()).status.success());
    let missing = syncline(&["review", "reject", "7"], dir.path());
    assert_eq!(missing.status.code(), Some(2));
    assert!(err(&missing).contains("error[SYN-1140]: review 7"), "{}", err(&missing));
}
