//! Tokens: the private app's, and those of the public OAuth app.

use super::portal::Random;
use super::wire::{ApiError, Req};
use http::StatusCode;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// An access token lives half an hour [d25 oauth__tokens].
pub(super) const TOKEN_LIFE_MS: i64 = 1_800_000;

/// Everything an app of this sandbox may be granted.
const SCOPES: [&str; 15] = [
    "oauth",
    "crm.objects.contacts.read",
    "crm.objects.contacts.write",
    "crm.objects.companies.read",
    "crm.objects.companies.write",
    "crm.objects.deals.read",
    "crm.objects.deals.write",
    "crm.objects.owners.read",
    "crm.schemas.contacts.read",
    "crm.schemas.contacts.write",
    "crm.schemas.companies.read",
    "crm.schemas.companies.write",
    "crm.schemas.deals.read",
    "crm.schemas.deals.write",
    "settings.currencies.read",
];

/// Which app a token belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum App {
    /// The private app: one static token, counted daily.
    Private,
    /// The public app: OAuth tokens, no daily count.
    Public,
}

#[derive(Debug, Clone)]
struct AccessToken {
    expires_at: i64,
    scopes: BTreeSet<String>,
}

/// Who calls.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) app: App,
    pub(super) scopes: BTreeSet<String>,
}

/// All secrets of the two apps.
#[derive(Debug)]
pub(super) struct Auth {
    pub(super) private_token: String,
    pub(super) private_scopes: BTreeSet<String>,
    private_revoked: bool,
    pub(super) app_id: u64,
    pub(super) client_id: String,
    pub(super) client_secret: String,
    pub(super) developer_key: String,
    pub(super) user_id: u64,
    access: BTreeMap<String, AccessToken>,
    refresh: BTreeMap<String, BTreeSet<String>>,
    codes: BTreeMap<String, (String, BTreeSet<String>)>,
    /// An administrator may forbid API access altogether.
    pub(super) enabled: bool,
    random: Random,
}

impl Auth {
    /// Fresh secrets from a seed number.
    pub(super) fn new(seed_number: u64) -> Self {
        let mut random = Random::new(seed_number ^ 0x5ec2_e70a);
        let all: BTreeSet<String> = SCOPES.iter().map(|scope| (*scope).to_owned()).collect();
        let mut auth = Self {
            private_token: format!("pat-na1-{}", random.uuid()),
            private_scopes: all.iter().filter(|scope| *scope != "oauth").cloned().collect(),
            private_revoked: false,
            app_id: 1_000_000 + random.next() % 8_999_999,
            client_id: random.uuid(),
            client_secret: random.uuid(),
            developer_key: random.uuid(),
            user_id: 4_000_000 + random.next() % 999_999,
            access: BTreeMap::new(),
            refresh: BTreeMap::new(),
            codes: BTreeMap::new(),
            enabled: true,
            random,
        };
        let first = format!("na1-{}", auth.random.uuid());
        auth.refresh.insert(first, all);
        auth
    }

    /// A refresh token that is valid now, for `credentials`.
    pub(super) fn a_refresh_token(&self) -> Option<&str> {
        self.refresh.keys().next().map(String::as_str)
    }

    /// Who sends this request.
    pub(super) fn caller(&self, req: &Req, now: i64) -> Result<Caller, ApiError> {
        let header = req.headers.get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some((scheme, token)) = header.and_then(|header| header.split_once(' ')) else {
            return Err(no_credentials());
        };
        let token = token.trim();
        if !scheme.eq_ignore_ascii_case("bearer") || !self.enabled {
            return Err(no_credentials());
        }
        if token == self.private_token && !self.private_revoked {
            return Ok(Caller { app: App::Private, scopes: self.private_scopes.clone() });
        }
        match self.access.get(token) {
            Some(access) if access.expires_at > now => {
                Ok(Caller { app: App::Public, scopes: access.scopes.clone() })
            }
            Some(access) => Err(expired(access.expires_at, now)),
            None => Err(no_credentials()),
        }
    }

    /// A code as the consent page gives it out.
    pub(super) fn authorize(&mut self, redirect_uri: &str, scopes: BTreeSet<String>) -> String {
        let code = self.random.uuid();
        self.codes.insert(code.clone(), (redirect_uri.to_owned(), scopes));
        code
    }

    /// Trades a code for a refresh token. Each code works once.
    pub(super) fn redeem(&mut self, code: &str, redirect_uri: &str) -> Option<String> {
        let (given, scopes) = self.codes.remove(code)?;
        if given != redirect_uri {
            return None;
        }
        let refresh = format!("na1-{}", self.random.uuid());
        self.refresh.insert(refresh.clone(), scopes);
        Some(refresh)
    }

    /// Scopes behind a refresh token.
    pub(super) fn refresh_scopes(&self, token: &str) -> Option<&BTreeSet<String>> {
        self.refresh.get(token)
    }

    /// A new access token.
    pub(super) fn issue(&mut self, scopes: BTreeSet<String>, now: i64) -> String {
        let token =
            format!("C{}{}", self.random.uuid().replace('-', ""), self.random.uuid().replace('-', ""));
        self.access.retain(|_, known| known.expires_at > now - TOKEN_LIFE_MS);
        self.access.insert(token.clone(), AccessToken { expires_at: now + TOKEN_LIFE_MS, scopes });
        token
    }

    /// Scopes and milliseconds left of an access token.
    pub(super) fn access_info(&self, token: &str, now: i64) -> Option<(&BTreeSet<String>, i64)> {
        let access = self.access.get(token)?;
        (access.expires_at > now).then_some((&access.scopes, access.expires_at - now))
    }

    /// Deletes a refresh token; issued access tokens live on [d25 oauth__tokens].
    pub(super) fn delete_refresh(&mut self, token: &str) -> bool {
        self.refresh.remove(token).is_some()
    }

    /// What an administrator takes away: the private app's token, or every OAuth token.
    pub(super) fn revoke(&mut self, which: &str) -> Result<(), String> {
        match which {
            "private_app" => self.private_revoked = true,
            "oauth" => {
                self.access.clear();
                self.refresh.clear();
            }
            "access" => self.access.clear(),
            other => return Err(format!("revoke_token: no token {other}")),
        }
        Ok(())
    }

    /// Every scope that exists here.
    pub(super) fn known_scope(scope: &str) -> bool {
        SCOPES.contains(&scope)
    }
}

fn no_credentials() -> ApiError {
    let message = "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find \
                   more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview";
    ApiError::new(StatusCode::UNAUTHORIZED, message).category("INVALID_AUTHENTICATION")
}

/// 401 of a token that was valid once [3p; inf].
pub(super) fn expired(expired_at: i64, now: i64) -> ApiError {
    let ago = (now - expired_at) / 1000;
    let message = format!("The OAuth token used to make this call expired {ago} second(s) ago.");
    ApiError::new(StatusCode::UNAUTHORIZED, &message)
        .category("EXPIRED_AUTHENTICATION")
        .with("context", json!({"expire time": [super::stamp::text(expired_at)]}))
}

/// 403 unless the caller has one of the scopes [amp metadata-err-schemas-scope].
pub(super) fn require(caller: &Caller, any_of: &[String]) -> Result<(), ApiError> {
    if any_of.is_empty() || any_of.iter().any(|scope| caller.scopes.contains(scope)) {
        return Ok(());
    }
    Err(ApiError::new(StatusCode::FORBIDDEN, "One or more of the following scopes are required.")
        .category("MISSING_SCOPES")
        .with(
            "context",
            json!({"requiredGranularScopes": any_of, "links": ["https://developers.hubspot.com/scopes"]}),
        ))
}
