//! Many requests in one call: `POST composite` carries 25 subrequests, five of which may be queries or collections, and
//! counts as one call [doc: research §2.6].

use super::{
    API,
    client::{Answer, Call, Client, Lost},
    errors::ApiError,
    schema::Described,
    soql,
};
use bytes::Bytes;
use http::Method;
use jiff::Timestamp;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value as Json, json, value::RawValue};
use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};
use syncline_kit::{memo::Memo, vendor::VendorError};
use syncline_model::defect::{Defect, planted};

/// Subrequests of one call.
pub(super) const PARTS: usize = 25;
/// Queries and collections among them.
pub(super) const HEAVY: usize = 5;
/// From so many bytes on an answer with descriptions is kept.
const LONG: usize = 16_384;

/// Replies by the whole answers that they came in.
static READ: Memo<Vec<Reply>> = Memo::new(16);

/// One subrequest.
#[derive(Debug, Clone)]
pub(super) struct Part {
    method: &'static str,
    url: String,
    body: Option<Json>,
    headers: Vec<(&'static str, String)>,
    heavy: bool,
}

/// One subrequest's answer.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// As it came, a piece of the answer: what a description or a page holds is built only once, as what it is.
    body: Option<Bytes>,
    headers: BTreeMap<String, String>,
    /// What it describes, once that was read, where the same answer may come again.
    pub(super) described: Option<Arc<OnceLock<Described>>>,
}

/// A page of a query's answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    pub(super) records: Vec<Json>,
    /// Whether it is the last one.
    #[serde(default = "is_last")]
    pub(super) done: bool,
    /// Where the next one is.
    pub(super) next_records_url: Option<String>,
}

fn is_last() -> bool {
    true
}

/// A composite call's answer.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    #[serde(borrow)]
    composite_response: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    #[serde(borrow)]
    body: Option<&'a RawValue>,
    #[serde(default)]
    http_headers: BTreeMap<String, Json>,
    http_status_code: u16,
    reference_id: String,
}

impl Reply {
    pub(super) fn ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(&name.to_ascii_lowercase()).map(String::as_str)
    }

    /// The body as what it should be.
    pub(super) fn parse<T: DeserializeOwned>(&self) -> Result<T, VendorError> {
        let text =
            std::str::from_utf8(self.body()).map_err(|error| VendorError::Protocol(error.to_string()))?;
        serde_json::from_str(text).map_err(|error| VendorError::Protocol(error.to_string()))
    }

    /// The body as it came.
    pub(super) fn body(&self) -> &[u8] {
        self.body.as_deref().unwrap_or(b"null")
    }

    /// The body, whatever it is.
    pub(super) fn json(&self) -> Json {
        self.parse().unwrap_or_default()
    }

    pub(super) fn error(&self) -> ApiError {
        ApiError::of(&self.json()).unwrap_or_else(|| ApiError {
            code: format!("HTTP_{}", self.status),
            message: "an answer without an error".to_owned(),
            fields: Vec::new(),
            candidates: Vec::new(),
        })
    }

    /// A query's page.
    pub(super) fn page(&self) -> Result<Page, VendorError> {
        if !self.ok() {
            return Err(refused(self.error()));
        }
        self.parse()
    }
}

/// A whole call or a read refused by this code.
pub(super) fn refused(error: ApiError) -> VendorError {
    if error.is_limit() {
        return VendorError::Limit { limit: error.message, retry_after: None };
    }
    if error.passes() {
        return VendorError::Unavailable(format!("{}: {}", error.code, error.message));
    }
    VendorError::Refused { code: error.code, message: error.message }
}

impl Part {
    /// A subrequest under the API's root, e.g. `/sobjects/Lead`.
    pub(super) fn new(method: &'static str, path: &str) -> Self {
        Self { method, url: format!("{API}{path}"), body: None, headers: Vec::new(), heavy: false }
    }

    /// A query that also sees deleted rows.
    pub(super) fn query_all(query: &str) -> Self {
        if planted(Defect::NoDeletes) {
            return Self::query(query);
        }
        Self { heavy: true, ..Self::new("GET", &format!("/queryAll?q={}", soql::encode(query))) }
    }

    /// A query that does not.
    pub(super) fn query(query: &str) -> Self {
        Self { heavy: true, ..Self::new("GET", &format!("/query?q={}", soql::encode(query))) }
    }

    /// Marks a collection, which counts against the five.
    #[must_use]
    pub(super) fn heavy(mut self) -> Self {
        self.heavy = true;
        self
    }

    #[must_use]
    pub(super) fn body(mut self, body: Json) -> Self {
        self.body = Some(body);
        self
    }

    #[must_use]
    pub(super) fn header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    fn to_json(&self, position: usize) -> Json {
        let mut part = json!({"method": self.method, "url": self.url, "referenceId": format!("r{position}")});
        if let Some(body) = &self.body {
            part["body"] = body.clone();
        }
        if !self.headers.is_empty() {
            let headers: serde_json::Map<String, Json> =
                self.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into())).collect();
            part["httpHeaders"] = Json::Object(headers);
        }
        part
    }
}

/// Splits parts into calls.
pub(super) fn split(parts: Vec<Part>) -> Vec<Vec<Part>> {
    let mut calls: Vec<Vec<Part>> = Vec::new();
    let mut heavy = 0;
    for part in parts {
        let full = calls.last().is_none_or(|call| call.len() >= PARTS) || (part.heavy && heavy >= HEAVY);
        if full {
            calls.push(Vec::new());
            heavy = 0;
        }
        heavy += usize::from(part.heavy);
        if let Some(call) = calls.last_mut() {
            call.push(part);
        }
    }
    calls
}

fn call(parts: &[Part]) -> Call {
    let requests: Vec<Json> =
        parts.iter().enumerate().map(|(position, part)| part.to_json(position)).collect();
    Call {
        method: Method::POST,
        path: format!("{API}/composite"),
        headers: Vec::new(),
        body: Some(json!({"allOrNone": false, "collateSubrequests": false, "compositeRequest": requests})),
    }
}

/// The replies in an answer that was read before.
pub(super) fn known(body: &Bytes) -> Option<Arc<Vec<Reply>>> {
    if body.len() >= LONG { READ.get(body) } else { None }
}

fn replies(answer: &Answer, expected: usize) -> Result<Vec<Reply>, VendorError> {
    match answer.known.as_deref().filter(|known| known.len() == expected) {
        Some(known) => Ok(known.to_vec()),
        None => read(answer, expected),
    }
}

fn read(answer: &Answer, expected: usize) -> Result<Vec<Reply>, VendorError> {
    if !(200..300).contains(&answer.status) {
        return Err(answer.error().map_or_else(
            || VendorError::Protocol(format!("HTTP {} to a composite call", answer.status)),
            refused,
        ));
    }
    let mut by_place: BTreeMap<usize, Reply> = BTreeMap::new();
    let whole = answer.body();
    let text = std::str::from_utf8(whole).map_err(|error| VendorError::Protocol(error.to_string()))?;
    let envelope: Envelope<'_> =
        serde_json::from_str(text).map_err(|error| VendorError::Protocol(error.to_string()))?;
    for entry in envelope.composite_response {
        let place = entry
            .reference_id
            .strip_prefix('r')
            .and_then(|place| place.parse().ok())
            .ok_or_else(|| VendorError::Protocol("a composite answer to another request".to_owned()))?;
        let headers = entry
            .http_headers
            .iter()
            .filter_map(|(name, value)| Some((name.to_ascii_lowercase(), value.as_str()?.to_owned())))
            .collect();
        let body = entry.body.map(|body| whole.slice_ref(body.get().as_bytes()));
        by_place.insert(place, Reply { status: entry.http_status_code, body, headers, described: None });
    }
    if by_place.len() != expected {
        return Err(VendorError::Protocol(format!("{} answers to {expected} subrequests", by_place.len())));
    }
    Ok(by_place.into_values().collect())
}

impl Client {
    /// Reads all parts, in as few calls as the limits allow; the vendor's time before the first, answers in order.
    pub(super) async fn read_parts(&self, parts: Vec<Part>) -> Result<(Timestamp, Vec<Reply>), VendorError> {
        let mut all = Vec::with_capacity(parts.len());
        let mut began = None;
        for batch in split(parts) {
            let answer = self.read(&call(&batch)).await?;
            began.get_or_insert(answer.at);
            let mut replies = replies(&answer, batch.len())?;
            // Descriptions come again letter for letter, nearly always.
            let recurs =
                answer.body().len() >= LONG && batch.iter().any(|part| part.url.ends_with("/describe"));
            if recurs && answer.known.is_none() {
                replies.iter_mut().for_each(|reply| reply.described = Some(Arc::default()));
                READ.put(answer.body().clone(), Arc::new(replies.clone()));
            }
            all.extend(replies);
        }
        Ok((began.unwrap_or_else(|| self.server_time()), all))
    }

    /// Sends parts that fit into one call, once.
    pub(super) async fn write_parts(&self, parts: &[Part]) -> Result<Vec<Reply>, Lost> {
        let answer = self.write(&call(parts)).await?;
        let refused_whole = !(200..300).contains(&answer.status);
        replies(&answer, parts.len()).map_err(|error| {
            if refused_whole { Lost::Nothing(error) } else { Lost::Unknown(error.to_string()) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_holds_twenty_five_parts_and_five_queries() {
        let light = |count: usize| (0..count).map(|_| Part::new("GET", "/x"));
        let heavy = |count: usize| (0..count).map(|_| Part::query("SELECT Id FROM Lead"));
        let sizes = |parts: Vec<Part>| split(parts).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(light(26).collect()), [25, 1]);
        assert_eq!(sizes(heavy(11).collect()), [5, 5, 1]);
        assert_eq!(sizes(heavy(5).chain(light(20)).collect()), [25]);
        assert_eq!(sizes(heavy(5).chain(light(2)).chain(heavy(1)).collect()), [7, 1]);
        assert_eq!(sizes(Vec::new()), Vec::<usize>::new());
    }
}
