//! The body of an answer: whole, or cut off in the middle.

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// What hyper sends after the head.
pub(super) enum AnswerBody {
    Whole(Full<Bytes>),
    Cut(Cut),
}

/// A body that sends what it has and then fails, which makes hyper close the connection.
pub(super) struct Cut {
    rest: Option<Bytes>,
    flushed: bool,
}

/// Said to hyper, never to a client.
#[derive(Debug, thiserror::Error)]
#[error("the sandbox cuts this answer off")]
pub(super) struct CutOff;

impl AnswerBody {
    pub(super) fn whole(body: Bytes) -> Self {
        Self::Whole(Full::new(body))
    }

    /// Only `part` of what the head promised.
    pub(super) fn cut(part: Bytes) -> Self {
        Self::Cut(Cut { rest: (!part.is_empty()).then_some(part), flushed: false })
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = CutOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        match self.get_mut() {
            Self::Whole(body) => {
                let frame = ready!(Pin::new(body).poll_frame(context));
                Poll::Ready(frame.map(|frame| frame.map_err(|never: Infallible| match never {})))
            }
            Self::Cut(cut) => cut.poll(context),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Cut(_) => SizeHint::default(),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Cut(_) => false,
        }
    }
}

impl Cut {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        if let Some(part) = self.rest.take() {
            return Poll::Ready(Some(Ok(Frame::data(part))));
        }
        if !self.flushed {
            // hyper writes out what it holds when a body is not ready, and throws it away when a body fails.
            self.flushed = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(CutOff)))
    }
}
