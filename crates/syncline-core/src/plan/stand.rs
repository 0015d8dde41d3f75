//! How one side of an attribute stands against its base.

use super::{ActiveSide, Draftsman, SideSeen};
use crate::{
    decide::{Span, Stand},
    mapping::{
        Attribute, Binding, FieldState,
        codec::{Meaning, decode, normalise},
    },
};
use std::sync::Arc;
use syncline_model::{Base, ConnectionName, FieldName, Interval, Observed, Value};

/// A side of an attribute, read.
pub(super) struct Standing {
    pub(super) stand: Stand<Value>,
    /// The side's value has no counterpart and would have travelled.
    pub(super) unmapped: Option<Arc<str>>,
    /// The base is not spelled as the field is now, though it means the same.
    pub(super) respelled: bool,
    pub(super) seen: SideSeen,
}

/// What a field's base is: `None`, nothing was agreed.
pub(super) fn base_of(base: &Base, field: &FieldName, now: &Observed) -> (Option<Observed>, Option<Interval>) {
    match base.entries.get(field) {
        Some(entry) => (entry.agreed.clone(), entry.changed),
        None if now.is_known() => (Some(now.clone()), None),
        None => (None, None),
    }
}

impl Draftsman<'_> {
    pub(super) fn stand(
        &self,
        attribute: &Attribute,
        binding: &Binding,
        side: &ActiveSide<'_>,
        base: &Base,
    ) -> Standing {
        let now = if binding.field_state == FieldState::Missing {
            &Observed::NotPermitted
        } else {
            side.snapshot.field(binding.field.as_str())
        };
        let (agreed, interval) = base_of(base, &binding.field, now);
        let mut standing = Standing {
            stand: Stand::Unknown,
            unmapped: None,
            respelled: false,
            seen: SideSeen {
                record: side.record.clone(),
                field: binding.field.clone(),
                base: agreed.clone(),
                now: now.clone(),
                stand: "unknown",
            },
        };
        let Some(connection) = self.context.mapping.connections.get(&side.record.connection) else { return standing };
        let read = |seen: &Observed| decode(attribute, binding, connection, seen);
        let normal = |value: Option<&Value>| value.map(|value| normalise(attribute.value_type, value));
        let meaning = match read(now) {
            Meaning::Known(observed) if observed.is_known() => normal(observed.value()),
            Meaning::Known(_) => return standing,
            Meaning::Unmapped(value) => {
                if agreed.as_ref() != Some(now) {
                    standing.unmapped = Some(value);
                }
                return standing;
            }
        };
        let agreed_meaning = match agreed.as_ref().map(read) {
            None => None,
            Some(Meaning::Known(observed)) if observed.is_known() => Some(normal(observed.value())),
            // The base had no counterpart: whatever is shown now is a change from it.
            Some(Meaning::Known(_) | Meaning::Unmapped(_)) => None,
        };
        (standing.stand, standing.seen.stand) = match agreed_meaning {
            None => (Stand::NoBase(meaning), "no_base"),
            Some(agreed_meaning) if agreed_meaning == meaning => {
                standing.respelled = agreed.as_ref() != Some(now);
                (Stand::Same(meaning), "same")
            }
            Some(_) => {
                let word = if meaning.is_none() { "cleared" } else { "changed" };
                let when = interval.map(|interval| self.span(&side.record.connection, interval));
                (Stand::Changed { now: meaning, when }, word)
            }
        };
        standing
    }

    /// A vendor's interval on our clock.
    pub(super) fn span(&self, connection: &ConnectionName, interval: Interval) -> Span {
        let clock = self.context.clock(connection);
        let ours = |stamp: jiff::Timestamp| stamp.checked_sub(clock.ahead).unwrap_or(stamp);
        Span {
            after: interval.after.map(ours),
            until: ours(interval.until),
            uncertainty: clock.uncertainty,
        }
    }
}
