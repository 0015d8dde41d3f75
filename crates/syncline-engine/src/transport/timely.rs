//! A request's body that leaves in time or not at all. Between the decision to send and the bytes lie a pool, a handshake and
//! tasks of their own, and a process may be stopped at any of them; so the time is looked at once more by whoever hands
//! the body to the socket. A request without its body is none.

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use jiff::Timestamp;
use std::{
    error::Error,
    pin::Pin,
    task::{Context, Poll},
};

/// The body, and until when it may leave.
pub(super) struct Timely {
    body: Option<Bytes>,
    until: Timestamp,
}

impl Timely {
    pub(super) fn new(body: Bytes, until: Timestamp) -> Self {
        Self { body: Some(body), until }
    }
}

/// It is too late.
#[derive(Debug, thiserror::Error)]
#[error("it was too late to send the request")]
pub(super) struct Late;

impl Body for Timely {
    type Data = Bytes;
    type Error = Late;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Late>>> {
        let Some(body) = self.body.take() else { return Poll::Ready(None) };
        Poll::Ready(Some(if Timestamp::now() < self.until { Ok(Frame::data(body)) } else { Err(Late) }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.body.as_ref().map_or(0, |body| body.len() as u64))
    }
}

/// Whether this error comes from a body that was too late.
pub(super) fn is_late(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<Late>() {
            return true;
        }
        cause = error.source();
    }
    false
}
