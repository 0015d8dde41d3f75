//! Attributes: what each side says, and what all are to hold.

use super::{
    Agreed, Derivation, Draftsman,
    stand::{Standing, word},
    watch::{Agree, Moving},
};
use crate::{
    decide::{Decision, Side, Stand, decide, decide_options},
    mapping::{Attribute, AttributeType, Binding, Rule},
};
use std::{collections::BTreeSet, sync::Arc};
use syncline_model::{
    ConnectionName, Evidence, Link, Reason, Value,
    defect::{Defect, planted},
    operation::Case,
    plan::HeldReason,
    review::Question,
};

/// One side of the attribute under decision.
pub(super) struct Bound<'m> {
    /// Position of the side.
    pub(super) position: usize,
    pub(super) binding: &'m Binding,
    pub(super) standing: Standing,
}

impl<'a> Draftsman<'a> {
    pub(super) fn attributes(&mut self) {
        let model = self.model;
        for attribute in &model.attributes {
            if attribute.rule != Rule::Off {
                self.attribute(attribute);
            }
        }
    }

    fn attribute(&mut self, attribute: &'a Attribute) {
        let bound = self.read(attribute);
        let sides: Vec<Side<Value>> = bound
            .iter()
            .map(|side| Side {
                connection: self.sides[side.position].record.connection.clone(),
                stand: self.counts_as(side, &bound),
            })
            .collect();
        let fields: Vec<_> = bound
            .iter()
            .map(|side| (side.position, side.binding.field.clone(), Moving::to(&side.standing.stand)))
            .collect();
        let agree = Agree::of(bound.iter().filter_map(|side| side.standing.stand.shows()));
        if let Some(resting) = self.resting(&attribute.name, &fields, agree) {
            self.derive(attribute, &bound, &sides, &Decision::Nothing);
            self.note_unmapped(attribute, &bound);
            self.note_current(attribute, &sides, &bound);
            self.hold_resting(resting);
            return;
        }
        let decision = if planted(Defect::RecordWins) {
            self.newest_record(&sides, &bound).unwrap_or_else(|| decide_one(attribute, &sides, &bound))
        } else {
            decide_one(attribute, &sides, &bound)
        };
        let decision = spelled_by_source(decision, &sides, &bound);
        self.derive(attribute, &bound, &sides, &decision);
        self.note_unmapped(attribute, &bound);
        match &decision {
            Decision::Agree { value, from, case } => {
                let reason = Reason { rule: attribute.rule.word(), case: *case, from: Some(from.clone()) };
                if let Some(value) = value.clone() {
                    self.values.insert(attribute.name.clone(), Agreed { value, from: from.clone() });
                }
                self.bring_to(attribute, &bound, value.as_ref(), &reason);
            }
            Decision::Keep => {
                self.note_current(attribute, &sides, &bound);
                self.settled(attribute, &bound, |side| side.standing.unmapped.is_none());
            }
            Decision::Nothing => {
                self.note_current(attribute, &sides, &bound);
                for side in bound.iter().filter(|side| side.standing.respelled) {
                    self.adopt_of(attribute, side);
                }
            }
            Decision::Ask => {
                self.note_current(attribute, &sides, &bound);
                self.plan.questions.push(Question::Conflict {
                    entity: self.hood.entity,
                    attribute: Arc::from(attribute.name.as_str()),
                });
                for side in &sides {
                    self.hold(
                        Some(&attribute.name),
                        &side.connection,
                        HeldReason::ManualConflict,
                        Vec::new(),
                    );
                }
            }
        }
    }

    fn read(&self, attribute: &'a Attribute) -> Vec<Bound<'a>> {
        let mut bound: Vec<Bound<'a>> = self
            .sides
            .iter()
            .enumerate()
            .filter_map(|(position, side)| {
                let binding = attribute.binding(&side.record.connection, &side.record.object)?;
                let standing = self.stand(attribute, binding, side, &self.bases[position]);
                Some(Bound { position, binding, standing })
            })
            .collect();
        if bound.iter().any(|side| matches!(side.standing.stand, Stand::NoBase(_))) {
            for side in &mut bound {
                side.standing.unmapped = side.standing.unmapped.take().or(side.standing.retired.take());
            }
        }
        bound
    }

    /// How a side goes into the decision: one that is only written is not read, and one whose record was the source of
    /// another that we made agreed with it then, on what that one was made with.
    fn counts_as(&self, side: &Bound<'_>, bound: &[Bound<'_>]) -> Stand<Value> {
        if !side.binding.direction.reads() {
            return Stand::Unknown;
        }
        let Stand::NoBase(Some(shown)) = &side.standing.stand else { return side.standing.stand.clone() };
        let made = bound.iter().find(|other| self.was_source_of(side.position, other.position));
        let agreed = made.and_then(|made| made.standing.agreed.as_ref().map(|agreed| (made, agreed)));
        match agreed {
            Some((_, Some(agreed))) if agreed != shown => {
                Stand::Changed { now: Some(shown.clone()), when: None }
            }
            Some((made, Some(_))) if matches!(made.standing.stand, Stand::Changed { .. }) => {
                Stand::Same(Some(shown.clone()))
            }
            _ => side.standing.stand.clone(),
        }
    }

    /// Whether the record at `made` was created from the one at `source`, which has agreed on nothing since.
    pub(super) fn was_source_of(&self, source: usize, made: usize) -> bool {
        let (source, made): (&Link, &Link) = (self.sides[source].link, self.sides[made].link);
        // The entry that a link is about to get is not known while the answer is being learnt.
        let later = made.since == syncline_model::JournalSeq::default() || made.since >= source.since;
        source.base.is_none() && made.base.is_some() && made.evidence == Evidence::Created && later
    }

    /// What the record that was modified last holds, where more than one was modified.
    fn newest_record(&self, sides: &[Side<Value>], bound: &[Bound<'_>]) -> Option<Decision<Value>> {
        let moved = |base: &syncline_model::Base| base.entries.values().any(|entry| entry.changed.is_some());
        if !self.bases.iter().all(moved) || bound.iter().any(|side| side.standing.agreed.is_none()) {
            return None;
        }
        let newest = (0..bound.len()).max_by_key(|at| self.sides[bound[*at].position].snapshot.modified)?;
        let value = sides[newest].stand.shows()?.cloned();
        Some(Decision::Agree { value, from: sides[newest].connection.clone(), case: Case::Newest })
    }

    /// Keeps what the sides hold now for new records and for the scope.
    fn note_current(&mut self, attribute: &Attribute, sides: &[Side<Value>], bound: &[Bound<'_>]) {
        let preferred = match &attribute.rule {
            Rule::Always(connection) | Rule::Prefer(connection) => Some(connection),
            Rule::TwoWay | Rule::Union | Rule::MostRestrictive | Rule::Manual | Rule::Off => {
                attribute.tie.as_ref()
            }
        };
        let mut shown =
            sides.iter().zip(bound).filter(|(side, _)| matches!(side.stand.shows(), Some(Some(_))));
        let found =
            shown.clone().find(|(side, _)| Some(&side.connection) == preferred).or_else(|| shown.next());
        if let Some((side, bound)) = found
            && let Some(value) = bound.standing.spelling.clone()
        {
            let from = side.connection.clone();
            self.values.insert(attribute.name.clone(), Agreed { value, from });
        }
    }

    fn note_unmapped(&mut self, attribute: &Attribute, bound: &[Bound<'_>]) {
        for side in bound.iter().filter(|side| side.binding.direction.reads()) {
            if let Some(value) = &side.standing.retired {
                self.unmapped.insert(attribute.name.clone(), value.clone());
            }
            let Some(value) = &side.standing.unmapped else { continue };
            self.unmapped.insert(attribute.name.clone(), value.clone());
            let source = self.sides[side.position].record.clone();
            let wake = vec![format!("schema:{}/{}", source.connection, source.object), "config".to_owned()];
            let others: BTreeSet<&ConnectionName> = attribute
                .bindings
                .iter()
                .filter(|other| other.direction.writes() && other.connection != source.connection)
                .map(|other| &other.connection)
                .collect();
            for connection in others {
                self.hold(
                    Some(&attribute.name),
                    connection,
                    HeldReason::Unmapped { value: value.clone() },
                    wake.clone(),
                );
            }
        }
    }

    fn derive(
        &mut self,
        attribute: &Attribute,
        bound: &[Bound<'_>],
        sides: &[Side<Value>],
        decision: &Decision<Value>,
    ) {
        let (case, result, asks) = match decision {
            Decision::Agree { value, case, .. } => {
                (Some(*case), value.as_ref().map(ToString::to_string), false)
            }
            Decision::Nothing | Decision::Keep => (None, None, false),
            Decision::Ask => (None, None, true),
        };
        let seen = bound.iter().zip(sides).map(|(side, counted)| {
            let mut seen = side.standing.seen.clone();
            if side.binding.direction.reads() {
                seen.stand = word(&counted.stand);
            }
            seen
        });
        self.plan.derivations.push(Derivation {
            attribute: attribute.name.clone(),
            rule: attribute.rule.word().to_string(),
            sides: seen.collect(),
            case,
            result,
            asks,
        });
    }
}

fn decide_one(attribute: &Attribute, sides: &[Side<Value>], bound: &[Bound<'_>]) -> Decision<Value> {
    if let Some(constant) = &attribute.constant {
        let Some(any) = sides.first() else { return Decision::Nothing };
        return Decision::Agree {
            value: Some(constant.clone()),
            from: any.connection.clone(),
            case: Case::Declared,
        };
    }
    if attribute.rule == Rule::Union && attribute.value_type == AttributeType::Options {
        let agreed: Vec<Option<&Option<Value>>> =
            bound.iter().map(|side| side.standing.agreed.as_ref()).collect();
        return decide_options(sides, &agreed);
    }
    match decide(&attribute.rule, attribute.tie.as_ref(), attribute.clear, sides, opts_out) {
        // Nothing on any readable side: that blanks no side which is only written.
        Decision::Agree { value: None, case: Case::FillBlank, .. } => Decision::Keep,
        Decision::Nothing => fill_written(attribute, sides, bound),
        decision @ (Decision::Agree { .. } | Decision::Keep | Decision::Ask) => decision,
    }
}

/// Consent: "opted out" is true.
pub(super) fn opts_out(value: &Value) -> bool {
    *value == Value::Bool(true)
}

/// A side that is only written and has never agreed (a new binding) takes what the others hold.
fn fill_written(attribute: &Attribute, sides: &[Side<Value>], bound: &[Bound<'_>]) -> Decision<Value> {
    let may_travel = |value: &Value| attribute.rule != Rule::MostRestrictive || opts_out(value);
    let unwritten = bound
        .iter()
        .any(|side| !side.binding.direction.reads() && matches!(side.standing.stand, Stand::NoBase(_)));
    let shown = sides.iter().find_map(|side| side.stand.shows().flatten().map(|value| (side, value)));
    match shown {
        Some((side, value)) if unwritten && may_travel(value) => Decision::Agree {
            value: Some(value.clone()),
            from: side.connection.clone(),
            case: Case::FillBlank,
        },
        _ => Decision::Nothing,
    }
}

/// What travels is what the source shows, not the form in which it was compared.
fn spelled_by_source(
    decision: Decision<Value>,
    sides: &[Side<Value>],
    bound: &[Bound<'_>],
) -> Decision<Value> {
    let Decision::Agree { value: Some(value), from, case } = decision else { return decision };
    let source = sides
        .iter()
        .zip(bound)
        .find(|(side, _)| side.connection == from && side.stand.shows() == Some(Some(&value)));
    let value = source.and_then(|(_, bound)| bound.standing.spelling.clone()).unwrap_or(value);
    Decision::Agree { value: Some(value), from, case }
}
