//! `syncline sandbox` as a user runs it: the real binary, its line, its signals and its exit codes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

const VENDORS: [&str; 2] = ["hubspot", "salesforce"];

fn syncline(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_syncline"));
    command.args(arguments);
    command
}

fn refused(arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = syncline(arguments).output().unwrap();
    assert!(stdout.is_empty(), "{arguments:?} printed to standard output");
    (status.code(), String::from_utf8(stderr).unwrap())
}

/// A sandbox that runs until dropped.
struct Running {
    process: Child,
    line: serde_json::Value,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let mut process = syncline(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { process, line: serde_json::from_str(&line).unwrap() }
    }

    fn host(&self) -> &str {
        self.line["url"].as_str().unwrap().split("//").nth(1).unwrap()
    }

    /// By plain HTTP, which the port speaks with --tls as well.
    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.host()).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.host()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn end_by(mut self, signal: &str) -> Option<i32> {
        let sent = Command::new("kill").args([signal, &self.process.id().to_string()]).status().unwrap();
        assert!(sent.success());
        self.process.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone_already = self.process.kill();
        let _reaped_already = self.process.wait();
    }
}

#[test]
fn every_vendor_is_served_until_a_signal_ends_it() {
    for (vendor, signal) in VENDORS.into_iter().zip(["-TERM", "-INT"]) {
        let sandbox = Running::start(&["sandbox", vendor, "--listen", "127.0.0.1:0"]);
        assert_eq!(sandbox.line["vendor"], vendor);
        assert!(sandbox.line["credentials"].is_object(), "{}", sandbox.line);
        assert!(sandbox.line["url"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{}", sandbox.line);
        assert!(sandbox.line.get("ca").is_none());

        let calls = sandbox.get("/__sandbox/calls");
        assert!(calls.starts_with("HTTP/1.1 200 "), "{calls}");
        let body: serde_json::Value = serde_json::from_str(calls.split_once("\r\n\r\n").unwrap().1).unwrap();
        assert_eq!(body["calls"], 0, "control calls do not count");
        assert_eq!(sandbox.end_by(signal), Some(0));
    }
}

#[test]
fn the_authority_is_a_file_as_long_as_the_sandbox_runs() {
    let sandbox = Running::start(&["sandbox", "hubspot", "--listen", "127.0.0.1:0", "--tls"]);
    assert!(sandbox.line["url"].as_str().unwrap().starts_with("https://127.0.0.1:"), "{}", sandbox.line);
    let authority = sandbox.line["ca"].as_str().unwrap().to_owned();
    assert!(std::fs::read_to_string(&authority).unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
    assert!(sandbox.get("/__sandbox/cpu").starts_with("HTTP/1.1 200 "));
    assert_eq!(sandbox.end_by("-TERM"), Some(0));
    assert!(!Path::new(&authority).exists());
}

#[test]
fn what_cannot_be_served_is_refused_with_a_code() {
    let (code, message) = refused(&["sandbox", "nobody", "--listen", "127.0.0.1:0"]);
    assert_eq!(code, Some(2));
    assert!(message.contains("[possible values: hubspot, salesforce]"), "{message}");

    let (code, message) = refused(&["sandbox", "hubspot", "--listen", "0.0.0.0:0"]);
    assert_eq!(code, Some(2));
    assert!(message.starts_with("error[SYN-0105]: "), "{message}");

    let first = Running::start(&["sandbox", "hubspot", "--listen", "127.0.0.1:0"]);
    let (code, message) = refused(&["sandbox", "hubspot", "--listen", first.host()]);
    assert_eq!(code, Some(1));
    assert!(message.starts_with("error[SYN-0106]: "), "{message}");
}

#[test]
fn a_seed_that_cannot_be_loaded_is_refused_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let seeded = ["sandbox", "hubspot", "--listen", "127.0.0.1:0", "--seed"];
    let with = |path: &str| refused(&[&seeded[..], &[path]].concat());

    let (code, message) = with(&format!("{path}/gone"));
    assert_eq!(code, Some(2));
    assert!(message.starts_with("error[SYN-0102]: "), "{message}");

    let (code, message) = with(path);
    assert_eq!(code, Some(2));
    assert!(message.starts_with("error[SYN-0103]: "), "{message}");

    std::fs::write(directory.path().join("contacts.csv"), "no_such_property\nx\n").unwrap();
    let (code, message) = with(path);
    assert_eq!(code, Some(2));
    assert!(message.starts_with("error[SYN-0104]: "), "{message}");
    assert!(message.contains("contacts.csv line "), "{message}");
}

#[test]
fn completions_know_the_commands() {
    let output = syncline(&["completions", "bash"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8(output.stdout).unwrap().contains("sandbox"));
}
