//! One sandbox and a client that says what it gets.
#![allow(dead_code, reason = "every test file uses its own part")]

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use syncline_hubspot::sandbox::HubSpot;
use syncline_kit::sandbox::{Limits, Outcome, Sandbox};

/// A sandbox with a clock of its own.
pub(crate) struct Account {
    pub(crate) hubspot: HubSpot,
    pub(crate) now: Timestamp,
    pub(crate) token: String,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) headers: http::HeaderMap,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The ids of `results`.
    pub(crate) fn ids(&self) -> Vec<&str> {
        self.body["results"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect()
    }

    /// The message of a refusal.
    pub(crate) fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }

    /// The code of the first refused property.
    pub(crate) fn code(&self) -> &str {
        self.body["errors"][0]["code"].as_str().unwrap_or_default()
    }
}

impl Account {
    /// Limits off, search index without lag.
    pub(crate) fn new() -> Self {
        let mut account = Self::with_limits(Limits::Off);
        account.knob("search_lag_ms", json!(0));
        account
    }

    pub(crate) fn with_limits(limits: Limits) -> Self {
        let hubspot = HubSpot::new(limits, 1);
        let token = hubspot.credentials()["access_token"].as_str().unwrap().to_owned();
        Self { hubspot, now: "2026-01-05T09:00:00Z".parse().unwrap(), token }
    }

    pub(crate) fn pass_ms(&mut self, ms: i64) {
        self.now += SignedDuration::from_millis(ms);
    }

    pub(crate) fn outcome(
        &mut self,
        method: &str,
        target: &str,
        body: Option<&str>,
        token: Option<&str>,
    ) -> Outcome {
        let mut request = http::Request::builder().method(method).uri(target);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = Bytes::from(body.unwrap_or_default().to_owned());
        self.hubspot.handle(&request.body(body).unwrap(), self.now)
    }

    pub(crate) fn raw(
        &mut self,
        method: &str,
        target: &str,
        body: Option<&str>,
        token: Option<&str>,
    ) -> Answer {
        match self.outcome(method, target, body, token) {
            Outcome::Answer(response) => Answer {
                status: response.status().as_u16(),
                body: serde_json::from_slice(response.body()).unwrap_or(Value::Null),
                headers: response.headers().clone(),
            },
            other => panic!("no answer to {method} {target}: {other:?}"),
        }
    }

    pub(crate) fn call(&mut self, method: &str, target: &str, body: &Value) -> Answer {
        let token = self.token.clone();
        self.raw(method, target, Some(&body.to_string()), Some(&token))
    }

    pub(crate) fn get(&mut self, target: &str) -> Answer {
        let token = self.token.clone();
        self.raw("GET", target, None, Some(&token))
    }

    pub(crate) fn post(&mut self, target: &str, body: Value) -> Answer {
        self.call("POST", target, &body)
    }

    pub(crate) fn patch(&mut self, target: &str, body: Value) -> Answer {
        self.call("PATCH", target, &body)
    }

    pub(crate) fn put(&mut self, target: &str, body: Value) -> Answer {
        self.call("PUT", target, &body)
    }

    pub(crate) fn delete(&mut self, target: &str) -> Answer {
        let token = self.token.clone();
        self.raw("DELETE", target, None, Some(&token))
    }

    /// Makes a record and returns its id.
    pub(crate) fn make(&mut self, object: &str, properties: Value) -> String {
        let made = self.post(&format!("/crm/v3/objects/{object}"), json!({"properties": properties}));
        assert_eq!(made.status, 201, "{}", made.body);
        made.body["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn search(&mut self, object: &str, body: Value) -> Answer {
        self.post(&format!("/crm/v3/objects/{object}/search"), body)
    }

    pub(crate) fn admin(&mut self, body: Value) -> Value {
        let answer = self.raw("POST", "/__sandbox/admin", Some(&body.to_string()), None);
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }

    pub(crate) fn knob(&mut self, name: &str, value: Value) {
        self.admin(json!({"do": "set_knob", "name": name, "value": value}));
    }

    pub(crate) fn fault(&mut self, matches: &str, kind: &str) {
        let rules = json!({"rules": [{"match": matches, "times": 1, "do": kind}]});
        let answer = self.raw("POST", "/__sandbox/faults", Some(&rules.to_string()), None);
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    pub(crate) fn calls(&mut self) -> Value {
        self.raw("GET", "/__sandbox/calls", None, None).body
    }

    pub(crate) fn dump(&mut self) -> Value {
        self.raw("GET", "/__sandbox/dump", None, None).body
    }

    /// Ties two records by v4 batch create with one type.
    pub(crate) fn tie(&mut self, from: (&str, &str), to: (&str, &str), type_id: u64) {
        let input = json!({"from": {"id": from.1}, "to": {"id": to.1},
            "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}]});
        let tied = self.post(
            &format!("/crm/v4/associations/{}/{}/batch/create", from.0, to.0),
            json!({"inputs": [input]}),
        );
        assert_eq!(tied.status, 201, "{}", tied.body);
    }

    /// Type ids between two records as v4 shows them.
    pub(crate) fn types(&mut self, from: (&str, &str), to: (&str, &str)) -> Vec<u64> {
        let all = self.get(&format!("/crm/v4/objects/{}/{}/associations/{}", from.0, from.1, to.0));
        let rows = all.body["results"].as_array().unwrap().clone();
        let row = rows.iter().find(|row| row["toObjectId"].as_u64() == to.1.parse().ok());
        let types = row.map(|row| row["associationTypes"].as_array().unwrap().clone()).unwrap_or_default();
        types.iter().map(|one| one["typeId"].as_u64().unwrap()).collect()
    }
}
