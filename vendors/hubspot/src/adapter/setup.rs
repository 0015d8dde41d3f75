//! Planted keys: a unique property on each object.

use super::{
    HubSpot,
    client::{Call, Effect},
};
use serde::Deserialize;
use serde_json::json;
use syncline_kit::vendor::{SetupStep, VendorError};
use syncline_model::{FieldName, ObjectName};

/// The property that carries the key.
pub(super) const KEY: &str = "syncline_id";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    #[serde(default)]
    has_unique_value: bool,
    #[serde(default)]
    archived: bool,
}

/// Objects that can carry a key, and the group it stands in.
fn group(object: &ObjectName) -> Option<&'static str> {
    match object.as_str() {
        "contacts" => Some("contactinformation"),
        "companies" => Some("companyinformation"),
        "deals" => Some("dealinformation"),
        _ => None,
    }
}

impl HubSpot {
    pub(super) async fn plan_setup(&self, objects: &[ObjectName]) -> Result<Vec<SetupStep>, VendorError> {
        let mut steps = Vec::new();
        for object in objects.iter().filter(|object| group(object).is_some()) {
            steps.push(self.setup_step(object).await?);
        }
        Ok(steps)
    }

    async fn setup_step(&self, object: &ObjectName) -> Result<SetupStep, VendorError> {
        let answer = self.client.send(Call::get(format!("/crm/v3/properties/{object}/{KEY}"))).await?;
        let found = match answer.status {
            404 => None,
            _ if answer.is_success() => Some(answer.parse::<Found>()?).filter(|found| !found.archived),
            _ => return Err(answer.fault().into_error()),
        };
        let mut step = SetupStep {
            object: object.clone(),
            field: FieldName::from(KEY),
            what: format!("create the unique text property `{KEY}` on {object}"),
            by_hand: Vec::new(),
            done: found.as_ref().is_some_and(|found| found.has_unique_value),
        };
        if found.is_some_and(|found| !found.has_unique_value) {
            // Uniqueness is decided when a property is made, and never again [docs properties].
            step.what = format!("the property `{KEY}` on {object} exists and is not unique");
            step.by_hand.push((
                format!("{object}-{KEY}.txt"),
                format!(
                    "A property cannot be made unique afterwards.\n\
                     In HubSpot: Settings > Properties > {object}: archive and delete `{KEY}` (it must not be used by\n\
                     lists, workflows or forms), then run this setup again. It needs the right to edit property\n\
                     settings.\n"
                ),
            ));
        }
        Ok(step)
    }

    pub(super) async fn apply_setup(&self, steps: &[SetupStep]) -> Result<Vec<SetupStep>, VendorError> {
        let mut applied = Vec::with_capacity(steps.len());
        for step in steps {
            if step.done || !step.by_hand.is_empty() {
                applied.push(step.clone());
                continue;
            }
            self.create_key(&step.object).await?;
            super::lock(&self.schemas).forget(&step.object);
            applied.push(self.setup_step(&step.object).await?);
        }
        Ok(applied)
    }

    /// A lost answer is settled by the read that follows.
    async fn create_key(&self, object: &ObjectName) -> Result<(), VendorError> {
        let body = json!({
            "name": KEY,
            "label": "Syncline ID",
            "description": "Identifies this record for Syncline. Do not edit.",
            "groupName": group(object).unwrap_or_default(),
            "type": "string",
            "fieldType": "text",
            "hasUniqueValue": true,
            "formField": false,
        });
        let call = Call::post(format!("/crm/v3/properties/{object}"), &body, Effect::Write);
        match self.client.send(call).await {
            Ok(answer) if answer.is_success() || answer.status == 409 => Ok(()),
            Ok(answer) => Err(answer.fault().into_error()),
            Err(super::client::Failure::Unknown(_)) => Ok(()),
            Err(failure) => Err(failure.into()),
        }
    }
}
