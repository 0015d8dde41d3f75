//! The HTTP side: health, metrics, webhooks. Handlers look at what is there and leave notes; none waits for a vendor.

use super::{Shared, metrics};
use axum::{
    Json, Router,
    extract::{Path, Request, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{StatusCode, header};
use http_body_util::{BodyExt, Limited};
use serde_json::json;
use std::sync::Arc;
use syncline_kit::{HttpRequest, vendor::WebhookRefused};
use syncline_model::ConnectionName;

/// Larger webhook calls get 413; no vendor sends any.
const MOST_BYTES: usize = 1 << 20;

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/metrics", get(metrics_page))
        .route("/webhooks/{connection}", post(webhook))
        .with_state(shared)
}

async fn healthz(State(shared): State<Arc<Shared>>) -> Response {
    Json(shared.status().health()).into_response()
}

async fn metrics_page(State(shared): State<Arc<Shared>>) -> Response {
    let text = metrics::text(&shared.status(), shared.hints.len(), shared.clock.now());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

async fn webhook(
    State(shared): State<Arc<Shared>>,
    Path(connection): Path<String>,
    request: Request,
) -> Response {
    let connection = ConnectionName::from(connection);
    if !shared.vendors.contains_key(&connection) {
        return refusal(StatusCode::NOT_FOUND, "no such connection");
    }
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MOST_BYTES).collect().await else {
        shared.status().webhook(&connection, false);
        return refusal(StatusCode::PAYLOAD_TOO_LARGE, "the call is too large or was cut off");
    };
    let answer = take(&shared, &connection, HttpRequest::from_parts(head, body.to_bytes()));
    shared.status().webhook(&connection, answer.is_ok());
    match answer {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err((status, why)) => refusal(status, &why),
    }
}

/// Verifies one call and keeps what it points at.
fn take(
    shared: &Shared,
    connection: &ConnectionName,
    request: HttpRequest,
) -> Result<(), (StatusCode, String)> {
    let Some(vendor) = shared.vendors.get(connection) else {
        return Err((StatusCode::NOT_FOUND, "no such connection".to_owned()));
    };
    let (url, request) = as_signed(shared, request)?;
    let hints = vendor.hints(&request, &url, shared.clock.now()).map_err(|refused| {
        tracing::info!(%connection, %refused, "a webhook call is refused");
        let status = match &refused {
            WebhookRefused::Signature | WebhookRefused::Stale => StatusCode::UNAUTHORIZED,
            WebhookRefused::Content(_) => StatusCode::BAD_REQUEST,
            WebhookRefused::NotHere => StatusCode::NOT_FOUND,
        };
        (status, refused.to_string())
    })?;
    if shared.hints.add(hints.into_iter().map(|hint| hint.record)) {
        Ok(())
    } else {
        Err((StatusCode::SERVICE_UNAVAILABLE, "too much waits already".to_owned()))
    }
}

/// The request under the address that the vendor called, which a proxy may have changed on the way here.
fn as_signed(shared: &Shared, request: HttpRequest) -> Result<(String, HttpRequest), (StatusCode, String)> {
    let (mut head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let url = format!("{}{path}", shared.public_url);
    head.uri =
        url.parse().map_err(|error: http::uri::InvalidUri| (StatusCode::BAD_REQUEST, error.to_string()))?;
    Ok((url, HttpRequest::from_parts(head, body)))
}

fn refusal(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({ "error": why }))).into_response()
}
