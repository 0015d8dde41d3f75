//! Settings and subscriptions of an app, and the calls that change them.

use super::{Hooks, sender::IN_FLIGHT};
use crate::sandbox::{
    kind::Kind,
    portal::{Event, Happening},
    stamp,
    wire::{ApiError, Reply, Req, flag_at, list_at, number_at, text_at},
};
use http::{Method, StatusCode};
use serde_json::{Value, json};

/// Subscriptions of an app [d25 webhooks].
const SUBSCRIPTIONS: usize = 1000;

const ACTIONS: [&str; 7] =
    ["creation", "deletion", "merge", "propertyChange", "restore", "associationChange", "privacyDeletion"];

#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) target: String,
    pub(super) concurrent: usize,
    created_at: i64,
    updated_at: i64,
}

#[derive(Debug, Clone)]
pub(super) struct Subscription {
    pub(super) event_type: String,
    /// The object type that the event type speaks of, and what happens to it.
    kind: Option<Kind>,
    action: String,
    property: Option<String>,
    object_type: Option<String>,
    pub(super) active: bool,
    created_at: i64,
    updated_at: i64,
}

impl Subscription {
    pub(super) fn wants(&self, event: &Event, action: &str) -> bool {
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

impl Hooks {
    /// Calls on settings and subscriptions; the developer key is checked by the caller.
    pub(in crate::sandbox) fn call(
        &mut self,
        req: &Req,
        rest: &[String],
        now: i64,
    ) -> Result<Reply, ApiError> {
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
}

fn settings_shown(settings: &Settings) -> Value {
    json!({
        "targetUrl": settings.target,
        "throttling": {"maxConcurrentRequests": settings.concurrent, "period": "SECONDLY"},
        "createdAt": stamp::text(settings.created_at),
        "updatedAt": stamp::text(settings.updated_at),
    })
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
