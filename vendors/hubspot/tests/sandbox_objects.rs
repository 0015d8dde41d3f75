//! One record at a time.
#![cfg(feature = "sandbox")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::wildcard_enum_match_arm, reason = "a test")]

mod sandbox_support;

use sandbox_support::Account;
use serde_json::{Value, json};

const CONTACTS: &str = "/crm/v3/objects/contacts";
const COMPANIES: &str = "/crm/v3/objects/companies";
const DEALS: &str = "/crm/v3/objects/deals";

#[test]
fn a_created_record_carries_all_model_fields_and_what_hubspot_fills_in() {
    let mut account = Account::new();
    let made =
        account.post(CONTACTS, json!({"properties": {"email": "Ada@Example.com", "firstname": "Ada"}}));
    assert_eq!(made.status, 201);
    let id = made.body["id"].as_str().unwrap();
    assert!(made.header("location").unwrap().ends_with(&format!("/crm/v3/objects/contacts/{id}")));
    assert_eq!(made.header("content-type"), Some("application/json;charset=utf-8"));
    assert!(made.header("x-hubspot-correlation-id").is_some());
    let properties = &made.body["properties"];
    assert_eq!(properties["email"], "ada@example.com");
    assert_eq!(properties["lifecyclestage"], "lead");
    assert_eq!(properties["hs_email_domain"], "example.com");
    assert_eq!(properties["hs_lifecyclestage_lead_date"], "2026-01-05T09:00:00Z");
    assert_eq!(properties["hs_object_id"], id);
    assert_eq!(made.body["createdAt"], "2026-01-05T09:00:00Z");
    assert_eq!(made.body["archived"], false);
}

#[test]
fn a_body_without_properties_makes_an_empty_contact() {
    let mut account = Account::new();
    let made = account.post(CONTACTS, json!({"email": "ada@example.com", "unknown": 1}));
    assert_eq!(made.status, 201);
    assert_eq!(made.body["properties"].get("email").and_then(Value::as_str), None);
    account.knob("require_contact_identity", json!(true));
    assert_eq!(account.post(CONTACTS, json!({})).status, 400);
}

#[test]
fn reads_return_defaults_nulls_and_drop_unknown_names() {
    let mut account = Account::new();
    let id = account.make("contacts", json!({"firstname": "Ada"}));
    let by_default = account.get(&format!("{CONTACTS}/{id}"));
    assert_eq!(by_default.body["properties"]["lastname"], Value::Null);
    assert_eq!(by_default.body["properties"]["firstname"], "Ada");
    let asked = account.get(&format!("{CONTACTS}/{id}?properties=phone,nonsense&properties=city"));
    let names: Vec<&String> = asked.body["properties"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["city", "createdate", "hs_object_id", "lastmodifieddate", "phone"]);
}

#[test]
fn object_types_are_read_in_every_spelling_and_unknown_ones_are_refused() {
    let mut account = Account::new();
    let id = account.make("companies", json!({"name": "Acme"}));
    for spelling in ["companies", "company", "COMPANY", "0-2", "p40000001_company"] {
        assert_eq!(account.get(&format!("/crm/v3/objects/{spelling}/{id}/")).status, 200, "{spelling}");
    }
    let unknown = account.get("/crm/v3/objects/butterflies");
    assert_eq!(unknown.status, 400);
    assert_eq!(unknown.message(), "Unable to infer object type from: butterflies");
    assert_eq!(unknown.body.get("category"), None);
}

#[test]
fn dated_paths_lead_to_the_same_records() {
    let mut account = Account::new();
    let id = account.make("deals", json!({"dealname": "One", "dealstage": "qualifiedtobuy"}));
    for path in ["/crm/objects/2026-03/deals", "/crm/objects/2025-09/0-3", "/crm/objects/2026-09/deal"] {
        assert_eq!(account.get(&format!("{path}/{id}")).status, 200, "{path}");
    }
}

#[test]
fn unknown_ids_answer_404_in_two_forms() {
    let mut account = Account::new();
    let unknown = account.get(&format!("{CONTACTS}/99999"));
    assert_eq!((unknown.status, unknown.message()), (404, "resource not found"));
    assert_eq!(unknown.body.get("category"), None);
    let text = account.get(&format!("{CONTACTS}/abc"));
    assert_eq!(text.message(), "Object not found.  objectId are usually numeric.");
    assert_eq!(text.body["context"]["id"][0], "abc");
    assert_eq!(text.body["category"], "OBJECT_NOT_FOUND");
    assert_eq!(text.body["correlationId"], text.header("x-hubspot-correlation-id").unwrap());
}

#[test]
fn percent_escapes_in_ids_are_decoded_and_plus_stays() {
    let mut account = Account::new();
    let id = account.make("contacts", json!({"email": "a+b@x.io"}));
    for written in ["a%2Bb%40x.io", "a+b@x.io"] {
        let found = account.get(&format!("{CONTACTS}/{written}?idProperty=email"));
        assert_eq!(found.body["id"], *id, "{written}");
    }
}

#[test]
fn every_kind_of_bad_value_is_named() {
    let mut account = Account::new();
    let number = account.post(COMPANIES, json!({"properties": {"numberofemployees": "many", "name": "A"}}));
    let cases = [
        (CONTACTS, "email", "bad@", "INVALID_EMAIL", "Email address bad@ is invalid"),
        (DEALS, "amount", "1_000", "INVALID_INTEGER", "1_000 was not a valid number"),
        (CONTACTS, "foo", "1", "PROPERTY_DOESNT_EXIST", "Property \"foo\" does not exist"),
        (CONTACTS, "closedate", "soon", "INVALID_LONG", "soon was not a valid long."),
        (
            CONTACTS,
            "createdate",
            "1",
            "READ_ONLY_VALUE",
            "\"createdate\" is a calculated property; its value cannot be set.",
        ),
        (
            COMPANIES,
            "is_public",
            "yes",
            "INVALID_OPTION",
            "yes was not one of the allowed options: [true, false]",
        ),
        (COMPANIES, "hubspot_owner_id", "77", "INVALID_OPTION", "77 was not one of the allowed options: []"),
    ];
    assert_eq!((number.code(), number.status), ("INVALID_INTEGER", 400));
    for (path, name, value, code, message) in cases {
        let refused = account.post(path, json!({"properties": {name: value}}));
        assert_eq!((refused.status, refused.code()), (400, code));
        assert_eq!(refused.body["errors"][0]["message"], message);
        assert_eq!(refused.body["errors"][0]["context"]["propertyName"][0], name);
        assert_eq!(refused.body["category"], "VALIDATION_ERROR");
        let list = refused.message().strip_prefix("Property values were not valid: ").unwrap();
        let list: Value = serde_json::from_str(list).unwrap();
        assert_eq!(list[0]["error"], code);
        assert_eq!(list[0]["isValid"], false);
        assert!(list[0]["portalId"].is_number());
    }
}

#[test]
fn dates_take_days_and_midnights_only() {
    let mut account = Account::new();
    let property = json!({"name": "renewal", "label": "Renewal", "type": "date", "fieldType": "date",
                          "groupName": "companyinformation"});
    assert_eq!(account.post("/crm/v3/properties/companies", property).status, 201);
    let mut renewal = |value: &str| account.post(COMPANIES, json!({"properties": {"renewal": value}}));
    assert_eq!(renewal("1767571200000").body["properties"]["renewal"], "2026-01-05");
    assert_eq!(renewal("2026-01-05").body["properties"]["renewal"], "2026-01-05");
    assert_eq!(renewal("1767571200001").code(), "INVALID_DATE");
}

#[test]
fn multiple_choices_append_with_a_leading_semicolon() {
    let mut account = Account::new();
    let property = json!({"name": "likes", "label": "Likes", "type": "enumeration", "fieldType": "checkbox",
        "groupName": "contactinformation",
        "options": [{"label": "A", "value": "a"}, {"label": "B", "value": "b"}, {"label": "C", "value": "c"}]});
    account.post("/crm/v3/properties/contacts", property);
    let id = account.make("contacts", json!({"likes": "a"}));
    let path = format!("{CONTACTS}/{id}?properties=likes");
    account.patch(&path, json!({"properties": {"likes": ";b"}}));
    assert_eq!(account.get(&path).body["properties"]["likes"], "a;b");
    account.patch(&path, json!({"properties": {"likes": "c"}}));
    assert_eq!(account.get(&path).body["properties"]["likes"], "c");
    let refused = account.patch(&path, json!({"properties": {"likes": "c;d"}}));
    assert_eq!(refused.code(), "INVALID_OPTION");
}

#[test]
fn an_address_belongs_to_one_contact_secondary_addresses_included() {
    let mut account = Account::new();
    let id = account
        .make("contacts", json!({"email": "ada@example.com", "hs_additional_emails": "ada@work.example"}));
    for email in ["ADA@example.com", "ada@work.example"] {
        let refused = account.post(CONTACTS, json!({"properties": {"email": email}}));
        assert_eq!(refused.status, 409);
        assert_eq!(refused.message(), format!("Contact already exists. Existing ID: {id}"));
        assert_eq!(refused.body["category"], "CONFLICT");
    }
    let found = account.get(&format!("{CONTACTS}/ada@work.example?idProperty=email"));
    assert_eq!(found.body["id"], *id);
    let other = account.make("contacts", json!({"email": "bob@example.com"}));
    assert_eq!(
        account
            .patch(&format!("{CONTACTS}/{other}"), json!({"properties": {"email": "ada@example.com"}}))
            .status,
        409
    );
}

#[test]
fn companies_share_domains_and_domains_are_normalised() {
    let mut account = Account::new();
    let first = account.make("companies", json!({"domain": "https://www.Acme.com/about"}));
    let second = account.make("companies", json!({"domain": "acme.com"}));
    assert_ne!(first, second);
    assert_eq!(account.get(&format!("{COMPANIES}/{first}")).body["properties"]["domain"], "acme.com");
}

#[test]
fn a_patch_moves_the_stamp_and_an_unchanged_one_does_not() {
    let mut account = Account::new();
    let id = account.make("contacts", json!({"firstname": "Ada"}));
    let path = format!("{CONTACTS}/{id}");
    account.pass_ms(1_500);
    let patched = account.patch(&path, json!({"properties": {"firstname": "Grace"}}));
    assert_eq!(patched.status, 200);
    assert_eq!(patched.body["updatedAt"], "2026-01-05T09:00:01.500Z");
    assert_eq!(patched.body["properties"]["lastmodifieddate"], "2026-01-05T09:00:01.500Z");
    account.pass_ms(1_000);
    let unchanged = account.patch(&path, json!({"properties": {"firstname": "Grace"}}));
    assert_eq!(unchanged.body["updatedAt"], "2026-01-05T09:00:01.500Z");
    account.knob("noop_bumps_modified", json!(true));
    let bumped = account.patch(&path, json!({"properties": {"firstname": "Grace"}}));
    assert_eq!(bumped.body["updatedAt"], "2026-01-05T09:00:02.500Z");
    let calls = account.calls();
    assert_eq!((&calls["rows_written"], &calls["rows_noop"]), (&json!(2), &json!(2)));
}

#[test]
fn an_empty_text_clears_and_history_keeps_all_versions_newest_first() {
    let mut account = Account::new();
    let id = account.make("contacts", json!({"firstname": "Ada"}));
    let path = format!("{CONTACTS}/{id}");
    account.pass_ms(1_000);
    account.patch(&path, json!({"properties": {"firstname": ""}}));
    account.pass_ms(1_000);
    account.patch(&path, json!({"properties": {"firstname": "Grace"}}));
    let read = account.get(&format!("{path}?propertiesWithHistory=firstname"));
    let versions = read.body["propertiesWithHistory"]["firstname"].as_array().unwrap();
    let values: Vec<&str> = versions.iter().map(|version| version["value"].as_str().unwrap()).collect();
    assert_eq!(values, ["Grace", "", "Ada"]);
    assert_eq!(versions[2]["timestamp"], "2026-01-05T09:00:00Z");
    assert_eq!(versions[0]["sourceType"], "INTEGRATION");
}

#[test]
fn lifecycle_goes_forward_only() {
    let mut account = Account::new();
    let id = account.make("contacts", json!({"lifecyclestage": "customer"}));
    let path = format!("{CONTACTS}/{id}?properties=lifecyclestage");
    let back = json!({"properties": {"lifecyclestage": "lead"}});
    assert_eq!(account.patch(&path, back.clone()).status, 200);
    assert_eq!(account.get(&path).body["properties"]["lifecyclestage"], "customer");
    account.knob("lifecycle_backward", json!("refuse"));
    assert_eq!(account.patch(&path, back.clone()).status, 400);
    account.patch(&path, json!({"properties": {"lifecyclestage": ""}}));
    account.patch(&path, back);
    assert_eq!(account.get(&path).body["properties"]["lifecyclestage"], "lead");
}

#[test]
fn archiving_hides_a_record_keeps_its_stamp_and_is_idempotent() {
    let mut account = Account::new();
    let id = account.make("contacts", json!({"email": "ada@example.com"}));
    account.pass_ms(5_000);
    assert_eq!(account.delete(&format!("{CONTACTS}/{id}")).status, 204);
    assert_eq!(account.delete(&format!("{CONTACTS}/{id}")).status, 204);
    assert_eq!(account.get(&format!("{CONTACTS}/{id}")).status, 404);
    assert!(account.get(CONTACTS).ids().is_empty());
    let bin = account.get(&format!("{CONTACTS}?archived=True"));
    assert_eq!(bin.ids(), [id.as_str()]);
    assert_eq!(bin.body["results"][0]["archivedAt"], "2026-01-05T09:00:05Z");
    assert_eq!(bin.body["results"][0]["updatedAt"], "2026-01-05T09:00:00Z");
    assert_eq!(account.get(&format!("{CONTACTS}/{id}?archived=true")).body["archived"], true);
    account.make("contacts", json!({"email": "ada@example.com"}));
}

#[test]
fn lists_page_by_id_and_refuse_large_limits() {
    let mut account = Account::new();
    let ids: Vec<String> = (0..5).map(|at| account.make("contacts", json!({"firstname": at}))).collect();
    let first = account.get(&format!("{CONTACTS}?limit=2"));
    assert_eq!(first.ids(), ids[..2].iter().map(String::as_str).collect::<Vec<_>>());
    let after = first.body["paging"]["next"]["after"].as_str().unwrap().to_owned();
    let rest = account.get(&format!("{CONTACTS}?limit=3&after={after}"));
    assert_eq!(rest.ids(), ids[2..].iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(rest.body.get("paging"), None);
    assert_eq!(account.get(&format!("{CONTACTS}?limit=101")).status, 400);
    assert_eq!(account.get(&format!("{CONTACTS}?limit=51&propertiesWithHistory=email")).status, 400);
    assert_eq!(account.get(&format!("{CONTACTS}?limit=50&propertiesWithHistory=email")).status, 200);
    let wrong = account.get(&format!("{CONTACTS}?after=abc"));
    assert!(wrong.message().starts_with("Cannot deserialize value of type"), "{}", wrong.message());
}

#[test]
fn inline_associations_repeat_a_primary_company_and_stop_at_100() {
    let mut account = Account::new();
    let contact = account.make("contacts", json!({"firstname": "Ada"}));
    for at in 0..70 {
        let company = account.make("companies", json!({"name": at}));
        account.tie(("contacts", &contact), ("companies", &company), if at == 0 { 1 } else { 279 });
    }
    let read = account.get(&format!("{CONTACTS}/{contact}?associations=companies"));
    let rows = read.body["associations"]["companies"]["results"].as_array().unwrap();
    assert_eq!(rows[0]["type"], "contact_to_company");
    assert_eq!(rows[1]["type"], "contact_to_company_unlabeled");
    assert_eq!(rows[0]["id"], rows[1]["id"]);
    assert_eq!(rows.len(), 71);
    for at in 70..120 {
        let company = account.make("companies", json!({"name": at}));
        account.tie(("contacts", &contact), ("companies", &company), 279);
    }
    let read = account.get(&format!("{CONTACTS}?associations=companies,deals"));
    let companies = &read.body["results"][0]["associations"]["companies"];
    assert_eq!(companies["results"].as_array().unwrap().len(), 100);
    assert!(companies["paging"]["next"]["after"].is_string());
    assert_eq!(read.body["results"][0]["associations"].get("deals"), None);
}

#[test]
fn a_merge_makes_a_new_id_that_both_old_ids_lead_to() {
    let mut account = Account::new();
    let company = account.make("companies", json!({"name": "Acme"}));
    let first = account.make("contacts", json!({"email": "a@x.io", "firstname": "Ada"}));
    let second = account
        .make("contacts", json!({"email": "b@x.io", "lastname": "Byron", "lifecyclestage": "customer"}));
    account.tie(("contacts", &second), ("companies", &company), 279);
    let merged = account
        .post(&format!("{CONTACTS}/merge"), json!({"primaryObjectId": first, "objectIdToMerge": second}));
    assert_eq!(merged.status, 200);
    let id = merged.body["id"].as_str().unwrap().to_owned();
    assert!(id != first && id != second);
    let properties = &merged.body["properties"];
    assert_eq!(properties["hs_merged_object_ids"], format!("{first};{second}"));
    assert_eq!((&properties["firstname"], &properties["lastname"]), (&json!("Ada"), &json!("Byron")));
    assert_eq!(properties["lifecyclestage"], "customer");
    assert_eq!(
        (&properties["email"], &properties["hs_additional_emails"]),
        (&json!("a@x.io"), &json!("b@x.io"))
    );
    for old in [&first, &second] {
        assert_eq!(account.get(&format!("{CONTACTS}/{old}")).body["id"], *id);
    }
    assert_eq!(account.get(CONTACTS).ids(), [id.as_str()]);
    let all = json!({"filterGroups": []});
    assert_eq!(account.search("contacts", all).ids(), [id.as_str()]);
    assert_eq!(account.types(("contacts", &id), ("companies", &company)), [1, 279]);
    assert_eq!(account.post(CONTACTS, json!({"properties": {"email": "b@x.io"}})).status, 409);
    let batch = account.post(&format!("{CONTACTS}/batch/read"), json!({"inputs": [{"id": first}]}));
    assert_eq!(batch.ids(), [id.as_str()]);
}

#[test]
fn a_merge_may_keep_the_primary_id() {
    let mut account = Account::new();
    account.knob("merge_new_id", json!(false));
    let first = account.make("companies", json!({"name": "Acme"}));
    let second = account.make("companies", json!({"name": "Acme Inc", "city": "Rome"}));
    let merge = json!({"primaryObjectId": first, "objectIdToMerge": second});
    let merged = account.post(&format!("{COMPANIES}/merge"), merge.clone());
    assert_eq!(merged.body["id"], *first);
    assert_eq!(
        (&merged.body["properties"]["name"], &merged.body["properties"]["city"]),
        (&json!("Acme"), &json!("Rome"))
    );
    assert_eq!(account.get(&format!("{COMPANIES}/{second}")).body["id"], *first);
    assert_eq!(account.post(&format!("{COMPANIES}/merge"), merge).status, 400);
}

#[test]
fn a_privacy_deletion_leaves_no_trace() {
    let mut account = Account::new();
    let id = account.make("contacts", json!({"email": "ada@example.com"}));
    let gone = account.post(
        &format!("{CONTACTS}/gdpr-delete"),
        json!({"objectId": "ada@example.com", "idProperty": "email"}),
    );
    assert_eq!(gone.status, 204);
    assert_eq!(account.get(&format!("{CONTACTS}/{id}")).status, 404);
    assert!(account.get(&format!("{CONTACTS}?archived=true")).ids().is_empty());
    assert_eq!(account.dump()["objects"]["contacts"], json!([]));
}

#[test]
fn a_deal_needs_a_name_and_a_stage_of_its_pipeline() {
    let mut account = Account::new();
    let missing = account.post(DEALS, json!({"properties": {"amount": "10"}}));
    assert_eq!(missing.status, 400);
    assert_eq!(missing.body["context"]["properties"], json!(["dealname", "dealstage"]));
    let wrong = account.post(DEALS, json!({"properties": {"dealname": "A", "dealstage": "nowhere"}}));
    assert_eq!(wrong.code(), "INVALID_OPTION");
    assert!(wrong.message().contains("appointmentscheduled, qualifiedtobuy"), "{}", wrong.message());
    let id = account.make("deals", json!({"dealname": "A", "dealstage": "qualifiedtobuy"}));
    let read = account.get(&format!("{DEALS}/{id}"));
    assert_eq!(read.body["properties"]["pipeline"], "default");
    let unknown = account.patch(&format!("{DEALS}/{id}"), json!({"properties": {"pipeline": "other"}}));
    assert_eq!(unknown.code(), "INVALID_OPTION");
    assert_eq!(account.patch(&format!("{DEALS}/{id}"), json!({"properties": {"dealstage": ""}})).status, 400);
}

#[test]
fn a_deal_follows_its_stage_and_amount() {
    let mut account = Account::new();
    account.admin(json!({"do": "currencies", "home": "EUR", "active": {"USD": "0.9"}}));
    let deal = json!({"dealname": "A", "dealstage": "contractsent", "amount": "100.50", "deal_currency_code": "usd"});
    let id = account.make("deals", deal);
    let names = "amount,amount_in_home_currency,closedate,deal_currency_code,hs_closed_amount,hs_deal_stage_probability,\
                 hs_is_closed,hs_is_closed_won,hs_projected_amount,days_to_close";
    let path = format!("{DEALS}/{id}?properties={names}");
    let open = account.get(&path).body["properties"].clone();
    assert_eq!(open["hs_projected_amount"], "90.45");
    assert_eq!(open["amount_in_home_currency"], "90.45");
    assert_eq!((&open["hs_is_closed"], &open["closedate"]), (&json!("false"), &Value::Null));
    assert_eq!(open["deal_currency_code"], "USD");
    account.pass_ms(3 * 86_400_000);
    account.patch(&path, json!({"properties": {"dealstage": "closedwon"}}));
    let won = account.get(&path).body["properties"].clone();
    assert_eq!((&won["hs_is_closed"], &won["hs_is_closed_won"]), (&json!("true"), &json!("true")));
    assert_eq!(won["hs_deal_stage_probability"], "1");
    assert_eq!(won["hs_closed_amount"], "100.5");
    assert_eq!(won["amount"], "100.50");
    assert_eq!(won["closedate"], "2026-01-08T09:00:00Z");
    assert_eq!(won["days_to_close"], "3");
    account.patch(&path, json!({"properties": {"closedate": ""}}));
    assert_eq!(
        account.get(&path).body["properties"]["closedate"],
        Value::Null,
        "filled when it closes, not later"
    );
    let refused = account.patch(&path, json!({"properties": {"deal_currency_code": "BRL"}}));
    assert_eq!(refused.code(), "INVALID_OPTION");
    assert!(refused.message().contains("is not a part of the current effective currency codes for portal"));
}

#[test]
fn a_company_can_come_from_a_contacts_domain() {
    let mut account = Account::new();
    account.knob("company_auto_create", json!(true));
    let contact = account.make("contacts", json!({"email": "ada@acme.example"}));
    account.make("contacts", json!({"email": "bob@acme.example"}));
    account.make("contacts", json!({"email": "eve@gmail.com"}));
    let companies = account.get(COMPANIES);
    assert_eq!(companies.ids().len(), 1);
    assert_eq!(companies.body["results"][0]["properties"]["domain"], "acme.example");
    let company = companies.ids()[0].to_owned();
    assert_eq!(account.types(("contacts", &contact), ("companies", &company)), [1, 279]);
    assert_eq!(account.calls()["rows_written"], 3);
    account.delete(&format!("{COMPANIES}/{company}"));
    account.make("contacts", json!({"email": "new@acme.example"}));
    let companies = account.get(COMPANIES);
    assert_eq!((companies.ids().len(), companies.ids()[0] == company), (1, false));
}

#[test]
fn a_creation_can_tie_and_refuses_wrong_ties() {
    let mut account = Account::new();
    let company = account.make("companies", json!({"name": "Acme"}));
    let body = |id: &str, type_id: u64| {
        json!({"properties": {"firstname": "Ada"}, "associations": [{"to": {"id": id},
               "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}]}]})
    };
    let made = account.post(CONTACTS, body(&company, 279));
    let id = made.body["id"].as_str().unwrap().to_owned();
    assert_eq!(account.types(("contacts", &id), ("companies", &company)), [1, 279]);
    let missing = account.post(CONTACTS, body("424242", 279));
    assert_eq!((missing.status, missing.message()), (400, "One or more associations are invalid"));
    let turned = account.post(CONTACTS, body(&company, 341));
    assert_eq!(
        turned.message(),
        "invalid from object type 0-3 for associations to be created. expected: 0-1"
    );
    assert_eq!(account.get(CONTACTS).ids().len(), 1);
}

#[test]
fn stamps_leave_out_zero_milliseconds() {
    let mut account = Account::new();
    let first = account.make("contacts", json!({}));
    account.pass_ms(120);
    let second = account.make("contacts", json!({}));
    assert_eq!(account.get(&format!("{CONTACTS}/{first}")).body["createdAt"], "2026-01-05T09:00:00Z");
    assert_eq!(account.get(&format!("{CONTACTS}/{second}")).body["createdAt"], "2026-01-05T09:00:00.120Z");
}
