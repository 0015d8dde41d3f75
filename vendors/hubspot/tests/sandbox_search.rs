//! Searches and the index behind them.
#![cfg(feature = "sandbox")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::wildcard_enum_match_arm, reason = "a test")]

mod sandbox_support;

use sandbox_support::{Account, Answer};
use serde_json::{Value, json};

fn filters(list: Value) -> Value {
    json!({"filterGroups": [{"filters": list}], "limit": 200})
}

fn one(name: &str, operator: &str, value: &str) -> Value {
    filters(json!([{"propertyName": name, "operator": operator, "value": value}]))
}

fn names(answer: &Answer) -> Vec<&str> {
    let rows = answer.body["results"].as_array().unwrap();
    rows.iter().map(|row| row["properties"]["name"].as_str().unwrap()).collect()
}

/// Companies A to E, one second apart, 10 to 50 employees, E without a city.
fn companies() -> (Account, Vec<String>) {
    let mut account = Account::new();
    let ids = ["A", "B", "C", "D", "E"]
        .iter()
        .zip(1..)
        .map(|(name, at)| {
            account.pass_ms(1_000);
            let mut properties =
                json!({"name": name, "numberofemployees": at * 10, "domain": format!("{name}.example")});
            if at < 5 {
                properties["city"] = json!(if at % 2 == 0 { "Rome" } else { "Oslo" });
            }
            account.make("companies", properties)
        })
        .collect();
    (account, ids)
}

#[test]
fn every_operator_finds_what_it_should() {
    let (mut account, ids) = companies();
    let cases = [
        (one("numberofemployees", "LT", "30"), "A B"),
        (one("numberofemployees", "LTE", "30.0"), "A B C"),
        (one("numberofemployees", "GT", "30"), "D E"),
        (one("numberofemployees", "GTE", "30"), "C D E"),
        (one("city", "EQ", "rome"), "B D"),
        (one("city", "NEQ", "Rome"), "A C"),
        (one("domain", "EQ", "C.EXAMPLE"), "C"),
        (one("hs_object_id", "GT", &ids[2]), "D E"),
        (one("hs_object_id", "EQ", &ids[1]), "B"),
        (one("hs_object_id", "NEQ", &ids[1]), "A C D E"),
        (
            filters(
                json!([{"propertyName": "hs_object_id", "operator": "IN", "values": [ids[0], ids[3], "999"]}]),
            ),
            "A D",
        ),
        (
            filters(
                json!([{"propertyName": "numberofemployees", "operator": "BETWEEN", "value": "20", "highValue": "40"}]),
            ),
            "B C D",
        ),
        (filters(json!([{"propertyName": "city", "operator": "IN", "values": ["rome"]}])), "B D"),
        (filters(json!([{"propertyName": "city", "operator": "IN", "values": ["Rome"]}])), ""),
        (filters(json!([{"propertyName": "city", "operator": "NOT_IN", "values": ["rome"]}])), "A C"),
        (filters(json!([{"propertyName": "city", "operator": "HAS_PROPERTY"}])), "A B C D"),
        (filters(json!([{"propertyName": "city", "operator": "NOT_HAS_PROPERTY"}])), "E"),
        (one("domain", "CONTAINS_TOKEN", "c*"), "C"),
        (one("domain", "CONTAINS_TOKEN", "example"), "A B C D E"),
        (one("city", "NOT_CONTAINS_TOKEN", "rome"), "A C"),
    ];
    for (mut body, expected) in cases {
        body["properties"] = json!(["name"]);
        let found = account.search("companies", body.clone());
        assert_eq!(found.status, 200, "{}", found.body);
        assert_eq!(names(&found).join(" "), expected, "{body}");
        assert_eq!(found.body["total"], names(&found).len());
    }
    assert_eq!(account.search("companies", one("city", "LIKE", "x")).status, 400);
}

#[test]
fn negative_operators_can_include_rows_without_a_value() {
    let (mut account, _) = companies();
    account.knob("negative_operators_match_null", json!(true));
    assert_eq!(names(&account.search("companies", one("city", "NEQ", "Rome"))), ["A", "C", "E"]);
}

#[test]
fn groups_are_or_and_filters_are_and() {
    let (mut account, _) = companies();
    let filter = |name: &str, operator: &str, value: &str| json!({"propertyName": name, "operator": operator, "value": value});
    let body = json!({"filterGroups": [
        {"filters": [filter("city", "EQ", "Rome"), filter("numberofemployees", "GT", "20")]},
        {"filters": [filter("name", "EQ", "a")]},
    ]});
    assert_eq!(names(&account.search("companies", body)), ["A", "D"]);
    let flat = json!({"filters": [filter("city", "EQ", "Rome")]});
    assert_eq!(names(&account.search("companies", flat)), ["B", "D"]);
}

#[test]
fn a_keyset_over_stamp_and_id_reads_everything_once() {
    let mut account = Account::new();
    let rows: Vec<Value> = (0..90).map(|at| json!({"properties": {"name": at}})).collect();
    for _ in 0..3 {
        account.pass_ms(1);
        account.post("/crm/v3/objects/companies/batch/create", json!({"inputs": rows}));
    }
    let (mut seen, mut stamp, mut id) = (Vec::new(), 1_767_603_600_000_i64, "0".to_owned());
    loop {
        let body = json!({"filterGroups": [
            {"filters": [{"propertyName": "hs_lastmodifieddate", "operator": "GT", "value": stamp.to_string()}]},
            {"filters": [{"propertyName": "hs_lastmodifieddate", "operator": "EQ", "value": stamp.to_string()},
                         {"propertyName": "hs_object_id", "operator": "GT", "value": id}]},
        ], "sorts": [{"propertyName": "hs_lastmodifieddate", "direction": "ASCENDING"}], "limit": 50});
        let page = account.search("companies", body);
        assert_eq!(page.body["total"].as_u64().unwrap() as usize, 270 - seen.len());
        let Some(last) = page.ids().last().map(|id| (*id).to_owned()) else { break };
        let text = page.body["results"].as_array().unwrap().last().unwrap()["updatedAt"]
            .as_str()
            .unwrap()
            .to_owned();
        stamp = text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        id = last;
        seen.extend(page.ids().iter().map(|id| (*id).to_owned()));
    }
    let mut distinct = seen.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!((seen.len(), distinct.len()), (270, 270));
}

#[test]
fn sorts_take_three_spellings_and_only_one_of_them() {
    let (mut account, _) = companies();
    let sorted = |account: &mut Account, sort: Value| {
        let found = account
            .search("companies", json!({"filterGroups": [], "sorts": [sort], "limit": "3", "after": 1}));
        names(&found).join("")
    };
    assert_eq!(sorted(&mut account, json!("numberofemployees")), "BCD");
    assert_eq!(sorted(&mut account, json!("-numberofemployees")), "DCB");
    assert_eq!(sorted(&mut account, json!({"propertyName": "createdate", "direction": "DESCENDING"})), "DCB");
    assert_eq!(
        sorted(&mut account, json!({"propertyName": "hs_lastmodifieddate", "direction": "ASCENDING"})),
        "BCD"
    );
    assert_eq!(sorted(&mut account, json!("city")), "CBD");
    let two = json!({"sorts": ["name", "city"]});
    assert_eq!(account.search("companies", two).status, 400);
}

#[test]
fn pages_go_by_offset_and_end_at_ten_thousand() {
    let (mut account, _) = companies();
    let page = account.search("companies", json!({"filterGroups": [], "limit": 2, "after": "2"}));
    assert_eq!(names(&page), ["C", "D"]);
    assert_eq!(page.body["paging"]["next"]["after"], "4");
    let last = account.search("companies", json!({"limit": 2, "after": "4"}));
    assert_eq!(last.body.get("paging"), None);
    assert_eq!(account.search("companies", json!({"limit": 200, "after": "9800"})).status, 200);
    assert_eq!(account.search("companies", json!({"limit": 200, "after": "9801"})).status, 400);
    assert_eq!(account.search("companies", json!({"limit": 201})).status, 400);
}

#[test]
fn a_body_of_3001_characters_is_refused() {
    let mut account = Account::new();
    let mut body = json!({"filterGroups": [], "query": ""}).to_string();
    body.insert_str(body.len() - 2, &"x".repeat(3_000 - body.len()));
    let token = account.token.clone();
    assert_eq!(account.raw("POST", "/crm/v3/objects/deals/search", Some(&body), Some(&token)).status, 200);
    body.insert(body.len() - 2, 'x');
    assert_eq!(account.raw("POST", "/crm/v3/objects/deals/search", Some(&body), Some(&token)).status, 400);
}

#[test]
fn more_than_18_filters_6_in_a_group_or_5_groups_are_refused() {
    let mut account = Account::new();
    let filter = json!({"propertyName": "name", "operator": "HAS_PROPERTY"});
    let mut groups = |sizes: &[usize]| {
        let groups: Vec<Value> =
            sizes.iter().map(|size| json!({"filters": vec![filter.clone(); *size]})).collect();
        account.search("companies", json!({"filterGroups": groups})).status
    };
    assert_eq!(groups(&[6, 6, 6]), 200);
    assert_eq!(groups(&[4, 4, 4, 4, 3]), 400);
    assert_eq!(groups(&[7]), 400);
    assert_eq!(groups(&[1, 1, 1, 1, 1, 1]), 400);
}

#[test]
fn query_looks_into_the_default_text_properties() {
    let mut account = Account::new();
    account.make("contacts", json!({"email": "ada@acme.example", "firstname": "Ada"}));
    account.make("contacts", json!({"firstname": "Bob", "jobtitle": "Ada"}));
    let found = account.search("contacts", json!({"query": "ADA acme"}));
    assert_eq!(found.body["total"], 1);
    assert_eq!(account.search("contacts", json!({"query": "ada"})).body["total"], 1);
}

#[test]
fn contacts_have_another_modified_property_and_the_wrong_name_finds_nothing() {
    let mut account = Account::new();
    account.make("contacts", json!({"firstname": "Ada"}));
    account.make("companies", json!({"name": "Acme"}));
    let since = "1767600000000";
    assert_eq!(account.search("contacts", one("lastmodifieddate", "GTE", since)).body["total"], 1);
    assert_eq!(account.search("contacts", one("hs_lastmodifieddate", "GTE", since)).body["total"], 0);
    assert_eq!(account.search("companies", one("hs_lastmodifieddate", "GTE", since)).body["total"], 1);
    let wrong = account.search("companies", one("lastmodifieddate", "GTE", since));
    assert_eq!((wrong.status, &wrong.body["total"]), (200, &json!(0)));
}

#[test]
fn a_bound_of_epoch_zero_breaks_the_search() {
    let mut account = Account::new();
    assert_eq!(account.search("contacts", one("lastmodifieddate", "GTE", "0")).status, 500);
    assert_eq!(
        account.search("contacts", one("lastmodifieddate", "GTE", "1970-01-01T00:00:00Z")).status,
        500
    );
    assert_eq!(account.search("contacts", one("lastmodifieddate", "GTE", "1000")).status, 200);
    assert_eq!(account.search("contacts", one("lastmodifieddate", "GTE", "2026-01-05")).status, 200);
}

#[test]
fn association_changes_and_archiving_leave_the_stamp_alone() {
    let mut account = Account::new();
    let company = account.make("companies", json!({"name": "Acme"}));
    let contact = account.make("contacts", json!({"firstname": "Ada"}));
    account.pass_ms(10_000);
    account.tie(("contacts", &contact), ("companies", &company), 279);
    let since = "1767603605000";
    assert_eq!(account.search("contacts", one("lastmodifieddate", "GTE", since)).body["total"], 0);
    assert_eq!(account.search("companies", one("hs_lastmodifieddate", "GTE", since)).body["total"], 0);
    account.delete(&format!("/crm/v3/objects/contacts/{contact}"));
    assert_eq!(account.search("contacts", json!({"filterGroups": []})).body["total"], 0);
}

#[test]
fn a_search_finds_records_tied_to_another() {
    let mut account = Account::new();
    let company = account.make("companies", json!({"name": "Acme"}));
    let tied = account.make("contacts", json!({"firstname": "Ada"}));
    account.make("contacts", json!({"firstname": "Bob"}));
    account.tie(("contacts", &tied), ("companies", &company), 279);
    assert_eq!(
        account.search("contacts", one("associations.company", "EQ", &company)).ids(),
        [tied.as_str()]
    );
}

#[test]
fn a_change_reaches_the_index_after_the_lag() {
    let mut account = Account::new();
    account.knob("search_lag_ms", json!(2_000));
    let id = account.make("companies", json!({"name": "Acme"}));
    let count = |account: &mut Account| account.search("companies", json!({})).body["total"].clone();
    account.pass_ms(1_999);
    assert_eq!(count(&mut account), 0);
    assert_eq!(account.get(&format!("/crm/v3/objects/companies/{id}")).status, 200);
    account.pass_ms(1);
    assert_eq!(count(&mut account), 1);
    account.patch(&format!("/crm/v3/objects/companies/{id}"), json!({"properties": {"name": "New"}}));
    assert_eq!(names(&account.search("companies", json!({}))), ["Acme"]);
    account.pass_ms(2_000);
    assert_eq!(names(&account.search("companies", json!({}))), ["New"]);
    account.delete(&format!("/crm/v3/objects/companies/{id}"));
    assert_eq!(count(&mut account), 1);
    account.pass_ms(2_000);
    assert_eq!(count(&mut account), 0);
}

#[test]
fn changes_can_arrive_in_another_order() {
    let mut account = Account::new();
    account.knob("search_lag_spread_ms", json!(5_000));
    for at in 0..20 {
        account.pass_ms(1);
        account.make("companies", json!({"name": at}));
    }
    account.pass_ms(2_500);
    let found = account.search("companies", json!({"limit": 200}));
    let seen: Vec<usize> = names(&found).iter().map(|name| name.parse().unwrap()).collect();
    assert!(!seen.is_empty() && seen.len() < 20);
    assert_ne!(seen, (0..seen.len()).collect::<Vec<_>>(), "a later change came before an earlier one");
    account.pass_ms(5_000);
    assert_eq!(account.search("companies", json!({})).body["total"], 20);
}

#[test]
fn a_stale_search_answers_from_an_older_index_once() {
    let mut account = Account::new();
    let old = account.make("companies", json!({"name": "Old"}));
    account.pass_ms(40_000);
    account.make("companies", json!({"name": "New"}));
    account.patch(&format!("/crm/v3/objects/companies/{old}"), json!({"properties": {"name": "Changed"}}));
    account.fault("read", "stale_index");
    assert_eq!(names(&account.search("companies", json!({}))), ["Old"]);
    assert_eq!(names(&account.search("companies", json!({}))), ["Changed", "New"]);
}

#[test]
fn a_late_commit_is_stamped_now_and_seen_later() {
    let mut account = Account::new();
    account.fault("write", "late_commit");
    let late = account.make("companies", json!({"name": "Late"}));
    let stamp = account.get(&format!("/crm/v3/objects/companies/{late}")).body["updatedAt"].clone();
    account.pass_ms(60_000);
    account.make("companies", json!({"name": "After"}));
    assert_eq!(names(&account.search("companies", json!({}))), ["After"]);
    account.pass_ms(60_000);
    let found = account.search("companies", json!({}));
    assert_eq!(names(&found), ["Late", "After"]);
    assert_eq!(found.body["results"][0]["updatedAt"], stamp);
}
