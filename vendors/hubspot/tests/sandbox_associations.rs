//! Associations and their labels.
#![cfg(feature = "sandbox")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::wildcard_enum_match_arm, reason = "a test")]

mod sandbox_support;

use sandbox_support::Account;
use serde_json::{Value, json};

struct Three {
    account: Account,
    contact: String,
    first: String,
    second: String,
}

fn three() -> Three {
    let mut account = Account::new();
    let contact = account.make("contacts", json!({"firstname": "Ada"}));
    let first = account.make("companies", json!({"name": "First"}));
    let second = account.make("companies", json!({"name": "Second"}));
    Three { account, contact, first, second }
}

fn spec(category: &str, id: u64) -> Value {
    json!({"associationCategory": category, "associationTypeId": id})
}

#[test]
fn both_directions_are_stored_and_the_first_company_becomes_primary() {
    let Three { mut account, contact, first, second } = three();
    account.tie(("contacts", &contact), ("companies", &first), 279);
    account.tie(("contacts", &contact), ("companies", &second), 279);
    assert_eq!(account.types(("contacts", &contact), ("companies", &first)), [1, 279]);
    assert_eq!(account.types(("companies", &first), ("contacts", &contact)), [2, 280]);
    assert_eq!(account.types(("contacts", &contact), ("companies", &second)), [279]);
}

#[test]
fn the_first_company_can_stay_without_a_label() {
    let Three { mut account, contact, first, .. } = three();
    account.knob("first_api_association_primary", json!(false));
    account.tie(("contacts", &contact), ("companies", &first), 279);
    assert_eq!(account.types(("contacts", &contact), ("companies", &first)), [279]);
}

#[test]
fn a_new_primary_demotes_the_old_one() {
    let Three { mut account, contact, first, second } = three();
    account.tie(("contacts", &contact), ("companies", &first), 1);
    account.tie(("contacts", &contact), ("companies", &second), 1);
    assert_eq!(account.types(("contacts", &contact), ("companies", &first)), [279]);
    assert_eq!(account.types(("contacts", &contact), ("companies", &second)), [1, 279]);
    account.tie(("companies", &first), ("contacts", &contact), 2);
    assert_eq!(account.types(("contacts", &contact), ("companies", &first)), [1, 279]);
    assert_eq!(account.types(("contacts", &contact), ("companies", &second)), [279]);
    let read = account.get(&format!("/crm/v3/objects/contacts/{contact}?properties=associatedcompanyid"));
    assert_eq!(read.body["properties"]["associatedcompanyid"], first);
}

#[test]
fn a_put_replaces_labels_and_answers_numbers() {
    let Three { mut account, contact, first, .. } = three();
    let label = json!({"name": "billing", "label": "Billing contact", "inverseLabel": "Bills"});
    let made = account.post("/crm/v4/associations/contacts/companies/labels", label);
    assert_eq!(made.status, 200);
    let id = made.body["results"][0]["typeId"].as_u64().unwrap();
    assert_eq!(made.body["results"][0]["category"], "USER_DEFINED");
    let path = format!("/crm/v4/objects/contacts/{contact}/associations/companies/{first}");
    let put = account.put(&path, json!([spec("HUBSPOT_DEFINED", 1), spec("USER_DEFINED", id)]));
    assert_eq!(put.status, 201);
    assert_eq!(put.body["toObjectId"].to_string(), first);
    assert_eq!(put.body["fromObjectTypeId"], "0-1");
    assert_eq!(put.body["labels"], json!(["Primary", "Billing contact"]));
    let rows = account.get(&format!("/crm/v4/objects/contact/{contact}/associations/company"));
    assert_eq!(
        rows.body["results"][0]["associationTypes"],
        json!([
            {"category": "HUBSPOT_DEFINED", "typeId": 1, "label": "Primary"},
            {"category": "HUBSPOT_DEFINED", "typeId": 279, "label": null},
            {"category": "USER_DEFINED", "typeId": id, "label": "Billing contact"},
        ])
    );
    account.put(&path, json!([spec("USER_DEFINED", id)]));
    let rows = account.get(&format!("/crm/v4/objects/companies/{first}/associations/contacts"));
    let labels: Vec<&Value> = rows.body["results"][0]["associationTypes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["label"])
        .collect();
    assert_eq!(labels, [&json!(null), &json!("Bills")]);
    assert_eq!(account.put(&path, json!([spec("HUBSPOT_DEFINED", 341)])).status, 400);
    assert_eq!(account.put(&path, json!([spec("HUBSPOT_DEFINED", 99999)])).status, 400);
}

#[test]
fn a_delete_removes_every_label() {
    let Three { mut account, contact, first, .. } = three();
    account.tie(("contacts", &contact), ("companies", &first), 1);
    let path = format!("/crm/v4/objects/contacts/{contact}/associations/companies/{first}");
    assert_eq!(account.delete(&path).status, 204);
    assert!(account.types(("contacts", &contact), ("companies", &first)).is_empty());
    assert!(account.types(("companies", &first), ("contacts", &contact)).is_empty());
}

#[test]
fn a_default_association_answers_both_directions() {
    let Three { mut account, contact, first, .. } = three();
    let path = format!("/crm/v4/objects/contacts/{contact}/associations/default/companies/{first}");
    let put = account.put(&path, Value::Null);
    assert_eq!((put.status, &put.body["status"]), (200, &json!("COMPLETE")));
    assert_eq!(put.body["results"][0]["associationSpec"]["associationTypeId"], 279);
    assert_eq!(put.body["results"][1]["associationSpec"]["associationTypeId"], 280);
    let inputs = json!({"inputs": [{"from": {"id": contact}, "to": {"id": first}}]});
    assert_eq!(
        account.post("/crm/v4/associations/contacts/companies/batch/associate/default", inputs).status,
        200
    );
}

#[test]
fn a_record_without_ties_is_an_error_row() {
    let Three { mut account, contact, first, .. } = three();
    let other = account.make("contacts", json!({}));
    account.tie(("contacts", &contact), ("companies", &first), 1);
    let read = account.post(
        "/crm/v4/associations/contacts/companies/batch/read",
        json!({"inputs": [{"id": contact}, {"id": other}]}),
    );
    assert_eq!(read.status, 207);
    assert_eq!(read.body["results"][0]["from"]["id"], contact);
    assert_eq!(read.body["results"][0]["to"][0]["toObjectId"].to_string(), first);
    assert_eq!(read.body["numErrors"], 1);
    let row = &read.body["errors"][0];
    assert_eq!(row["subCategory"], "crm.associations.NO_ASSOCIATIONS_FOUND");
    assert_eq!(row["category"], "OBJECT_NOT_FOUND");
    assert_eq!(row["message"], format!("No company is associated with contact {other}."));
    assert_eq!(
        row["context"],
        json!({"fromObjectId": [other], "fromObjectType": ["contact"], "toObjectType": ["company"]})
    );
}

#[test]
fn a_batch_read_pages_each_record() {
    let mut account = Account::new();
    account.knob("association_page", json!(3));
    let company = account.make("companies", json!({"name": "Acme"}));
    let contacts: Vec<String> = (0..5).map(|_| account.make("contacts", json!({}))).collect();
    for contact in &contacts {
        account.tie(("contacts", contact), ("companies", &company), 279);
    }
    let path = "/crm/v4/associations/companies/contacts/batch/read";
    let first = account.post(path, json!({"inputs": [{"id": company}]}));
    assert_eq!(first.body["results"][0]["to"].as_array().unwrap().len(), 3);
    let after = first.body["results"][0]["paging"]["next"]["after"].clone();
    let second = account.post(path, json!({"inputs": [{"id": company, "after": after}]}));
    let rest: Vec<String> = second.body["results"][0]["to"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["toObjectId"].to_string())
        .collect();
    assert_eq!(rest, contacts[3..]);
    assert_eq!(second.body["results"][0].get("paging"), None);
    let single = account.get(&format!("/crm/v4/objects/companies/{company}/associations/contacts?limit=2"));
    let after = single.body["paging"]["next"]["after"].as_str().unwrap().to_owned();
    let next =
        account.get(&format!("/crm/v4/objects/companies/{company}/associations/contacts?after={after}"));
    assert_eq!(next.body["results"].as_array().unwrap().len(), 3);
}

#[test]
fn batches_are_capped() {
    let mut account = Account::new();
    let row = json!({"id": "1", "from": {"id": "1"}, "to": {"id": "2"}, "types": []});
    let mut send = |verb: &str, count: usize| {
        account
            .post(
                &format!("/crm/v4/associations/contacts/companies/batch/{verb}"),
                json!({"inputs": vec![row.clone(); count]}),
            )
            .status
    };
    assert_eq!((send("read", 1_000), send("read", 1_001)), (207, 400));
    assert_eq!((send("create", 2_000), send("create", 2_001)), (207, 400));
    assert_eq!((send("archive", 100), send("archive", 101)), (204, 400));
}

#[test]
fn archiving_takes_pairs_and_labels_apart() {
    let Three { mut account, contact, first, second } = three();
    account.tie(("contacts", &contact), ("companies", &first), 1);
    account.tie(("contacts", &contact), ("companies", &second), 279);
    let labels = |id: u64, company: &str| json!({"inputs": [{"from": {"id": contact}, "to": {"id": company}, "types": [spec("HUBSPOT_DEFINED", id)]}]});
    let path = "/crm/v4/associations/contacts/companies/batch/labels/archive";
    assert_eq!(account.post(path, labels(1, &first)).status, 204);
    assert_eq!(account.types(("contacts", &contact), ("companies", &first)), [279]);
    assert_eq!(account.post(path, labels(279, &first)).status, 204);
    assert!(account.types(("contacts", &contact), ("companies", &first)).is_empty());
    let pair = json!({"inputs": [{"from": {"id": contact}, "to": [{"id": second}]}]});
    let dated = account.post("/crm/associations/2026-03/contacts/companies/batch/archive", pair);
    assert_eq!(dated.status, 200);
    assert!(account.types(("contacts", &contact), ("companies", &second)).is_empty());
}

#[test]
fn v3_batches_know_types_by_name_and_set_primary() {
    let Three { mut account, contact, first, second } = three();
    let row = |company: &str, name: &str| json!({"inputs": [{"from": {"id": contact}, "to": {"id": company}, "type": name}]});
    let path = "/crm/v3/associations/contacts/companies/batch";
    assert_eq!(account.post(&format!("{path}/create"), row(&first, "contact_to_company")).status, 201);
    assert_eq!(account.post(&format!("{path}/create"), row(&second, "contact_to_company")).status, 201);
    assert_eq!(account.types(("contacts", &contact), ("companies", &first)), [279]);
    let read = account.post(&format!("{path}/read"), json!({"inputs": [{"id": contact}]}));
    assert_eq!(
        read.body["results"][0]["to"],
        json!([
            {"id": first, "type": "contact_to_company_unlabeled"},
            {"id": second, "type": "contact_to_company"},
            {"id": second, "type": "contact_to_company_unlabeled"},
        ])
    );
    assert_eq!(
        account.post(&format!("{path}/archive"), row(&first, "contact_to_company_unlabeled")).status,
        204
    );
    assert!(account.types(("contacts", &contact), ("companies", &first)).is_empty());
    let types = account.get("/crm/v3/associations/contacts/companies/types");
    assert_eq!(types.body["results"][0], json!({"id": "1", "name": "contact_to_company"}));
    assert_eq!(account.post(&format!("{path}/create"), row(&first, "nonsense")).status, 400);
}

#[test]
fn labels_can_be_renamed_and_deleted() {
    let Three { mut account, contact, first, .. } = three();
    for path in
        ["/crm/v4/associations/contacts/companies/labels", "/crm/associations/v4/contacts/companies/labels"]
    {
        let all = account.get(path);
        assert_eq!(all.body["results"].as_array().unwrap().len(), 2, "{path}");
    }
    let path = "/crm/v4/associations/contacts/companies/labels";
    let made = account.post(path, json!({"name": "boss", "label": "Boss"}));
    let id = made.body["results"][0]["typeId"].as_u64().unwrap();
    assert_eq!(account.post(path, json!({"name": "boss", "label": "Chief"})).status, 400);
    assert_eq!(account.put(path, json!({"associationTypeId": id, "label": "Chief"})).status, 204);
    let pair = format!("/crm/v4/objects/contacts/{contact}/associations/companies/{first}");
    assert_eq!(
        account.put(&pair, json!([spec("USER_DEFINED", id)])).body["labels"],
        json!(["Primary", "Chief"])
    );
    assert_eq!(account.delete(&format!("{path}/{id}")).status, 204);
    assert_eq!(account.types(("contacts", &contact), ("companies", &first)), [1, 279]);
    assert_eq!(account.delete(&format!("{path}/1")).status, 404);
}

#[test]
fn a_record_is_not_tied_to_itself_and_a_child_knows_its_parent() {
    let Three { mut account, first, second, .. } = three();
    let path = |to: &str| format!("/crm/v4/objects/companies/{first}/associations/companies/{to}");
    assert_eq!(account.put(&path(&first), json!([spec("HUBSPOT_DEFINED", 14)])).status, 400);
    assert_eq!(account.put(&path(&second), json!([spec("HUBSPOT_DEFINED", 14)])).status, 201);
    assert_eq!(account.types(("companies", &second), ("companies", &first)), [13, 450]);
    let read = account.get(&format!("/crm/v3/objects/companies/{first}?properties=hs_parent_company_id"));
    assert_eq!(read.body["properties"]["hs_parent_company_id"], second);
    let dump = account.dump();
    assert_eq!(dump["associations"].as_array().unwrap().len(), 1);
    assert_eq!(dump["associations"][0]["from"], format!("companies/{first}"));
}

#[test]
fn archiving_a_record_unties_it_and_restoring_ties_it_again() {
    let Three { mut account, contact, first, .. } = three();
    account.tie(("contacts", &contact), ("companies", &first), 1);
    account.delete(&format!("/crm/v3/objects/contacts/{contact}"));
    assert!(account.types(("companies", &first), ("contacts", &contact)).is_empty());
    account.admin(json!({"do": "restore", "object": "contacts", "id": contact}));
    assert_eq!(account.types(("companies", &first), ("contacts", &contact)), [2, 280]);
}

#[test]
fn unknown_ids_are_rows_of_a_batch_and_404_alone() {
    let Three { mut account, contact, .. } = three();
    let row =
        json!({"from": {"id": contact}, "to": {"id": "424242"}, "types": [spec("HUBSPOT_DEFINED", 279)]});
    let answer =
        account.post("/crm/v4/associations/contacts/companies/batch/create", json!({"inputs": [row]}));
    assert_eq!(answer.status, 207);
    assert_eq!(answer.body["errors"][0]["subCategory"], "crm.associations.INVALID_IDENTIFIER");
    let path = format!("/crm/v4/objects/contacts/{contact}/associations/companies/424242");
    assert_eq!(account.put(&path, json!([spec("HUBSPOT_DEFINED", 279)])).status, 404);
}
