use super::*;
use crate::testing::Hands;
use bytes::Bytes;
use std::sync::atomic::{AtomicUsize, Ordering};
use syncline_store::sqlite::SqliteStore;

/// Answers after `takes`, on the tests' clock; counts.
struct Slow {
    clock: Arc<Hands>,
    takes: SignedDuration,
    sent: AtomicUsize,
}

impl Transport for Slow {
    fn send(&self, _: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        self.sent.fetch_add(1, Ordering::Relaxed);
        *self.clock.0.lock().unwrap() += self.takes;
        Box::pin(std::future::ready(Ok(HttpResponse::new(Bytes::new()))))
    }
}

struct Two {
    clock: Arc<Hands>,
    first: Arc<Lease>,
    second: Arc<Lease>,
    slow: Arc<Slow>,
    wire: Leased,
}

/// Two workers on one store, with claims of five minutes; the first can send.
fn two() -> Two {
    let clock = Arc::new(Hands(Mutex::new(Timestamp::from_second(1_800_000_000).unwrap())));
    let store: Arc<dyn Store> = Arc::new(SqliteStore::in_memory().unwrap());
    let worker =
        |name: &str| Lease::new(store.clone(), clock.clone(), name.to_owned(), SignedDuration::from_mins(5));
    let (first, second) = (worker("first"), worker("second"));
    let takes = SignedDuration::from_secs(25);
    let slow = Arc::new(Slow { clock: clock.clone(), takes, sent: AtomicUsize::new(0) });
    let wire = Leased::new(slow.clone(), first.clone());
    Two { clock, first, second, slow, wire }
}

impl Two {
    fn pass(&self, seconds: i64) {
        *self.clock.0.lock().unwrap() += SignedDuration::from_secs(seconds);
    }

    async fn send(&self) -> Result<HttpResponse, TransportError> {
        self.wire.send(http::Request::new(Bytes::new())).await
    }

    fn sent(&self) -> usize {
        self.slow.sent.load(Ordering::Relaxed)
    }
}

fn is_fenced(result: &Result<(), Error>) -> bool {
    matches!(result, Err(Error::Store(StoreError::Fenced(_))))
}

#[tokio::test]
async fn a_claim_is_renewed_by_every_call_of_a_long_run() {
    let two = two();
    two.first.claim(Former::Unknown).await.unwrap();
    let fence = two.first.fence();
    for call in 0..100 {
        two.send().await.unwrap();
        assert!(matches!(two.second.claim(Former::Unknown).await, Err(Error::Busy)), "call {call}");
    }
    assert_eq!(two.first.fence(), fence, "one claim");
}

#[tokio::test]
async fn a_successor_waits_until_no_call_of_the_former_can_be_under_way() {
    let two = two();
    two.first.claim(Former::Unknown).await.unwrap();
    two.pass(300 + 29);
    assert!(matches!(two.second.claim(Former::Unknown).await, Err(Error::Busy)));
    two.pass(1);
    two.second.claim(Former::Unknown).await.unwrap();
}

#[tokio::test]
async fn who_is_gone_is_not_waited_for() {
    let two = two();
    two.first.claim(Former::Unknown).await.unwrap();
    two.second.claim(Former::Gone).await.unwrap();
}

#[tokio::test]
async fn a_worker_that_slept_sends_nothing_once_another_took_over() {
    for has_ended in [false, true] {
        let two = two();
        two.first.claim(Former::Unknown).await.unwrap();
        two.send().await.unwrap();
        two.pass(1_000);
        two.second.claim(Former::Unknown).await.unwrap();
        if has_ended {
            two.second.release().await.unwrap();
        }
        assert!(matches!(two.send().await, Err(TransportError::NotSent(_))));
        assert_eq!(two.sent(), 1);
        assert!(two.first.is_lost());
        assert!(is_fenced(&two.first.keep().await));
        assert!(is_fenced(&two.first.claim(Former::Unknown).await), "not within the same run");
        two.first.release().await.unwrap();
        if has_ended {
            two.first.claim(Former::Unknown).await.unwrap();
        } else {
            assert!(matches!(two.first.claim(Former::Unknown).await, Err(Error::Busy)));
            two.second.keep().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_worker_that_slept_alone_goes_on() {
    let two = two();
    two.first.claim(Former::Unknown).await.unwrap();
    two.pass(1_000);
    two.send().await.unwrap();
    assert!(matches!(two.second.claim(Former::Unknown).await, Err(Error::Busy)));
}

#[tokio::test]
async fn without_a_claim_reading_goes_on() {
    let two = two();
    two.send().await.unwrap();
    two.first.keep().await.unwrap();
}

#[test]
fn a_short_claim_shortens_calls() {
    let terms = Terms::of(SignedDuration::from_secs(4));
    assert_eq!((terms.call, terms.cut), (SignedDuration::from_secs(1), Some(Duration::from_secs(1))));
    let terms = Terms::of(SignedDuration::from_mins(5));
    assert_eq!((terms.call, terms.cut), (SignedDuration::from_secs(30), None));
}
