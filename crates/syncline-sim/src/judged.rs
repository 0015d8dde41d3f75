//! How much was judged at rest, and how much was left out for which reason: without it "no violation" says little.

use serde::Serialize;
use std::collections::BTreeMap;

/// What came of something that was looked at once all was quiet. The names stand in reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Judged {
    /// A thing that each side has once.
    Things,
    /// One that only one side has, and that nobody made murky.
    ThingsOnOneSide,
    /// Left out: somebody merged it, or made it twice. It is only asked whether something says what it waits for.
    ThingsMurky,
    /// Left out: it is more than once on a side, though not murky.
    ThingsDoubled,
    /// Nothing to judge: it is on neither side.
    ThingsGone,
    /// A value of a thing that both sides have, held against what was agreed and what people said since.
    Values,
    /// One that was not agreed before: anything that people ever gave it will do.
    ValuesNeverAgreed,
    /// Left out: a blank of the side that rules.
    ValuesOfARulersBlank,
    /// Left out: the configuration leaves it out.
    ValuesNotConfigured,
    /// A parent on both sides.
    Parents,
    /// Left out: whether the parents are there, and one thing, is not certain.
    ParentsUncertain,
    /// An owner on both sides.
    Owners,
    /// Left out: a side has none.
    OwnersUnknown,
    /// The people of a deal.
    Participants,
    /// A difference that `explain` gives a reason for which people bear out.
    DifferencesExplained,
    /// A difference without a reason of its own: the parent waits, a field is hidden, the thing is deleted on both sides.
    DifferencesExcused,
    /// Something that the engine says is waiting, and that waits for what is so.
    Waiting,
    /// Left out: what waits is murky, or nothing that the oracle reads.
    WaitingUnread,
    /// Left out, whole looks: an answer was lost where no key is planted, so that anything may wait for a person.
    WaitingInDoubt,
}

impl Judged {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::Things,
        Self::ThingsOnOneSide,
        Self::ThingsMurky,
        Self::ThingsDoubled,
        Self::ThingsGone,
        Self::Values,
        Self::ValuesNeverAgreed,
        Self::ValuesOfARulersBlank,
        Self::ValuesNotConfigured,
        Self::Parents,
        Self::ParentsUncertain,
        Self::Owners,
        Self::OwnersUnknown,
        Self::Participants,
        Self::DifferencesExplained,
        Self::DifferencesExcused,
        Self::Waiting,
        Self::WaitingUnread,
        Self::WaitingInDoubt,
    ];

    /// The name in reports.
    pub fn name(self) -> String {
        serde_json::to_value(self).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// All names with how often each came, those that never did too.
    pub(crate) fn names(counts: &BTreeMap<Self, u64>) -> BTreeMap<String, u64> {
        Self::ALL.iter().map(|it| (it.name(), counts.get(it).copied().unwrap_or_default())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_name_of_its_own_and_stands_in_a_report() {
        let names = Judged::names(&BTreeMap::from([(Judged::ThingsMurky, 3)]));
        assert_eq!(names.len(), Judged::ALL.len());
        assert_eq!((names.get("things_murky"), names.get("values")), (Some(&3), Some(&0)));
    }
}
