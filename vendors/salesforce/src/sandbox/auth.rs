//! Sessions and the four OAuth grants (research notes §1.2).

use super::org::Org;
use super::rest::Resp;
use super::save::plain;
use super::{Salesforce, rest, soap};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use subtle::ConstantTimeEq as _;
use syncline_kit::{HttpRequest, HttpResponse};

/// A JWT may be valid for so long at most, seconds.
const JWT_S: i64 = 300;

#[derive(Debug, Clone, Copy)]
struct Session {
    number: u64,
    /// Last use by the sandbox's clock; `None` = not used yet.
    used: Option<i64>,
}

/// Who may come in, and who is in.
#[derive(Debug)]
pub(crate) struct Auth {
    number: u64,
    client_id: String,
    client_secret: String,
    password: String,
    security_token: String,
    refresh_tokens: BTreeSet<String>,
    sessions: BTreeMap<String, Session>,
    issued: u64,
    /// The public key that signs assertions, PEM; without one only claims are checked.
    pub(crate) jwt_key: Option<String>,
    first_access: String,
    first_refresh: String,
}

/// An OAuth error: `{error, error_description}`.
type Refused = (&'static str, &'static str);

impl Auth {
    pub(crate) fn new(number: u64, org: &Org) -> Self {
        let mut auth = Self {
            number,
            client_id: format!("3MVG9{}", digest(number, "client", 48)),
            client_secret: digest(number, "secret", 40).to_uppercase(),
            password: format!("pw-{}", digest(number, "password", 12)),
            security_token: digest(number, "security", 24),
            refresh_tokens: BTreeSet::new(),
            sessions: BTreeMap::new(),
            issued: 0,
            jwt_key: None,
            first_access: String::new(),
            first_refresh: String::new(),
        };
        auth.first_refresh = auth.new_refresh();
        auth.first_access = auth.open(org);
        auth
    }

    /// Opaque, and never shaped like a JWT: jsforce refuses those for SOAP calls.
    fn open(&mut self, org: &Org) -> String {
        self.issued += 1;
        let id = org.store.id(org.organization);
        let token =
            format!("{}!AQ{}", &id[..15], digest(self.number, &format!("access {}", self.issued), 60));
        self.sessions.insert(token.clone(), Session { number: self.issued, used: None });
        token
    }

    fn new_refresh(&mut self) -> String {
        self.issued += 1;
        let token = format!("5Aep{}", digest(self.number, &format!("refresh {}", self.issued), 60));
        self.refresh_tokens.insert(token.clone());
        token
    }

    pub(crate) fn credentials(&self, org: &Org, base_url: &str) -> Value {
        json!({
            "login_url": base_url, "instance_url": base_url,
            "client_id": self.client_id, "client_secret": self.client_secret,
            "username": username(org), "password": self.password, "security_token": self.security_token,
            "access_token": self.first_access, "refresh_token": self.first_refresh,
            "organization_id": org.store.id(org.organization), "user_id": org.store.id(org.api_user),
        })
    }

    /// The session's number, if the token opens one; counts as its use.
    pub(crate) fn session(&mut self, org: &Org, token: Option<&str>) -> Option<u64> {
        let token = token?;
        if !org.store.value(org.api_user, "IsActive").is_true() {
            return None;
        }
        let session = self.sessions.get_mut(token)?;
        if session.used.is_some_and(|used| org.now - used > org.knobs.session_s) {
            self.sessions.remove(token);
            return None;
        }
        session.used = Some(org.now);
        Some(session.number)
    }

    /// Ends a session.
    pub(crate) fn expire(&mut self, token: Option<&str>) {
        if let Some(token) = token {
            self.sessions.remove(token);
        }
    }

    /// Ends every session.
    pub(crate) fn expire_all(&mut self) {
        self.sessions.clear();
    }

    fn revoke(&mut self, token: &str) -> bool {
        self.sessions.remove(token).is_some() | self.refresh_tokens.remove(token)
    }

    /// User name and password with the security token behind it.
    pub(crate) fn log_in(&mut self, org: &Org, user: &str, password: &str) -> Option<String> {
        let wanted = format!("{}{}", self.password, self.security_token);
        let good = user.eq_ignore_ascii_case(&username(org))
            && bool::from(password.as_bytes().ct_eq(wanted.as_bytes()))
            && org.store.value(org.api_user, "IsActive").is_true();
        good.then(|| self.open(org))
    }

    fn client(&self, id: Option<&str>, secret: Option<&str>, secret_needed: bool) -> Result<(), Refused> {
        if id != Some(self.client_id.as_str()) {
            return Err(("invalid_client_id", "client identifier invalid"));
        }
        match secret {
            Some(secret) if !bool::from(secret.as_bytes().ct_eq(self.client_secret.as_bytes())) => {
                Err(("invalid_client", "invalid client credentials"))
            }
            None if secret_needed => Err(("invalid_client", "invalid client credentials")),
            _ => Ok(()),
        }
    }

    fn assertion(&self, org: &Org, base_url: &str, wall: i64, assertion: &str) -> Result<(), Refused> {
        let bad = ("invalid_grant", "invalid assertion");
        let mut parts = assertion.split('.');
        let (Some(head), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(bad);
        };
        let read = |text: &str| -> Option<Value> {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()?).ok()
        };
        let (header, claims_value) = (read(head).ok_or(bad)?, read(claims).ok_or(bad)?);
        if header.get("alg").and_then(Value::as_str) != Some("RS256") {
            return Err(("invalid_grant", "the assertion's algorithm is not RS256"));
        }
        if let Some(pem) = &self.jwt_key {
            let key = jsonwebtoken::DecodingKey::from_rsa_pem(pem.as_bytes()).map_err(|_| bad)?;
            let message = format!("{head}.{claims}");
            let algorithm = jsonwebtoken::Algorithm::RS256;
            if !jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, algorithm).unwrap_or(false)
            {
                return Err(("invalid_grant", "invalid assertion: the signature does not verify"));
            }
        }
        let claim = |name: &str| claims_value.get(name).map(plain).unwrap_or_default();
        if claim("iss") != self.client_id {
            return Err(("invalid_client_id", "client identifier invalid"));
        }
        if !claim("sub").eq_ignore_ascii_case(&username(org)) {
            return Err(("invalid_grant", "user hasn't approved this consumer"));
        }
        let audience = claim("aud");
        let known = ["https://login.salesforce.com", "https://test.salesforce.com", base_url];
        if !known.contains(&audience.trim_end_matches('/')) {
            return Err(("invalid_grant", "audience is invalid"));
        }
        // Two machines share the wall clock, not the sandbox's offset; either may be meant.
        let expires: i64 = claim("exp").split('.').next().and_then(|e| e.parse().ok()).unwrap_or(0);
        if ![wall, org.now].iter().any(|now| expires > *now && expires <= *now + JWT_S) {
            return Err(("invalid_grant", "assertion is expired or valid for too long"));
        }
        Ok(())
    }
}

impl Salesforce {
    /// Paths outside of the data API: tokens, identity, SOAP login. None of them is billed or counted.
    pub(super) fn login(&mut self, request: &HttpRequest, path: &str) -> Option<HttpResponse> {
        let resp = match path {
            "/services/oauth2/token" => self.token(request),
            "/services/oauth2/revoke" => self.revoked(request),
            "/services/oauth2/userinfo" => self.identity(request),
            _ if path.starts_with("/id/") => self.identity(request),
            _ if path.starts_with("/services/Soap/") => return Some(soap::answer(self, request, path)),
            _ if path.starts_with("/services/data") => return None,
            _ => Resp::fail(&super::Fail::not_found()),
        };
        Some(self.answer(resp, None))
    }

    fn token(&mut self, request: &HttpRequest) -> Resp {
        if request.method() != "POST" {
            return oauth_error(("invalid_request", "must use HTTP POST"));
        }
        let form = form(request);
        let get = |name: &str| form.get(name).map(String::as_str);
        let basic = basic(request);
        let id = basic.as_ref().map(|(id, _)| id.as_str()).or(get("client_id"));
        let secret = basic.as_ref().map(|(_, secret)| secret.as_str()).or(get("client_secret"));
        let active = self.org.store.value(self.org.api_user, "IsActive").is_true();
        let mut refresh = None;
        let result = match get("grant_type").unwrap_or_default() {
            "password" => self.auth.client(id, secret, true).and_then(|()| {
                let (user, password) =
                    (get("username").unwrap_or_default(), get("password").unwrap_or_default());
                self.auth.log_in(&self.org, user, password).ok_or(("invalid_grant", "authentication failure"))
            }),
            "client_credentials" => self
                .auth
                .client(id, secret, true)
                .and_then(|()| active_only(active))
                .map(|()| self.auth.open(&self.org)),
            "urn:ietf:params:oauth:grant-type:jwt-bearer" => self
                .auth
                .assertion(&self.org, &self.base_url, self.wall, get("assertion").unwrap_or_default())
                .and_then(|()| active_only(active))
                .map(|()| self.auth.open(&self.org)),
            "refresh_token" => {
                self.auth.client(id, secret, false).and_then(|()| active_only(active)).and_then(|()| {
                    let token = get("refresh_token").unwrap_or_default();
                    if !self.auth.refresh_tokens.contains(token) {
                        return Err(("invalid_grant", "expired access/refresh token"));
                    }
                    if self.org.knobs.rotate_refresh {
                        self.auth.refresh_tokens.remove(token);
                        refresh = Some(self.auth.new_refresh());
                    }
                    Ok(self.auth.open(&self.org))
                })
            }
            _ => Err(("unsupported_grant_type", "grant type not supported")),
        };
        match result {
            Err(refused) => oauth_error(refused),
            Ok(access) => {
                let issued_at = self.org.now_ms.to_string();
                let mut body = json!({
                    "access_token": access, "instance_url": self.base_url, "id": self.identity_url(),
                    "token_type": "Bearer", "issued_at": issued_at, "scope": "refresh_token api",
                    "signature": STANDARD.encode(Sha256::digest(format!("{}{issued_at}", self.auth.client_secret))),
                });
                if let Some(refresh) = refresh {
                    body["refresh_token"] = json!(refresh);
                }
                Resp::value(200, &body)
            }
        }
    }

    fn revoked(&mut self, request: &HttpRequest) -> Resp {
        match form(request).get("token") {
            Some(token) if self.auth.revoke(token) => Resp::json(200, String::new()),
            _ => oauth_error(("unsupported_token_type", "this token type is not supported")),
        }
    }

    pub(super) fn identity_url(&self) -> String {
        let store = &self.org.store;
        format!("{}/id/{}/{}", self.base_url, store.id(self.org.organization), store.id(self.org.api_user))
    }

    fn identity(&mut self, request: &HttpRequest) -> Resp {
        let token = bearer(request).or_else(|| form(request).get("oauth_token").cloned());
        if self.auth.session(&self.org, token.as_deref()).is_none() {
            return Resp::json(403, "\"Bad_OAuth_Token\"".into());
        }
        let store = &self.org.store;
        let user = self.org.api_user;
        let text = |name: &str| store.text(store.value(user, name)).unwrap_or_default().to_owned();
        let base = &self.base_url;
        let (user_id, org_id) = (store.id(user), store.id(self.org.organization));
        let row = store.row(user).map(|r| rest::http_date::write(r.modified));
        Resp::value(
            200,
            &json!({
                "id": self.identity_url(), "sub": self.identity_url(), "asserted_user": true,
                "user_id": user_id, "organization_id": org_id, "username": text("Username"),
                "preferred_username": text("Username"), "nick_name": text("CommunityNickname"),
                "display_name": text("Name"), "name": text("Name"), "email": text("Email"), "email_verified": true,
                "first_name": text("FirstName"), "last_name": text("LastName"), "timezone": "Etc/UTC",
                "active": true, "user_type": "STANDARD", "language": "en_US", "locale": "en_US", "utcOffset": 0,
                "last_modified_date": row, "is_app_installed": true,
                "urls": {
                    "enterprise": format!("{base}/services/Soap/c/{{version}}/{org_id}"),
                    "metadata": format!("{base}/services/Soap/m/{{version}}/{org_id}"),
                    "partner": format!("{base}/services/Soap/u/{{version}}/{org_id}"),
                    "rest": format!("{base}/services/data/v{{version}}/"),
                    "sobjects": format!("{base}/services/data/v{{version}}/sobjects/"),
                    "search": format!("{base}/services/data/v{{version}}/search/"),
                    "query": format!("{base}/services/data/v{{version}}/query/"),
                    "recent": format!("{base}/services/data/v{{version}}/recent/"),
                    "profile": format!("{base}/{user_id}"),
                },
            }),
        )
    }
}

fn active_only(active: bool) -> Result<(), Refused> {
    if active { Ok(()) } else { Err(("invalid_grant", "inactive user")) }
}

pub(crate) fn username(org: &Org) -> String {
    org.store.text(org.store.value(org.api_user, "Username")).unwrap_or_default().to_owned()
}

fn oauth_error((error, description): Refused) -> Resp {
    Resp::value(400, &json!({"error": error, "error_description": description}))
}

/// `Authorization: Bearer x` or `OAuth x`.
pub(crate) fn bearer(request: &HttpRequest) -> Option<String> {
    let value = request.headers().get(http::header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let known = scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("oauth");
    known.then(|| token.trim().to_owned())
}

fn basic(request: &HttpRequest) -> Option<(String, String)> {
    let value = request.headers().get(http::header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, coded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let plain = String::from_utf8(STANDARD.decode(coded.trim()).ok()?).ok()?;
    let (id, secret) = plain.split_once(':')?;
    let decode = |s: &str| percent_decode_str(s).decode_utf8_lossy().into_owned();
    Some((decode(id), decode(secret)))
}

/// Form fields of the body and of the query; the body wins.
fn form(request: &HttpRequest) -> BTreeMap<String, String> {
    let query = request.uri().query().unwrap_or_default();
    let mut fields: BTreeMap<String, String> =
        form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    fields.extend(form_urlencoded::parse(request.body()).into_owned());
    fields
}

/// `length` characters that derive from the number and a word.
fn digest(number: u64, word: &str, length: usize) -> String {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = String::new();
    for round in 0u32.. {
        let hash = Sha256::digest(format!("{number}/{word}/{round}"));
        text.extend(hash.iter().map(|byte| letters[(*byte % 62) as usize] as char));
        if text.len() >= length {
            break;
        }
    }
    text.truncate(length);
    text
}
