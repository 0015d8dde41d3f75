use crate::world::{World, field, last, now_or_never, update, want};
use serde_json::json;
use syncline_kit::vendor::{RowOutcome, Vendor, VendorError};
use syncline_model::{Currency, Money, Observed, Value};

#[test]
fn the_account_tells_org_user_and_zone() {
    let world = World::new();
    let account = now_or_never(world.vendor.account()).unwrap();
    assert!(account.id.starts_with("00D") && account.id.len() == 18, "{account:?}");
    assert!(account.user_id.unwrap().starts_with("005"));
    assert!(account.user.contains('@'), "{}", account.user);
    assert_eq!(&*account.time_zone, "Etc/UTC");
    assert_eq!(account.currency, Some(Currency::USD));
}

#[test]
fn amounts_are_in_the_currency_that_the_org_tells() {
    let mut world = World::new();
    world.admin(json!({"do": "set_knob", "knob": "currency", "value": "EUR"}));
    let id = world.create(
        "Opportunity",
        json!({"Name": "One", "StageName": "Prospecting",
        "CloseDate": "2026-05-01", "Amount": 5}),
    );
    let euro = Currency::new("EUR").unwrap();
    let seen = world.cycle(&want(&[("Opportunity", &["Amount"])]));
    let five = Value::Money(Money { amount: 5.into(), currency: euro });
    assert_eq!(*field(last(&seen, &id), "Amount"), Observed::Value(five));
    assert_eq!(now_or_never(world.vendor.account()).unwrap().currency, Some(euro));
    assert_eq!(world.sent("/connect/organization").len(), 1, "one call a process, which tells the user too");
}

#[test]
fn an_org_of_several_currencies_counts_in_the_corporate_one() {
    let world = World::new();
    world.admin(json!({"do": "several_currencies", "codes": ["EUR", "USD"]}));
    assert_eq!(now_or_never(world.vendor.account()).unwrap().currency, Currency::new("EUR"));
}

#[test]
fn an_org_that_does_not_tell_its_currency_has_none_unless_it_is_stated() {
    let mut world = World::new();
    world.admin(json!({"do": "set_knob", "knob": "connect_api", "value": false}));
    let id = world.create(
        "Opportunity",
        json!({"Name": "One", "StageName": "Prospecting",
        "CloseDate": "2026-05-01", "Amount": 5}),
    );
    let account = now_or_never(world.vendor.account()).unwrap();
    assert_eq!(account.currency, None);
    assert!(account.user_id.unwrap().starts_with("005"), "who we are is told elsewhere, too");
    let seen = world.cycle(&want(&[("Opportunity", &["Amount"])]));
    assert_eq!(*field(last(&seen, &id), "Amount"), Observed::Value(Value::Decimal(5.into())), "a number");
    let dollars = Value::Money(Money { amount: 7.into(), currency: Currency::USD });
    let outcomes = world.write(vec![update(1, "Opportunity", &id, &[("Amount", Some(dollars))])]);
    assert!(matches!(&outcomes[0], RowOutcome::Rejected(_)), "{outcomes:?}");

    let mut credentials = world.credentials();
    credentials["currency"] = json!("EUR");
    world.restart_with(credentials);
    let account = now_or_never(world.vendor.account()).unwrap();
    assert_eq!(account.currency, Currency::new("EUR"));
}

#[test]
fn an_expired_token_is_renewed_once_and_the_new_one_is_handed_out() {
    let mut world = World::new();
    world.cycle(&want(&[("Account", &["Name"])]));
    assert_eq!(world.vendor.changed_credentials(), None);
    world.admin(json!({"do": "expire_sessions"}));
    world.cycle(&want(&[("Account", &["Name"])]));
    assert_eq!(world.sent("/oauth2/token").len(), 1);
    let changed = world.vendor.changed_credentials().unwrap();
    assert!(changed["access_token"].is_string());
    assert_eq!(world.vendor.changed_credentials(), None, "handed out once");
}

#[test]
fn a_rotated_refresh_token_is_handed_out_too() {
    let mut world = World::new();
    world.admin(json!({"do": "set_knob", "knob": "rotate_refresh_token", "value": true}));
    world.admin(json!({"do": "expire_sessions"}));
    world.cycle(&want(&[("Account", &["Name"])]));
    let first = world.vendor.changed_credentials().unwrap()["refresh_token"].clone();
    world.admin(json!({"do": "expire_sessions"}));
    world.cycle(&want(&[("Account", &["Name"])]));
    let second = world.vendor.changed_credentials().unwrap()["refresh_token"].clone();
    assert_ne!(first, second);
}

#[test]
fn a_session_that_is_always_refused_ends_in_an_error_and_not_in_a_loop() {
    let mut world = World::new();
    world.fault(json!([{"match": "read", "do": "token_expired"}]));
    assert!(matches!(world.try_cycle(&want(&[("Account", &["Name"])])), Err(VendorError::Credentials(_))));
    assert_eq!(world.sent("/oauth2/token").len(), 1);
}

#[test]
fn the_share_of_the_daily_calls_is_kept() {
    let mut world = World::new();
    world.admin(json!({"do": "set_limit", "limit": "DailyApiRequests", "value": 20}));
    let mut cycles = 0;
    let error = loop {
        match world.try_cycle(&want(&[("Account", &["Name"])])) {
            Ok(_) => cycles += 1,
            Err(error) => break error,
        }
        assert!(cycles < 30, "never stops");
    };
    assert!(matches!(error, VendorError::Limit { .. }), "{error}");
    assert!((8..=10).contains(&world.meter("units")), "{}", world.meter("units"));
    assert_eq!(world.violations(), json!([]));
}

#[test]
fn an_org_that_forbids_its_api_is_a_missing_permission() {
    let mut world = World::new();
    world.admin(json!({"do": "api", "enabled": false}));
    assert!(matches!(world.try_cycle(&want(&[("Account", &["Name"])])), Err(VendorError::Permission(_))));
}

#[test]
fn the_setup_plan_says_what_is_in_place() {
    let world = World::new();
    world.admin(json!({"do": "remove_field", "object": "Lead", "field": "Syncline_Id__c"}));
    let objects = ["Account".into(), "Lead".into()];
    let steps = now_or_never(world.vendor.setup_plan(&objects)).unwrap();
    assert_eq!(steps.iter().map(|step| step.done).collect::<Vec<_>>(), [true, false]);
    assert!(steps[1].by_hand.iter().any(|(path, _)| path == "package.xml"));
}

/// Some of the sandbox's credentials.
fn only(world: &World, names: &[&str]) -> serde_json::Value {
    let all = world.credentials();
    names
        .iter()
        .map(|name| ((*name).to_owned(), all[*name].clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

#[test]
fn a_client_with_its_secret_gets_a_token() {
    let mut world = World::new();
    world.restart_with(only(&world, &["client_id", "client_secret", "login_url"]));
    world.cycle(&want(&[("Account", &["Name"])]));
    assert!(world.sent("/oauth2/token")[0].contains("grant_type=client_credentials"));
    assert!(world.vendor.changed_credentials().unwrap()["access_token"].is_string());
}

#[test]
fn an_assertion_signed_with_the_private_key_gets_a_token() {
    use aws_lc_rs::{
        encoding::AsDer,
        rsa::{KeyPair, KeySize},
        signature::KeyPair as _,
    };
    use base64::{Engine, engine::general_purpose::STANDARD};
    let pem = |kind: &str, der: &[u8]| {
        format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", STANDARD.encode(der))
    };
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let mut world = World::new();
    world.admin(json!({"do": "jwt_key", "public_key": pem("RSA PUBLIC KEY", pair.public_key().as_ref())}));
    let mut credentials = only(&world, &["client_id", "username", "login_url"]);
    credentials["private_key"] = pem("PRIVATE KEY", der.as_ref()).into();
    world.restart_with(credentials.clone());
    world.cycle(&want(&[("Account", &["Name"])]));
    let other = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = other.as_der().unwrap();
    credentials["private_key"] = pem("PRIVATE KEY", der.as_ref()).into();
    world.restart_with(credentials);
    assert!(matches!(world.try_cycle(&want(&[("Account", &["Name"])])), Err(VendorError::Credentials(_))));
}

#[test]
fn a_bare_access_token_works_until_it_expires() {
    let mut world = World::new();
    world.restart_with(only(&world, &["access_token", "instance_url"]));
    world.cycle(&want(&[("Account", &["Name"])]));
    world.admin(json!({"do": "expire_sessions"}));
    assert!(matches!(world.try_cycle(&want(&[("Account", &["Name"])])), Err(VendorError::Credentials(_))));
    assert!(world.sent("/oauth2/token").is_empty());
}

#[test]
fn two_calls_that_meet_an_expired_token_ask_for_one_new_token() {
    let mut world = World::new();
    world.cycle(&want(&[("Account", &["Name"])]));
    world.admin(json!({"do": "expire_sessions"}));
    let objects = ["Account".into()];
    let (first, second) = now_or_never(async {
        tokio::join!(world.vendor.describe(&objects), world.vendor.describe(&objects))
    });
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(world.sent("/oauth2/token").len(), 1);
}
