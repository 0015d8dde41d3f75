//! SOQL and what goes with it: pages, cursors, describe, updated and deleted.
#![cfg(feature = "sandbox")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::wildcard_enum_match_arm, clippy::print_stdout)]

mod sandbox_support;
use sandbox_support::{Org, encode, org};
use serde_json::{Value, json};

fn total(org: &mut Org, soql: &str) -> i64 {
    let answer = org.query(soql);
    assert_eq!(answer.status, 200, "{soql}: {}", answer.text);
    answer.body["totalSize"].as_i64().unwrap()
}

fn people(org: &mut Org) -> String {
    let account = org.create("Account", json!({"Name": "Acme", "Industry": "Banking", "AnnualRevenue": 10}));
    for (name, title, email) in [
        ("Abe", "b", Some("Abe@x.co")),
        ("Bea", "a", None),
        ("Cy_d", "b", Some("c%y@x.co")),
        ("O'Neil", "", None),
    ] {
        org.create(
            "Contact",
            json!({"LastName": name, "Title": title, "Email": email, "AccountId": account}),
        );
    }
    org.create("Contact", json!({"LastName": "Orphan"}));
    account
}

#[test]
fn conditions_compare_as_soql_does() {
    let mut org = org();
    people(&mut org);
    for (cond, n) in [
        ("LastName = 'aBE'", 1),
        ("LastName != 'Abe'", 4),
        ("Title = null", 2),
        ("Title = ''", 2),
        ("Title != 'b'", 3),
        ("LastName LIKE '_b%'", 1),
        ("LastName LIKE '%\\_%'", 1),
        ("LastName LIKE 'cy_d'", 1),
        ("LastName = 'O\\'Neil'", 1),
        ("LastName >= 'bea' AND LastName < 'o'", 2),
        ("LastName IN ('Abe', 'bea', 'none')", 2),
        ("LastName NOT IN ('Abe', 'bea')", 3),
        ("(LastName = 'Abe' OR LastName = 'Bea') AND Title = 'b'", 1),
        ("(NOT LastName LIKE 'a%')", 4),
        ("NOT (Title = 'a' OR Title = 'b')", 2),
        ("Account.Name = 'ACME'", 4),
        ("Account.Name = null", 1),
        ("Account.Industry = 'banking' AND Account.Owner.IsActive = true", 4),
        ("Account.AnnualRevenue = 10.0", 4),
        ("DoNotCall = false", 5),
        ("DoNotCall = null", 0),
        ("CreatedDate = TODAY", 5),
        ("CreatedDate > TODAY", 0),
        ("CreatedDate = LAST_N_DAYS:1", 5),
        ("CreatedDate >= 2026-05-04T12:00:00Z AND CreatedDate <= 2026-05-04T14:00:00+02:00", 5),
        ("CreatedDate < 2026-05-04T12:00:00.000Z", 0),
        ("Id > '000000000000000'", 5),
        ("Id IN ('nonsense0000000')", 0),
    ] {
        assert_eq!(total(&mut org, &format!("SELECT Id FROM Contact WHERE {cond}")), n, "{cond}");
    }
    assert_eq!(total(&mut org, "select c.id, c.account.name from contact as c where c.lastname = 'Abe'"), 1);
    assert_eq!(
        total(
            &mut org,
            "SELECT Contact.Id FROM Contact USING SCOPE everything WHERE Id != null WITH USER_MODE FOR VIEW"
        ),
        5
    );
    let lost_plus = "/query?q=SELECT+Id+FROM+Contact+WHERE+CreatedDate+>=+2026-05-04T12:00:00+00:00"
        .replace(">=", "%3E%3D");
    assert_eq!(org.get(&lost_plus).body["totalSize"], 5);
}

#[test]
fn rows_come_in_order_and_in_the_selected_shape() {
    let mut org = org();
    let account = people(&mut org);
    let names =
        |org: &mut Org, rest: &str| org.column(&format!("SELECT LastName FROM Contact {rest}"), "LastName");
    assert_eq!(names(&mut org, "ORDER BY Title, LastName DESC"), ["Orphan", "O'Neil", "Bea", "Cy_d", "Abe"]);
    assert_eq!(
        names(&mut org, "ORDER BY Title DESC NULLS LAST, LastName"),
        ["Abe", "Cy_d", "Bea", "O'Neil", "Orphan"]
    );
    assert_eq!(
        names(&mut org, "ORDER BY Account.Name NULLS LAST, LastName LIMIT 2 OFFSET 3"),
        ["O'Neil", "Orphan"]
    );
    assert_eq!(names(&mut org, "ORDER BY Id DESC LIMIT 1"), ["Orphan"]);
    assert_eq!(names(&mut org, "LIMIT 0"), Vec::<Value>::new());
    let answer = org.query("SELECT Title, Id, Account.Industry, LastName, Account.Owner.Name, DoNotCall FROM Contact WHERE LastName = 'Abe'");
    let id = answer.records()[0]["Id"].as_str().unwrap().to_owned();
    let expected = format!(
        "{{\"attributes\":{{\"type\":\"Contact\",\"url\":\"/services/data/v59.0/sobjects/Contact/{id}\"}},\"Title\":\"b\",\
         \"Id\":\"{id}\",\"Account\":{{\"attributes\":{{\"type\":\"Account\",\"url\":\
         \"/services/data/v59.0/sobjects/Account/{account}\"}},\"Industry\":\"Banking\",\"Owner\":{{\"attributes\":"
    );
    assert!(answer.text.contains(&expected), "{}", answer.text);
    let answer = org.query("SELECT Name, (SELECT LastName FROM Contacts WHERE Title = 'b' ORDER BY LastName DESC), (SELECT Id FROM Opportunities) FROM Account");
    let row = &answer.records()[0];
    assert_eq!(
        (&row["Contacts"]["totalSize"], &row["Contacts"]["records"][0]["LastName"]),
        (&json!(2), &json!("Cy_d"))
    );
    assert_eq!(row["Opportunities"], Value::Null);
    let owner = org.create("Lead", json!({"LastName": "x", "Company": "y"}));
    let answer = org.query(&format!("SELECT Owner.Name, Owner.Type FROM Lead WHERE Id = '{owner}'"));
    assert_eq!(answer.records()[0]["Owner"]["Type"], "User");
    assert_eq!(total(&mut org, "SELECT Id FROM Lead WHERE Owner.Type = 'user'"), 1);
    assert_eq!(total(&mut org, "SELECT Id FROM Lead WHERE Owner.Type = 'Queue'"), 0);
    assert_eq!(answer.records()[0]["Owner"]["attributes"]["type"], "Name");
}

#[test]
fn what_stands_outside_the_grammar_is_refused_by_name() {
    let mut org = org();
    for (soql, code, part) in [
        (
            "SELECT Foo FROM Lead",
            "INVALID_FIELD",
            "ERROR at Row:1:Column:8\nNo such column 'Foo' on entity 'Lead'",
        ),
        ("SELECT Id FROM Foo", "INVALID_TYPE", "sObject type 'Foo' is not supported."),
        ("SELECT Id FROM Lead WHERE", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
        ("SELECT Id, FROM Lead", "MALFORMED_QUERY", "unexpected token: 'FROM'"),
        (
            "SELECT Id FROM Lead WHERE Name = 'a' AND Name = 'b' OR Name = 'c'",
            "MALFORMED_QUERY",
            "unexpected token: 'OR'",
        ),
        ("SELECT Id FROM Lead WHERE Name = 'a", "MALFORMED_QUERY", "unterminated"),
        ("SELECT SUM(Amount) FROM Opportunity", "MALFORMED_QUERY", "SUM() is not supported by this sandbox"),
        (
            "SELECT StageName FROM Opportunity GROUP BY StageName",
            "MALFORMED_QUERY",
            "GROUP BY is not supported",
        ),
        (
            "SELECT TYPEOF Owner WHEN User THEN Name END FROM Lead",
            "MALFORMED_QUERY",
            "TYPEOF is not supported",
        ),
        (
            "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact)",
            "MALFORMED_QUERY",
            "semi-join is not supported",
        ),
        ("SELECT Id FROM Lead WHERE Name = :x", "MALFORMED_QUERY", "bind variable is not supported"),
        ("SELECT Id FROM Lead WHERE CreatedDate = SOMEDAY", "MALFORMED_QUERY", "unexpected token: 'SOMEDAY'"),
        (
            "SELECT Id FROM Lead WHERE Name = 5",
            "INVALID_FIELD",
            "must be of type string and should be enclosed in quotes",
        ),
        (
            "SELECT Id FROM Lead WHERE IsConverted = 'x'",
            "INVALID_FIELD",
            "must be of type boolean and should not be",
        ),
        (
            "SELECT Id FROM Opportunity WHERE CloseDate > 2026-01-01T00:00:00Z",
            "INVALID_FIELD",
            "must be of type date",
        ),
        (
            "SELECT Id FROM Lead WHERE Description = 'x'",
            "INVALID_FIELD",
            "field 'Description' can not be filtered",
        ),
        ("SELECT Id FROM Lead ORDER BY Address", "INVALID_FIELD", "field 'Address' can not be sorted"),
        ("SELECT Id FROM Lead WHERE Id = 'abc'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: Id"),
        ("SELECT Foo.Name FROM Contact", "INVALID_FIELD", "Didn't understand relationship 'Foo'"),
        (
            "SELECT Id, (SELECT Id FROM Foos) FROM Account",
            "INVALID_TYPE",
            "Didn't understand relationship 'Foos'",
        ),
        ("SELECT Id Name FROM Contact", "MALFORMED_QUERY", "only aggregate expressions use field aliasing"),
        ("SELECT Id, Id FROM Contact", "INVALID_FIELD", "duplicate field selected: Id"),
        ("SELECT FIELDS(ALL) FROM Contact", "MALFORMED_QUERY", "LIMIT of at most 200"),
        ("SELECT Id FROM Contact LIMIT 1 OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset"),
    ] {
        let answer = org.query(soql);
        assert_eq!((answer.status, answer.code()), (400, code), "{soql}: {}", answer.text);
        assert!(answer.message().contains(part), "{soql}: {}", answer.message());
    }
    let long = format!("SELECT Id FROM Lead WHERE Name = '{}'", "x".repeat(4001));
    assert_eq!(org.query(&long).code(), "MALFORMED_QUERY");
    assert_eq!(org.query(&format!("SELECT Id FROM Lead WHERE Name = '{}'", "x".repeat(17_000))).status, 414);
}

#[test]
fn long_results_come_in_pages_bound_to_their_session() {
    let mut org = org();
    org.admin(json!({"do": "set_knob", "knob": "page_size", "value": 2}));
    for n in 0..5 {
        org.create("Lead", json!({"LastName": format!("L{n}"), "Company": "x"}));
    }
    let first = org.query("SELECT LastName FROM Lead ORDER BY LastName");
    assert_eq!((&first.body["totalSize"], &first.body["done"]), (&json!(5), &json!(false)));
    let next = first.body["nextRecordsUrl"].as_str().unwrap().to_owned();
    assert!(next.starts_with("/services/data/v59.0/query/01g") && next.ends_with("YAA-2"), "{next}");
    let second = org.get(&next.replace("/query/", "/queryAll/"));
    assert_eq!(second.records()[0]["LastName"], "L2");
    let last = org.get(&next.replace("-2", "-4"));
    assert_eq!((&last.body["done"], last.records().len()), (&json!(true), 1));
    assert_eq!(org.get(&next.replace("-2", "-9")).code(), "INVALID_QUERY_LOCATOR");
    let own = org.token.clone();
    org.token = fresh_token(&mut org);
    assert_eq!(org.get(&next).code(), "INVALID_QUERY_LOCATOR", "another session's");
    for _ in 0..10 {
        org.query("SELECT Id FROM Lead");
    }
    org.token = own;
    assert_eq!(org.get(&next).code(), "INVALID_QUERY_LOCATOR", "the eleventh cursor closed it");
    let answer = org.with("sforce-query-options", "batchSize=200", |org| org.query("SELECT Id FROM Lead"));
    assert_eq!(answer.records().len(), 2, "the smaller of knob and wish");
}

fn fresh_token(org: &mut Org) -> String {
    use syncline_kit::sandbox::Sandbox as _;
    let credentials = org.sandbox.credentials();
    let get = |name: &str| credentials[name].as_str().unwrap().to_owned();
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}",
        get("client_id"),
        get("client_secret")
    );
    let request = http::Request::post("/services/oauth2/token/").body(form.into()).unwrap();
    org.send(&request).body["access_token"].as_str().unwrap().to_owned()
}

#[test]
fn the_keyset_reads_each_row_once_also_within_one_second() {
    let mut org = org();
    for n in 0..7 {
        org.create("Contact", json!({"LastName": format!("C{n}")}));
        if n == 4 {
            org.pass(60);
        }
    }
    let (mut stamp, mut id, mut seen) =
        ("2020-01-01T00:00:00Z".to_owned(), "000000000000000".to_owned(), Vec::new());
    loop {
        let soql = format!(
            "SELECT Id, LastName, SystemModstamp FROM Contact WHERE SystemModstamp <= 2026-05-05T00:00:00Z AND \
             ((SystemModstamp > {stamp}) OR (SystemModstamp = {stamp} AND Id > '{id}')) \
             ORDER BY SystemModstamp, Id LIMIT 2"
        );
        let answer = org.query_all(&soql);
        let Some(last) = answer.records().last() else { break };
        id = last["Id"].as_str().unwrap().to_owned();
        stamp = last["SystemModstamp"].as_str().unwrap().replace("+0000", "Z");
        seen.extend(answer.records().iter().map(|r| r["LastName"].clone()));
    }
    assert_eq!(json!(seen), json!(["C0", "C1", "C2", "C3", "C4", "C5", "C6"]));
}

#[test]
fn the_recycle_bin_shows_in_query_all_for_fifteen_days() {
    let mut org = org();
    org.admin(json!({"do": "set_knob", "knob": "session_s", "value": 10_000_000}));
    let id = org.create("Contact", json!({"LastName": "x"}));
    org.pass(60);
    org.delete(&format!("/sobjects/Contact/{id}"));
    let soql = "SELECT Id, IsDeleted, SystemModstamp FROM Contact";
    assert_eq!(org.query(soql).body["totalSize"], 0);
    let binned = org.query_all(soql);
    assert_eq!(binned.records()[0]["IsDeleted"], true);
    assert_eq!(
        binned.records()[0]["SystemModstamp"],
        "2026-05-04T12:01:00.000+0000",
        "a deletion moves the stamp"
    );
    assert_eq!(org.query("SELECT Id FROM Contact ALL ROWS").body["totalSize"], 1);
    assert_eq!(org.post("/__sandbox/clock", json!({"advance_s": 15 * 86_400 - 1})).status, 200);
    assert_eq!(org.query_all(soql).body["totalSize"], 1);
    org.pass(2);
    assert_eq!(org.query_all(soql).body["totalSize"], 0);
    assert_eq!(org.get(&format!("/sobjects/Contact/{id}")).code(), "NOT_FOUND");
    let (start, end) = (encode("2026-05-04T12:02:00+00:00"), encode("2026-05-20T00:00:00+00:00"));
    let log = org.get(&format!("/sobjects/Contact/deleted?start={start}&end={end}"));
    assert_eq!(log.body["deletedRecords"], json!([]), "deleted before the window: {}", log.text);
}

#[test]
fn updated_and_deleted_list_a_window_of_changes() {
    let mut org = org();
    let (a, b) = (
        org.create("Lead", json!({"LastName": "a", "Company": "x"})),
        org.create("Lead", json!({"LastName": "b", "Company": "x"})),
    );
    org.pass(120);
    org.delete(&format!("/sobjects/Lead/{b}"));
    org.pass(120);
    let window = |from: &str, to: &str| format!("start={}&end={}", encode(from), encode(to));
    let both = window("2026-05-04T11:00:00+00:00", "2026-05-04T13:00:00Z");
    let updated = org.get(&format!("/sobjects/Lead/updated?{both}")).body;
    assert_eq!(updated, json!({"ids": [a], "latestDateCovered": "2026-05-04T12:04:00.000+0000"}));
    let deleted = org.get(&format!("/sobjects/Lead/deleted/?{both}")).body;
    assert_eq!(deleted["deletedRecords"], json!([{"id": b, "deletedDate": "2026-05-04T12:02:00.000+0000"}]));
    assert_eq!(deleted["earliestDateAvailable"], "2026-04-19T12:04:00.000+0000");
    for bad in [
        window("2026-05-04T13:00:00Z", "2026-05-04T12:00:00Z"),
        window("2026-05-04T12:00:10Z", "2026-05-04T12:00:50Z"),
        window("2026-04-01T12:00:00Z", "2026-05-04T12:00:00Z"),
        "start=x&end=y".to_owned(),
    ] {
        assert_eq!(
            org.get(&format!("/sobjects/Lead/deleted?{bad}")).code(),
            "INVALID_REPLICATION_DATE",
            "{bad}"
        );
    }
}

#[test]
fn describe_tells_fields_children_and_changes() {
    let mut org = org();
    let all = org.get("/sobjects/").body;
    assert_eq!((&all["encoding"], &all["maxBatchSize"]), (&json!("UTF-8"), &json!(200)));
    let contact = org.get("/sobjects/contact/describe").body;
    let field = |body: &Value, name: &str| {
        body["fields"].as_array().unwrap().iter().find(|f| f["name"] == name).cloned()
    };
    let account = field(&contact, "AccountId").unwrap();
    assert_eq!(
        (&account["type"], &account["referenceTo"], &account["nillable"]),
        (&json!("reference"), &json!(["Account"]), &json!(true))
    );
    assert!(field(&contact, "Syncline_Id__c").is_none(), "the org starts without it");
    let last = org.get("/sobjects/Contact/describe").header("last-modified").to_owned();
    let describe = |org: &mut Org| org.get("/sobjects/Contact/describe");
    assert_eq!(org.with("if-modified-since", &last, describe).status, 304);
    org.admin(json!({"do": "add_field", "object": "Contact", "name": "Syncline_Id__c", "length": 36, "external_id": true, "unique": true}));
    let after = org.with("if-modified-since", &last, describe);
    let added = field(&after.body, "Syncline_Id__c").unwrap();
    assert_eq!(
        (&added["externalId"], &added["length"], &added["idLookup"]),
        (&json!(true), &json!(36), &json!(true))
    );
    org.admin(json!({"do": "hide_field", "object": "Contact", "field": "Phone"}));
    assert!(field(&describe(&mut org).body, "Phone").is_none());
    org.admin(json!({"do": "readonly_field", "object": "Contact", "field": "Fax"}));
    assert_eq!(field(&describe(&mut org).body, "Fax").unwrap()["updateable"], false);
    org.admin(json!({"do": "remove_field", "object": "Contact", "field": "Syncline_Id__c"}));
    assert_eq!(org.query("SELECT Syncline_Id__c FROM Contact").code(), "INVALID_FIELD");
    assert_eq!(org.get("/sobjects/Foo/describe").code(), "NOT_FOUND");
    assert_eq!(org.get("/sobjects/Contact").body["objectDescribe"]["keyPrefix"], "003");
}

/// `NOT (NOT c)` keeps the planner from seeing through `c`, so it reads every row; `c` itself may take any index.
#[test]
fn indexes_never_change_what_a_condition_finds() {
    let mut org = org();
    org.admin(json!({"do": "add_field", "object": "Contact", "name": "Key__c", "external_id": true}));
    let mut text = String::from("LastName,Email,Key__c,Title,Account.Name,SystemModstamp\n");
    let mut state = 1u64;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for n in 0..300 {
        let key = random(40);
        text += &format!(
            "L{},p{}@x.co,{},T{},{},2026-01-01T00:00:{:02}Z\n",
            random(9),
            random(9),
            if key < 30 { format!("K{key}") } else { String::new() },
            n % 3,
            if n % 4 == 0 { "" } else { "A" },
            random(8)
        );
    }
    let mut seeds = syncline_kit::sandbox::seed::SeedFiles::default();
    seeds.insert("Contact", text.into_bytes());
    seeds.insert("Account", b"Name\nA\n".to_vec());
    use syncline_kit::sandbox::Sandbox as _;
    org.sandbox.seed(&seeds, org.now).unwrap();
    let ids = org.column("SELECT Id FROM Contact ORDER BY Id", "Id");
    for n in 0..20 {
        org.delete(&format!("/sobjects/Contact/{}", ids[n * 7].as_str().unwrap()));
    }
    let account = org.column("SELECT Id FROM Account", "Id")[0].as_str().unwrap().to_owned();
    for round in 0..400 {
        let mut leaf = || {
            let (second, id) = (random(8), ids[random(300) as usize].as_str().unwrap().to_owned());
            let op = ["<", "<=", "=", ">=", ">", "!="][random(6) as usize];
            match random(8) {
                0 | 1 => format!("SystemModstamp {op} 2026-01-01T00:00:0{second}Z"),
                2 | 3 => format!("Id {op} '{id}'"),
                4 => format!("Email IN ('P{}@x.co', 'none')", random(9)),
                5 => format!("Key__c = 'k{}'", random(40)),
                6 => format!("AccountId = '{account}'"),
                _ => format!("Title != 'T{}'", random(3)),
            }
        };
        let inner = [leaf(), leaf()].join(" AND ");
        let cond = match round % 4 {
            0 => format!("({inner})"),
            1 => format!("(({}) OR ({inner}))", leaf()),
            2 => format!("({} AND (({}) OR ({inner})))", leaf(), leaf()),
            _ => format!("({} OR {})", leaf(), leaf()),
        };
        let order =
            ["", "ORDER BY SystemModstamp, Id", "ORDER BY Id DESC", "ORDER BY LastName, Id"][round % 4];
        let rest = format!("{order} LIMIT {}", [5, 50, 2000][round % 3]);
        let mut find = |cond: &str| {
            let answer = org.query_all(&format!("SELECT Id FROM Contact WHERE {cond} {rest}"));
            answer.records().iter().map(|r| r["Id"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(find(&cond), find(&format!("(NOT (NOT {cond}))")), "{cond} {rest}");
    }
}
