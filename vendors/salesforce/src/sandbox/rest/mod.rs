//! The REST API below `/services/data/vNN.N/`.

mod collections;
mod composite;
mod describe;
pub(crate) use describe::Descriptions;
pub(crate) mod http_date;
mod misc;
pub(crate) mod query;
mod sobjects;

use super::Salesforce;
use super::fail::{Fail, Res};
use super::save::Opts;
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// A request of the API; a part of a composite is one too.
#[derive(Debug, Clone)]
pub(crate) struct Req {
    pub(crate) method: String,
    /// Decoded, below the version, without empty ones.
    pub(crate) path: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    /// Lower-case names.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Body,
    /// `59.0`
    pub(crate) version: String,
    /// The session's number.
    pub(crate) session: u64,
}

/// A request's body.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    Absent,
    Json(Value),
    /// Not JSON; what the reader said.
    Bad(String),
}

/// An answer of the API.
#[derive(Debug, Clone)]
pub(crate) struct Resp {
    pub(crate) status: u16,
    /// JSON.
    pub(crate) body: Option<String>,
    pub(crate) headers: Vec<(&'static str, String)>,
    /// Rows that the request carried.
    pub(crate) rows: u64,
}

impl Resp {
    pub(crate) fn json(status: u16, body: String) -> Self {
        Self { status, body: Some(body), headers: Vec::new(), rows: 0 }
    }
    pub(crate) fn value(status: u16, value: &Value) -> Self {
        Self::json(status, value.to_string())
    }
    pub(crate) fn empty(status: u16) -> Self {
        Self { status, body: None, headers: Vec::new(), rows: 0 }
    }
    pub(crate) fn rows(self, rows: u64) -> Self {
        Self { rows, ..self }
    }
    pub(crate) fn fail(fail: &Fail) -> Self {
        Self::value(fail.status, &Value::Array(vec![fail.single()]))
    }
}

/// Version, segments, parameters.
pub(crate) type Target = (String, Vec<String>, Vec<(String, String)>);

/// Splits `path?query` below `/services/data/`: version, decoded segments, parameters.
pub(crate) fn split(target: &str) -> Option<Target> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let rest = path.strip_prefix("/services/data/")?;
    let mut segments = rest.split('/').filter(|s| !s.is_empty());
    let version = segments.next()?.strip_prefix('v')?.to_owned();
    let decode = |s: &str| percent_decode_str(s).decode_utf8_lossy().into_owned();
    let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    Some((version, segments.map(decode).collect(), query))
}

/// Versions the sandbox serves: 30.0 to 68.0.
pub(crate) fn known_version(version: &str) -> bool {
    version.strip_suffix(".0").and_then(|n| n.parse::<u32>().ok()).is_some_and(|n| (30..=68).contains(&n))
}

impl Req {
    pub(crate) fn number(&self) -> u32 {
        self.version.trim_end_matches(".0").parse().unwrap_or(0)
    }
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
    pub(crate) fn object(&self) -> Res<&serde_json::Map<String, Value>> {
        match &self.body {
            Body::Json(Value::Object(map)) => Ok(map),
            Body::Json(_) => Err(Fail::json("The HTTP entity body is required to be a JSON object.")),
            Body::Absent => {
                Err(Fail::json("The HTTP entity body is required, but this request has no entity body."))
            }
            Body::Bad(why) => Err(Fail::json(why.clone())),
        }
    }
    /// A flag inside a header such as `allowSave=true; …`.
    fn header_flag(&self, header: &str, flag: &str) -> bool {
        self.header(header).is_some_and(|value| {
            value.split([';', ',']).any(|part| {
                part.split_once('=').is_some_and(|(name, value)| {
                    name.trim().eq_ignore_ascii_case(flag) && value.trim().eq_ignore_ascii_case("true")
                })
            })
        })
    }
}

impl Salesforce {
    /// How this request's saves are made.
    pub(crate) fn opts(&self, req: &Req) -> Opts {
        Opts {
            by: self.org.api_user,
            api: true,
            allow_duplicates: req.header_flag("sforce-duplicate-rule-header", "allowSave"),
            assign: !req.header("sforce-auto-assign").is_some_and(|v| v.trim().eq_ignore_ascii_case("false")),
            loader: false,
        }
    }

    /// Carries out one request.
    pub(crate) fn rest(&mut self, req: &Req) -> Resp {
        self.route(req).unwrap_or_else(|fail| Resp::fail(&fail))
    }

    fn route(&mut self, req: &Req) -> Res<Resp> {
        let path: Vec<&str> = req.path.iter().map(String::as_str).collect();
        match (req.method.as_str(), path.as_slice()) {
            ("GET" | "HEAD", []) => Ok(self.resources(req)),
            ("GET" | "HEAD", ["limits"]) => Ok(self.limits()),
            ("GET", ["query" | "queryAll"]) => self.query(req, path[0] == "queryAll"),
            ("GET", ["query" | "queryAll", locator]) => self.query_more(req, locator),
            ("GET" | "HEAD", ["connect", "organization"]) if self.org.knobs.connect_api => {
                Ok(self.organization_settings())
            }
            ("GET", ["recent"]) => Ok(Resp::json(200, "[]".into())),
            ("GET" | "HEAD", ["sobjects"]) => Ok(self.describe_global(req)),
            ("POST", ["composite"]) => self.composite(req),
            (_, ["composite", "sobjects", rest @ ..]) => self.collections(req, rest),
            ("GET" | "HEAD", ["sobjects", object, "describe"]) => self.describe(req, object),
            ("GET", ["sobjects", object, "updated"]) => self.updated(req, object),
            ("GET", ["sobjects", object, "deleted"]) => self.deleted(req, object),
            (_, ["sobjects", object, rest @ ..]) => self.sobjects(req, object, rest),
            (_, ["query" | "queryAll" | "limits" | "composite" | "sobjects", ..] | []) => {
                Err(not_allowed(req))
            }
            _ => Err(Fail::not_found()),
        }
    }
}

pub(crate) fn not_allowed(req: &Req) -> Fail {
    let message = format!("HTTP Method '{}' not allowed.", req.method);
    Fail::new(405, "METHOD_NOT_ALLOWED", message)
}
