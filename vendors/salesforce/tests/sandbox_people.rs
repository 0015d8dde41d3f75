//! What people and administrators do: conversion, merge, deletion, duplicate rules, access.
#![cfg(feature = "sandbox")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::wildcard_enum_match_arm, clippy::print_stdout)]

mod sandbox_support;
use sandbox_support::{Org, org};
use serde_json::{Value, json};

#[test]
fn conversion_creates_three_records_and_freezes_the_lead() {
    let mut org = org();
    let lead = org.create(
        "Lead",
        json!({"LastName": "Doe", "FirstName": "Jo", "Company": "Acme", "Email": "jo@x.co", "City": "Oslo", "Industry": "Banking",
               "LeadSource": "Web", "DoNotCall": true, "Phone": "1", "Description": "d"}),
    );
    org.pass(60);
    let made = org.admin(json!({"do": "convert_lead", "lead": lead}));
    let get = |name: &str| made[name].as_str().unwrap().to_owned();
    let account = org.row("Account", &get("account"));
    assert_eq!(
        (&account["Name"], &account["BillingCity"], &account["Industry"]),
        (&json!("Acme"), &json!("Oslo"), &json!("Banking"))
    );
    assert_eq!((&account["Phone"], &account["AccountSource"]), (&json!("1"), &Value::Null));
    let contact = org.row("Contact", &get("contact"));
    assert_eq!(
        (&contact["Name"], &contact["MailingCity"], &contact["DoNotCall"]),
        (&json!("Jo Doe"), &json!("Oslo"), &json!(true))
    );
    assert_eq!(contact["AccountId"], made["account"]);
    let opportunity = org.row("Opportunity", &get("opportunity"));
    assert_eq!((&opportunity["Name"], &opportunity["StageName"]), (&json!("Acme"), &json!("Prospecting")));
    assert_eq!((&opportunity["CloseDate"], &opportunity["Amount"]), (&json!("2026-06-30"), &Value::Null));
    assert_eq!(
        (&opportunity["LeadSource"], &opportunity["Probability"].to_string()),
        (&json!("Web"), &"10.0".to_owned())
    );
    let role = org.query("SELECT ContactId, IsPrimary, Role FROM OpportunityContactRole");
    assert_eq!(
        (&role.records()[0]["ContactId"], &role.records()[0]["Role"]),
        (&made["contact"], &Value::Null)
    );
    let row = org.row("Lead", &lead);
    assert_eq!((&row["IsConverted"], &row["Status"]), (&json!(true), &json!("Closed - Converted")));
    assert_eq!((&row["ConvertedDate"], &row["ConvertedAccountId"]), (&json!("2026-05-04"), &made["account"]));
    assert_eq!(row["SystemModstamp"], "2026-05-04T12:01:00.000+0000");
    let answer = org.patch(&format!("/sobjects/Lead/{lead}"), json!({"Title": "x"}));
    assert_eq!((answer.status, answer.code()), (400, "CANNOT_UPDATE_CONVERTED_LEAD"));
    assert_eq!(answer.message(), "cannot reference converted lead");
    let again = org.post("/__sandbox/admin", json!({"do": "convert_lead", "lead": lead}));
    assert_eq!(again.status, 400);
    org.admin(json!({"do": "set_knob", "knob": "edit_converted_leads", "value": true}));
    assert_eq!(org.patch(&format!("/sobjects/Lead/{lead}"), json!({"Title": "x"})).status, 204);
}

#[test]
fn conversion_into_existing_records_fills_only_blanks() {
    let mut org = org();
    let account = org.create("Account", json!({"Name": "Old", "Phone": "9"}));
    let contact = org.create(
        "Contact",
        json!({"LastName": "Old", "AccountId": account, "Email": "old@x.co", "LeadSource": "Other"}),
    );
    let lead = org.create(
        "Lead",
        json!({"LastName": "New", "Company": "New", "Email": "new@x.co", "Title": "Dr", "Phone": "1",
                          "LeadSource": "Web", "HasOptedOutOfEmail": true}),
    );
    let made = org.admin(json!({"do": "convert_lead", "lead": lead, "account": account, "contact": contact, "no_opportunity": true}));
    assert_eq!((&made["account"], &made["opportunity"]), (&json!(account), &Value::Null));
    let row = org.row("Contact", &contact);
    assert_eq!(
        (&row["LastName"], &row["Email"], &row["Title"]),
        (&json!("Old"), &json!("old@x.co"), &json!("Dr"))
    );
    assert_eq!(
        (&row["HasOptedOutOfEmail"], &row["LeadSource"]),
        (&json!(false), &json!("Other")),
        "opt-outs are not applied"
    );
    assert_eq!(org.row("Account", &account)["Phone"], "9");
    let second = org.create("Lead", json!({"LastName": "N", "Company": "N", "LeadSource": "Web"}));
    org.admin(json!({"do": "convert_lead", "lead": second, "account": account, "contact": contact, "no_opportunity": true, "overwrite_lead_source": true}));
    assert_eq!(org.row("Contact", &contact)["LeadSource"], "Web");
}

#[test]
fn conversion_is_refused_for_wrong_status_contact_or_queue() {
    let mut org = org();
    let queue = org
        .admin(json!({"do": "create", "object": "Group", "fields": {"Name": "Q", "Type": "Queue"}}))["id"]
        .clone();
    let lead = org.create("Lead", json!({"LastName": "x", "Company": "y", "OwnerId": queue}));
    let contact = org.create("Contact", json!({"LastName": "c"}));
    let mut refused = |command: Value| {
        let answer = org.post("/__sandbox/admin", command);
        assert_eq!(answer.status, 400, "{}", answer.text);
        answer.body["error"].as_str().unwrap().to_owned()
    };
    assert!(refused(json!({"do": "convert_lead", "lead": lead})).contains("needs an ownerId"));
    assert!(
        refused(json!({"do": "convert_lead", "lead": lead, "status": "Working - Contacted"}))
            .starts_with("INVALID_STATUS")
    );
    assert!(
        refused(json!({"do": "convert_lead", "lead": contact})).starts_with("INVALID_CROSS_REFERENCE_KEY")
    );
    let user = org.column("SELECT Id FROM User WHERE LastName = 'Admin'", "Id")[0].clone();
    let answer = org.post(
        "/__sandbox/admin",
        json!({"do": "convert_lead", "lead": lead, "contact": contact, "owner": user}),
    );
    assert!(answer.text.contains("does not belong to the account"), "{}", answer.text);
    assert_eq!(org.query("SELECT Id FROM Account").body["totalSize"], 0, "a refused command leaves nothing");
}

#[test]
fn merge_moves_children_and_leaves_a_pointer() {
    let mut org = org();
    let (master, loser) = (
        org.create("Account", json!({"Name": "M"})),
        org.create("Account", json!({"Name": "L", "Phone": "1"})),
    );
    let contact = org.create("Contact", json!({"LastName": "c", "AccountId": loser}));
    let child = org.create("Account", json!({"Name": "child", "ParentId": loser}));
    org.patch(&format!("/sobjects/Account/{master}"), json!({"ParentId": loser}));
    org.pass(60);
    org.admin(json!({"do": "merge", "master": master, "losers": [loser], "fields": {"Phone": "2"}}));
    assert_eq!(org.row("Account", &master)["Phone"], "2");
    assert_eq!(org.row("Account", &master)["ParentId"], Value::Null, "no cycle");
    assert_eq!(org.row("Contact", &contact)["AccountId"], master.as_str());
    assert_eq!(org.row("Contact", &contact)["SystemModstamp"], "2026-05-04T12:01:00.000+0000");
    assert_eq!(org.row("Account", &child)["ParentId"], master.as_str());
    let lost = org.query_all("SELECT Id, MasterRecordId FROM Account WHERE IsDeleted = true AND MasterRecordId != null AND SystemModstamp > 2026-05-04T12:00:30Z");
    assert_eq!(
        (&lost.records()[0]["Id"], &lost.records()[0]["MasterRecordId"]),
        (&json!(loser), &json!(master))
    );
    let answer = org.post("/__sandbox/admin", json!({"do": "merge", "master": master, "losers": [contact]}));
    assert!(answer.text.contains("INVALID_CROSS_REFERENCE_KEY"));
    assert_eq!(
        org.post("/__sandbox/admin", json!({"do": "merge", "master": master, "losers": [master]})).status,
        400
    );
}

#[test]
fn deletion_cascades_and_undeletion_brings_the_family_back() {
    let mut org = org();
    let account = org.create("Account", json!({"Name": "a"}));
    let child = org.create("Account", json!({"Name": "child", "ParentId": account}));
    let contact = org.create("Contact", json!({"LastName": "c", "AccountId": account}));
    let opportunity = org.create(
        "Opportunity",
        json!({"Name": "o", "StageName": "Prospecting", "CloseDate": "2026-01-31", "AccountId": account}),
    );
    org.create("OpportunityContactRole", json!({"OpportunityId": opportunity, "ContactId": contact}));
    let before = org.calls()["rows_written"].as_i64().unwrap();
    org.pass(5);
    assert_eq!(org.delete(&format!("/sobjects/Account/{account}")).status, 204);
    assert_eq!(org.calls()["rows_written"], before + 1);
    for (object, left) in [("Contact", 0), ("Opportunity", 0), ("OpportunityContactRole", 0), ("Account", 1)]
    {
        assert_eq!(org.query(&format!("SELECT Id FROM {object}")).body["totalSize"], left, "{object}");
    }
    assert_eq!(org.row("Account", &child)["ParentId"], Value::Null);
    assert_eq!(
        org.row("Account", &child)["LastModifiedDate"],
        "2026-05-04T12:00:00.000+0000",
        "not a user's change"
    );
    assert_eq!(org.row("Account", &child)["SystemModstamp"], "2026-05-04T12:00:05.000+0000");
    org.admin(json!({"do": "undelete", "id": account}));
    for object in ["Contact", "Opportunity", "OpportunityContactRole"] {
        assert_eq!(org.query(&format!("SELECT Id FROM {object}")).body["totalSize"], 1, "{object}");
    }
    assert_eq!(org.post("/__sandbox/admin", json!({"do": "undelete", "id": account})).status, 400);
    let user = org.column("SELECT Id FROM User LIMIT 1", "Id")[0].as_str().unwrap().to_owned();
    assert_eq!(org.delete(&format!("/sobjects/User/{user}")).code(), "CANNOT_DELETE");
    org.admin(json!({"do": "delete", "id": contact}));
    org.admin(json!({"do": "purge", "id": contact}));
    assert_eq!(org.query_all(&format!("SELECT Id FROM Contact WHERE Id = '{contact}'")).body["totalSize"], 0);
    let log = org.get("/sobjects/Contact/deleted?start=2026-05-04T11:00:00Z&end=2026-05-04T13:00:00Z");
    assert_eq!(log.body["deletedRecords"][0]["id"], contact.as_str(), "the log outlives the bin");
}

#[test]
fn duplicate_rules_alert_or_block_and_name_candidates_in_single_calls_only() {
    let mut org = org();
    let twin = org.create("Lead", json!({"LastName": "a", "Company": "x", "Email": "t@x.co"}));
    org.admin(json!({"do": "duplicate_rule", "object": "Lead", "fields": ["Email"], "action": "alert", "name": "R"}));
    let fields = json!({"LastName": "b", "Company": "y", "Email": "T@x.co"});
    let answer = org.post("/sobjects/Lead", fields.clone());
    assert_eq!(
        (answer.status, answer.code(), answer.message()),
        (400, "DUPLICATES_DETECTED", "Use one of these records?")
    );
    let result = &answer.body[0]["duplicateResut"];
    assert_eq!((&result["allowSave"], &result["duplicateRule"]), (&json!(true), &json!("R")));
    assert_eq!(result["matchResults"][0]["matchRecords"][0]["record"]["Id"], twin.as_str());
    let row = json!({"attributes": {"type": "Lead"}, "LastName": "b", "Company": "y", "Email": "t@x.co"});
    let many = org.post("/composite/sobjects", json!({"records": [row]}));
    assert_eq!(
        many.body[0]["errors"],
        json!([{"statusCode": "DUPLICATES_DETECTED", "message": "Use one of these records?", "fields": []}])
    );
    let allow = |org: &mut Org| org.post("/sobjects/Lead", fields.clone());
    assert_eq!(
        org.with("sforce-duplicate-rule-header", "allowSave=true; includeRecordDetails=true", allow).status,
        201
    );
    org.admin(json!({"do": "duplicate_rule", "object": "Lead", "fields": ["Email"], "action": "block", "name": "R"}));
    let answer = org.with("sforce-duplicate-rule-header", "allowSave=true", allow);
    assert_eq!(answer.body[0]["duplicateResut"]["allowSave"], false);
    assert_eq!(
        org.patch(&format!("/sobjects/Lead/{twin}"), json!({"Title": "x"})).status,
        204,
        "the matched fields did not move"
    );
    org.admin(json!({"do": "duplicate_rule", "object": "Contact", "fields": ["Email"], "match_object": "Lead", "action": "alert"}));
    assert_eq!(
        org.post("/sobjects/Contact", json!({"LastName": "c", "Email": "t@x.co"})).code(),
        "DUPLICATES_DETECTED",
        "across objects"
    );
    org.admin(json!({"do": "duplicate_rule", "object": "Lead", "action": "off", "name": "R"}));
    assert_eq!(allow(&mut org).status, 201);
}

#[test]
fn assignment_rules_apply_unless_the_header_says_no() {
    let mut org = org();
    let owner = org.column("SELECT Id FROM User WHERE LastName = 'Admin'", "Id")[0].clone();
    org.admin(json!({"do": "assignment_rule", "object": "Lead", "owner": owner, "field": "Rating", "equals": "Hot"}));
    let create =
        |org: &mut Org| org.create("Lead", json!({"LastName": "x", "Company": "y", "Rating": "Hot"}));
    let lead = create(&mut org);
    assert_eq!(org.row("Lead", &lead)["OwnerId"], owner);
    let cold = org.create("Lead", json!({"LastName": "x", "Company": "y"}));
    assert_ne!(org.row("Lead", &cold)["OwnerId"], owner);
    let answer = org.with("sforce-auto-assign", "FALSE", |org| {
        org.post("/sobjects/Lead", json!({"LastName": "x", "Company": "y", "Rating": "Hot"}))
    });
    assert_ne!(org.row("Lead", &answer.id())["OwnerId"], owner);
}

#[test]
fn access_of_the_api_user_is_the_administrators_choice() {
    let mut org = org();
    let id = org.create("Account", json!({"Name": "secret", "Phone": "1"}));
    org.admin(json!({"do": "hide_field", "object": "Account", "field": "Phone"}));
    assert!(org.row("Account", &id).get("Phone").is_none());
    assert_eq!(org.post("/sobjects/Account", json!({"Name": "x", "Phone": "1"})).code(), "INVALID_FIELD");
    org.admin(json!({"do": "edit", "id": id, "fields": {"Phone": "2"}}));
    org.admin(json!({"do": "show_field", "object": "Account", "field": "Phone"}));
    assert_eq!(org.row("Account", &id)["Phone"], "2", "a person is not the API user");
    assert_ne!(org.row("Account", &id)["LastModifiedById"], org.row("Account", &id)["CreatedById"]);
    org.admin(json!({"do": "hide_record", "id": id}));
    assert_eq!(org.get(&format!("/sobjects/Account/{id}")).code(), "NOT_FOUND");
    assert_eq!(org.patch(&format!("/sobjects/Account/{id}"), json!({"Phone": "3"})).code(), "NOT_FOUND");
    assert_eq!(org.query_all("SELECT Id FROM Account").body["totalSize"], 0);
    let answer = org.post("/sobjects/Contact", json!({"LastName": "x", "AccountId": id}));
    assert_eq!(answer.code(), "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY");
    org.admin(json!({"do": "show_record", "id": id}));
    org.admin(json!({"do": "validation_rule", "object": "Account", "field": "AnnualRevenue", "operator": ">", "value": 100, "message": "too rich", "at": "AnnualRevenue"}));
    let answer = org.post("/sobjects/Account", json!({"Name": "x", "AnnualRevenue": 100.5}));
    assert_eq!((answer.code(), answer.message()), ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "too rich"));
    assert_eq!(answer.body[0]["fields"], json!(["AnnualRevenue"]));
    org.create("Account", json!({"Name": "x", "AnnualRevenue": 100}));
    let user = org.admin(json!({"do": "create", "object": "User", "fields": {"LastName": "u", "Email": "u@x.co", "Username": "u@x.co"}}))["id"].clone();
    org.admin(json!({"do": "deactivate_user", "user": "u@x.co"}));
    let answer = org.patch(&format!("/sobjects/Account/{id}"), json!({"OwnerId": user}));
    assert_eq!(answer.code(), "INACTIVE_OWNER_OR_USER");
    for unknown in
        [json!({"do": "nonsense"}), json!({"do": "hide_field", "object": "Foo", "field": "x"}), json!([])]
    {
        assert_eq!(org.post("/__sandbox/admin", unknown).status, 400);
    }
}
