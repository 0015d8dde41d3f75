//! Saving rows through the API: what is refused, and what a save changes.
#![cfg(feature = "sandbox")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::wildcard_enum_match_arm, clippy::print_stdout)]

mod sandbox_support;
use sandbox_support::{Answer, org};
use serde_json::{Value, json};

fn refused(answer: &Answer, status: u16, code: &str, message: &str) {
    assert_eq!((answer.status, answer.code(), answer.message()), (status, code, message), "{}", answer.text);
}

#[test]
fn a_row_is_created_read_changed_and_deleted() {
    let mut org = org();
    let created =
        org.post("/sobjects/Account", json!({"Name": "  Acme ", "AnnualRevenue": 12.5, "Phone": ""}));
    let id = created.id();
    assert_eq!(created.header("location"), format!("/services/data/v59.0/sobjects/Account/{id}"));
    assert_eq!(created.header("content-type"), "application/json;charset=UTF-8");
    let row = org.row("Account", &id);
    assert_eq!((&row["Name"], &row["Phone"]), (&json!("Acme"), &Value::Null), "trimmed, and empty is null");
    assert_eq!(row["AnnualRevenue"].to_string(), "12.5");
    assert_eq!(row["OwnerId"], org.sandbox_user());
    let changed = org.patch(&format!("/sobjects/Account/{id}"), json!({"Phone": "1"}));
    assert_eq!((changed.status, changed.text.as_str()), (204, ""));
    let deleted = org.delete(&format!("/sobjects/Account/{id}"));
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
    let gone = org.get(&format!("/sobjects/Account/{id}"));
    refused(&gone, 404, "ENTITY_IS_DELETED", "entity is deleted");
    assert_eq!(gone.body[0]["fields"], json!([]));
}

trait User {
    fn sandbox_user(&self) -> Value;
}
impl User for sandbox_support::Org {
    fn sandbox_user(&self) -> Value {
        use syncline_kit::sandbox::Sandbox as _;
        self.sandbox.credentials()["user_id"].clone()
    }
}

#[test]
fn only_existing_writable_fields_may_be_written() {
    let mut org = org();
    let answer = org.post("/sobjects/Lead", json!({"LastName": "x", "Company": "y", "Foo": 1}));
    refused(&answer, 400, "INVALID_FIELD", "No such column 'Foo' on sobject of type Lead");
    let answer =
        org.post("/sobjects/Lead", json!({"LastName": "x", "Company": "y", "ConvertedOpportunityId": null}));
    refused(
        &answer,
        400,
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        "Unable to create/update fields: ConvertedOpportunityId. Please check the security settings of this field and \
         verify that it is read/write for your profile or permission set.",
    );
    let opportunity = org
        .create("Opportunity", json!({"Name": "o", "StageName": "Prospecting", "CloseDate": "2026-01-31"}));
    let answer = org.patch(&format!("/sobjects/Opportunity/{opportunity}"), json!({"ContactId": null}));
    assert_eq!(answer.code(), "INVALID_FIELD_FOR_INSERT_UPDATE", "create only");
}

#[test]
fn required_fields_are_checked_on_create_and_on_update() {
    let mut org = org();
    let answer = org.post("/sobjects/Opportunity", json!({"Name": " "}));
    refused(
        &answer,
        400,
        "REQUIRED_FIELD_MISSING",
        "Required fields are missing: [Name, StageName, CloseDate]",
    );
    assert_eq!(answer.body[0]["fields"], json!(["Name", "StageName", "CloseDate"]));
    let id = org.create("Contact", json!({"LastName": "x"}));
    let answer = org.patch(&format!("/sobjects/Contact/{id}"), json!({"LastName": ""}));
    refused(&answer, 400, "REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]");
}

#[test]
fn values_must_fit_their_field() {
    let mut org = org();
    let mut post = |fields: Value| org.post("/sobjects/Contact", fields);
    let answer = post(json!({"LastName": "x", "MailingCity": "y".repeat(41)}));
    let text = format!("Mailing City: data value too large: {} (max length=40)", "y".repeat(41));
    refused(&answer, 400, "STRING_TOO_LONG", &text);
    assert_eq!(answer.body[0]["fields"], json!(["MailingCity"]));
    assert_eq!(
        post(json!({"LastName": "x", "MailingCity": "ü".repeat(40)})).status,
        201,
        "characters, not bytes"
    );
    refused(
        &post(json!({"LastName": "x", "Email": "a@b"})),
        400,
        "INVALID_EMAIL_ADDRESS",
        "Email: invalid email address: a@b",
    );
    assert_eq!(post(json!({"LastName": "x", "DoNotCall": null})).code(), "INVALID_TYPE_ON_FIELD_IN_RECORD");
    assert_eq!(post(json!({"LastName": "x", "DoNotCall": "maybe"})).code(), "JSON_PARSER_ERROR");
    assert_eq!(post(json!({"LastName": 5})).code(), "JSON_PARSER_ERROR");
    assert_eq!(post(json!({"LastName": ["x"]})).code(), "JSON_PARSER_ERROR");
    assert_eq!(post(json!({"LastName": "x", "Birthdate": "2023-02-29"})).code(), "JSON_PARSER_ERROR");
    let answer = org.post("/sobjects/Account", json!({"Name": "x", "NumberOfEmployees": 3_000_000_000u64}));
    assert_eq!(answer.code(), "NUMBER_OUTSIDE_VALID_RANGE");
}

#[test]
fn references_must_name_a_live_row_of_the_right_object() {
    let mut org = org();
    let account = org.create("Account", json!({"Name": "a"}));
    let contact = org.create("Contact", json!({"LastName": "c", "AccountId": account[..15].to_owned()}));
    assert_eq!(org.row("Contact", &contact)["AccountId"], account.as_str(), "15 characters are accepted");
    let answer = org.post("/sobjects/Contact", json!({"LastName": "x", "AccountId": contact}));
    refused(&answer, 400, "MALFORMED_ID", &format!("Account ID: id value of incorrect type: {contact}"));
    let answer = org.post("/sobjects/Contact", json!({"LastName": "x", "AccountId": "short"}));
    assert_eq!(answer.code(), "MALFORMED_ID");
    org.delete(&format!("/sobjects/Account/{account}"));
    let answer = org.post("/sobjects/Contact", json!({"LastName": "x", "AccountId": account}));
    refused(&answer, 400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id");
    let twice = org.create("Account", json!({"Name": "b"}));
    let answer = org.patch(&format!("/sobjects/Account/{twice}"), json!({"ParentId": twice}));
    assert_eq!(answer.code(), "CIRCULAR_DEPENDENCY");
}

#[test]
fn custom_unique_fields_refuse_twins_whatever_the_case() {
    let mut org = org();
    org.admin(json!({"do": "add_field", "object": "Contact", "name": "Key__c", "external_id": true, "unique": true}));
    let first = org.create("Contact", json!({"LastName": "x", "Key__c": "k1"}));
    let answer = org.post("/sobjects/Contact", json!({"LastName": "y", "Key__c": "K1"}));
    let text = format!("duplicate value found: Key__c duplicates value on record with id: {}", &first[..15]);
    refused(&answer, 400, "DUPLICATE_VALUE", &text);
    org.delete(&format!("/sobjects/Contact/{first}"));
    org.create("Contact", json!({"LastName": "y", "Key__c": "K1"}));
}

#[test]
fn picklists_take_anything_until_an_administrator_restricts_them() {
    let mut org = org();
    let id = org.create("Lead", json!({"LastName": "x", "Company": "y", "Rating": "Tepid"}));
    org.admin(json!({"do": "restrict_picklist", "object": "Lead", "field": "Rating"}));
    let answer = org.patch(&format!("/sobjects/Lead/{id}"), json!({"Rating": "Icy"}));
    refused(
        &answer,
        400,
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        "Rating: bad value for restricted picklist field: Icy",
    );
    assert_eq!(
        org.patch(&format!("/sobjects/Lead/{id}"), json!({"Title": "z"})).status,
        204,
        "a stored stray value stays"
    );
    org.admin(json!({"do": "remove_option", "object": "Lead", "field": "Rating", "value": "Hot"}));
    assert_eq!(org.patch(&format!("/sobjects/Lead/{id}"), json!({"Rating": "Hot"})).status, 400);
    assert_eq!(org.patch(&format!("/sobjects/Lead/{id}"), json!({"Rating": "warm"})).status, 204);
}

#[test]
fn a_no_change_update_moves_the_stamp_unless_the_knob_says_no() {
    let mut org = org();
    let id = org.create("Contact", json!({"LastName": "x"}));
    let path = format!("/sobjects/Contact/{id}");
    org.pass(10);
    org.patch(&path, json!({"LastName": "x"}));
    assert_eq!(org.row("Contact", &id)["SystemModstamp"], "2026-05-04T12:00:10.000+0000");
    org.admin(json!({"do": "set_knob", "knob": "noop_moves_stamp", "value": false}));
    org.pass(10);
    org.patch(&path, json!({"LastName": "x"}));
    assert_eq!(org.row("Contact", &id)["SystemModstamp"], "2026-05-04T12:00:10.000+0000");
    org.patch(&path, json!({"LastName": "y"}));
    assert_eq!(org.row("Contact", &id)["SystemModstamp"], "2026-05-04T12:00:20.000+0000");
    assert_eq!(org.calls()["rows_noop"], 2);
    assert_eq!(org.calls()["rows_written"], 2);
}

#[test]
fn upsert_by_external_id_answers_201_200_204_and_300() {
    let mut org = org();
    org.admin(json!({"do": "add_field", "object": "Lead", "name": "Ext__c", "external_id": true}));
    let fields = json!({"LastName": "x", "Company": "y"});
    let path = "/sobjects/Lead/Ext__c/a%2Fb";
    let first = org.patch(path, fields.clone());
    assert_eq!((first.status, &first.body["created"]), (201, &json!(true)));
    let second = org.patch("/sobjects/Lead/Ext__c/a/b", fields.clone());
    assert_eq!(
        (second.status, &second.body["created"], &second.body["id"]),
        (200, &json!(false), &first.body["id"])
    );
    assert_eq!(org.patch("/services/data/v45.0/sobjects/Lead/Ext__c/a%2Fb", fields.clone()).status, 204);
    assert_eq!(org.get(path).body["LastName"], "x");
    org.create("Lead", json!({"LastName": "x", "Company": "y", "Ext__c": "A/B"}));
    let many = org.patch(path, fields.clone());
    assert_eq!((many.status, many.body.as_array().unwrap().len()), (300, 2));
    assert!(many.body[0].as_str().unwrap().starts_with("/services/data/v59.0/sobjects/Lead/00Q"));
    let answer = org.patch("/sobjects/Lead/Title/x", fields);
    refused(
        &answer,
        404,
        "NOT_FOUND",
        "Provided external ID field does not exist or is not accessible: Title",
    );
    let answer =
        org.patch("/sobjects/Lead/Ext__c/q", json!({"LastName": "x", "Company": "y", "Ext__c": "q"}));
    refused(&answer, 400, "INVALID_FIELD", "The Ext__c field should not be specified in the sobject data.");
}

#[test]
fn collections_answer_by_row_and_all_or_none_takes_everything_back() {
    let mut org = org();
    let rows = json!([{"attributes": {"type": "Account"}, "Name": "a"}, {"attributes": {"type": "Account"}},
                      {"attributes": {"type": "Contact"}, "LastName": "c"}]);
    let answer = org.post("/composite/sobjects", json!({"records": rows}));
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.body[1],
        json!({"success": false, "errors": [{"statusCode": "REQUIRED_FIELD_MISSING",
               "message": "Required fields are missing: [Name]", "fields": ["Name"]}]})
    );
    assert_eq!(answer.body[2]["success"], true);
    let before = org.calls();
    let answer = org.post("/composite/sobjects", json!({"allOrNone": true, "records": rows}));
    let codes: Vec<_> = (0..3).map(|i| answer.body[i]["errors"][0]["statusCode"].clone()).collect();
    let rolled = "ALL_OR_NONE_OPERATION_ROLLED_BACK";
    assert_eq!(codes, [json!(rolled), json!("REQUIRED_FIELD_MISSING"), json!(rolled)]);
    assert_eq!(org.query("SELECT COUNT() FROM Account").body["totalSize"], 1);
    assert_eq!(org.calls()["rows_written"], before["rows_written"]);
    org.admin(json!({"do": "add_field", "object": "Account", "name": "Key__c", "external_id": true}));
    let rows = json!([{"attributes": {"type": "Account"}, "Key__c": "1", "Name": "a"},
                      {"attributes": {"type": "Account"}, "Key__c": "2", "Name": "b", "OwnerId": "x"}]);
    let answer = org.patch("/composite/sobjects/Account/Key__c", json!({"allOrNone": true, "records": rows}));
    assert_eq!(answer.body[0]["errors"][0]["statusCode"], rolled);
    assert_eq!(
        (&answer.body[0]["created"], &answer.body[1]["created"]),
        (&json!(true), &json!(true)),
        "would have been"
    );
    let bad = org.post(
        "/composite/sobjects",
        json!({"records": [{"attributes": {"type": "Account"}, "Name": "z"},
                       {"attributes": {"type": "Account"}, "Foo": 1}]}),
    );
    refused(&bad, 400, "INVALID_FIELD", "No such column 'Foo' on sobject of type Account");
    assert_eq!(
        org.query("SELECT COUNT() FROM Account").body["totalSize"],
        1,
        "a malformed row refuses the request"
    );
}

#[test]
fn conditional_writes_guard_against_lost_updates() {
    let mut org = org();
    let id = org.create("Account", json!({"Name": "a"}));
    let path = format!("/sobjects/Account/{id}");
    let seen = org.get(&path).header("last-modified").to_owned();
    assert_eq!(seen, "Mon, 04 May 2026 12:00:00 GMT");
    let write = |org: &mut sandbox_support::Org| org.patch(&path, json!({"Phone": "1"}));
    assert_eq!(org.with("if-unmodified-since", &seen, write).status, 204);
    org.pass(1);
    write(&mut org);
    let answer = org.with("if-unmodified-since", &seen, write);
    assert_eq!((answer.status, answer.code()), (412, "PRECONDITION_FAILED"));
    let read = |org: &mut sandbox_support::Org| org.get(&path);
    assert_eq!(org.with("if-modified-since", "Mon, 04 May 2026 12:00:01 GMT", read).status, 304);
    assert_eq!(org.with("if-modified-since", &seen, read).status, 200);
    assert_eq!(org.with("if-unmodified-since", "tomorrow", write).code(), "INVALID_HEADER");
}

#[test]
fn prices_need_a_standard_price_first_and_one_entry_a_book() {
    let mut org = org();
    let product = org.create("Product2", json!({"Name": "p", "ProductCode": "P1"}));
    let book = org.create("Pricebook2", json!({"Name": "own"}));
    let standard = org.column("SELECT Id FROM Pricebook2 WHERE IsStandard = true", "Id")[0].clone();
    let entry =
        |book: &Value| json!({"Product2Id": product, "Pricebook2Id": book, "UnitPrice": 5, "IsActive": true});
    assert_eq!(
        org.post("/sobjects/PricebookEntry", entry(&json!(book))).code(),
        "STANDARD_PRICE_NOT_DEFINED"
    );
    let id = org.create("PricebookEntry", entry(&standard));
    assert_eq!(org.row("PricebookEntry", &id)["ProductCode"], "P1");
    org.create("PricebookEntry", entry(&json!(book)));
    assert_eq!(org.post("/sobjects/PricebookEntry", entry(&standard)).code(), "DUPLICATE_VALUE");
}

#[test]
fn one_contact_role_is_primary_and_a_contact_given_on_create_gets_it() {
    let mut org = org();
    let (a, b) =
        (org.create("Contact", json!({"LastName": "a"})), org.create("Contact", json!({"LastName": "b"})));
    let opportunity = org.create(
        "Opportunity",
        json!({"Name": "o", "StageName": "Prospecting", "CloseDate": "2026-01-31", "ContactId": a}),
    );
    org.create(
        "OpportunityContactRole",
        json!({"OpportunityId": opportunity, "ContactId": b, "IsPrimary": true}),
    );
    let soql = "SELECT ContactId FROM OpportunityContactRole WHERE IsPrimary = true";
    assert_eq!(org.column(soql, "ContactId"), [json!(b)]);
    assert_eq!(org.query("SELECT Id FROM OpportunityContactRole").body["totalSize"], 2);
    assert_eq!(org.calls()["rows_written"], 4, "the platform's own changes are not counted");
}

#[test]
fn a_locked_parent_fails_its_childrens_saves_for_so_many_tries() {
    let mut org = org();
    let account = org.create("Account", json!({"Name": "a"}));
    org.admin(json!({"do": "lock", "id": account, "times": 2}));
    let text = format!("unable to obtain exclusive access to this record or 1 records: {account}");
    let child = json!({"attributes": {"type": "Contact"}, "LastName": "c", "AccountId": account});
    let answer = org.post("/composite/sobjects", json!({"records": [child, child, child]}));
    assert_eq!(answer.body[0]["errors"][0]["message"], text);
    assert_eq!(answer.body[1]["errors"][0]["statusCode"], "UNABLE_TO_LOCK_ROW");
    assert_eq!(answer.body[2]["success"], true);
}
