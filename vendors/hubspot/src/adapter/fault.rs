//! HubSpot's error bodies, and what follows from them.

use serde_json::Value;
use std::collections::BTreeSet;
use syncline_kit::vendor::{Rejection, RejectionClass, VendorError};
use syncline_model::{ConnectionName, FieldName, ObjectName, RecordRef};

/// An error as the envelope or a row of a 207 shows it. Real bodies leave out most of what the specification requires
/// [amp], so everything is optional here.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) status: u16,
    body: Value,
}

impl Fault {
    /// Reads a body; an HTML page or nothing is a fault without content.
    pub(super) fn of_body(status: u16, body: &[u8]) -> Self {
        Self { status, body: serde_json::from_slice(body).unwrap_or(Value::Null) }
    }

    /// A row's error inside a 207.
    pub(super) fn of_row(body: Value) -> Self {
        Self { status: 207, body }
    }

    fn member(&self, name: &str) -> &str {
        self.body.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn category(&self) -> &str {
        self.member("category")
    }

    pub(super) fn sub_category(&self) -> &str {
        self.member("subCategory")
    }

    /// Which limit a 429 is about.
    pub(super) fn policy(&self) -> &str {
        self.member("policyName")
    }

    pub(super) fn message(&self) -> String {
        match self.member("message") {
            "" => format!("HTTP status {}", self.status),
            text => text.to_owned(),
        }
    }

    /// Texts under a name of `context`.
    pub(super) fn context(&self, name: &str) -> Vec<String> {
        texts(self.body.get("context").and_then(|context| context.get(name)))
    }

    /// The properties that were not accepted, from `errors[]` and from the JSON list inside the message.
    fn properties(&self) -> Vec<FieldName> {
        let mut names: BTreeSet<String> = self.context("propertyName").into_iter().collect();
        for error in self.errors() {
            names.extend(texts(error.get("context").and_then(|context| context.get("propertyName"))));
        }
        for item in self.listed() {
            names.extend(item.get("name").and_then(Value::as_str).map(str::to_owned));
        }
        names.into_iter().map(FieldName::from).collect()
    }

    fn errors(&self) -> &[Value] {
        self.body.get("errors").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// `Property values were not valid: [{…}]`
    fn listed(&self) -> Vec<Value> {
        let message = self.member("message");
        message.find('[').and_then(|at| serde_json::from_str(&message[at..]).ok()).unwrap_or_default()
    }

    /// The most telling code.
    pub(super) fn code(&self) -> String {
        let inner = self
            .errors()
            .iter()
            .find_map(|error| error.get("code").and_then(Value::as_str).map(str::to_owned));
        let listed = || self.listed().iter().find_map(|item| Some(item.get("error")?.as_str()?.to_owned()));
        let category = || Some(self.category().to_owned()).filter(|text| !text.is_empty());
        inner.or_else(listed).or_else(category).unwrap_or_else(|| self.status.to_string())
    }

    /// Ids of records that hold what we wanted to write: named in the context or only in the message
    /// (`Existing ID: 501`, `501 already has that value`).
    fn existing(&self) -> Vec<String> {
        let named = self.context("existingId");
        if !named.is_empty() {
            return named;
        }
        let message = self.member("message");
        let after = message.split("Existing ID: ").nth(1).map(|rest| digits(rest.chars()));
        let before = message
            .split(" already has that value")
            .next()
            .filter(|start| start.len() < message.len())
            .map(|start| digits(start.chars().rev()).chars().rev().collect::<String>());
        after.or(before).into_iter().filter(|id| !id.is_empty()).collect()
    }

    /// What follows for the row that this fault is about.
    pub(super) fn rejection(&self, connection: &ConnectionName, object: &ObjectName) -> Rejection {
        Rejection { class: self.class(connection, object), code: self.code(), message: self.message() }
    }

    fn class(&self, connection: &ConnectionName, object: &ObjectName) -> RejectionClass {
        let code = self.code();
        let category = self.category();
        if self.status == 403 || category == "MISSING_SCOPES" {
            return RejectionClass::Permission;
        }
        if self.status == 404
            || category == "OBJECT_NOT_FOUND"
            || !self.context("INVALID_OBJECT_IDS").is_empty()
        {
            return RejectionClass::Gone;
        }
        if self.status == 409
            || matches!(category, "CONFLICT" | "OBJECT_ALREADY_EXISTS")
            || code == "CONFLICTING_UNIQUE_VALUE"
        {
            let found = self.existing().into_iter();
            return RejectionClass::Exists(
                found.map(|id| RecordRef::new(connection.clone(), object.clone(), id)).collect(),
            );
        }
        let properties = self.properties();
        if !properties.is_empty() || self.message().starts_with("Property values were not valid") {
            return RejectionClass::Fields(properties);
        }
        RejectionClass::Other
    }

    /// The same for a call that reads.
    pub(super) fn into_error(self) -> VendorError {
        match self.status {
            403 => VendorError::Permission(self.message()),
            _ => VendorError::Refused { code: self.code(), message: self.message() },
        }
    }
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let one = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    match value {
        Some(Value::Array(list)) => list.iter().filter_map(one).collect(),
        Some(single) => one(single).into_iter().collect(),
        None => Vec::new(),
    }
}

fn digits(characters: impl Iterator<Item = char>) -> String {
    characters.take_while(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(status: u16, body: &str) -> RejectionClass {
        Fault::of_body(status, body.as_bytes())
            .rejection(&ConnectionName::from("hs"), &ObjectName::from("contacts"))
            .class
    }

    #[test]
    fn bad_properties_are_named_from_errors_and_from_the_message() {
        let listed = r#"{"category":"VALIDATION_ERROR","message":"Property values were not valid: [{\"isValid\":false,\"error\":\"INVALID_EMAIL\",\"name\":\"email\"},{\"error\":\"INVALID_LONG\",\"name\":\"closedate\"}]"}"#;
        assert_eq!(class(400, listed), RejectionClass::Fields(vec!["closedate".into(), "email".into()]));
        let inner = r#"{"category":"VALIDATION_ERROR","message":"x","errors":[{"message":"y","code":"PROPERTY_DOESNT_EXIST","context":{"propertyName":["foo"]}}]}"#;
        assert_eq!(class(400, inner), RejectionClass::Fields(vec!["foo".into()]));
    }

    #[test]
    fn the_existing_record_is_found_in_context_or_message() {
        let found = RejectionClass::Exists(vec![RecordRef::new("hs", "contacts", "501")]);
        for body in [
            r#"{"category":"CONFLICT","message":"Contact already exists","context":{"existingId":["501"]}}"#,
            r#"{"category":"CONFLICT","message":"Contact already exists. Existing ID: 501"}"#,
            r#"{"category":"VALIDATION_ERROR","message":"501 already has that value","errors":[{"code":"CONFLICTING_UNIQUE_VALUE"}]}"#,
        ] {
            assert_eq!(class(207, body), found, "{body}");
        }
        assert_eq!(class(409, r#"{"message":"Contact already exists"}"#), RejectionClass::Exists(vec![]));
    }

    #[test]
    fn missing_scopes_and_missing_records_have_classes_of_their_own() {
        assert_eq!(class(403, r#"{"category":"MISSING_SCOPES"}"#), RejectionClass::Permission);
        assert_eq!(class(207, r#"{"category":"OBJECT_NOT_FOUND"}"#), RejectionClass::Gone);
        assert_eq!(class(400, "<html>"), RejectionClass::Other);
    }
}
