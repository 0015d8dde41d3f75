//! Credentials as a sandbox prints them or a person pastes them, and the token request each kind leads to
//! [doc: research §1.2].

use bytes::Bytes;
use http::{Method, header};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use syncline_kit::{HttpRequest, vendor::VendorError};
use syncline_model::Currency;

/// Where a person's org logs in when the credentials do not say.
const LOGIN: &str = "https://login.salesforce.com";
/// The same for the vendor's own sandboxes.
const TEST_LOGIN: &str = "https://test.salesforce.com";
/// How long a signed assertion may be used; the vendor takes three to five minutes.
const ASSERTION_SECONDS: i64 = 180;

/// What is known; unknown members are kept and handed back as they came. Not `Debug`: it would print secrets.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Credentials {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) access_token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) refresh_token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    private_key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    audience: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    login_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) instance_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    #[serde(flatten)]
    rest: serde_json::Map<String, Json>,
}

/// How a new access token is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grant {
    Refresh,
    Jwt,
    Client,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: i64,
}

impl Credentials {
    /// Reads them; says what is missing.
    pub(super) fn read(json: Json) -> Result<Self, VendorError> {
        let read: Self = serde_json::from_value(json)
            .map_err(|error| VendorError::Credentials(format!("they could not be read: {error}")))?;
        if read.access_token.is_none() && read.grant().is_none() {
            return Err(VendorError::Credentials(
                "they hold neither an access_token, nor a refresh_token with client_id, nor client_id with \
                 client_secret, nor client_id with username and private_key"
                    .to_owned(),
            ));
        }
        if read.access_token.is_some() && read.instance_url.is_none() && read.login_url.is_none() {
            return Err(VendorError::Credentials("an access_token needs its instance_url".to_owned()));
        }
        if read.grant() == Some(Grant::Client) && read.is_common_login() {
            return Err(VendorError::Credentials(
                "client_id with client_secret alone are taken at the org's own address only: name it as login_url, such as \
                 https://MyCompany.my.salesforce.com"
                    .to_owned(),
            ));
        }
        Ok(read)
    }

    /// The org's currency, where it is stated.
    pub(super) fn currency(&self) -> Result<Option<Currency>, VendorError> {
        let Some(code) = &self.currency else { return Ok(None) };
        Currency::new(code).map(Some).ok_or_else(|| {
            VendorError::Credentials(format!(
                "`currency` is a code of three letters such as EUR, not `{code}`"
            ))
        })
    }

    /// The same as JSON, to be stored.
    pub(super) fn to_json(&self) -> Json {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// The address of the org's API.
    pub(super) fn base(&self) -> &str {
        self.instance_url.as_deref().unwrap_or_else(|| self.login()).trim_end_matches('/')
    }

    /// The token request. Nothing of it is secret to the vendor's login address only.
    pub(super) fn token_request(&self, now: Timestamp) -> Result<HttpRequest, VendorError> {
        let Some(grant) = self.grant() else {
            return Err(VendorError::Credentials(
                "the access token is refused and cannot be renewed".to_owned(),
            ));
        };
        let mut form = form_urlencoded::Serializer::new(String::new());
        match grant {
            Grant::Refresh => {
                form.append_pair("grant_type", "refresh_token");
                self.append(&mut form, "refresh_token", self.refresh_token.as_deref());
                self.append(&mut form, "client_id", self.client_id.as_deref());
                self.append(&mut form, "client_secret", self.client_secret.as_deref());
            }
            Grant::Jwt => {
                form.append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
                form.append_pair("assertion", &self.assertion(now)?);
            }
            Grant::Client => {
                form.append_pair("grant_type", "client_credentials");
                self.append(&mut form, "client_id", self.client_id.as_deref());
                self.append(&mut form, "client_secret", self.client_secret.as_deref());
            }
        }
        http::Request::builder()
            .method(Method::POST)
            .uri(format!("{}/services/oauth2/token", self.login().trim_end_matches('/')))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json")
            .body(Bytes::from(form.finish()))
            .map_err(|error| VendorError::Credentials(format!("the login address is no address: {error}")))
    }

    /// Takes a token answer in. A rotated refresh token replaces the old one.
    pub(super) fn granted(&mut self, answer: &Json) -> Result<(), VendorError> {
        let text = |name: &str| answer.get(name).and_then(Json::as_str).map(str::to_owned);
        let Some(token) = text("access_token") else {
            return Err(VendorError::Protocol("a token answer without access_token".to_owned()));
        };
        self.access_token = Some(token);
        if let Some(refresh) = text("refresh_token") {
            self.refresh_token = Some(refresh);
        }
        if let Some(instance) = text("instance_url") {
            self.instance_url = Some(instance);
        }
        Ok(())
    }

    fn grant(&self) -> Option<Grant> {
        let client = self.client_id.is_some();
        if self.refresh_token.is_some() && client {
            Some(Grant::Refresh)
        } else if client && self.private_key.is_some() && self.username.is_some() {
            Some(Grant::Jwt)
        } else if client && self.client_secret.is_some() {
            Some(Grant::Client)
        } else {
            None
        }
    }

    fn login(&self) -> &str {
        self.login_url.as_deref().or(self.instance_url.as_deref()).unwrap_or(LOGIN)
    }

    /// Whether the login address is one of the vendor's common ones, which do not serve the client credentials flow
    /// [doc: help 000886201].
    fn is_common_login(&self) -> bool {
        [LOGIN, TEST_LOGIN].contains(&self.login().trim_end_matches('/'))
    }

    /// The audience is the vendor's common login host also where the org has an address of its own.
    fn assertion(&self, now: Timestamp) -> Result<String, VendorError> {
        let login = self.login();
        let own_sandbox = login.contains("//test.") || login.contains(".sandbox.");
        let audience = self.audience.as_deref().unwrap_or(if own_sandbox { TEST_LOGIN } else { LOGIN });
        let claims = Claims {
            iss: self.client_id.as_deref().unwrap_or_default(),
            sub: self.username.as_deref().unwrap_or_default(),
            aud: audience,
            exp: now.as_second() + ASSERTION_SECONDS,
        };
        let pem = self.private_key.as_deref().unwrap_or_default();
        EncodingKey::from_rsa_pem(pem.as_bytes())
            .and_then(|key| jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &key))
            .map_err(|error| VendorError::Credentials(format!("the private key does not sign: {error}")))
    }

    fn append(&self, form: &mut form_urlencoded::Serializer<'_, String>, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            form.append_pair(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn body(credentials: Json) -> (String, String) {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let request = Credentials::read(credentials).unwrap().token_request(now).unwrap();
        (request.uri().to_string(), String::from_utf8(request.body().to_vec()).unwrap())
    }

    #[test]
    fn each_kind_of_credentials_leads_to_its_grant() {
        let (address, form) = body(json!({"refresh_token": "r", "client_id": "c"}));
        assert_eq!(address, "https://login.salesforce.com/services/oauth2/token");
        assert_eq!(form, "grant_type=refresh_token&refresh_token=r&client_id=c");
        let (address, form) = body(
            json!({"client_id": "c", "client_secret": "s", "login_url": "https://x.my.salesforce.com/"}),
        );
        assert_eq!(address, "https://x.my.salesforce.com/services/oauth2/token");
        assert_eq!(form, "grant_type=client_credentials&client_id=c&client_secret=s");
    }

    #[test]
    fn credentials_that_lead_nowhere_are_refused_at_once() {
        for lacking in [json!({}), json!({"refresh_token": "r"}), json!({"access_token": "a"})] {
            assert!(matches!(Credentials::read(lacking).err(), Some(VendorError::Credentials(_))));
        }
    }

    #[test]
    fn a_client_secret_alone_needs_the_orgs_own_address() {
        let common = ["https://login.salesforce.com/", "https://test.salesforce.com"];
        let given = |more: Json| {
            let mut credentials = json!({"client_id": "c", "client_secret": "s"});
            credentials.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            Credentials::read(credentials)
        };
        let refused = common.map(|url| json!({ "login_url": url })).into_iter().chain([json!({})]);
        for more in refused {
            let Some(VendorError::Credentials(why)) = given(more).err() else { panic!("taken") };
            assert!(why.contains("login_url"), "{why}");
        }
        let own = "https://x.my.salesforce.com";
        for more in
            [json!({ "login_url": own }), json!({ "instance_url": own }), json!({"refresh_token": "r"})]
        {
            assert!(given(more).is_ok());
        }
    }

    #[test]
    fn a_rotated_refresh_token_replaces_the_old_one_and_unknown_members_stay() {
        let mut credentials =
            Credentials::read(json!({"refresh_token": "old", "client_id": "c", "note": 1})).unwrap();
        credentials
            .granted(&json!({"access_token": "a", "refresh_token": "new", "instance_url": "https://i"}))
            .unwrap();
        assert_eq!(
            credentials.to_json(),
            json!({"access_token": "a", "refresh_token": "new", "client_id": "c", "instance_url": "https://i",
                "note": 1})
        );
    }
}
