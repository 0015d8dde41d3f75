//! The claim under which a worker writes. Workers that share a server take turns; each writes only while it is sure that no
//! other has begun (design §5, decisions §3):
//!
//! - every batch names the claim, and the store refuses one whose claim another worker has followed;
//! - the claim is renewed once less than half of it is left, by whatever is done under it, waiting included;
//! - a call leaves only when the claim outlasts its timeout, looked at before it is sent and again when its body is handed
//!   to the socket;
//! - a successor waits until the claim and a call's timeout are over, so that no call of the former is under way any more.
//!
//! A process that was stopped in between finds its claim lapsed, asks the store, and sends nothing more where another
//! worker took over. Left is what no client can exclude: to be stopped between the last look and the system call that follows it.

use crate::{error::Error, transport::REQUEST_TIMEOUT};
use jiff::{SignedDuration, Timestamp};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use syncline_kit::{BoxFuture, Clock, HttpRequest, HttpResponse, LeaveBy, Transport, TransportError};
use syncline_model::defect::{Defect, planted};
use syncline_store::{Fence, Store, StoreError};

/// The lane under which a workspace is written: one worker at a time.
pub(crate) const LANE: &str = "sync";
/// A claim is so many times as long as a call may take; what is left when it is renewed outlasts two calls.
const CALLS: i32 = 4;

/// What is known of whoever held the claim before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Former {
    /// Its process has certainly ended.
    Gone,
    /// Only its claim tells.
    Unknown,
}

/// How long claims and calls take.
#[derive(Debug, Clone, Copy)]
struct Terms {
    claim: SignedDuration,
    call: SignedDuration,
    /// Calls are cut off here, where that is sooner than the transport does it.
    cut: Option<Duration>,
}

impl Terms {
    fn of(claim: SignedDuration) -> Self {
        let usual = SignedDuration::try_from(REQUEST_TIMEOUT).unwrap_or(SignedDuration::MAX);
        let call = usual.min(claim / CALLS);
        let cut = (call < usual).then(|| Duration::try_from(call).unwrap_or_default());
        Self { claim, call, cut }
    }
}

#[derive(Debug, Clone)]
struct Held {
    fence: Fence,
    until: Timestamp,
    standing: Standing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Ours,
    /// Another worker has followed.
    Lost,
}

/// One worker's claim, or none.
pub(crate) struct Lease {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    /// Names this worker among those that may claim the workspace.
    owner: String,
    terms: Terms,
    held: Mutex<Option<Held>>,
}

impl Lease {
    /// Nothing claimed yet; claims hold for `length`.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        owner: String,
        length: SignedDuration,
    ) -> Arc<Self> {
        Arc::new(Self { store, clock, owner, terms: Terms::of(length), held: Mutex::default() })
    }

    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        // Replaced whole, never half written.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The claim that batches name.
    pub(crate) fn fence(&self) -> Option<Fence> {
        if planted(Defect::StalePoller) {
            return None;
        }
        self.held().as_ref().map(|held| held.fence.clone())
    }

    /// Claims the workspace, or holds on to it.
    ///
    /// # Errors
    /// [`Error::Busy`] where another worker is at it, [`StoreError::Fenced`] where one has taken over since;
    /// [`Error::Store`].
    pub(crate) async fn claim(&self, former: Former) -> Result<(), Error> {
        if self.held().is_some() {
            return self.renew().await;
        }
        let now = self.clock.now();
        // What the former sent last may be under way for as long as a call takes.
        let judged = match former {
            Former::Gone => Timestamp::MAX,
            Former::Unknown => now.saturating_sub(self.terms.call).unwrap_or(now),
        };
        let until = self.end(now);
        match self.store.claim_lane(LANE, &self.owner, judged, until).await? {
            Some(fence) => {
                *self.held() = Some(Held { fence, until, standing: Standing::Ours });
                Ok(())
            }
            None => Err(Error::Busy),
        }
    }

    /// Gives the workspace back.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub(crate) async fn release(&self) -> Result<(), Error> {
        let held = self.held().take();
        match held {
            Some(held) => Ok(self.store.release_lane(&held.fence).await?),
            None => Ok(()),
        }
    }

    /// Whether another worker was found to have followed.
    pub(crate) fn is_lost(&self) -> bool {
        self.held().as_ref().is_some_and(|held| held.standing == Standing::Lost)
    }

    /// Renews the claim once less than half of it is left; nothing where nothing is claimed.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] where another worker has taken over; [`Error::Store`] where that cannot be known and the claim
    /// does not outlast a call.
    pub(crate) async fn keep(&self) -> Result<(), Error> {
        let Some(left) = self.left() else { return Ok(()) };
        if !self.is_lost() && left > self.terms.claim / 2 {
            return Ok(());
        }
        match self.renew().await {
            Err(Error::Store(StoreError::Engine(_))) if left > self.terms.call => Ok(()),
            result => result,
        }
    }

    /// How much of the claim is left; `None`: nothing is claimed.
    fn left(&self) -> Option<SignedDuration> {
        self.held().as_ref().map(|held| held.until.duration_since(self.clock.now()))
    }

    fn end(&self, now: Timestamp) -> Timestamp {
        now.saturating_add(self.terms.claim).unwrap_or(Timestamp::MAX)
    }

    async fn renew(&self) -> Result<(), Error> {
        let Some(held) = self.held().clone().filter(|_| !planted(Defect::StalePoller)) else { return Ok(()) };
        if held.standing == Standing::Lost {
            return Err(Error::fenced());
        }
        // The end is reckoned from before the store was asked: being stopped meanwhile makes it earlier, not later.
        let now = self.clock.now();
        let until = self.end(now);
        let answer = self.store.claim_lane(LANE, &self.owner, now, until).await?;
        match answer {
            Some(fence) if fence == held.fence => {
                *self.held() = Some(Held { until, ..held });
                Ok(())
            }
            other => {
                *self.held() = Some(Held { standing: Standing::Lost, ..held });
                // Another one took over and has ended since: what it found is not known here.
                if let Some(fence) = other {
                    self.store.release_lane(&fence).await?;
                }
                Err(Error::fenced())
            }
        }
    }

    /// After this a call may outlast the claim; `None`: nothing is claimed.
    fn last_departure(&self) -> Option<LeaveBy> {
        let until = self.held().as_ref()?.until;
        Some(LeaveBy(until.saturating_sub(self.terms.call).unwrap_or(until)))
    }

    /// Whether a call may leave now: the claim, renewed if need be, outlasts it.
    async fn lets_a_call_leave(&self) -> Result<(), String> {
        // Once more for a process that was stopped while it asked.
        for _ in 0..2 {
            self.keep().await.map_err(|error| error.to_string())?;
            if self.left().is_none_or(|left| left > self.terms.call) || planted(Defect::StalePoller) {
                return Ok(());
            }
        }
        Err("this worker's claim on the workspace is about to lapse".to_owned())
    }
}

/// A transport that lets a call leave only under a claim that outlasts it, or where nothing is claimed (then nothing is
/// written either).
pub(crate) struct Leased {
    inner: Arc<dyn Transport>,
    lease: Arc<Lease>,
}

impl Leased {
    /// Over `inner`, next to the wire: whatever waits before a call does so before this looks.
    pub(crate) fn new(inner: Arc<dyn Transport>, lease: Arc<Lease>) -> Self {
        Self { inner, lease }
    }
}

impl Transport for Leased {
    fn send(&self, mut request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        Box::pin(async move {
            self.lease.lets_a_call_leave().await.map_err(TransportError::NotSent)?;
            if let Some(until) = self.lease.last_departure() {
                request.extensions_mut().insert(until);
            }
            let answer = self.inner.send(request);
            match self.lease.terms.cut {
                Some(cut) => tokio::time::timeout(cut, answer)
                    .await
                    .unwrap_or_else(|_| Err(TransportError::Unknown("no answer in time".to_owned()))),
                None => answer.await,
            }
        })
    }
}

#[cfg(test)]
mod tests;
