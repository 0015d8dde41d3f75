//! When the process stops: at a journal write, or at a request. A future that meets such a point stays pending; whoever
//! drives it sees that and either drops it (the power went) or lets it go on later (it was paused).

use std::{
    future::poll_fn,
    sync::{Mutex, MutexGuard, PoisonError},
    task::Poll,
};

/// Before or after the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// The step is not done any more.
    Before,
    /// The step is done; nobody hears of it.
    After,
}

/// A point of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    /// A transaction that writes to the journal.
    Journal,
    /// A request to a vendor.
    Request,
}

/// What the process is stopped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The power goes at the point after so many others.
    Cut(Point, usize, When),
    /// The process is held at the request after so many others.
    Pause(usize, When),
}

/// What follows once a point is passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// Nothing.
    GoOn,
    /// The power goes: [`Power::gone`].
    Die,
    /// The process is held: [`Power::held`].
    Hold,
}

/// How the process stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Standing {
    /// It runs.
    #[default]
    Running,
    /// It is held before a request.
    Paused,
    /// The power is gone.
    Dead,
}

#[derive(Debug, Default)]
struct State {
    stop: Option<Stop>,
    standing: Standing,
}

/// The switch.
#[derive(Debug, Default)]
pub(crate) struct Power(Mutex<State>);

impl Power {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets what stops the process next.
    pub(crate) fn arm(&self, stop: Option<Stop>) {
        self.lock().stop = stop;
    }

    /// How the process stands.
    pub(crate) fn standing(&self) -> Standing {
        self.lock().standing
    }

    /// A new process, or the paused one goes on.
    pub(crate) fn on(&self) {
        self.lock().standing = Standing::Running;
    }

    /// Pending for good where the power goes before this point; pending until [`Power::on`] where the process is held
    /// here. Answers what comes after the point.
    pub(crate) async fn reach(&self, point: Point) -> Then {
        let mut seen = false;
        poll_fn(move |_| {
            let mut state = self.lock();
            if state.standing != Standing::Running {
                return Poll::Pending;
            }
            if std::mem::replace(&mut seen, true) {
                return Poll::Ready(Then::GoOn);
            }
            let (at, left) = match &mut state.stop {
                Some(Stop::Cut(at, left, _)) => (*at, left),
                Some(Stop::Pause(left, _)) => (Point::Request, left),
                None => return Poll::Ready(Then::GoOn),
            };
            if at != point {
                return Poll::Ready(Then::GoOn);
            }
            if *left > 0 {
                *left -= 1;
                return Poll::Ready(Then::GoOn);
            }
            match state.stop.take() {
                Some(Stop::Cut(_, _, When::After)) => Poll::Ready(Then::Die),
                Some(Stop::Pause(_, When::After)) => Poll::Ready(Then::Hold),
                Some(Stop::Cut(_, _, When::Before)) => {
                    state.standing = Standing::Dead;
                    Poll::Pending
                }
                Some(Stop::Pause(_, When::Before)) => {
                    state.standing = Standing::Paused;
                    Poll::Pending
                }
                None => Poll::Ready(Then::GoOn),
            }
        })
        .await
    }

    /// The power is gone: never comes back.
    pub(crate) async fn gone<T>(&self) -> T {
        self.lock().standing = Standing::Dead;
        std::future::pending().await
    }

    /// The process is held until [`Power::on`].
    pub(crate) async fn held(&self) {
        self.lock().standing = Standing::Paused;
        poll_fn(|_| {
            let standing = self.lock().standing;
            if standing == Standing::Running { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}
