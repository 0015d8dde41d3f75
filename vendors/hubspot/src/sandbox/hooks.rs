//! Webhooks v3: settings, subscriptions, and the sender's queue.

use super::kind::Kind;
use super::portal::{Event, Happening, Portal, Random};
use super::stamp;
use super::wire::{ApiError, Reply, Req, flag_at, list_at, number_at, text_at};
use base64::Engine;
use bytes::Bytes;
use hmac::{Hmac, Mac};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use syncline_kit::HttpRequest;
use syncline_kit::sandbox::{Delivery, DeliveryId};

/// Events in one delivery, deliveries under way at once, subscriptions of an app [d25 webhooks].
const EVENTS: usize = 100;
const IN_FLIGHT: usize = 10;
const SUBSCRIPTIONS: usize = 1000;
/// Waits before each repetition, in seconds: ten within 24 hours. The real spread is random; a tenth is added here.
const RETRY_S: [i64; 10] = [60, 300, 900, 1_800, 3_600, 7_200, 10_800, 14_400, 18_000, 21_600];

#[derive(Debug, Clone)]
struct Settings {
    target: String,
    concurrent: usize,
    created_at: i64,
    updated_at: i64,
}

#[derive(Debug, Clone)]
struct Subscription {
    event_type: String,
    /// The object type that the event type speaks of, and what happens to it.
    kind: Option<Kind>,
    action: String,
    property: Option<String>,
    object_type: Option<String>,
    active: bool,
    created_at: i64,
    updated_at: i64,
}

#[derive(Debug)]
struct Waiting {
    attempt: usize,
    event: Value,
}

/// What an administrator may do to deliveries.
#[derive(Debug, Default)]
pub(super) struct Mischief {
    /// So many next events get lost.
    pub(super) lose: u64,
    /// So many next events come twice.
    pub(super) double: u64,
    /// The latest events go first.
    pub(super) reorder: bool,
    /// Nothing is sent for now.
    pub(super) pause: bool,
}

/// The webhook side of an app.
#[derive(Debug)]
pub(super) struct Hooks {
    settings: Option<Settings>,
    subscriptions: BTreeMap<u64, Subscription>,
    next_subscription: u64,
    /// (ready at, order) → event.
    queue: BTreeMap<(i64, u64), Waiting>,
    order: u64,
    under_way: BTreeMap<u64, (usize, Vec<Value>)>,
    next_delivery: u64,
    next_event: u64,
    pub(super) mischief: Mischief,
    random: Random,
}

fn shown(id: u64, one: &Subscription) -> Value {
    let mut shown = json!({
        "id": id.to_string(),
        "eventType": one.event_type,
        "active": one.active,
        "createdAt": stamp::text(one.created_at),
        "updatedAt": stamp::text(one.updated_at),
    });
    if let Some(shown) = shown.as_object_mut() {
        if let Some(property) = &one.property {
            shown.insert("propertyName".to_owned(), json!(property));
        }
        if let Some(object_type) = &one.object_type {
            shown.insert("objectTypeId".to_owned(), json!(object_type));
        }
    }
    shown
}

const ACTIONS: [&str; 7] =
    ["creation", "deletion", "merge", "propertyChange", "restore", "associationChange", "privacyDeletion"];

impl Subscription {
    fn wants(&self, event: &Event, action: &str) -> bool {
        let property = || {
            if let Happening::Property { name, .. } = &event.what {
                self.property.as_deref() == Some(name)
            } else {
                true
            }
        };
        self.active && self.kind == Some(event.kind) && self.action == action && property()
    }
}

fn action(what: &Happening) -> &'static str {
    match what {
        Happening::Created => "creation",
        Happening::Deleted => "deletion",
        Happening::PrivacyDeleted => "privacyDeletion",
        Happening::Restored => "restore",
        Happening::Property { .. } => "propertyChange",
        Happening::Merged { .. } => "merge",
        Happening::Associated { .. } => "associationChange",
    }
}

fn details(event: &Event) -> Value {
    match &event.what {
        Happening::Created => json!({"objectId": event.id, "changeFlag": "CREATED"}),
        Happening::Deleted => json!({"objectId": event.id, "changeFlag": "DELETED"}),
        Happening::PrivacyDeleted => json!({"objectId": event.id, "changeFlag": "PRIVACY_DELETED"}),
        Happening::Restored => json!({"objectId": event.id, "changeFlag": "RESTORED"}),
        Happening::Property { name, value } => json!({
            "objectId": event.id, "propertyName": name, "propertyValue": value, "isSensitive": false,
        }),
        Happening::Merged { primary, merged, new_id, moved } => json!({
            "objectId": new_id, "primaryObjectId": primary, "mergedObjectIds": [merged], "newObjectId": new_id,
            "numberOfPropertiesMoved": moved, "changeFlag": "MERGED",
        }),
        Happening::Associated { to, to_id, removed, primary } => json!({
            "associationType": format!("{}_TO_{}", event.kind.singular(), to.singular()).to_uppercase(),
            "fromObjectId": event.id, "toObjectId": to_id, "associationRemoved": removed,
            "isPrimaryAssociation": primary,
        }),
    }
}

impl Hooks {
    /// Nothing configured.
    pub(super) fn new(seed_number: u64) -> Self {
        Self {
            settings: None,
            subscriptions: BTreeMap::new(),
            next_subscription: 1,
            queue: BTreeMap::new(),
            order: 0,
            under_way: BTreeMap::new(),
            next_delivery: 1,
            next_event: 100,
            mischief: Mischief::default(),
            random: Random::new(seed_number ^ 0x00ee_b400),
        }
    }

    /// Calls on settings and subscriptions; the developer key is checked by the caller.
    pub(super) fn call(&mut self, req: &Req, rest: &[String], now: i64) -> Result<Reply, ApiError> {
        let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
        let body = req.json()?;
        match (&req.method, rest.as_slice()) {
            (&Method::GET, ["settings"]) => self
                .settings
                .as_ref()
                .map(|settings| Reply::ok(&settings_shown(settings)))
                .ok_or_else(ApiError::not_found),
            (&Method::PUT, ["settings"]) => self.configure(&body, now),
            (&Method::DELETE, ["settings"]) => {
                self.settings = None;
                Ok(Reply::empty())
            }
            (&Method::GET, ["subscriptions"]) => {
                let all: Vec<Value> = self.subscriptions.iter().map(|(id, one)| shown(*id, one)).collect();
                Ok(Reply::ok(&json!({"results": all})))
            }
            (&Method::POST, ["subscriptions"]) => self.subscribe(&body, now),
            (&Method::POST, ["subscriptions", "batch", "update"]) => {
                let results: Vec<Value> = list_at(&body, "inputs")
                    .iter()
                    .filter_map(|input| {
                        let id = number_at(input, "id")?;
                        let one = self.subscriptions.get_mut(&id)?;
                        one.active = flag_at(input, "active");
                        one.updated_at = now;
                        Some(shown(id, one))
                    })
                    .collect();
                let at = stamp::text(now);
                Ok(Reply::ok(
                    &json!({"status": "COMPLETE", "results": results, "startedAt": at, "completedAt": at}),
                ))
            }
            (method, ["subscriptions", id]) => {
                let id: u64 = id.parse().map_err(|_| ApiError::not_found())?;
                let one = self.subscriptions.get_mut(&id).ok_or_else(ApiError::not_found)?;
                if method == Method::DELETE {
                    self.subscriptions.remove(&id);
                    return Ok(Reply::empty());
                }
                if method == Method::PATCH {
                    one.active = flag_at(&body, "active");
                    one.updated_at = now;
                }
                Ok(Reply::ok(&shown(id, one)))
            }
            _ => Err(ApiError::new(
                StatusCode::NOT_FOUND,
                &format!("Unable to find {} {}", req.method, req.path),
            )),
        }
    }

    fn configure(&mut self, body: &Value, now: i64) -> Result<Reply, ApiError> {
        let target = text_at(body, "targetUrl")
            .filter(|url| url.parse::<http::Uri>().is_ok_and(|uri| uri.host().is_some()));
        let target = target.ok_or_else(|| ApiError::validation("targetUrl must be an absolute URL"))?;
        let throttling = body.get("throttling").cloned().unwrap_or_default();
        let concurrent = number_at(&throttling, "maxConcurrentRequests").unwrap_or(10);
        if concurrent <= 5 {
            return Err(ApiError::validation("maxConcurrentRequests must be greater than 5"));
        }
        let created_at = self.settings.as_ref().map_or(now, |old| old.created_at);
        let concurrent = usize::try_from(concurrent).unwrap_or(IN_FLIGHT);
        let settings = Settings { target, concurrent, created_at, updated_at: now };
        let reply = Reply::ok(&settings_shown(&settings));
        self.settings = Some(settings);
        Ok(reply)
    }

    fn subscribe(&mut self, body: &Value, now: i64) -> Result<Reply, ApiError> {
        let event_type = text_at(body, "eventType").unwrap_or_default();
        let property = text_at(body, "propertyName").filter(|name| !name.is_empty());
        let object_type = text_at(body, "objectTypeId");
        let (object, action) = event_type.split_once('.').unwrap_or_default();
        let kind = match object {
            "object" => object_type.as_deref().and_then(Kind::parse),
            name => Kind::parse(name),
        };
        let known = kind.is_some()
            && ACTIONS.contains(&action)
            && (action != "privacyDeletion" || kind == Some(Kind::Contacts));
        if !known {
            return Err(ApiError::validation(&format!("{event_type} is not a supported event type")));
        }
        if event_type.ends_with(".propertyChange") {
            match property.as_deref() {
                None => {
                    return Err(ApiError::validation("propertyName is required for property change events"));
                }
                Some("hs_lastmodifieddate" | "lastmodifieddate" | "num_unique_conversion_events") => {
                    return Err(ApiError::validation("This property cannot be subscribed to"));
                }
                Some(_) => {}
            }
        }
        let same = |one: &Subscription| {
            one.event_type == event_type && one.property == property && one.object_type == object_type
        };
        if self.subscriptions.values().any(same) {
            return Err(
                ApiError::validation("There is already a subscription like this").category("CONFLICT")
            );
        }
        if self.subscriptions.len() >= SUBSCRIPTIONS {
            return Err(ApiError::validation(&format!(
                "The limit of {SUBSCRIPTIONS} subscriptions is reached"
            )));
        }
        let one = Subscription {
            action: action.to_owned(),
            kind,
            event_type,
            property,
            object_type,
            active: flag_at(body, "active"),
            created_at: now,
            updated_at: now,
        };
        let id = self.next_subscription;
        self.next_subscription += 1;
        let reply = Reply::json(StatusCode::CREATED, &shown(id, &one));
        self.subscriptions.insert(id, one);
        Ok(reply)
    }

    /// Whether any change is worth noting.
    pub(super) fn listens(&self) -> bool {
        self.settings.is_some() && self.subscriptions.values().any(|one| one.active)
    }

    /// Takes what happened in the account and queues an event for every subscription that wants it.
    pub(super) fn collect(&mut self, portal: &mut Portal, app_id: u64) {
        let delay = portal.knobs.webhook_delay_ms;
        for event in std::mem::take(&mut portal.events) {
            let action = action(&event.what);
            let wanted: Vec<(u64, String)> = self
                .subscriptions
                .iter()
                .filter(|(_, one)| one.wants(&event, action))
                .map(|(id, one)| (*id, one.event_type.clone()))
                .collect();
            for (subscription, event_type) in wanted {
                let mut value = details(&event);
                if let Some(value) = value.as_object_mut() {
                    value.insert("eventId".to_owned(), json!(self.next_event));
                    value.insert("subscriptionId".to_owned(), json!(subscription));
                    value.insert("portalId".to_owned(), json!(portal.id));
                    value.insert("appId".to_owned(), json!(app_id));
                    value.insert("occurredAt".to_owned(), json!(event.at));
                    value.insert("subscriptionType".to_owned(), json!(event_type));
                    value.insert("changeSource".to_owned(), json!(event.source.name()));
                    value.insert("sourceId".to_owned(), json!(event.source_id));
                }
                self.next_event += 1;
                self.enqueue(value, event.at.saturating_add(delay));
            }
        }
    }

    fn enqueue(&mut self, event: Value, ready_at: i64) {
        if self.mischief.lose > 0 {
            self.mischief.lose -= 1;
            return;
        }
        let copies = if self.mischief.double > 0 { 2 } else { 1 };
        self.mischief.double = self.mischief.double.saturating_sub(1);
        for _ in 0..copies {
            self.push(ready_at, Waiting { attempt: 0, event: event.clone() });
        }
    }

    fn push(&mut self, ready_at: i64, waiting: Waiting) {
        self.order += 1;
        self.queue.insert((ready_at, self.order), waiting);
    }

    /// Events that a receiver has not answered for yet.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len() + self.under_way.values().map(|(_, events)| events.len()).sum::<usize>()
    }

    /// The next event to leave: the longest waiting one, or the latest under the reordering mischief.
    fn next_ready(&self, now: i64) -> Option<((i64, u64), usize)> {
        let mut ready = self.queue.range(..=(now, u64::MAX));
        let next = if self.mischief.reorder { ready.next_back() } else { ready.next() };
        next.map(|(key, one)| (*key, one.attempt))
    }

    /// Deliveries that may leave now.
    pub(super) fn due(&mut self, now: i64, secret: &str) -> Vec<Delivery> {
        let Some(settings) = self.settings.clone() else {
            self.queue.clear();
            return Vec::new();
        };
        let mut deliveries = Vec::new();
        if self.mischief.pause {
            return deliveries;
        }
        let most = settings.concurrent.min(IN_FLIGHT);
        while self.under_way.len() < most {
            let Some((_, attempt)) = self.next_ready(now) else { break };
            let mut events = Vec::new();
            while events.len() < EVENTS
                && let Some((key, its)) = self.next_ready(now)
                && its == attempt
            {
                events.extend(self.queue.remove(&key).map(|one| one.event));
            }
            // Only this machine is ever called.
            if !is_loopback(&settings.target) {
                continue;
            }
            for event in events.iter_mut().filter_map(Value::as_object_mut) {
                event.insert("attemptNumber".to_owned(), json!(attempt));
            }
            let body = serde_json::to_vec(&events).unwrap_or_default();
            let Some(request) = signed(&settings.target, body, secret, now) else { continue };
            let id = self.next_delivery;
            self.next_delivery += 1;
            self.under_way.insert(id, (attempt, events));
            deliveries.push(Delivery { id: DeliveryId(id), request });
        }
        deliveries
    }

    /// How a delivery ended; anything but 2xx is repeated.
    pub(super) fn delivered(&mut self, id: DeliveryId, status: Option<u16>, now: i64) {
        let Some((attempt, events)) = self.under_way.remove(&id.0) else { return };
        if status.is_some_and(|status| (200..300).contains(&status)) {
            return;
        }
        let Some(wait) = RETRY_S.get(attempt).map(|seconds| seconds * 1000) else { return };
        for event in events {
            let spread = i64::try_from(self.random.next() % 1000).unwrap_or(0) * wait / 10_000;
            self.push(now + wait + spread, Waiting { attempt: attempt + 1, event });
        }
    }
}

fn settings_shown(settings: &Settings) -> Value {
    json!({
        "targetUrl": settings.target,
        "throttling": {"maxConcurrentRequests": settings.concurrent, "period": "SECONDLY"},
        "createdAt": stamp::text(settings.created_at),
        "updatedAt": stamp::text(settings.updated_at),
    })
}

fn is_loopback(target: &str) -> bool {
    let Ok(uri) = target.parse::<http::Uri>() else { return false };
    let host = uri.host().unwrap_or("").trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn signed(target: &str, body: Vec<u8>, secret: &str, now: i64) -> Option<HttpRequest> {
    let request = http::Request::builder()
        .method(Method::POST)
        .uri(target)
        .header("content-type", "application/json")
        .header(
            "user-agent",
            "HubSpot Connect 2.0 (http://dev.hubspot.com/) (namespace: webhooks-nio-http-client)",
        )
        .header("x-hubspot-signature", signature_v1(secret, &body))
        .header("x-hubspot-signature-version", "v1")
        .header("x-hubspot-signature-v3", signature_v3(secret, "POST", target, &body, now))
        .header("x-hubspot-request-timestamp", now.to_string());
    request.body(Bytes::from(body)).ok()
}

/// sha256hex(secret + body)
fn signature_v1(secret: &str, body: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(secret.as_bytes());
    hash.update(body);
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// base64(HMAC-SHA256(secret, method + URI + body + timestamp)); some escapes of the URI are decoded first
/// [d25 webhooks__validating-requests].
fn signature_v3(secret: &str, method: &str, uri: &str, body: &[u8], timestamp: i64) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(method.as_bytes());
    mac.update(decode_some(uri).as_bytes());
    mac.update(body);
    mac.update(timestamp.to_string().as_bytes());
    base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes())
}

fn decode_some(uri: &str) -> String {
    const DECODED: [(&str, &str); 12] = [
        ("%3A", ":"),
        ("%2F", "/"),
        ("%3F", "?"),
        ("%40", "@"),
        ("%21", "!"),
        ("%24", "$"),
        ("%27", "'"),
        ("%28", "("),
        ("%29", ")"),
        ("%2A", "*"),
        ("%2C", ","),
        ("%3B", ";"),
    ];
    let mut text = uri.to_owned();
    for (escape, letter) in DECODED {
        text = text.replace(escape, letter).replace(&escape.to_lowercase(), letter);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy";
    const BODY: &str = r#"[{"eventId":1,"subscriptionId":2,"portalId":3,"objectId":101,"subscriptionType":"contact.creation","attemptNumber":0,"occurredAt":1760000000000}]"#;

    #[test]
    fn signature_v3_equals_the_published_vectors() {
        let sign = |uri: &str| signature_v3(SECRET, "POST", uri, BODY.as_bytes(), 1_760_000_000_123);
        assert_eq!(
            sign("https://sandbox.example/hooks/hubspot"),
            "i4yrbNOA1vEgQkcc/J8m5RNLSYzAOOFLb8bgj1i8Y9U="
        );
        assert_eq!(
            sign("https://sandbox.example/hooks/hubspot?x=a%3Ab"),
            "LJBETuz+xSSX+oDhTvroU4ZEnarXf+F6VP0Sclx08l0="
        );
    }

    #[test]
    fn only_this_machine_counts_as_loopback() {
        assert!(is_loopback("http://127.0.0.1:9/hook"));
        assert!(is_loopback("http://[::1]:9/hook"));
        assert!(is_loopback("http://localhost/hook"));
        assert!(!is_loopback("https://hooks.example.com/x"));
        assert!(!is_loopback("http://127.0.0.1.example.com/x"));
    }
}
