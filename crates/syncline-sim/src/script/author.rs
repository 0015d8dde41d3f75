//! Makes scripts up: which steps a seed has.

use super::{Access, Dealing, Delivered, Interruption, Offered, PersonAs, Script, Shuffled, Step};
use crate::{
    attrs::MORE,
    fault::{Fault, Meets},
    power::When,
    profile::{Change, Profile},
    side::Side,
};

/// Steps after the first contact. With what comes before it a seed has a hundred and more.
const STEPS: std::ops::Range<usize> = 82..94;
/// Things of a seed, at the least: not every birth comes about, and twenty things are promised.
const LEAST: usize = 22;
/// Things before the first contact.
const FIRST: std::ops::Range<usize> = 14..24;
/// What the end of a seed is drawn from, beside the seed.
const END_STREAM: u64 = 0x0065_6e64;
/// What says which edits are of attributes that came later is drawn from, beside the seed.
const MORE_STREAM: u64 = 0x6d6f_7265;
/// What stops plans, their application and the runs of webhooks is drawn from, beside the seed.
const STOPS_STREAM: u64 = 0x7374_6f70;
/// So many of 256 edits are.
const MORE_OFTEN: u8 = 32;

impl Script {
    /// The script of a seed.
    pub fn of_seed(seed: u64, profile: Option<Profile>) -> Self {
        let profile = profile.unwrap_or(Profile::of_seed(seed));
        let mut author = Author {
            rng: fastrand::Rng::with_seed(seed),
            more: fastrand::Rng::with_seed(seed ^ MORE_STREAM),
            steps: Vec::new(),
        };
        author.write();
        author.fill();
        // A stream of its own: what a seed did before there was an undo, it does still.
        author.rng = fastrand::Rng::with_seed(seed ^ END_STREAM);
        author.end();
        author.rng = fastrand::Rng::with_seed(seed ^ STOPS_STREAM);
        author.stops();
        Self { profile, seed, steps: author.steps }
    }

    /// The same with only the last `things` steps before the first contact: fewer things, so that more happens to each.
    #[must_use]
    pub fn with_things(mut self, things: usize) -> Self {
        let is_contact = |step: &Step| matches!(step, Step::Plan { .. } | Step::Sync { .. });
        let contact = self.steps.iter().position(is_contact).unwrap_or(0);
        self.steps.drain(..contact.saturating_sub(things));
        self
    }
}

/// Makes scripts up.
pub(super) struct Author {
    pub(super) rng: fastrand::Rng,
    /// A stream of its own: but for what came later, a seed does what it did.
    more: fastrand::Rng,
    pub(super) steps: Vec<Step>,
}

impl Author {
    fn write(&mut self) {
        for _ in 0..self.rng.usize(FIRST) {
            let step = self.birth();
            self.steps.push(step);
            if self.rng.u8(..) < 60 {
                let twin = Step::Twin { thing: self.recent(), n: self.number() };
                self.steps.push(twin);
            }
        }
        self.steps.push(Step::Wait { seconds: 3_600 });
        self.steps.push(plan(Vec::new()));
        let steps = self.rng.usize(STEPS);
        let mut until_sync = 4;
        for at in 0..steps {
            if until_sync == 0 {
                self.run();
                until_sync = self.rng.usize(2..9);
            } else {
                until_sync -= 1;
                let step = self.step();
                self.steps.push(step);
            }
            if at % 35 == 34 {
                self.steps.push(Step::Quiesce);
            }
        }
        self.steps.push(Step::Quiesce);
    }

    /// Where too few things are made by and by, more are there from the beginning.
    fn fill(&mut self) {
        let is_birth = |step: &&Step| {
            matches!(step, Step::Organisation { .. } | Step::Person { .. } | Step::Deal { .. })
        };
        for _ in self.steps.iter().filter(is_birth).count()..LEAST {
            let step = self.birth();
            self.steps.insert(0, step);
        }
    }

    fn number(&mut self) -> u32 {
        self.rng.u32(..100_000)
    }

    /// The number of an attribute.
    fn attribute(&mut self) -> u32 {
        let more = if self.more.u8(..) < MORE_OFTEN { MORE } else { 0 };
        self.number() + more
    }

    fn side(&mut self) -> Side {
        if self.rng.bool() { Side::Salesforce } else { Side::HubSpot }
    }

    /// One of the things made last, counted from the end.
    fn recent(&mut self) -> u32 {
        u32::MAX
    }

    fn parent(&mut self) -> Option<u32> {
        (self.rng.u8(..) < 180).then(|| self.number())
    }

    fn birth(&mut self) -> Step {
        let (side, n) = (self.side(), self.number());
        match self.rng.u8(0..10) {
            0..=3 => Step::Organisation { side, n },
            4..=7 => {
                let of = if self.rng.bool() { PersonAs::Lead } else { PersonAs::Contact };
                Step::Person { side, of, parent: self.parent(), n }
            }
            _ => Step::Deal { side, parent: self.parent(), n },
        }
    }

    /// What people do all day.
    fn plain(&mut self) -> Step {
        let (side, thing, n) = (self.side(), self.number(), self.number());
        let attribute = self.attribute();
        match self.rng.u8(0..100) {
            0..=7 => self.birth(),
            8..=10 => Step::Twin { thing, n },
            11..=54 => Step::Edit { side, thing, attribute, n },
            55..=61 => Step::Clear { side, thing, attribute },
            62..=69 => Step::Conflict { thing, attribute, n, m: self.number() },
            70..=73 => Step::LateEdit { side, thing, attribute, n },
            74..=77 => Step::Reassign { side, thing, owner: n },
            78..=82 => Step::Move { side, thing, parent: self.parent() },
            83..=85 => Step::Involve { side, deal: thing, person: n },
            86..=89 => {
                let into = self.rng.bool().then(|| self.number());
                let deal = if self.rng.u8(..) < 80 { Dealing::WithDeal } else { Dealing::WithoutDeal };
                Step::Convert { thing, into, deal }
            }
            90..=92 => Step::Merge { side, thing, other: n },
            93..=95 => Step::Delete { side, thing },
            96 | 97 => Step::Restore { side, thing },
            _ => Step::Double { thing },
        }
    }

    fn step(&mut self) -> Step {
        match self.rng.u8(0..100) {
            0..=62 => self.plain(),
            63..=76 => {
                let seconds = match self.rng.u8(0..4) {
                    0 => 1,
                    1 => self.rng.u64(2..90),
                    2 => self.rng.u64(90..1_000),
                    _ => self.rng.u64(1_000..20_000),
                };
                Step::Wait { seconds }
            }
            77..=87 => self.fault(),
            88..=90 => Step::Webhooks {
                how: match self.rng.u8(0..5) {
                    0 | 1 => Delivered::Once,
                    2 => Delivered::Twice,
                    3 => Delivered::Reordered,
                    _ => Delivered::Lost,
                },
                stop: None,
            },
            91..=93 => {
                let access = match self.rng.u8(0..4) {
                    0 | 1 => Access::Full,
                    2 => Access::ReadOnly,
                    _ => Access::Hidden,
                };
                Step::Access { side: self.side(), attribute: self.attribute(), access }
            }
            94 => {
                let offered = if self.rng.bool() { Offered::Yes } else { Offered::No };
                Step::Industry { side: self.side(), n: self.number(), offered }
            }
            95 => Step::Skew { side: self.side(), seconds: self.rng.u64(1..240) },
            96 => Step::Restart,
            97 if self.rng.u8(..) < 60 => {
                let change = Change::ALL[self.rng.usize(..Change::ALL.len())];
                Step::Reconfigure { change }
            }
            97 | 98 => Step::Answer,
            _ => self.plain(),
        }
    }

    fn fault(&mut self) -> Step {
        use Fault::{
            HtmlError, RateLimited, ResetAfterCommit, RowLock, ServerError, StaleIndex, TimeoutAfterCommit,
            TokenExpired, TruncatedBody, WrongRetryAfter,
        };
        let (fault, meets) = match self.rng.u8(0..14) {
            0..=2 => (TimeoutAfterCommit, Meets::Write),
            3 => (ResetAfterCommit, Meets::Write),
            4 => (TruncatedBody, self.meets()),
            5 => (RateLimited, self.meets()),
            6 => (WrongRetryAfter, self.meets()),
            7 => (ServerError, self.meets()),
            8 => (HtmlError, self.meets()),
            9 => (TokenExpired, self.meets()),
            10 => (RowLock, Meets::Write),
            _ => (StaleIndex, Meets::Search),
        };
        let side = match (fault, meets) {
            // Only HubSpot is read by searching.
            (_, Meets::Search) => Side::HubSpot,
            (RowLock, _) => Side::Salesforce,
            (_, Meets::Read | Meets::Write) => self.side(),
        };
        let after = self.rng.usize(0..3);
        Step::Fault { side, fault, meets, after }
    }

    /// What may befall any request: often a page of changes.
    fn meets(&mut self) -> Meets {
        match self.rng.u8(0..4) {
            0 | 1 => Meets::Write,
            2 => Meets::Read,
            _ => Meets::Search,
        }
    }

    /// The end of some seeds: records in another order, and fresh work of people with a run over it that is taken back.
    fn end(&mut self) {
        if self.rng.u8(..) < 40 {
            let of = if self.rng.bool() { Shuffled::First } else { Shuffled::Now };
            self.steps.push(Step::Shuffle { of, order: self.rng.u64(..) });
        }
        if self.rng.bool() {
            return;
        }
        let mut acts = vec![self.birth()];
        acts.extend((0..self.rng.usize(2..6)).map(|_| self.plain()));
        if self.rng.u8(..) < 50 {
            acts.push(self.fault());
        }
        let mut since = Vec::new();
        if self.rng.bool() {
            for _ in 0..self.rng.usize(1..5) {
                let overwrites = self.rng.u8(..) < 120;
                let step = match overwrites {
                    true => Step::Overwrite { place: self.attribute(), n: self.number() },
                    false => self.plain(),
                };
                since.push(step);
            }
            if self.rng.u8(..) < 80 {
                since.push(Step::Sync { stop: None });
            }
        }
        if self.rng.u8(..) < 50 {
            since.push(self.fault());
        }
        let when = if self.rng.bool() { When::Before } else { When::After };
        let stop = match self.rng.u8(0..8) {
            0 => Some(Interruption::CutAtJournal { after: self.rng.usize(0..10), when }),
            1 => Some(Interruption::CutAtRequest { after: self.rng.usize(0..16), when }),
            _ => None,
        };
        let which = self.number();
        self.steps.push(Step::Undo { acts, since, which, stop });
    }

    pub(super) fn few(&mut self) -> Vec<Step> {
        (0..self.rng.usize(1..4)).map(|_| self.plain()).collect()
    }

    /// Somebody enters by hand what HubSpot has since a moment, and the page of changes that shows it does not arrive whole:
    /// whoever takes that for an empty one makes it a second time.
    fn twin_behind_a_lost_page(&mut self) {
        let (side, n) = (Side::HubSpot, self.number());
        self.steps.push(Step::Organisation { side, n });
        let twin = Step::Twin { thing: self.recent(), n: self.number() };
        self.steps.push(twin);
        let fault = if self.rng.bool() { Fault::TruncatedBody } else { Fault::HtmlError };
        self.steps.push(Step::Fault { side, fault, meets: Meets::Search, after: 0 });
    }

    /// Another program's edit in HubSpot that shows only when runs have gone on past its stamp.
    fn edit_behind_the_runs(&mut self) {
        let (thing, attribute, n) = (self.number(), self.number(), self.number());
        self.steps.push(Step::LateEdit { side: Side::HubSpot, thing, attribute, n });
        self.steps.push(Step::Sync { stop: None });
        self.steps.push(Step::Wait { seconds: 170 });
    }

    fn run(&mut self) {
        match self.rng.u8(..) {
            0..6 => self.twin_behind_a_lost_page(),
            6..12 => self.edit_behind_the_runs(),
            _ => {}
        }
        let when = if self.rng.bool() { When::Before } else { When::After };
        let stop = match self.rng.u8(0..100) {
            0..=6 => Some(Interruption::CutAtJournal { after: self.rng.usize(0..10), when }),
            7..=12 => Some(Interruption::CutAtRequest { after: self.rng.usize(0..12), when }),
            13..=24 => Some(Interruption::People { after: self.rng.usize(0..12), steps: self.few() }),
            25..=27 => Some(Interruption::OldLease { after: self.rng.usize(2..12), steps: self.few() }),
            28..=33 => {
                let between = if self.rng.bool() { self.few() } else { Vec::new() };
                self.steps.push(plan(between));
                return;
            }
            _ => None,
        };
        self.steps.push(Step::Sync { stop });
    }
}

/// A plan that nothing stops.
fn plan(between: Vec<Step>) -> Step {
    Step::Plan { between, planning: None, applying: None }
}
