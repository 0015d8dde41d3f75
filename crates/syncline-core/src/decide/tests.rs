use super::*;

const A: &str = "a";
const B: &str = "b";

fn span(after: i64, until: i64) -> Option<Span> {
    let at = |second| Timestamp::from_second(1_700_000_000 + second).unwrap();
    Some(Span { after: Some(at(after)), until: at(until), uncertainty: SignedDuration::from_secs(1) })
}

fn side(connection: &str, stand: Stand<u8>) -> Side<u8> {
    Side { connection: connection.into(), stand }
}

fn run(rule: &Rule, left: Stand<u8>, right: Stand<u8>) -> Decision<u8> {
    decide(rule, Some(&A.into()), Clear::Travel, &[side(A, left), side(B, right)], |value| *value == 2)
}

fn agree(value: Option<u8>, from: &str, case: Case) -> Decision<u8> {
    Decision::Agree { value, from: from.into(), case }
}

fn same(value: impl Into<Option<u8>>) -> Stand<u8> {
    Stand::Same(value.into())
}

fn changed(now: impl Into<Option<u8>>, when: Option<Span>) -> Stand<u8> {
    Stand::Changed { now: now.into(), when }
}

fn fresh(value: impl Into<Option<u8>>) -> Stand<u8> {
    Stand::NoBase(value.into())
}

#[test]
fn two_way_follows_the_table() {
    let rule = Rule::TwoWay;
    assert_eq!(run(&rule, same(1), same(1)), Decision::Nothing);
    assert_eq!(run(&rule, changed(2, None), same(1)), agree(Some(2), A, Case::OneChanged));
    assert_eq!(run(&rule, same(1), changed(None, None)), agree(None, B, Case::OneChanged), "a clear travels");
    assert_eq!(run(&rule, changed(2, None), changed(2, None)), agree(Some(2), A, Case::OneChanged), "adopt");
    assert_eq!(run(&rule, fresh(1), fresh(1)), agree(Some(1), A, Case::FillBlank), "equal: adopt");
    assert_eq!(run(&rule, fresh(None), fresh(2)), agree(Some(2), B, Case::FillBlank));
    assert_eq!(run(&rule, fresh(1), fresh(2)), agree(Some(1), A, Case::Tie));
    assert_eq!(run(&rule, fresh(None), fresh(None)), agree(None, A, Case::FillBlank));
    assert_eq!(run(&rule, fresh(None), Stand::Unknown), Decision::Nothing, "the other may hold something");
    assert_eq!(run(&rule, fresh(1), Stand::Unknown), agree(Some(1), A, Case::FillBlank));
}

#[test]
fn the_later_change_wins_only_when_it_is_certainly_later() {
    let rule = Rule::TwoWay;
    let early = changed(2, span(0, 10));
    assert_eq!(run(&rule, early.clone(), changed(3, span(12, 20))), agree(Some(3), B, Case::Newest));
    assert_eq!(
        run(&rule, early.clone(), changed(3, span(11, 20))),
        agree(Some(2), A, Case::Tie),
        "within the clocks"
    );
    assert_eq!(run(&rule, early.clone(), changed(3, span(5, 20))), agree(Some(2), A, Case::Tie), "overlap");
    assert_eq!(run(&rule, early, changed(3, None)), agree(Some(2), A, Case::Tie), "no stamp, no newest");
}

#[test]
fn unknown_takes_no_part_and_is_never_a_clear() {
    for rule in [Rule::TwoWay, Rule::Always(A.into()), Rule::Prefer(A.into()), Rule::Manual] {
        assert_eq!(run(&rule, Stand::Unknown, same(1)), Decision::Nothing, "{rule:?}");
    }
    assert_eq!(run(&Rule::TwoWay, Stand::Unknown, changed(2, None)), agree(Some(2), B, Case::OneChanged));
    assert_eq!(run(&Rule::Always(A.into()), Stand::Unknown, changed(2, None)), Decision::Nothing);
}

#[test]
fn always_writes_back_but_its_blank_blanks_nothing() {
    let rule = Rule::Always(A.into());
    assert_eq!(run(&rule, same(1), changed(2, None)), agree(Some(1), A, Case::WrittenBack));
    assert_eq!(
        run(&rule, changed(None, None), same(1)),
        agree(None, A, Case::OneChanged),
        "its clear travels"
    );
    assert_eq!(run(&rule, fresh(1), fresh(2)), agree(Some(1), A, Case::NewRecord));
    assert_eq!(run(&rule, fresh(None), fresh(2)), Decision::Keep);
    assert_eq!(
        run(&rule, same(None), changed(2, None)),
        Decision::Keep,
        "agreed blank or never set, who knows"
    );
    assert_eq!(run(&rule, changed(3, None), changed(2, None)), agree(Some(3), A, Case::OneChanged));
}

#[test]
fn prefer_falls_back_on_the_other_side_only_when_blank() {
    let rule = Rule::Prefer(A.into());
    assert_eq!(run(&rule, fresh(1), fresh(2)), agree(Some(1), A, Case::Tie));
    assert_eq!(run(&rule, fresh(None), fresh(2)), agree(Some(2), B, Case::FillBlank));
    assert_eq!(run(&rule, fresh(1), fresh(1)), agree(Some(1), A, Case::FillBlank));
    assert_eq!(run(&rule, fresh(None), same(2)), agree(Some(2), B, Case::FillBlank));
    assert_eq!(run(&rule, fresh(None), same(None)), agree(None, A, Case::FillBlank));
    assert_eq!(run(&rule, same(1), changed(2, None)), agree(Some(1), A, Case::WrittenBack));
    assert_eq!(run(&rule, same(None), changed(2, None)), agree(Some(2), B, Case::OneChanged));
    assert_eq!(
        run(&rule, changed(None, None), same(1)),
        agree(None, A, Case::OneChanged),
        "its clear travels"
    );
    assert_eq!(run(&rule, changed(None, None), changed(2, None)), agree(Some(2), B, Case::OneChanged));
    assert_eq!(run(&rule, changed(3, None), changed(2, None)), agree(Some(3), A, Case::OneChanged));
}

#[test]
fn manual_asks_only_about_conflicts() {
    assert_eq!(run(&Rule::Manual, changed(2, None), changed(3, span(50, 60))), Decision::Ask);
    assert_eq!(run(&Rule::Manual, fresh(1), fresh(2)), Decision::Ask);
    assert_eq!(run(&Rule::Manual, fresh(None), fresh(2)), agree(Some(2), B, Case::FillBlank));
    assert_eq!(run(&Rule::Manual, changed(2, None), same(1)), agree(Some(2), A, Case::OneChanged));
}

#[test]
fn consent_only_tightens() {
    // 2: opted out.
    let rule = Rule::MostRestrictive;
    assert_eq!(run(&rule, changed(2, None), same(1)), agree(Some(2), A, Case::MostRestrictive));
    assert_eq!(run(&rule, changed(1, None), same(2)), agree(Some(2), B, Case::MostRestrictive));
    assert_eq!(run(&rule, fresh(1), fresh(2)), agree(Some(2), B, Case::MostRestrictive));
    assert_eq!(run(&rule, same(1), same(1)), Decision::Nothing);
}

#[test]
fn what_allows_is_written_nowhere() {
    let rule = Rule::MostRestrictive;
    // An index may not show yet what somebody has just forbidden there.
    for blank in [fresh(None), same(None), changed(None, None)] {
        assert_eq!(run(&rule, fresh(1), blank.clone()), Decision::Keep, "{blank:?}");
        assert_eq!(run(&rule, changed(1, None), blank.clone()), Decision::Keep, "{blank:?}");
        assert_eq!(run(&rule, blank.clone(), changed(1, None)), Decision::Keep, "{blank:?}");
    }
    assert_eq!(run(&rule, changed(1, None), changed(1, None)), Decision::Keep, "taken back on both");
    assert_eq!(run(&rule, changed(1, None), Stand::Unknown), Decision::Nothing, "what is hidden may forbid");
}

#[test]
fn a_clear_that_is_kept_stays_where_it_happened() {
    let decided = decide(
        &Rule::TwoWay,
        Some(&A.into()),
        Clear::Keep,
        &[side(A, changed(None, None)), side(B, same(1))],
        |value| *value == 2,
    );
    assert_eq!(decided, Decision::Keep);
    let kept = |left: Stand<u8>, right: Stand<u8>| {
        let sides = [side(A, left), side(B, right)];
        decide(&Rule::TwoWay, Some(&A.into()), Clear::Keep, &sides, |value| *value == 2)
    };
    assert_eq!(kept(changed(2, None), same(1)), agree(Some(2), A, Case::OneChanged), "a value travels");
    assert_eq!(kept(changed(None, None), changed(2, None)), agree(Some(2), B, Case::OneChanged));
}

/// Small scope, exhaustively: two sides, two values and blank, every stand, every rule.
#[test]
fn every_case_of_two_sides_keeps_the_promises() {
    let values = [None, Some(1), Some(2)];
    let mut stands = vec![Stand::Unknown];
    for now in values {
        stands.push(Stand::Same(now));
        stands.push(Stand::NoBase(now));
        for when in [None, span(0, 10), span(20, 30)] {
            stands.push(Stand::Changed { now, when });
        }
    }
    let rules = [
        Rule::TwoWay,
        Rule::Always(A.into()),
        Rule::Prefer(A.into()),
        Rule::Union,
        Rule::MostRestrictive,
        Rule::Manual,
        Rule::Off,
    ];
    let mut cases = 0;
    for rule in &rules {
        for left in &stands {
            for right in &stands {
                cases += 1;
                let decision = run(rule, left.clone(), right.clone());
                if let Decision::Agree { value, from, .. } = &decision {
                    // No invention: what is agreed is what the named side shows.
                    let shown = if from.as_str() == A { left.shows() } else { right.shows() };
                    assert_eq!(shown, Some(value.as_ref()), "{rule:?} {left:?} {right:?} {decision:?}");
                }
                let settled = |stand: &Stand<u8>| matches!(stand, Stand::Same(_) | Stand::Unknown);
                if settled(left) && settled(right) {
                    assert_eq!(decision, Decision::Nothing, "{rule:?} {left:?} {right:?}");
                }
                if *rule == Rule::Off {
                    assert_eq!(decision, Decision::Nothing);
                }
                // A blank is agreed on once all was seen; and a withdrawn consent is not given by what is hidden (invariant 8).
                let both = [left, right];
                let is_cleared = both.iter().any(|stand| matches!(stand, Stand::Changed { now: None, .. }));
                let is_blank = both.iter().all(|stand| stand.shows().flatten().is_none());
                let in_part = both.contains(&&Stand::Unknown);
                if in_part && is_blank && (!is_cleared || *rule == Rule::MostRestrictive) {
                    assert_eq!(decision, Decision::Nothing, "{rule:?} {left:?} {right:?}");
                }
                // Renaming the sides changes nothing, where the rule and the tie are renamed with them.
                let mirrored_rule = match rule {
                    Rule::Always(_) => Rule::Always(B.into()),
                    Rule::Prefer(_) => Rule::Prefer(B.into()),
                    Rule::TwoWay | Rule::Union | Rule::MostRestrictive | Rule::Manual | Rule::Off => {
                        rule.clone()
                    }
                };
                let mirrored = decide(
                    &mirrored_rule,
                    Some(&B.into()),
                    Clear::Travel,
                    &[side(A, right.clone()), side(B, left.clone())],
                    |value| *value == 2,
                );
                let value = |decision: &Decision<u8>| match decision {
                    Decision::Agree { value, .. } => Some(*value),
                    Decision::Nothing | Decision::Keep | Decision::Ask => None,
                };
                assert_eq!(value(&decision), value(&mirrored), "{rule:?} {left:?} {right:?}");
            }
        }
    }
    assert_eq!(cases, 7 * 16 * 16);
}
