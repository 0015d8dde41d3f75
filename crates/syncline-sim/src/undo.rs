//! Runs taken back (HUB-6): at rest people do some things, runs follow, more happens, and somebody takes one of the
//! runs back by the engine's own undo, and the undo as well. What came of it is held against the dumps by [`crate::undone`].

use crate::{
    attrs::{self, Type},
    engine::{Came, Job, JobEnd},
    picture::{At, Life, Picture},
    player::{A_DAY, Player},
    script::{Interruption, Step},
    undone::{self, Attempt, Note, TakenBack},
    world::{Broken, finish},
};
use std::collections::{BTreeMap, BTreeSet};
use syncline_model::{JournalSeq, RunId, journal::Event};
use syncline_store::JournalFilter;

/// What is being taken back, and what was.
#[derive(Debug, Default)]
pub(crate) struct UndoState {
    /// Whether what the engine writes now is an undo.
    pub(crate) under_way: bool,
    /// Things of which something was taken back: the attribute, or `*` for a record.
    undone: BTreeSet<(String, String)>,
}

impl UndoState {
    /// Whether this of a thing was taken back.
    pub(crate) fn was_undone(&self, token: &str, attribute: Option<&str>) -> bool {
        // Whom a person belongs to is its company, whom a deal belongs to its account: one place of the oracle.
        let name = match attribute {
            None => "*",
            Some("company") => "account",
            Some(name) => name,
        };
        self.undone.contains(&(token.to_owned(), name.to_owned()))
    }
}

/// A run that wrote something.
#[derive(Debug, Clone)]
struct Wrote {
    run: RunId,
    before: Picture,
    after: Picture,
}

/// What follows an undo before it is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// Nobody did anything since: runs have nothing to write.
    Stays,
    /// What people did since goes its way, and all comes to rest.
    Rests,
    /// Nothing.
    TakenBack,
}

impl Then {
    fn of(since: &[Step], which: u32) -> Self {
        match which % 2 {
            _ if since.is_empty() => Self::Stays,
            0 => Self::Rests,
            _ => Self::TakenBack,
        }
    }
}

/// Runs that follow people's acts before a run of an undo is chosen.
const ROUNDS: usize = 8;
/// Attempts at an undo that something stops.
const ATTEMPTS: usize = 6;
/// Between runs: longer than any index takes.
const AN_HOUR: u64 = 3_600;

impl Player<'_> {
    /// People do `acts`; runs; people do `since`; one of the runs is taken back, and its undo.
    pub(crate) fn undoing(
        &mut self,
        acts: &[Step],
        since: &[Step],
        which: u32,
        stop: Option<&Interruption>,
    ) -> Result<(), Broken> {
        for step in acts {
            self.perform(step)?;
        }
        if !self.violations.is_empty() {
            return Ok(());
        }
        let wrote = self.runs()?;
        if !self.violations.is_empty() {
            return Ok(());
        }
        let Some(chosen) = chosen(&wrote, which) else { return Ok(()) };
        let mut touched = BTreeSet::new();
        for later in wrote.iter().skip_while(|wrote| wrote.run != chosen.run).skip(1) {
            moved(&later.before, &later.after, &mut touched);
        }
        self.people.saved.clear();
        for step in since {
            let before = self.people.picture.clone();
            if let Step::Overwrite { place, n } = step {
                self.overwrite(&chosen, *place, *n)?;
            } else {
                self.perform(step)?;
            }
            moved(&before, &self.people.picture, &mut touched);
        }
        if !self.violations.is_empty() {
            return Ok(());
        }
        let undos = self.take_back(&chosen, &touched, stop)?;
        if !self.violations.is_empty() {
            return Ok(());
        }
        self.world.net.disarm();
        self.world.net.cover(|coverage| coverage.operation("undo", 1));
        let mut touched = BTreeSet::new();
        match Then::of(since, which) {
            Then::Stays => self.stays()?,
            Then::Rests => self.rests(&mut touched)?,
            Then::TakenBack => {}
        }
        // What is to be taken back was done in these runs, the last first.
        for undo in undos.iter().rev() {
            if !self.violations.is_empty() {
                return Ok(());
            }
            self.take_back(undo, &touched, None)?;
            self.world.net.cover(|coverage| coverage.operation("undo_of_undo", 1));
        }
        if !self.violations.is_empty() {
            return Ok(());
        }
        self.rests(&mut touched)
    }

    /// Runs until one has nothing to write; then everything is looked at. What they changed is added.
    fn rests(&mut self, touched: &mut BTreeSet<(At, String)>) -> Result<(), Broken> {
        let before = self.people.picture.clone();
        self.quiesce()?;
        moved(&before, &self.people.picture, touched);
        self.world.net.cover(|coverage| coverage.operation("rest_after_undo", 1));
        Ok(())
    }

    /// Somebody changes what a run wrote: a value of a record that it made or changed.
    fn overwrite(&mut self, wrote: &Wrote, place: u32, n: u32) -> Result<(), Broken> {
        let (mut places, mut later) = (Vec::new(), Vec::new());
        for (at, record) in self.people.picture.records.iter() {
            let written = wrote.after.records.get(at).filter(|_| record.life == Life::Live);
            let (Some(token), Some(written)) = (&record.token, written) else { continue };
            for name in undone::changed(wrote.before.records.get(at), Some(written)) {
                if let Some(attr) = attrs::named(record.kind, &name).filter(|attr| attr.of != Type::Name) {
                    let places = if attr.is_later() { &mut later } else { &mut places };
                    places.push((at.clone(), token.clone(), attr));
                }
            }
        }
        let places = if place >= attrs::MORE && !later.is_empty() { later } else { places };
        let Some((at, token, attr)) = places.get((place % attrs::MORE) as usize % places.len().max(1)) else {
            return Ok(());
        };
        self.people.overwrite(self.world, at, token, attr, n)
    }

    /// Runs until one has nothing to write; those that did write.
    fn runs(&mut self) -> Result<Vec<Wrote>, Broken> {
        let mut wrote = Vec::new();
        let mut still = false;
        for round in 0..ROUNDS {
            self.world.advance(if round == 0 { A_DAY } else { AN_HOUR });
            let (from, before) = (self.head()?, self.people.picture.clone());
            let end = self.job(Job::Sync, None)?;
            let after = self.people.picture.clone();
            if let ([run], true) = (self.runs_since(from)?.as_slice(), before != after) {
                wrote.push(Wrote { run: *run, before, after });
            }
            still = round > 0 && matches!(end, JobEnd::Came(Came::Ran { writes: 0, .. }));
            if still || !self.violations.is_empty() {
                break;
            }
        }
        if self.violations.is_empty() && !still {
            let evidence = format!("{ROUNDS} runs after people's last acts, and the last still writes");
            self.violated("convergence", evidence);
        }
        Ok(wrote)
    }

    /// The runs that began after this entry.
    fn runs_since(&self, from: JournalSeq) -> Result<Vec<RunId>, Broken> {
        let mut runs = Vec::new();
        let mut after = from;
        loop {
            let page =
                finish("the journal", self.world.store().journal(&JournalFilter::default(), after, 500))?
                    .map_err(|error| Broken::new("the journal", error))?;
            let Some(last) = page.last() else { return Ok(runs) };
            after = last.seq;
            let started = page.iter().filter(|entry| matches!(entry.event, Event::RunStarted { .. }));
            runs.extend(started.filter_map(|entry| entry.run));
        }
    }

    /// Takes a run back, with as many attempts as it needs; each of the runs that did.
    fn take_back(
        &mut self,
        wrote: &Wrote,
        touched: &BTreeSet<(At, String)>,
        stop: Option<&Interruption>,
    ) -> Result<Vec<Wrote>, Broken> {
        let mut undos = Vec::new();
        let origin = self.people.picture.clone();
        for attempt in 0..ATTEMPTS {
            self.world.advance(AN_HOUR);
            let (from, found) = (self.head()?, self.people.picture.clone());
            self.undo.under_way = true;
            let end = self.job(Job::Undo(wrote.run), stop.filter(|_| attempt == 0));
            self.undo.under_way = false;
            let end = end?;
            let left = self.people.picture.clone();
            if let ([run], true) = (self.runs_since(from)?.as_slice(), found != left) {
                undos.push(Wrote { run: *run, before: found.clone(), after: left.clone() });
            }
            let parts = self.people.ledger.parts();
            let taken = TakenBack {
                before: &wrote.before,
                after: &wrote.after,
                found: &found,
                origin: &origin,
                left: &left,
                touched,
                parts: &parts,
            };
            let (findings, whole) = match end {
                JobEnd::Came(Came::Undone { findings, open }) => (findings, open == 0),
                JobEnd::Came(_) | JobEnd::Failed(_) | JobEnd::Cut => (Vec::new(), false),
            };
            if whole {
                let notes: Vec<Note> = findings.into_iter().map(Note::of).collect();
                for note in &notes {
                    self.world.net.note(&format!("left: {note:?}"));
                }
                for evidence in undone::check(&taken, &notes, &self.excuses()) {
                    self.violated("undo", evidence);
                }
                self.remember(&taken);
                return Ok(undos);
            }
            for evidence in undone::half(&taken, Attempt::Stopped) {
                self.violated("undo", evidence);
            }
            self.remember(&taken);
            if !self.violations.is_empty() {
                return Ok(undos);
            }
        }
        self.violated("undo", format!("{ATTEMPTS} attempts, and the undo of {} is not through", wrote.run));
        Ok(undos)
    }

    /// Notes what was taken back, and counts it.
    fn remember(&mut self, taken: &TakenBack<'_>) {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for (at, record) in taken.found.records.iter() {
            let now = taken.left.records.get(at);
            let Some(token) = record.token.clone().filter(|_| record.life == Life::Live) else { continue };
            if now.is_none_or(|now| now.life != Life::Live) {
                *counts.entry("archive_by_undo").or_default() += 1;
                self.undo.undone.insert((token.clone(), "*".to_owned()));
            }
            for name in undone::changed(Some(record), now) {
                self.undo.undone.insert((token.clone(), undone::attribute_of(&name).to_owned()));
            }
        }
        let made = taken
            .left
            .records
            .iter()
            .filter(|(at, record)| record.life == Life::Live && !taken.found.records.contains_key(at));
        let made = made.count() as u64;
        if made > 0 {
            counts.insert("create_by_undo", made);
        }
        for (name, times) in counts {
            self.world.net.cover(|coverage| coverage.operation(name, times));
        }
    }

    /// What was taken back stays so, until somebody changes something.
    fn stays(&mut self) -> Result<(), Broken> {
        let before = self.people.picture.clone();
        for _ in 0..2 {
            self.world.advance(AN_HOUR);
            let end = self.job(Job::Sync, None)?;
            let still = matches!(end, JobEnd::Came(Came::Ran { writes: 0, .. }));
            if !still || self.people.picture != before {
                let moved = undone::difference(&before, &self.people.picture);
                self.violated(
                    "undo",
                    format!("after an undo, with nothing else done, a run ends {end:?}: {moved}"),
                );
                return Ok(());
            }
        }
        self.inspect()
    }

    fn excuses(&self) -> undone::Excuses<'_> {
        undone::Excuses {
            people: &self.people,
            changes: &self.world.changes,
            archives: self.profile.archives(),
        }
    }
}

/// One of the runs, rather a late one that wrote much.
fn chosen(wrote: &[Wrote], which: u32) -> Option<Wrote> {
    wrote.iter().rev().nth(which as usize % wrote.len().max(1)).cloned()
}

/// The places that differ between two pictures.
fn moved(before: &Picture, after: &Picture, touched: &mut BTreeSet<(At, String)>) {
    for at in before.records.keys().chain(after.records.keys()) {
        let (was, is) = (before.records.get(at), after.records.get(at));
        if was != is {
            touched.extend(undone::changed(was, is).into_iter().map(|name| (at.clone(), name)));
            if was.map(|it| it.life) != is.map(|it| it.life) {
                touched.insert((at.clone(), "*".to_owned()));
            }
        }
    }
}
