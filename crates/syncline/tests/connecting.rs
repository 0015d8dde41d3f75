//! Connecting both vendors' sandboxes, as a user does it: init, connect, setup, doctor.

#![allow(clippy::unwrap_used, reason = "a test may end where it fails")]

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};
use tempfile::TempDir;

/// A sandbox that runs until dropped.
struct Sandbox {
    process: Child,
    line: String,
}

impl Sandbox {
    fn start(vendor: &str, random: &str) -> Self {
        let arguments = ["sandbox", vendor, "--listen", "127.0.0.1:0", "--random", random];
        let mut process = Command::new(env!("CARGO_BIN_EXE_syncline"))
            .args(arguments)
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

/// A workspace for both vendors.
struct Desk {
    dir: TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { dir: tempfile::tempdir().unwrap() };
        let made = desk.run(&["init", "--with", "salesforce,hubspot"], None);
        assert!(made.status.success(), "{}", err(&made));
        desk
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn run(&self, arguments: &[&str], input: Option<&str>) -> Output {
        let file: PathBuf = self.path().join("input");
        fs::write(&file, input.unwrap_or_default()).unwrap();
        Command::new(env!("CARGO_BIN_EXE_syncline"))
            .args(arguments)
            .args(["--dir", self.path().to_str().unwrap()])
            .env_remove("SYNCLINE_KEY")
            .env_remove("SYNCLINE_KEY_FILE")
            .env_remove("SYNCLINE_STORE")
            .stdin(fs::File::open(file).unwrap())
            .output()
            .unwrap()
    }

    fn connect(&self, name: &str, sandbox: &Sandbox) -> Output {
        self.run(&["connect", name], Some(&sandbox.line))
    }
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn both_vendors_are_connected_set_up_and_examined() {
    let (hubspot, salesforce) = (Sandbox::start("hubspot", "1"), Sandbox::start("salesforce", "1"));
    let desk = Desk::new();
    for (name, sandbox) in [("hubspot", &hubspot), ("salesforce", &salesforce)] {
        let connected = desk.connect(name, sandbox);
        assert!(connected.status.success(), "{}", err(&connected));
    }
    let text = fs::read_to_string(desk.path().join("syncline.toml")).unwrap();
    assert_eq!(text.matches("\naccount = \"").count(), 2, "each connection's account is written down");
    let stored = fs::read(desk.path().join("state.db")).unwrap();
    let line: serde_json::Value = serde_json::from_str(&hubspot.line).unwrap();
    let token = line["credentials"]["access_token"].as_str().unwrap();
    assert!(!stored.windows(token.len()).any(|window| window == token.as_bytes()), "a token lies open");

    let planned = json(&desk.run(&["setup", "hubspot", "--plan", "--json"], None));
    assert!(planned["steps"].as_array().unwrap().iter().all(|step| step["done"] == false), "{planned}");
    let applied = json(&desk.run(&["setup", "hubspot", "--apply", "--json"], None));
    assert!(applied["steps"].as_array().unwrap().iter().all(|step| step["done"] == true), "{applied}");
    let by_hand = json(&desk.run(&["setup", "salesforce", "--plan", "--json"], None));
    let package = by_hand["files"].as_array().unwrap();
    assert!(package.iter().any(|file| file.as_str().unwrap().ends_with("package.xml")), "{by_hand}");

    let examined = desk.run(&["doctor", "--json"], None);
    let report = json(&examined);
    let errors: Vec<_> =
        report["checks"].as_array().unwrap().iter().filter(|it| it["level"] == "error").collect();
    let of_hubspot = |it: &&&serde_json::Value| it["what"].as_str().unwrap().contains("hubspot's");
    assert_eq!(errors.iter().filter(of_hubspot).count(), 0, "the new property is seen at once: {report}");
}

#[test]
fn another_account_or_vendor_is_refused_until_it_is_meant() {
    let (first, second) = (Sandbox::start("hubspot", "1"), Sandbox::start("hubspot", "2"));
    let desk = Desk::new();
    assert!(desk.connect("hubspot", &first).status.success());
    let other = desk.connect("hubspot", &second);
    assert_eq!(other.status.code(), Some(5), "{}", err(&other));
    assert!(err(&other).contains("error[SYN-1125]"), "{}", err(&other));
    let meant = desk.run(&["connect", "hubspot", "--replace-account"], Some(&second.line));
    assert!(meant.status.success(), "{}", err(&meant));
    let vendor = desk.connect("salesforce", &first);
    assert_eq!(vendor.status.code(), Some(2));
    assert!(err(&vendor).contains("error[SYN-1124]"), "{}", err(&vendor));
}

#[test]
fn refused_credentials_and_a_vendor_that_is_not_there_have_exit_codes_of_their_own() {
    let sandbox = Sandbox::start("hubspot", "1");
    let desk = Desk::new();
    let mut line: serde_json::Value = serde_json::from_str(&sandbox.line).unwrap();
    let credentials = serde_json::json!({"access_token": "pat-na1-not-a-token"});
    line["credentials"] = credentials;
    let refused = desk.run(&["connect", "hubspot"], Some(&line.to_string()));
    assert_eq!(refused.status.code(), Some(4), "{}", err(&refused));
    assert!(!err(&refused).contains("not-a-token"), "{}", err(&refused));
    let text = fs::read_to_string(desk.path().join("syncline.toml")).unwrap();
    assert!(!text.contains("\naccount = \""), "nothing is written down");
}

#[test]
fn the_wrong_key_is_told() {
    let sandbox = Sandbox::start("hubspot", "1");
    let desk = Desk::new();
    assert!(desk.connect("hubspot", &sandbox).status.success());
    fs::write(desk.path().join("secret.key"), "0123456789abcdef".repeat(4)).unwrap();
    let wrong = desk.run(&["setup", "hubspot", "--plan"], None);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(err(&wrong).contains("error[SYN-1107]"), "{}", err(&wrong));
}
