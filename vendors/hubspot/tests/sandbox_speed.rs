//! A million rows: keyset pages must not scan. Run by hand, optimised:
//! `cargo test --release -p syncline-hubspot --no-default-features --features sandbox --test sandbox_speed -- --ignored --nocapture`
#![cfg(feature = "sandbox")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::wildcard_enum_match_arm, reason = "a test")]

mod sandbox_support;

use sandbox_support::Account;
use serde_json::{Value, json};
use std::fmt::Write;
use std::time::{Duration, Instant};
use syncline_kit::sandbox::Sandbox;
use syncline_kit::sandbox::seed::SeedFiles;

const ROWS: u64 = 1_000_000;

fn fastest(account: &mut Account, body: &Value) -> (Duration, Value) {
    let mut best = Duration::MAX;
    let mut total = Value::Null;
    for _ in 0..5 {
        let started = Instant::now();
        let answer = account.search("contacts", body.clone());
        best = best.min(started.elapsed());
        assert_eq!(answer.status, 200, "{}", answer.body);
        total = answer.body["total"].clone();
    }
    (best, total)
}

#[test]
#[ignore = "takes a minute and needs an optimised build"]
fn a_keyset_page_of_a_million_contacts_takes_five_milliseconds() {
    let mut account = Account::new();
    let mut csv = String::from("email,firstname,lastname,city\n");
    for at in 0..ROWS {
        writeln!(csv, "person{at}@example.com,First{},Last{},City{}", at % 1_000, at % 5_000, at % 100)
            .unwrap();
    }
    let mut files = SeedFiles::default();
    files.insert("contacts", csv.into_bytes());
    let started = Instant::now();
    account.hubspot.seed(&files, account.now).unwrap();
    println!("load: {:?}", started.elapsed());
    account.pass_ms(1_000);
    let first = 1_001 + ROWS / 2;
    let started = Instant::now();
    for chunk in 0..50 {
        account.pass_ms(10);
        let rows: Vec<Value> = (0..100)
            .map(|at| json!({"id": (first + chunk * 100 + at).to_string(), "properties": {"city": "New"}}))
            .collect();
        assert_eq!(
            account.post("/crm/v3/objects/contacts/batch/update", json!({"inputs": rows})).status,
            200
        );
    }
    println!("batch update of 100: {:?}", started.elapsed() / 50);
    let stamp = |operator: &str, ms: i64| json!({"propertyName": "lastmodifieddate", "operator": operator, "value": ms.to_string()});
    let id = |operator: &str, id: u64| json!({"propertyName": "hs_object_id", "operator": operator, "value": id.to_string()});
    let loaded = 1_767_603_600_000;
    let query = |filters: Value, sort: &str| json!({"filterGroups": [{"filters": filters}], "sorts": [sort], "limit": 200, "properties": ["email", "firstname", "lastname"]});
    let cases = [
        ("modified GTE", query(json!([stamp("GTE", loaded)]), "lastmodifieddate"), ROWS),
        ("modified GTE, descending", query(json!([stamp("GTE", loaded)]), "-lastmodifieddate"), ROWS),
        (
            "modified GTE and LT",
            query(json!([stamp("GTE", loaded), stamp("LT", loaded + 1)]), "lastmodifieddate"),
            ROWS - 5_000,
        ),
        ("modified GTE, recent", query(json!([stamp("GTE", loaded + 1)]), "lastmodifieddate"), 5_000),
        ("id GT", query(json!([id("GT", first)]), "hs_object_id"), ROWS / 2 - 1),
        (
            "modified EQ and id GT",
            query(json!([stamp("EQ", loaded), id("GT", first + 9_999)]), "hs_object_id"),
            ROWS / 2 - 10_000,
        ),
        (
            "modified EQ and id GT, by stamp",
            query(json!([stamp("EQ", loaded), id("GT", first + 9_999)]), "lastmodifieddate"),
            ROWS / 2 - 10_000,
        ),
        ("everything", json!({"limit": 200}), ROWS),
        (
            "email EQ",
            query(
                json!([{"propertyName": "email", "operator": "EQ", "value": "person777@example.com"}]),
                "createdate",
            ),
            1,
        ),
    ];
    let mut slow = Vec::new();
    for (name, body, expected) in cases {
        let (took, total) = fastest(&mut account, &body);
        println!("{name}: {took:?}, total {total}");
        assert_eq!(total, expected, "{name}");
        if took > Duration::from_millis(5) {
            slow.push(name);
        }
    }
    let started = Instant::now();
    let deep = json!({"limit": 200, "after": "9800"});
    account.search("contacts", deep);
    println!("deepest offset page: {:?}", started.elapsed());
    let started = Instant::now();
    assert_eq!(account.get("/crm/v3/objects/contacts?limit=100&after=900000").status, 200);
    println!("list page: {:?}", started.elapsed());
    assert!(slow.is_empty(), "{slow:?}");
}
