//! The per-field decision for any number of sides (design §3, decisions §1.4): pure, total, and the same for attributes
//! and single-target edges. Sides are compared with their own base; meanings are compared in normal form.

mod sets;

pub(crate) use sets::is_emptied;
pub use sets::{SetSide, decide_options, decide_set};

use crate::mapping::{Clear, Rule};
use jiff::{SignedDuration, Timestamp};
use syncline_model::{
    ConnectionName,
    defect::{Defect, planted},
    operation::Case,
};

/// One side of a decision. Values are in normal form; `None` is blank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side<V> {
    /// Whose.
    pub connection: ConnectionName,
    /// How it stands against its base.
    pub stand: Stand<V>,
}

/// How a side stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stand<V> {
    /// It cannot be read now: absent, not permitted, not fetched, or without a counterpart in the map. It takes no part
    /// and its base does not move (invariant 8).
    Unknown,
    /// It shows its base.
    Same(Option<V>),
    /// It moved away from its base.
    Changed {
        /// What it shows now; `None`: it was cleared.
        now: Option<V>,
        /// When, on our clock; `None` where that is not known.
        when: Option<Span>,
    },
    /// Nothing was ever agreed for it.
    NoBase(Option<V>),
}

impl<V> Stand<V> {
    /// What the side shows; `None` where that is unknown.
    pub fn shows(&self) -> Option<Option<&V>> {
        match self {
            Self::Unknown => None,
            Self::Same(now) | Self::NoBase(now) | Self::Changed { now, .. } => Some(now.as_ref()),
        }
    }
}

/// When a change happened: after `after` and not after `until`, on our clock, give or take `uncertainty`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Lower bound; `None`: any time before.
    pub after: Option<Timestamp>,
    /// Upper bound.
    pub until: Timestamp,
    /// How far the side's clock may be off.
    pub uncertainty: SignedDuration,
}

impl Span {
    /// Whether this change certainly happened after the other one.
    fn later_than(&self, other: &Self) -> bool {
        let Some(after) = self.after else { return false };
        let margin = self.uncertainty.saturating_add(other.uncertainty);
        after.duration_since(other.until) >= margin
    }
}

/// What the sides are to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision<V> {
    /// Nothing moves, no base moves.
    Nothing,
    /// Every readable side is to hold this; sides that do already move their base (adopt).
    Agree {
        /// The value; `None`: blank.
        value: Option<V>,
        /// The side it comes from.
        from: ConnectionName,
        /// Which case of the table.
        case: Case,
    },
    /// Each side keeps what it has and moves its base there: a clear that does not travel, or a change that the rule
    /// does not take.
    Keep,
    /// A person decides.
    Ask,
}

/// Decides one attribute or single-target edge.
///
/// `restricts` says whether a value forbids something; only `most_restrictive` uses it.
pub fn decide<V: Clone + Eq>(
    rule: &Rule,
    tie: Option<&ConnectionName>,
    clear: Clear,
    sides: &[Side<V>],
    restricts: impl Fn(&V) -> bool,
) -> Decision<V> {
    let kept: Vec<Side<V>>;
    let mut kept_clear = false;
    let clear = if planted(Defect::ClearStays) { Clear::Keep } else { clear };
    let sides = if clear == Clear::Keep && sides.iter().any(|side| is_cleared(&side.stand)) {
        kept_clear = true;
        kept = sides.iter().map(without_clear).collect();
        &kept
    } else {
        sides
    };
    let table = Table { tie, sides };
    let decision = match rule {
        Rule::Off => Decision::Nothing,
        Rule::TwoWay => table.two_way(Conflict::NewestElseTie),
        Rule::Manual => table.two_way(Conflict::Ask),
        Rule::Always(ruler) => table.always(ruler),
        Rule::Prefer(ruler) => table.prefer(ruler),
        Rule::MostRestrictive => table.most_restrictive(&restricts),
        // Single values under `union` behave like `two_way`; sets go through `decide_set`.
        Rule::Union => table.two_way(Conflict::NewestElseTie),
    };
    if kept_clear && decision == Decision::Nothing { Decision::Keep } else { decision }
}

fn is_cleared<V>(stand: &Stand<V>) -> bool {
    matches!(stand, Stand::Changed { now: None, .. })
}

/// A clear that is declared to stay where it happened takes no part.
fn without_clear<V: Clone>(side: &Side<V>) -> Side<V> {
    let stand = if is_cleared(&side.stand) { Stand::Unknown } else { side.stand.clone() };
    Side { connection: side.connection.clone(), stand }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Conflict {
    NewestElseTie,
    Ask,
}

struct Table<'a, V> {
    tie: Option<&'a ConnectionName>,
    sides: &'a [Side<V>],
}

struct Change<'a, V> {
    connection: &'a ConnectionName,
    now: Option<&'a V>,
    when: Option<Span>,
}

impl<'a, V: Clone + Eq> Table<'a, V> {
    fn changes(&self) -> Vec<Change<'a, V>> {
        self.sides
            .iter()
            .filter_map(|side| match &side.stand {
                Stand::Changed { now, when } => {
                    Some(Change { connection: &side.connection, now: now.as_ref(), when: *when })
                }
                Stand::Unknown | Stand::Same(_) | Stand::NoBase(_) => None,
            })
            .collect()
    }

    /// Whether a side cannot be read. It may hold something: that all are blank is agreed once all were seen (invariant 8).
    fn is_in_part(&self) -> bool {
        self.sides.iter().any(|side| side.stand == Stand::Unknown)
    }

    fn has_unagreed(&self) -> bool {
        self.sides.iter().any(|side| matches!(side.stand, Stand::NoBase(_)))
    }

    fn side(&self, connection: &ConnectionName) -> Option<&'a Side<V>> {
        self.sides.iter().find(|side| side.connection == *connection)
    }

    /// What a side shows, if it can be read.
    fn shown(&self, connection: &ConnectionName) -> Option<Option<&'a V>> {
        self.side(connection).and_then(|side| side.stand.shows())
    }

    /// All readable sides that show something, in the order given.
    fn filled(&self) -> Vec<(&'a ConnectionName, &'a V)> {
        self.sides
            .iter()
            .filter_map(|side| side.stand.shows().flatten().map(|value| (&side.connection, value)))
            .collect()
    }

    fn agree(&self, value: Option<&V>, from: &ConnectionName, case: Case) -> Decision<V> {
        Decision::Agree { value: value.cloned(), from: from.clone(), case }
    }

    fn two_way(&self, conflict: Conflict) -> Decision<V> {
        if self.has_unagreed() {
            return self.first_contact(conflict);
        }
        let changes = self.changes();
        let Some(first) = changes.first() else { return Decision::Nothing };
        if planted(Defect::FilledAgain)
            && changes.iter().any(|change| change.now.is_none())
            && let Some((from, value)) = self.filled().first().copied()
        {
            return self.agree(Some(value), from, Case::FillBlank);
        }
        if changes.iter().all(|change| change.now == first.now) {
            return self.agree(first.now, first.connection, Case::OneChanged);
        }
        if conflict == Conflict::Ask {
            return Decision::Ask;
        }
        if let Some(newest) = newest(&changes) {
            return self.agree(newest.now, newest.connection, Case::Newest);
        }
        // The tie side decides; one that takes no part in the conflict cannot, then the first changed side does.
        let winner =
            self.tie.and_then(|tie| changes.iter().find(|change| change.connection == tie)).unwrap_or(first);
        self.agree(winner.now, winner.connection, Case::Tie)
    }

    /// No base on at least one side: equal values are adopted, blanks are filled, two different values are a tie.
    fn first_contact(&self, conflict: Conflict) -> Decision<V> {
        let filled = self.filled();
        let Some((from, value)) = filled.first().copied() else {
            if self.is_in_part() {
                return Decision::Nothing;
            }
            let Some(any) = self.sides.iter().find(|side| side.stand.shows().is_some()) else {
                return Decision::Nothing;
            };
            return self.agree(None, &any.connection, Case::FillBlank);
        };
        if planted(Defect::BlankWins)
            && let Some(tie) = self.tie
            && self.shown(tie) == Some(None)
        {
            return self.agree(None, tie, Case::Tie);
        }
        if filled.iter().all(|(_, other)| *other == value) {
            return self.agree(Some(value), from, Case::FillBlank);
        }
        if conflict == Conflict::Ask {
            return Decision::Ask;
        }
        let (winner, value) = self
            .tie
            .and_then(|tie| filled.iter().find(|(connection, _)| *connection == tie).copied())
            .unwrap_or((from, value));
        self.agree(Some(value), winner, Case::Tie)
    }

    fn always(&self, ruler: &ConnectionName) -> Decision<V> {
        let Some(side) = self.side(ruler) else { return Decision::Nothing };
        match &side.stand {
            Stand::Unknown => Decision::Nothing,
            Stand::Changed { now, .. } => self.agree(now.as_ref(), ruler, Case::OneChanged),
            Stand::NoBase(Some(value)) => self.agree(Some(value), ruler, Case::NewRecord),
            Stand::Same(Some(value)) if self.others_moved(ruler) => {
                self.agree(Some(value), ruler, Case::WrittenBack)
            }
            // The ruling side's blank does not blank the others (decisions §1.4).
            Stand::NoBase(None) | Stand::Same(None) if self.others_moved(ruler) => Decision::Keep,
            Stand::Same(_) | Stand::NoBase(None) => Decision::Nothing,
        }
    }

    fn prefer(&self, ruler: &ConnectionName) -> Decision<V> {
        let changes = self.changes();
        let Some(shown) = self.shown(ruler) else {
            // Without the preferred side the others settle among themselves.
            return self.two_way(Conflict::NewestElseTie);
        };
        let ruler_changed = changes.iter().find(|change| change.connection == ruler);
        match (shown, ruler_changed) {
            (Some(value), Some(_)) => self.agree(Some(value), ruler, Case::OneChanged),
            // Cleared by the preferred side, and nobody else says otherwise: the clear travels.
            (None, Some(_)) if changes.len() == 1 && !self.has_unagreed() => {
                self.agree(None, ruler, Case::OneChanged)
            }
            (Some(value), None) if self.has_unagreed() => {
                let equal = self.filled().iter().all(|(_, other)| *other == value);
                let case = if equal { Case::FillBlank } else { Case::Tie };
                self.agree(Some(value), ruler, case)
            }
            (Some(value), None) if self.others_moved(ruler) => {
                self.agree(Some(value), ruler, Case::WrittenBack)
            }
            (Some(_), None) => Decision::Nothing,
            (None, _) => self.without(ruler).fill(ruler),
        }
    }

    /// The preferred side is blank: the others' value fills it.
    fn without(&self, ruler: &ConnectionName) -> Others<V> {
        Others {
            tie: self.tie.cloned(),
            sides: self.sides.iter().filter(|side| side.connection != *ruler).cloned().collect(),
            unagreed: self.has_unagreed(),
        }
    }

    /// What forbids goes everywhere. What allows goes nowhere, not even where nothing is shown: an index may be behind, and a write
    /// would take back what somebody has just forbidden. It takes all sides to allow again.
    fn most_restrictive(&self, restricts: &impl Fn(&V) -> bool) -> Decision<V> {
        if self.changes().is_empty() && !self.has_unagreed() {
            return Decision::Nothing;
        }
        match self.filled().into_iter().find(|(_, value)| restricts(value)) {
            Some((from, value)) => self.agree(Some(value), from, Case::MostRestrictive),
            None if self.is_in_part() => Decision::Nothing,
            None => Decision::Keep,
        }
    }

    fn others_moved(&self, ruler: &ConnectionName) -> bool {
        self.sides.iter().any(|side| {
            side.connection != *ruler && matches!(side.stand, Stand::Changed { .. } | Stand::NoBase(_))
        })
    }
}

struct Others<V> {
    tie: Option<ConnectionName>,
    sides: Vec<Side<V>>,
    unagreed: bool,
}

impl<V: Clone + Eq> Others<V> {
    fn fill(&self, ruler: &ConnectionName) -> Decision<V> {
        let table = Table { tie: self.tie.as_ref(), sides: &self.sides };
        match table.two_way(Conflict::NewestElseTie) {
            Decision::Nothing if self.unagreed => match table.filled().first() {
                Some((from, value)) => table.agree(Some(value), from, Case::FillBlank),
                None if table.is_in_part() => Decision::Nothing,
                None => table.agree(None, ruler, Case::FillBlank),
            },
            other @ (Decision::Nothing | Decision::Agree { .. } | Decision::Keep | Decision::Ask) => other,
        }
    }
}

/// The change that is certainly later than every other change of another meaning.
fn newest<'c, 'a, V: Eq>(changes: &'c [Change<'a, V>]) -> Option<&'c Change<'a, V>> {
    changes.iter().find(|candidate| {
        changes.iter().filter(|other| other.now != candidate.now).all(|other| {
            match (candidate.when, other.when) {
                (Some(mine), Some(theirs)) => mine.later_than(&theirs),
                _ => false,
            }
        })
    })
}

#[cfg(test)]
mod tests;
