//! Both sandboxes as processes, limits off, and the few control calls that the bench makes.

use super::process::cpu_of;
use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

pub(super) struct Sandbox {
    child: Child,
    /// The line that `connect` takes.
    pub(super) line: String,
    address: String,
}

impl Sandbox {
    fn start(binary: &Path, vendor: &str, seed: &Path) -> io::Result<Self> {
        let mut child = Command::new(binary)
            .args(["sandbox", vendor, "--listen", "127.0.0.1:0", "--limits", "off", "--seed"])
            .arg(seed)
            .stdout(Stdio::piped())
            .spawn()?;
        let Some(out) = child.stdout.take() else { return Err(io::Error::other("no output")) };
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        let address = line
            .split_once("\"url\":\"http://")
            .and_then(|(_, rest)| rest.split_once('"'))
            .map(|(address, _)| address.to_owned())
            .ok_or_else(|| io::Error::other(format!("{vendor} did not start: {line}")))?;
        Ok(Self { child, line, address })
    }

    /// One control call; the answer's body.
    fn control(&self, method: &str, path: &str, body: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect(&self.address)?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        if !head.starts_with("HTTP/1.1 2") {
            return Err(io::Error::other(format!("{method} {path}: {answer}")));
        }
        Ok(body.to_owned())
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _gone_already = self.child.wait();
    }
}

pub(super) struct Sandboxes {
    pub(super) salesforce: Sandbox,
    pub(super) hubspot: Sandbox,
}

impl Sandboxes {
    pub(super) fn start(binary: &Path, salesforce: &Path, hubspot: &Path) -> io::Result<Self> {
        Ok(Self {
            salesforce: Sandbox::start(binary, "salesforce", salesforce)?,
            hubspot: Sandbox::start(binary, "hubspot", hubspot)?,
        })
    }

    /// What the administrator installs from the package that `setup` prints.
    pub(super) fn add_salesforce_keys(&self) -> io::Result<()> {
        for object in ["Lead", "Contact", "Account", "Opportunity"] {
            let body = format!(
                "{{\"do\":\"add_field\",\"object\":\"{object}\",\"name\":\"Syncline_Id__c\",\"type\":\"text\",\"length\":36,\"external_id\":true,\"unique\":true}}"
            );
            self.salesforce.control("POST", "/__sandbox/admin", &body)?;
        }
        Ok(())
    }

    /// `count` people get another title on each side, none on both.
    pub(super) fn edit(&self, count: u64) -> io::Result<()> {
        let hubspot = ids(&self.hubspot.control("GET", "/__sandbox/dump?object=contacts", "")?, "\"id\":\"");
        for (position, id) in hubspot.iter().take(count as usize).enumerate() {
            let body = format!(
                "{{\"do\":\"edit\",\"object\":\"contacts\",\"id\":\"{id}\",\"properties\":{{\"jobtitle\":\"Edited {position}\"}}}}"
            );
            self.hubspot.control("POST", "/__sandbox/admin", &body)?;
        }
        let salesforce =
            ids(&self.salesforce.control("GET", "/__sandbox/dump?object=Contact", "")?, "{\"Id\":\"");
        for (position, id) in salesforce.iter().rev().take(count as usize).enumerate() {
            let body = format!(
                "{{\"do\":\"edit\",\"object\":\"Contact\",\"id\":\"{id}\",\"fields\":{{\"Title\":\"Changed {position}\"}}}}"
            );
            self.salesforce.control("POST", "/__sandbox/admin", &body)?;
        }
        Ok(())
    }

    /// Moves both clocks on.
    pub(super) fn advance(&self, seconds: u64) -> io::Result<()> {
        let body = format!("{{\"advance_s\":{seconds}}}");
        for sandbox in [&self.salesforce, &self.hubspot] {
            sandbox.control("POST", "/__sandbox/clock", &body)?;
        }
        Ok(())
    }

    /// Processor time of both so far.
    pub(super) fn cpu(&self) -> Duration {
        cpu_of(self.salesforce.child.id()) + cpu_of(self.hubspot.child.id())
    }

    /// How often a limit was broken.
    pub(super) fn violations(&self) -> io::Result<usize> {
        let count = |sandbox: &Sandbox| -> io::Result<usize> {
            Ok(sandbox.control("GET", "/__sandbox/calls", "")?.matches("\"limit\":").count())
        };
        Ok(count(&self.salesforce)? + count(&self.hubspot)?)
    }
}

/// The texts that follow each `marker`, up to the next quote.
fn ids(dump: &str, marker: &str) -> Vec<String> {
    dump.split(marker).skip(1).filter_map(|rest| rest.split_once('"').map(|(id, _)| id.to_owned())).collect()
}
