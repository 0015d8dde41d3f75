//! Requests taken apart and answers put together, as HubSpot's edge does it.

use super::values::Invalid;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde_json::{Map, Value, json};
use syncline_kit::{HttpRequest, HttpResponse};

/// One request, taken apart.
#[derive(Debug)]
pub(super) struct Req {
    pub(super) method: Method,
    /// Path as sent.
    pub(super) path: String,
    /// Path segments, decoded (`+` stays `+`); a trailing slash leaves no segment.
    pub(super) segments: Vec<String>,
    query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Req {
    /// Takes a request apart.
    pub(super) fn new(request: &HttpRequest) -> Self {
        let decode = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
        let path = request.uri().path();
        let query = request.uri().query().unwrap_or_default();
        Self {
            method: request.method().clone(),
            path: path.to_owned(),
            segments: path.split('/').filter(|part| !part.is_empty()).map(decode).collect(),
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            headers: request.headers().clone(),
            body: request.body().clone(),
        }
    }

    /// A query parameter.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A list in the query: repeated or joined by commas.
    pub(super) fn query_list(&self, name: &str) -> Vec<String> {
        let values = self.query.iter().filter(|(key, _)| key == name);
        values
            .flat_map(|(_, value)| value.split(','))
            .map(|part| part.trim().to_owned())
            .filter(|part| !part.is_empty())
            .collect()
    }

    /// A yes/no in the query; Python sends `True`.
    pub(super) fn query_flag(&self, name: &str) -> bool {
        self.query(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// A number in the query.
    pub(super) fn query_number(&self, name: &str) -> Result<Option<u64>, ApiError> {
        match self.query(name) {
            None | Some("") => Ok(None),
            Some(text) => text
                .parse()
                .map(Some)
                .map_err(|_| ApiError::validation(&format!("Invalid value for parameter {name}: {text}"))),
        }
    }

    /// The body as a JSON object; an empty body is an empty object.
    pub(super) fn json(&self) -> Result<Value, ApiError> {
        if self.body.is_empty() {
            return Ok(Value::Object(Map::new()));
        }
        serde_json::from_slice(&self.body).map_err(|error| {
            ApiError::validation(&format!(
                "Invalid input JSON on line {}, column {}: {error}",
                error.line(),
                error.column()
            ))
        })
    }

    /// The body as a form.
    pub(super) fn form(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(&self.body).into_owned().collect()
    }
}

/// A value as text, whatever JSON type the client sent it in; `null` is no text.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A member as text.
pub(super) fn text_at(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(text)
}

/// A member as number; texts of digits count.
pub(super) fn number_at(value: &Value, name: &str) -> Option<u64> {
    text_at(value, name)?.trim().parse().ok()
}

/// A member as yes/no.
pub(super) fn flag_at(value: &Value, name: &str) -> bool {
    text_at(value, name).is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

/// A member as list.
pub(super) fn list_at<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A member as list of texts.
pub(super) fn texts_at(value: &Value, name: &str) -> Vec<String> {
    list_at(value, name).iter().filter_map(text).collect()
}

/// An answer before it gets its headers.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) body: Vec<u8>,
    pub(super) headers: Vec<(&'static str, String)>,
}

impl Reply {
    /// 200 with JSON.
    pub(super) fn ok<T: Serialize>(value: &T) -> Self {
        Self::json(StatusCode::OK, value)
    }

    /// 200 with JSON that was printed before.
    pub(super) fn printed(body: Vec<u8>) -> Self {
        Self { status: StatusCode::OK, body, headers: Vec::new() }
    }

    /// JSON under a status.
    pub(super) fn json<T: Serialize>(status: StatusCode, value: &T) -> Self {
        Self { status, body: serde_json::to_vec(value).unwrap_or_default(), headers: Vec::new() }
    }

    /// 204
    pub(super) fn empty() -> Self {
        Self { status: StatusCode::NO_CONTENT, body: Vec::new(), headers: Vec::new() }
    }

    /// With a further header.
    pub(super) fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The answer as it goes out.
    pub(super) fn into_response(self, correlation_id: &str) -> HttpResponse {
        let json = !self.body.is_empty();
        let mut response = http::Response::new(Bytes::from(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if json {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json;charset=utf-8"));
        }
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        if let Ok(value) = HeaderValue::from_str(correlation_id) {
            headers.insert("x-hubspot-correlation-id", value);
        }
        response
    }
}

/// A refusal: status and body without the correlation id.
#[derive(Debug)]
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    pub(super) body: Map<String, Value>,
    pub(super) headers: Vec<(&'static str, String)>,
    /// Which limit a 429 stands for.
    pub(super) limit: Option<&'static str>,
}

impl ApiError {
    /// A refusal with a message.
    pub(super) fn new(status: StatusCode, message: &str) -> Self {
        let mut body = Map::new();
        body.insert("status".to_owned(), json!("error"));
        body.insert("message".to_owned(), json!(message));
        Self { status, body, headers: Vec::new(), limit: None }
    }

    /// With a further member.
    pub(super) fn with(mut self, name: &str, value: Value) -> Self {
        self.body.insert(name.to_owned(), value);
        self
    }

    /// With a category.
    pub(super) fn category(self, category: &str) -> Self {
        self.with("category", json!(category))
    }

    /// 400 VALIDATION_ERROR
    pub(super) fn validation(message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message).category("VALIDATION_ERROR")
    }

    /// 404 without a category, as for an unknown numeric id [research §6.2].
    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "resource not found")
    }

    /// 404 for an id that is not a number [3p note 70985788229].
    pub(super) fn not_numeric(id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "Object not found.  objectId are usually numeric.")
            .category("OBJECT_NOT_FOUND")
            .with("context", json!({"id": [id]}))
    }

    /// 400 for an object type that does not exist [amp].
    pub(super) fn unknown_type(segment: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, &format!("Unable to infer object type from: {segment}"))
    }

    /// 400 with every refused property [research §7].
    pub(super) fn invalid(portal_id: u64, refused: &[Invalid]) -> Self {
        let rows: Vec<String> = refused
            .iter()
            .map(|one| {
                format!(
                    "{{\"isValid\":false,\"message\":{message},\"error\":{code},\"name\":{name},\"localizedErrorMessage\":{message},\"portalId\":{portal_id}}}",
                    message = json!(one.message),
                    code = json!(one.code),
                    name = json!(one.property),
                )
            })
            .collect();
        let errors: Vec<Value> = refused
            .iter()
            .map(|one| json!({"message": one.message, "code": one.code, "context": {"propertyName": [one.property]}}))
            .collect();
        Self::validation(&format!("Property values were not valid: [{}]", rows.join(",")))
            .with("errors", Value::Array(errors))
    }

    /// The answer.
    pub(super) fn into_reply(mut self, correlation_id: &str) -> Reply {
        self.body.insert("correlationId".to_owned(), json!(correlation_id));
        let mut reply = Reply::json(self.status, &self.body);
        reply.headers = self.headers;
        reply
    }
}
