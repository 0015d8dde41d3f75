//! Properties, groups, pipelines and owners.
#![cfg(feature = "sandbox")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::wildcard_enum_match_arm, reason = "a test")]

mod sandbox_support;

use sandbox_support::Account;
use serde_json::{Value, json};

const PROPERTIES: &str = "/crm/v3/properties/contacts";
const PIPELINES: &str = "/crm/v3/pipelines/deals";

fn text(name: &str, unique: bool) -> Value {
    json!({"name": name, "label": name, "type": "string", "fieldType": "text", "groupName": "contactinformation",
           "hasUniqueValue": unique})
}

#[test]
fn definitions_say_what_can_be_written() {
    let mut account = Account::new();
    let all = account.get(PROPERTIES);
    let rows = all.body["results"].as_array().unwrap();
    let named = |name: &str| rows.iter().find(|row| row["name"] == name).unwrap();
    assert_eq!(named("createdate")["modificationMetadata"]["readOnlyValue"], true);
    assert_eq!(named("hs_email_domain")["calculated"], true);
    assert_eq!(named("email")["modificationMetadata"]["readOnlyValue"], false);
    assert_eq!(named("hubspot_owner_id")["externalOptions"], true);
    assert_eq!(named("hubspot_owner_id")["referencedObjectType"], "OWNER");
    assert_eq!(named("hubspot_owner_id")["options"], json!([]));
    assert_eq!(named("lifecyclestage")["options"][1]["value"], "lead");
    for field in [
        "label",
        "type",
        "fieldType",
        "description",
        "groupName",
        "options",
        "hubspotDefined",
        "hasUniqueValue",
    ] {
        assert!(rows.iter().all(|row| row.get(field).is_some()), "{field}");
    }
    let stages = account.get("/crm/v3/properties/deals/dealstage");
    assert_eq!(stages.body["options"].as_array().unwrap().len(), 7);
    assert_eq!(account.get(&format!("{PROPERTIES}/nonsense")).status, 404);
}

#[test]
fn a_property_is_made_changed_archived_and_revived() {
    let mut account = Account::new();
    let made = account.post(PROPERTIES, text("Color", false));
    assert_eq!((made.status, &made.body["name"]), (201, &json!("color")));
    let again = account.post(PROPERTIES, text("color", false));
    assert_eq!(again.status, 409);
    assert_eq!(again.body["category"], "OBJECT_ALREADY_EXISTS");
    assert_eq!(again.body["subCategory"], "Properties.PROPERTY_WITH_NAME_EXISTS");
    let path = format!("{PROPERTIES}/color");
    assert_eq!(account.patch(&path, json!({"label": "Colour"})).body["label"], "Colour");
    assert_eq!(account.delete(&path).status, 204);
    assert_eq!(account.get(&path).status, 404);
    assert_eq!(account.get(&format!("{path}?archived=true")).body["archived"], true);
    assert_eq!(
        account.post("/crm/v3/objects/contacts", json!({"properties": {"color": "red"}})).code(),
        "PROPERTY_DOESNT_EXIST"
    );
    assert_eq!(account.post(PROPERTIES, text("color", false)).status, 201);
    let built_in = account.delete(&format!("{PROPERTIES}/email"));
    assert_eq!(built_in.body["subCategory"], "PropertyValidationError.CANNOT_DELETE_PROPERTY_IN_USE");
}

#[test]
fn unique_values_are_declared_at_creation_and_ten_at_most() {
    let mut account = Account::new();
    for at in 0..10 {
        assert_eq!(account.post(PROPERTIES, text(&format!("key{at}"), true)).status, 201);
    }
    assert_eq!(account.post(PROPERTIES, text("key10", true)).status, 400);
    assert_eq!(
        account.patch(&format!("{PROPERTIES}/key0"), json!({"hasUniqueValue": false})).body["hasUniqueValue"],
        true
    );
    account.post(PROPERTIES, text("plain", false));
    assert_eq!(
        account.patch(&format!("{PROPERTIES}/plain"), json!({"hasUniqueValue": true})).body["hasUniqueValue"],
        false
    );
    let date = json!({"name": "d", "label": "d", "type": "date", "fieldType": "date", "groupName": "contactinformation",
                      "hasUniqueValue": true});
    assert_eq!(account.post(PROPERTIES, date).status, 400);
}

#[test]
fn wrong_definitions_are_refused() {
    let mut account = Account::new();
    for (name, value) in [
        ("type", json!("text")),
        ("fieldType", json!("date")),
        ("groupName", json!("nowhere")),
        ("name", json!("1abc")),
        ("label", json!("")),
    ] {
        let mut body = text("color", false);
        body[name] = value;
        assert_eq!(account.post(PROPERTIES, body).status, 400, "{name}");
    }
}

#[test]
fn a_patch_of_options_replaces_the_list() {
    let mut account = Account::new();
    let option = |value: &str| json!({"label": value, "value": value, "hidden": false});
    let mut body = text("size", false);
    body["type"] = json!("enumeration");
    body["fieldType"] = json!("select");
    body["options"] = json!([option("s"), option("m")]);
    account.post(PROPERTIES, body);
    account.patch(&format!("{PROPERTIES}/size"), json!({"options": [option("l")]}));
    let refused = account.post("/crm/v3/objects/contacts", json!({"properties": {"size": "m"}}));
    assert_eq!(refused.body["errors"][0]["message"], "m was not one of the allowed options: [l]");
}

#[test]
fn properties_come_in_batches() {
    let mut account = Account::new();
    let made = account
        .post(&format!("{PROPERTIES}/batch/create"), json!({"inputs": [text("a", false), text("b", false)]}));
    assert_eq!(made.status, 201);
    let read = account.post(
        &format!("{PROPERTIES}/batch/read"),
        json!({"archived": false, "inputs": [{"name": "a"}, {"name": "zz"}]}),
    );
    assert_eq!((read.status, &read.body["results"][0]["name"]), (207, &json!("a")));
    assert_eq!(
        account.post(&format!("{PROPERTIES}/batch/archive"), json!({"inputs": [{"name": "a"}]})).status,
        204
    );
    assert_eq!(account.get(&format!("{PROPERTIES}/a")).status, 404);
}

#[test]
fn a_group_with_properties_stays() {
    let mut account = Account::new();
    let groups = format!("{PROPERTIES}/groups");
    assert_eq!(account.post(&groups, json!({"name": "extra", "label": "Extra"})).status, 201);
    assert_eq!(account.patch(&format!("{groups}/extra"), json!({"label": "More"})).body["label"], "More");
    let mut body = text("color", false);
    body["groupName"] = json!("extra");
    account.post(PROPERTIES, body);
    let refused = account.delete(&format!("{groups}/extra"));
    assert_eq!(refused.body["subCategory"], "PropertyGroupError.GROUP_WITH_ACTIVE_PROPERTIES");
    account.delete(&format!("{PROPERTIES}/color"));
    assert_eq!(account.delete(&format!("{groups}/extra")).status, 204);
}

#[test]
fn the_default_pipeline_has_its_stages_and_probabilities() {
    let mut account = Account::new();
    let all = account.get(PIPELINES);
    let pipeline = &all.body["results"][0];
    assert_eq!((&pipeline["id"], &pipeline["label"]), (&json!("default"), &json!("Sales Pipeline")));
    let stages = pipeline["stages"].as_array().unwrap();
    let pairs: Vec<(&str, &str, &str)> = stages
        .iter()
        .map(|stage| {
            let metadata = &stage["metadata"];
            (
                stage["id"].as_str().unwrap(),
                metadata["probability"].as_str().unwrap(),
                metadata["isClosed"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(pairs[0], ("appointmentscheduled", "0.2", "false"));
    assert_eq!(pairs[5], ("closedwon", "1.0", "true"));
    assert_eq!(pairs[6], ("closedlost", "0.0", "true"));
    assert_eq!(
        account.get("/crm/pipelines/2026-03/deals/default/stages").body["results"].as_array().unwrap().len(),
        7
    );
}

#[test]
fn pipelines_and_stages_are_made_changed_and_deleted() {
    let mut account = Account::new();
    let stage = |label: &str, probability: &str| json!({"label": label, "displayOrder": 0, "metadata": {"probability": probability}});
    let body = json!({"label": "Renewals", "displayOrder": 1, "stages": [stage("Open", "0.5"), stage("Won", "1.0")]});
    let made = account.post(PIPELINES, body.clone());
    assert_eq!(made.status, 201);
    let id = made.body["id"].as_str().unwrap().to_owned();
    let open = made.body["stages"][0]["id"].as_str().unwrap().to_owned();
    assert!(open.parse::<u64>().is_ok(), "custom stage ids are numeric: {open}");
    assert_eq!(made.body["stages"][1]["metadata"]["isClosed"], "true");
    assert_eq!(account.post(PIPELINES, body).status, 400);
    assert_eq!(
        account.post(&format!("{PIPELINES}/{id}/stages"), json!({"label": "X", "metadata": {}})).status,
        400
    );
    let deal = account.make("deals", json!({"dealname": "A", "pipeline": id, "dealstage": open}));
    let used = account.delete(&format!("{PIPELINES}/{id}/stages/{open}"));
    assert_eq!((used.status, &used.body["subCategory"]), (400, &json!("PipelineError.STAGE_ID_IN_USE")));
    let changed = account.patch(
        &format!("{PIPELINES}/{id}/stages/{open}"),
        json!({"label": "Started", "metadata": {"probability": "0.6"}}),
    );
    assert_eq!(changed.body["metadata"]["probability"], "0.6");
    let other = account
        .patch(&format!("/crm/v3/objects/deals/{deal}"), json!({"properties": {"pipeline": "default"}}));
    assert_eq!(other.code(), "INVALID_OPTION");
    account.delete(&format!("/crm/v3/objects/deals/{deal}"));
    assert_eq!(account.delete(&format!("{PIPELINES}/{id}/stages/{open}")).status, 204);
    assert_eq!(account.patch(&format!("{PIPELINES}/{id}"), json!({"label": "R"})).body["label"], "R");
    assert_eq!(account.delete(&format!("{PIPELINES}/{id}")).status, 204);
    assert_eq!(account.get(&format!("{PIPELINES}/{id}")).status, 404);
}

#[test]
fn owners_page_and_deactivated_ones_have_no_user() {
    let mut account = Account::new();
    for name in ["ada", "bob", "eve"] {
        account.admin(json!({"do": "add_owner", "email": format!("{name}@x.io"), "firstName": name}));
    }
    let page = account.get("/crm/v3/owners/?limit=2");
    assert_eq!(page.ids().len(), 2);
    let after = page.body["paging"]["next"]["after"].as_str().unwrap().to_owned();
    let rest = account.get(&format!("/crm/v3/owners?limit=2&after={after}&archived=False"));
    assert_eq!(rest.body["results"][0]["email"], "eve@x.io");
    let owner = &rest.body["results"][0];
    let (id, user) = (owner["id"].as_str().unwrap().to_owned(), owner["userId"].as_u64().unwrap());
    assert_ne!(id, user.to_string());
    assert_eq!(account.get(&format!("/crm/v3/owners/{user}?idProperty=userId")).body["id"], id);
    assert_eq!(account.get("/crm/v3/owners/?email=bob@x.io").ids().len(), 1);
    let contact = account.make("contacts", json!({"hubspot_owner_id": id}));
    account.admin(json!({"do": "deactivate_owner", "email": "eve@x.io"}));
    let gone = account.get("/crm/v3/owners/?archived=true");
    assert_eq!(
        (&gone.body["results"][0]["id"], &gone.body["results"][0]["userId"]),
        (&json!(id), &Value::Null)
    );
    let refused = account.post("/crm/v3/objects/contacts", json!({"properties": {"hubspot_owner_id": id}}));
    assert_eq!(refused.code(), "INVALID_OPTION");
    assert_eq!(
        account.get(&format!("/crm/v3/objects/contacts/{contact}?properties=hubspot_owner_id")).body["properties"]
            ["hubspot_owner_id"],
        id
    );
    assert_eq!(account.get("/crm/v3/owners/?limit=501").status, 400);
}

#[test]
fn the_account_tells_its_currencies_and_usage() {
    let mut account = Account::new();
    let details = account.get("/account-info/v3/details");
    assert_eq!(details.body["companyCurrency"], "USD");
    assert!(details.body["portalId"].is_number());
    let usage = account.get("/account-info/v3/api-usage/daily/private-apps");
    assert_eq!(usage.body["results"][0]["usageLimit"], 625_000);
    assert_eq!(usage.body["results"][0]["currentUsage"], 2);
    assert_eq!(usage.body["results"][0]["resetsAt"], "2026-01-06T00:00:00Z");
}
