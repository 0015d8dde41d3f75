//! What happened in the account, as events for the subscriptions that want it.

use super::Hooks;
use crate::sandbox::portal::{Event, Happening, Portal};
use serde_json::{Value, json};

impl Hooks {
    /// Takes what happened in the account and queues an event for every subscription that wants it.
    pub(in crate::sandbox) fn collect(&mut self, portal: &mut Portal, app_id: u64) {
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
