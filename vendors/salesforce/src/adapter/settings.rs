//! What the org says of itself and of us: the resource `organization` of the Connect REST API
//! (`connect/organization`, from version 24.0, no Chatter needed) [doc: connect_resources_connect]. Composite takes sObject,
//! query and collection resources only, so it is a call of its own, and one in a process.

use super::{
    API, Salesforce,
    client::{Call, lock},
    composite::{Part, refused},
    ids,
};
use http::Method;
use serde::Deserialize;
use serde_json::Value as Json;
use syncline_kit::vendor::VendorError;
use syncline_model::{Currency, RecordId};

/// The currency that the others of an org of several are converted to; the object exists in such orgs only
/// [doc: sforce_api_objects_currencytype].
const CORPORATE: &str = "SELECT IsoCode FROM CurrencyType WHERE IsCorporate = true LIMIT 1";

/// What was learnt.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// The user that we are, as records name it.
    pub(super) user: Option<RecordId>,
    /// The org's own currency; none where nobody tells it. It is never assumed.
    pub(super) currency: Option<Currency>,
}

/// The answer [doc: connect_responses_organization].
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Organization {
    features: Features,
    user_settings: UserSettings,
}

/// `defaultCurrencyIsoCode` counts only where `multiCurrency` is false [doc: connect_responses_features].
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Features {
    multi_currency: bool,
    default_currency_iso_code: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct UserSettings {
    user_id: Option<String>,
}

impl Salesforce {
    /// Asked for once.
    pub(super) async fn settings(&self) -> Result<Settings, VendorError> {
        if let Some(known) = lock(&self.memory).settings.clone() {
            return Ok(known);
        }
        self.read_settings().await
    }

    /// Asked for anew.
    pub(super) async fn read_settings(&self) -> Result<Settings, VendorError> {
        let organization = self.organization().await?;
        let told = if organization.features.multi_currency {
            self.corporate_currency().await?
        } else {
            organization.features.default_currency_iso_code.as_deref().and_then(Currency::new)
        };
        let user = match organization.user_settings.user_id {
            Some(user) => Some(ids::canonical(&user)),
            None => self.identity().await?,
        };
        let settings = Settings { user, currency: told.or(self.stated_currency) };
        lock(&self.memory).settings = Some(settings.clone());
        Ok(settings)
    }

    /// An org that refuses the resource, or answers something else, has told nothing.
    async fn organization(&self) -> Result<Organization, VendorError> {
        let answer = self.client.read(&get("/connect/organization")).await?;
        if answer.status < 300 {
            return Ok(answer.parse().unwrap_or_default());
        }
        match answer.error().filter(|error| error.is_limit() || error.passes()) {
            Some(error) => Err(refused(error)),
            None => Ok(Organization::default()),
        }
    }

    async fn corporate_currency(&self) -> Result<Option<Currency>, VendorError> {
        let (_, replies) = self.client.read_parts(vec![Part::query(CORPORATE)]).await?;
        let page = replies.into_iter().next().and_then(|reply| reply.page().ok());
        Ok(page.and_then(|page| Currency::new(page.records.first()?.get("IsoCode")?.as_str()?)))
    }

    /// Who we are by the address of our identity, which the API's root names.
    async fn identity(&self) -> Result<Option<RecordId>, VendorError> {
        let root: Json = self.client.read(&get("/")).await?.parse()?;
        let identity = root.get("identity").and_then(Json::as_str).unwrap_or_default();
        Ok(identity.rsplit('/').next().filter(|id| id.starts_with("005")).map(ids::canonical))
    }
}

fn get(path: &str) -> Call {
    Call { method: Method::GET, path: format!("{API}{path}"), headers: Vec::new(), body: None }
}
