//! Both sandboxes as processes of the real binary, a workspace between them, and what they show. Everything is bounded:
//! what does not end in time is ended, and fails.

#![allow(clippy::print_stderr, reason = "figures are told")]

use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// What one command, one answer or a first line may take at most, on a machine that runs everything at once.
const PATIENCE: Duration = Duration::from_secs(180);

/// The binary, without what the developer's own environment would tell it.
fn syncline(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_syncline"));
    command.args(arguments);
    for variable in ["SYNCLINE_KEY", "SYNCLINE_KEY_FILE", "SYNCLINE_STORE"] {
        command.env_remove(variable);
    }
    command
}

/// Waits for `act`, at most `PATIENCE`.
fn bounded<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (done, waiting) = mpsc::channel();
    thread::spawn(move || done.send(act()));
    waiting.recv_timeout(PATIENCE).ok()
}

/// A sandbox that runs until dropped.
pub struct Sandbox {
    process: Child,
    line: String,
    url: String,
}

impl Sandbox {
    /// With the vendor's real limits, seeded with the files in `seed`.
    fn start(vendor: &str, seed: &Path) -> Self {
        let seed = seed.to_str().unwrap();
        let mut process =
            syncline(&["sandbox", vendor, "--listen", "127.0.0.1:0", "--limits", "real", "--seed", seed])
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
        let mut out = BufReader::new(process.stdout.take().unwrap());
        let mut sandbox = Self { process, line: String::new(), url: String::new() };
        let line = bounded(move || {
            let mut line = String::new();
            out.read_line(&mut line).map(|_| line)
        });
        sandbox.line = line.expect("the sandbox says where it is in time").unwrap();
        sandbox.url = sandbox.told()["url"].as_str().unwrap().to_owned();
        sandbox
    }

    fn told(&self) -> Value {
        serde_json::from_str(&self.line).unwrap()
    }

    /// One exchange; an answer other than 2xx fails.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> Value {
        let host = self.url.strip_prefix("http://").unwrap();
        let token = self.told()["credentials"]["access_token"].as_str().unwrap().to_owned();
        let mut stream = TcpStream::connect(host).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 2"), "{method} {path}: {answer:.2000}");
        serde_json::from_str(body).unwrap_or_default()
    }

    pub fn calls(&self) -> Calls {
        let told = self.ask("GET", "/__sandbox/calls", "");
        let number = |name: &str| told[name].as_u64().unwrap();
        assert_eq!(told["violations"], json!([]), "a limit was exceeded");
        Calls { calls: number("calls"), units: number("units"), rows_written: number("rows_written") }
    }

    /// The records of an object, by id.
    pub fn records(&self, object: &str) -> BTreeMap<String, Value> {
        let mut dump = self.ask("GET", &format!("/__sandbox/dump?object={object}"), "");
        let Value::Array(rows) = dump["objects"][object].take() else { return BTreeMap::new() };
        let id =
            |row: &Value| row.get("id").or_else(|| row.get("Id")).and_then(Value::as_str).unwrap().to_owned();
        rows.into_iter().map(|row| (id(&row), row)).collect()
    }

    pub fn admin(&self, act: &Value) {
        self.ask("POST", "/__sandbox/admin", &act.to_string());
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _gone_already = self.process.kill();
        let _reaped_already = self.process.wait();
    }
}

/// What a sandbox counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calls {
    pub calls: u64,
    pub units: u64,
    pub rows_written: u64,
}

impl Calls {
    fn since(self, before: Self) -> Self {
        Self {
            calls: self.calls - before.calls,
            units: self.units - before.units,
            rows_written: self.rows_written - before.rows_written,
        }
    }
}

/// What a command printed, and what the sandboxes counted meanwhile.
pub struct Ran {
    pub out: String,
    pub hubspot: Calls,
    pub salesforce: Calls,
}

impl Ran {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap()
    }
}

/// Both sandboxes, and a workspace that is connected to them.
pub struct Pair {
    pub hubspot: Sandbox,
    pub salesforce: Sandbox,
    dir: TempDir,
}

impl Pair {
    /// `keys`: the Salesforce objects that have the field for our key.
    pub fn new(hubspot: &Path, salesforce: &Path, keys: &[&str]) -> Self {
        let pair = Self {
            hubspot: Sandbox::start("hubspot", hubspot),
            salesforce: Sandbox::start("salesforce", salesforce),
            dir: tempfile::tempdir().unwrap(),
        };
        for object in keys {
            pair.salesforce.admin(&json!({"do": "add_field", "object": object, "name": "Syncline_Id__c",
                "type": "text", "length": 36, "external_id": true, "unique": true}));
        }
        pair.run(&["init", "--with", "salesforce,hubspot"]);
        pair.run_with(&["connect", "hubspot"], &pair.hubspot.line);
        pair.run_with(&["connect", "salesforce"], &pair.salesforce.line);
        pair.run(&["setup", "hubspot", "--apply"]);
        pair
    }

    /// Where a file of this workspace is.
    pub fn file(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    /// A command that succeeds.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, "")
    }

    fn run_with(&self, arguments: &[&str], input: &str) -> Ran {
        fs::write(self.file("input"), input).unwrap();
        let before = [self.hubspot.calls(), self.salesforce.calls()];
        let start = Instant::now();
        let child = syncline(arguments)
            .args(["--dir", &self.file("work")])
            .stdin(fs::File::open(self.file("input")).unwrap())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let id = child.id();
        let Some(output) = bounded(move || child.wait_with_output()) else {
            Command::new("kill").args(["-KILL", &id.to_string()]).status().unwrap();
            panic!("{arguments:?} did not end within {PATIENCE:?}");
        };
        let output = output.unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        let ran = Ran {
            out: String::from_utf8(output.stdout).unwrap(),
            hubspot: self.hubspot.calls().since(before[0]),
            salesforce: self.salesforce.calls().since(before[1]),
        };
        let word = arguments[0];
        if ["plan", "apply", "sync"].contains(&word) {
            let took = start.elapsed();
            eprintln!("{word}: {took:.1?}, hubspot {:?}, salesforce {:?}", ran.hubspot, ran.salesforce);
        }
        ran
    }

    /// Both vendors' clocks go on, as if nobody did anything meanwhile.
    pub fn pass(&self, seconds: u64) {
        for sandbox in [&self.hubspot, &self.salesforce] {
            sandbox.ask("POST", "/__sandbox/clock", &json!({"advance_s": seconds}).to_string());
        }
    }
}
