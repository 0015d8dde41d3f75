//! Salesforce's error bodies, and what follows from each code [doc: research §2.3, §2.4].

use super::ids;
use serde_json::Value as Json;
use syncline_kit::vendor::{Rejection, RejectionClass};
use syncline_model::{ConnectionName, FieldName, ObjectName, RecordRef};

/// One error of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    pub(super) code: String,
    pub(super) message: String,
    pub(super) fields: Vec<FieldName>,
    /// Ids of records that a duplicate rule matched.
    pub(super) candidates: Vec<String>,
}

impl ApiError {
    /// Reads the first error of a body: an array of errors, an OAuth error, or one row's `errors`.
    pub(super) fn of(body: &Json) -> Option<Self> {
        let entry = match body {
            Json::Array(entries) => entries.first()?,
            Json::Object(_) => body,
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => return None,
        };
        let text = |names: [&str; 3]| names.iter().find_map(|name| entry.get(name)?.as_str());
        let code = text(["errorCode", "statusCode", "error"])?.to_owned();
        let message = text(["message", "error_description", "errorMessage"]).unwrap_or_default().to_owned();
        let mut fields: Vec<FieldName> = entry
            .get("fields")
            .and_then(Json::as_array)
            .map(|names| names.iter().filter_map(Json::as_str).map(FieldName::from).collect())
            .unwrap_or_default();
        if fields.is_empty() {
            fields = fields_in(&code, &message);
        }
        Some(Self { candidates: candidates(entry), code, message, fields })
    }

    /// Whether the same row may succeed later without anybody changing anything.
    pub(super) fn passes(&self) -> bool {
        matches!(
            self.code.as_str(),
            "UNABLE_TO_LOCK_ROW"
                | "PROCESSING_HALTED"
                | "ALL_OR_NONE_OPERATION_ROLLED_BACK"
                | "SERVER_UNAVAILABLE"
                | "REQUEST_RUNNING_TOO_LONG"
                | "QUERY_TIMEOUT"
        )
    }

    /// Whether a limit of the whole org is used up.
    pub(super) fn is_limit(&self) -> bool {
        self.code == "REQUEST_LIMIT_EXCEEDED"
    }

    /// What a refusal of a write means. `target`: the write was meant for a record that exists.
    pub(super) fn rejection(
        &self,
        connection: &ConnectionName,
        object: &ObjectName,
        target: bool,
    ) -> Rejection {
        let class = match self.code.as_str() {
            "DUPLICATES_DETECTED" | "DUPLICATE_VALUE" => RejectionClass::Exists(
                self.candidates
                    .iter()
                    .map(|id| {
                        let object = ids::object_of(id).unwrap_or_else(|| object.clone());
                        RecordRef::new(connection.clone(), object, ids::canonical(id))
                    })
                    .collect(),
            ),
            "CANNOT_UPDATE_CONVERTED_LEAD" => RejectionClass::Converted,
            "ENTITY_IS_DELETED" | "NOT_FOUND" | "INVALID_CROSS_REFERENCE_KEY"
                if target && self.fields.is_empty() =>
            {
                RejectionClass::Gone
            }
            "PRECONDITION_FAILED" | "ENTITY_MODIFIED" => RejectionClass::Moved,
            "INACTIVE_OWNER_OR_USER" if self.fields.is_empty() => {
                RejectionClass::Fields(vec![FieldName::from("OwnerId")])
            }
            "API_DISABLED_FOR_ORG" | "NO_ACCESS" | "INSUFFICIENT_ACCESS" => RejectionClass::Permission,
            // Of a record that this one is to refer to.
            "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY" => RejectionClass::Fields(self.fields.clone()),
            code if code.starts_with("INSUFFICIENT_ACCESS") => RejectionClass::Permission,
            code if FIELD_CODES.contains(&code) => RejectionClass::Fields(self.fields.clone()),
            _ if !self.fields.is_empty() => RejectionClass::Fields(self.fields.clone()),
            _ => RejectionClass::Other,
        };
        Rejection { class, code: self.code.clone(), message: self.message.clone() }
    }
}

/// Codes that speak of a row's values.
const FIELD_CODES: [&str; 17] = [
    "REQUIRED_FIELD_MISSING",
    "STRING_TOO_LONG",
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
    "FIELD_CUSTOM_VALIDATION_EXCEPTION",
    "FIELD_FILTER_VALIDATION_EXCEPTION",
    "FIELD_INTEGRITY_EXCEPTION",
    "INVALID_EMAIL_ADDRESS",
    "INVALID_FIELD",
    "INVALID_FIELD_FOR_INSERT_UPDATE",
    "INVALID_TYPE_ON_FIELD_IN_RECORD",
    "INVALID_CROSS_REFERENCE_KEY",
    "INVALID_STATUS",
    "JSON_PARSER_ERROR",
    "MALFORMED_ID",
    "NUMBER_OUTSIDE_VALID_RANGE",
    "INACTIVE_OWNER_OR_USER",
    "ENTITY_IS_DELETED",
];

/// Field names that only the message tells.
fn fields_in(code: &str, message: &str) -> Vec<FieldName> {
    let listed = |text: &str| {
        text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(FieldName::from).collect()
    };
    match code {
        "REQUIRED_FIELD_MISSING" => {
            between(message, "fields are missing: [", "]").map(listed).unwrap_or_default()
        }
        "INVALID_FIELD_FOR_INSERT_UPDATE" => {
            between(message, "create/update fields: ", ". ").map(listed).unwrap_or_default()
        }
        "INVALID_FIELD" => between(message, "No such column '", "'").map(listed).unwrap_or_default(),
        _ => Vec::new(),
    }
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    Some(rest.split_once(end).map_or(rest, |(inner, _)| inner))
}

/// Records that the refusal names. The key of a duplicate rule's details is misspelt by the vendor; both are read.
fn candidates(entry: &Json) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(result) = entry.get("duplicateResut").or_else(|| entry.get("duplicateResult")) {
        let matches = result.get("matchResults").and_then(Json::as_array).into_iter().flatten();
        for record in
            matches.flat_map(|rule| rule.get("matchRecords").and_then(Json::as_array).into_iter().flatten())
        {
            if let Some(id) = record.pointer("/record/Id").and_then(Json::as_str) {
                found.push(id.to_owned());
            }
        }
    }
    let message = entry.get("message").and_then(Json::as_str).unwrap_or_default();
    if let Some(id) = between(message, "on record with id: ", " ") {
        found.push(id.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned());
    }
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn class(body: &Json, target: bool) -> RejectionClass {
        ApiError::of(body).unwrap().rejection(&"sf".into(), &"Lead".into(), target).class
    }

    fn fields(names: &[&str]) -> RejectionClass {
        RejectionClass::Fields(names.iter().map(|name| FieldName::from(*name)).collect())
    }

    #[test]
    fn fields_come_from_the_list_or_from_the_message() {
        let listed = json!([{"errorCode": "STRING_TOO_LONG", "message": "x", "fields": ["City"]}]);
        assert_eq!(class(&listed, true), fields(&["City"]));
        let told = json!([{"statusCode": "REQUIRED_FIELD_MISSING", "fields": [],
            "message": "Required fields are missing: [LastName, Company]"}]);
        assert_eq!(class(&told, false), fields(&["LastName", "Company"]));
        let forbidden = json!([{"errorCode": "INVALID_FIELD_FOR_INSERT_UPDATE",
            "message": "Unable to create/update fields: Rating. Please check the security settings"}]);
        assert_eq!(class(&forbidden, true), fields(&["Rating"]));
    }

    #[test]
    fn duplicates_name_their_candidates() {
        let rule = json!([{"errorCode": "DUPLICATES_DETECTED", "message": "Use one of these records?",
            "duplicateResut": {"matchResults": [{"matchRecords": [
                {"record": {"Id": "003000000000001AAA"}}, {"record": {"Id": "00Q000000000001AAA"}}]}]}}]);
        let RejectionClass::Exists(found) = class(&rule, false) else { panic!() };
        assert_eq!(
            found.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["sf/Contact/003000000000001AAA", "sf/Lead/00Q000000000001AAA"]
        );
        let unique = json!({"statusCode": "DUPLICATE_VALUE",
            "message": "duplicate value found: Ext__c duplicates value on record with id: 00Q000000000002"});
        let RejectionClass::Exists(found) = class(&unique, false) else { panic!() };
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].id.as_str().len(), 18);
    }

    #[test]
    fn a_deleted_target_is_gone_and_a_deleted_parent_is_a_bad_value() {
        let deleted =
            json!([{"errorCode": "ENTITY_IS_DELETED", "message": "entity is deleted", "fields": []}]);
        assert_eq!(class(&deleted, true), RejectionClass::Gone);
        assert_eq!(class(&deleted, false), fields(&[]));
        let parent = json!([{"errorCode": "INVALID_CROSS_REFERENCE_KEY", "message": "invalid cross reference id",
            "fields": ["AccountId"]}]);
        assert_eq!(class(&parent, true), fields(&["AccountId"]));
    }

    #[test]
    fn permission_conversion_and_the_rest_are_told_apart() {
        let of = |code: &str| class(&json!([{"errorCode": code, "message": "m", "fields": []}]), true);
        assert_eq!(of("INSUFFICIENT_ACCESS_OR_READONLY"), RejectionClass::Permission);
        assert_eq!(of("CANNOT_UPDATE_CONVERTED_LEAD"), RejectionClass::Converted);
        assert_eq!(of("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"), RejectionClass::Other);
        assert!(ApiError::of(&json!([{"errorCode": "UNABLE_TO_LOCK_ROW", "message": ""}])).unwrap().passes());
    }
}
