//! One request: bounded in size, put to the machine, and its outcome turned into what hyper sends.

use super::{Shared, body::AnswerBody, cpu};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use std::{sync::Arc, time::Duration};
use syncline_kit::sandbox::{
    Outcome,
    control::{PREFIX, json},
};

/// Larger requests get 413.
const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;
/// A connection that hangs is given up after this long; every client's own limit is shorter or is its own fault.
const HANG: Duration = Duration::from_secs(120);

/// Ends the connection without an answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Cut {
    /// At once, by a reset.
    #[error("the sandbox resets this connection")]
    Reset,
    /// After the silence of [`Outcome::Hang`].
    #[error("the sandbox never answers this request")]
    Hung,
}

pub(super) async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Cut> {
    if request.method() == Method::GET && request.uri().path().strip_prefix(PREFIX) == Some("cpu") {
        return Ok(whole(cpu::answer()));
    }
    let (head, body) = request.into_parts();
    if body.size_hint().lower() > MAX_BODY_BYTES as u64 {
        return Ok(whole(too_large()));
    }
    let body = match Limited::new(body, MAX_BODY_BYTES).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return Ok(whole(refuse_body(error.as_ref()))),
    };
    let request = Request::from_parts(head, body);
    let outcome = shared.with(|machine, now| machine.handle(&request, now));
    shared.webhooks_may_be_due.notify_one();
    match outcome {
        Ok(Outcome::Answer(response)) => Ok(whole(response)),
        Ok(Outcome::Truncated(response, bytes)) => Ok(truncated(response, bytes)),
        Ok(Outcome::Hang) => {
            // Dropped with the connection when the client goes away first.
            tokio::time::sleep(HANG).await;
            Err(Cut::Hung)
        }
        Ok(Outcome::Reset) => Err(Cut::Reset),
        Err(_broken) => {
            let message = "the sandbox failed at an earlier request; see its error output and start it again";
            Ok(whole(json(StatusCode::INTERNAL_SERVER_ERROR, &serde_json::json!({ "error": message }))))
        }
    }
}

fn refuse_body(error: &(dyn std::error::Error + 'static)) -> Response<Bytes> {
    if error.is::<LengthLimitError>() {
        too_large()
    } else {
        refuse(StatusCode::BAD_REQUEST, &format!("the request body cannot be read: {error}"))
    }
}

fn too_large() -> Response<Bytes> {
    refuse(StatusCode::PAYLOAD_TOO_LARGE, &format!("a request body may have {MAX_BODY_BYTES} bytes"))
}

/// What is left of the request's body is not read, so the connection cannot be used again.
fn refuse(status: StatusCode, message: &str) -> Response<Bytes> {
    let mut response = json(status, &serde_json::json!({ "error": message }));
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

fn whole(response: Response<Bytes>) -> Response<AnswerBody> {
    response.map(AnswerBody::whole)
}

/// The head promises the whole length; the body ends after `bytes`.
fn truncated(mut response: Response<Bytes>, bytes: usize) -> Response<AnswerBody> {
    let promised = response.body().len();
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(promised));
    response.map(|body| AnswerBody::cut(body.slice(..bytes.min(promised))))
}
