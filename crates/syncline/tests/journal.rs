//! The journal of a real workspace: shown, proved, erased, and what is said when somebody takes from it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may end where it fails")]

use rusqlite::Connection;
use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
};
use tempfile::TempDir;

/// A sandbox that runs until dropped.
struct Sandbox {
    process: Child,
    line: String,
}

impl Sandbox {
    fn start(vendor: &str, seed: &Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_syncline"))
            .args(["sandbox", vendor, "--listen", "127.0.0.1:0", "--limits", "off", "--seed"])
            .arg(seed)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { process, line }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _gone_already = self.process.kill();
        let _reaped_already = self.process.wait();
    }
}

fn syncline(dir: &Path, arguments: &[&str], input: &str) -> Output {
    let file = dir.join("input");
    fs::write(&file, input).unwrap();
    Command::new(env!("CARGO_BIN_EXE_syncline"))
        .args(arguments)
        .args(["--dir", dir.to_str().unwrap()])
        .env_remove("SYNCLINE_KEY")
        .env_remove("SYNCLINE_KEY_FILE")
        .env_remove("SYNCLINE_STORE")
        .stdin(fs::File::open(file).unwrap())
        .output()
        .unwrap()
}

/// What a command printed that must end well.
fn said(dir: &Path, arguments: &[&str]) -> String {
    let output = syncline(dir, arguments, "");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What a command said that must fail so.
fn refused(dir: &Path, arguments: &[&str], code: &str) -> String {
    let output = syncline(dir, arguments, "");
    let told = [output.stdout, output.stderr].map(|told| String::from_utf8(told).unwrap()).concat();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {told}");
    assert!(told.contains(code), "{arguments:?}: {told}");
    told
}

/// Three accounts of Salesforce and a portal that knew one of them.
fn synced() -> (TempDir, [Sandbox; 2]) {
    let (dir, seed, empty) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(
        seed.path().join("Account.csv"),
        "Name,Website,Phone\nAcme,acme.com,1\nBeta,beta.com,2\nGamma,gamma.com,3\n",
    )
    .unwrap();
    fs::write(empty.path().join("companies.csv"), "name,domain,phone\nAcme,acme.com,999\n").unwrap();
    let salesforce = Sandbox::start("salesforce", seed.path());
    let hubspot = Sandbox::start("hubspot", empty.path());
    let at = dir.path();
    said(at, &["init", "--with", "salesforce,hubspot"]);
    for (name, sandbox) in [("salesforce", &salesforce), ("hubspot", &hubspot)] {
        let connected = syncline(at, &["connect", name], &sandbox.line);
        assert!(connected.status.success(), "{}", String::from_utf8_lossy(&connected.stderr));
    }
    said(at, &["sync", "--yes-backfill", "--json"]);
    (dir, [salesforce, hubspot])
}

/// A copy of a workspace, so that it can be spoilt.
fn copy_of(dir: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in fs::read_dir(dir).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    copy
}

fn spoil(dir: &Path, sql: &str) {
    let changed = Connection::open(dir.join("state.db")).unwrap().execute(sql, []).unwrap();
    assert!(changed > 0, "{sql}");
}

#[test]
fn the_journal_of_a_real_workspace_is_shown_proved_and_erased() {
    let (workspace, _sandboxes) = synced();
    let dir = workspace.path();

    // Shown, with values.
    let writes = said(dir, &["history", "--writes", "--limit", "999"]);
    assert!(writes.contains("phone: 999 -> 1"), "{writes}");
    let updates =
        said(dir, &["history", "--event", "answered", "--connection", "hubspot", "--writes", "--json"]);
    let updated = updates.lines().find(|line| line.contains("\"update\"")).unwrap();
    let entry: serde_json::Value = serde_json::from_str(updated).unwrap();
    let record = &entry["values"][0]["record"];
    let address =
        format!("hubspot/{}/{}", record["object"].as_str().unwrap(), record["id"].as_str().unwrap());
    assert!(said(dir, &["history", "--limit", "2"]).contains("older ones: --before "));
    assert_eq!(said(dir, &["history", "--until", "2020-01-01", "--json"]), "");
    assert_eq!(syncline(dir, &["history", "--event", "nonsense"], "").status.code(), Some(2));
    assert_eq!(syncline(dir, &["history", "--since", "soon"], "").status.code(), Some(2));

    // Proved.
    let proof = said(dir, &["replay"]);
    assert!(proof.ends_with("same\n"), "{proof}");
    let proof: serde_json::Value = serde_json::from_str(&said(dir, &["replay", "--json"])).unwrap();
    assert_eq!((&proof["same"], proof["differs"].as_array().unwrap().len()), (&true.into(), 0));
    let last = proof["to"].as_u64().unwrap();
    said(dir, &["replay", "--from", "1"]);

    // The last entry is taken: every command notices.
    let spoilt = copy_of(dir);
    spoil(spoilt.path(), &format!("DELETE FROM journal WHERE seq = {last}"));
    for command in [&["replay"][..], &["history"], &["doctor"]] {
        let told = refused(spoilt.path(), command, "SYN-1110");
        assert!(
            told.contains(&format!("the journal ends at {}, but {last} was written", last - 1)),
            "{told}"
        );
    }

    // An entry in the middle, a value, a former row; a row of the present is changed behind the program's back.
    for (sql, tells) in [
        ("DELETE FROM journal WHERE seq = 3", "the journal's entry 3 is missing"),
        ("UPDATE journal SET at = at - 1 WHERE seq = 3", "are not what was written"),
        (
            "DELETE FROM journal_value WHERE seq = (SELECT max(seq) FROM journal_value)",
            "the values of its row in entry",
        ),
        (
            "DELETE FROM former WHERE step = (SELECT max(step) FROM former)",
            "values or former rows are missing",
        ),
        ("UPDATE snapshot SET modified = modified + 1", "what is stored of it is not what was written"),
        ("DELETE FROM link", "its link cannot be taken back"),
    ] {
        let spoilt = copy_of(dir);
        spoil(spoilt.path(), sql);
        let told = refused(spoilt.path(), &["replay"], "SYN-1164");
        assert!(told.contains("differs: ") && told.contains(tells), "{sql}: {told}");
    }

    // Erased.
    let unsaid = syncline(dir, &["history", "erase", &address], "");
    assert_eq!(unsaid.status.code(), Some(2), "it has to be said that it is meant");
    refused(dir, &["history", "erase", "hubspot/companies/nobody", "--yes"], "SYN-1165");
    said(dir, &["history", "erase", &address, "--yes", "--who", "Ann"]);
    let writes = said(dir, &["history", "--writes", "--limit", "999"]);
    assert!(writes.contains("(erased)") && !writes.contains("999 -> 1"), "{writes}");
    assert!(writes.contains(&format!("Ann had the past of {address} erased")), "{writes}");
    let proof = said(dir, &["replay"]);
    assert!(proof.contains(" erased: ") && proof.ends_with("same\n"), "{proof}");
}
