//! Webhooks between the connector and the sandbox's own sender.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "tests and their helpers"
)]
#![cfg(all(feature = "adapter", feature = "sandbox"))]

mod adapter_support;

use adapter_support::{World, run};
use bytes::Bytes;
use serde_json::json;
use std::collections::BTreeSet;
use syncline_kit::{
    Clock as _, HttpRequest,
    sandbox::{Limits, Sandbox as _},
    vendor::{Vendor as _, WebhookRefused},
};

const URL: &str = "http://127.0.0.1:9/hooks/hs";

fn deliveries(world: &World) -> Vec<HttpRequest> {
    let due = world.sandbox.lock().unwrap().due_webhooks(world.clock.now());
    due.into_iter().map(|delivery| delivery.request).collect()
}

fn hinted(world: &World) -> BTreeSet<String> {
    let all = deliveries(world);
    assert!(!all.is_empty(), "nothing was delivered");
    all.iter()
        .flat_map(|request| world.hub.hints(request, URL, world.clock.now()).unwrap())
        .map(|hint| hint.record.to_string())
        .collect()
}

fn set(all: &[String]) -> BTreeSet<String> {
    all.iter().cloned().collect()
}

#[test]
fn registered_webhooks_point_at_what_changed() {
    let world = World::new(Limits::Off);
    assert_eq!(run(world.hub.register_webhooks(URL)), Ok(None));
    let calls = world.calls();
    assert_eq!(run(world.hub.register_webhooks(URL)), Ok(None), "registering again adds nothing");
    assert_eq!(world.calls() - calls, 2);

    let company = world.make("companies", json!({"name": "Acme"}));
    let contact = world.make("contacts", json!({"email": "ada@example.com"}));
    world.pass(2);
    assert_eq!(hinted(&world), set(&[format!("hs/companies/{company}"), format!("hs/contacts/{contact}")]));

    world.admin(json!({"do": "associate", "from": format!("companies/{company}"), "to": format!("contacts/{contact}")}));
    world.pass(2);
    assert_eq!(hinted(&world), set(&[format!("hs/contacts/{contact}")]), "the edge is kept on the contact");

    let other = world.make("companies", json!({"name": "Acme Ltd"}));
    world.pass(2);
    deliveries(&world);
    let merged = world.admin(json!({"do": "merge", "object": "companies", "id": company, "merge": other}));
    world.pass(2);
    let survivor = format!("hs/companies/{}", merged["id"].as_str().unwrap());
    let hints = hinted(&world);
    assert!(hints.is_superset(&set(&[
        format!("hs/companies/{company}"),
        format!("hs/companies/{other}"),
        survivor
    ])));

    world.admin(json!({"do": "archive", "object": "contacts", "id": contact}));
    world.pass(2);
    assert!(hinted(&world).contains(&format!("hs/contacts/{contact}")));
}

#[test]
fn a_subscription_that_somebody_paused_is_set_going_again() {
    let world = World::new(Limits::Off);
    run(world.hub.register_webhooks(URL)).unwrap();
    let credentials = world.sandbox.lock().unwrap().credentials();
    let (app, key) = (&credentials["app_id"], credentials["developer_key"].as_str().unwrap());
    let app = app.as_str().map_or_else(|| app.to_string(), str::to_owned);
    let path = |end: &str| format!("/webhooks/v3/{app}/subscriptions{end}?hapikey={key}");
    let all = world.api("GET", &path(""), &json!({}))["results"].clone();
    let of_creation = |one: &&serde_json::Value| one["eventType"] == "company.creation";
    let id = all.as_array().unwrap().iter().find(of_creation).unwrap()["id"].as_str().unwrap().to_owned();
    world.api("PATCH", &path(&format!("/{id}")), &json!({"active": false}));

    let calls = world.calls();
    assert_eq!(run(world.hub.register_webhooks(URL)), Ok(None));
    assert_eq!(world.calls() - calls, 3, "settings, the list, and the one that was paused");
    let company = world.make("companies", json!({"name": "Acme"}));
    world.pass(2);
    assert!(hinted(&world).contains(&format!("hs/companies/{company}")));
}

#[test]
fn a_tampered_or_old_delivery_is_refused() {
    let world = World::new(Limits::Off);
    run(world.hub.register_webhooks(URL)).unwrap();
    world.make("companies", json!({"name": "Acme"}));
    world.pass(2);
    let request = deliveries(&world).remove(0);
    let now = world.clock.now();
    assert!(world.hub.hints(&request, URL, now).is_ok());
    assert_eq!(world.hub.hints(&request, "http://127.0.0.1:9/other", now), Err(WebhookRefused::Signature));
    let later = now.checked_add(jiff::SignedDuration::from_mins(6)).unwrap();
    assert_eq!(world.hub.hints(&request, URL, later), Err(WebhookRefused::Stale));
    let (parts, body) = request.into_parts();
    let mut other = body.to_vec();
    other.push(b' ');
    let tampered = http::Request::from_parts(parts, Bytes::from(other));
    assert_eq!(world.hub.hints(&tampered, URL, now), Err(WebhookRefused::Signature));
}

#[test]
fn events_of_another_portal_are_dropped() {
    let world = World::with(Limits::Off, |mut credentials| {
        credentials["portal_id"] = json!("1");
        credentials
    });
    run(world.hub.register_webhooks(URL)).unwrap();
    world.make("companies", json!({"name": "Acme"}));
    world.pass(2);
    let request = deliveries(&world).remove(0);
    assert_eq!(world.hub.hints(&request, URL, world.clock.now()), Ok(Vec::new()));
}

#[test]
fn events_of_another_portal_are_dropped_by_what_the_account_says() {
    let world = World::with(Limits::Off, |mut credentials| {
        credentials["portal_id"] = json!(null);
        credentials
    });
    run(world.hub.register_webhooks(URL)).unwrap();
    world.make("companies", json!({"name": "Acme"}));
    world.pass(2);
    assert!(!hinted(&world).is_empty(), "its own");
    world.admin(json!({"do": "refresh_portal"}));
    world.make("companies", json!({"name": "Other"}));
    world.pass(2);
    assert!(hinted(&world).is_empty(), "another portal's of the same app");
}

#[test]
fn without_a_developer_key_a_person_is_told_what_to_set() {
    let world = World::with(Limits::Off, |mut credentials| {
        credentials["developer_key"] = json!(null);
        credentials
    });
    let text = run(world.hub.register_webhooks(URL)).unwrap().unwrap();
    assert!(text.contains(URL) && text.contains("dealstage"), "{text}");
    assert_eq!(world.calls(), 0);
}
