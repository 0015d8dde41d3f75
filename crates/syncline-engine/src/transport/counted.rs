//! Counts what is sent, per connection: the `calls` of `sync --json`.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use syncline_kit::{BoxFuture, HttpRequest, HttpResponse, Transport, TransportError};

/// How many requests a connection has sent.
#[derive(Debug, Clone, Default)]
pub struct CallCounter(Arc<AtomicU64>);

impl CallCounter {
    /// How many so far.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A transport that counts each request that left this machine, whatever came back. Requests for an access token do not
/// count: vendors do not meter them, and how often one is needed says nothing about the work.
pub struct Counted {
    inner: Arc<dyn Transport>,
    counter: CallCounter,
}

impl Counted {
    /// Counts what goes through `inner`.
    pub fn new(inner: Arc<dyn Transport>) -> Self {
        Self { inner, counter: CallCounter::default() }
    }

    /// The count, shared with this layer.
    pub fn counter(&self) -> CallCounter {
        self.counter.clone()
    }
}

impl Transport for Counted {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        let metered = !asks_for_token(request.uri().path());
        Box::pin(async move {
            let answer = self.inner.send(request).await;
            let left = !matches!(answer, Err(TransportError::NotSent(_)));
            if metered && left {
                self.counter.0.fetch_add(1, Ordering::Relaxed);
            }
            answer
        })
    }
}

fn asks_for_token(path: &str) -> bool {
    path.ends_with("/token") && path.contains("/oauth")
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use std::future::{Future, ready};
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    struct Answers(Result<u16, TransportError>);

    impl Transport for Answers {
        fn send(&self, _: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
            let answer = self
                .0
                .clone()
                .map(|status| http::Response::builder().status(status).body(Bytes::new()).unwrap());
            Box::pin(ready(answer))
        }
    }

    fn counted(answer: Result<u16, TransportError>, path: &str) -> u64 {
        let layer = Counted::new(Arc::new(Answers(answer)));
        let request = http::Request::get(format!("https://vendor.test{path}")).body(Bytes::new()).unwrap();
        let Poll::Ready(_) = pin!(layer.send(request)).poll(&mut Context::from_waker(Waker::noop())) else {
            panic!("not ready");
        };
        layer.counter().count()
    }

    #[test]
    fn what_left_the_machine_counts_except_requests_for_tokens() {
        assert_eq!(counted(Ok(200), "/crm/v3/objects/contacts"), 1);
        assert_eq!(counted(Ok(500), "/crm/v3/objects/contacts"), 1);
        assert_eq!(counted(Err(TransportError::Unknown("reset".into())), "/crm/v3/objects/contacts"), 1);
        assert_eq!(counted(Err(TransportError::NotSent("refused".into())), "/crm/v3/objects/contacts"), 0);
        assert_eq!(counted(Ok(200), "/services/oauth2/token"), 0);
        assert_eq!(counted(Ok(200), "/oauth/v1/token"), 0);
        assert_eq!(counted(Ok(200), "/services/oauth2/userinfo"), 1);
    }
}
