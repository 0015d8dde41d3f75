//! Decisions about sets: multi-selects and edges with many targets under `union`. Added and removed elements travel
//! one by one; an element that one side removed and another added again stays.

use super::{Decision, Side};
use crate::mapping::Rule;
use std::{collections::BTreeSet, sync::Arc};
use syncline_model::{ConnectionName, Value, operation::Case};

/// One side of a set decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetSide<T: Ord> {
    /// Whose.
    pub connection: ConnectionName,
    /// What it shows; `None`: cannot be read, takes no part.
    pub now: Option<BTreeSet<T>>,
    /// What it agreed on last; `None`: nothing yet.
    pub base: Option<BTreeSet<T>>,
}

/// The set that every readable side is to hold; `None`: nothing moves.
///
/// Without any base it is the union. Under `always` it is the ruling side's set, where that is blank only if it was emptied
/// (decisions §1.4). Elements travel one by one, so that two changes are no conflict and `manual` has nothing to ask about.
pub fn decide_set<T: Ord + Clone>(rule: &Rule, sides: &[SetSide<T>]) -> Option<BTreeSet<T>> {
    match rule {
        Rule::Off => None,
        Rule::Always(ruler) => {
            let moved = sides.iter().any(|side| side.now.is_some() && side.now != side.base);
            let ruling = sides.iter().find(|side| side.connection == *ruler)?;
            let says = |now: &BTreeSet<T>| {
                !now.is_empty() || ruling.base.as_ref().is_some_and(|base| !base.is_empty())
            };
            ruling.now.clone().filter(|now| moved && says(now))
        }
        Rule::TwoWay | Rule::Prefer(_) | Rule::Union | Rule::MostRestrictive | Rule::Manual => union(sides),
    }
}

/// Decides a multi-select under `union`. `agreed` gives, in the sides' order, what each agreed on last, if it did.
pub fn decide_options(sides: &[Side<Value>], agreed: &[Option<&Option<Value>>]) -> Decision<Value> {
    let sets: Vec<SetSide<Arc<str>>> = sides
        .iter()
        .zip(agreed)
        .map(|(side, agreed)| SetSide {
            connection: side.connection.clone(),
            now: side.stand.shows().map(|now| elements(now)),
            base: agreed.map(|agreed| elements(agreed.as_ref())),
        })
        .collect();
    let Some(union) = decide_set(&Rule::Union, &sets) else { return Decision::Nothing };
    let moved = sets.iter().find(|side| side.now.is_some() && side.now != side.base);
    let Some(from) = moved.map(|side| side.connection.clone()) else { return Decision::Nothing };
    // A blank that nobody made one blanks nothing, and is agreed on once all was seen.
    if union.is_empty() && !sets.iter().any(is_emptied) {
        let all_seen = sets.iter().all(|side| side.now.is_some());
        return if all_seen { Decision::Keep } else { Decision::Nothing };
    }
    let value = (!union.is_empty()).then_some(Value::Options(union));
    Decision::Agree { value, from, case: Case::Union }
}

/// Whether a side can be read, and held something when it agreed last.
pub(crate) fn is_emptied<T: Ord>(side: &SetSide<T>) -> bool {
    side.now.is_some() && side.base.as_ref().is_some_and(|base| !base.is_empty())
}

fn elements(value: Option<&Value>) -> BTreeSet<Arc<str>> {
    match value {
        Some(Value::Options(options)) => options.clone(),
        Some(Value::Option(one) | Value::Text(one)) => BTreeSet::from([one.clone()]),
        Some(_) | None => BTreeSet::new(),
    }
}

fn union<T: Ord + Clone>(sides: &[SetSide<T>]) -> Option<BTreeSet<T>> {
    let known: Vec<_> =
        sides.iter().filter_map(|side| side.now.as_ref().map(|now| (now, side.base.as_ref()))).collect();
    if known.iter().all(|(now, base)| Some(*now) == *base) {
        return None;
    }
    let mut result: BTreeSet<T> = known.iter().filter_map(|(_, base)| *base).flatten().cloned().collect();
    for (now, base) in &known {
        if let Some(base) = base {
            for removed in base.difference(now) {
                result.remove(removed);
            }
        }
    }
    for (now, base) in &known {
        for added in now.iter().filter(|element| base.is_none_or(|base| !base.contains(*element))) {
            result.insert(added.clone());
        }
    }
    Some(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(connection: &str, base: Option<&[u8]>, now: Option<&[u8]>) -> SetSide<u8> {
        let set = |elements: &[u8]| elements.iter().copied().collect();
        SetSide { connection: connection.into(), now: now.map(set), base: base.map(set) }
    }

    fn decided(sides: &[SetSide<u8>]) -> Option<Vec<u8>> {
        decide_set(&Rule::Union, sides).map(|set| set.into_iter().collect())
    }

    #[test]
    fn elements_travel_one_by_one() {
        let all = [1, 2, 3];
        assert_eq!(decided(&[side("a", Some(&all), Some(&all)), side("b", Some(&all), Some(&all))]), None);
        assert_eq!(
            decided(&[side("a", Some(&all), Some(&[1, 2])), side("b", Some(&all), Some(&[1, 2, 3, 4]))]),
            Some(vec![1, 2, 4])
        );
        assert_eq!(decided(&[side("a", None, Some(&[1])), side("b", None, Some(&[2]))]), Some(vec![1, 2]));
    }

    #[test]
    fn a_side_that_cannot_be_read_removes_nothing() {
        assert_eq!(
            decided(&[side("a", Some(&[1]), None), side("b", Some(&[1]), Some(&[1, 2]))]),
            Some(vec![1, 2])
        );
    }

    #[test]
    fn an_element_added_again_elsewhere_stays() {
        // `b` never had 3 agreed, shows it now: an addition that outlives the removal on `a`.
        assert_eq!(
            decided(&[side("a", Some(&[1, 3]), Some(&[1])), side("b", Some(&[1]), Some(&[1, 3]))]),
            Some(vec![1, 3])
        );
    }

    #[test]
    fn a_ruling_sides_set_is_written_back_once_somebody_moved() {
        let decided = |left: SetSide<u8>, right: SetSide<u8>| {
            decide_set(&Rule::Always("a".into()), &[left, right])
                .map(|set| set.into_iter().collect::<Vec<_>>())
        };
        let one = || side("a", Some(&[1]), Some(&[1]));
        assert_eq!(decided(one(), side("b", Some(&[1]), Some(&[1]))), None);
        assert_eq!(decided(one(), side("b", Some(&[1]), Some(&[2]))), Some(vec![1]));
        assert_eq!(
            decided(side("a", Some(&[1]), Some(&[3])), side("b", Some(&[1]), Some(&[1]))),
            Some(vec![3])
        );
        assert_eq!(decided(one(), side("b", Some(&[1]), None)), None, "what cannot be read has not moved");
        assert_eq!(decided(side("a", Some(&[1]), None), side("b", Some(&[1]), Some(&[2]))), None);
        // A blank rules where somebody emptied it.
        assert_eq!(decided(side("a", Some(&[1]), Some(&[])), one()), Some(vec![]));
        for agreed in [None, Some(&[][..])] {
            assert_eq!(decided(side("a", agreed, Some(&[])), side("b", None, Some(&[2]))), None);
        }
    }

    #[test]
    fn elements_travel_under_manual_too() {
        let sides = [side("a", Some(&[1, 2]), Some(&[1])), side("b", Some(&[1, 2]), Some(&[1, 2, 3]))];
        assert_eq!(decide_set(&Rule::Manual, &sides), Some([1, 3].into()));
        assert_eq!(decide_set(&Rule::Off, &sides), None);
    }

    #[test]
    fn options_come_from_the_side_that_moved() {
        use crate::decide::Stand;
        let options = |options: &[&str]| {
            Some(Value::Options(options.iter().map(|option| Arc::from(*option)).collect()))
        };
        let (before, now) = (options(&["x"]), options(&["x", "y"]));
        let sides = [
            Side { connection: "a".into(), stand: Stand::Unknown },
            Side { connection: "b".into(), stand: Stand::Changed { now: now.clone(), when: None } },
        ];
        assert_eq!(
            decide_options(&sides, &[Some(&before), Some(&before)]),
            Decision::Agree { value: now, from: "b".into(), case: Case::Union }
        );
    }

    #[test]
    fn a_blank_that_nobody_made_one_is_kept_where_it_is() {
        use crate::decide::Stand;
        let written = || Side { connection: "a".into(), stand: Stand::Unknown };
        let blank = |stand| Side { connection: "b".into(), stand };
        let never = || blank(Stand::NoBase(None));
        assert_eq!(decide_options(&[written(), never()], &[None, None]), Decision::Nothing);
        assert_eq!(decide_options(&[never(), never()], &[None, None]), Decision::Keep);
        let before = Some(Value::Options(BTreeSet::from([Arc::from("x")])));
        let emptied = [written(), blank(Stand::Changed { now: None, when: None })];
        assert_eq!(
            decide_options(&emptied, &[Some(&before), Some(&before)]),
            Decision::Agree { value: None, from: "b".into(), case: Case::Union }
        );
    }
}
