//! Who takes part (CRM-7), decided on the values as they will be after the change.

use super::{ActiveSide, Draftsman};
use crate::mapping::{AttributeType, CreateAllowed, FieldState, Predicate, codec::normalise};
use syncline_model::{AttributeName, ConnectionName, Value, plan::HeldReason};

/// Whether an entity takes part on a side. What speaks for it comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scope {
    In,
    /// It hangs on something that may not be seen.
    Unseen,
    Out,
}

impl Draftsman<'_> {
    /// Whether some side sends this entity to `to`.
    pub(super) fn scope(&self, to: &ConnectionName) -> Scope {
        let senders = self.sides.iter().filter(|side| side.record.connection != *to);
        senders
            .map(|side| match self.model.scope.get(&(side.record.connection.clone(), to.clone())) {
                None => Scope::In,
                Some(predicate) => match self.holds(predicate) {
                    Some(true) => Scope::In,
                    Some(false) => Scope::Out,
                    None => Scope::Unseen,
                },
            })
            .min()
            .unwrap_or(Scope::Out)
    }

    /// What would be written there waits, and says why: nothing is frozen in silence.
    pub(super) fn hold_out_of_scope(&mut self, to: &ConnectionName) {
        let schema =
            |side: &ActiveSide<'_>| format!("schema:{}/{}", side.record.connection, side.record.object);
        let wake = self.sides.iter().map(schema).chain(["config".to_owned()]).collect();
        self.hold(None, to, HeldReason::OutOfScope, wake);
    }

    /// Whether what keeps an entity from a connection is that it lacks what would identify it there.
    pub(super) fn lacks_identity(&self, to: &ConnectionName) -> bool {
        self.may_be_made(to)
            && self.sides.iter().any(|side| {
                let predicate = self.model.scope.get(&(side.record.connection.clone(), to.clone()));
                predicate
                    .is_some_and(|predicate| asks_presence(predicate) && self.holds(predicate) == Some(false))
            })
    }

    /// Whether a new record of this kind may come into being there at all.
    pub(super) fn may_be_made(&self, to: &ConnectionName) -> bool {
        self.model.create.get(to).is_some_and(|rule| rule.allowed != CreateAllowed::Never)
    }

    /// Three-valued: `None` where the predicate hangs on something that may not be seen.
    fn holds(&self, predicate: &Predicate) -> Option<bool> {
        match predicate {
            Predicate::Constant(value) => Some(*value),
            Predicate::Has(attribute) => {
                // A value without a counterpart is a value all the same.
                if self.values.contains_key(attribute) || self.unmapped.contains_key(attribute) {
                    Some(true)
                } else if self.is_hidden(attribute) {
                    None
                } else {
                    Some(false)
                }
            }
            Predicate::Equals(attribute, wanted) => self.compare(attribute, std::slice::from_ref(wanted)),
            Predicate::In(attribute, wanted) => self.compare(attribute, wanted),
            Predicate::Not(inner) => self.holds(inner).map(|value| !value),
            Predicate::All(parts) => parts.iter().map(|part| self.holds(part)).fold(Some(true), and),
            Predicate::Any(parts) => parts
                .iter()
                .map(|part| self.holds(part).map(|value| !value))
                .fold(Some(true), and)
                .map(|none| !none),
        }
    }

    fn compare(&self, attribute: &AttributeName, wanted: &[Value]) -> Option<bool> {
        let Some(agreed) = self.values.get(attribute) else {
            let unseen = self.is_hidden(attribute) || self.unmapped.contains_key(attribute);
            return if unseen { None } else { Some(false) };
        };
        let kind = self
            .model
            .attributes
            .iter()
            .find(|candidate| candidate.name == *attribute)
            .map_or(AttributeType::Text, |candidate| candidate.value_type);
        let mine = normalise(kind, &agreed.value);
        Some(wanted.iter().any(|value| {
            let other = normalise(kind, value);
            other == mine || (other.as_str().is_some() && other.as_str() == mine.as_str())
        }))
    }

    /// Whether no side can read the attribute: it is not known, or what is known of it was read before it was hidden.
    fn is_hidden(&self, attribute: &AttributeName) -> bool {
        let Some(attribute) = self.model.attributes.iter().find(|candidate| candidate.name == *attribute)
        else {
            return false;
        };
        !self.sides.iter().any(|side| {
            attribute.binding(&side.record.connection, &side.record.object).is_some_and(|binding| {
                binding.field_state != FieldState::Missing
                    && side.snapshot.field(binding.field.as_str()).is_known()
            })
        })
    }
}

/// Whether a predicate only asks whether attributes have values.
fn asks_presence(predicate: &Predicate) -> bool {
    match predicate {
        Predicate::Has(_) => true,
        Predicate::All(parts) | Predicate::Any(parts) => parts.iter().all(asks_presence),
        Predicate::Constant(_) | Predicate::Equals(..) | Predicate::In(..) | Predicate::Not(_) => false,
    }
}

/// Kleene's and.
fn and(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (left, right) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}
