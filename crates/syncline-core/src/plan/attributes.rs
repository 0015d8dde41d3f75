//! Attributes: decide each, then see which sides have to be written.

use super::{
    Agreed, Derivation, Draftsman,
    stand::{Standing, word},
    watch::{Agree, Moving},
};
use crate::{
    decide::{Decision, Side, Stand, decide, decide_options},
    mapping::{
        Attribute, AttributeType, Binding, FieldState, Rule,
        codec::{Misfit, carries, encode},
    },
};
use std::{collections::BTreeSet, sync::Arc};
use syncline_model::{
    After, ConnectionName, Evidence, FieldChange, Kind, Link, Observed, Reason, RecordRef, Value,
    defect::{Defect, planted},
    operation::Case,
    plan::HeldReason,
    review::Question,
};

/// One side of the attribute under decision.
pub(super) struct Bound<'m> {
    /// Position of the side.
    position: usize,
    binding: &'m Binding,
    standing: Standing,
}

/// How a side compares with what was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aligned {
    /// It holds it, or takes no part.
    Settled,
    /// It does not: a write is planned, or something is in its way. No base moves before it does.
    Open,
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
        let fields: Vec<_> = bound.iter().map(|side| (side.position, side.binding.field.clone())).collect();
        let agree = Agree::of(bound.iter().filter_map(|side| side.standing.stand.shows()));
        let moving = Moving::of(bound.iter().map(|side| &side.standing.stand));
        if let Some(resting) = self.resting(&attribute.name, &fields, agree, moving) {
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
                let reason =
                    Reason { rule: rule_name(&attribute.rule), case: *case, from: Some(from.clone()) };
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

    /// Plans what brings the sides to a value. Bases move only when all hold it: a change whose counterpart is not
    /// written yet, for whatever reason, stays a change.
    fn bring_to(
        &mut self,
        attribute: &Attribute,
        bound: &[Bound<'_>],
        value: Option<&Value>,
        reason: &Reason,
    ) {
        let mut settled = true;
        for side in bound {
            settled &= self.align(attribute, side, value, reason) == Aligned::Settled;
        }
        if settled || planted(Defect::NotRetried) {
            self.settled(attribute, bound, |_| true);
        }
    }

    /// Moves the bases of an attribute to what the sides show.
    fn settled(
        &mut self,
        attribute: &Attribute,
        bound: &[Bound<'_>],
        takes_part: impl Fn(&Bound<'_>) -> bool,
    ) {
        for side in bound {
            if side.standing.seen.now.is_known() && takes_part(side) {
                self.adopt_of(attribute, side);
            }
        }
        self.any_agreed |= bound.len() > 1;
    }

    /// Moves the base of a side's field, where it is this attribute's to move.
    fn adopt_of(&mut self, attribute: &Attribute, side: &Bound<'_>) {
        if !self.model.is_of_another(attribute, side.binding) {
            self.adopt(side.position, &side.binding.field);
        }
    }

    /// Brings one side to the agreed value, or sees that it is there already.
    fn align(
        &mut self,
        attribute: &Attribute,
        side: &Bound<'_>,
        value: Option<&Value>,
        reason: &Reason,
    ) -> Aligned {
        let Bound { position, binding, standing } = side;
        let record = self.sides[*position].record.clone();
        let present = &standing.seen.now;
        if !binding.direction.writes() {
            return Aligned::Settled;
        }
        let Some(connection) = self.context.mapping.connections.get(&record.connection) else {
            return Aligned::Open;
        };
        let wake = || vec![format!("schema:{}/{}", record.connection, record.object)];
        if !present.is_known() {
            // What cannot be seen is not written blindly; a value that should go there is listed.
            if value.is_some() && *present != Observed::NotFetched {
                self.hold(Some(&attribute.name), &record.connection, HeldReason::NoSuchField, wake());
            }
            return Aligned::Open;
        }
        if standing.unmapped.is_some() {
            return Aligned::Open;
        }
        if carries(attribute, binding, connection, present, value) {
            return Aligned::Settled;
        }
        if !matches!(&binding.field_state, FieldState::Present { updateable: true, .. }) {
            self.hold(Some(&attribute.name), &record.connection, HeldReason::NotWritable, wake());
            return Aligned::Open;
        }
        // The record's own currency stays as it is: a number in another one would silently become one of it (HUB-13).
        let spelled = match other_currency(present, value) {
            Some(problem) => Err(HeldReason::CurrencyMismatch { problem: problem.into() }),
            None => self.spelled(attribute, binding, &record.connection, value),
        };
        match spelled {
            Ok(_) if self.parks(*position, &attribute.name, &binding.field, present, reason.case) => {}
            Ok(after) => self.change(attribute, binding, &record, present.clone(), after, reason.clone()),
            Err(held) => {
                let mut wake = wake();
                wake.push("config".to_owned());
                self.hold(Some(&attribute.name), &record.connection, held, wake);
            }
        }
        Aligned::Open
    }

    /// What to write on a side for a value, or why it cannot be written.
    pub(super) fn spelled(
        &self,
        attribute: &Attribute,
        binding: &Binding,
        connection: &ConnectionName,
        value: Option<&Value>,
    ) -> Result<After, HeldReason> {
        let required = matches!(&binding.field_state, FieldState::Present { required: true, .. });
        let Some(value) = value else {
            return match &binding.placeholder {
                Some(placeholder) => Ok(After::Value(placeholder.clone())),
                None if required => Err(HeldReason::DoesNotFit {
                    problem: format!("`{}` is required there and may not be cleared", binding.field).into(),
                }),
                None => Ok(After::Clear),
            };
        };
        let Some(model) = self.context.mapping.connections.get(connection) else {
            return Err(HeldReason::NoSuchField);
        };
        encode(attribute, binding, model, value).map(After::Value).map_err(|misfit| match misfit {
            Misfit::Unmapped(value) => HeldReason::Unmapped { value },
            Misfit::DoesNotFit(problem) => HeldReason::DoesNotFit { problem: problem.into() },
            Misfit::Currency(problem) => HeldReason::CurrencyMismatch { problem: problem.into() },
        })
    }

    fn change(
        &mut self,
        attribute: &Attribute,
        binding: &Binding,
        record: &RecordRef,
        before: Observed,
        after: After,
        reason: Reason,
    ) {
        let companion = companion_change(attribute, binding, &after, &reason, |field| {
            self.sides
                .iter()
                .find(|side| side.record == record)
                .map_or(Observed::NotFetched, |side| side.snapshot.field(field).clone())
        });
        let changes = self.changes.entry(record.clone()).or_default();
        changes.push(FieldChange {
            field: binding.field.clone(),
            attribute: attribute.name.clone(),
            before,
            after,
            reason,
        });
        // A field that is written together with another is in the plan too: apply issues nothing that is not.
        changes.extend(companion);
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
            rule: rule_name(&attribute.rule).to_string(),
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
    // Consent: "opted out" is true and allows least.
    let restrictive =
        |left: &Value, right: &Value| matches!((left, right), (Value::Bool(true), Value::Bool(false)));
    match decide(&attribute.rule, attribute.tie.as_ref(), attribute.clear, sides, restrictive) {
        // Nothing on any readable side: that blanks no side which is only written.
        Decision::Agree { value: None, case: Case::FillBlank, .. } => Decision::Keep,
        Decision::Nothing => fill_written(sides, bound),
        decision @ (Decision::Agree { .. } | Decision::Keep | Decision::Ask) => decision,
    }
}

/// A side that is only written and has never agreed (a new binding) takes what the others hold.
fn fill_written(sides: &[Side<Value>], bound: &[Bound<'_>]) -> Decision<Value> {
    let unwritten = bound
        .iter()
        .any(|side| !side.binding.direction.reads() && matches!(side.standing.stand, Stand::NoBase(_)));
    let shown = sides.iter().find_map(|side| side.stand.shows().flatten().map(|value| (side, value)));
    match shown {
        Some((side, value)) if unwritten => Decision::Agree {
            value: Some(value.clone()),
            from: side.connection.clone(),
            case: Case::FillBlank,
        },
        _ => Decision::Nothing,
    }
}

/// Why an amount cannot be put where one of another currency stands.
fn other_currency(present: &Observed, value: Option<&Value>) -> Option<String> {
    let (Some(Value::Money(present)), Some(Value::Money(value))) = (present.value(), value) else {
        return None;
    };
    (present.currency != value.currency)
        .then(|| format!("the amount is in {}, and the record's is in {}", value.currency, present.currency))
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

/// The change of the field that is written together with another one, if there is one.
pub(super) fn companion_change(
    attribute: &Attribute,
    binding: &Binding,
    after: &After,
    reason: &Reason,
    present: impl Fn(&str) -> Observed,
) -> Option<FieldChange> {
    let companion = binding.companion.as_ref()?;
    let After::Value(value) = after else { return None };
    let wanted = companion.values.get(value.as_str()?)?;
    Some(FieldChange {
        field: companion.field.clone(),
        attribute: attribute.name.clone(),
        before: present(companion.field.as_str()),
        after: After::Value(wanted.clone()),
        reason: reason.clone(),
    })
}

/// A rule as output names it.
pub(super) fn rule_name(rule: &Rule) -> Arc<str> {
    match rule {
        Rule::TwoWay => "two_way".into(),
        Rule::Always(connection) => format!("always {connection}").into(),
        Rule::Prefer(connection) => format!("prefer {connection}").into(),
        Rule::Union => "union".into(),
        Rule::MostRestrictive => "most_restrictive".into(),
        Rule::Manual => "manual".into(),
        Rule::Off => "off".into(),
    }
}

/// Whether people own records of this kind rather than being data.
pub(super) fn is_user(kind: Kind) -> bool {
    kind == Kind::User
}
