//! What a campaign says on standard error while it goes on, and how it is ended before its time.

use std::{
    io::Write,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use syncline_sim::{Violation, Watch};
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Failure;

/// Violations as they are found, and every now and then the first seed that was not played yet.
pub(super) struct Watching<W> {
    out: Mutex<Out<W>>,
    every: Duration,
    over: Arc<AtomicBool>,
}

struct Out<W> {
    out: W,
    bar: Option<indicatif::ProgressBar>,
    said: Instant,
    next: u64,
}

impl<W: Write + Send> Watching<W> {
    /// Of a campaign from `start`. Writes to `out`, above `bar` if there is one. `over`: whether it is to end.
    pub(super) fn new(
        start: u64,
        out: W,
        bar: Option<indicatif::ProgressBar>,
        every: Duration,
        over: Arc<AtomicBool>,
    ) -> Self {
        Self { out: Mutex::new(Out { out, bar, said: Instant::now(), next: start }), every, over }
    }

    /// The end: the first seed that was not played, if the campaign was ended before its time.
    pub(super) fn ended(&self) -> Option<u64> {
        let out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = &out.bar {
            bar.finish_and_clear();
        }
        self.is_over().then_some(out.next)
    }
}

impl<W: Write> Out<W> {
    fn say(&mut self, line: &str) {
        let write = |out: &mut W| {
            let _nobody_reads_it = writeln!(out, "{line}").and_then(|()| out.flush());
        };
        match &self.bar {
            Some(bar) => bar.clone().suspend(|| write(&mut self.out)),
            None => write(&mut self.out),
        }
    }
}

impl<W: Write + Send> Watch for Watching<W> {
    fn violated(&self, violation: &Violation) {
        let Violation { seed, step, invariant, evidence } = violation;
        let line = format!("seed {seed} step {step}: {invariant}: {evidence}");
        self.out.lock().unwrap_or_else(PoisonError::into_inner).say(&line);
    }

    fn played(&self, seeds: u64, next: u64) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.next = out.next.max(next);
        if let Some(bar) = &out.bar {
            bar.set_position(seeds);
        }
        if out.said.elapsed() >= self.every {
            out.said = Instant::now();
            let line = format!("{seeds} seeds are played, next: --start {}", out.next);
            out.say(&line);
        }
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

/// Becomes true with SIGINT or SIGTERM: seeds that are being played are played to their end. A second signal ends the process.
///
/// # Errors
/// No thread or signal to be had.
pub(super) fn interrupted() -> Result<Arc<AtomicBool>, Failure> {
    let over = Arc::new(AtomicBool::new(false));
    let told = over.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    let runtime = runtime.map_err(Failure::no_system_resource)?;
    let listen = |kind| {
        let _inside = runtime.enter();
        signal(kind).map_err(Failure::no_system_resource)
    };
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    let wait = move || {
        runtime.block_on(async {
            loop {
                tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
                if told.swap(true, Ordering::Relaxed) {
                    std::process::exit(super::INTERNAL.into());
                }
            }
        });
    };
    std::thread::Builder::new().spawn(wait).map_err(Failure::no_system_resource)?;
    Ok(over)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(every: Duration, over: bool, act: impl FnOnce(&Watching<&mut Vec<u8>>)) -> (String, Option<u64>) {
        let mut out = Vec::new();
        let watching = Watching::new(5, &mut out, None, every, Arc::new(AtomicBool::new(over)));
        act(&watching);
        let ended = watching.ended();
        drop(watching);
        (String::from_utf8(out).unwrap(), ended)
    }

    #[test]
    fn a_violation_is_told_when_it_is_found() {
        let violation = Violation { seed: 7, step: 3, invariant: "no_loss", evidence: "gone".to_owned() };
        let (told, ended) = said(Duration::MAX, false, |watching| watching.violated(&violation));
        assert_eq!((told.as_str(), ended), ("seed 7 step 3: no_loss: gone\n", None));
    }

    #[test]
    fn a_campaign_that_played_nothing_goes_on_from_its_start() {
        assert_eq!(said(Duration::MAX, true, |_| {}), (String::new(), Some(5)));
    }

    #[test]
    fn every_so_often_it_is_told_where_a_campaign_would_go_on() {
        let play = |watching: &Watching<&mut Vec<u8>>| {
            watching.played(1, 100);
            watching.played(2, 102);
        };
        let told = "1 seeds are played, next: --start 100\n2 seeds are played, next: --start 102\n";
        assert_eq!(said(Duration::ZERO, false, play), (told.to_owned(), None));
        assert_eq!(said(Duration::from_secs(60), true, play), (String::new(), Some(102)));
    }
}
