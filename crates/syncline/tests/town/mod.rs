//! Both sandboxes as processes of their own and a workspace connected to them, for tests of the binary.

use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};
use tempfile::TempDir;

/// A sandbox that runs until dropped.
pub(crate) struct Sandbox {
    process: Child,
    /// Its connection line.
    pub(crate) line: Value,
}

impl Sandbox {
    /// `more` arguments than the seed.
    pub(crate) fn start(vendor: &str, seed: &Path, more: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_syncline"))
            .args(["sandbox", vendor, "--listen", "127.0.0.1:0", "--seed", seed.to_str().unwrap()])
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { process, line: serde_json::from_str(&line).unwrap() }
    }

    /// A control call; it is not counted.
    pub(crate) fn exchange(&self, method: &str, path: &str, body: &str) -> Value {
        let host = self.line["url"].as_str().unwrap().strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(host).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} /__sandbox/{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\
             content-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 20"), "{method} {path} {body}: {answer}");
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap_or_default()
    }

    /// What an administrator or a person does there.
    pub(crate) fn admin(&self, act: &Value) -> Value {
        self.exchange("POST", "admin", &act.to_string())
    }

    /// All objects and associations.
    pub(crate) fn dump(&self) -> Value {
        let mut dump = self.exchange("GET", "dump", "");
        dump.as_object_mut().unwrap().remove("now");
        dump
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _gone_already = self.process.kill();
        let _reaped_already = self.process.wait();
    }
}

/// Two sandboxes and a workspace between them.
pub(crate) struct Town {
    pub(crate) hubspot: Sandbox,
    pub(crate) salesforce: Sandbox,
    dir: TempDir,
}

impl Town {
    /// Seeds are file names and texts; key fields are planted on both sides.
    pub(crate) fn new(hubspot: &[(&str, &str)], salesforce: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let seed = |vendor: &str, files: &[(&str, &str)]| {
            let place = dir.path().join(vendor);
            fs::create_dir(&place).unwrap();
            for (name, text) in files {
                fs::write(place.join(name), text).unwrap();
            }
            Sandbox::start(vendor, &place, &[])
        };
        let town =
            Self { hubspot: seed("hubspot", hubspot), salesforce: seed("salesforce", salesforce), dir };
        for object in ["Account", "Contact", "Lead", "Opportunity"] {
            town.salesforce.admin(&json!({"do": "add_field", "object": object, "name": "Syncline_Id__c",
                "type": "text", "length": 36, "external_id": true, "unique": true}));
        }
        town.run(&["init", "--with", "salesforce,hubspot"], None);
        town.run(&["connect", "hubspot"], Some(&town.hubspot.line));
        town.run(&["connect", "salesforce"], Some(&town.salesforce.line));
        town.run(&["setup", "hubspot", "--apply"], None);
        town
    }

    /// A file of the workspace.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("work").join(name)
    }

    /// The command in this workspace, not started.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_syncline"));
        command.args(arguments).arg("--dir").arg(self.path("")).stdin(Stdio::null());
        command.env_remove("SYNCLINE_KEY").env_remove("SYNCLINE_KEY_FILE").env_remove("SYNCLINE_STORE");
        command
    }

    /// Runs a command to its end, whatever it is.
    pub(crate) fn attempt(&self, arguments: &[&str], input: Option<&Value>) -> Output {
        let mut command = self.command(arguments);
        if let Some(line) = input {
            let file = self.dir.path().join("input");
            fs::write(&file, line.to_string()).unwrap();
            command.stdin(fs::File::open(file).unwrap());
        }
        command.output().unwrap()
    }

    /// Runs a command that has to succeed; its standard output.
    pub(crate) fn run(&self, arguments: &[&str], input: Option<&Value>) -> String {
        let output = self.attempt(arguments, input);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What one run wrote.
    pub(crate) fn sync(&self) -> Value {
        serde_json::from_str(&self.run(&["sync", "--json"], None)).unwrap()
    }

    /// Time goes by at the vendors: search indexes catch up.
    pub(crate) fn pass_an_hour(&self) {
        for sandbox in [&self.hubspot, &self.salesforce] {
            sandbox.exchange("POST", "clock", r#"{"advance_s": 3600}"#);
        }
    }
}
