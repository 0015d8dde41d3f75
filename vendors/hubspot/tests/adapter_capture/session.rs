//! A vendor that stumbles, and a token that expires.

use crate::adapter_support::World;
use serde_json::json;
use syncline_kit::{sandbox::Limits, vendor::Vendor as _};

#[test]
fn reads_get_through_stumbles_of_the_vendor() {
    for kind in [
        "server_error",
        "html_error",
        "truncated_body",
        "commit_then_reset",
        "rate_limited",
        "wrong_retry_after",
    ] {
        let mut world = World::new(Limits::Real);
        world.make("companies", json!({"name": "Acme"}));
        world.pass(10);
        world.fault("read", kind, 2);
        world.capture();
        assert_eq!(world.stored.live("companies"), 1, "{kind}");
    }
}

#[test]
fn an_expired_token_is_refreshed_once() {
    let mut world = World::new(Limits::Real);
    world.make("companies", json!({"name": "Acme"}));
    world.pass(10);
    world.fault("read", "token_expired", 1);
    world.capture();
    assert_eq!(world.stored.live("companies"), 1);
    let renewed = world.hub.changed_credentials().unwrap();
    assert!(
        renewed["access_token"].is_string() && renewed["portal_id"].is_number()
            || renewed["portal_id"].is_string()
    );
    assert_eq!(world.hub.changed_credentials(), None);
    let tokens = world.log.lock().unwrap().iter().filter(|line| line.ends_with("/oauth/v1/token")).count();
    assert_eq!(tokens, 1);
}
