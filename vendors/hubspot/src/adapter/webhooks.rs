//! Webhooks: asking for them, and what they say. They are hints only: what they point at is read.

use super::{
    HubSpot,
    client::{Call, Effect, Failure},
    lock,
    records::plain,
    signature,
};
use http::Method;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use syncline_kit::{
    HttpRequest,
    vendor::{Hint, VendorError, WebhookRefused},
};
use syncline_model::{FieldName, ObjectName};

/// HubSpot sends at most 100 events a call [d25 webhooks]; more than this is not HubSpot.
const MOST_EVENTS: usize = 1_000;

const OBJECTS: [(&str, &str, &str); 3] =
    [("contact", "contacts", "0-1"), ("company", "companies", "0-2"), ("deal", "deals", "0-3")];

/// The properties that connections usually map.
pub(super) fn usual_properties() -> BTreeMap<ObjectName, Vec<FieldName>> {
    let lists: [(&str, &[&str]); 3] = [
        (
            "contacts",
            &[
                "email",
                "firstname",
                "lastname",
                "phone",
                "mobilephone",
                "company",
                "jobtitle",
                "lifecyclestage",
                "hs_lead_status",
                "hubspot_owner_id",
                "website",
                "industry",
                "address",
                "city",
                "state",
                "zip",
                "country",
            ],
        ),
        (
            "companies",
            &[
                "name",
                "domain",
                "website",
                "phone",
                "industry",
                "annualrevenue",
                "numberofemployees",
                "lifecyclestage",
                "hubspot_owner_id",
                "type",
                "description",
                "address",
                "city",
                "state",
                "zip",
                "country",
            ],
        ),
        (
            "deals",
            &[
                "dealname",
                "amount",
                "deal_currency_code",
                "closedate",
                "dealstage",
                "pipeline",
                "dealtype",
                "hubspot_owner_id",
                "description",
            ],
        ),
    ];
    lists
        .into_iter()
        .map(|(object, names)| {
            (ObjectName::from(object), names.iter().map(|name| FieldName::from(*name)).collect())
        })
        .collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subscription {
    id: Value,
    event_type: String,
    property_name: Option<String>,
    /// False: paused, nothing is sent [spec v3/Webhooks, SubscriptionResponse].
    active: bool,
}

#[derive(Deserialize)]
struct Subscriptions {
    #[serde(default)]
    results: Vec<Subscription>,
}

/// One event; every member is optional because nothing here is trusted before it is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    portal_id: Option<Value>,
    #[serde(alias = "eventType")]
    subscription_type: Option<String>,
    object_type_id: Option<String>,
    object_id: Option<Value>,
    association_type: Option<String>,
    from_object_id: Option<Value>,
    to_object_id: Option<Value>,
    primary_object_id: Option<Value>,
    #[serde(default)]
    merged_object_ids: Vec<Value>,
    new_object_id: Option<Value>,
}

impl HubSpot {
    /// Points the app's webhooks here, adds the subscriptions that are missing and sets those going that are paused. Without a
    /// developer key a person has to do it.
    pub(super) async fn subscribe(&self, url: &str) -> Result<Option<String>, VendorError> {
        if self.own_portal().is_none() {
            // Deliveries are told from another portal's by it.
            self.read_account().await?;
        }
        let (Some(app), Some(key)) =
            (self.client.credential("app_id"), self.client.credential("developer_key"))
        else {
            return Ok(Some(self.by_hand(url)));
        };
        let hapikey: String = form_urlencoded::byte_serialize(key.as_bytes()).collect();
        let keyed = |method: Method, path: &str, body: Option<Value>| {
            let mut call = Call::get(format!("/webhooks/v3/{app}/{path}?hapikey={hapikey}"));
            call.method = method;
            call.body = body.map(|body| bytes::Bytes::from(body.to_string()));
            call.keyed = true;
            call
        };
        let settings = json!({
            "targetUrl": url,
            "throttling": { "maxConcurrentRequests": 10, "period": "SECONDLY" },
        });
        let _: Value = self.client.fetch(keyed(Method::PUT, "settings", Some(settings))).await?;
        let present: Subscriptions = self.client.fetch(keyed(Method::GET, "subscriptions", None)).await?;
        let present: BTreeMap<(String, Option<String>), (Value, bool)> = present
            .results
            .into_iter()
            .map(|one| ((one.event_type, one.property_name), (one.id, one.active)))
            .collect();
        for (event, property) in self.subscriptions() {
            let mut call = match present.get(&(event.clone(), property.clone())) {
                Some((_, true)) => continue,
                Some((id, false)) => {
                    let id = plain(id.clone()).unwrap_or_default();
                    keyed(Method::PATCH, &format!("subscriptions/{id}"), Some(json!({ "active": true })))
                }
                None => {
                    let mut body = json!({ "eventType": event, "active": true });
                    if let (Some(map), Some(property)) = (body.as_object_mut(), property) {
                        map.insert("propertyName".to_owned(), Value::from(property));
                    }
                    keyed(Method::POST, "subscriptions", Some(body))
                }
            };
            call.effect = Effect::Write;
            match self.client.send(call).await {
                // Another subscription of the same kind is no trouble: hints are read once.
                Ok(answer) if answer.is_success() || answer.status == 409 => {}
                Ok(answer) => return Err(answer.fault().into_error()),
                Err(Failure::Unknown(why)) => return Err(VendorError::Unavailable(why)),
                Err(failure) => return Err(failure.into()),
            }
        }
        Ok(None)
    }

    /// The portal's id as the credentials or, once it was asked for, the account say it.
    fn own_portal(&self) -> Option<Arc<str>> {
        self.client.credential("portal_id").map(Arc::from).or_else(|| lock(&self.portal).clone())
    }

    fn subscriptions(&self) -> Vec<(String, Option<String>)> {
        let mut wanted = Vec::new();
        for (singular, plural, _) in OBJECTS {
            for act in ["creation", "deletion", "merge", "restore", "associationChange"] {
                wanted.push((format!("{singular}.{act}"), None));
            }
            for property in self.options.webhook_properties.get(plural).into_iter().flatten() {
                wanted.push((format!("{singular}.propertyChange"), Some(property.to_string())));
            }
        }
        wanted.push(("contact.privacyDeletion".to_owned(), None));
        wanted
    }

    fn by_hand(&self, url: &str) -> String {
        let mut text = format!(
            "This connection has no developer key (`app_id` with `developer_key`), so webhooks are set by hand.\n\
             In the app's settings under Webhooks set the target URL to\n  {url}\nand subscribe to\n"
        );
        for (singular, plural, _) in OBJECTS {
            text.push_str(&format!("  {singular}: creation, deletion, merge, restore, association change"));
            let properties: Vec<&str> = self
                .options
                .webhook_properties
                .get(plural)
                .into_iter()
                .flatten()
                .map(FieldName::as_str)
                .collect();
            text.push_str(&format!("; property change of {}\n", properties.join(", ")));
        }
        text.push_str("  contact: privacy deletion\n");
        text.push_str("Its client secret has to be part of this connection's credentials (`client_secret`).");
        text
    }

    /// Verifies a delivery and says where to look.
    pub(super) fn take_webhook(
        &self,
        request: &HttpRequest,
        public_url: &str,
        now: Timestamp,
    ) -> Result<Vec<Hint>, WebhookRefused> {
        let secret = self.client.credential("client_secret").ok_or(WebhookRefused::NotHere)?;
        signature::verify(request, public_url, &secret, now)?;
        let events: Vec<Event> = serde_json::from_slice(request.body())
            .map_err(|error| WebhookRefused::Content(error.to_string()))?;
        if events.len() > MOST_EVENTS {
            return Err(WebhookRefused::Content(format!("{} events in one call", events.len())));
        }
        // An app's portals share its secret and its target.
        let portal = self.own_portal();
        let is_ours = |event: &Event| match (&portal, event.portal_id.clone().and_then(plain)) {
            (Some(ours), Some(theirs)) => **ours == *theirs,
            (_, _) => true,
        };
        let hints: BTreeSet<Hint> =
            events.into_iter().filter(is_ours).flat_map(|event| self.hints_of(event)).collect();
        Ok(hints.into_iter().collect())
    }

    fn hints_of(&self, event: Event) -> Vec<Hint> {
        let kind = event.subscription_type.clone().unwrap_or_default();
        let (subject, act) = kind.split_once('.').unwrap_or((kind.as_str(), ""));
        let object = object_named(subject)
            .or_else(|| object_named(event.object_type_id.as_deref().unwrap_or_default()));
        let hint =
            |object: &str, id: Option<Value>| Some(Hint { record: self.record(object, id.and_then(plain)?) });
        if act == "associationChange" {
            let Some((from, to)) = ends(&event, object) else { return Vec::new() };
            return match (from, to) {
                // Edges are kept on the child's record, whichever end the event is about.
                ("companies", "contacts") | ("companies" | "contacts", "deals") => {
                    hint(to, event.to_object_id)
                }
                ("companies", "companies") => {
                    return [hint(from, event.from_object_id), hint(to, event.to_object_id)]
                        .into_iter()
                        .flatten()
                        .collect();
                }
                (_, _) => hint(from, event.from_object_id),
            }
            .into_iter()
            .collect();
        }
        let Some(object) = object else { return Vec::new() };
        let ids = [event.object_id, event.primary_object_id, event.new_object_id].into_iter().flatten();
        ids.chain(event.merged_object_ids).filter_map(|id| hint(object, Some(id))).collect()
    }
}

/// `contact`, `CONTACT`, `0-1` → `contacts`.
fn object_named(name: &str) -> Option<&'static str> {
    OBJECTS
        .iter()
        .find(|(singular, plural, id)| {
            [singular, plural, id].iter().any(|one| one.eq_ignore_ascii_case(name))
        })
        .map(|(_, plural, _)| *plural)
}

/// `DEAL_TO_COMPANY` → deals, companies.
fn ends(event: &Event, subject: Option<&'static str>) -> Option<(&'static str, &'static str)> {
    let (from, to) =
        event.association_type.as_deref().unwrap_or_default().split_once("_TO_").unwrap_or_default();
    let from = object_named(from).or(subject)?;
    Some((from, object_named(to).unwrap_or(from)))
}
