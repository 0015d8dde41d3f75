//! One authorised call on its way to a handler.

use super::portal::Act;
use super::route::Route;
use super::wire::{ApiError, Req};
use http::StatusCode;
use serde_json::Value;

/// What a handler knows of a call.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) req: &'a Req,
    pub(super) route: &'a Route,
    pub(super) body: Value,
    pub(super) act: Act,
    /// Searches answer from the index as of then.
    pub(super) stale: Option<i64>,
}

impl Call<'_> {
    /// Sandbox time in milliseconds.
    pub(super) fn now(&self) -> i64 {
        self.act.now
    }

    /// The path exists for no verb, or not for this one.
    pub(super) fn no_such_path(&self) -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, &format!("Unable to find {} {}", self.req.method, self.req.path))
    }
}
