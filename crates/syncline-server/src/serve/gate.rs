//! Ends the traffic to the vendors in an orderly way: what is under way finishes, nothing new begins.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use syncline_kit::{BoxFuture, HttpRequest, HttpResponse, Transport, TransportError};

/// A transport that can be closed.
pub struct Gate {
    inner: Arc<dyn Transport>,
    closed: AtomicBool,
}

impl Gate {
    /// An open gate before `inner`.
    pub fn new(inner: Arc<dyn Transport>) -> Arc<Self> {
        Arc::new(Self { inner, closed: AtomicBool::new(false) })
    }

    /// From now on nothing is sent; the engine learns that a call certainly was not.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }
}

impl Transport for Gate {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        if self.closed.load(Ordering::Acquire) {
            return Box::pin(std::future::ready(Err(TransportError::NotSent("stopping".to_owned()))));
        }
        self.inner.send(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    struct Answers;

    impl Transport for Answers {
        fn send(&self, _: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
            Box::pin(async {
                tokio::task::yield_now().await;
                Ok(HttpResponse::new(Bytes::new()))
            })
        }
    }

    #[tokio::test]
    async fn what_is_under_way_ends_and_nothing_new_is_sent() {
        let gate = Gate::new(Arc::new(Answers));
        let request = || http::Request::new(Bytes::new());
        let under_way = gate.send(request());
        gate.close();
        assert!(under_way.await.is_ok());
        assert_eq!(gate.send(request()).await.unwrap_err(), TransportError::NotSent("stopping".to_owned()));
    }
}
