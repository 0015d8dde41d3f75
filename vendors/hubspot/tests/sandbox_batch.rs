//! Batches of records.
#![cfg(feature = "sandbox")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::wildcard_enum_match_arm, reason = "a test")]

mod sandbox_support;

use sandbox_support::Account;
use serde_json::{Value, json};

const CONTACTS: &str = "/crm/v3/objects/contacts";

fn inputs(count: usize) -> Vec<Value> {
    (0..count).map(|at| json!({"properties": {"firstname": at.to_string()}})).collect()
}

#[test]
fn a_batch_creates_up_to_100_and_refuses_more() {
    let mut account = Account::new();
    let made = account.post(&format!("{CONTACTS}/batch/create"), json!({"inputs": inputs(100)}));
    assert_eq!((made.status, made.ids().len()), (201, 100));
    assert_eq!(made.body["status"], "COMPLETE");
    assert!(made.body["startedAt"].is_string() && made.body["completedAt"].is_string());
    assert_eq!(made.body.get("errors"), None);
    assert_eq!(account.post(&format!("{CONTACTS}/batch/create"), json!({"inputs": inputs(101)})).status, 400);
    let calls = account.calls();
    assert_eq!(
        calls["by_endpoint"]["POST /crm/v3/objects/contacts/batch/create"],
        json!({"calls": 2, "rows": 201})
    );
    assert_eq!(calls["rows_written"], 100);
}

#[test]
fn without_trace_ids_one_bad_row_refuses_all() {
    let mut account = Account::new();
    let rows = json!({"inputs": [
        {"properties": {"email": "good@x.io"}},
        {"properties": {"email": "bad@"}},
        {"properties": {"nonsense": "1"}},
    ]});
    let refused = account.post(&format!("{CONTACTS}/batch/create"), rows);
    assert_eq!(refused.status, 400);
    let codes: Vec<&Value> =
        refused.body["errors"].as_array().unwrap().iter().map(|one| &one["code"]).collect();
    assert_eq!(codes, ["INVALID_EMAIL", "PROPERTY_DOESNT_EXIST"]);
    assert!(account.get(CONTACTS).ids().is_empty());
    account.make("contacts", json!({"email": "a@x.io"}));
    let rows = json!({"inputs": [{"properties": {"email": "b@x.io"}}, {"properties": {"email": "a@x.io"}}]});
    let clash = account.post(&format!("{CONTACTS}/batch/create"), rows);
    assert_eq!((clash.status, clash.message()), (409, "Contact already exists"));
    let twice = json!({"inputs": [{"properties": {"email": "c@x.io"}}, {"properties": {"email": "C@x.io"}}]});
    assert_eq!(account.post(&format!("{CONTACTS}/batch/create"), twice).status, 409);
    assert_eq!(account.get(CONTACTS).ids().len(), 1);
}

#[test]
fn with_trace_ids_every_row_has_its_own_outcome() {
    let mut account = Account::new();
    let known = account.make("contacts", json!({"email": "a@x.io"}));
    let rows = json!({"inputs": [
        {"objectWriteTraceId": "r0", "properties": {"email": "a@x.io"}},
        {"objectWriteTraceId": "r1", "properties": {"email": "b@x.io"}},
        {"objectWriteTraceId": "r2", "properties": {"email": "bad@"}},
    ]});
    let answer = account.post(&format!("{CONTACTS}/batch/create"), rows);
    assert_eq!(answer.status, 207);
    assert_eq!(answer.body["results"][0]["objectWriteTraceId"], "r1");
    assert_eq!(answer.body["numErrors"], 2);
    let clash = &answer.body["errors"][0];
    assert_eq!(clash["category"], "CONFLICT");
    assert_eq!(clash["message"], format!("Contact already exists. Existing ID: {known}"));
    assert_eq!(clash["context"], json!({"objectWriteTraceId": ["r0"], "existingId": [known]}));
    let bad = &answer.body["errors"][1];
    assert_eq!((&bad["status"], &bad["category"]), (&json!("error"), &json!("VALIDATION_ERROR")));
    assert_eq!(bad["context"]["objectWriteTraceId"], json!(["r2"]));
    assert_eq!(bad.get("correlationId"), None);
}

#[test]
fn equal_trace_ids_are_none() {
    let mut account = Account::new();
    let rows = json!({"inputs": [
        {"objectWriteTraceId": "same", "properties": {"firstname": "A"}},
        {"objectWriteTraceId": "same", "properties": {"email": "bad@"}},
    ]});
    assert_eq!(account.post(&format!("{CONTACTS}/batch/create"), rows).status, 400);
    assert!(account.get(CONTACTS).ids().is_empty());
}

#[test]
fn an_id_twice_in_a_batch_refuses_the_whole_request() {
    let mut account = Account::new();
    let id = account.make("contacts", json!({"firstname": "Ada"}));
    let row = |trace: &str| json!({"id": id, "objectWriteTraceId": trace, "properties": {"firstname": "B"}});
    let refused = account.post(&format!("{CONTACTS}/batch/update"), json!({"inputs": [row("1"), row("2")]}));
    assert_eq!(refused.status, 400);
    assert_eq!(refused.message(), format!("Duplicate IDs found in batch input: [{id}]. IDs must be unique"));
    assert_eq!(refused.body["context"]["ids"], json!([id]));
    assert_eq!(refused.body["category"], "VALIDATION_ERROR");
}

#[test]
fn an_update_of_an_unknown_id_is_a_row_error_even_without_trace_ids() {
    let mut account = Account::new();
    let id = account.make("contacts", json!({"firstname": "Ada"}));
    let rows = json!({"inputs": [
        {"id": id, "properties": {"firstname": "Grace"}},
        {"id": "999", "properties": {"firstname": "X"}},
    ]});
    let answer = account.post(&format!("{CONTACTS}/batch/update"), rows);
    assert_eq!(answer.status, 207);
    assert_eq!(answer.ids(), [id.as_str()]);
    let row = &answer.body["errors"][0];
    assert_eq!(row["category"], "OBJECT_NOT_FOUND");
    assert_eq!(
        row["message"],
        "Could not get some CONTACT objects, they may be deleted or not exist. Check that ids are valid."
    );
    assert_eq!(row["context"]["ids"], json!(["999"]));
}

#[test]
fn updates_find_rows_by_unique_properties_only() {
    let mut account = Account::new();
    let id = account.make("contacts", json!({"email": "a@x.io", "firstname": "Ada"}));
    let by = |property: &str, id: &str| json!({"inputs": [{"id": id, "idProperty": property, "properties": {"lastname": "L"}}]});
    assert_eq!(account.post(&format!("{CONTACTS}/batch/update"), by("email", "A@x.io")).ids(), [id.as_str()]);
    let refused = account.post(&format!("{CONTACTS}/batch/update"), by("firstname", "Ada"));
    assert_eq!(
        (refused.status, refused.message()),
        (400, "Unable to perform update/upsert by non-unique 0-1 property")
    );
    // An address without idProperty is an id that does not exist.
    let nothing = account.post(
        &format!("{CONTACTS}/batch/update"),
        json!({"inputs": [{"id": "a@x.io", "properties": {"lastname": "Z"}}]}),
    );
    assert_eq!(nothing.status, 207);
}

#[test]
fn an_upsert_says_which_rows_are_new() {
    let mut account = Account::new();
    let id = account.make("contacts", json!({"email": "a@x.io"}));
    let rows = json!({"inputs": [
        {"id": "A@x.io", "idProperty": "email", "properties": {"firstname": "Ada"}},
        {"id": "b@x.io", "idProperty": "email", "properties": {"firstname": "Bob"}},
    ]});
    let answer = account.post(&format!("{CONTACTS}/batch/upsert"), rows.clone());
    assert_eq!(answer.status, 200);
    let results = &answer.body["results"];
    assert_eq!((&results[0]["id"], &results[0]["new"]), (&json!(id), &json!(false)));
    assert_eq!(results[1]["new"], true);
    assert_eq!(results[1]["properties"]["email"], "b@x.io");
    assert_eq!(account.post(&format!("{CONTACTS}/batch/upsert"), rows).body["results"][1]["new"], false);
    let blank = json!({"inputs": [{"id": " ", "idProperty": "email", "properties": {}}]});
    assert_eq!(account.post(&format!("{CONTACTS}/batch/upsert"), blank).status, 400);
    let domain = json!({"inputs": [{"id": "x.io", "idProperty": "domain", "properties": {}}]});
    assert_eq!(account.post("/crm/v3/objects/companies/batch/upsert", domain).status, 400);
}

#[test]
fn an_upsert_matches_a_unique_property_of_the_account() {
    let mut account = Account::new();
    let property = json!({"name": "ext_id", "label": "Key", "type": "string", "fieldType": "text",
                          "groupName": "companyinformation", "hasUniqueValue": true});
    assert_eq!(account.post("/crm/v3/properties/companies", property).status, 201);
    let row = |name: &str| json!({"inputs": [{"id": "k1", "idProperty": "ext_id", "objectWriteTraceId": "t", "properties": {"name": name}}]});
    let first = account.post("/crm/v3/objects/companies/batch/upsert", row("Acme"));
    let second = account.post("/crm/v3/objects/companies/batch/upsert", row("Acme Inc"));
    assert_eq!(first.body["results"][0]["id"], second.body["results"][0]["id"]);
    assert_eq!(second.body["results"][0]["new"], false);
    assert_eq!(second.body["results"][0]["objectWriteTraceId"], "t");
    let clash =
        account.post("/crm/v3/objects/companies", json!({"properties": {"name": "B", "ext_id": "k1"}}));
    assert_eq!(clash.code(), "CONFLICTING_UNIQUE_VALUE");
    assert!(clash.message().contains("already has that value"));
}

#[test]
fn a_batch_read_reports_missing_ids_and_reads_the_bin() {
    let mut account = Account::new();
    let kept = account.make("contacts", json!({"email": "a@x.io"}));
    let gone = account.make("contacts", json!({"email": "b@x.io"}));
    account.delete(&format!("{CONTACTS}/{gone}"));
    let body = json!({"properties": ["email"], "inputs": [{"id": kept}, {"id": gone}, {"id": "77777"}]});
    let read = account.post(&format!("{CONTACTS}/batch/read"), body.clone());
    assert_eq!((read.status, read.ids()), (207, vec![kept.as_str()]));
    assert_eq!(read.body["numErrors"], 1);
    assert_eq!(read.body["errors"][0]["context"]["ids"], json!([gone, "77777"]));
    let bin = account.post(&format!("{CONTACTS}/batch/read?archived=true"), body);
    assert_eq!(bin.ids(), [gone.as_str()]);
    let by_email = json!({"idProperty": "email", "properties": [], "propertiesWithHistory": [], "inputs": [{"id": "A@X.io"}]});
    let read = account.post(&format!("{CONTACTS}/batch/read"), by_email);
    assert_eq!((read.status, read.ids()), (200, vec![kept.as_str()]));
}

#[test]
fn a_batch_read_with_history_takes_50() {
    let mut account = Account::new();
    let rows: Vec<Value> = (0..51).map(|at| json!({"id": at.to_string()})).collect();
    let body = json!({"propertiesWithHistory": ["email"], "inputs": rows});
    let refused = account.post(&format!("{CONTACTS}/batch/read"), body);
    assert_eq!(refused.status, 400);
    assert!(refused.message().ends_with("for property histories is 50"));
}

#[test]
fn a_batch_archive_answers_204_whatever_it_found() {
    let mut account = Account::new();
    let id = account.make("contacts", json!({}));
    let gone =
        account.post(&format!("{CONTACTS}/batch/archive"), json!({"inputs": [{"id": id}, {"id": "999"}]}));
    assert_eq!((gone.status, gone.body), (204, Value::Null));
    assert!(account.get(CONTACTS).ids().is_empty());
}

#[test]
fn results_may_come_in_another_order() {
    let mut account = Account::new();
    account.knob("shuffle_batch_results", json!(true));
    let made = account.post(&format!("{CONTACTS}/batch/create"), json!({"inputs": inputs(30)}));
    let mut sorted = made.ids();
    sorted.sort_unstable();
    assert_ne!(made.ids(), sorted);
}
