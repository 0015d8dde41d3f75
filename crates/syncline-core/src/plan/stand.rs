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
use syncline_model::{
    Base, BaseEntry, ConnectionName, FieldName, Interval, Observed, Sight, Value,
    defect::{Defect, planted},
};

/// A side of an attribute, read.
pub(super) struct Standing {
    pub(super) stand: Stand<Value>,
    /// What it shows, as it spells it rather than in normal form: what travels.
    pub(super) spelling: Option<Value>,
    /// What was agreed last, in normal form; `None`: nothing was.
    pub(super) agreed: Option<Option<Value>>,
    /// The side moved to a value that has no counterpart: it neither travels nor is it written over.
    pub(super) unmapped: Option<Arc<str>>,
    /// The value that was agreed has lost its counterpart since: nothing to tell those who agreed on it, but as unmapped as
    /// any for whoever did not.
    pub(super) retired: Option<Arc<str>>,
    /// The base is not spelled as the field is now, though it means the same.
    pub(super) respelled: bool,
    pub(super) seen: SideSeen,
}

/// What a field's base is.
pub(super) fn base_of(base: &Base, field: &FieldName, now: &Observed) -> BaseEntry {
    match base.entries.get(field) {
        Some(entry) => entry.clone(),
        None if now.is_known() => BaseEntry { agreed: Some(now.clone()), ..BaseEntry::NEVER },
        None => BaseEntry::NEVER,
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
        let shown = side.snapshot.field(binding.field.as_str());
        let is_blanked = binding.field_state == FieldState::Missing && planted(Defect::HiddenIsEmpty);
        let now = match binding.field_state {
            FieldState::Missing if is_blanked => &Observed::Empty,
            FieldState::Missing => &Observed::NotPermitted,
            FieldState::Present { .. } => shown,
        };
        let BaseEntry { agreed, changed: interval, sight } =
            base_of(base, &binding.field, if is_blanked { shown } else { now });
        let mut standing = Standing {
            stand: Stand::Unknown,
            spelling: None,
            agreed: None,
            unmapped: None,
            retired: None,
            respelled: false,
            seen: SideSeen {
                record: side.record.clone(),
                field: binding.field.clone(),
                base: agreed.clone(),
                now: now.clone(),
                stand: "unknown",
            },
        };
        let Some(connection) = self.context.mapping.connections.get(&side.record.connection) else {
            return standing;
        };
        let read = |seen: &Observed| decode(attribute, binding, connection, seen);
        let normal = |value: Option<&Value>| value.map(|value| normalise(attribute.value_type, value));
        match read(now) {
            Meaning::Known(Observed::Value(value)) => standing.spelling = Some(value),
            Meaning::Known(Observed::Empty) => {}
            Meaning::Known(_) => return standing,
            Meaning::Unmapped(value) => {
                let is_agreed = agreed.as_ref() == Some(now);
                *(if is_agreed { &mut standing.retired } else { &mut standing.unmapped }) = Some(value);
                return standing;
            }
        }
        let meaning = normal(standing.spelling.as_ref());
        let changed = |meaning| Stand::Changed {
            now: meaning,
            when: interval.map(|interval| self.span(&side.record.connection, interval)),
        };
        // The normal state: no entry, so the base is what is shown and need not be read a second time.
        if !base.entries.contains_key(&binding.field) && !is_blanked {
            standing.agreed = Some(meaning.clone());
            standing.stand = Stand::Same(meaning);
            standing.seen.stand = word(&standing.stand);
            return standing;
        }
        standing.stand = match agreed.as_ref().map(read) {
            None => Stand::NoBase(meaning),
            // Inherited, and blank from the first sight on: what a conversion does not carry over is not cleared.
            Some(Meaning::Known(Observed::Value(_)) | Meaning::Unmapped(_))
                if sight == Sight::Unseen && meaning.is_none() =>
            {
                Stand::NoBase(None)
            }
            Some(Meaning::Known(observed)) if observed.is_known() => {
                let agreed_meaning = normal(observed.value());
                let same = agreed_meaning == meaning;
                standing.agreed = Some(agreed_meaning);
                if same {
                    standing.respelled = agreed.as_ref() != Some(now);
                    Stand::Same(meaning)
                } else {
                    changed(meaning)
                }
            }
            Some(Meaning::Known(_)) => Stand::NoBase(meaning),
            // The base had no counterpart: whatever is shown now is a change from it.
            Some(Meaning::Unmapped(_)) => changed(meaning),
        };
        standing.seen.stand = word(&standing.stand);
        standing
    }

    /// A vendor's interval on our clock.
    pub(super) fn span(&self, connection: &ConnectionName, interval: Interval) -> Span {
        let clock = self.context.clock(connection);
        let ours = |stamp: jiff::Timestamp| stamp.checked_sub(clock.ahead).unwrap_or(stamp);
        Span { after: interval.after.map(ours), until: ours(interval.until), uncertainty: clock.uncertainty }
    }
}

/// How output names a stand.
pub(super) fn word<V>(stand: &Stand<V>) -> &'static str {
    match stand {
        Stand::Unknown => "unknown",
        Stand::Same(_) => "same",
        Stand::Changed { now: None, .. } => "cleared",
        Stand::Changed { now: Some(_), .. } => "changed",
        Stand::NoBase(_) => "no_base",
    }
}
