//! An org in process, spoken to as an HTTP client speaks to it.
#![allow(dead_code)]

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::str::FromStr as _;
use syncline_kit::sandbox::{Limits, Outcome, Sandbox};
use syncline_salesforce::sandbox::Salesforce;

pub(crate) struct Org {
    pub(crate) sandbox: Salesforce,
    pub(crate) now: Timestamp,
    pub(crate) token: String,
    pub(crate) headers: Vec<(String, String)>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl Answer {
    /// `errorCode` of a single-row error.
    pub(crate) fn code(&self) -> &str {
        self.body[0]["errorCode"].as_str().unwrap_or_default()
    }
    pub(crate) fn message(&self) -> &str {
        self.body[0]["message"].as_str().unwrap_or_default()
    }
    pub(crate) fn id(&self) -> String {
        assert_eq!(self.status, 201, "{}", self.text);
        self.body["id"].as_str().unwrap().to_owned()
    }
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|v| v.to_str().unwrap()).unwrap_or_default()
    }
    pub(crate) fn records(&self) -> &Vec<Value> {
        assert_eq!(self.status, 200, "{}", self.text);
        self.body["records"].as_array().unwrap()
    }
}

pub(crate) fn org() -> Org {
    org_with(Limits::Real)
}

pub(crate) fn org_with(limits: Limits) -> Org {
    let mut sandbox = Salesforce::new(limits, 1);
    sandbox.served_at("http://127.0.0.1:8080");
    let token = sandbox.credentials()["access_token"].as_str().unwrap().to_owned();
    let now = Timestamp::from_str("2026-05-04T12:00:00Z").unwrap();
    Org { sandbox, now, token, headers: Vec::new() }
}

impl Org {
    pub(crate) fn request(&self, method: &str, target: &str, body: Option<&Value>) -> http::Request<Bytes> {
        let target =
            if target.starts_with("/services") || target.starts_with("/__") || target.starts_with("/id") {
                target.to_owned()
            } else {
                format!("/services/data/v59.0{target}")
            };
        let mut builder = http::Request::builder()
            .method(method)
            .uri(target)
            .header("authorization", format!("Bearer {}", self.token));
        for (name, value) in &self.headers {
            builder = builder.header(name.as_str(), value.as_str());
        }
        builder.body(Bytes::from(body.map(Value::to_string).unwrap_or_default())).unwrap()
    }

    pub(crate) fn outcome(&mut self, request: &http::Request<Bytes>) -> Outcome {
        self.sandbox.handle(request, self.now)
    }

    pub(crate) fn send(&mut self, request: &http::Request<Bytes>) -> Answer {
        match self.outcome(request) {
            Outcome::Answer(response) => {
                let (head, body) = response.into_parts();
                let text = String::from_utf8(body.to_vec()).unwrap();
                let body = serde_json::from_str(&text).unwrap_or(Value::Null);
                Answer { status: head.status.as_u16(), headers: head.headers, text, body }
            }
            other => panic!("no answer: {other:?}"),
        }
    }

    pub(crate) fn get(&mut self, target: &str) -> Answer {
        let request = self.request("GET", target, None);
        self.send(&request)
    }
    pub(crate) fn post(&mut self, target: &str, body: Value) -> Answer {
        let request = self.request("POST", target, Some(&body));
        self.send(&request)
    }
    pub(crate) fn patch(&mut self, target: &str, body: Value) -> Answer {
        let request = self.request("PATCH", target, Some(&body));
        self.send(&request)
    }
    pub(crate) fn delete(&mut self, target: &str) -> Answer {
        let request = self.request("DELETE", target, None);
        self.send(&request)
    }
    /// The same with one more header.
    pub(crate) fn with(&mut self, name: &str, value: &str, call: impl FnOnce(&mut Self) -> Answer) -> Answer {
        self.headers.push((name.to_owned(), value.to_owned()));
        let answer = call(self);
        self.headers.pop();
        answer
    }
    pub(crate) fn create(&mut self, object: &str, fields: Value) -> String {
        self.post(&format!("/sobjects/{object}"), fields).id()
    }
    pub(crate) fn row(&mut self, object: &str, id: &str) -> Value {
        let answer = self.get(&format!("/sobjects/{object}/{id}"));
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body
    }
    pub(crate) fn query(&mut self, soql: &str) -> Answer {
        self.get(&format!("/query?q={}", encode(soql)))
    }
    pub(crate) fn query_all(&mut self, soql: &str) -> Answer {
        self.get(&format!("/queryAll?q={}", encode(soql)))
    }
    /// One field of every row of a query.
    pub(crate) fn column(&mut self, soql: &str, field: &str) -> Vec<Value> {
        self.query(soql).records().iter().map(|row| row[field].clone()).collect()
    }
    pub(crate) fn admin(&mut self, command: Value) -> Value {
        let answer = self.post("/__sandbox/admin", command);
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body
    }
    pub(crate) fn faults(&mut self, rules: Value) {
        assert_eq!(self.post("/__sandbox/faults", json!({"rules": rules})).status, 200);
    }
    pub(crate) fn calls(&mut self) -> Value {
        self.get("/__sandbox/calls").body
    }
    /// Lets the wall clock go on.
    pub(crate) fn pass(&mut self, seconds: i64) {
        self.now = self.now.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap();
    }
}

pub(crate) fn encode(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
