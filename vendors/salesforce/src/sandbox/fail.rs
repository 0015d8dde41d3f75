//! A refusal in Salesforce's words; the places that answer give it its shape (research notes §2.3).

use serde_json::{Value, json};

/// Why a request, or a row of one, was refused.
#[derive(Debug, Clone)]
pub(crate) struct Fail {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) fields: Option<Vec<String>>,
    /// The `duplicateResut` of single-row answers.
    pub(crate) duplicates: Option<Value>,
}

pub(crate) type Res<T> = Result<T, Fail>;

impl Fail {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), fields: None, duplicates: None }
    }
    /// A refused save: HTTP 400 for a single row.
    pub(crate) fn save(code: &'static str, message: impl Into<String>, fields: &[&str]) -> Self {
        let fields = Some(fields.iter().map(|f| (*f).to_owned()).collect());
        Self { status: 400, code, message: message.into(), fields, duplicates: None }
    }
    pub(crate) fn not_found() -> Self {
        Self::new(404, "NOT_FOUND", "The requested resource does not exist")
    }
    pub(crate) fn deleted() -> Self {
        Self { fields: Some(Vec::new()), ..Self::new(404, "ENTITY_IS_DELETED", "entity is deleted") }
    }
    pub(crate) fn malformed_query(message: impl Into<String>) -> Self {
        Self::new(400, "MALFORMED_QUERY", message)
    }
    pub(crate) fn json(message: impl Into<String>) -> Self {
        Self::new(400, "JSON_PARSER_ERROR", message)
    }

    /// `{message, errorCode, fields?}` of single-row and query answers.
    pub(crate) fn single(&self) -> Value {
        let mut body = json!({"message": self.message, "errorCode": self.code});
        if let Some(fields) = &self.fields {
            body["fields"] = json!(fields);
        }
        if let Some(duplicates) = &self.duplicates {
            body["duplicateResut"] = duplicates.clone();
        }
        body
    }
    /// `{statusCode, message, fields}` of a row of a collection; it carries no candidates.
    pub(crate) fn row(&self) -> Value {
        json!({"statusCode": self.code, "message": self.message, "fields": self.fields.clone().unwrap_or_default()})
    }
}
