//! Brings the sides of an attribute to what was decided, and moves what they agree on.

use super::{Draftsman, attributes::Bound};
use crate::mapping::{
    Attribute, Binding, FieldState,
    codec::{Misfit, carries, encode},
};
use syncline_model::{
    After, ConnectionName, FieldChange, Observed, Reason, RecordRef, Value,
    defect::{Defect, planted},
    plan::HeldReason,
};

/// How a side compares with what was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aligned {
    /// It holds it, or takes no part.
    Settled,
    /// It does not: a write is planned, or something is in its way. No base moves before it does.
    Open,
}

impl Draftsman<'_> {
    /// Plans what brings the sides to a value. Bases move only when all hold it: a change whose counterpart is not
    /// written yet, for whatever reason, stays a change.
    pub(super) fn bring_to(
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
    pub(super) fn settled(
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
    pub(super) fn adopt_of(&mut self, attribute: &Attribute, side: &Bound<'_>) {
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
}

/// Why an amount cannot be put where one of another currency stands.
fn other_currency(present: &Observed, value: Option<&Value>) -> Option<String> {
    let (Some(Value::Money(present)), Some(Value::Money(value))) = (present.value(), value) else {
        return None;
    };
    (present.currency != value.currency)
        .then(|| format!("the amount is in {}, and the record's is in {}", value.currency, present.currency))
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
