//! Owners, account information and the token endpoints.

use super::HubSpot;
use super::auth::{Auth, TOKEN_LIFE_MS};
use super::call::Call;
use super::people::Owner;
use super::route::Route;
use super::stamp::{self, DAY_MS};
use super::wire::{ApiError, Reply, Req, text_at};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn owner_shown(owner: &Owner) -> Value {
    json!({
        "id": owner.id.to_string(),
        "email": owner.email,
        "type": "PERSON",
        "firstName": owner.first_name,
        "lastName": owner.last_name,
        "userId": if owner.archived { None } else { Some(owner.user_id) },
        "userIdIncludingInactive": owner.user_id,
        "createdAt": stamp::text(owner.created_at),
        "updatedAt": stamp::text(owner.updated_at),
        "archived": owner.archived,
    })
}

impl HubSpot {
    /// `/crm/v3/owners/`
    pub(super) fn owners(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let rest: Vec<&str> = call.route.rest.iter().map(String::as_str).collect();
        let archived = call.req.query_flag("archived");
        match (&call.req.method, rest.as_slice()) {
            (&Method::GET, []) => {
                let limit = call.req.query_number("limit")?.unwrap_or(100);
                if limit == 0 || limit > 500 {
                    return Err(ApiError::validation(&format!(
                        "limit must be between 1 and 500, but was {limit}"
                    )));
                }
                let after = call.req.query_number("after")?.unwrap_or(0);
                let email = call.req.query("email").filter(|email| !email.is_empty());
                let mut found: Vec<&Owner> = self
                    .portal
                    .owners
                    .iter()
                    .filter(|owner| owner.archived == archived && owner.id >= after)
                    .filter(|owner| email.is_none_or(|email| owner.email.eq_ignore_ascii_case(email)))
                    .collect();
                found.sort_by_key(|owner| owner.id);
                let limit = usize::try_from(limit).unwrap_or(500);
                let next = found.get(limit).map(|owner| owner.id);
                let results: Vec<Value> = found.into_iter().take(limit).map(owner_shown).collect();
                let mut body = json!({"results": results});
                if let (Some(next), Some(body)) = (next, body.as_object_mut()) {
                    let link = format!("{}/crm/v3/owners/?after={next}", self.base_url);
                    body.insert(
                        "paging".to_owned(),
                        json!({"next": {"after": next.to_string(), "link": link}}),
                    );
                }
                Ok(Reply::ok(&body))
            }
            (&Method::GET, [id]) => {
                let by_user =
                    call.req.query("idProperty").is_some_and(|by| by.eq_ignore_ascii_case("userId"));
                let id: u64 = id.parse().map_err(|_| ApiError::not_numeric(id))?;
                let key = |owner: &Owner| if by_user { owner.user_id } else { owner.id };
                let owner =
                    self.portal.owners.iter().find(|owner| key(owner) == id && owner.archived == archived);
                owner.map(|owner| Reply::ok(&owner_shown(owner))).ok_or_else(ApiError::not_found)
            }
            _ => Err(call.no_such_path()),
        }
    }

    /// `/account-info/v3/…`
    pub(super) fn account(&mut self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let rest: Vec<&str> = call.route.rest.iter().map(String::as_str).collect();
        match (&call.req.method, rest.as_slice()) {
            (&Method::GET, ["details"]) => {
                let money = &self.portal.currencies;
                Ok(Reply::ok(&json!({
                    "portalId": self.portal.id,
                    "accountType": "STANDARD",
                    "timeZone": "UTC",
                    "companyCurrency": money.home,
                    "additionalCurrencies": money.rates.keys().collect::<Vec<_>>(),
                    "utcOffset": "+00:00",
                    "utcOffsetMilliseconds": 0,
                    "uiDomain": "app.hubspot.com",
                    "dataHostingLocation": "na1",
                })))
            }
            (&Method::GET, ["api-usage", "daily", "private-apps"]) => {
                self.limits.roll(call.now());
                let midnight = (call.now().div_euclid(DAY_MS) + 1) * DAY_MS;
                Ok(Reply::ok(&json!({"results": [{
                    "name": "private-apps-api-calls-daily",
                    "usageLimit": self.limits.size("daily"),
                    "currentUsage": self.limits.used_today,
                    "collectedAt": stamp::text(call.now()),
                    "fetchStatus": "SUCCESS",
                    "resetsAt": stamp::text(midnight),
                }]})))
            }
            _ => Err(call.no_such_path()),
        }
    }

    /// `/oauth/…`: needs no bearer token.
    pub(super) fn oauth(&mut self, req: &Req, route: &Route, now: i64) -> Result<Reply, ApiError> {
        let rest: Vec<&str> = route.rest.iter().map(String::as_str).collect();
        match (&req.method, rest.as_slice()) {
            (&Method::GET, ["authorize"]) => self.consent(req),
            (&Method::POST, [version, "token"]) => self.token(req, *version != "v1", now),
            (&Method::POST, [_, "token", "introspect"]) => self.introspect(req, now),
            (&Method::POST, [_, "token", "revoke"]) => {
                let form = self.client_form(req)?;
                self.auth.delete_refresh(&form_value(&form, "token"));
                Ok(Reply::empty())
            }
            (&Method::GET, ["v1", "access-tokens", token]) => {
                let info = self.access_info(token, now).ok_or_else(ApiError::not_found)?;
                Ok(Reply::ok(&info))
            }
            (&Method::GET, ["v1", "refresh-tokens", token]) => {
                let info = self.refresh_info(token).ok_or_else(ApiError::not_found)?;
                Ok(Reply::ok(&info))
            }
            (&Method::DELETE, ["v1", "refresh-tokens", token]) => {
                if self.auth.delete_refresh(token) {
                    Ok(Reply::empty())
                } else {
                    Err(ApiError::not_found())
                }
            }
            (&Method::POST, ["v2", "private-apps", "get", "access-token-info"]) => {
                let key = text_at(&req.json()?, "tokenKey").unwrap_or_default();
                if key != self.auth.private_token {
                    return Err(ApiError::not_found());
                }
                Ok(Reply::ok(&json!({
                    "userId": self.auth.user_id,
                    "hubId": self.portal.id,
                    "appId": self.auth.app_id,
                    "scopes": self.auth.private_scopes,
                })))
            }
            _ => Err(ApiError::new(
                StatusCode::NOT_FOUND,
                &format!("Unable to find {} {}", req.method, req.path),
            )),
        }
    }

    /// The consent page, agreed to at once: redirects with a code.
    fn consent(&mut self, req: &Req) -> Result<Reply, ApiError> {
        if req.query("client_id") != Some(&self.auth.client_id) {
            return Err(
                ApiError::validation("missing or unknown client id").with("status", json!("BAD_CLIENT_ID"))
            );
        }
        let Some(redirect) = req.query("redirect_uri").map(str::to_owned) else {
            return Err(ApiError::validation("missing redirect_uri"));
        };
        let wanted = req.query("scope").unwrap_or_default();
        let optional = req.query("optional_scope").unwrap_or_default();
        let mut scopes: BTreeSet<String> = BTreeSet::from(["oauth".to_owned()]);
        for scope in wanted.split_whitespace() {
            if !Auth::known_scope(scope) {
                return Err(ApiError::validation(&format!("unknown scope {scope}")));
            }
            scopes.insert(scope.to_owned());
        }
        scopes
            .extend(optional.split_whitespace().filter(|scope| Auth::known_scope(scope)).map(str::to_owned));
        let code = self.auth.authorize(&redirect, scopes);
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("code", &code);
        if let Some(state) = req.query("state") {
            query.append_pair("state", state);
        }
        let separator = if redirect.contains('?') { '&' } else { '?' };
        let mut reply = Reply::empty().with("location", format!("{redirect}{separator}{}", query.finish()));
        reply.status = StatusCode::FOUND;
        Ok(reply)
    }

    fn client_form(&self, req: &Req) -> Result<Vec<(String, String)>, ApiError> {
        let form = req.form();
        let known = form_value(&form, "client_id") == self.auth.client_id
            && form_value(&form, "client_secret") == self.auth.client_secret;
        if known {
            Ok(form)
        } else {
            Err(oauth_refusal("BAD_CLIENT_ID", "missing or unknown client id or client secret"))
        }
    }

    fn token(&mut self, req: &Req, newer: bool, now: i64) -> Result<Reply, ApiError> {
        let form = self.client_form(req)?;
        let refresh = match form_value(&form, "grant_type").as_str() {
            "authorization_code" => {
                let (code, redirect) = (form_value(&form, "code"), form_value(&form, "redirect_uri"));
                let refresh = self.auth.redeem(&code, &redirect);
                Some(refresh.ok_or_else(|| oauth_refusal("BAD_AUTH_CODE", "missing or unknown auth code"))?)
            }
            "refresh_token" => Some(form_value(&form, "refresh_token")),
            "client_credentials" if newer => None,
            other => return Err(oauth_refusal("BAD_GRANT_TYPE", &format!("unsupported grant_type {other}"))),
        };
        let scopes = match &refresh {
            Some(refresh) => self
                .auth
                .refresh_scopes(refresh)
                .cloned()
                .ok_or_else(|| oauth_refusal("BAD_REFRESH_TOKEN", "missing or unknown refresh token"))?,
            None => form_value(&form, "scope").split_whitespace().map(str::to_owned).collect(),
        };
        let access = self.auth.issue(scopes.clone(), now);
        let mut body = json!({
            "token_type": "bearer",
            "access_token": access,
            "expires_in": TOKEN_LIFE_MS / 1000,
            "hub_id": self.portal.id,
            "scopes": scopes,
        });
        if let Some(body) = body.as_object_mut() {
            if let Some(refresh) = &refresh {
                body.insert("refresh_token".to_owned(), json!(refresh));
            }
            if newer {
                let token_use = if refresh.is_some() { "access_token" } else { "client_credentials" };
                body.insert("token_use".to_owned(), json!(token_use));
                body.insert("user_id".to_owned(), json!(self.auth.user_id));
            }
        }
        Ok(Reply::ok(&body))
    }

    fn access_info(&self, token: &str, now: i64) -> Option<Value> {
        let (scopes, left) = self.auth.access_info(token, now)?;
        Some(json!({
            "token": token,
            "user": "sandbox@example.com",
            "hub_domain": "sandbox.example.com",
            "scopes": scopes,
            "hub_id": self.portal.id,
            "app_id": self.auth.app_id,
            "expires_in": left / 1000,
            "user_id": self.auth.user_id,
            "token_type": "access",
        }))
    }

    fn refresh_info(&self, token: &str) -> Option<Value> {
        let scopes = self.auth.refresh_scopes(token)?;
        Some(json!({
            "token": token,
            "user": "sandbox@example.com",
            "hub_domain": "sandbox.example.com",
            "scopes": scopes,
            "hub_id": self.portal.id,
            "client_id": self.auth.client_id,
            "user_id": self.auth.user_id,
            "token_type": "refresh",
        }))
    }

    fn introspect(&self, req: &Req, now: i64) -> Result<Reply, ApiError> {
        let form = self.client_form(req)?;
        let token = form_value(&form, "token");
        let found = self
            .access_info(&token, now)
            .map(|info| (info, "access_token"))
            .or_else(|| self.refresh_info(&token).map(|info| (info, "refresh_token")));
        let Some((mut info, token_use)) = found else { return Ok(Reply::ok(&json!({"active": false}))) };
        if let Some(info) = info.as_object_mut() {
            info.insert("active".to_owned(), json!(true));
            info.insert("token_use".to_owned(), json!(token_use));
            info.insert("client_id".to_owned(), json!(self.auth.client_id));
        }
        Ok(Reply::ok(&info))
    }
}

fn form_value(form: &[(String, String)], name: &str) -> String {
    form.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()).unwrap_or_default()
}

/// Token refusals carry their reason as `status` [3p, inf].
fn oauth_refusal(status: &str, message: &str) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, message).with("status", json!(status))
}
