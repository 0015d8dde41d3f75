//! Tokens, scopes, limits and faults.
#![cfg(feature = "sandbox")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::wildcard_enum_match_arm, reason = "a test")]

mod sandbox_support;

use sandbox_support::{Account, Answer};
use serde_json::{Value, json};
use syncline_kit::sandbox::{Limits, Outcome, Sandbox};

const CONTACTS: &str = "/crm/v3/objects/contacts";

fn credential(account: &Account, name: &str) -> String {
    let all = account.hubspot.credentials();
    all[name].as_str().map_or_else(|| all[name].to_string(), str::to_owned)
}

fn form(account: &mut Account, path: &str, pairs: &[(&str, &str)]) -> Answer {
    let (id, secret) = (credential(account, "client_id"), credential(account, "client_secret"));
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.append_pair("client_id", &id).append_pair("client_secret", &secret).extend_pairs(pairs);
    account.raw("POST", path, Some(&body.finish()), None)
}

#[test]
fn a_call_without_a_token_is_401() {
    let mut account = Account::new();
    for token in [None, Some("pat-na1-wrong")] {
        let refused = account.raw("GET", CONTACTS, None, token);
        assert_eq!((refused.status, &refused.body["category"]), (401, &json!("INVALID_AUTHENTICATION")));
        assert!(refused.message().starts_with("Authentication credentials not found."));
    }
}

#[test]
fn a_refresh_gives_a_token_for_half_an_hour() {
    let mut account = Account::new();
    let refresh = credential(&account, "refresh_token");
    let pairs = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    for path in ["/oauth/v1/token", "/oauth/v3/token", "/oauth/2026-03/token"] {
        let token = form(&mut account, path, &pairs);
        assert_eq!((token.status, &token.body["expires_in"]), (200, &json!(1_800)), "{path}");
        assert_eq!(
            (&token.body["refresh_token"], &token.body["token_type"]),
            (&json!(refresh), &json!("bearer"))
        );
        let access = token.body["access_token"].as_str().unwrap().to_owned();
        assert_eq!(account.raw("GET", CONTACTS, None, Some(&access)).status, 200);
        let info = account.raw("GET", &format!("/oauth/v1/access-tokens/{access}"), None, None);
        assert_eq!(info.body["token_type"], "access");
        assert_eq!(info.body["expires_in"], 1_800);
        account.pass_ms(1_800_000);
        let expired = account.raw("GET", CONTACTS, None, Some(&access));
        assert_eq!((expired.status, &expired.body["category"]), (401, &json!("EXPIRED_AUTHENTICATION")));
    }
    assert_eq!(account.calls()["calls"], 6, "token requests are not billed");
}

#[test]
fn a_code_is_traded_once_and_only_for_its_own_address() {
    let mut account = Account::new();
    let id = credential(&account, "client_id");
    let consent = |account: &mut Account| {
        let target = format!(
            "/oauth/authorize?client_id={id}&redirect_uri=http%3A%2F%2F127.0.0.1%3A1%2Fcb&scope=crm.objects.contacts.read&state=s1"
        );
        let answer = account.raw("GET", &target, None, None);
        assert_eq!(answer.status, 302);
        let location = answer.header("location").unwrap().to_owned();
        assert!(location.ends_with("&state=s1"));
        location.split_once("code=").unwrap().1.split('&').next().unwrap().to_owned()
    };
    let code = consent(&mut account);
    let pairs = |redirect: &'static str| [("grant_type", "authorization_code"), ("redirect_uri", redirect)];
    let trade = |account: &mut Account, code: &str, redirect: &'static str| {
        let mut all = pairs(redirect).to_vec();
        all.push(("code", code));
        form(account, "/oauth/v1/token", &all)
    };
    let token = trade(&mut account, &code, "http://127.0.0.1:1/cb");
    assert_eq!(token.status, 200);
    assert_eq!(token.body["scopes"], json!(["crm.objects.contacts.read", "oauth"]));
    let again = trade(&mut account, &code, "http://127.0.0.1:1/cb");
    assert_eq!((again.status, &again.body["status"]), (400, &json!("BAD_AUTH_CODE")));
    let code = consent(&mut account);
    assert_eq!(trade(&mut account, &code, "http://127.0.0.1:1/other").status, 400);
    let access = token.body["access_token"].as_str().unwrap().to_owned();
    assert_eq!(account.raw("GET", CONTACTS, None, Some(&access)).status, 200);
    let refused = account.raw("POST", CONTACTS, Some("{}"), Some(&access));
    assert_eq!((refused.status, &refused.body["category"]), (403, &json!("MISSING_SCOPES")));
    assert_eq!(refused.body["context"]["requiredGranularScopes"], json!(["crm.objects.contacts.write"]));
}

#[test]
fn a_deleted_refresh_token_is_refused_but_its_access_token_lives_on() {
    let mut account = Account::new();
    let refresh = credential(&account, "refresh_token");
    let pairs = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    let access =
        form(&mut account, "/oauth/v1/token", &pairs).body["access_token"].as_str().unwrap().to_owned();
    let path = format!("/oauth/v1/refresh-tokens/{refresh}");
    assert_eq!(account.raw("GET", &path, None, None).body["token_type"], "refresh");
    assert_eq!(account.raw("DELETE", &path, None, None).status, 204);
    let refused = form(&mut account, "/oauth/v1/token", &pairs);
    assert_eq!((refused.status, &refused.body["status"]), (400, &json!("BAD_REFRESH_TOKEN")));
    assert_eq!(account.raw("GET", CONTACTS, None, Some(&access)).status, 200);
}

#[test]
fn newer_token_endpoints_introspect_and_revoke() {
    let mut account = Account::new();
    let refresh = credential(&account, "refresh_token");
    let known = form(&mut account, "/oauth/v3/token/introspect", &[("token", &refresh)]);
    assert_eq!((&known.body["active"], &known.body["token_use"]), (&json!(true), &json!("refresh_token")));
    assert_eq!(form(&mut account, "/oauth/2026-03/token/revoke", &[("token", &refresh)]).status, 204);
    assert_eq!(
        form(&mut account, "/oauth/v3/token/introspect", &[("token", &refresh)]).body["active"],
        false
    );
}

#[test]
fn a_private_apps_token_can_be_looked_up() {
    let mut account = Account::new();
    let body = json!({"tokenKey": account.token}).to_string();
    let info = account.raw("POST", "/oauth/v2/private-apps/get/access-token-info", Some(&body), None);
    assert_eq!(info.body["appId"].to_string(), credential(&account, "app_id"));
    assert!(info.body["scopes"].as_array().unwrap().contains(&json!("crm.objects.deals.write")));
}

#[test]
fn a_missing_scope_names_itself() {
    let mut account = Account::new();
    account.admin(json!({"do": "set_scopes", "scopes": ["crm.objects.contacts.read"]}));
    assert_eq!(account.get(CONTACTS).status, 200);
    assert_eq!(account.search("contacts", json!({})).status, 200);
    assert_eq!(account.get("/crm/v3/properties/contacts").status, 200);
    for (method, path, scope) in [
        ("POST", CONTACTS, "crm.objects.contacts.write"),
        ("GET", "/crm/v3/objects/deals", "crm.objects.deals.read"),
        ("GET", "/crm/v3/owners/", "crm.objects.owners.read"),
        ("POST", "/crm/v3/properties/contacts", "crm.schemas.contacts.write"),
    ] {
        let refused = account.call(method, path, &json!({}));
        assert_eq!((refused.status, &refused.body["category"]), (403, &json!("MISSING_SCOPES")), "{path}");
        assert_eq!(refused.body["context"]["requiredGranularScopes"], json!([scope]));
        assert_eq!(refused.message(), "One or more of the following scopes are required.");
    }
}

#[test]
fn an_administrator_can_revoke_the_token_or_the_whole_api() {
    let mut account = Account::new();
    account.admin(json!({"do": "api", "enabled": false}));
    assert_eq!(account.get(CONTACTS).status, 401);
    account.admin(json!({"do": "api", "enabled": true}));
    assert_eq!(account.get(CONTACTS).status, 200);
    account.admin(json!({"do": "revoke_token"}));
    assert_eq!(account.get(CONTACTS).status, 401);
}

#[test]
fn the_burst_limit_is_190_in_ten_rolling_seconds() {
    let mut account = Account::with_limits(Limits::Real);
    let first = account.get(CONTACTS);
    assert_eq!(first.header("x-hubspot-ratelimit-max"), Some("190"));
    assert_eq!(first.header("x-hubspot-ratelimit-remaining"), Some("189"));
    assert_eq!(first.header("x-hubspot-ratelimit-interval-milliseconds"), Some("10000"));
    assert_eq!(first.header("x-hubspot-ratelimit-daily"), Some("625000"));
    assert_eq!(first.header("x-hubspot-ratelimit-daily-remaining"), Some("624999"));
    account.pass_ms(5_000);
    for _ in 0..189 {
        assert_eq!(account.get(CONTACTS).status, 200);
    }
    let refused = account.get(CONTACTS);
    assert_eq!(refused.status, 429);
    assert_eq!(refused.message(), "You have reached your ten_secondly_rolling limit.");
    assert_eq!(refused.body["policyName"], "TEN_SECONDLY_ROLLING");
    assert_eq!(refused.body["errorType"], "RATE_LIMIT");
    assert_eq!(refused.header("retry-after"), None);
    account.knob("retry_after", json!(true));
    assert_eq!(account.get(CONTACTS).header("retry-after"), Some("10"));
    account.pass_ms(5_000);
    assert_eq!(account.get(CONTACTS).status, 200);
    assert_eq!(account.get(CONTACTS).status, 429);
    let calls = account.calls();
    assert_eq!(calls["calls"], 194);
    assert_eq!(calls["violations"].as_array().unwrap().len(), 3);
    assert_eq!(calls["violations"][0]["limit"], "ten_secondly");
    assert_eq!(calls["violations"][0]["endpoint"], "GET /crm/v3/objects/contacts");
}

#[test]
fn searches_have_five_a_second_and_no_headers() {
    let mut account = Account::with_limits(Limits::Real);
    for _ in 0..5 {
        let found = account.search("deals", json!({}));
        assert_eq!((found.status, found.header("x-hubspot-ratelimit-max")), (200, None));
    }
    let refused = account.search("contacts", json!({}));
    assert_eq!((refused.status, refused.message()), (429, "You have reached your secondly limit."));
    assert_eq!(refused.body["policyName"], "SECONDLY");
    assert_eq!(account.get(CONTACTS).header("x-hubspot-ratelimit-remaining"), Some("189"));
    account.pass_ms(1_000);
    assert_eq!(account.search("contacts", json!({})).status, 200);
}

#[test]
fn association_batches_have_a_bucket_of_their_own() {
    let mut account = Account::with_limits(Limits::Real);
    let path = "/crm/v4/associations/contacts/companies/batch/read";
    for _ in 0..150 {
        assert_eq!(account.post(path, json!({"inputs": []})).status, 200);
    }
    assert_eq!(account.post(path, json!({"inputs": []})).status, 429);
    assert_eq!(account.get(CONTACTS).header("x-hubspot-ratelimit-remaining"), Some("189"));
}

#[test]
fn the_daily_limit_starts_again_at_midnight() {
    let mut account = Account::with_limits(Limits::Real);
    account.admin(json!({"do": "set_limit", "name": "daily", "value": 3}));
    for _ in 0..3 {
        assert_eq!(account.get(CONTACTS).status, 200);
    }
    let refused = account.search("contacts", json!({}));
    assert_eq!((refused.status, &refused.body["policyName"]), (429, &json!("DAILY")));
    assert_eq!(refused.message(), "You have reached your daily limit.");
    account.pass_ms(15 * 3_600_000);
    assert_eq!(account.get(CONTACTS).status, 200);
}

#[test]
fn oauth_tokens_have_110_and_no_daily_headers() {
    let mut account = Account::with_limits(Limits::Real);
    let refresh = credential(&account, "refresh_token");
    let pairs = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    let access =
        form(&mut account, "/oauth/v1/token", &pairs).body["access_token"].as_str().unwrap().to_owned();
    let answer = account.raw("GET", CONTACTS, None, Some(&access));
    assert_eq!(answer.header("x-hubspot-ratelimit-max"), Some("110"));
    assert_eq!(answer.header("x-hubspot-ratelimit-daily"), None);
}

#[test]
fn limits_off_refuse_nothing_and_count_no_violation() {
    let mut account = Account::with_limits(Limits::Off);
    for _ in 0..300 {
        assert_eq!(account.search("deals", json!({})).status, 200);
    }
    assert_eq!(account.calls()["violations"], json!([]));
}

#[test]
fn faults_that_refuse_do_nothing_else() {
    let mut account = Account::new();
    for (kind, status) in
        [("rate_limited", 429), ("wrong_retry_after", 429), ("token_expired", 401), ("row_lock", 423)]
    {
        account.fault("write", kind);
        assert_eq!(account.post(CONTACTS, json!({})).status, status, "{kind}");
    }
    account.fault("POST /crm/v3/objects/*", "server_error");
    assert!([500, 502].contains(&account.post(CONTACTS, json!({})).status));
    account.fault("write", "wrong_retry_after");
    assert_eq!(account.post(CONTACTS, json!({})).header("retry-after"), Some("0"));
    account.fault("write", "token_expired");
    assert_eq!(account.post(CONTACTS, json!({})).body["category"], "EXPIRED_AUTHENTICATION");
    account.fault("write", "html_error");
    let page = account.post(CONTACTS, json!({}));
    assert_eq!((page.status, page.header("content-type")), (502, Some("text/html; charset=utf-8")));
    assert_eq!(page.body, Value::Null);
    assert!(account.get(CONTACTS).ids().is_empty());
    assert_eq!(account.calls()["violations"], json!([]), "a fault is nobody's violation");
}

#[test]
fn faults_after_the_commit_leave_the_change() {
    let mut account = Account::new();
    let token = account.token.clone();
    for kind in ["commit_then_timeout", "commit_then_reset", "truncated_body"] {
        account.fault("write", kind);
        let outcome = account.outcome("POST", CONTACTS, Some("{}"), Some(&token));
        match (kind, outcome) {
            ("commit_then_timeout", Outcome::Hang) | ("commit_then_reset", Outcome::Reset) => {}
            ("truncated_body", Outcome::Truncated(response, kept)) => assert!(kept < response.body().len()),
            (_, other) => panic!("{kind}: {other:?}"),
        }
    }
    assert_eq!(account.get(CONTACTS).ids().len(), 3);
}

#[test]
fn a_body_that_is_no_json_is_refused_after_the_token() {
    let mut account = Account::new();
    let token = account.token.clone();
    assert_eq!(account.raw("POST", CONTACTS, Some("{"), None).status, 401);
    let refused = account.raw("POST", CONTACTS, Some("{"), Some(&token));
    assert_eq!((refused.status, &refused.body["category"]), (400, &json!("VALIDATION_ERROR")));
    assert!(refused.message().starts_with("Invalid input JSON on line 1"));
}

#[test]
fn the_date_header_tells_the_sandboxes_time() {
    let mut account = Account::new();
    assert_eq!(account.get(CONTACTS).header("date"), Some("Mon, 05 Jan 2026 09:00:00 GMT"));
    account.raw("POST", "/__sandbox/clock", Some(r#"{"set":"2027-03-04T05:06:07Z"}"#), None);
    assert_eq!(account.get(CONTACTS).header("date"), Some("Thu, 04 Mar 2027 05:06:07 GMT"));
}

#[test]
fn control_calls_are_no_calls() {
    let mut account = Account::new();
    account.dump();
    account.fault("read", "row_lock");
    assert_eq!(account.calls()["calls"], 0);
    let advanced = account.raw("POST", "/__sandbox/clock", Some(r#"{"advance_s":3600}"#), None);
    assert_eq!(advanced.body["now"], "2026-01-05T10:00:00Z");
    assert_eq!(
        account.raw("POST", "/__sandbox/clock", Some(r#"{"set":"2027-01-01T00:00:00Z"}"#), None).status,
        200
    );
    account.fault("read", "row_lock");
    account.get(CONTACTS);
    let made = account.post(CONTACTS, json!({}));
    assert_eq!(made.body["createdAt"], "2027-01-01T00:00:00Z");
    assert_eq!(account.raw("POST", "/__sandbox/admin", Some(r#"{"do":"fly"}"#), None).status, 400);
}

#[test]
fn equal_numbers_and_equal_calls_give_equal_answers() {
    let mut answers = (0..2).map(|_| {
        let mut account = Account::new();
        let made = account.post(CONTACTS, json!({"properties": {"email": "a@x.io"}}));
        let refused = account.post(CONTACTS, json!({"properties": {"email": "a@x.io"}}));
        (account.hubspot.credentials(), made.body, refused.body)
    });
    assert_eq!(answers.next(), answers.next());
}
