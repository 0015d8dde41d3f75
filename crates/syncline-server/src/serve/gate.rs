//! Ends the traffic to the vendors in an orderly way: what is under way finishes, nothing new begins.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};
use syncline_kit::{BoxFuture, HttpRequest, HttpResponse, Transport, TransportError};

/// A transport that can be closed.
pub struct Gate {
    inner: Arc<dyn Transport>,
    closed: AtomicBool,
    under_way: AtomicUsize,
}

/// Counts one call while it lives, however it ends.
struct Passing<'a>(&'a AtomicUsize);

impl Drop for Passing<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Gate {
    /// An open gate before `inner`.
    pub fn new(inner: Arc<dyn Transport>) -> Arc<Self> {
        Arc::new(Self { inner, closed: AtomicBool::new(false), under_way: AtomicUsize::new(0) })
    }

    /// From now on nothing is sent; the engine learns that a call certainly was not.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// Whether no call is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.under_way.load(Ordering::SeqCst) == 0
    }
}

impl Transport for Gate {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        // Counted first: whoever closes the gate and then sees it idle can be sure that nothing passes any more.
        self.under_way.fetch_add(1, Ordering::SeqCst);
        let passing = Passing(&self.under_way);
        if self.closed.load(Ordering::SeqCst) {
            return Box::pin(std::future::ready(Err(TransportError::NotSent("stopping".to_owned()))));
        }
        Box::pin(async move {
            let answer = self.inner.send(request).await;
            drop(passing);
            answer
        })
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
        assert!(!gate.is_idle());
        assert!(under_way.await.is_ok());
        assert!(gate.is_idle());
        assert_eq!(gate.send(request()).await.unwrap_err(), TransportError::NotSent("stopping".to_owned()));
        assert!(gate.is_idle());
    }

    #[test]
    fn a_call_that_is_given_up_is_not_under_way() {
        let gate = Gate::new(Arc::new(Answers));
        drop(gate.send(http::Request::new(Bytes::new())));
        assert!(gate.is_idle());
    }
}
