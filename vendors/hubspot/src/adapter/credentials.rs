//! What a connection signs in with.

use serde_json::{Map, Value};
use syncline_kit::vendor::VendorError;

const PRODUCTION: &str = "https://api.hubapi.com";

/// The credentials as given, so that a refreshed token can be put back without losing what is not understood here.
/// Never printed: it has no `Debug`.
pub(super) struct Credentials(Map<String, Value>);

impl Credentials {
    /// Checks that there is something to sign in with.
    pub(super) fn new(given: Value) -> Result<Self, VendorError> {
        let Value::Object(map) = given else {
            return Err(VendorError::Credentials("they are a JSON object".to_owned()));
        };
        let credentials = Self(map);
        if credentials.text("access_token").is_none() && !credentials.can_refresh() {
            return Err(VendorError::Credentials(
                "`access_token`, or `refresh_token` with `client_id` and `client_secret`, is missing"
                    .to_owned(),
            ));
        }
        Ok(credentials)
    }

    /// A member as text; numbers are accepted for ids.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        match self.0.get(name) {
            Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            Some(_) | None => None,
        }
    }

    /// Without a final slash.
    pub(super) fn base_url(&self) -> String {
        self.text("base_url")
            .map_or_else(|| PRODUCTION.to_owned(), |url| url.trim_end_matches('/').to_owned())
    }

    /// Whether an expired token can be replaced.
    pub(super) fn can_refresh(&self) -> bool {
        ["refresh_token", "client_id", "client_secret"].iter().all(|name| self.text(name).is_some())
    }

    /// Puts in what a token endpoint answered.
    pub(super) fn renew(&mut self, access_token: &str, refresh_token: Option<&str>) {
        self.0.insert("access_token".to_owned(), Value::from(access_token));
        if let Some(token) = refresh_token {
            self.0.insert("refresh_token".to_owned(), Value::from(token));
        }
    }

    /// As JSON, to be stored encrypted.
    pub(super) fn to_json(&self) -> Value {
        Value::Object(self.0.clone())
    }
}
