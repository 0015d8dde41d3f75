//! Seed files, the dump, and what administrators and people do.
#![cfg(feature = "sandbox")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::wildcard_enum_match_arm, reason = "a test")]

mod sandbox_support;

use sandbox_support::Account;
use serde_json::{Value, json};
use syncline_kit::sandbox::Sandbox;
use syncline_kit::sandbox::seed::SeedFiles;

/// The owners and stages of a real sales team's file, and rows in its manner.
const OWNERS: &str = "email,firstName,lastName\ncara.losch@example.com,Cara,Losch\n";
const PIPELINES: &str = "objectType,pipelineId,pipelineLabel,stageId,stageLabel,displayOrder,probability,isClosed\n\
    deals,default,Sales,prospecting,Prospecting,1,0.1,false\n\
    deals,default,Sales,closedwon,Closed Won,2,1.0,true\n\
    deals,default,Sales,closedlost,Closed Lost,3,0.0,true\n";
const COMPANIES: &str = "name,domain,parent.name,createdate\n\
    Sub,sub.example,Group,2024-02-01\n\
    Group,https://www.group.example/,,2024-01-01T10:00:00Z\n";
const CONTACTS: &str = "email,firstname,company.name\nADA@sub.example,Ada,Sub\n";
const DEALS: &str = "dealname,dealstage,amount,owner.email,company.name,contact.email\n\
    One,closedwon,5500.50,cara.losch@example.com,Sub,ada@sub.example\n";

fn files(pairs: &[(&str, &str)]) -> SeedFiles {
    let mut files = SeedFiles::default();
    for (name, content) in pairs {
        files.insert(name, content.as_bytes().to_vec());
    }
    files
}

fn all() -> [(&'static str, &'static str); 5] {
    [
        ("owners", OWNERS),
        ("pipelines", PIPELINES),
        ("companies", COMPANIES),
        ("contacts", CONTACTS),
        ("deals", DEALS),
    ]
}

fn refused(pairs: &[(&str, &str)]) -> String {
    let mut account = Account::new();
    account.hubspot.seed(&files(pairs), account.now).unwrap_err().to_string()
}

#[test]
fn a_seed_becomes_records_owners_stages_and_associations() {
    let mut account = Account::new();
    let loaded = account.hubspot.seed(&files(&all()), account.now).unwrap();
    assert_eq!(loaded.rows["companies"], 2);
    assert_eq!(loaded.rows["pipelines"], 3);
    let stages = account.get("/crm/v3/pipelines/deals/default");
    assert_eq!(
        (&stages.body["label"], stages.body["stages"].as_array().unwrap().len()),
        (&json!("Sales"), 3)
    );
    let found = account.search("contacts", json!({"query": "ada@sub.example"}));
    assert_eq!(found.body["total"], 1, "the index holds seed rows at once");
    let dump = account.dump();
    let deal = &dump["objects"]["deals"][0];
    assert_eq!(deal["properties"]["hs_is_closed_won"], "true");
    let owner = account.get("/crm/v3/owners/").body["results"][0]["id"].clone();
    assert_eq!(deal["properties"]["hubspot_owner_id"], owner);
    let group = &dump["objects"]["companies"][1];
    assert_eq!(
        (&group["properties"]["domain"], &group["createdAt"]),
        (&json!("group.example"), &json!("2024-01-01T10:00:00Z"))
    );
    let edges: Vec<(&str, &str, Vec<u64>)> = dump["associations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|edge| {
            let types =
                edge["types"].as_array().unwrap().iter().map(|one| one["typeId"].as_u64().unwrap()).collect();
            (edge["from"].as_str().unwrap(), edge["to"].as_str().unwrap(), types)
        })
        .collect();
    assert_eq!(
        edges,
        [
            ("contacts/1001", "companies/1001", vec![1, 279]),
            ("companies/1001", "companies/1002", vec![14, 450]),
            ("deals/1001", "contacts/1001", vec![3]),
            ("deals/1001", "companies/1001", vec![5, 341]),
        ]
    );
    let calls = account.calls();
    assert_eq!(calls["rows_written"], 0);
}

#[test]
fn a_bad_row_stops_the_load_with_file_and_line() {
    let with = |name: &str, content: &'static str| {
        let mut pairs = all().to_vec();
        for pair in pairs.iter_mut().filter(|pair| pair.0 == name) {
            pair.1 = content;
        }
        refused(&pairs)
    };
    assert_eq!(
        with("contacts", "email\nada@x.io\nbad@\n"),
        "contacts.csv line 3: Email address bad@ is invalid"
    );
    assert_eq!(
        with("contacts", "email\nada@x.io\nADA@x.io\n"),
        "contacts.csv line 3: Contact already exists. Existing ID: 1001"
    );
    assert_eq!(
        with("contacts", "nonsense\n1\n"),
        "contacts.csv line 1: Property \"nonsense\" does not exist"
    );
    assert_eq!(
        with("contacts", "email,company.name\na@x.io,Nobody\n"),
        "contacts.csv line 2: no company has name Nobody"
    );
    assert_eq!(
        with("contacts", "email,created_by.x\na@x.io,1\n"),
        "contacts.csv line 1: created_by.x refers to nothing known"
    );
    assert!(
        with("deals", "dealname,dealstage\nA,nowhere\n")
            .starts_with("deals.csv line 2: nowhere was not one of")
    );
    assert_eq!(
        with("deals", "dealname\nA\n"),
        "deals.csv line 2: Required properties were not set: dealstage"
    );
    assert!(with("contacts", "email,firstname\na@x.io\n").starts_with("contacts.csv line 2:"));
    assert_eq!(refused(&[("tickets", "subject\nA\n")]), "tickets.csv line 1: no object of that name");
    assert!(
        with("pipelines", "objectType,pipelineId,pipelineLabel,stageId,stageLabel,displayOrder,probability,isClosed\ndeals,p,P,s,S,1,0.5,true\n")
            .starts_with("pipelines.csv line 2: isClosed")
    );
}

#[test]
fn a_dump_can_be_one_object_or_lines() {
    let mut account = Account::new();
    account.hubspot.seed(&files(&all()), account.now).unwrap();
    let only = account.raw("GET", "/__sandbox/dump?object=deals", None, None).body;
    assert_eq!(only["objects"].as_object().unwrap().keys().collect::<Vec<_>>(), ["deals"]);
    assert_eq!(only["associations"].as_array().unwrap().len(), 2);
    let request = http::Request::get("/__sandbox/dump")
        .header("accept", "application/x-ndjson")
        .body(bytes::Bytes::new());
    let outcome = account.hubspot.handle(&request.unwrap(), account.now);
    let syncline_kit::sandbox::Outcome::Answer(response) = outcome else { panic!("no answer") };
    let lines: Vec<Value> = response
        .body()
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 1 + 4 + 4);
    assert_eq!((&lines[0]["vendor"], &lines[1]["object"]), (&json!("hubspot"), &json!("contacts")));
}

#[test]
fn hidden_and_read_only_properties_are_out_of_reach() {
    let mut account = Account::new();
    let id = account.make("contacts", json!({"phone": "1", "city": "Rome"}));
    let path = format!("/crm/v3/objects/contacts/{id}?properties=phone,city");
    account.admin(json!({"do": "hide_property", "object": "contacts", "property": "phone"}));
    assert_eq!(account.get("/crm/v3/properties/contacts/phone").status, 404);
    assert_eq!(account.get(&path).body["properties"].get("phone"), None);
    assert_eq!(account.patch(&path, json!({"properties": {"phone": "2"}})).code(), "PROPERTY_DOESNT_EXIST");
    account.admin(json!({"do": "show_property", "object": "contacts", "property": "phone"}));
    assert_eq!(account.get(&path).body["properties"]["phone"], "1");
    account.admin(json!({"do": "readonly_property", "object": "contacts", "property": "city"}));
    assert_eq!(account.patch(&path, json!({"properties": {"city": "Oslo"}})).code(), "READ_ONLY_VALUE");
    account
        .admin(json!({"do": "readonly_property", "object": "contacts", "property": "city", "value": false}));
    assert_eq!(account.patch(&path, json!({"properties": {"city": "Oslo"}})).status, 200);
}

#[test]
fn options_come_and_go() {
    let mut account = Account::new();
    let mut status =
        || account.post("/crm/v3/objects/contacts", json!({"properties": {"hs_lead_status": "WARM"}})).status;
    assert_eq!(status(), 400);
    account.admin(
        json!({"do": "add_option", "object": "contacts", "property": "hs_lead_status", "value": "WARM"}),
    );
    let mut status =
        || account.post("/crm/v3/objects/contacts", json!({"properties": {"hs_lead_status": "WARM"}})).status;
    assert_eq!(status(), 201);
    account.admin(
        json!({"do": "remove_option", "object": "contacts", "property": "hs_lead_status", "value": "WARM"}),
    );
    assert_eq!(
        account.post("/crm/v3/objects/contacts", json!({"properties": {"hs_lead_status": "WARM"}})).status,
        400
    );
}

#[test]
fn a_hidden_record_is_seen_nowhere() {
    let mut account = Account::new();
    let id = account.make("contacts", json!({"email": "a@x.io"}));
    account.admin(json!({"do": "hide_record", "object": "contacts", "id": id}));
    assert_eq!(account.get(&format!("/crm/v3/objects/contacts/{id}")).status, 404);
    assert!(account.get("/crm/v3/objects/contacts").ids().is_empty());
    assert_eq!(account.search("contacts", json!({})).body["total"], 0);
    account.admin(json!({"do": "show_record", "object": "contacts", "id": id}));
    assert_eq!(account.search("contacts", json!({})).body["total"], 1);
}

#[test]
fn what_a_person_does_is_neither_a_call_nor_a_row_written() {
    let mut account = Account::new();
    let made = account.admin(
        json!({"do": "create", "object": "deals", "properties": {"dealname": "A", "dealstage": "closedwon"}}),
    );
    let id = made["id"].as_str().unwrap().to_owned();
    account.pass_ms(1_000);
    account.admin(json!({"do": "edit", "object": "deals", "id": id, "properties": {"dealname": "B"}}));
    let company = account.admin(json!({"do": "create", "object": "companies", "properties": {"name": "C"}}))
        ["id"]
        .clone();
    let company = company.as_str().unwrap().to_owned();
    let ends = json!({"from": format!("deals/{id}"), "to": format!("companies/{company}")});
    let mut tie = ends.clone();
    tie["do"] = json!("associate");
    account.admin(tie);
    let calls = account.calls();
    assert_eq!(
        (&calls["calls"], &calls["rows_written"], &calls["rows_noop"]),
        (&json!(0), &json!(0), &json!(0))
    );
    assert_eq!(account.types(("deals", &id), ("companies", &company)), [5, 341]);
    let mut untie = ends;
    untie["do"] = json!("dissociate");
    account.admin(untie);
    assert!(account.types(("deals", &id), ("companies", &company)).is_empty());
    let read = account.get(&format!("/crm/v3/objects/deals/{id}?propertiesWithHistory=dealname"));
    assert_eq!(read.body["updatedAt"], "2026-01-05T09:00:01Z");
    assert_eq!(read.body["propertiesWithHistory"]["dealname"][0]["sourceType"], "CRM_UI");
    account.admin(json!({"do": "archive", "object": "deals", "id": id}));
    assert_eq!(account.get(&format!("/crm/v3/objects/deals/{id}")).status, 404);
    account.admin(json!({"do": "restore", "object": "deals", "id": id}));
    assert_eq!(account.get(&format!("/crm/v3/objects/deals/{id}")).status, 200);
    let other =
        account.admin(json!({"do": "create", "object": "companies", "properties": {"name": "D"}}))["id"]
            .clone();
    let merged = account.admin(json!({"do": "merge", "object": "companies", "id": company, "merge": other}));
    assert_eq!(account.get(&format!("/crm/v3/objects/companies/{company}")).body["id"], merged["id"]);
    let bad = json!({"do": "edit", "object": "deals", "id": id, "properties": {"dealstage": "nowhere"}})
        .to_string();
    assert_eq!(account.raw("POST", "/__sandbox/admin", Some(&bad), None).status, 400);
}

#[test]
fn a_refreshed_portal_has_another_id() {
    let mut account = Account::new();
    let before = account.get("/account-info/v3/details").body["portalId"].clone();
    account.admin(json!({"do": "refresh_portal"}));
    assert_ne!(account.get("/account-info/v3/details").body["portalId"], before);
}

#[test]
fn an_archived_owner_of_a_unique_value_cannot_come_back_over_another() {
    let mut account = Account::new();
    let first = account.make("contacts", json!({"email": "a@x.io"}));
    account.delete(&format!("/crm/v3/objects/contacts/{first}"));
    account.make("contacts", json!({"email": "a@x.io"}));
    let restore = json!({"do": "restore", "object": "contacts", "id": first}).to_string();
    assert_eq!(account.raw("POST", "/__sandbox/admin", Some(&restore), None).status, 400);
}

#[test]
fn an_unknown_knob_limit_or_object_is_named() {
    let mut account = Account::new();
    for (body, reason) in [
        (json!({"do": "set_knob", "name": "speed", "value": 1}), "no knob speed"),
        (json!({"do": "set_limit", "name": "speed", "value": 1}), "no limit speed"),
        (json!({"do": "hide_property", "object": "tickets", "property": "x"}), "no object tickets"),
        (json!({"do": "hide_property", "object": "deals", "property": "x"}), "deals have no property x"),
    ] {
        let answer = account.raw("POST", "/__sandbox/admin", Some(&body.to_string()), None);
        assert_eq!((answer.status, &answer.body["error"]), (400, &json!(reason)));
    }
}
