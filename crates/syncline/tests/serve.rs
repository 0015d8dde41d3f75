//! `syncline serve` as a user runs it, between both sandboxes: changes arrive by webhook and by poll, forged calls change
//! nothing, and signals end it in good order.

#![allow(clippy::unwrap_used, reason = "a test may end where it fails")]

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

const CONTACTS: &str = "email,firstname,lastname,phone,jobtitle\nada@x.example,Ada,Berg,+44 555 1000,Buyer\n";
const ACCOUNTS: &str = "Name,Website\nX Works,https://x.example\n";
const SALESFORCE_CONTACTS: &str = "FirstName,LastName,Email,Phone,Title,Account.Name\n\
     Ada,Berg,ada@x.example,+44 555 1000,Buyer,X Works\n";
/// What a change may take at most where a loaded machine runs all tests at once and no promise is measured.
const PATIENCE: Duration = Duration::from_secs(30);

/// A child that prints a line when it is ready.
struct Running {
    process: Child,
    line: String,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_syncline"))
            .args(arguments)
            .env_remove("SYNCLINE_KEY")
            .env_remove("SYNCLINE_KEY_FILE")
            .env_remove("SYNCLINE_STORE")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        while !(line.starts_with('{') || line.starts_with("ready: ")) {
            line.clear();
            assert_ne!(out.read_line(&mut line).unwrap(), 0, "{arguments:?} ended");
        }
        Self { process, line }
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

/// One HTTP exchange: status and body.
fn send(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, String) {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let mut head = format!("{method} /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    stream.write_all(head.as_bytes()).unwrap();
    // A receiver that refuses a body need not read it to its end.
    let _cut_short = stream.write_all(body);
    let mut answer = Vec::new();
    let _reset_after_the_answer = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn get(url: &str) -> Value {
    let (status, body) = send("GET", url, &[], b"");
    assert_eq!(status, 200, "{url}: {body}");
    serde_json::from_str(&body).unwrap_or_else(|_| Value::from(body))
}

/// Both sandboxes with one person, and a workspace that is connected to them.
struct Town {
    hubspot: Running,
    salesforce: Running,
    dir: TempDir,
}

impl Town {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let seed = |vendor: &str, files: &[(&str, &str)]| {
            let place = dir.path().join(vendor);
            fs::create_dir(&place).unwrap();
            for (name, text) in files {
                fs::write(place.join(name), text).unwrap();
            }
            let place = place.to_str().unwrap();
            Running::start(&["sandbox", vendor, "--listen", "127.0.0.1:0", "--seed", place])
        };
        let hubspot = seed("hubspot", &[("contacts.csv", CONTACTS)]);
        let salesforce =
            seed("salesforce", &[("Account.csv", ACCOUNTS), ("Contact.csv", SALESFORCE_CONTACTS)]);
        let town = Self { hubspot, salesforce, dir };
        for object in ["Account", "Contact", "Lead", "Opportunity"] {
            town.in_salesforce(json!({"do": "add_field", "object": object, "name": "Syncline_Id__c",
                "type": "text", "length": 36, "external_id": true, "unique": true}));
        }
        town.run(&["init", "--with", "salesforce,hubspot"], "");
        town.run(&["connect", "hubspot"], &town.hubspot.line);
        town.run(&["connect", "salesforce"], &town.salesforce.line);
        town.run(&["setup", "hubspot", "--apply"], "");
        town
    }

    /// With a first contact that was confirmed.
    fn in_step() -> Self {
        let town = Self::new();
        town.run(&["apply", "--yes"], "");
        town
    }

    fn workspace(&self) -> String {
        self.dir.path().join("work").to_str().unwrap().to_owned()
    }

    fn run(&self, arguments: &[&str], input: &str) -> Output {
        let output = self.attempt(arguments, input);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    fn attempt(&self, arguments: &[&str], input: &str) -> Output {
        let file = self.dir.path().join("input");
        fs::write(&file, input).unwrap();
        Command::new(env!("CARGO_BIN_EXE_syncline"))
            .args(arguments)
            .args(["--dir", &self.workspace()])
            .env_remove("SYNCLINE_KEY")
            .env_remove("SYNCLINE_KEY_FILE")
            .env_remove("SYNCLINE_STORE")
            .stdin(fs::File::open(file).unwrap())
            .output()
            .unwrap()
    }

    fn serve(&self, poll: &str) -> Serving {
        let arguments = ["serve", "--dir", &self.workspace(), "--listen", "127.0.0.1:0", "--poll", poll];
        let running = Running::start(&arguments);
        let url = running.line.split_whitespace().nth(1).unwrap();
        let url = url.strip_suffix("/healthz,").unwrap().to_owned();
        let serving = Serving { running, url };
        eventually("the first poll", || {
            !serving.health()["last_poll"].is_null() || !serving.health()["needs"].is_null()
        });
        serving
    }

    fn url(&self, sandbox: &Running) -> String {
        let line: Value = serde_json::from_str(&sandbox.line).unwrap();
        line["url"].as_str().unwrap().to_owned()
    }

    fn admin(&self, sandbox: &Running, act: &Value) -> Value {
        let url = format!("{}/__sandbox/admin", self.url(sandbox));
        let (status, body) = send("POST", &url, &[], act.to_string().as_bytes());
        assert_eq!(status, 200, "{act}: {body}");
        serde_json::from_str(&body).unwrap_or_default()
    }

    fn in_hubspot(&self, act: Value) -> Value {
        self.admin(&self.hubspot, &act)
    }

    fn in_salesforce(&self, act: Value) -> Value {
        self.admin(&self.salesforce, &act)
    }

    fn calls(&self) -> [Value; 2] {
        [&self.hubspot, &self.salesforce].map(|it| get(&format!("{}/__sandbox/calls", self.url(it))))
    }

    fn hubspot_contact(&self) -> Value {
        get(&format!("{}/__sandbox/dump?object=contacts", self.url(&self.hubspot)))["objects"]["contacts"][0]
            .clone()
    }

    fn salesforce_contact(&self) -> Value {
        get(&format!("{}/__sandbox/dump?object=Contact", self.url(&self.salesforce)))["objects"]["Contact"][0]
            .clone()
    }

    /// Whether nothing is under way on either side: no run, no webhook that was not delivered or not followed. Looked at in the
    /// order in which the one begets the other, with no run in between.
    fn is_at_rest(&self, serving: &Serving) -> bool {
        let runs = || {
            let ended = |trigger| {
                serving.metric(&format!("syncline_runs_total{{trigger=\"{trigger}\",result=\"ok\"}}"))
            };
            (serving.metric("syncline_run_under_way") == 0.0).then(|| ended("poll") + ended("webhook"))
        };
        let before = runs();
        before.is_some()
            && self.in_hubspot(json!({"do": "webhooks"}))["waiting"] == 0
            && serving.metric("syncline_hints_waiting") == 0.0
            && runs() == before
    }

    fn edit_in_hubspot(&self, property: &str, value: &str) {
        let id = self.hubspot_contact()["id"].clone();
        self.in_hubspot(
            json!({"do": "edit", "object": "contacts", "id": id, "properties": {property: value}}),
        );
    }
}

struct Serving {
    running: Running,
    url: String,
}

impl Serving {
    fn health(&self) -> Value {
        get(&format!("{}/healthz", self.url))
    }

    fn metric(&self, name: &str) -> f64 {
        let text = get(&format!("{}/metrics", self.url));
        let line = text.as_str().unwrap().lines().find(|line| line.starts_with(&format!("{name} ")));
        line.map_or(0.0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
    }
}

/// Waits for something; says how long it took.
fn eventually(what: &str, mut is_so: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what} did not come");
        std::thread::sleep(Duration::from_millis(50));
    }
    start.elapsed()
}

fn signed(secret: &str, body: &str) -> String {
    let digest = Sha256::digest(format!("{secret}{body}"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn an_edit_in_hubspot_arrives_by_webhook_and_forged_calls_change_nothing() {
    let town = Town::in_step();
    let serving = town.serve("1h");
    let read = "POST /crm/v3/objects/contacts/batch/read";
    let reads = || town.calls()[0]["by_endpoint"][read]["calls"].as_u64().unwrap_or(0);
    let reads_before = reads();

    town.edit_in_hubspot("phone", "+44 555 2468");
    let took = eventually("the new number", || town.salesforce_contact()["Phone"] == "+44 555 2468");
    eprintln!("HubSpot to Salesforce by webhook: {took:?}");
    assert!(took <= Duration::from_secs(5), "{took:?}");
    assert!(reads() > reads_before, "what a webhook points at is read by id, ahead of the index");
    town.in_hubspot(json!({"do": "create", "object": "contacts", "properties":
        {"email": "new@x.example", "firstname": "Noor", "lastname": "Vance"}}));
    // The address's domain is that of the one account: a contact under it, not a lead (CRM-3).
    let contacts = format!("{}/__sandbox/dump?object=Contact", town.url(&town.salesforce));
    let took = eventually("the new person", || get(&contacts).to_string().contains("new@x.example"));
    eprintln!("a new contact by webhook: {took:?}");
    assert!(took <= Duration::from_secs(5), "{took:?}");

    // What was written comes back as webhooks of its own, which lead to nothing.
    eventually("rest", || town.is_at_rest(&serving));
    let refused = "syncline_webhooks_total{connection=\"hubspot\",result=\"refused\"}";
    let line: Value = serde_json::from_str(&town.hubspot.line).unwrap();
    let secret = line["credentials"]["client_secret"].as_str().unwrap();
    let id = town.hubspot_contact()["id"].as_str().unwrap().to_owned();
    let event = format!("[{{\"subscriptionType\":\"contact.propertyChange\",\"objectId\":{id}}}]");
    let hook = format!("{}/webhooks/hubspot", serving.url);
    let post = |headers: &[(&str, &str)], body: &str| send("POST", &hook, headers, body.as_bytes()).0;
    let runs = serving.metric("syncline_runs_total{trigger=\"webhook\",result=\"ok\"}");
    let before = town.calls();
    assert_eq!(serving.metric(refused), 0.0);
    assert_eq!(post(&[], &event), 401, "unsigned");
    assert_eq!(post(&[("x-hubspot-signature", &signed("guessed", &event))], &event), 401, "forged");
    assert_eq!(post(&[("x-hubspot-signature", &signed(secret, &event))], "[]"), 401, "another body");
    assert_eq!(post(&[("x-hubspot-signature", &signed(secret, "garbage"))], "garbage"), 400, "garbage");
    assert_eq!(post(&[], &"x".repeat((1 << 20) + 1)), 413, "too large");
    assert_eq!(serving.metric(refused), 5.0);
    let to = |path: &str| send("POST", &format!("{}{path}", serving.url), &[], event.as_bytes()).0;
    assert_eq!(to("/webhooks/salesforce"), 404);
    assert_eq!(to("/webhooks/nobody"), 404);
    assert_eq!(town.calls(), before, "no vendor was called");
    assert_eq!(serving.metric("syncline_runs_total{trigger=\"webhook\",result=\"ok\"}"), runs);

    // The same event, truly signed, is followed.
    assert_eq!(post(&[("x-hubspot-signature", &signed(secret, &event))], &event), 204);
    eventually("a run", || serving.metric("syncline_runs_total{trigger=\"webhook\",result=\"ok\"}") > runs);
    assert_eq!(town.calls()[1]["rows_written"], before[1]["rows_written"], "there is nothing to write");
    assert_eq!(serving.running.end_by("-TERM"), Some(0));
}

#[test]
fn an_edit_in_salesforce_and_a_lost_webhook_are_found_by_the_poll() {
    let town = Town::in_step();
    let serving = town.serve("2s");
    let id = town.salesforce_contact()["Id"].clone();
    town.in_salesforce(json!({"do": "edit", "id": id, "fields": {"Title": "Director"}}));
    let title = || town.hubspot_contact()["properties"]["jobtitle"] == "Director";
    let took = eventually("the new title", title);
    eprintln!("Salesforce to HubSpot with a poll of 2 s: {took:?}");
    assert!(took <= Duration::from_secs(4), "{took:?}");

    let accepted = || serving.metric("syncline_webhooks_total{connection=\"hubspot\",result=\"accepted\"}");
    // Webhooks about our own write have come.
    eventually("rest", || accepted() > 0.0 && serving.metric("syncline_hints_waiting") == 0.0);
    let before = accepted();
    town.in_hubspot(json!({"do": "webhooks", "lose": 100}));
    town.edit_in_hubspot("phone", "+44 555 9753");
    let took = eventually("the new number", || town.salesforce_contact()["Phone"] == "+44 555 9753");
    eprintln!("a lost webhook, with a poll of 2 s: {took:?}");
    assert_eq!(accepted(), before, "no webhook came");
    for calls in town.calls() {
        assert_eq!(calls["violations"], json!([]));
    }
    assert_eq!(serving.running.end_by("-INT"), Some(0));
}

#[test]
fn nothing_is_written_before_a_person_confirmed_and_a_vendor_that_fails_is_waited_for() {
    let town = Town::new();
    let written = |calls: [Value; 2]| calls.map(|calls| calls["rows_written"].as_u64().unwrap());
    let before = written(town.calls());
    let serving = town.serve("1s");
    let health = serving.health();
    assert_eq!(health["status"], "ok");
    assert!(health["needs"]["confirmation"].as_array().is_some_and(|list| !list.is_empty()), "{health}");
    assert_eq!(serving.metric("syncline_needs_person"), 1.0);
    town.edit_in_hubspot("phone", "+44 555 1357");
    eventually("the webhook", || {
        serving.metric("syncline_runs_total{trigger=\"webhook\",result=\"ok\"}") >= 1.0
    });
    assert_eq!(written(town.calls()), before);

    // Beside the running server, as a person would.
    let confirmed = (0..50).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        town.attempt(&["apply", "--yes"], "").status.success()
    });
    assert!(confirmed);
    eventually("consent", || serving.health()["needs"].is_null());

    town.in_salesforce(json!({"do": "api", "enabled": false}));
    eventually("the failure", || !serving.health()["error"].is_null());
    town.in_salesforce(json!({"do": "api", "enabled": true}));
    town.edit_in_hubspot("phone", "+44 555 8642");
    eventually("the new number", || town.salesforce_contact()["Phone"] == "+44 555 8642");

    // In the middle of waiting for a vendor that does not answer properly.
    let faults = format!("{}/__sandbox/faults", town.url(&town.hubspot));
    let rules = json!({"rules": [{"match": "read", "every": 1, "do": "server_error"}]}).to_string();
    assert_eq!(send("POST", &faults, &[], rules.as_bytes()).0, 200);
    let failed = || town.calls()[0]["by_endpoint"].to_string();
    let before = failed();
    eventually("a refused call", || failed() != before);
    let start = Instant::now();
    assert_eq!(serving.running.end_by("-TERM"), Some(0));
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
}

#[test]
fn another_account_ends_it_at_the_start() {
    let town = Town::new();
    let config = Path::new(&town.workspace()).join("syncline.toml");
    let text = fs::read_to_string(&config).unwrap();
    let start = text.find("account = \"00D").unwrap();
    let end = start + text[start..].find('\n').unwrap();
    fs::write(&config, format!("{}account = \"00D000000000000EAA\"{}", &text[..start], &text[end..]))
        .unwrap();
    let refused = town.attempt(&["serve", "--listen", "127.0.0.1:0"], "");
    assert_eq!(refused.status.code(), Some(5), "{}", String::from_utf8_lossy(&refused.stderr));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("error[SYN-1125]"));
}
