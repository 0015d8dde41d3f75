//! Attributes: decide each, then see which sides have to be written.

use super::{Agreed, Derivation, Draftsman, stand::Standing};
use crate::{
    decide::{Decision, Side, Stand, decide},
    mapping::{
        Attribute, Binding, FieldState, Rule,
        codec::{Misfit, carries, encode},
    },
};
use std::sync::Arc;
use syncline_model::{
    After, Base, ConnectionName, FieldChange, Kind, Observed, Reason, RecordRef, Value, operation::Case,
    plan::HeldReason, review::Question,
};

impl Draftsman<'_> {
    pub(super) fn attributes(&mut self) {
        let model = self.model;
        let bases = self.bases();
        for attribute in &model.attributes {
            if attribute.rule != Rule::Off {
                self.attribute(attribute, &bases);
            }
        }
    }

    /// Bases as they count now, in the sides' order.
    pub(super) fn bases(&self) -> Vec<Base> {
        self.sides
            .iter()
            .map(|side| {
                let digest = super::side_digest(self.context.mapping, self.hood.kind, side.record);
                self.context.base_under(self.hood.kind, side.record, side.base, digest)
            })
            .collect()
    }

    fn attribute(&mut self, attribute: &Attribute, bases: &[Base]) {
        let bound: Vec<(usize, &Binding, Standing)> = self
            .sides
            .iter()
            .enumerate()
            .filter_map(|(position, side)| {
                let binding = attribute.binding(&side.record.connection, &side.record.object)?;
                Some((position, binding, self.stand(attribute, binding, side, &bases[position])))
            })
            .collect();
        let sides: Vec<Side<Value>> = bound
            .iter()
            .map(|(position, binding, standing)| Side {
                connection: self.sides[*position].record.connection.clone(),
                stand: if binding.direction.reads() { standing.stand.clone() } else { Stand::Unknown },
            })
            .collect();
        let decision = self.decide(attribute, &sides, &bound);
        self.derive(attribute, &bound, &decision);
        self.note_unmapped(attribute, &bound);
        match &decision {
            Decision::Agree { value, from, case } => {
                let reason = Reason { rule: rule_name(&attribute.rule), case: *case, from: Some(from.clone()) };
                if let Some(value) = value.clone().or_else(|| attribute.constant.clone()) {
                    self.values.insert(attribute.name.clone(), Agreed { value, from: from.clone() });
                }
                for (position, binding, _) in &bound {
                    self.align(attribute, binding, *position, value.as_ref(), &reason);
                }
            }
            Decision::Keep => {
                self.note_current(attribute, &sides);
                for (position, binding, standing) in &bound {
                    if standing.seen.now.is_known() {
                        let record = self.sides[*position].record.clone();
                        self.adopt(&record, &binding.field);
                    }
                }
            }
            Decision::Nothing => {
                self.note_current(attribute, &sides);
                for (position, binding, standing) in &bound {
                    if standing.respelled {
                        let record = self.sides[*position].record.clone();
                        self.adopt(&record, &binding.field);
                    }
                }
            }
            Decision::Ask => {
                self.note_current(attribute, &sides);
                self.plan.questions.push(Question::Conflict {
                    entity: self.hood.entity,
                    attribute: Arc::from(attribute.name.as_str()),
                });
                for side in &sides {
                    self.hold(Some(&attribute.name), &side.connection, HeldReason::ManualConflict, Vec::new());
                }
            }
        }
    }

    fn decide(
        &self,
        attribute: &Attribute,
        sides: &[Side<Value>],
        bound: &[(usize, &Binding, Standing)],
    ) -> Decision<Value> {
        let restrictive = |left: &Value, right: &Value| {
            // Consent: "opted out" is true and allows least.
            matches!((left, right), (Value::Bool(true), Value::Bool(false)))
        };
        if let Some(constant) = &attribute.constant {
            let Some(any) = sides.first() else { return Decision::Nothing };
            return Decision::Agree { value: Some(constant.clone()), from: any.connection.clone(), case: Case::Declared };
        }
        let decision = decide(&attribute.rule, attribute.tie.as_ref(), attribute.clear, sides, restrictive);
        if decision != Decision::Nothing {
            return decision;
        }
        // A side that is only written and has never agreed (a new binding) takes what the others hold.
        let unwritten = bound.iter().any(|(_, binding, standing)| {
            !binding.direction.reads() && matches!(standing.stand, Stand::NoBase(_))
        });
        match sides.iter().find_map(|side| side.stand.shows().flatten().map(|value| (side, value))) {
            Some((side, value)) if unwritten => Decision::Agree {
                value: Some(value.clone()),
                from: side.connection.clone(),
                case: Case::FillBlank,
            },
            _ => decision,
        }
    }

    /// Keeps what the sides hold now for new records and for the scope.
    fn note_current(&mut self, attribute: &Attribute, sides: &[Side<Value>]) {
        let shown = |side: &Side<Value>| side.stand.shows().flatten().cloned().map(|value| (side.connection.clone(), value));
        let preferred = match &attribute.rule {
            Rule::Always(connection) | Rule::Prefer(connection) => Some(connection),
            Rule::TwoWay | Rule::Union | Rule::MostRestrictive | Rule::Manual | Rule::Off => attribute.tie.as_ref(),
        };
        let found = sides
            .iter()
            .filter(|side| Some(&side.connection) == preferred)
            .find_map(shown)
            .or_else(|| sides.iter().find_map(shown));
        if let Some((from, value)) = found {
            self.values.insert(attribute.name.clone(), Agreed { value, from });
        }
    }

    /// Brings one side to the agreed value, or notes that it is there already.
    fn align(&mut self, attribute: &Attribute, binding: &Binding, position: usize, value: Option<&Value>, reason: &Reason) {
        let side = &self.sides[position];
        let record = side.record.clone();
        let present = side.snapshot.field(binding.field.as_str()).clone();
        let Some(connection) = self.context.mapping.connections.get(&record.connection) else { return };
        if binding.field_state == FieldState::Missing || !present.is_known() {
            // What cannot be seen is not written blindly; a value that should go there is listed.
            if value.is_some() && binding.direction.writes() && present != Observed::NotFetched {
                let wake = vec![format!("schema:{}/{}", record.connection, record.object)];
                self.hold(Some(&attribute.name), &record.connection, HeldReason::NoSuchField, wake);
            }
            return;
        }
        if carries(attribute, binding, connection, &present, value) || !binding.direction.writes() {
            self.adopt(&record, &binding.field);
            return;
        }
        let updateable = matches!(&binding.field_state, FieldState::Present { updateable: true, .. });
        if !updateable {
            let wake = vec![format!("schema:{}/{}", record.connection, record.object)];
            self.hold(Some(&attribute.name), &record.connection, HeldReason::NotWritable, wake);
            return;
        }
        match self.spelled(attribute, binding, &record.connection, value) {
            Ok(after) => self.change(attribute, binding, &record, present, after, reason.clone()),
            Err(held) => {
                let wake = vec![format!("schema:{}/{}", record.connection, record.object), "config".to_owned()];
                self.hold(Some(&attribute.name), &record.connection, held, wake);
            }
        }
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

    fn note_unmapped(&mut self, attribute: &Attribute, bound: &[(usize, &Binding, Standing)]) {
        for (position, binding, standing) in bound {
            let Some(value) = &standing.unmapped else { continue };
            let source = self.sides[*position].record.clone();
            let wake = vec![format!("schema:{}/{}", source.connection, source.object), "config".to_owned()];
            let others: Vec<ConnectionName> = attribute
                .bindings
                .iter()
                .filter(|other| other.direction.writes() && other.connection != source.connection)
                .map(|other| other.connection.clone())
                .collect::<std::collections::BTreeSet<_>>()
                .into_iter()
                .collect();
            if !binding.direction.reads() {
                continue;
            }
            for connection in others {
                self.hold(Some(&attribute.name), &connection, HeldReason::Unmapped { value: value.clone() }, wake.clone());
            }
        }
    }

    fn derive(&mut self, attribute: &Attribute, bound: &[(usize, &Binding, Standing)], decision: &Decision<Value>) {
        let (case, result, asks) = match decision {
            Decision::Agree { value, case, .. } => (Some(*case), value.as_ref().map(ToString::to_string), false),
            Decision::Nothing | Decision::Keep => (None, None, false),
            Decision::Ask => (None, None, true),
        };
        self.plan.derivations.push(Derivation {
            attribute: attribute.name.clone(),
            rule: rule_name(&attribute.rule).to_string(),
            sides: bound.iter().map(|(_, _, standing)| standing.seen.clone()).collect(),
            case,
            result,
            asks,
        });
    }
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
