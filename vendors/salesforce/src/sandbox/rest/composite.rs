//! `composite`: up to 25 subrequests in one call, later ones may refer to earlier answers.

use super::{Body, Req, Resp, known_version, split};
use crate::sandbox::Salesforce;
use crate::sandbox::fail::{Fail, Res};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const MAX_PARTS: usize = 25;
/// Queries and collections among them.
const MAX_HEAVY: usize = 5;

impl Salesforce {
    pub(super) fn composite(&mut self, req: &Req) -> Res<Resp> {
        let body = req.object()?;
        let parts: Vec<Map<String, Value>> = body
            .get("compositeRequest")
            .and_then(Value::as_array)
            .ok_or_else(|| Fail::json("compositeRequest is a required list"))?
            .iter()
            .map(|part| part.as_object().cloned().ok_or_else(|| Fail::json("a subrequest is a JSON object")))
            .collect::<Res<_>>()?;
        let all_or_none = body.get("allOrNone").and_then(Value::as_bool).unwrap_or(false);
        self.check_parts(&parts)?;

        let mark = self.org.store.mark();
        let counted = (self.org.written, self.org.noop);
        let mut answers: Vec<(String, Resp)> = Vec::new();
        let mut rows = 0;
        for part in &parts {
            let name = text(part, "referenceId");
            let resp = match self.part(req, part, &answers) {
                Ok(sub) => self.rest(&sub),
                Err(fail) => Resp::fail(&fail),
            };
            rows += resp.rows;
            let failed = resp.status >= 400;
            answers.push((name, resp));
            if failed && all_or_none {
                break;
            }
        }
        if all_or_none && answers.last().is_some_and(|(_, resp)| resp.status >= 400) {
            self.org.store.rollback(mark);
            (self.org.written, self.org.noop) = counted;
            let guilty = answers.len() - 1;
            let halted = Fail::new(
                400,
                "PROCESSING_HALTED",
                "The transaction was rolled back since another operation in the same transaction failed.",
            );
            answers = parts
                .iter()
                .enumerate()
                .map(|(i, part)| match answers.get(i) {
                    Some(answer) if i == guilty => answer.clone(),
                    _ => (text(part, "referenceId"), Resp::fail(&halted)),
                })
                .collect();
        }
        let length = |(_, resp): &(String, Resp)| 256 + resp.body.as_ref().map_or(0, String::len);
        let mut out = String::with_capacity(answers.iter().map(length).sum());
        out.push_str("{\"compositeResponse\":[");
        for (i, (name, resp)) in answers.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            let headers: BTreeMap<&str, &str> = resp
                .headers
                .iter()
                .map(|(n, v)| (if *n == "location" { "Location" } else { *n }, v.as_str()))
                .collect();
            out.push_str("{\"body\":");
            out.push_str(resp.body.as_deref().unwrap_or("null"));
            let rest = json!({"h": headers, "n": name});
            out.push_str(&format!(
                ",\"httpHeaders\":{},\"httpStatusCode\":{},\"referenceId\":{}}}",
                rest["h"], resp.status, rest["n"]
            ));
        }
        out.push_str("]}");
        Ok(Resp::json(200, out).rows(rows))
    }

    fn check_parts(&mut self, parts: &[Map<String, Value>]) -> Res<()> {
        if parts.len() > MAX_PARTS {
            self.misuse.push("composite_subrequests");
            let message = format!("The composite request exceeds the limit of {MAX_PARTS} subrequests");
            return Err(Fail::new(400, "LIMIT_EXCEEDED", message));
        }
        let heavy = parts.iter().filter(|part| {
            let url = text(part, "url");
            split(&url).is_some_and(|(_, path, _)| {
                let first = path.first().map(String::as_str);
                matches!(first, Some("query" | "queryAll"))
                    || (first == Some("composite") && path.get(1).is_some_and(|p| p == "sobjects"))
            })
        });
        if heavy.count() > MAX_HEAVY {
            self.misuse.push("composite_queries");
            let message = format!(
                "The composite request exceeds the limit of {MAX_HEAVY} query and collection subrequests"
            );
            return Err(Fail::new(400, "LIMIT_EXCEEDED", message));
        }
        let mut names = BTreeMap::new();
        for part in parts {
            let name = text(part, "referenceId");
            let good = !name.is_empty()
                && name.starts_with(|c: char| c.is_ascii_alphanumeric())
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if !good {
                return Err(Fail::new(400, "INVALID_INPUT", format!("Invalid reference ID: '{name}'")));
            }
            if names.insert(name.clone(), ()).is_some() {
                return Err(Fail::new(400, "INVALID_INPUT", format!("Duplicate reference ID: '{name}'")));
            }
        }
        Ok(())
    }

    /// A subrequest as a request, its references filled in.
    fn part(&self, outer: &Req, part: &Map<String, Value>, answers: &[(String, Resp)]) -> Res<Req> {
        let mut known = Answers { answers, read: BTreeMap::new() };
        let url = known.fill(&text(part, "url"))?;
        let (version, path, query) = split(&url).ok_or_else(Fail::not_found)?;
        let allowed = match path.first().map(String::as_str) {
            Some("sobjects" | "query" | "queryAll") => true,
            Some("composite") => path.get(1).is_some_and(|p| p == "sobjects"),
            _ => false,
        };
        if !known_version(&version) || !allowed {
            return Err(Fail::not_found());
        }
        let body = match part.get("body") {
            Some(body) if !body.is_null() => Body::Json(known.fill_value(body)?),
            _ => Body::Absent,
        };
        // What a subrequest does not say, the whole request's headers say.
        let mut headers: Vec<(String, String)> = Vec::new();
        for (name, value) in part.get("httpHeaders").and_then(Value::as_object).into_iter().flatten() {
            let name = name.to_ascii_lowercase();
            if matches!(name.as_str(), "accept" | "authorization" | "content-type") {
                let message = format!("A subrequest may not carry the header {name}");
                return Err(Fail::new(400, "INVALID_INPUT", message));
            }
            headers.push((name, value.as_str().unwrap_or_default().to_owned()));
        }
        let own: Vec<String> = headers.iter().map(|(n, _)| n.clone()).collect();
        headers.extend(
            outer.headers.iter().filter(|(n, _)| n.starts_with("sforce-") && !own.contains(n)).cloned(),
        );
        let method = text(part, "method").to_ascii_uppercase();
        Ok(Req { method, path, query, headers, body, version, session: outer.session })
    }
}

fn text(part: &Map<String, Value>, key: &str) -> String {
    part.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Earlier answers, read when a reference needs them.
struct Answers<'a> {
    answers: &'a [(String, Resp)],
    read: BTreeMap<usize, Value>,
}

impl Answers<'_> {
    /// Replaces each `@{ref.path}` inside a text.
    fn fill(&mut self, text: &str) -> Res<String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("@{") {
            let Some(end) = rest[at..].find('}') else { break };
            out.push_str(&rest[..at]);
            out.push_str(&crate::sandbox::save::plain(&self.look_up(&rest[at + 2..at + end])?));
            rest = &rest[at + end + 1..];
        }
        out.push_str(rest);
        Ok(out)
    }

    fn fill_value(&mut self, value: &Value) -> Res<Value> {
        Ok(match value {
            Value::String(text) if text.starts_with("@{") && text.find('}') == Some(text.len() - 1) => {
                self.look_up(&text[2..text.len() - 1])?
            }
            Value::String(text) => Value::String(self.fill(text)?),
            Value::Array(list) => Value::Array(list.iter().map(|v| self.fill_value(v)).collect::<Res<_>>()?),
            Value::Object(map) => Value::Object(
                map.iter().map(|(k, v)| Ok((k.clone(), self.fill_value(v)?))).collect::<Res<_>>()?,
            ),
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        })
    }

    /// `ref.id`, `ref[0].id`, `ref.records[0].Id`.
    fn look_up(&mut self, reference: &str) -> Res<Value> {
        let end = reference.find(['.', '[']).unwrap_or(reference.len());
        let (name, path) = reference.split_at(end);
        let missing = || {
            let message = format!("Invalid reference specified. No value for {reference} found in {name}");
            Fail::new(400, "PROCESSING_HALTED", message)
        };
        let index = self.answers.iter().position(|(n, _)| n == name).ok_or_else(missing)?;
        let resp = &self.answers[index].1;
        if resp.status >= 400 {
            return Err(missing());
        }
        let value = self.read.entry(index).or_insert_with(|| {
            resp.body.as_deref().and_then(|b| serde_json::from_str(b).ok()).unwrap_or(Value::Null)
        });
        let mut value: &Value = value;
        for step in path.split(['.', '[']).filter(|s| !s.is_empty()) {
            let next = match step.strip_suffix(']') {
                Some(number) => number.parse::<usize>().ok().and_then(|n| value.get(n)),
                None => value.get(step),
            };
            value = next.ok_or_else(missing)?;
        }
        Ok(value.clone())
    }
}
