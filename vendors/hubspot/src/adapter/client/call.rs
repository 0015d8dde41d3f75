//! A call as this client makes it, and what may come of it.

use crate::adapter::{fault::Fault, pace::Lane};
use bytes::Bytes;
use http::Method;
use serde::{Serialize, de::DeserializeOwned};
use syncline_kit::vendor::VendorError;

/// An answer that holds nothing.
pub(super) const NOTHING: &[u8] = br#"{"total":0,"results":[]}"#;

/// Whether a call may change something; decides what a lost answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::adapter) enum Effect {
    /// Repeating it is free.
    Read,
    /// A lost answer leaves its outcome unknown.
    Write,
}

/// A call as this client makes it.
pub(in crate::adapter) struct Call {
    pub(in crate::adapter) method: Method,
    /// Path and query.
    pub(in crate::adapter) path: String,
    pub(in crate::adapter) body: Option<Bytes>,
    pub(in crate::adapter) form: bool,
    pub(in crate::adapter) lane: Lane,
    pub(in crate::adapter) effect: Effect,
    /// Signed by the developer key in the query instead of a token.
    pub(in crate::adapter) keyed: bool,
}

impl Call {
    pub(in crate::adapter) fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            body: None,
            form: false,
            lane: Lane::General,
            effect: Effect::Read,
            keyed: false,
        }
    }

    pub(in crate::adapter) fn post(path: impl Into<String>, body: &impl Serialize, effect: Effect) -> Self {
        let mut call = Self::get(path);
        call.method = Method::POST;
        call.body = Some(Bytes::from(serde_json::to_vec(body).unwrap_or_default()));
        call.effect = effect;
        call
    }

    /// Whether it counts among the account's daily calls: tokens and the app's own settings do not.
    pub(super) fn is_counted(&self) -> bool {
        !self.form && !self.keyed
    }

    #[must_use]
    pub(in crate::adapter) fn lane(mut self, lane: Lane) -> Self {
        self.lane = lane;
        self
    }
}

/// An answer of the vendor, 2xx or a refusal of this call.
pub(in crate::adapter) struct Answer {
    pub(in crate::adapter) status: u16,
    pub(in crate::adapter) body: Bytes,
}

impl Answer {
    /// Nothing, as an answer.
    pub(in crate::adapter) fn none() -> Self {
        Self { status: 200, body: Bytes::from_static(NOTHING) }
    }

    pub(in crate::adapter) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub(in crate::adapter) fn fault(&self) -> Fault {
        Fault::of_body(self.status, &self.body)
    }

    /// Reads a 2xx body.
    pub(in crate::adapter) fn parse<T: DeserializeOwned>(&self) -> Result<T, VendorError> {
        // Looked through as text once, not string by string.
        let text =
            std::str::from_utf8(&self.body).map_err(|error| VendorError::Protocol(error.to_string()))?;
        serde_json::from_str(text).map_err(|error| VendorError::Protocol(error.to_string()))
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(in crate::adapter) enum Failure {
    /// Nothing was written.
    Nothing(VendorError),
    /// Rows are locked: nothing was written, later it may be.
    Locked(String),
    /// The call may have been carried out.
    Unknown(String),
}

impl From<Failure> for VendorError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Nothing(error) => error,
            Failure::Locked(why) | Failure::Unknown(why) => Self::Unavailable(why),
        }
    }
}
