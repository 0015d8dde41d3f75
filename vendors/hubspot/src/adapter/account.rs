//! To which portal the credentials lead.

use super::{HubSpot, client::Call, lock, records::plain};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use syncline_kit::vendor::VendorError;
use syncline_model::{Account, Currency};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    portal_id: Value,
    time_zone: Option<String>,
    company_currency: Option<String>,
    #[serde(default)]
    additional_currencies: Vec<String>,
}

/// What the account counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Currencies {
    /// The company's currency.
    pub(super) own: Option<Currency>,
    /// Deals may be in others [spec v3/Account__accountInfo].
    pub(super) further: bool,
}

impl HubSpot {
    /// `GET /account-info/v3/details` [amp post-auth/account-info].
    pub(super) async fn read_account(&self) -> Result<Account, VendorError> {
        let details: Details = self.client.fetch(Call::get("/account-info/v3/details")).await?;
        let time_zone = details.time_zone.unwrap_or_else(|| "UTC".to_owned());
        self.client.in_zone(&time_zone);
        let currency = details.company_currency.as_deref().and_then(Currency::new);
        let further = !details.additional_currencies.is_empty();
        *lock(&self.currencies) = currency.map(|own| Currencies { own: Some(own), further });
        let id = plain(details.portal_id)
            .ok_or_else(|| VendorError::Protocol("the account details name no portal".to_owned()))?;
        let id: Arc<str> = Arc::from(id);
        *lock(&self.portal) = Some(Arc::clone(&id));
        let user = self
            .client
            .credential("app_id")
            .map_or_else(|| "private app".to_owned(), |app| format!("app {app}"));
        Ok(Account { id, currency, time_zone: Arc::from(time_zone), user: Arc::from(user), user_id: None })
    }

    /// The portal's own currency; asked for once.
    pub(super) async fn portal_currency(&self) -> Result<Option<Currency>, VendorError> {
        Ok(self.currencies().await?.own)
    }

    /// What the portal counts in; asked for once, and learnt anew whenever the account is looked at.
    pub(super) async fn currencies(&self) -> Result<Currencies, VendorError> {
        if let Some(known) = *lock(&self.currencies) {
            return Ok(known);
        }
        let own = self.read_account().await?.currency;
        Ok(lock(&self.currencies).unwrap_or(Currencies { own, further: true }))
    }
}
