//! Plays a script: people's steps, the engine's runs, and the checks after each.

use crate::{
    after::Intended,
    coverage::Coverage,
    engine::{Came, Job, JobEnd},
    people::People,
    picture::{At, Picture},
    profile::Profile,
    script::{Script, Shuffled, Step},
    side::Side,
    undo::UndoState,
    world::{Broken, World, finish},
};
use std::collections::BTreeMap;
use syncline_engine::{cycle::Needs, reviews};
use syncline_model::{EntityId, JournalSeq, RecordRef, review::Question};
use syncline_store::OpenOnly;

/// An invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Violation {
    /// The seed.
    pub seed: u64,
    /// The step of the script after which it was seen, from 0.
    pub step: usize,
    /// Which invariant, by its name in `docs/simulation.md`.
    pub invariant: &'static str,
    /// What was seen, from the two dumps and the log of what people did.
    pub evidence: String,
}

/// What a script came to.
#[derive(Debug, Clone)]
pub struct Played {
    /// What did not hold; the script ends at the first step with any.
    pub violations: Vec<Violation>,
    /// What was exercised.
    pub coverage: Coverage,
    /// SHA-256 of the event log: its lines, what was sent and answered, and how both systems and the journal ended.
    pub trace: [u8; 32],
    /// The event log in words, where it was asked for.
    pub story: Vec<String>,
}

/// Whether the event log is kept in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Yes, and after each run what `explain` says of these records.
    With(Vec<RecordRef>),
    /// No.
    No,
}

/// A script under way.
pub(crate) struct Player<'a> {
    pub(crate) world: &'a mut World,
    pub(crate) profile: Profile,
    pub(crate) people: People,
    pub(crate) violations: Vec<Violation>,
    /// Where the journal stood before what the engine is doing now.
    pub(crate) since: JournalSeq,
    /// What the journal says that this job, its interruptions included, was to write.
    pub(crate) intended: Intended,
    /// Writing requests to each side that the pictures show the outcome of.
    pub(crate) writes: [u64; 2],
    /// Breaches of vendors' limits that were seen.
    pub(crate) breaches: usize,
    /// Rows written when another worker had ended that took over from a sleeping one.
    pub(crate) taken_over: Option<[(u64, u64); 2]>,
    /// Whether anything happened that leaves an outcome in doubt.
    pub(crate) doubt: bool,
    /// Whether the last step left everything at rest.
    at_rest: bool,
    /// What is being taken back, and what was.
    pub(crate) undo: UndoState,
    /// What each record was at the last rest.
    pub(crate) links: BTreeMap<At, EntityId>,
    /// What there was before the first contact.
    first: Option<Picture>,
    /// Of what the story tells after each run.
    pub(crate) explained: Vec<RecordRef>,
    seed: u64,
    step: usize,
}

/// Rounds after which a world without outside changes has to be still.
const MOST_ROUNDS: usize = 8;
/// What daily backstops wait for.
pub(crate) const A_DAY: u64 = 26 * 3_600;

/// Plays a script to its end, or to its first violation.
///
/// # Errors
/// [`Broken`] where the simulation itself cannot go on.
pub fn play(script: &Script, told: Told) -> Result<Played, Broken> {
    let mut world = World::new(script.profile, script.seed)?;
    let explained = match told {
        Told::With(records) => {
            world.net.tell();
            records
        }
        Told::No => Vec::new(),
    };
    let mut player = Player {
        profile: script.profile,
        people: People::default(),
        violations: Vec::new(),
        since: JournalSeq::default(),
        intended: Intended::default(),
        writes: [0; 2],
        breaches: 0,
        taken_over: None,
        doubt: false,
        at_rest: false,
        undo: UndoState::default(),
        links: BTreeMap::new(),
        first: None,
        explained,
        seed: script.seed,
        step: 0,
        world: &mut world,
    };
    for (at, step) in script.steps.iter().enumerate() {
        player.step = at;
        player.world.net.cover(|coverage| coverage.steps += 1);
        if player.world.net.is_told() {
            let shown = serde_json::to_string(step).unwrap_or_default();
            player.world.net.tell_line(format!("--- {at}: {shown}"));
        }
        player.perform(step)?;
        if !player.violations.is_empty() {
            break;
        }
    }
    let violations = player.violations;
    world.seal()?;
    Ok(Played {
        violations,
        coverage: world.net.coverage(),
        trace: world.net.trace(),
        story: world.net.take_told(),
    })
}

impl Player<'_> {
    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    pub(crate) fn violated(&mut self, invariant: &'static str, evidence: String) {
        self.world.net.note(&format!("VIOLATION {invariant}: {evidence}"));
        self.violations.push(Violation { seed: self.seed, step: self.step, invariant, evidence });
    }

    pub(crate) fn perform(&mut self, step: &Step) -> Result<(), Broken> {
        let was_at_rest = self.at_rest;
        // Other companies are no business of this one.
        self.at_rest &= matches!(step, Step::Shuffle { .. });
        if let (Step::Plan { .. } | Step::Sync { .. }, None) = (step, &self.first) {
            self.first = Some(self.people.picture.clone());
        }
        if let Step::Fault { fault, .. } = step {
            self.doubt |= fault.leaves_doubt();
        }
        if self.people.act(self.world, step)? {
            return Ok(());
        }
        match step {
            Step::Webhooks { how, stop } => self.webhooks(*how, stop.as_ref()),
            Step::Sync { stop } => self.job(Job::Sync, stop.as_ref()).map(drop),
            Step::Shuffle { of: Shuffled::First, order } => {
                let picture = self.first.clone().unwrap_or_default();
                self.shuffled(&picture, *order)
            }
            Step::Shuffle { of: Shuffled::Now, order } => {
                let picture = self.people.picture.clone();
                self.shuffled(&picture, *order)
            }
            Step::Plan { between, planning, applying } => {
                self.plan_and_apply(between, planning.as_ref(), applying.as_ref()).map(drop)
            }
            Step::Apply { stop } => self.apply(stop.as_ref()).map(drop),
            Step::Restart => {
                self.world.ctx = None;
                Ok(())
            }
            Step::Reconfigure { change } => self.world.reconfigure(*change),
            Step::Answer => self.answer(),
            Step::Quiesce => self.quiesce(),
            Step::Undo { acts, since, which, stop } => {
                if !was_at_rest {
                    self.quiesce()?;
                }
                self.undoing(acts, since, *which, stop.as_ref())
            }
            // Done by people above.
            Step::Organisation { .. }
            | Step::Person { .. }
            | Step::Deal { .. }
            | Step::Twin { .. }
            | Step::Double { .. }
            | Step::Edit { .. }
            | Step::Clear { .. }
            | Step::Conflict { .. }
            | Step::LateEdit { .. }
            | Step::Reassign { .. }
            | Step::Move { .. }
            | Step::Involve { .. }
            | Step::Convert { .. }
            | Step::Merge { .. }
            | Step::Delete { .. }
            | Step::Restore { .. }
            | Step::Access { .. }
            | Step::Industry { .. }
            | Step::Overwrite { .. }
            | Step::Wait { .. }
            | Step::Skew { .. }
            | Step::Fault { .. } => Ok(()),
        }
    }

    /// Somebody says of the oldest question about sameness that what carries one token is one thing.
    fn answer(&mut self) -> Result<(), Broken> {
        let open = finish("reviews", self.world.store().reviews(OpenOnly::Yes, 0, 50))?
            .map_err(|error| Broken::new("reviews", error))?;
        let Some(ctx) = &self.world.ctx else { return Ok(()) };
        for review in open {
            let Question::SameThing { records, .. } = &review.question else { continue };
            let mut same = Vec::new();
            let mut token = None;
            for side in Side::BOTH {
                let found = records.iter().find_map(|record| {
                    let of = Side::of_connection(record.connection.as_str())? == side;
                    let shown = self.people.picture.records.iter().find(|(at, _)| {
                        of && at.side == side
                            && at.object == record.object.as_str()
                            && at.id == record.id.as_str()
                    })?;
                    let known = shown.1.token.clone()?;
                    (token.is_none() || token.as_ref() == Some(&known)).then(|| (record.clone(), known))
                });
                if let Some((record, known)) = found {
                    token = Some(known);
                    same.push(record);
                }
            }
            if same.len() < 2 {
                continue;
            }
            let answer = reviews::Answer { id: review.id, who: "simulation".into() };
            let linked =
                finish("an answer", reviews::link(&*ctx.store, &ctx.ids, &answer, &same, ctx.now()))?;
            self.world.net.note(&format!("somebody answers review {}: {linked:?}", review.id));
            self.tell_explained()?;
            if linked.is_ok() {
                self.world.net.cover(|coverage| coverage.operation("review_answered", 1));
            }
            break;
        }
        Ok(())
    }

    /// No more faults; runs until one has nothing to do. Then everything is looked at.
    pub(crate) fn quiesce(&mut self) -> Result<(), Broken> {
        self.world.net.disarm();
        self.world.advance(A_DAY);
        let mut still = false;
        for round in 0..MOST_ROUNDS {
            let before = self.rows()?;
            match self.job(Job::Sync, None)? {
                JobEnd::Came(Came::Ran { writes: 0, needs: None }) if round > 0 => {
                    let after = self.rows()?;
                    if after != before {
                        self.violated(
                            "no_echo",
                            format!(
                                "a run says that it wrote nothing, and rows went from {before:?} to {after:?}"
                            ),
                        );
                    }
                    still = true;
                }
                JobEnd::Came(Came::Ran { needs: Some(Needs::Confirmation(_)), .. }) => {
                    self.plan_and_apply(&[], None, None)?;
                }
                JobEnd::Came(Came::Ran { needs: Some(Needs::Guard(tripped)), .. }) => {
                    self.violated("liveness", format!("a guard stops a small company: {tripped:?}"));
                }
                JobEnd::Came(_) => {}
                JobEnd::Failed(error) if round + 1 == MOST_ROUNDS => {
                    self.violated("liveness", format!("with nothing wrong any more a run fails: {error}"));
                }
                JobEnd::Failed(_) => self.world.advance(3_600),
                JobEnd::Cut => return Err(Broken::new("quiescence", "the power went")),
            }
            if still || !self.violations.is_empty() {
                break;
            }
            self.world.advance(3_600);
        }
        if self.violations.is_empty() && !still {
            self.violated(
                "convergence",
                format!("{MOST_ROUNDS} runs without outside changes, and the last still writes"),
            );
        }
        if self.violations.is_empty() {
            self.inspect()?;
            self.links_stay()?;
            self.prove_journal()?;
            self.at_rest = true;
        }
        Ok(())
    }

    /// Rows written, and rows sent in vain, at both vendors.
    pub(crate) fn rows(&self) -> Result<[(u64, u64); 2], Broken> {
        let mut rows = [(0, 0); 2];
        for (place, side) in rows.iter_mut().zip(Side::BOTH) {
            let calls = self.world.calls(side)?;
            *place = (calls.rows_written, calls.rows_noop);
        }
        Ok(rows)
    }
}
