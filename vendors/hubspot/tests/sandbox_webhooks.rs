//! Webhook settings, subscriptions and deliveries.
#![cfg(feature = "sandbox")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::wildcard_enum_match_arm, reason = "a test")]

mod sandbox_support;

use base64::Engine;
use hmac::{Hmac, Mac};
use sandbox_support::{Account, Answer};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use syncline_kit::sandbox::{Delivery, Sandbox};

struct Hooked {
    account: Account,
    app: String,
    key: String,
}

impl Hooked {
    fn new(target: &str, types: &[(&str, Option<&str>)]) -> Self {
        let account = Account::new();
        let all = account.hubspot.credentials();
        let mut hooked = Self {
            account,
            app: all["app_id"].to_string(),
            key: all["developer_key"].as_str().unwrap().to_owned(),
        };
        let settings = json!({"targetUrl": target, "throttling": {"maxConcurrentRequests": 10}});
        assert_eq!(hooked.call("PUT", "settings", settings).status, 200);
        for (event_type, property) in types {
            let body = json!({"eventType": event_type, "propertyName": property, "active": true});
            assert_eq!(hooked.call("POST", "subscriptions", body).status, 201);
        }
        hooked
    }

    fn call(&mut self, method: &str, path: &str, body: Value) -> Answer {
        let target = format!("/webhooks/v3/{}/{path}?hapikey={}", self.app, self.key);
        self.account.raw(method, &target, Some(&body.to_string()), None)
    }

    fn due(&mut self) -> Vec<Delivery> {
        self.account.hubspot.due_webhooks(self.account.now)
    }

    fn events(&mut self) -> Vec<Value> {
        let deliveries = self.due();
        deliveries
            .into_iter()
            .flat_map(|delivery| {
                self.account.hubspot.delivered(delivery.id, Some(204), self.account.now);
                serde_json::from_slice::<Vec<Value>>(delivery.request.body()).unwrap()
            })
            .collect()
    }
}

const TARGET: &str = "http://127.0.0.1:9/hook";

#[test]
fn settings_and_subscriptions_need_the_developer_key() {
    let mut hooked = Hooked::new(TARGET, &[("contact.creation", None)]);
    let app = hooked.app.clone();
    let token = hooked.account.token.clone();
    let refused = hooked.account.raw("GET", &format!("/webhooks/v3/{app}/settings"), None, Some(&token));
    assert_eq!(refused.status, 401);
    assert_eq!(hooked.call("GET", "settings", Value::Null).body["targetUrl"], TARGET);
    assert_eq!(hooked.call("GET", "subscriptions", Value::Null).ids(), ["1"]);
    let again = json!({"eventType": "contact.creation", "active": true});
    assert_eq!(hooked.call("POST", "subscriptions", again).status, 400);
    for bad in [
        json!({"eventType": "contact.flight"}),
        json!({"eventType": "contact.propertyChange"}),
        json!({"eventType": "company.propertyChange", "propertyName": "hs_lastmodifieddate"}),
    ] {
        assert_eq!(hooked.call("POST", "subscriptions", bad).status, 400);
    }
    let slow = json!({"targetUrl": TARGET, "throttling": {"maxConcurrentRequests": 5}});
    assert_eq!(hooked.call("PUT", "settings", slow).status, 400);
    assert_eq!(hooked.call("PATCH", "subscriptions/1", json!({"active": false})).body["active"], false);
    hooked.account.make("contacts", json!({}));
    assert!(hooked.events().is_empty());
    let update = json!({"inputs": [{"id": 1, "active": true}]});
    assert_eq!(hooked.call("POST", "subscriptions/batch/update", update).body["results"][0]["active"], true);
    assert_eq!(hooked.call("DELETE", "subscriptions/1", Value::Null).status, 204);
    assert_eq!(hooked.call("DELETE", "settings", Value::Null).status, 204);
    assert_eq!(hooked.call("GET", "settings", Value::Null).status, 404);
}

#[test]
fn a_change_is_one_event_per_subscribed_property() {
    let types = [
        ("contact.creation", None),
        ("contact.propertyChange", Some("email")),
        ("contact.propertyChange", Some("firstname")),
        ("object.deletion", None),
    ];
    let mut hooked = Hooked::new(TARGET, &types[..3]);
    let object = json!({"eventType": "object.deletion", "objectTypeId": "0-1", "active": true});
    assert_eq!(hooked.call("POST", "subscriptions", object).status, 201);
    let id = hooked.account.make("contacts", json!({"email": "a@x.io", "firstname": "Ada", "lastname": "L"}));
    let events = hooked.events();
    let kinds: Vec<&str> = events.iter().map(|event| event["subscriptionType"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["contact.creation", "contact.propertyChange", "contact.propertyChange"]);
    let first = &events[0];
    assert_eq!(first["objectId"].to_string(), id);
    assert_eq!(first["occurredAt"], 1_767_603_600_000_i64);
    assert_eq!(first["attemptNumber"], 0);
    assert_eq!((&first["changeFlag"], &first["changeSource"]), (&json!("CREATED"), &json!("INTEGRATION")));
    assert_eq!(
        (&events[1]["propertyName"], &events[1]["propertyValue"]),
        (&json!("email"), &json!("a@x.io"))
    );
    assert_eq!(first["appId"].to_string(), hooked.app);
    assert!(
        first["portalId"].is_number() && first["eventId"].is_number() && first["subscriptionId"].is_number()
    );
    hooked
        .account
        .admin(json!({"do": "edit", "object": "contacts", "id": id, "properties": {"firstname": "Grace"}}));
    let events = hooked.events();
    assert_eq!((events.len(), &events[0]["changeSource"]), (1, &json!("CRM_UI")));
    assert!(events[0]["sourceId"].as_str().unwrap().starts_with("userId:"));
    hooked.account.delete(&format!("/crm/v3/objects/contacts/{id}"));
    assert_eq!(hooked.events()[0]["subscriptionType"], "object.deletion");
}

#[test]
fn associations_fire_in_both_directions_and_twice_when_primary() {
    let types = [("contact.associationChange", None), ("company.associationChange", None)];
    let mut hooked = Hooked::new(TARGET, &types);
    let contact = hooked.account.make("contacts", json!({}));
    let company = hooked.account.make("companies", json!({"name": "A"}));
    hooked.account.tie(("contacts", &contact), ("companies", &company), 1);
    let events = hooked.events();
    assert_eq!(events.len(), 4);
    let primary = events.iter().filter(|event| event["isPrimaryAssociation"] == true).count();
    assert_eq!(primary, 2);
    let there = events.iter().find(|event| event["associationType"] == "CONTACT_TO_COMPANY").unwrap();
    assert_eq!(
        (there["fromObjectId"].to_string(), there["toObjectId"].to_string()),
        (contact.clone(), company.clone())
    );
    assert_eq!(there["associationRemoved"], false);
    assert!(events.iter().any(|event| event["associationType"] == "COMPANY_TO_CONTACT"));
    let second = hooked.account.make("companies", json!({"name": "B"}));
    hooked.account.tie(("contacts", &contact), ("companies", &second), 279);
    assert_eq!(hooked.events().len(), 2);
    hooked.account.delete(&format!("/crm/v4/objects/contacts/{contact}/associations/companies/{company}"));
    assert!(hooked.events().iter().all(|event| event["associationRemoved"] == true));
}

#[test]
fn merges_privacy_deletions_and_restores_are_told() {
    let types = [
        ("contact.merge", None),
        ("contact.privacyDeletion", None),
        ("contact.deletion", None),
        ("contact.restore", None),
    ];
    let mut hooked = Hooked::new(TARGET, &types);
    let first = hooked.account.make("contacts", json!({"firstname": "A"}));
    let second = hooked.account.make("contacts", json!({"firstname": "B"}));
    let merge = json!({"primaryObjectId": first, "objectIdToMerge": second});
    let merged = hooked.account.post("/crm/v3/objects/contacts/merge", merge);
    let id = merged.body["id"].as_str().unwrap().to_owned();
    let events = hooked.events();
    assert_eq!(events.len(), 1);
    let event = &events[0];
    assert_eq!(event["primaryObjectId"].to_string(), first);
    assert_eq!(event["mergedObjectIds"].to_string(), format!("[{second}]"));
    assert_eq!((event["newObjectId"].to_string(), event["objectId"].to_string()), (id.clone(), id.clone()));
    assert_eq!(event["changeFlag"], "MERGED");
    hooked.account.delete(&format!("/crm/v3/objects/contacts/{id}"));
    hooked.account.admin(json!({"do": "restore", "object": "contacts", "id": id}));
    hooked.account.post("/crm/v3/objects/contacts/gdpr-delete", json!({"objectId": id}));
    let events = hooked.events();
    let kinds: Vec<&str> = events.iter().map(|event| event["subscriptionType"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["contact.deletion", "contact.restore", "contact.privacyDeletion", "contact.deletion"]);
}

#[test]
fn deliveries_carry_both_signatures() {
    let target = "http://127.0.0.1:9/hook?x=a%3Ab";
    let mut hooked = Hooked::new(target, &[("contact.creation", None)]);
    hooked.account.make("contacts", json!({}));
    let secret = hooked.account.hubspot.credentials()["client_secret"].as_str().unwrap().to_owned();
    let delivery = hooked.due().remove(0);
    let header = |name: &str| delivery.request.headers()[name].to_str().unwrap();
    let body = delivery.request.body();
    let hash = Sha256::new().chain_update(&secret).chain_update(body).finalize();
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((header("x-hubspot-signature"), header("x-hubspot-signature-version")), (hex.as_str(), "v1"));
    let timestamp = header("x-hubspot-request-timestamp");
    assert_eq!(timestamp, "1767603600000");
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(b"POSThttp://127.0.0.1:9/hook?x=a:b");
    mac.update(body);
    mac.update(timestamp.as_bytes());
    let expected = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
    assert_eq!(header("x-hubspot-signature-v3"), expected);
    assert_eq!(delivery.request.uri().to_string(), target);
}

#[test]
fn a_delivery_holds_100_events_and_ten_are_under_way() {
    let mut hooked = Hooked::new(TARGET, &[("contact.creation", None)]);
    let rows = json!({"inputs": vec![json!({"properties": {}}); 100]});
    for _ in 0..12 {
        hooked.account.post("/crm/v3/objects/contacts/batch/create", rows.clone());
    }
    let first = hooked.due();
    assert_eq!(first.len(), 10);
    let sizes: Vec<usize> = first
        .iter()
        .map(|one| serde_json::from_slice::<Vec<Value>>(one.request.body()).unwrap().len())
        .collect();
    assert_eq!(sizes, [100; 10]);
    assert!(hooked.due().is_empty());
    hooked.account.hubspot.delivered(first[0].id, Some(200), hooked.account.now);
    assert_eq!(hooked.due().len(), 1);
}

#[test]
fn a_failed_delivery_comes_again_up_to_ten_times() {
    let mut hooked = Hooked::new(TARGET, &[("contact.creation", None)]);
    hooked.account.make("contacts", json!({}));
    let started = hooked.account.now;
    let mut last = started;
    let mut attempts = Vec::new();
    let mut statuses = [None, Some(500), Some(404)].into_iter().cycle();
    for _ in 0..30 * 60 {
        if let Some(delivery) = hooked.due().into_iter().next() {
            let events: Vec<Value> = serde_json::from_slice(delivery.request.body()).unwrap();
            attempts.push(events[0]["attemptNumber"].as_u64().unwrap());
            hooked.account.hubspot.delivered(delivery.id, statuses.next().unwrap(), hooked.account.now);
            last = hooked.account.now;
            assert!(hooked.due().is_empty(), "not at once");
        }
        hooked.account.pass_ms(60_000);
    }
    assert_eq!(attempts, (0..=10).collect::<Vec<u64>>());
    let took = last.duration_since(started);
    assert!(took <= jiff::SignedDuration::from_hours(24), "{took:?}");
}

#[test]
fn deliveries_leave_for_this_machine_only() {
    let mut hooked = Hooked::new("https://hooks.example.com/x", &[("contact.creation", None)]);
    hooked.account.make("contacts", json!({}));
    assert!(hooked.due().is_empty());
}

#[test]
fn events_can_get_lost_come_twice_and_turn_around() {
    let mut hooked = Hooked::new(TARGET, &[("contact.creation", None)]);
    hooked.account.admin(json!({"do": "webhooks", "lose": 1}));
    let lost = hooked.account.make("contacts", json!({}));
    hooked.account.admin(json!({"do": "webhooks", "double": 1}));
    let twice = hooked.account.make("contacts", json!({}));
    let last = hooked.account.make("contacts", json!({}));
    hooked.account.admin(json!({"do": "webhooks", "reorder": true}));
    let ids: Vec<String> = hooked.events().iter().map(|event| event["objectId"].to_string()).collect();
    assert_eq!(ids, [last, twice.clone(), twice]);
    assert!(!ids.contains(&lost));
    hooked.account.admin(json!({"do": "webhooks", "pause": true}));
    hooked.account.make("contacts", json!({}));
    assert!(hooked.events().is_empty());
    assert_ne!(hooked.account.admin(json!({"do": "webhooks", "pause": false}))["waiting"], 0);
    assert_eq!(hooked.events().len(), 1);
    hooked.account.knob("webhook_delay_ms", json!(5_000));
    hooked.account.make("contacts", json!({}));
    assert!(hooked.events().is_empty());
    hooked.account.pass_ms(5_000);
    assert_eq!(hooked.events().len(), 1);
}
