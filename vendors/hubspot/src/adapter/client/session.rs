//! The token in force, and fetching a new one.

use super::{Call, Client};
use crate::adapter::{credentials::Credentials, lock};
use bytes::Bytes;
use http::Method;
use syncline_kit::vendor::VendorError;

pub(super) struct Session {
    pub(super) credentials: Credentials,
    /// Counts refreshes, so that of many calls refused at once one refreshes and the others take its token.
    pub(super) generation: u64,
    pub(super) changed: bool,
}

impl Client {
    /// A member of the credentials.
    pub(in crate::adapter) fn credential(&self, name: &str) -> Option<String> {
        lock(&self.session).credentials.text(name)
    }

    /// The credentials, if a refresh changed them since the last time asked.
    pub(in crate::adapter) fn changed_credentials(&self) -> Option<serde_json::Value> {
        let mut session = lock(&self.session);
        std::mem::take(&mut session.changed).then(|| session.credentials.to_json())
    }

    /// The token in force; the first one of a connection that has none yet is fetched.
    pub(super) async fn token(&self, call: &Call) -> Result<(String, u64), VendorError> {
        if call.keyed || call.form {
            return Ok((String::new(), 0));
        }
        loop {
            let generation = {
                let session = lock(&self.session);
                if let Some(token) = session.credentials.text("access_token") {
                    return Ok((token, session.generation));
                }
                session.generation
            };
            if !self.refresh(generation).await? {
                return Err(VendorError::Credentials("there is no access token".to_owned()));
            }
        }
    }

    /// Fetches a new access token, unless another call did since `seen`. `false`: there is nothing to refresh with.
    pub(super) async fn refresh(&self, seen: u64) -> Result<bool, VendorError> {
        let _one = self.refreshing.lock().await;
        let body = {
            let session = lock(&self.session);
            if session.generation != seen {
                return Ok(true);
            }
            if !session.credentials.can_refresh() {
                return Ok(false);
            }
            let member = |name| session.credentials.text(name).unwrap_or_default();
            form_urlencoded::Serializer::new(String::new())
                .append_pair("grant_type", "refresh_token")
                .append_pair("client_id", &member("client_id"))
                .append_pair("client_secret", &member("client_secret"))
                .append_pair("refresh_token", &member("refresh_token"))
                .finish()
        };
        let answer = Box::pin(self.send(Call {
            method: Method::POST,
            body: Some(Bytes::from(body)),
            form: true,
            ..Call::get("/oauth/v1/token")
        }))
        .await?;
        if !answer.is_success() {
            return Err(VendorError::Credentials(answer.fault().message()));
        }
        let grant: Grant = answer.parse()?;
        let mut session = lock(&self.session);
        session.credentials.renew(&grant.access_token, grant.refresh_token.as_deref());
        session.generation += 1;
        session.changed = true;
        Ok(true)
    }
}

#[derive(serde::Deserialize)]
struct Grant {
    access_token: String,
    refresh_token: Option<String>,
}
