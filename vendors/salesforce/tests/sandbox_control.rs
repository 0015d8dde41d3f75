//! Sessions, limits, faults, counters, clock and dump.
#![cfg(feature = "sandbox")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::wildcard_enum_match_arm, clippy::print_stdout)]

mod sandbox_support;
use sandbox_support::{Answer, Org, org, org_with};
use serde_json::{Value, json};
use syncline_kit::sandbox::{Limits, Outcome, Sandbox as _};

fn token(org: &mut Org, form: &[(&str, &str)], basic: Option<&str>) -> Answer {
    let body: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let mut builder = http::Request::post("/services/oauth2/token?x=.salesforce.com/services/oauth2/token");
    if let Some(basic) = basic {
        use base64::Engine as _;
        let coded = base64::engine::general_purpose::STANDARD.encode(basic);
        builder = builder.header("authorization", format!("Basic {coded}"));
    }
    let request = builder.body(body.into()).unwrap();
    org.send(&request)
}

fn credentials(org: &Org) -> impl Fn(&str) -> String + use<> {
    let all = org.sandbox.credentials();
    move |name: &str| all[name].as_str().unwrap().to_owned()
}

#[test]
fn every_grant_opens_a_session_and_wrong_ones_are_refused() {
    let mut org = org();
    let get = credentials(&org);
    let (id, secret, user) = (get("client_id"), get("client_secret"), get("username"));
    let password = get("password") + &get("security_token");
    let good = |grant: &'static str| {
        vec![("grant_type", grant), ("client_id", id.as_str()), ("client_secret", secret.as_str())]
    };
    let answer = token(
        &mut org,
        &[good("password"), vec![("username", user.as_str()), ("password", &password)]].concat(),
        None,
    );
    assert_eq!(answer.body["instance_url"], "http://127.0.0.1:8080");
    assert!(answer.body["id"].as_str().unwrap().ends_with(&format!(
        "/id/{}/{}",
        get("organization_id"),
        get("user_id")
    )));
    let wrong = token(
        &mut org,
        &[good("password"), vec![("username", user.as_str()), ("password", "x")]].concat(),
        None,
    );
    assert_eq!(
        (wrong.status, &wrong.body),
        (400, &json!({"error": "invalid_grant", "error_description": "authentication failure"}))
    );
    let answer = token(&mut org, &[("grant_type", "client_credentials")], Some(&format!("{id}:{secret}")));
    org.token = answer.body["access_token"].as_str().unwrap().to_owned();
    assert!(org.token.starts_with(&format!("{}!", &get("organization_id")[..15])));
    assert_eq!(org.query("SELECT Id FROM User LIMIT 1").status, 200);
    assert_eq!(
        token(&mut org, &[("grant_type", "client_credentials")], Some(&format!("{id}:x"))).body["error"],
        "invalid_client"
    );
    assert_eq!(
        token(&mut org, &[("grant_type", "client_credentials")], None).body["error"],
        "invalid_client_id"
    );
    assert_eq!(token(&mut org, &good("tea"), None).body["error"], "unsupported_grant_type");
    let refresh = get("refresh_token");
    let ask =
        [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str()), ("client_id", id.as_str())];
    assert!(token(&mut org, &ask, None).body["refresh_token"].is_null());
    org.admin(json!({"do": "set_knob", "knob": "rotate_refresh_token"}));
    assert!(token(&mut org, &ask, None).body["refresh_token"].is_string());
    let used = token(&mut org, &ask, None);
    assert_eq!(used.body["error_description"], "expired access/refresh token");
    org.admin(json!({"do": "deactivate_user", "user": user}));
    assert_eq!(token(&mut org, &good("client_credentials"), None).body["error_description"], "inactive user");
    assert_eq!(org.get("/limits").code(), "INVALID_SESSION_ID");
    assert_eq!(org.calls()["units"], 1, "signing in costs nothing");
}

#[test]
fn an_assertion_is_checked_claim_by_claim() {
    use base64::Engine as _;
    let mut org = org();
    let get = credentials(&org);
    let (id, user, now) = (get("client_id"), get("username"), org.now.as_second());
    let mut ask = |iss: &str, sub: &str, aud: &str, exp: Value| {
        let part = |value: Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string());
        let claims = json!({"iss": iss, "sub": sub, "aud": aud, "exp": exp});
        let assertion = format!("{}.{}.c2ln", part(json!({"alg": "RS256"})), part(claims));
        let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        let body = token(&mut org, &[("grant_type", grant), ("assertion", &assertion)], None).body;
        body["error_description"].as_str().unwrap_or("accepted").to_owned()
    };
    let aud = "https://login.salesforce.com";
    assert_eq!(ask(&id, &user, aud, json!(now + 180)), "accepted");
    assert_eq!(
        ask(&id, &user, "http://127.0.0.1:8080", json!((now + 180).to_string())),
        "accepted",
        "exp as text"
    );
    assert_eq!(ask("x", &user, aud, json!(now + 180)), "client identifier invalid");
    assert_eq!(ask(&id, "x", aud, json!(now + 180)), "user hasn't approved this consumer");
    assert_eq!(ask(&id, &user, "https://x", json!(now + 180)), "audience is invalid");
    assert!(ask(&id, &user, aud, json!(now)).starts_with("assertion is expired"));
    assert!(ask(&id, &user, aud, json!(now + 3600)).starts_with("assertion is expired"));
}

#[test]
fn soap_login_speaks_three_dialects_and_faults_with_prefixed_codes() {
    let mut org = org();
    let get = credentials(&org);
    let password = get("password") + &get("security_token");
    let mut soap = |path: &str, inner: &str| {
        let text = format!(
            "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body>{inner}</e:Body></e:Envelope>"
        );
        let request = http::Request::post(path).header("content-type", "text/xml").body(text.into()).unwrap();
        org.send(&request)
    };
    for (open, close) in [
        ("login xmlns=\"urn:partner.soap.sforce.com\"", "login"),
        ("n1:login", "n1:login"),
        ("urn:login", "urn:login"),
    ] {
        let p = open
            .split_once(':')
            .filter(|_| !open.contains(' '))
            .map(|(p, _)| format!("{p}:"))
            .unwrap_or_default();
        let inner = format!(
            "<{open}><{p}username>{}</{p}username><{p}password>{password}</{p}password></{close}>",
            get("username")
        );
        let answer = soap("/services/Soap/u/59.0/?x=1", &inner);
        assert_eq!((answer.status, answer.header("content-type")), (200, "text/xml;charset=UTF-8"));
        assert!(answer.text.contains(&format!(
            "<serverUrl>http://127.0.0.1:8080/services/Soap/u/59.0/{}</serverUrl>",
            &get("organization_id")[..15]
        )));
        assert!(
            answer.text.contains("<sessionId>00D")
                && answer.text.contains("<passwordExpired>false</passwordExpired>")
        );
    }
    let bad = soap("/services/Soap/u/59.0", "<login><username>x</username><password>y</password></login>");
    assert_eq!(bad.status, 500);
    assert!(bad.text.contains("<faultcode>sf:INVALID_LOGIN</faultcode>"));
    assert!(bad.text.contains("<sf:exceptionCode>INVALID_LOGIN</sf:exceptionCode>"));
    assert!(soap("/services/Soap/u/65.0", "<login/>").text.contains("UNSUPPORTED_API_VERSION"));
    assert_eq!(soap("/services/Soap/u/59.0", "<convertLead/>").status, 500);
}

#[test]
fn sessions_end_by_revocation_idleness_and_on_demand() {
    let mut org = org();
    assert_eq!(org.get("/limits").status, 200);
    org.pass(7201);
    assert_eq!(org.get("/limits").code(), "INVALID_SESSION_ID");
    let mut org = sandbox_support::org();
    let request = http::Request::post(format!("/services/oauth2/revoke?token={}", org.token))
        .body(Default::default())
        .unwrap();
    assert_eq!(org.send(&request).status, 200);
    assert_eq!(
        (org.get("/limits").status, org.get("/limits").message().to_owned()),
        (401, "Session expired or invalid".into())
    );
    let mut org = sandbox_support::org();
    let identity = format!("/id/{}/{}", credentials(&org)("organization_id"), credentials(&org)("user_id"));
    assert_eq!(org.get(&identity).body["organization_id"], credentials(&org)("organization_id"));
    org.admin(json!({"do": "expire_sessions"}));
    assert_eq!(org.get("/limits").status, 401);
    assert_eq!(org.get(&identity).status, 403);
}

#[test]
fn the_daily_limit_rolls_over_24_hours_and_is_off_when_limits_are() {
    let mut org = org();
    org.admin(json!({"do": "set_limit", "limit": "DailyApiRequests", "value": 3}));
    for used in 1..=3 {
        assert_eq!(org.get("/limits").header("sforce-limit-info"), format!("api-usage={used}/3"));
    }
    let answer = org.get("/limits");
    assert_eq!(
        (answer.status, answer.code(), answer.message()),
        (403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
    );
    assert_eq!(org.calls()["violations"][0]["limit"], "daily");
    org.admin(json!({"do": "set_knob", "knob": "session_s", "value": 1_000_000}));
    org.pass(86_400);
    assert_eq!(org.get("/limits").status, 200);
    org.admin(json!({"do": "set_limit", "limit": "ConcurrentRequests", "seconds": 30}));
    assert_eq!(org.get("/limits").message(), "ConcurrentRequests (Concurrent API Requests) Limit exceeded.");
    org.pass(31);
    assert_eq!(org.get("/limits").status, 200);
    let mut off = org_with(Limits::Off);
    off.admin(json!({"do": "set_limit", "limit": "DailyApiRequests", "value": 1}));
    off.get("/limits");
    assert_eq!(off.get("/limits").status, 200);
    assert_eq!(off.calls()["violations"], json!([]));
    off.admin(json!({"do": "api", "enabled": false}));
    assert_eq!(
        (off.get("/limits").status, off.get("/limits").code().to_owned()),
        (403, "API_DISABLED_FOR_ORG".into())
    );
}

#[test]
fn a_composite_is_one_call_and_misuse_is_a_violation() {
    let mut org = org();
    let part = |n: usize, url: &str| json!({"method": "GET", "url": format!("/services/data/v59.0{url}"), "referenceId": format!("r{n}")});
    let parts: Vec<Value> = (0..25).map(|n| part(n, "/sobjects/Lead/describe")).collect();
    assert_eq!(org.post("/composite", json!({"compositeRequest": parts})).status, 200);
    let calls = org.calls();
    assert_eq!((&calls["calls"], &calls["units"]), (&json!(1), &json!(1)));
    assert_eq!(calls["by_endpoint"]["POST /services/data/v59.0/composite"]["calls"], 1);
    let many: Vec<Value> = (0..26).map(|n| part(n, "/sobjects/Lead/describe")).collect();
    assert_eq!(org.post("/composite", json!({"compositeRequest": many})).status, 400);
    let queries: Vec<Value> = (0..6).map(|n| part(n, "/query?q=SELECT+Id+FROM+Lead")).collect();
    assert_eq!(org.post("/composite", json!({"compositeRequest": queries})).status, 400);
    let rows = vec![json!({"attributes": {"type": "Lead"}}); 201];
    assert_eq!(org.post("/composite/sobjects", json!({"records": rows})).code(), "EXCEEDED_ID_LIMIT");
    let limits: Vec<Value> =
        org.calls()["violations"].as_array().unwrap().iter().map(|v| v["limit"].clone()).collect();
    assert_eq!(json!(limits), json!(["composite_subrequests", "composite_queries", "collection_rows"]));
    org.create("Lead", json!({"LastName": "x", "Company": "y"}));
    let id = org.column("SELECT Id FROM Lead", "Id")[0].as_str().unwrap().to_owned();
    org.get(&format!("/sobjects/Lead/{id}"));
    let by = org.calls()["by_endpoint"].clone();
    assert_eq!(by["GET /services/data/v59.0/sobjects/Lead/{id}"], json!({"calls": 1, "rows": 1}));
    assert_eq!(by["POST /services/data/v59.0/sobjects/Lead"], json!({"calls": 1, "rows": 1}));
}

#[test]
fn composite_parts_refer_to_earlier_answers_and_roll_back_together() {
    let mut org = org();
    let sub = |method: &str, url: &str, name: &str, body: Value| json!({"method": method, "url": format!("/services/data/v59.0{url}"), "referenceId": name, "body": body});
    let many =
        json!({"records": [{"attributes": {"type": "Contact"}, "LastName": "c", "AccountId": "@{a.id}"}]});
    let parts = [
        sub("POST", "/sobjects/Account", "a", json!({"Name": "A"})),
        sub("POST", "/composite/sobjects", "c", many),
        sub("GET", "/query?q=SELECT+Id,Account.Name+FROM+Contact+WHERE+Id='@{c[0].id}'", "q", Value::Null),
        sub(
            "PATCH",
            "/sobjects/Contact/@{q.records[0].Id}",
            "p",
            json!({"Title": "of @{q.records[0].Account.Name}"}),
        ),
    ];
    let answer = org.post("/composite", json!({"allOrNone": true, "compositeRequest": parts}));
    let list = answer.body["compositeResponse"].as_array().unwrap();
    assert_eq!(
        list.iter().map(|r| r["httpStatusCode"].as_i64().unwrap()).collect::<Vec<_>>(),
        [201, 200, 200, 204],
        "{}",
        answer.text
    );
    assert!(
        list[0]["httpHeaders"]["Location"]
            .as_str()
            .unwrap()
            .starts_with("/services/data/v59.0/sobjects/Account/001")
    );
    assert_eq!((&list[0]["referenceId"], &list[3]["body"]), (&json!("a"), &Value::Null));
    assert_eq!(org.column("SELECT Title FROM Contact", "Title"), [json!("of A")]);
    let parts = [
        sub("POST", "/sobjects/Account", "a", json!({"Name": "B"})),
        sub("POST", "/sobjects/Contact", "bad", json!({})),
        sub("PATCH", "/sobjects/Contact/@{bad.id}", "dep", json!({})),
        sub("GET", "/limits", "no", Value::Null),
    ];
    let kept = org.post("/composite", json!({"compositeRequest": parts}));
    let codes: Vec<Value> =
        (1..4).map(|i| kept.body["compositeResponse"][i]["body"][0]["errorCode"].clone()).collect();
    assert_eq!(codes, [json!("REQUIRED_FIELD_MISSING"), json!("PROCESSING_HALTED"), json!("NOT_FOUND")]);
    assert_eq!(org.query("SELECT Id FROM Account").body["totalSize"], 2);
    let rolled = org.post("/composite", json!({"allOrNone": true, "compositeRequest": parts}));
    let first = &rolled.body["compositeResponse"][0];
    assert_eq!(
        (&first["httpStatusCode"], &first["body"][0]["errorCode"]),
        (&json!(400), &json!("PROCESSING_HALTED"))
    );
    assert_eq!(rolled.body["compositeResponse"][1]["body"][0]["errorCode"], "REQUIRED_FIELD_MISSING");
    assert_eq!(org.query("SELECT Id FROM Account").body["totalSize"], 2);
    for bad in [
        json!({"compositeRequest": [sub("GET", "/sobjects", "a-b", Value::Null)]}),
        json!({"compositeRequest": [sub("GET", "/sobjects", "a", Value::Null), sub("GET", "/sobjects", "a", Value::Null)]}),
        json!({}),
    ] {
        assert_eq!(org.post("/composite", bad).status, 400);
    }
}

fn fault(org: &mut Org, kind: &str) {
    org.faults(json!([{"match": "write", "nth": 1, "do": kind}]));
}

#[test]
fn each_fault_answers_as_salesforce_or_its_network_would() {
    let mut org = org();
    let account = |org: &mut Org| org.post("/sobjects/Account", json!({"Name": "a"}));
    let count = |org: &mut Org| org.query("SELECT COUNT() FROM Account").body["totalSize"].as_i64().unwrap();
    for (kind, status, code) in [
        ("rate_limited", 403, "REQUEST_LIMIT_EXCEEDED"),
        ("server_error", 500, "UNKNOWN_EXCEPTION"),
        ("row_lock", 400, "UNABLE_TO_LOCK_ROW"),
    ] {
        fault(&mut org, kind);
        let answer = account(&mut org);
        assert_eq!((answer.status, answer.code()), (status, code));
        assert_eq!(count(&mut org), 0, "{kind}");
    }
    fault(&mut org, "html_error");
    let answer = account(&mut org);
    assert_eq!((answer.status, answer.header("content-type")), (502, "text/html;charset=UTF-8"));
    assert_eq!(count(&mut org), 0);
    let request = org.request("POST", "/sobjects/Account", Some(&json!({"Name": "a"})));
    fault(&mut org, "commit_then_timeout");
    assert!(matches!(org.outcome(&request), Outcome::Hang));
    fault(&mut org, "commit_then_reset");
    assert!(matches!(org.outcome(&request), Outcome::Reset));
    fault(&mut org, "truncated_body");
    assert!(
        matches!(org.outcome(&request), Outcome::Truncated(response, cut) if cut < response.body().len())
    );
    assert_eq!(count(&mut org), 3, "carried out all the same");
    fault(&mut org, "stale_index");
    assert_eq!(account(&mut org).status, 201, "means nothing to SOQL");
    fault(&mut org, "token_expired");
    assert_eq!(account(&mut org).code(), "INVALID_SESSION_ID");
    assert_eq!(account(&mut org).status, 401, "until it is refreshed");
}

#[test]
fn a_late_commit_is_stamped_now_and_seen_later() {
    let mut org = org();
    let old = org.create("Account", json!({"Name": "old"}));
    org.pass(10);
    fault(&mut org, "late_commit");
    let rows = json!({"records": [{"attributes": {"type": "Account"}, "id": old, "Name": "renamed"}]});
    assert_eq!(org.patch("/composite/sobjects", rows).body[0]["success"], true);
    org.faults(json!([{"match": "write", "nth": 1, "do": "late_commit"}]));
    let new = org.create("Account", json!({"Name": "new"}));
    let soql = "SELECT Name, SystemModstamp FROM Account ORDER BY SystemModstamp, Id";
    assert_eq!(org.column(soql, "Name"), [json!("old")], "the version before the commit");
    assert_eq!(org.column("SELECT Name FROM Account WHERE Name = 'old'", "Name"), [json!("old")]);
    assert_eq!(org.get(&format!("/sobjects/Account/{new}")).code(), "NOT_FOUND");
    org.pass(2);
    assert_eq!(org.query(soql).body["totalSize"], 1);
    org.pass(1);
    assert_eq!(org.column(soql, "Name"), [json!("renamed"), json!("new")]);
    assert_eq!(
        org.column(soql, "SystemModstamp"),
        vec![json!("2026-05-04T12:00:10.000+0000"); 2],
        "stamped before it was seen"
    );
}

#[test]
fn rules_choose_requests_by_kind_and_signing_in_is_neither() {
    let mut org = org();
    org.faults(json!([{"match": "read", "every": 1, "do": "server_error"}]));
    assert_eq!(org.get("/limits").status, 500);
    let retrieve = json!({"ids": [], "fields": ["Id"]});
    assert_eq!(org.post("/composite/sobjects/Account", retrieve).status, 500, "retrieving is reading");
    let read = json!({"method": "GET", "url": "/services/data/v59.0/sobjects", "referenceId": "a"});
    assert_eq!(
        org.post("/composite", json!({"compositeRequest": [read]})).status,
        500,
        "so is a composite of reads"
    );
    assert_eq!(org.post("/sobjects/Account", json!({"Name": "x"})).status, 201);
    org.faults(json!([{"match": "write", "every": 1, "do": "server_error"}]));
    let get = credentials(&org);
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &get("client_id")),
        ("client_secret", &get("client_secret")),
    ];
    assert_eq!(token(&mut org, &form, None).status, 200);
    org.faults(json!([{"match": "POST /services/oauth2/token", "do": "html_error"}]));
    assert_eq!(token(&mut org, &form, None).status, 502);
}

#[test]
fn the_dump_holds_every_row_as_stored() {
    let mut org = org();
    let id = org.create("Account", json!({"Name": "a", "AnnualRevenue": 5, "NumberOfEmployees": 5}));
    org.admin(json!({"do": "hide_field", "object": "Account", "field": "Name"}));
    org.delete(&format!("/sobjects/Account/{id}"));
    let dump = org.get("/__sandbox/dump").body;
    assert_eq!(
        (&dump["vendor"], &dump["now"], &dump["associations"]),
        (&json!("salesforce"), &json!("2026-05-04T12:00:00Z"), &json!([]))
    );
    let row = &dump["objects"]["Account"][0];
    assert_eq!(
        (&row["Id"], &row["IsDeleted"], &row["Name"], &row["ParentId"]),
        (&json!(id), &json!(true), &json!("a"), &Value::Null)
    );
    assert_eq!(
        (row["AnnualRevenue"].to_string(), row["NumberOfEmployees"].to_string()),
        ("5.0".into(), "5".into())
    );
    assert!(row.get("BillingAddress").is_none());
    assert_eq!(dump["objects"]["OpportunityStage"].as_array().unwrap().len(), 10);
    let one = org.get("/__sandbox/dump?object=Account").body;
    assert_eq!(one["objects"].as_object().unwrap().keys().collect::<Vec<_>>(), ["Account"]);
    let lines = org.with("accept", "application/x-ndjson", |org| org.get("/__sandbox/dump?object=Account"));
    let lines: Vec<Value> = lines.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[1]["object"], &lines[1]["Id"]), (2, &json!("Account"), &json!(id)));
    assert_eq!(org.get("/__sandbox/dump?object=Foo").status, 404);
    assert_eq!(org.calls()["calls"], 2, "control calls are not counted");
}

#[test]
fn the_clock_moves_stamps_and_the_date_header() {
    let mut org = org();
    assert_eq!(org.post("/__sandbox/clock", json!({"set": "2030-01-01T00:00:00Z"})).status, 200);
    org.pass(5);
    let id = org.create("Account", json!({"Name": "a"}));
    assert_eq!(org.row("Account", &id)["CreatedDate"], "2030-01-01T00:00:05.000+0000");
    assert_eq!(org.get("/limits").header("date"), "Tue, 01 Jan 2030 00:00:05 GMT");
    assert_eq!(
        org.post("/__sandbox/clock", json!({"advance_s": 60, "set": "2030-01-01T00:00:00Z"})).status,
        400
    );
}

#[test]
fn the_org_can_be_refreshed_and_two_orgs_differ() {
    let mut org = org();
    let before = org.column("SELECT Id FROM Organization", "Id");
    let after = org.admin(json!({"do": "refresh_org"}))["organization_id"].clone();
    assert_ne!(before[0], after);
    assert_eq!(org.column("SELECT Id FROM Organization", "Id"), std::slice::from_ref(&after));
    assert_eq!(org.sandbox.credentials()["organization_id"], after);
    let other = syncline_salesforce::sandbox::Salesforce::new(Limits::Real, 2).credentials();
    let same = syncline_salesforce::sandbox::Salesforce::new(Limits::Real, 1).credentials();
    assert_ne!(other["organization_id"], before[0]);
    assert_ne!(other["access_token"], same["access_token"]);
    assert_eq!(json!(org.token), same["access_token"], "the same number, the same org");
}

#[test]
fn paths_versions_and_bodies_outside_the_api_are_refused() {
    let mut org = org();
    assert_eq!(org.get("/services/data/").body[0]["version"], "30.0");
    assert_eq!(org.get("/services/data").body.as_array().unwrap().last().unwrap()["label"], "Winter '27");
    assert_eq!(org.get("/services/data/v29.0/limits").code(), "NOT_FOUND");
    assert_eq!(org.get("/services/data/v68.0/limits/").status, 200);
    assert!(org.get("/services/data/v59.0/").body["identity"].as_str().unwrap().contains("/id/00D"));
    assert_eq!(org.get("/nonsense").code(), "NOT_FOUND");
    assert_eq!(
        (org.delete("/limits").status, org.delete("/limits").code().to_owned()),
        (405, "METHOD_NOT_ALLOWED".into())
    );
    let request = http::Request::post("/services/data/v59.0/sobjects/Account")
        .header("authorization", format!("OAuth {}", org.token))
        .body("{".into())
        .unwrap();
    assert_eq!(org.send(&request).code(), "JSON_PARSER_ERROR");
    assert_eq!(org.post("/sobjects/Account", json!([])).code(), "JSON_PARSER_ERROR");
    let tunnelled = org.create("Account", json!({"Name": "x"}));
    assert_eq!(
        org.post(&format!("/sobjects/Account/{tunnelled}?_HttpMethod=PATCH"), json!({"Phone": "1"})).status,
        204
    );
}
